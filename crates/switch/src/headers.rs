//! Header values that the switch writes, and the rules for what may cross from one side to the other.
//!
//! Nothing crosses by default (RFC 7092 §3.1.2: a signalling back-to-back user agent owns all of its headers). What
//! does: the display name of the caller, Reason reduced to its codes, and the headers that a trunk names in `pass_headers`.

use std::borrow::Cow;
use std::net::SocketAddr;

use config::{Host, NumberIn, Target, Trunk, UriStyle};
use sip_msg::{HeaderId, Message, NameAddr, Uri, Value, Writer};
use sip_proto::Flow;

use crate::identity::number_uri;
use crate::rules::is_named;

/// What goes with an emergency call (RFC 6442 §4, RFC 3261 §20.26).
const EMERGENCY: [&str; 4] = [
    "Geolocation",
    "Geolocation-Routing",
    "Geolocation-Error",
    "Priority",
];

/// `SIP/2.0/UDP host:port;branch=…;rport`.
pub(crate) fn via(flow: &Flow, advertised: Option<SocketAddr>, branch: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(96);
    let host = advertised.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)));
    Value::from(&mut value)
        .text("SIP/2.0/")
        .text(flow.transport.via_name())
        .text(" ")
        .address(host)
        .text(";branch=")
        .text(branch)
        .text(";rport");
    value
}

/// The user part of a URI without its parameters, unescaped where it is plain text: the number to route by.
pub(crate) fn user_of(uri: &[u8]) -> String {
    match Uri::parse(uri) {
        Ok(Uri::Sip(sip)) => {
            let user = sip.user_unescaped();
            let name = user.split(|b| *b == b';').next().unwrap_or_default();
            let phone = sip.params.get("user").flatten();
            let phone = phone.is_some_and(|user| user.eq_ignore_ascii_case(b"phone"));
            if (phone || name.starts_with(b"+")) && is_number(name) {
                without_separators(name)
            } else {
                String::from_utf8_lossy(name).into_owned()
            }
        }
        Ok(Uri::Tel(tel)) => without_separators(tel.number),
        Ok(Uri::Other { .. }) | Err(_) => String::new(),
    }
}

/// What stands between the digits of a number for the eye (RFC 3966 §5.1.1): no part of it, in a SIP URI neither (RFC 3261 §19.1.6).
const SEPARATORS: &[u8] = b"-.()";

fn is_number(user: &[u8]) -> bool {
    let digits = user.strip_prefix(b"+").unwrap_or(user);
    digits.iter().any(u8::is_ascii_digit)
        && digits
            .iter()
            .all(|c| c.is_ascii_digit() || SEPARATORS.contains(c))
}

fn without_separators(number: &[u8]) -> String {
    let digits = number.iter().filter(|c| !SEPARATORS.contains(c));
    digits.map(|c| char::from(*c)).collect()
}

/// The Request-URI of an attempt: the number as the trunk wants it, at the target as it was written.
pub(crate) fn request_uri(called: &str, trunk: &Trunk, target: &Target) -> Vec<u8> {
    let (number, style) = trunk.write_number(NumberIn::RequestUri, called);
    written_uri(&number, style, target)
}

/// The same of a number that is written as it shall be.
pub(crate) fn written_uri(number: &str, style: UriStyle, target: &Target) -> Vec<u8> {
    let mut uri = Vec::with_capacity(64);
    number_uri(&mut Value::from(&mut uri), number, style, &|value| {
        target_host(value, target);
    });
    by_transport(&mut uri, target);
    uri
}

/// Says in a SIP URI how its target is reached, where that is not UDP.
fn by_transport(uri: &mut Vec<u8>, target: &Target) {
    if !uri.starts_with(b"sip:") {
        return;
    }
    match target.transport {
        Some(_) if target.sips => uri.insert(3, b's'),
        Some(transport @ (config::Transport::Tcp | config::Transport::Tls)) => {
            uri.extend_from_slice(b";transport=");
            uri.extend_from_slice(transport.as_str().as_bytes());
        }
        Some(config::Transport::Udp | config::Transport::Ws | config::Transport::Wss) | None => {}
    }
}

/// The URI in To, with the number as the trunk wants it there.
pub(crate) fn to_uri(called: &str, trunk: &Trunk, host: &dyn Fn(&mut Value<'_>)) -> Vec<u8> {
    let mut uri = Vec::with_capacity(64);
    let (number, style) = trunk.write_number(NumberIn::To, called);
    number_uri(&mut Value::from(&mut uri), &number, style, host);
    uri
}

/// A target's host and port, as it was written.
pub(crate) fn target_host(value: &mut Value<'_>, target: &Target) {
    match &target.host {
        Host::Ip(std::net::IpAddr::V6(ip)) => value.text("[").ip((*ip).into()).text("]"),
        Host::Ip(ip) => value.ip(*ip),
        Host::Name(name) => value.text(name),
    };
    if let Some(port) = target.port {
        value.text(":").number(port.into());
    }
}

/// The user part escaped for a SIP URI (RFC 3261 §25.1 `user`).
pub(crate) fn escape_user(user: &str) -> Cow<'_, str> {
    if user.bytes().all(is_plain) {
        return Cow::Borrowed(user);
    }
    let mut out = String::with_capacity(user.len() + 8);
    for byte in user.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
            continue;
        }
        let hex = |n: u8| {
            char::from_digit(u32::from(n), 16)
                .unwrap_or('0')
                .to_ascii_uppercase()
        };
        out.push('%');
        out.push(hex(byte >> 4));
        out.push(hex(byte & 15));
    }
    Cow::Owned(out)
}

/// What needs no escape in a user part.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,?/".contains(&byte)
}

/// The caller's display name, ready to stand in front of `<`, if it is harmless text.
pub(crate) fn display_of(name: &NameAddr<'_>) -> Option<String> {
    let display = std::str::from_utf8(name.display?).ok()?.trim();
    let fits = !display.is_empty() && display.len() <= 128 && !display.chars().any(char::is_control);
    fits.then(|| {
        let mut written = String::with_capacity(display.len() + 3);
        written.push('"');
        written.extend(display.split(['\\', '"']));
        written.push_str("\" ");
        written
    })
}

/// The Q.850 cause of a Reason header (RFC 3326 §2), if there is one.
pub(crate) fn q850(message: &Message) -> Option<u8> {
    let cause = reason_cause(message, "Q.850")?;
    u8::try_from(cause).ok().filter(|cause| (1..=127).contains(cause))
}

/// The SIP status of a Reason header, if there is one.
pub(crate) fn reason_status(message: &Message) -> Option<u16> {
    reason_cause(message, "SIP").filter(|status| (100..700).contains(status))
}

/// The cause of a protocol in Reason: one header may have several (RFC 3326 §2), also of one protocol (RFC 8606); the first holds.
fn reason_cause(message: &Message, protocol: &str) -> Option<u16> {
    message.values(HeaderId::Reason).find_map(|value| {
        let text = std::str::from_utf8(value).ok()?;
        let mut parts = text.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(protocol) {
            return None;
        }
        parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("cause") {
                return None;
            }
            value.trim().parse().ok()
        })
    })
}

/// What a refusal has to say about what would have been right (RFC 3261 §21.4.6, §21.4.13).
pub(crate) fn explain(writer: &mut Writer, status: u16) {
    match status {
        405 => writer.header(HeaderId::Allow, crate::call::ALLOW.as_bytes()),
        415 => writer
            .header(HeaderId::Accept, b"application/sdp")
            .header(HeaderId::AcceptEncoding, b"identity"),
        _ => return,
    };
}

/// Copies the headers that one of two trunks lets through, byte for byte, in their compact form too. Names that the switch writes itself never cross.
pub(crate) fn pass(writer: &mut Writer, from: &Message, trunks: [&Trunk; 2]) {
    if trunks.iter().all(|trunk| trunk.pass_headers.is_empty()) {
        return;
    }
    for header in from.headers() {
        let wanted = trunks
            .iter()
            .flat_map(|trunk| &trunk.pass_headers)
            .any(|name| is_named(header.name, name));
        if wanted && !is_ours(header.id) {
            writer.named(header.name, header.value);
        }
    }
}

/// Copies what goes with an emergency call whatever the trunks let through: where its caller is, and how urgent it is.
pub(crate) fn pass_emergency(writer: &mut Writer, from: &Message, trunks: [&Trunk; 2]) {
    for header in from.headers() {
        let mut passed = trunks.iter().flat_map(|trunk| &trunk.pass_headers);
        let wanted = EMERGENCY.iter().any(|name| is_named(header.name, name));
        if wanted && !passed.any(|name| is_named(header.name, name)) {
            writer.named(header.name, header.value);
        }
    }
}

/// Headers that make a dialog or a transaction what it is: these are never passed, whatever a trunk asks for.
pub(crate) fn is_ours(id: HeaderId) -> bool {
    use HeaderId as H;
    matches!(
        id,
        H::Via
            | H::From
            | H::To
            | H::CallId
            | H::CSeq
            | H::MaxForwards
            | H::Contact
            | H::Route
            | H::RecordRoute
            | H::ContentType
            | H::ContentLength
            | H::ContentEncoding
            | H::ContentDisposition
            | H::ContentLanguage
            | H::Require
            | H::ProxyRequire
            | H::Supported
            | H::Unsupported
            | H::Allow
            | H::Accept
            | H::WwwAuthenticate
            | H::ProxyAuthenticate
            | H::Authorization
            | H::ProxyAuthorization
            | H::RSeq
            | H::RAck
            | H::SessionExpires
            | H::MinSe
            | H::Replaces
            | H::ReferTo
            | H::UserAgent
            | H::Server
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_what_routing_needs() {
        for (uri, user) in [
            ("sip:+442071838750@example.com", "+442071838750"),
            (
                "sip:+442071838750;npdi;rn=1@example.com:5070;user=phone",
                "+442071838750",
            ),
            ("tel:+1-201-555-0123;phone-context=x", "+12015550123"),
            ("sip:+1-201-555-0123@h;user=phone", "+12015550123"),
            ("sip:(0201).555-0123@h;User=Phone", "02015550123"),
            ("sip:+44-20-7183@h", "+44207183"),
            ("sip:12-34@h", "12-34"),
            ("sip:dr.no-1@h;user=phone", "dr.no-1"),
            ("sip:example.com", ""),
            ("sip:a%20b@h", "a b"),
            ("urn:service:sos", ""),
        ] {
            assert_eq!(user_of(uri.as_bytes()), user, "{uri}");
        }
    }

    #[test]
    fn a_compact_name_passes_as_its_long_one_does() {
        let file = "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"t\"\nrole = \"carrier\"\n\
                    targets = [{ uri = \"sip:127.0.0.2\" }]\npass_headers = [\"Subject\", \"X-A\"]\n";
        let config = config::parse(file, "t").unwrap_or_else(|report| panic!("{report}"));
        let text = "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
                    Call-ID: 1\r\nCSeq: 1 MESSAGE\r\ns: lunch\r\nx-a: 1\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n";
        let message = sip_msg::parse(text.into(), &sip_msg::Limits::default()).unwrap();
        let mut writer = Writer::request(&sip_msg::Method::Message, b"sip:b@h");
        pass(&mut writer, &message, [&config.trunks[0], &config.trunks[0]]);
        let out = String::from_utf8(writer.finish().to_vec()).unwrap();
        assert!(
            out.contains("s: lunch\r\nx-a: 1\r\n") && !out.contains("X-B"),
            "{out}"
        );
    }

    #[test]
    fn escaping_leaves_numbers_alone_and_hides_the_rest() {
        assert_eq!(escape_user("+4420"), "+4420");
        assert_eq!(escape_user("a b@c;d"), "a%20b%40c%3Bd");
    }
}
