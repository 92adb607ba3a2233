//! Forms that are written as a string.

mod dialing;
mod number;
mod protocol;

pub(crate) use self::dialing::{DialPatternForm, DialString, JsonPointer, LookupUrl, RegionForm};
pub(crate) use self::number::{CountryCode, DestinationForm, Dialled, Digits, E164, NumberPattern};
pub(crate) use self::protocol::{Codec, HeaderName, MediaType, PassedHeader, SdpAttribute};
use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::report::{Fault, quote};
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// A form that is a string and needs nothing else to be read.
pub(crate) trait TextForm {
    type Out: Clone + PartialEq;
    fn expected() -> String;
    fn parse(text: &str) -> Result<Self::Out, Fault>;
    fn write(value: &Self::Out) -> String;
    fn schema() -> Json {
        json!({ "type": "string" })
    }
    /// The words that may be written, each with what it means.
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    /// Words that a later version takes.
    fn later() -> &'static [&'static str] {
        &[]
    }
    /// What to say of a value that isn't a string at all, where there is something to say.
    fn not_text(_item: Item<'_>) -> Option<Fault> {
        None
    }
}

impl<T: TextForm> Form for T {
    type Out = T::Out;

    fn expected() -> String {
        T::expected()
    }

    fn schema() -> Json {
        T::schema()
    }

    fn words() -> Vec<(&'static str, &'static str)> {
        T::words()
    }

    fn later() -> &'static [&'static str] {
        T::later()
    }

    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<Self::Out> {
        let read = match item.value.get_ref().as_str() {
            Some(text) => T::parse(text),
            None => Err(T::not_text(item).unwrap_or_else(|| wrong_type(item, T::expected()))),
        };
        match read {
            Ok(out) => Some(out),
            Err(mut fault) => {
                fault.expected.get_or_insert_with(T::expected);
                cx.refuse(item.place(), path, fault);
                None
            }
        }
    }

    fn show(value: &Self::Out) -> Option<toml::Value> {
        Some(toml::Value::String(T::write(value)))
    }
}

/// Any text of one line.
pub(crate) struct Text;

impl TextForm for Text {
    type Out = String;
    fn expected() -> String {
        "text of one line, 1 to 255 characters".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} does not fit", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1, "maxLength": 255 })
    }
}

/// A name that other keys, metrics and the command line refer to.
pub(crate) struct Name;

impl TextForm for Name {
    type Out = String;
    fn expected() -> String {
        "a name of 1 to 64 letters, digits, `-`, `_` or `.`".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if plain && (1..=64).contains(&text.len()) {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is not a name", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" })
    }
}

/// The name of a network interface, as `ip link` shows it.
pub(crate) struct InterfaceName;

impl TextForm for InterfaceName {
    type Out = String;
    fn expected() -> String {
        "a network interface's name, such as `eth0`".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        // IFNAMSIZ, with its final zero.
        if plain && (1..16).contains(&text.len()) && text != "." && text != ".." {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is no interface's name", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,15}$" })
    }
}

/// A URL that is fetched over HTTPS.
pub(crate) struct HttpsUrl;

impl TextForm for HttpsUrl {
    type Out = String;
    fn expected() -> String {
        "an https URL, such as \"https://cert.example.com/shaken.pem\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let host = text.strip_prefix("https://").unwrap_or_default();
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>;,".contains(&byte));
        if plain && !host.is_empty() && !host.starts_with('/') && text.len() <= 1024 {
            return Ok(text.to_owned());
        }
        let meant = text
            .strip_prefix("http://")
            .map(|rest| quote(&format!("https://{rest}")));
        Err(Fault::new(format!("{} is not an https URL", quote(text))).meant(meant))
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https://" })
    }
}

/// A UUID (RFC 9562 §4).
pub(crate) struct Uuid;

impl TextForm for Uuid {
    type Out = String;
    fn expected() -> String {
        "a UUID, such as \"123e4567-e89b-12d3-a456-426655440000\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if hex && groups == [8, 4, 4, 4, 12] {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(Fault::new(format!("{} is not a UUID", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// A path; a relative one starts at the directory of the file it is written in.
pub(crate) struct FilePath;

impl Form for FilePath {
    type Out = PathBuf;
    fn expected() -> String {
        "a path (a relative one starts at the directory of this file)".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
    fn read(cx: &mut Cx<'_>, path: &str, item: Item<'_>) -> Option<PathBuf> {
        let fault = match item.value.get_ref().as_str() {
            Some(text) if !text.is_empty() && !text.contains('\0') => {
                return Some(
                    cx.docs
                        .get(item.doc)
                        .map_or_else(|| text.into(), |doc| doc.dir.join(text)),
                );
            }
            Some(text) => Fault::new(format!("{} is not a path", quote(text))).expected(Self::expected()),
            None => wrong_type(item, Self::expected()),
        };
        cx.refuse(item.place(), path, fault);
        None
    }
    fn show(value: &PathBuf) -> Option<toml::Value> {
        Some(toml::Value::String(value.display().to_string()))
    }
}
