//! Names of SIP and SDP: codecs, headers, media types, attributes.

use super::TextForm;
use crate::document::Item;
use crate::report::{Fault, quote};

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
