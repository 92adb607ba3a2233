//! What an answer, or a Request-URI, says of who serves a number (RFC 4694).

use std::fmt;

use route::number::calling_code;
use serde_json::Value;
use sip_msg::Uri;

use super::cache::{Key, LONGEST};

/// A routing number in E.164: its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routing {
    digits: [u8; LONGEST],
    length: u8,
}

/// Digits of a routing number in North America that is written without the country's code.
const AMERICAN: usize = 10;

impl Routing {
    /// A routing number of `called` as it is written: with `+`, or with the country's code, or in North America without. `None`: it
    /// is none that prices could be looked up for.
    pub(super) fn of(text: &str, called: Key) -> Option<Self> {
        let called = format!("+{called}");
        let code = calling_code(&called)?;
        let kept = |c: &char| !matches!(c, '-' | '.' | '(' | ')' | ' ');
        let clean: String = text.chars().filter(kept).collect();
        let written = match clean.strip_prefix('+') {
            Some(digits) => digits.to_owned(),
            None if code == 1 && clean.len() == AMERICAN => format!("1{clean}"),
            None if clean.starts_with(&code.to_string()) => clean,
            None => return None,
        };
        calling_code(&format!("+{written}"))?;
        let fits =
            (3..=LONGEST).contains(&written.len()) && written.bytes().all(|byte| byte.is_ascii_digit());
        let mut digits = [0; LONGEST];
        digits
            .get_mut(..written.len())?
            .copy_from_slice(written.as_bytes());
        let length = u8::try_from(written.len()).ok()?;
        fits.then_some(Self { digits, length })
    }
}

impl fmt::Display for Routing {
    /// With `+`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits.get(..usize::from(self.length)).unwrap_or_default();
        write!(f, "+{}", std::str::from_utf8(digits).unwrap_or_default())
    }
}

/// What a server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl LookupAnswer {
    /// The routing number of `called` that it names; `None`: it is not ported.
    ///
    /// # Errors
    /// It says neither.
    pub(super) fn routing(&self, pointer: &str, called: Key) -> Result<Option<Routing>, String> {
        match self.status {
            200 => {}
            204 | 404 => return Ok(None),
            status => return Err(format!("the server answered {status}")),
        }
        let value: Value = serde_json::from_slice(&self.body).map_err(|error| format!("no JSON: {error}"))?;
        if !value.is_object() && !value.is_array() {
            return Err("the answer is neither object nor array".to_owned());
        }
        let text = match value.pointer(pointer) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(format!("there is no number at {pointer}"));
            }
        };
        let routing = Routing::of(&text, called);
        routing.map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(32).collect();
            format!("{shown:?} is no routing number in E.164")
        })
    }
}

/// What a Request-URI says of the number `called` in it: `Some(None)` that it is not ported; `None`: nothing. A routing number that
/// prices cannot be looked up for counts as none.
pub(super) fn given(uri: &[u8], called: &str) -> Option<Option<Routing>> {
    let called = Key::of(called)?;
    let parameters: Vec<(String, Option<String>)> = match Uri::parse(uri).ok()? {
        Uri::Sip(sip) => {
            let user = sip.user_unescaped();
            user.split(|byte| *byte == b';').skip(1).map(parameter).collect()
        }
        Uri::Tel(tel) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let parameters = tel.params.iter();
            parameters
                .map(|(name, value)| (text(name).to_ascii_lowercase(), value.map(text)))
                .collect()
        }
        Uri::Other { .. } => return None,
    };
    let get = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_deref())
    };
    let dipped = get("npdi").is_some();
    let Some(number) = get("rn").flatten() else {
        return dipped.then_some(None);
    };
    // RFC 4694 §4.4: a local routing number has its context beside it.
    let context = get("rn-context")
        .flatten()
        .filter(|context| context.starts_with('+'));
    let routing = match context {
        Some(context) if !number.starts_with('+') => Routing::of(&format!("{context}{number}"), called),
        Some(_) | None => Routing::of(number, called),
    };
    match routing {
        Some(routing) => Some(Some(routing)),
        None => dipped.then_some(None),
    }
}

/// `name=value`, or a name.
fn parameter(part: &[u8]) -> (String, Option<String>) {
    let text = String::from_utf8_lossy(part);
    match text.split_once('=') {
        Some((name, value)) => (name.to_ascii_lowercase(), Some(value.to_owned())),
        None => (text.to_ascii_lowercase(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(number: &str) -> Key {
        Key::of(number).unwrap()
    }

    #[test]
    fn a_routing_number_is_read_as_it_is_written() {
        for (text, number, read) in [
            ("+12015550000", "+12125550123", Some("+12015550000")),
            ("12015550000", "+12125550123", Some("+12015550000")),
            ("2015550000", "+12125550123", Some("+12015550000")),
            ("+1-201-555-0000", "+12125550123", Some("+12015550000")),
            ("447700900000", "+447911123456", Some("+447700900000")),
            ("7700900000", "+447911123456", None),
            ("D0711", "+493012345678", None),
            ("+49D0711", "+493012345678", None),
            ("", "+12125550123", None),
            ("+", "+12125550123", None),
            ("+1", "+12125550123", None),
            ("+99912345678", "+12125550123", None),
            ("+1201555000012345", "+12125550123", None),
            ("+é1234", "+12125550123", None),
        ] {
            let routing = Routing::of(text, called(number)).map(|routing| routing.to_string());
            assert_eq!(routing.as_deref(), read, "{text} {number}");
        }
    }

    #[test]
    fn an_answer_names_a_number_or_says_that_there_is_none() {
        let routing = Ok(Some("+12015550000".to_owned()));
        for (status, body, pointer, said) in [
            (
                200,
                "{\"rn\":\"+12015550000\",\"npdi\":true}",
                "/rn",
                routing.clone(),
            ),
            (200, "{\"rn\":12015550000}", "/rn", routing.clone()),
            (
                200,
                "{\"result\":[{\"lrn\":\"2015550000\"}]}",
                "/result/0/lrn",
                routing.clone(),
            ),
            (200, "{\"rn\":null}", "/rn", Ok(None)),
            (200, "{\"rn\":\"\"}", "/rn", Ok(None)),
            (200, "{\"npdi\":true}", "/rn", Ok(None)),
            (404, "what?", "/rn", Ok(None)),
            (204, "", "/rn", Ok(None)),
            (200, "", "/rn", Err(())),
            (200, "<html>", "/rn", Err(())),
            (200, "\"+12015550000\"", "/rn", Err(())),
            (200, "{\"rn\":true}", "/rn", Err(())),
            (200, "{\"rn\":{}}", "/rn", Err(())),
            (200, "{\"rn\":\"call us\"}", "/rn", Err(())),
            (200, "{\"rn\":1e300}", "/rn", Err(())),
            (500, "{\"rn\":\"+12015550000\"}", "/rn", Err(())),
            (302, "", "/rn", Err(())),
        ] {
            let answer = LookupAnswer {
                status,
                body: body.into(),
            };
            let found = answer.routing(pointer, called("+12125550123"));
            let found = found
                .map(|found| found.map(|routing| routing.to_string()))
                .map_err(|_| ());
            assert_eq!(found, said, "{status} {body}");
        }
    }

    #[test]
    fn deep_json_is_refused_without_harm() {
        let body = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        let answer = LookupAnswer { status: 200, body };
        assert!(answer.routing("/rn", called("+12125550123")).is_err());
    }

    #[test]
    fn a_uri_says_what_is_known() {
        let ported = Some(Some("+12015550000".to_owned()));
        for (uri, said) in [
            ("sip:+12125550123@h", None),
            ("sip:+12125550123;npdi@h", Some(None)),
            (
                "sip:+12125550123;NPDI;RN=+12015550000@h;user=phone",
                ported.clone(),
            ),
            ("sip:+12125550123;rn=+12015550000;npdi@h", ported.clone()),
            ("sip:+12125550123;rn=2015550000;rn-context=+1@h", ported.clone()),
            ("sip:+12125550123;rn=+1-201-555-0000@h", ported.clone()),
            ("tel:+12125550123;npdi;rn=+12015550000", ported.clone()),
            ("tel:+12125550123;rn=D123;rn-context=example.com;npdi", Some(None)),
            ("tel:+12125550123;rn=D123", None),
            ("sip:+12125550123;rn@h", None),
            ("sip:+12125550123;rn=@h", None),
            ("urn:service:sos", None),
            ("sip:h", None),
        ] {
            let found = given(uri.as_bytes(), "+12125550123");
            let found = found.map(|found| found.map(|routing| routing.to_string()));
            assert_eq!(found, said, "{uri}");
        }
        assert_eq!(given(b"sip:2125550123;npdi@h", "2125550123"), None);
    }
}
