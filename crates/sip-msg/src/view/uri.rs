//! URIs (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::memchr;

use super::{Params, ViewError};
use crate::chars::{is_host_char, is_lws, is_scheme, is_uri_char, number, split_at, trim_start};

/// A URI by scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri<'a> {
    /// sip: and sips:
    Sip(SipUri<'a>),
    /// tel:
    Tel(TelUri<'a>),
    /// Anything else.
    Other {
        /// Before the colon.
        scheme: &'a [u8],
        /// Behind it.
        rest: &'a [u8],
    },
}

impl<'a> Uri<'a> {
    /// Reads a URI that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        let (scheme, rest) = split_scheme(bytes)?;
        if scheme.eq_ignore_ascii_case(b"sip") {
            SipUri::behind_scheme(rest, false).map(Self::Sip)
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            SipUri::behind_scheme(rest, true).map(Self::Sip)
        } else if scheme.eq_ignore_ascii_case(b"tel") {
            TelUri::behind_scheme(rest).map(Self::Tel)
        } else if rest.is_empty() || !rest.iter().all(|&b| is_uri_char(b)) {
            Err(ViewError::Uri)
        } else {
            Ok(Self::Other { scheme, rest })
        }
    }

    /// It as a sip or sips URI.
    pub fn sip(self) -> Option<SipUri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other { .. } => None,
        }
    }
}

/// A URI as the Request-URI of a request to it: without headers, which have no place there (RFC 3261 §19.1.1). `None`: it can be none.
pub fn request_uri(uri: &[u8]) -> Option<&[u8]> {
    match Uri::parse(uri).ok()? {
        Uri::Sip(sip) => {
            let headers = sip.headers.map_or(0, |headers| headers.len() + 1);
            uri.get(..uri.len().saturating_sub(headers))
        }
        Uri::Tel(_) | Uri::Other { .. } => Some(uri),
    }
}

/// sip: or sips: (RFC 3261 §19.1.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// sips:
    pub secure: bool,
    /// As sent, with its `;parameters` and escapes.
    pub user: Option<&'a [u8]>,
    /// As sent.
    pub password: Option<&'a [u8]>,
    /// Name or address; IPv6 with brackets.
    pub host: &'a [u8],
    /// The port, when given.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params<'a>,
    /// What stands behind `?`.
    pub headers: Option<&'a [u8]>,
}

impl<'a> SipUri<'a> {
    /// Reads a sip or sips URI. The user may have any octet but blanks, controls, quotes and brackets: what the grammar wants escaped
    /// there (`#` above all) is sent as it is by much equipment, and is kept as it is.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        Uri::parse(bytes)?.sip().ok_or(ViewError::Scheme)
    }

    fn behind_scheme(rest: &'a [u8], secure: bool) -> Result<Self, ViewError> {
        let (user, password, rest) = match memchr(b'@', rest) {
            Some(at) => {
                let (info, rest) = split_at(rest, at);
                let (user, password) = match memchr(b':', info) {
                    Some(colon) => {
                        let (user, password) = split_at(info, colon);
                        (user, Some(password))
                    }
                    None => (info, None),
                };
                if user.is_empty() || !info.iter().all(|&b| is_uri_char(b)) {
                    return Err(ViewError::Uri);
                }
                (Some(user), password, rest)
            }
            None => (None, None, rest),
        };
        if rest.first().is_some_and(|&b| is_lws(b)) {
            return Err(ViewError::Uri);
        }
        let (host, port, rest) = host_port(rest)?;
        // A `?` inside a quoted value, which no URI should have, is no header mark.
        let mark = if rest.contains(&b'"') {
            None
        } else {
            memchr(b'?', rest)
        };
        let (params, headers) = match mark {
            Some(at) => {
                let (params, headers) = split_at(rest, at);
                (params, Some(headers))
            }
            None => (rest, None),
        };
        let blank = |s: &[u8]| s.iter().any(|&b| is_lws(b));
        if blank(params) || headers.is_some_and(|h| !h.iter().all(|&b| is_uri_char(b))) {
            return Err(ViewError::Uri);
        }
        Ok(Self {
            secure,
            user,
            password,
            host,
            port,
            params: Params::parse(params)?,
            headers,
        })
    }

    /// The user with its escapes resolved once (RFC 4475 §3.1.1.3).
    pub fn user_unescaped(&self) -> Cow<'a, [u8]> {
        unescape(self.user.unwrap_or_default())
    }

    /// The host as an address.
    pub fn ip(&self) -> Option<IpAddr> {
        address(self.host)
    }

    /// The transport parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.params.get("transport").flatten()
    }

    /// Equality of RFC 3261 §19.1.4: scheme, user, password, host and port, the parameters both have, and those that count even
    /// when only one has them, and the header parts in any order.
    pub fn equivalent(&self, other: &SipUri<'_>) -> bool {
        self.secure == other.secure
            && self.port == other.port
            && same(self.user, other.user)
            && same(self.password, other.password)
            && match (self.ip(), other.ip()) {
                (Some(a), Some(b)) => a == b,
                _ => self.host.eq_ignore_ascii_case(other.host),
            }
            && params_agree(self.params, other.params)
            && params_agree(other.params, self.params)
            && headers_agree(self.headers, other.headers)
    }
}

/// Case-sensitive, escapes resolved; there in both or in none.
fn same(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    a.map(unescape) == b.map(unescape)
}

/// Of a parameter that is there twice, which no URI should have, the first counts.
fn params_agree(a: Params<'_>, b: Params<'_>) -> bool {
    let value_in = |params: Params<'_>, name: &[u8]| -> Option<Vec<u8>> {
        let found = params
            .iter()
            .find(|(n, _)| unescape(n).eq_ignore_ascii_case(&unescape(name)));
        found.map(|(_, value)| unescape(value.unwrap_or_default()).to_ascii_lowercase())
    };
    a.iter().all(|(name, _)| match value_in(b, name) {
        Some(value) => value_in(a, name) == Some(value),
        None => {
            let decisive: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];
            !decisive.iter().any(|d| name.eq_ignore_ascii_case(d))
        }
    })
}

fn headers_agree(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let parts = |s: &'_ [u8]| s.split(|&c| c == b'&').count();
    let within = |x: &[u8], y: &[u8]| {
        x.split(|&c| c == b'&')
            .all(|p| y.split(|&c| c == b'&').any(|q| header_part_agrees(p, q)))
    };
    parts(a) == parts(b) && within(a, b) && within(b, a)
}

/// hname in any case, hvalue as it is.
fn header_part_agrees(a: &[u8], b: &[u8]) -> bool {
    let cut = |s: &'_ [u8]| memchr(b'=', s).unwrap_or(s.len());
    let ((an, av), (bn, bv)) = (split_at(a, cut(a)), split_at(b, cut(b)));
    unescape(an).eq_ignore_ascii_case(&unescape(bn)) && unescape(av) == unescape(bv)
}

/// tel: (RFC 3966)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as sent, with its visual separators.
    pub number: &'a [u8],
    /// Its parameters.
    pub params: Params<'a>,
}

impl<'a> TelUri<'a> {
    /// Reads a tel URI. A local number without phone-context is taken too.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        match Uri::parse(bytes)? {
            Uri::Tel(uri) => Ok(uri),
            Uri::Sip(_) | Uri::Other { .. } => Err(ViewError::Scheme),
        }
    }

    fn behind_scheme(rest: &'a [u8]) -> Result<Self, ViewError> {
        let end = memchr(b';', rest).unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(end).ok_or(ViewError::Uri)?;
        let local = number.strip_prefix(b"+").unwrap_or(number);
        let digit = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#') || is_separator(*b);
        if !local.iter().any(|&b| !is_separator(b)) || !local.iter().all(digit) {
            return Err(ViewError::Uri);
        }
        if params.iter().any(|&b| is_lws(b)) {
            return Err(ViewError::Uri);
        }
        Ok(Self {
            number,
            params: Params::parse(params)?,
        })
    }

    /// The number without visual separators.
    pub fn digits(&self) -> Cow<'a, [u8]> {
        if self.number.iter().any(|&b| is_separator(b)) {
            Cow::Owned(
                self.number
                    .iter()
                    .copied()
                    .filter(|&b| !is_separator(b))
                    .collect(),
            )
        } else {
            Cow::Borrowed(self.number)
        }
    }
}

/// Visual separators (RFC 3966 §5.1.1).
fn is_separator(b: u8) -> bool {
    matches!(b, b'-' | b'.' | b'(' | b')')
}

fn split_scheme(bytes: &[u8]) -> Result<(&[u8], &[u8]), ViewError> {
    let colon = memchr(b':', bytes).ok_or(ViewError::Scheme)?;
    let (scheme, rest) = split_at(bytes, colon);
    if is_scheme(scheme) {
        Ok((scheme, rest))
    } else {
        Err(ViewError::Scheme)
    }
}

type HostPort<'a> = (&'a [u8], Option<u16>, &'a [u8]);

/// `host[:port]` off the front, blanks around the colon as in Via; then what is left.
pub(super) fn host_port(s: &[u8]) -> Result<HostPort<'_>, ViewError> {
    let end = if s.first() == Some(&b'[') {
        memchr(b']', s).ok_or(ViewError::Host)? + 1
    } else {
        s.iter().position(|&b| !is_host_char(b)).unwrap_or(s.len())
    };
    let (host, rest) = s.split_at_checked(end).ok_or(ViewError::Host)?;
    if host.is_empty() || (host.first() == Some(&b'[') && address(host).is_none()) {
        return Err(ViewError::Host);
    }
    let behind = trim_start(rest);
    let [b':', port @ ..] = behind else {
        return match behind.first() {
            None | Some(b';' | b'?') => Ok((host, None, rest)),
            Some(_) => Err(ViewError::Host),
        };
    };
    let port = trim_start(port);
    let end = port
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(port.len());
    let (digits, rest) = port.split_at_checked(end).ok_or(ViewError::Port)?;
    let port = number(digits)
        .and_then(|n| u16::try_from(n).ok())
        .ok_or(ViewError::Port)?;
    match trim_start(rest).first() {
        None | Some(b';' | b'?') => Ok((host, Some(port), rest)),
        Some(_) => Err(ViewError::Port),
    }
}

/// An address, IPv6 with or without brackets. The third colon that the first RFC 3261 grammar produced is taken (RFC 5118 §4.10).
pub(crate) fn address(host: &[u8]) -> Option<IpAddr> {
    let bare = host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]"));
    if bare.is_none() && !host.contains(&b':') {
        return std::str::from_utf8(host)
            .ok()?
            .parse::<Ipv4Addr>()
            .ok()
            .map(IpAddr::V4);
    }
    let text = std::str::from_utf8(bare.unwrap_or(host)).ok()?;
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => Some(IpAddr::V6(ip)),
        Err(_) if text.contains(":::") => text.replacen(":::", "::", 1).parse().ok().map(IpAddr::V6),
        Err(_) => None,
    }
}

/// `%HH` resolved once; what is no escape stays as it is.
fn unescape(s: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'%', s).is_none() {
        return Cow::Borrowed(s);
    }
    let mut out = Vec::with_capacity(s.len());
    let mut rest = s;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                behind
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    Cow::Owned(out)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}
