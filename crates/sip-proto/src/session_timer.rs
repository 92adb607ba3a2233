//! Session timers (RFC 4028): who refreshes a dialog, and how often.
//!
//! Every row of the tables in `docs/specs/sip-session.md` is a test with the row's name.

use std::time::Duration;

use sip_msg::{HeaderId, Message};

/// The shortest interval that anybody may ask for, seconds (§5).
pub const SHORTEST: u32 = 90;

/// What a peer may impose on us in an answer, seconds: §5 and §8 forbid it anything below what we have asked for, but a sloppy peer
/// means what it says.
const LEAST: u32 = 10;

/// Who refreshes, seen from the request that agreed it (§4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever sent it.
    Uac,
    /// Whoever answered it.
    Uas,
}

impl Refresher {
    /// The word in `refresher=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// A Session-Expires header (§4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub seconds: u32,
    /// `None`: it isn't said, or in a word that means nothing.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// That of a message; `None`: there is none that can be read.
    pub fn of(message: &Message) -> Option<Self> {
        let mut parts = message.header(HeaderId::SessionExpires)?.split(|c| *c == b';');
        let seconds = number(parts.next()?)?;
        let refresher = parts.find_map(|part| {
            let (name, value) = part.split_at_checked(part.iter().position(|c| *c == b'=')?)?;
            let value = value.get(1..)?.trim_ascii();
            let says = |word: &[u8]| value.eq_ignore_ascii_case(word);
            match name.trim_ascii().eq_ignore_ascii_case(b"refresher") {
                true if says(b"uac") => Some(Refresher::Uac),
                true if says(b"uas") => Some(Refresher::Uas),
                true | false => None,
            }
        });
        Some(Self { seconds, refresher })
    }
}

/// The Min-SE header of a message, seconds (§5).
pub fn min_se(message: &Message) -> Option<u32> {
    number(message.header(HeaderId::MinSe)?.split(|c| *c == b';').next()?)
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Whether a request's sender knows session timers.
pub fn is_supported(request: &Message) -> bool {
    [HeaderId::Supported, HeaderId::Require]
        .into_iter()
        .any(|id| request.has_token(id, "timer"))
}

/// What we want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The interval that we ask for, and the longest that we agree to, seconds.
    pub expires: u32,
    /// The shortest that we agree to, seconds.
    pub min_se: u32,
}

/// What holds on a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The interval.
    pub seconds: u32,
    /// We refresh.
    pub ours: bool,
}

impl Agreed {
    /// After which the refresher refreshes (§10: half the interval).
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(self.seconds.into()) / 2
    }

    /// After which the other side takes the dialog for dead (§10: the lesser of 32 s and a third before the end).
    pub fn expiry(&self) -> Duration {
        let interval = Duration::from_secs(self.seconds.into());
        interval.saturating_sub(Duration::from_secs(32).min(interval / 3))
    }

    /// Who that is in a request of ours.
    pub fn asking(&self) -> Refresher {
        if self.ours { Refresher::Uac } else { Refresher::Uas }
    }
}

/// The interval is below what we agree to: 422 with this Min-SE (§6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("session interval below {min_se} s")]
pub struct TooSmall {
    /// For the Min-SE header.
    pub min_se: u32,
}

/// What a 2xx of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What holds from then on.
    pub agreed: Agreed,
    /// For the Session-Expires header.
    pub refresher: Refresher,
    /// It carries `Require: timer`: the peer is to refresh (§9).
    pub required: bool,
}

/// What we answer to an INVITE or UPDATE (§9, table 2). `None`: nothing, there is no timer from then on. `before`: what held
/// until then, which a request that knows nothing of timers doesn't end if it is we who refresh: such a peer has answered with a
/// timer and counts on us.
///
/// # Errors
/// [`TooSmall`].
pub fn answer(wanted: Wanted, before: Option<Agreed>, request: &Message) -> Result<Option<Answer>, TooSmall> {
    let supported = is_supported(request);
    let floor = min_se(request).unwrap_or(SHORTEST).max(SHORTEST);
    let most = wanted.expires.max(floor);
    let (seconds, refresher) = match SessionExpires::of(request) {
        Some(asked) if asked.seconds < wanted.min_se && supported => {
            return Err(TooSmall {
                min_se: wanted.min_se,
            });
        }
        // A proxy has asked for what neither the caller nor we can have: it may not be raised.
        Some(asked) if asked.seconds < wanted.min_se => return Ok(None),
        Some(asked) => {
            let ours = before.is_some_and(|before| before.ours);
            let open = if ours { Refresher::Uas } else { Refresher::Uac };
            (asked.seconds.min(most), asked.refresher.unwrap_or(open))
        }
        None if supported => {
            let ours = before.is_some_and(|before| before.ours);
            (most, if ours { Refresher::Uas } else { Refresher::Uac })
        }
        None => match before {
            Some(before) if before.ours => (before.seconds, Refresher::Uas),
            Some(_) | None => return Ok(None),
        },
    };
    // Who doesn't know timers can't refresh.
    let refresher = if supported { refresher } else { Refresher::Uas };
    Ok(Some(Answer {
        agreed: Agreed {
            seconds,
            ours: refresher == Refresher::Uas,
        },
        refresher,
        required: refresher == Refresher::Uac,
    }))
}

/// What holds after a 2xx to an INVITE or UPDATE of ours (§7.2). `None`: there is no timer.
pub fn conclude(response: &Message) -> Option<Agreed> {
    let said = SessionExpires::of(response)?;
    Some(Agreed {
        seconds: said.seconds.max(LEAST),
        ours: said.refresher != Some(Refresher::Uas),
    })
}

/// What to ask for after a 422 to an INVITE or UPDATE of ours (§7.3); `None`: it asks for no more than we have asked for already.
pub fn raised(asked: u32, refusal: &Message) -> Option<u32> {
    min_se(refusal).filter(|least| *least > asked)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Refresher::{Uac, Uas};
    use super::*;

    fn message(start: &str, lines: &str) -> Message {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        sip_msg::parse(Bytes::from(text), &sip_msg::Limits::default()).unwrap()
    }

    fn request(lines: &str) -> Message {
        message("INVITE sip:b@h SIP/2.0", lines)
    }

    fn ok(lines: &str) -> Message {
        message("SIP/2.0 200 OK", lines)
    }

    const WANTED: Wanted = Wanted {
        expires: 1800,
        min_se: 90,
    };
    const K: &str = "Supported: timer\r\n";

    fn agreed(seconds: u32, ours: bool) -> Agreed {
        Agreed { seconds, ours }
    }

    fn said(seconds: u32, refresher: Refresher) -> Result<Option<Answer>, TooSmall> {
        let answer = Answer {
            agreed: agreed(seconds, refresher == Uas),
            refresher,
            required: refresher == Uac,
        };
        Ok(Some(answer))
    }

    /// A test per row: what held, the headers of the request, what is answered.
    macro_rules! answers {
        ($($name:ident: $before:expr, $lines:expr => $answer:expr;)*) => {
            $(
                #[test]
                fn $name() {
                    assert_eq!(answer(WANTED, $before, &request(&$lines)), $answer);
                }
            )*
        };
    }

    fn asks(value: &str) -> String {
        format!("{K}Session-Expires: {value}\r\n")
    }

    answers! {
        st_uas_nothing_said: None, "" => Ok(None);
        st_uas_supported_only: None, K => said(1800, Uac);
        st_uas_supported_only_with_min_se: None, format!("{K}Min-SE: 3600\r\n") => said(3600, Uac);
        st_uas_required_only: None, "Require: timer\r\n" => said(1800, Uac);
        st_uas_asked_without_refresher: None, asks("600") => said(600, Uac);
        st_uas_asked_uac: None, asks("600;refresher=uac") => said(600, Uac);
        st_uas_asked_uas: None, asks("600 ; Refresher = UAS") => said(600, Uas);
        st_uas_asked_with_an_unknown_word: None, asks("600;refresher=proxy") => said(600, Uac);
        st_uas_asked_for_more_than_we_want: None, asks("7200;refresher=uac") => said(1800, Uac);
        st_uas_not_lowered_below_min_se: None, format!("{}Min-SE: 3600\r\n", asks("7200")) => said(3600, Uac);
        st_uas_too_small: None, asks("60") => Err(TooSmall { min_se: 90 });
        st_uas_too_small_but_not_supported: None, "Session-Expires: 60\r\n" => Ok(None);
        st_uas_asked_by_a_proxy: None, "Session-Expires: 600\r\n" => said(600, Uas);
        st_uas_asked_by_a_proxy_for_the_impossible: None, "Session-Expires: 600;refresher=uac\r\n" => said(600, Uas);
        st_uas_unreadable: None, "Session-Expires: soon\r\n" => Ok(None);
        st_uas_again_keeps_the_refresher: Some(agreed(600, true)), asks("600") => said(600, Uas);
        st_uas_again_changes_the_refresher: Some(agreed(600, true)), asks("600;refresher=uac") => said(600, Uac);
        st_uas_again_unsaid_while_ours: Some(agreed(600, true)), "" => said(600, Uas);
        st_uas_again_unsaid_while_theirs: Some(agreed(600, false)), "" => Ok(None);
        st_uas_again_supported_while_ours: Some(agreed(600, true)), K => said(1800, Uas);
    }

    #[test]
    fn st_uac_concluded() {
        for (lines, holds) in [
            ("", None),
            ("Session-Expires: 90;refresher=uac\r\n", Some(agreed(90, true))),
            ("Session-Expires: 90;refresher=uas\r\n", Some(agreed(90, false))),
            ("x: 90\r\n", Some(agreed(90, true))),
            ("Session-Expires: 0;refresher=uas\r\n", Some(agreed(10, false))),
            ("Session-Expires: 99999999999\r\n", None),
        ] {
            assert_eq!(conclude(&ok(lines)), holds, "{lines}");
        }
    }

    #[test]
    fn st_uac_raised() {
        let refusal = |lines: &str| message("SIP/2.0 422 Session Interval Too Small", lines);
        for (lines, again) in [
            ("Min-SE: 1800\r\n", Some(1800)),
            ("Min-SE: 600;x=y\r\n", None),
            ("", None),
            ("Min-SE: -1\r\n", None),
        ] {
            assert_eq!(raised(600, &refusal(lines)), again, "{lines}");
        }
    }

    #[test]
    fn st_moments() {
        for (seconds, refresh, expiry) in [(90, 45, 60), (96, 48, 64), (1800, 900, 1768), (30, 15, 20)] {
            let holds = agreed(seconds, true);
            let secs = Duration::from_secs;
            assert_eq!((holds.refresh(), holds.expiry()), (secs(refresh), secs(expiry)));
        }
    }
}
