//! A trunk's rules about headers, at work on a message.

use std::borrow::Cow;

use bytes::Bytes;
use config::{HeaderAction, HeaderRule, MessageKind, Part, Template, Trunk, Variable, Way};
use sip_msg::{HeaderId, Limits, Message};

/// What rules can say of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) caller: &'a str,
    pub(crate) called: &'a str,
    pub(crate) call_id: &'a str,
}

/// Octets of a value that rules may make; where it would be longer, the header stays as it was.
const LONGEST: usize = 4096;

/// A message that has come from a trunk, after its rules; `None`: they change nothing.
pub(crate) fn received(trunk: &Trunk, facts: Facts<'_>, message: &Message) -> Option<Message> {
    let bytes = apply(trunk, Way::From, facts, message)?;
    sip_msg::parse(bytes, &Limits::default()).ok()
}

/// A message that goes to a trunk, after its rules.
pub(crate) fn sent(trunk: &Trunk, facts: Facts<'_>, bytes: Bytes) -> Bytes {
    if trunk.headers.is_empty() {
        return bytes;
    }
    let Ok(message) = sip_msg::parse(bytes.clone(), &Limits::default()) else {
        return bytes;
    };
    apply(trunk, Way::To, facts, &message).unwrap_or(bytes)
}

/// Name and value of a line.
type Line<'m> = (&'m [u8], Cow<'m, [u8]>);

fn apply(trunk: &Trunk, way: Way, facts: Facts<'_>, message: &Message) -> Option<Bytes> {
    let kind = if message.is_request() {
        MessageKind::Requests
    } else {
        MessageKind::Answers
    };
    let fits = |rule: &&HeaderRule| rule.direction == way && rule.on.contains(&kind);
    let mut rules = trunk.headers.iter().filter(fits).peekable();
    rules.peek()?;
    let mut lines: Vec<Line<'_>> = message
        .headers()
        .map(|header| (header.name, unfolded(header.value)))
        .collect();
    let mut changed = false;
    for rule in rules {
        changed |= change(&mut lines, rule, trunk, facts);
    }
    changed.then(|| write(message, &lines))
}

/// One rule; says whether it has changed anything.
fn change<'m>(lines: &mut Vec<Line<'m>>, rule: &'m HeaderRule, trunk: &Trunk, facts: Facts<'_>) -> bool {
    let before = lines.len();
    match rule.action {
        HeaderAction::Add | HeaderAction::Set => {
            let value = rule.value.as_ref().map(|value| text(value, trunk, facts));
            let Some(value) = value.filter(|value| value.len() <= LONGEST) else {
                return false;
            };
            // Of some headers a message may have one only.
            if rule.action == HeaderAction::Set || HeaderId::from_name(rule.name.as_bytes()).is_single() {
                lines.retain(|(name, _)| !is_named(name, &rule.name));
            }
            lines.push((rule.name.as_bytes(), Cow::Owned(value)));
            true
        }
        HeaderAction::Remove => {
            let matches = |value: &[u8]| {
                rule.pattern
                    .as_ref()
                    .is_none_or(|pattern| pattern.regex.is_match(value))
            };
            lines.retain(|(name, value)| !(is_named(name, &rule.name) && matches(value)));
            lines.len() != before
        }
        HeaderAction::Rewrite => {
            let mut changed = false;
            for (_, value) in lines.iter_mut().filter(|(name, _)| is_named(name, &rule.name)) {
                if let Some(new) = rewritten(rule, value, trunk, facts) {
                    *value = Cow::Owned(new);
                    changed = true;
                }
            }
            changed
        }
    }
}

/// The value with each match replaced; `None`: there is none.
fn rewritten(rule: &HeaderRule, value: &[u8], trunk: &Trunk, facts: Facts<'_>) -> Option<Vec<u8>> {
    let (pattern, template) = (rule.pattern.as_ref()?, rule.value.as_ref()?);
    let mut new = Vec::with_capacity(value.len() + 32);
    let mut end = 0;
    for found in pattern.regex.captures_iter(value) {
        let whole = found.get(0)?;
        new.extend_from_slice(value.get(end..whole.start())?);
        for part in &template.parts {
            match part {
                Part::Text(text) => found.expand(text.as_bytes(), &mut new),
                Part::Variable(variable) => new.extend(said(*variable, trunk, facts)),
            }
        }
        end = whole.end();
        if new.len() > LONGEST {
            return None;
        }
    }
    if end == 0 && new.is_empty() {
        return None;
    }
    new.extend_from_slice(value.get(end..)?);
    (new.len() <= LONGEST).then(|| harmless(new))
}

/// A template's text where there is nothing to find.
fn text(template: &Template, trunk: &Trunk, facts: Facts<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for part in &template.parts {
        match part {
            Part::Text(part) => text.extend_from_slice(part.as_bytes()),
            Part::Variable(variable) => text.extend(said(*variable, trunk, facts)),
        }
    }
    harmless(text)
}

fn said<'a>(variable: Variable, trunk: &'a Trunk, facts: Facts<'a>) -> impl Iterator<Item = u8> + 'a {
    let text = match variable {
        Variable::Caller => facts.caller,
        Variable::Called => facts.called,
        Variable::CallId => facts.call_id,
        Variable::Trunk => &trunk.name,
    };
    text.bytes()
}

/// What a peer has put into a number must not end our line.
fn harmless(mut value: Vec<u8>) -> Vec<u8> {
    value.retain(|byte| !byte.is_ascii_control());
    value
}

/// Whether a line has this name, be it written in its compact form (RFC 3261 §7.3.3).
pub(crate) fn is_named(name: &[u8], wanted: &str) -> bool {
    match HeaderId::from_name(wanted.as_bytes()) {
        HeaderId::Other => name.eq_ignore_ascii_case(wanted.as_bytes()),
        id => HeaderId::from_name(name) == id,
    }
}

/// A folded value on one line (RFC 3261 §7.3.1).
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\r') && !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let parts = value
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .map(<[u8]>::trim_ascii);
    let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty()).collect();
    Cow::Owned(parts.join(&b' '))
}

fn write(message: &Message, lines: &[Line<'_>]) -> Bytes {
    let (raw, body) = (message.raw(), message.body());
    let start = raw.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut out = Vec::with_capacity(raw.len() + 256);
    out.extend_from_slice(start);
    out.extend_from_slice(b"\r\n");
    for (name, value) in lines {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
        Call-ID: 1\r\nCSeq: 1 INVITE\r\nX-A: one\r\nX-A: two\r\n three\r\nr: <sip:c@h>\r\nContent-Length: 4\r\n\r\nbody";

    /// The lines behind CSeq of the message after rules, and whether it is still whole.
    fn after(rules: &str) -> Vec<String> {
        after_of(rules, "+44$1\r\nEvil: yes")
    }

    fn after_of(rules: &str, caller: &str) -> Vec<String> {
        let file = format!(
            "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"t\"\nrole = \"carrier\"\n\
             targets = [{{ uri = \"sip:127.0.0.2\" }}]\nheaders = [{rules}]\n"
        );
        let config = config::parse(&file, "t").unwrap_or_else(|report| panic!("{report}"));
        let facts = Facts {
            caller,
            called: "+1",
            call_id: "id",
        };
        let out = sent(&config.trunks[0], facts, INVITE.into());
        let message = sip_msg::parse(out.clone(), &Limits::default()).unwrap();
        assert_eq!(message.body().as_ref(), b"body");
        let text = String::from_utf8(out.to_vec()).unwrap();
        let (_, lines) = text.split_once("CSeq: 1 INVITE\r\n").unwrap();
        let lines = lines.split("\r\n").take_while(|line| !line.is_empty());
        lines
            .filter(|line| !line.starts_with("Content-Length"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_value_that_would_be_too_long_changes_nothing() {
        let long = "9".repeat(LONGEST + 1);
        for rule in [
            "{ action = \"set\", name = \"X-A\", value = \"{caller}\" }",
            "{ action = \"rewrite\", name = \"X-A\", match = \"o\", value = \"{caller}\" }",
        ] {
            let expected = ["X-A: one", "X-A: two", " three", "r: <sip:c@h>"];
            assert_eq!(after_of(rule, &long), expected, "{rule}");
        }
    }

    #[test]
    fn rules_do_what_they_say_one_after_the_other() {
        for (rules, expected) in [
            ("", vec!["X-A: one", "X-A: two", " three", "r: <sip:c@h>"]),
            (
                "{ action = \"add\", name = \"X-B\", value = \"x\", direction = \"from\" }",
                vec!["X-A: one", "X-A: two", " three", "r: <sip:c@h>"],
            ),
            (
                "{ action = \"add\", name = \"X-B\", value = \"x\", on = \"answers\" }",
                vec!["X-A: one", "X-A: two", " three", "r: <sip:c@h>"],
            ),
            (
                "{ action = \"add\", name = \"X-B\", value = \"{called} of {trunk}, {call_id}\" }",
                vec!["X-A: one", "X-A: two three", "r: <sip:c@h>", "X-B: +1 of t, id"],
            ),
            (
                "{ action = \"set\", name = \"x-a\", value = \"{caller}\" }",
                vec!["r: <sip:c@h>", "x-a: +44$1Evil: yes"],
            ),
            (
                "{ action = \"remove\", name = \"X-A\", match = \"^t\" }",
                vec!["X-A: one", "r: <sip:c@h>"],
            ),
            (
                "{ action = \"remove\", name = \"Refer-To\" }",
                vec!["X-A: one", "X-A: two three"],
            ),
            (
                "{ action = \"rewrite\", name = \"X-A\", match = \"(t\\\\w+) (?P<rest>.*)$\", value = \"${rest}-$1-{caller}\" }",
                vec!["X-A: one", "X-A: three-two-+44$1Evil: yes", "r: <sip:c@h>"],
            ),
            (
                "{ action = \"rewrite\", name = \"X-A\", match = \"e\", value = \"\u{20ac}$$\" }",
                vec![
                    "X-A: on\u{20ac}$",
                    "X-A: two thr\u{20ac}$\u{20ac}$",
                    "r: <sip:c@h>",
                ],
            ),
            (
                "{ action = \"add\", name = \"X-B\", value = \"1\" }, { action = \"rewrite\", name = \"X-B\", match = \"1\", value = \"2\" }, \
                 { action = \"remove\", name = \"X-A\" }",
                vec!["r: <sip:c@h>", "X-B: 2"],
            ),
        ] {
            assert_eq!(after(rules), expected, "{rules}");
        }
    }
}
