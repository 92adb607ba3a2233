//! Forms about prices.

use super::text::TextForm;
use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::report::{Fault, nearest, quote};
use serde_json::{Value as Json, json};

/// A currency's three letters (ISO 4217).
pub(crate) struct CurrencyForm;

impl TextForm for CurrencyForm {
    type Out = String;
    fn expected() -> String {
        "a currency's three letters, such as \"EUR\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(text.to_owned());
        }
        let upper = text.to_ascii_uppercase();
        let meant =
            (upper != text && upper.len() == 3 && upper.bytes().all(|byte| byte.is_ascii_uppercase()))
                .then(|| quote(&upper));
        Err(Fault::new(format!("{} is no currency", quote(text))).meant(meant))
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

/// What numbers begin with.
pub(crate) struct PrefixForm;

impl TextForm for PrefixForm {
    type Out = String;
    fn expected() -> String {
        "1 to 16 digits, such as \"4420\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(digits.to_owned())
        } else {
            Err(Fault::new(format!("{} is not a prefix", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^\\+?[0-9]{1,16}$" })
    }
}

/// What stands before decimals.
pub(crate) struct DecimalMark;

impl TextForm for DecimalMark {
    type Out = String;
    fn expected() -> String {
        "\".\" or \",\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if text == "." || text == "," {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} stands before no decimals", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "enum": [".", ","] })
    }
}

/// A clock: an offset from UTC or the name of a zone. Which zones there are is known where decks are read.
pub(crate) struct Clock;

impl TextForm for Clock {
    type Out = String;
    fn expected() -> String {
        "\"UTC\", an offset from it like \"+01:00\", or a zone like \"Europe/Berlin\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-:/_".contains(&byte));
        if plain && (1..=64).contains(&text.len()) {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is no time zone", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// A column of a deck, by our name for it.
pub(crate) struct ColumnName;

impl ColumnName {
    /// The names, as `route` has them.
    const NAMES: [&'static str; 23] = [
        "prefix",
        "country_code",
        "area_code",
        "npa",
        "nxx",
        "rate",
        "interstate",
        "intrastate",
        "indeterminate",
        "jurisdiction",
        "first_interval",
        "increment",
        "intervals",
        "fee",
        "minimum_charge",
        "currency",
        "effective_from",
        "effective_to",
        "blocked",
        "origin",
        "surcharge",
        "hours",
        "timezone",
    ];
}

impl TextForm for ColumnName {
    type Out = String;
    fn expected() -> String {
        format!("one of {}", Self::NAMES.join(", "))
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if Self::NAMES.contains(&text) {
            return Ok(text.to_owned());
        }
        let meant = nearest(text, Self::NAMES).map(quote);
        Err(Fault::new(format!("{} is no column of a deck", quote(text))).meant(meant))
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "enum": Self::NAMES })
    }
}

/// A date, or a date and a time of day, as TOML writes them; in quotes too.
pub(crate) struct Moment;

impl Form for Moment {
    type Out = String;
    fn expected() -> String {
        "a date like 2026-02-01, or 2026-02-01T12:00:00Z".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<String> {
        let value = item.value.get_ref();
        let written = value.as_datetime().copied();
        let read = written.or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        if let Some(moment) = read.filter(|moment: &toml::value::Datetime| moment.date.is_some()) {
            return Some(moment.to_string());
        }
        let fault = match value.as_str() {
            Some(text) => Fault::new(format!("{} is no date", quote(text))).expected(Self::expected()),
            None => wrong_type(item, Self::expected()),
        };
        cx.refuse(item.place(), path, fault);
        None
    }
    fn show(value: &String) -> Option<toml::Value> {
        Some(toml::Value::String(value.clone()))
    }
}
