//! name-addr and addr-spec with header parameters (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::params::{quoted_end, unescape_quoted};
use super::{Params, ViewError};
use crate::chars::{is_display, is_scheme, is_uri_char, split_at, trim, trim_end, trim_start};

/// From, To, Contact, Route, Refer-To …
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name without its outer quotes; backslashes are still inside.
    pub display: Option<&'a [u8]>,
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// The header's parameters.
    pub params: Params<'a>,
}

/// Display name, URI, what stands behind.
type Parts<'a> = (Option<&'a [u8]>, &'a [u8], &'a [u8]);

impl<'a> NameAddr<'a> {
    /// Reads one value. A URI outside of angle brackets ends at the first `;` and may have no `,` and no `?` (RFC 3261 §20).
    /// Of the URI only the scheme and the absence of blanks and controls are checked: [`Uri::parse`](crate::Uri::parse) does the rest.
    pub fn parse(value: &'a [u8]) -> Result<Self, ViewError> {
        Self::parse_for(value, b"").map(|(address, _)| address)
    }

    /// As [`NameAddr::parse`], and the value of the header parameter `param` (lower case).
    pub(crate) fn parse_for(value: &'a [u8], param: &[u8]) -> Result<(Self, Option<&'a [u8]>), ViewError> {
        let value = trim(value);
        let (display, uri, rest) = Self::split(value)?;
        check_uri(uri)?;
        let (params, found) = Params::parse_for(rest, param)?;
        Ok((Self { display, uri, params }, found))
    }

    fn split(value: &'a [u8]) -> Result<Parts<'a>, ViewError> {
        match value.first() {
            None => Err(ViewError::Empty),
            Some(b'"') => {
                let end = quoted_end(value).ok_or(ViewError::Quote)?;
                let (quoted, rest) = value.split_at_checked(end).ok_or(ViewError::Quote)?;
                let display = quoted.get(1..end - 1).unwrap_or_default();
                let rest = trim_start(rest);
                let (uri, rest) = Self::bracketed(rest.strip_prefix(b"<").ok_or(ViewError::Brackets)?)?;
                Ok((Some(display), uri, rest))
            }
            Some(_) => {
                let Some(at) = memchr(b'<', value) else {
                    return Self::bare(value);
                };
                let (before, inside) = split_at(value, at);
                let before = trim_end(before);
                if !is_display(before) {
                    // `<` may also stand in a quoted parameter of a URI without brackets.
                    return if before.contains(&b';') {
                        Self::bare(value)
                    } else {
                        Err(ViewError::Display)
                    };
                }
                let (uri, rest) = Self::bracketed(inside)?;
                Ok(((!before.is_empty()).then_some(before), uri, rest))
            }
        }
    }

    /// What stands between the brackets and behind them. A quoted string is a unit, so that a `>` in it ends nothing.
    fn bracketed(inside: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), ViewError> {
        let mut from = 0;
        loop {
            let rest = inside.get(from..).unwrap_or_default();
            let at = from + memchr2(b'>', b'"', rest).ok_or(ViewError::Brackets)?;
            if inside.get(at) == Some(&b'>') {
                return Ok(split_at(inside, at));
            }
            let quoted = inside.get(at..).unwrap_or_default();
            if at == 0 || inside.get(at - 1) != Some(&b'=') {
                return Err(ViewError::Quote);
            }
            from = at + quoted_end(quoted).ok_or(ViewError::Quote)?;
        }
    }

    fn bare(value: &'a [u8]) -> Result<Parts<'a>, ViewError> {
        let end = memchr(b';', value).unwrap_or(value.len());
        let (uri, rest) = value.split_at_checked(end).ok_or(ViewError::Uri)?;
        let uri = trim_end(uri);
        if memchr::memchr3(b',', b'?', b'"', uri).is_some() {
            return Err(ViewError::Uri);
        }
        Ok((None, uri, rest))
    }

    /// The tag parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").flatten()
    }

    /// The display name without its backslashes.
    pub fn display_unescaped(&self) -> Option<Cow<'a, [u8]>> {
        self.display.map(unescape_quoted)
    }
}

/// Scheme, colon, and nothing that would need an escape outside of quotes.
fn check_uri(uri: &[u8]) -> Result<(), ViewError> {
    let colon = memchr(b':', uri).ok_or(ViewError::Scheme)?;
    let (scheme, rest) = split_at(uri, colon);
    if !is_scheme(scheme) {
        return Err(ViewError::Scheme);
    }
    if rest.is_empty() {
        return Err(ViewError::Uri);
    }
    let mut rest = rest;
    loop {
        match rest.iter().position(|&b| !is_uri_char(b)) {
            None => return Ok(()),
            Some(at) => {
                let tail = rest.get(at..).unwrap_or_default();
                if tail.first() != Some(&b'"') {
                    return Err(ViewError::Uri);
                }
                let end = quoted_end(tail).ok_or(ViewError::Quote)?;
                rest = tail.get(end..).unwrap_or_default();
            }
        }
    }
}
