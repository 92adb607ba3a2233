//! Telephone numbers and their parts.

use super::TextForm;
use crate::report::{Fault, quote};
use crate::values::{Destination, Pattern};
use serde_json::{Value as Json, json};

/// Digits that are put in front of a number.
pub(crate) struct Digits;

impl TextForm for Digits {
    type Out = String;
    fn expected() -> String {
        "up to 20 digits".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!(
                "{} is not only digits, or too many",
                quote(text)
            )))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]{0,20}$" })
    }
}

/// A number or name that is called: what stands in front of the @ of a URI.
pub(crate) struct Dialled;

impl TextForm for Dialled {
    type Out = String;
    fn expected() -> String {
        "a number or name to call, 1 to 64 characters without spaces, such as \"+442079460000\" or \"voicemail\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"@<>\":;?,\\".contains(&byte));
        if plain && (1..=64).contains(&text.len()) {
            return Ok(text.to_owned());
        }
        let meant = text.strip_prefix("sip:").and_then(|rest| rest.split('@').next());
        let meant = meant.filter(|user| Self::parse(user).is_ok()).map(quote);
        Err(Fault::new(format!("{} is nothing to call", quote(text))).meant(meant))
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1, "maxLength": 64 })
    }
}

/// A country's code (ITU-T E.164).
pub(crate) struct CountryCode;

impl TextForm for CountryCode {
    type Out = String;
    fn expected() -> String {
        "a country's code, such as \"44\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let code = text.strip_prefix('+').unwrap_or(text);
        let fits = (1..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
        if fits && !code.starts_with('0') {
            Ok(code.to_owned())
        } else {
            Err(Fault::new(format!("{} is no country's code", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^\\+?[1-9][0-9]{0,2}$" })
    }
}

/// A number with its country's code.
pub(crate) struct E164;

impl TextForm for E164 {
    type Out = String;
    fn expected() -> String {
        "a number with its country's code: \"+442071838750\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let fits = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fits && !digits.starts_with('0') {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is no such number", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^\\+[1-9][0-9]{2,14}$" })
    }
}

/// A pattern over dialled digits.
pub(crate) struct NumberPattern;

impl TextForm for NumberPattern {
    type Out = Pattern;
    fn expected() -> String {
        "digits, with a + in front if you like, and a * behind where more may follow: \"+4420718387*\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<Pattern, Fault> {
        text.parse()
            .map_err(|_| Fault::new(format!("{} is not a pattern", quote(text))))
    }
    fn write(value: &Pattern) -> String {
        value.text.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(\\+?[0-9]+\\*?|\\*)$" })
    }
}

/// What a customer may not call.
pub(crate) struct DestinationForm;

/// The word for the ranges that come with Tandem.
const HIGH_RISK: &str = "high-risk";

impl TextForm for DestinationForm {
    type Out = Destination;
    fn expected() -> String {
        format!("\"{HIGH_RISK}\", or {}", <NumberPattern as TextForm>::expected())
    }
    fn parse(text: &str) -> Result<Destination, Fault> {
        if text == HIGH_RISK {
            return Ok(Destination::HighRisk);
        }
        <NumberPattern as TextForm>::parse(text).map(Destination::Pattern)
    }
    fn write(value: &Destination) -> String {
        match value {
            Destination::HighRisk => HIGH_RISK.to_owned(),
            Destination::Pattern(pattern) => pattern.text.clone(),
        }
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(high-risk|\\+?[0-9]+\\*?|\\*)$" })
    }
}
