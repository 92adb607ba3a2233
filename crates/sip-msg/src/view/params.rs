//! `;name=value` lists.

use std::borrow::Cow;

use memchr::memchr2;

use super::ViewError;
use crate::chars::{is_param_char, trim, trim_start};

/// The parameters behind a URI, a name-addr or a Via.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
}

impl<'a> Params<'a> {
    /// Checks a list that begins with `;` (or is empty). Blanks around `;` and `=` are fine, and so is one `;` at the end, which
    /// some equipment leaves there; an empty parameter anywhere else is not.
    pub fn parse(raw: &'a [u8]) -> Result<Self, ViewError> {
        Self::parse_for(raw, b"").map(|(params, _)| params)
    }

    /// As [`Params::parse`], and the value of the parameter `name` (in lower case) found on the way.
    pub(crate) fn parse_for(raw: &'a [u8], name: &[u8]) -> Result<(Self, Option<&'a [u8]>), ViewError> {
        let mut rest = raw;
        let mut found = None;
        while let Some((param, value, behind)) = split(rest)? {
            if found.is_none() && param.eq_ignore_ascii_case(name) {
                found = value;
            }
            rest = behind;
        }
        Ok((Self { raw }, found))
    }

    /// A list that nobody has checked; iteration ends at the first defect.
    pub(crate) fn unchecked(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The list as sent, with its first `;`.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The value of a parameter, name in any case: `None` not there, `Some(None)` there without a value. Quotes stay: [`unquote`].
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Whether a parameter is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All of them in order.
    pub fn iter(&self) -> ParamsIter<'a> {
        ParamsIter { rest: self.raw }
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    type IntoIter = ParamsIter<'a>;

    fn into_iter(self) -> ParamsIter<'a> {
        self.iter()
    }
}

/// Iterator of [`Params::iter`]: name and value.
#[derive(Clone, Debug)]
pub struct ParamsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ParamsIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split(self.rest).ok().flatten()?;
        self.rest = rest;
        Some((name, value))
    }
}

type Split<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

/// One parameter off the front: name, value, what is left.
#[inline]
fn split(raw: &[u8]) -> Result<Option<Split<'_>>, ViewError> {
    let raw = trim_start(raw);
    let [b';', rest @ ..] = raw else {
        return if raw.is_empty() {
            Ok(None)
        } else {
            Err(ViewError::Param)
        };
    };
    let rest = trim_start(rest);
    if rest.is_empty() {
        return Ok(None);
    }
    let (name, rest) = word(rest);
    if name.is_empty() {
        return Err(ViewError::Param);
    }
    let rest = trim_start(rest);
    let [b'=', rest @ ..] = rest else {
        return Ok(Some((name, None, rest)));
    };
    let rest = trim_start(rest);
    if rest.first() == Some(&b'"') {
        let end = quoted_end(rest).ok_or(ViewError::Quote)?;
        let (value, rest) = rest.split_at_checked(end).ok_or(ViewError::Quote)?;
        return Ok(Some((name, Some(value), rest)));
    }
    let (value, rest) = value_word(rest);
    // `name=` with nothing behind it: seen from equipment in use, and harmless.
    Ok(Some((name, Some(value), rest)))
}

fn word(s: &[u8]) -> (&[u8], &[u8]) {
    let end = s
        .iter()
        .position(|&b| b == b'=' || !is_param_char(b))
        .unwrap_or(s.len());
    s.split_at_checked(end).unwrap_or((s, &[]))
}

fn value_word(s: &[u8]) -> (&[u8], &[u8]) {
    let end = s.iter().position(|&b| !is_param_char(b)).unwrap_or(s.len());
    s.split_at_checked(end).unwrap_or((s, &[]))
}

/// The offset behind the closing quote of a quoted string that begins `s`; a backslash takes the next octet with it.
pub(crate) fn quoted_end(s: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = at + memchr2(b'"', b'\\', s.get(at..)?)?;
        if s.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// A value without its quotes and backslashes; as it is when it isn't quoted.
pub fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    match trim(value) {
        [b'"', inner @ .., b'"'] => unescape_quoted(inner),
        plain => Cow::Borrowed(plain),
    }
}

/// The inside of a quoted string without its backslashes.
pub fn unescape_quoted(inner: &[u8]) -> Cow<'_, [u8]> {
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&b) = bytes.next() {
        out.push(if b == b'\\' {
            bytes.next().copied().unwrap_or(b)
        } else {
            b
        });
    }
    Cow::Owned(out)
}
