//! Character classes of RFC 3261 §25.1, one table lookup each.

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const DIGIT: u8 = 4;
const URI: u8 = 8;
const DISPLAY: u8 = 16;
const SCHEME: u8 = 32;
const PARAM: u8 = 64;

static CLASS: [u8; 256] = table();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler; an index out of range would not build"
)]
const fn table() -> [u8; 256] {
    let mut t = [0_u8; 256];
    let mut c = 0_usize;
    while c < 256 {
        let b = c as u8;
        let mut m = 0;
        if b.is_ascii_alphanumeric() {
            m |= TOKEN | HOST | SCHEME;
        }
        if b.is_ascii_digit() {
            m |= DIGIT;
        }
        if matches!(
            b,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        ) {
            m |= TOKEN;
        }
        // `_` is no part of the grammar but of many host names in use.
        if matches!(b, b'-' | b'.' | b'_') {
            m |= HOST;
        }
        if matches!(b, b'+' | b'-' | b'.') {
            m |= SCHEME;
        }
        if b > 0x20 && b != 0x7f && !matches!(b, b'<' | b'>' | b'"') {
            m |= URI;
            if !matches!(b, b';' | b',') {
                m |= PARAM;
            }
        }
        // Beyond token and LWS: what people write in unquoted names and what can't be mistaken for a separator.
        if m & TOKEN != 0
            || b >= 0x80
            || matches!(
                b,
                b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b'@' | b'/' | b':' | b'=' | b'&' | b'#'
            )
            || matches!(b, b'$' | b'^' | b'|' | b'?' | b'[' | b']')
        {
            m |= DISPLAY;
        }
        t[c] = m;
        c += 1;
    }
    t
}

#[inline]
#[allow(clippy::indexing_slicing, reason = "a u8 can't be out of a table of 256")]
fn class(b: u8) -> u8 {
    CLASS[usize::from(b)]
}

/// A non-empty token (RFC 3261 §25.1).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| class(b) & TOKEN != 0)
}

pub(crate) fn is_token_char(b: u8) -> bool {
    class(b) & TOKEN != 0
}

pub(crate) fn is_host_char(b: u8) -> bool {
    class(b) & HOST != 0
}

/// What may stand in a URI unescaped, taken liberally: no control, no blank, no angle bracket, no quote.
pub(crate) fn is_uri_char(b: u8) -> bool {
    class(b) & URI != 0
}

/// What may stand in a parameter's name or unquoted value: of a URI's characters all that separate nothing. Wider than the grammar,
/// for `received=2001:db8::1`, `gr=urn:uuid:…` and base64.
pub(crate) fn is_param_char(b: u8) -> bool {
    class(b) & PARAM != 0
}

pub(crate) fn is_scheme(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.iter().all(|&b| class(b) & SCHEME != 0)
}

/// What may stand in an unquoted display name.
pub(crate) fn is_display(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| class(b) & DISPLAY != 0)
}

/// Blank, tab or a part of a fold (values keep their folds; the line walker let no other CR or LF in).
#[inline]
pub(crate) fn is_lws(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

#[inline]
pub(crate) fn trim_start(mut s: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = s
        && is_lws(*first)
    {
        s = rest;
    }
    s
}

#[inline]
pub(crate) fn trim_end(mut s: &[u8]) -> &[u8] {
    while let [rest @ .., last] = s
        && is_lws(*last)
    {
        s = rest;
    }
    s
}

#[inline]
pub(crate) fn trim(s: &[u8]) -> &[u8] {
    trim_end(trim_start(s))
}

/// Decimal digits to a number: `None` for anything else, an empty string or a value over `u32`. Leading zeros are fine.
pub(crate) fn number(s: &[u8]) -> Option<u32> {
    if s.is_empty() {
        return None;
    }
    let mut n = 0_u32;
    for &b in s {
        if class(b) & DIGIT == 0 {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(u32::from(b - b'0'))?;
    }
    Some(n)
}

/// Parts of `s` before and behind the byte at `at`.
#[inline]
pub(crate) fn split_at(s: &[u8], at: usize) -> (&[u8], &[u8]) {
    (
        s.get(..at).unwrap_or_default(),
        s.get(at + 1..).unwrap_or_default(),
    )
}

/// Without leading blanks and tabs.
pub(crate) fn trim_blanks(mut s: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = s {
        s = rest;
    }
    s
}
