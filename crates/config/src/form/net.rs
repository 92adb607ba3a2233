//! Addresses, address ranges, port ranges and targets.

use super::text::TextForm;
use crate::document::Item;
use crate::model::Transport;
use crate::report::{Fault, quote};
use crate::values::{Cidr, Host, Source};
use serde_json::{Value as Json, json};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// An address with its port.
pub(crate) struct Address;

impl TextForm for Address {
    type Out = SocketAddr;
    fn expected() -> String {
        "an address and a port, such as \"203.0.113.10:5060\" or \"[2001:db8::10]:5060\"".to_owned()
    }
    fn parse(text: &str) -> Result<SocketAddr, Fault> {
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(Fault::new(format!("{} has no port", quote(text))));
        }
        Err(port_fault(text)
            .unwrap_or_else(|| Fault::new(format!("{} is not an address and a port", quote(text)))))
    }
    fn write(value: &SocketAddr) -> String {
        value.to_string()
    }
}

/// A name server: an address, and its port where that is not 53.
pub(crate) struct NameServer;

impl TextForm for NameServer {
    type Out = SocketAddr;
    fn expected() -> String {
        "an address, with a port where that is not 53, such as \"192.0.2.53\" or \"127.0.0.1:5353\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<SocketAddr, Fault> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, 53));
        }
        match Address::parse(text) {
            Ok(address) if address.port() == 0 => Err(Fault::new("port 0 is nowhere to ask")),
            Ok(address) => Ok(address),
            Err(_) => Err(Fault::new(format!(
                "{} is not the address of a server",
                quote(text)
            ))),
        }
    }
    fn write(value: &SocketAddr) -> String {
        value.to_string()
    }
}

/// A number of decimal digits only: no sign, which `parse` would take.
fn decimal(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// What is wrong with the port behind the last colon, if it is the port.
fn port_fault(text: &str) -> Option<Fault> {
    let (_, port) = text.rsplit_once(':')?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (digits && port.parse::<u16>().is_err()).then(|| Fault::new(format!("port {port} is above 65535")))
}

/// An address without a port.
pub(crate) struct Ip;

impl TextForm for Ip {
    type Out = IpAddr;
    fn expected() -> String {
        "an address without a port, such as \"203.0.113.10\"".to_owned()
    }
    fn parse(text: &str) -> Result<IpAddr, Fault> {
        text.parse().map_err(|_| {
            let meant = text
                .parse::<SocketAddr>()
                .ok()
                .map(|address| quote(&address.ip().to_string()));
            Fault::new(format!("{} is not an address", quote(text))).meant(meant)
        })
    }
    fn write(value: &IpAddr) -> String {
        value.to_string()
    }
}

/// Ports of media: `first-last`, RTP on the even ones, RTCP on the odd ones (RFC 3550 §11).
pub(crate) struct Ports;

impl TextForm for Ports {
    type Out = RangeInclusive<u16>;
    fn expected() -> String {
        "a range of ports from 1024 to 65535 that begins even and ends odd, such as \"10000-29999\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<Self::Out, Fault> {
        let quoted = quote(text);
        let Some((first, last)) = text
            .split_once('-')
            .map(|(first, last)| (first.trim(), last.trim()))
        else {
            return Err(Fault::new(format!("{quoted} is not a range")));
        };
        let port = |text: &str| match decimal(text) {
            Some(port) => u16::try_from(port).map_err(|_| Fault::new(format!("port {port} is above 65535"))),
            None => Err(Fault::new(format!("{quoted} is not a range of ports"))),
        };
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            let meant = quote(&format!("{last}-{first}"));
            return Err(Fault::new(format!("{quoted} ends before it begins")).meant(Some(meant)));
        }
        if first < 1024 {
            return Err(Fault::new(format!("port {first} is below 1024")));
        }
        let (even, odd) = (first & !1, last | 1);
        if first != even || last != odd {
            let why = "does not hold whole pairs of an even RTP port and the odd RTCP port after it";
            let meant = quote(&format!("{even}-{odd}"));
            return Err(Fault::new(format!("{quoted} {why}")).meant(Some(meant)));
        }
        Ok(first..=last)
    }
    fn write(value: &Self::Out) -> String {
        format!("{}-{}", value.start(), value.end())
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+ *- *[0-9]+$" })
    }
    fn not_text(item: Item<'_>) -> Option<Fault> {
        let number = item.value.get_ref().as_integer()?.as_str().to_owned();
        Some(Fault::new(format!("{number} is one port, not a range")))
    }
}

/// An address range.
pub(crate) struct Range;

impl TextForm for Range {
    type Out = Cidr;
    fn expected() -> String {
        "an address or a range of addresses, such as \"203.0.113.7\" or \"203.0.113.0/24\"".to_owned()
    }
    fn parse(text: &str) -> Result<Cidr, Fault> {
        let not = || Fault::new(format!("{} is not a range of addresses", quote(text)));
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = address.parse().map_err(|_| not())?;
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => decimal(prefix).ok_or_else(not)?,
        };
        if prefix > bits {
            return Err(Fault::new(format!(
                "the prefix /{prefix} is longer than the address, /{bits}"
            )));
        }
        let prefix = u8::try_from(prefix).map_err(|_| not())?;
        let range = Cidr::new(addr, prefix);
        if range.addr != addr {
            let why = format!("{} has address bits behind its prefix", quote(text));
            return Err(Fault::new(why).meant(Some(quote(&range.to_string()))));
        }
        Ok(range)
    }
    fn write(value: &Cidr) -> String {
        value.to_string()
    }
}

/// Where requests come from: an address range, or one address and its port.
pub(crate) struct SourceForm;

impl TextForm for SourceForm {
    type Out = Source;
    fn expected() -> String {
        "an address, a range or an address with its port, such as \"203.0.113.7\", \"203.0.113.0/24\" or \
         \"203.0.113.7:5060\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<Source, Fault> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match address.port() {
                0 => Err(Fault::new("port 0 matches nothing")),
                port => Ok(Source {
                    net: Cidr::host(address.ip()),
                    port: Some(port),
                }),
            };
        }
        match Range::parse(text) {
            Ok(net) => Ok(Source { net, port: None }),
            Err(fault) => Err(port_fault(text)
                .filter(|_| text.parse::<IpAddr>().is_err())
                .unwrap_or(fault)),
        }
    }
    fn write(value: &Source) -> String {
        value.to_string()
    }
}

/// A host, by name or address, and its port.
pub(crate) struct HostAndPort;

impl TextForm for HostAndPort {
    type Out = String;
    fn expected() -> String {
        "a host and a port, such as \"homer.example.net:9060\" or \"203.0.113.5:9060\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        match split_host(text)? {
            (_, Some(_)) => Ok(text.to_owned()),
            (_, None) => Err(Fault::new(format!("{} has no port", quote(text)))),
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// The URI of a target: `sip:host`, `sip:host:port`, `sips:host`, with `;transport=` if you like.
pub(crate) struct TargetUri;

impl TextForm for TargetUri {
    type Out = String;
    fn expected() -> String {
        "a SIP URI of a host and maybe a port and a transport, such as \"sip:203.0.113.20:5060\" or \
         \"sip:sip.example.net;transport=tls\""
            .to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        split_target(text).map(|_| text.to_owned())
    }
    fn write(value: &String) -> String {
        value.clone()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[sS][iI][pP][sS]?:" })
    }
}

/// What a target's URI says.
pub(crate) struct TargetParts {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
    /// By which transport, where that is written or follows from `sips:`.
    pub(crate) transport: Option<Transport>,
    /// Whether it is a `sips:` URI.
    pub(crate) sips: bool,
}

/// Takes a target's URI apart. What stands in front of an `@` is not repeated: it may hold a password.
pub(crate) fn split_target(text: &str) -> Result<TargetParts, Fault> {
    let (sips, rest) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (false, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => (true, rest),
        _ => {
            let meant = split_target(&format!("sip:{text}"))
                .is_ok()
                .then(|| quote(&format!("sip:{text}")));
            return Err(Fault::new("is not a sip: URI").meant(meant));
        }
    };
    if rest.contains('@') {
        return Err(Fault::new(
            "has a user part; who is called comes from the call, credentials go into `auth`",
        ));
    }
    let (address, parameter) = rest.split_once(';').map_or((rest, None), |(a, p)| (a, Some(p)));
    let transport = transport_of(parameter, sips)?;
    let (host, port) = split_host(address)?;
    Ok(TargetParts {
        host,
        port,
        transport,
        sips,
    })
}

/// The transport that a target's one parameter names. `sips:` means TLS on the first hop whatever stream is named (RFC 3261 §26.2.2,
/// RFC 5630 §3.1.3).
fn transport_of(parameter: Option<&str>, sips: bool) -> Result<Option<Transport>, Fault> {
    let named = match parameter {
        None => None,
        Some(parameter) => {
            let name = parameter
                .split_once('=')
                .filter(|(key, _)| key.eq_ignore_ascii_case("transport"))
                .map(|(_, value)| value.to_ascii_lowercase());
            let known = match name.as_deref() {
                Some("udp") => Some(Transport::Udp),
                Some("tcp") => Some(Transport::Tcp),
                Some("tls") => Some(Transport::Tls),
                Some("ws") => Some(Transport::Ws),
                Some("wss") => Some(Transport::Wss),
                Some(_) | None => None,
            };
            Some(known.ok_or_else(|| {
                Fault::new(format!("the parameter {} cannot be used", quote(parameter)))
                    .expected("no parameters, or ;transport=udp, tcp or tls")
            })?)
        }
    };
    match (named, sips) {
        (Some(Transport::Ws | Transport::Wss), _) => Err(Fault::new(
            "calls are not sent by WebSocket to where nobody has connected from (RFC 7118 §5.2)",
        )
        .expected("transport=udp, tcp or tls")),
        (Some(Transport::Udp), true) => {
            Err(Fault::new("sips: means TLS, which there is none of over UDP")
                .expected("sip:, or transport=tls"))
        }
        (_, true) => Ok(Some(Transport::Tls)),
        (named, false) => Ok(named),
    }
}

fn split_host(address: &str) -> Result<(Host, Option<u16>), Fault> {
    let not = || Fault::new(format!("{} is not a host and a port", quote(address)));
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']').ok_or_else(not)?;
            let ip: std::net::Ipv6Addr = ip.parse().map_err(|_| not())?;
            let port = if port.is_empty() {
                None
            } else {
                Some(port.strip_prefix(':').ok_or_else(not)?)
            };
            (Host::Ip(IpAddr::V6(ip)), port)
        }
        None => {
            let (host, port) = address
                .split_once(':')
                .map_or((address, None), |(host, port)| (host, Some(port)));
            (host_of(host).ok_or_else(not)?, port)
        }
    };
    let port = match port.map(decimal) {
        None => None,
        Some(Some(port @ 1..=65535)) => u16::try_from(port).ok(),
        Some(Some(port)) => return Err(Fault::new(format!("port {port} is not from 1 to 65535"))),
        Some(None) => return Err(not()),
    };
    Ok((host, port))
}

/// An IPv4 address or a host name (RFC 1123 §2.1); four numbers with dots that are no address are refused.
fn host_of(text: &str) -> Option<Host> {
    if let Ok(ip) = text.parse::<std::net::Ipv4Addr>() {
        return Some(Host::Ip(IpAddr::V4(ip)));
    }
    is_host_name(text).then(|| Host::Name(text.trim_end_matches('.').to_ascii_lowercase()))
}

/// Whether this is a host name (RFC 1123 §2.1).
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let plain = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (1..=253).contains(&name.len()) && name.split('.').all(label) && !number
}

/// A host name, in lower case and without a dot at its end.
pub(crate) struct HostName;

impl TextForm for HostName {
    type Out = String;
    fn expected() -> String {
        "a host name, such as \"sip.carrier.example\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        match host_of(text) {
            Some(Host::Name(name)) => Ok(name),
            Some(Host::Ip(_)) => Err(Fault::new(format!(
                "{} is an address; those go into `sources`",
                quote(text)
            ))),
            None => Err(Fault::new(format!("{} is not a host name", quote(text)))),
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}

/// The host part of a URI that we write: a name or an address.
pub(crate) struct Domain;

impl TextForm for Domain {
    type Out = String;
    fn expected() -> String {
        "a host name or an address, such as \"sip.example.com\"".to_owned()
    }
    fn parse(text: &str) -> Result<String, Fault> {
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let ip6 = bracketed.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        if ip6 || host_of(text).is_some() {
            Ok(text.to_owned())
        } else {
            Err(Fault::new(format!("{} is not a host", quote(text))))
        }
    }
    fn write(value: &String) -> String {
        value.clone()
    }
}
