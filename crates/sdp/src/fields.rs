//! The values of m=, c= and the attributes that are understood.

use std::net::IpAddr;

use crate::span::{first_word, number, payload_type, split, words};

/// An address as a c= line gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// No c= line.
    Absent,
    /// A host name, multicast, broadcast, or nonsense.
    Unusable,
    Address(IpAddr),
}

/// Why an m= line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    Malformed,
    Port,
    TooManyFormats,
}

/// The fields of an m= line.
pub(crate) struct MLine<'a> {
    pub(crate) kind: &'a [u8],
    pub(crate) port: u16,
    pub(crate) proto: &'a [u8],
    /// The rest of the line.
    pub(crate) formats: &'a [u8],
}

impl<'a> MLine<'a> {
    /// `line` with or without its `m=`. A port count (`49170/2`) is passed over.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let (kind, rest) = first_word(line.strip_prefix(b"m=").unwrap_or(line));
        let (port, rest) = first_word(rest);
        let (proto, formats) = first_word(rest);
        if kind.is_empty() || proto.is_empty() || line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
            return Err(LineError::Malformed);
        }
        let port = number(split(port, b'/').0).ok_or(LineError::Port)?;
        Ok(MLine {
            kind,
            port,
            proto,
            formats,
        })
    }
}

pub(crate) struct RtpMap<'a> {
    pub(crate) pt: u8,
    pub(crate) name: &'a [u8],
    pub(crate) clock: u32,
    pub(crate) channels: u8,
}

/// `PT name/clock[/channels]` (RFC 8866 §6.6) with a clock and, if given, channels that are not 0.
pub(crate) fn parse_rtpmap(value: &[u8]) -> Option<RtpMap<'_>> {
    let (pt, encoding) = first_word(value);
    let (name, rest) = split(encoding, b'/');
    let (clock, channels) = split(rest.unwrap_or_default(), b'/');
    let channels = match channels.map(<[u8]>::trim_ascii) {
        None | Some(b"") => 1,
        Some(digits) => number(digits).filter(|n| *n > 0)?,
    };
    let name = name.trim_ascii();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let clock = number(clock.trim_ascii()).filter(|c| *c > 0)?;
    Some(RtpMap {
        pt: payload_type(pt)?,
        name,
        clock,
        channels,
    })
}

/// `port [IN IP4 address]`.
pub(crate) fn parse_rtcp(value: &[u8]) -> Option<(u16, Option<IpAddr>)> {
    let (port, address) = first_word(value);
    let port = number::<u16>(port).filter(|p| *p > 0)?;
    let address = match parse_connection(address) {
        Connection::Address(address) if !address.is_unspecified() => Some(address),
        Connection::Address(_) | Connection::Absent | Connection::Unusable => None,
    };
    Some((port, address))
}

/// Milliseconds; RFC 8866 §6.4 allows a fraction, which is cut off.
pub(crate) fn parse_ptime(value: &[u8]) -> Option<u32> {
    number::<u32>(split(value, b'.').0).filter(|ms| (1..=1000).contains(ms))
}

/// `IN IP4 address` (RFC 8866 §5.7). What packets can't be sent to is unusable; `0.0.0.0` and `::` are addresses here,
/// since they mean hold (RFC 3264 §8.4).
pub(crate) fn parse_connection(value: &[u8]) -> Connection {
    let mut fields = words(value);
    let (net, family, address) = (fields.next(), fields.next(), fields.next());
    let internet = net.is_some_and(|n| n.eq_ignore_ascii_case(b"IN"));
    let family = family.is_some_and(|f| f.eq_ignore_ascii_case(b"IP4") || f.eq_ignore_ascii_case(b"IP6"));
    let literal = address.map(|a| split(a, b'/').0).filter(|_| internet && family);
    let parsed = literal.and_then(|a| std::str::from_utf8(a).ok()?.parse::<IpAddr>().ok());
    match parsed {
        Some(IpAddr::V4(v4)) if v4.is_multicast() || v4.is_broadcast() => Connection::Unusable,
        Some(IpAddr::V6(v6)) if v6.is_multicast() => Connection::Unusable,
        Some(address) => Connection::Address(address),
        None => Connection::Unusable,
    }
}
