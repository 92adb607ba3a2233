//! Countries, patterns over what is dialled, and where numbers are looked up.

use super::TextForm;
use crate::report::{Fault, quote};
use crate::values::{DialPattern, Region};
use serde_json::{Value as Json, json};

/// A country by its two letters.
pub(crate) struct RegionForm;

impl TextForm for RegionForm {
    type Out = Region;
    fn expected() -> String {
        "a country by its two letters (ISO 3166-1), such as \"GB\"".to_owned()
    }
    fn parse(text: &str) -> Result<Region, Fault> {
        let upper = text.to_ascii_uppercase();
        let meant = match upper.as_str() {
            "UK" => Some("GB"),
            "EL" => Some("GR"),
            _ => upper.parse::<Region>().ok().map(|_| upper.as_str()),
        };
        let fault = |_| Fault::new(format!("{} is no country", quote(text))).meant(meant.map(quote));
        text.parse().map_err(fault)
    }
    fn write(value: &Region) -> String {
        value.to_string()
    }
    fn schema() -> Json {
        let all: Vec<String> = Region::all().map(|region| region.to_string()).collect();
        json!({ "type": "string", "enum": all })
    }
}

/// A pattern over what is dialled.
pub(crate) struct DialPatternForm;

impl TextForm for DialPatternForm {
    type Out = DialPattern;
    fn expected() -> String {
        "digits, X for any digit, Z for 1 to 9, N for 2 to 9, a + in front for numbers with +, and a * behind where more may follow: \"9*\", \"2XXX\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<DialPattern, Fault> {
        text.parse()
            .map_err(|_| Fault::new(format!("{} is not a pattern", quote(text))))
    }
    fn write(value: &DialPattern) -> String {
        value.text.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(\\+?[0-9XZN]+\\*?|\\+?\\*)$" })
    }
}

/// What is put in front of a number, or a number as it is to be dialled: digits, with or without a +.
pub(crate) struct DialString;

/// Digits that it has at most.
const LONGEST: usize = 20;

impl TextForm for DialString {
    type Out = String;
    fn expected() -> String {
        format!("1 to {LONGEST} digits, with a + in front if you like")
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let fits = (1..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fits {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is not that", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^\\+?[0-9]{1,20}$" })
    }
}

/// Where a number is looked up: an http or https URL with the number's place in it.
pub(crate) struct LookupUrl;

/// What stands for the number.
const PLACES: [&str; 2] = ["{number}", "{e164}"];

impl TextForm for LookupUrl {
    type Out = String;
    fn expected() -> String {
        "an http or https URL with {number} (digits with the country's code) or {e164} (the same with +) in its path or query: \"http://127.0.0.1:8088/numbers/{number}\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let behind = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let Some(rest) = behind else {
            return Err(Fault::new(format!("{} is no http or https URL", quote(text))));
        };
        let filled = PLACES
            .iter()
            .fold(rest.to_owned(), |rest, place| rest.replace(place, "1"));
        let host = filled.split(['/', '?']).next().unwrap_or_default();
        let host_stands = rest.starts_with(host) && !host.is_empty() && !host.contains('@');
        let plain = filled
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>{}#".contains(&byte));
        if !plain || !host_stands || text.len() > 1024 {
            return Err(Fault::new(format!("{} cannot be asked", quote(text))));
        }
        if filled == rest {
            return Err(Fault::new("the number has no place in it"));
        }
        Ok(text.to_owned())
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https?://.*\\{(number|e164)\\}" })
    }
}

/// A place in a JSON document (RFC 6901).
pub(crate) struct JsonPointer;

impl TextForm for JsonPointer {
    type Out = String;
    fn expected() -> String {
        "a JSON pointer (RFC 6901), such as \"/rn\" or \"/result/0/lrn\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if text.starts_with('/') && escapes && text.len() <= 255 {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is no JSON pointer", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(/([^~]|~[01])*)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_has_a_place_for_the_number() {
        for (url, fits) in [
            ("http://127.0.0.1:8088/numbers/{number}", true),
            ("https://lrn.example.com/v1?tn={e164}&key=1", true),
            ("https://[::1]:8443/{number}", true),
            ("http://lrn.example.com/", false),
            ("http://{number}.example.com/", false),
            ("http:///{number}", false),
            ("http://u:p@h/{number}", false),
            ("ftp://h/{number}", false),
            ("http://h/{nummer}", false),
            ("http://h/{number} ", false),
            ("", false),
        ] {
            assert_eq!(LookupUrl::parse(url).is_ok(), fits, "{url}");
        }
    }

    #[test]
    fn a_pointer_is_read_as_rfc_6901_writes_it() {
        for (pointer, fits) in [
            ("/rn", true),
            ("/a/0/b~1c", true),
            ("/", true),
            ("rn", false),
            ("", false),
            ("/a~2", false),
            ("/a~", false),
        ] {
            assert_eq!(JsonPointer::parse(pointer).is_ok(), fits, "{pointer}");
        }
    }

    #[test]
    fn a_country_that_is_meant_is_named() {
        for (text, meant) in [
            ("UK", Some("\"GB\"")),
            ("de", Some("\"DE\"")),
            ("ZZ", None),
            ("44", None),
        ] {
            let fault = RegionForm::parse(text).err();
            assert_eq!(
                fault.and_then(|fault| fault.suggestion).as_deref(),
                meant,
                "{text}"
            );
        }
    }
}
