//! What a caller wants nobody to know (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1.2).

use sip_msg::{HeaderId, Message};

/// The values of Privacy. Of what a privacy service has to do for `header` and `session` this switch does everything always: no
/// header of one side reaches the other, and media is relayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Privacy {
    pub(crate) id: bool,
    user: bool,
    header: bool,
    session: bool,
    history: bool,
    none: bool,
    critical: bool,
    /// A value that we don't know.
    unknown: bool,
}

impl Privacy {
    /// What a message asks for. Values stand apart by `;`; by `,` with some.
    pub(crate) fn read(message: &Message) -> Self {
        let mut privacy = Self::default();
        for line in message.lines(HeaderId::Privacy) {
            for value in line.split(|byte| matches!(byte, b';' | b',')) {
                let value = value.trim_ascii();
                let wish = match value.to_ascii_lowercase().as_slice() {
                    b"id" => &mut privacy.id,
                    b"user" => &mut privacy.user,
                    b"header" => &mut privacy.header,
                    b"session" => &mut privacy.session,
                    b"history" => &mut privacy.history,
                    b"none" => &mut privacy.none,
                    b"critical" => &mut privacy.critical,
                    b"" => continue,
                    _ => &mut privacy.unknown,
                };
                *wish = true;
            }
        }
        privacy
    }

    /// Something is asked for as critical that we can't do: the request must not go on (RFC 3323 §5).
    pub(crate) fn asks_too_much(self) -> bool {
        self.critical && self.unknown
    }

    /// Whether nobody whom we don't trust shall know who calls.
    pub(crate) fn hides_caller(self) -> bool {
        !self.none && (self.id || self.user || self.header)
    }

    /// Whether nobody whom we don't trust shall know who diverted the call.
    pub(crate) fn hides_history(self) -> bool {
        !self.none && (self.history || self.header)
    }

    /// The header for somebody who does it himself; `None`: nothing is asked for.
    pub(crate) fn passed(self) -> Option<String> {
        let words = [
            (self.id, "id"),
            (self.user, "user"),
            (self.header, "header"),
            (self.session, "session"),
            (self.history, "history"),
            (self.none, "none"),
            (self.critical, "critical"),
        ];
        let words: Vec<&str> = words
            .iter()
            .filter(|(asked, _)| *asked)
            .map(|(_, word)| *word)
            .collect();
        (!words.is_empty()).then(|| words.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip_msg::Limits;

    fn read(value: &str) -> Privacy {
        let text = format!(
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\nPrivacy: {value}\r\nContent-Length: 0\r\n\r\n"
        );
        Privacy::read(&sip_msg::parse(text.into(), &Limits::default()).unwrap())
    }

    #[test]
    fn what_is_asked_for_is_read_in_every_spelling() {
        for (value, hides, history, passed, too_much) in [
            ("id", true, false, Some("id"), false),
            ("ID ; Critical", true, false, Some("id;critical"), false),
            ("user,id", true, false, Some("id;user"), false),
            ("header;session", true, true, Some("header;session"), false),
            ("history", false, true, Some("history"), false),
            ("session", false, false, Some("session"), false),
            ("none", false, false, Some("none"), false),
            ("id;none", false, false, Some("id;none"), false),
            ("telepathy", false, false, None, false),
            ("telepathy;critical", false, false, Some("critical"), true),
        ] {
            let privacy = read(value);
            let got = (
                privacy.hides_caller(),
                privacy.hides_history(),
                privacy.passed(),
                privacy.asks_too_much(),
            );
            assert_eq!(
                got,
                (hides, history, passed.map(str::to_owned), too_much),
                "{value}"
            );
        }
    }
}
