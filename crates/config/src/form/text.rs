//! Forms that are written as a string.

use super::{Form, wrong_type};
use crate::document::{Cx, Item};
use crate::report::{Fault, quote};
use crate::values::{Destination, Pattern};
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

/// The name of a codec in SDP (RFC 8866 §6.6 `encoding-name`).
pub(crate) struct Codec;

/// Codec names that trunks commonly use, as they are registered; another is taken as it is written.
#[rustfmt::skip]
const CODECS: [&str; 20] = [
    "PCMU", "PCMA", "G722", "G729", "G723", "G728", "GSM", "iLBC", "opus", "speex", "AMR", "AMR-WB", "EVS", "L16",
    "G726-16", "G726-24", "G726-32", "G726-40", "CN", "telephone-event",
];

/// The name in the letters it is registered with; RFC 8866 §6.6 makes no difference between upper and lower case.
fn registered(name: &str) -> &str {
    CODECS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .unwrap_or(name)
}

impl TextForm for Codec {
    type Out = String;
    fn expected() -> String {
        "a codec's name as in SDP, such as \"PCMU\", \"PCMA\" or \"telephone-event\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if is_token(text) {
            Ok(registered(text).to_owned())
        } else {
            let codec = text
                .split('/')
                .next()
                .filter(|name| is_token(name))
                .map(|name| quote(registered(name)));
            Err(Fault::new(format!("{} is not a codec's name", quote(text))).meant(codec))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn not_text(item: Item<'_>) -> Option<Fault> {
        let number = item.value.get_ref().as_integer()?.as_str().to_owned();
        let name = match number.as_str() {
            "0" => Some("PCMU"),
            "3" => Some("GSM"),
            "8" => Some("PCMA"),
            "9" => Some("G722"),
            "18" => Some("G729"),
            "101" => Some("telephone-event"),
            _ => None,
        };
        Some(Fault::new(format!("{number} is a payload type, not a name")).meant(name.map(quote)))
    }
}

/// RFC 3261 §25.1 `token`, at most 64 bytes.
fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(token)
}

/// A header that says nothing about the leg it came on.
pub(crate) struct HeaderName;

/// Headers that a back-to-back user agent writes itself on each leg: carrying them over would break the dialog,
/// the credentials or the framing, or show one side's network to the other.
#[rustfmt::skip]
const OWN_HEADERS: [&str; 43] = [
    "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "route",
    "record-route", "content-length", "l", "content-type", "c", "content-encoding", "e", "content-disposition",
    "mime-version", "require", "proxy-require", "supported", "k", "unsupported", "allow", "authorization",
    "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info", "rseq", "rack",
    "session-expires", "x", "min-se", "expires", "replaces", "path", "service-route", "accept",
];

impl TextForm for HeaderName {
    type Out = String;
    fn expected() -> String {
        "a header's name, such as \"X-Account\" or \"User-to-User\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        if !is_token(text) {
            return Err(Fault::new(format!("{} is not a header's name", quote(text))));
        }
        if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(text)) {
            let wrong = format!("{} belongs to one leg and is never carried over", quote(text));
            return Err(Fault::new(wrong).expected("a header that says nothing about the leg it came on"));
        }
        Ok(text.to_owned())
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// A header that is carried over as it is.
pub(crate) struct PassedHeader;

/// Headers that have keys of their own.
const KEYED_HEADERS: [(&str, &str); 9] = [
    ("p-asserted-identity", "identity"),
    ("p-preferred-identity", "identity"),
    ("remote-party-id", "identity"),
    ("privacy", "identity"),
    ("diversion", "identity"),
    ("history-info", "identity"),
    ("reason", "reason"),
    ("identity", "stir"),
    ("y", "stir"),
];

impl TextForm for PassedHeader {
    type Out = String;
    fn expected() -> String {
        <HeaderName as TextForm>::expected()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        match KEYED_HEADERS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            Some((_, key)) => {
                let wrong = format!("{} names people or hosts of one side", quote(text));
                Err(Fault::new(wrong).expected(format!("the key `{key}`, which says what becomes of it")))
            }
            None => HeaderName::parse(text),
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// The media type of a body.
pub(crate) struct MediaType;

impl TextForm for MediaType {
    type Out = String;
    fn expected() -> String {
        "a media type, such as \"application/isup\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let halves = text.split_once('/');
        if !halves.is_some_and(|(kind, name)| is_token(kind) && is_token(name)) {
            return Err(Fault::new(format!("{} is not a media type", quote(text))));
        }
        let own = ["application/sdp", "multipart/mixed", "multipart/alternative"];
        if own.iter().any(|own| own.eq_ignore_ascii_case(text)) {
            let wrong = format!("{} is not carried over: each side has its own", quote(text));
            return Err(Fault::new(wrong).expected("the media type of what stands beside it"));
        }
        Ok(text.to_owned())
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

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

/// The name of an attribute of SDP that may be left out.
pub(crate) struct SdpAttribute;

/// Attributes that say how media is to be reached, read or opened.
const OWN_ATTRIBUTES: [&str; 16] = [
    "rtpmap",
    "crypto",
    "fingerprint",
    "setup",
    "ice-ufrag",
    "ice-pwd",
    "ice-lite",
    "candidate",
    "rtcp-mux",
    "group",
    "mid",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "T38FaxVersion",
];

impl TextForm for SdpAttribute {
    type Out = String;
    fn expected() -> String {
        "the name of an attribute, such as \"rtcp\" or \"ssrc\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let name = text.strip_prefix("a=").unwrap_or(text);
        if !is_token(name) {
            return Err(Fault::new(format!("{} is no attribute's name", quote(text))));
        }
        if OWN_ATTRIBUTES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            let wrong = format!("without {} the media would not be understood", quote(name));
            return Err(Fault::new(wrong).expected("an attribute that only describes"));
        }
        Ok(name.to_owned())
    }
    fn write(value: &String) -> String {
        value.clone()
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
