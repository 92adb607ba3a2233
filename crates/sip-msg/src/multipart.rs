//! Multipart bodies (RFC 2046 §5.1, RFC 5621).

use memchr::memmem;

use crate::chars::trim;
use crate::lines::{Lines, Step, split_header};
use crate::view::{Params, unquote};

/// Parts taken from one body; what is behind the last of them is left alone.
pub const MAX_PARTS: usize = 32;
/// Octets of the longest boundary (RFC 2046 §5.1.1).
pub const MAX_BOUNDARY: usize = 70;

/// One part of a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The part's header lines, as sent.
    pub headers: &'a [u8],
    /// The part's content.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// The trimmed value of a header of this part, name in any case; folds are still inside.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut lines = Lines::new(self.headers);
        while let Step::Line(line) = lines.step(true) {
            let text = self.headers.get(line.start..line.end)?;
            if let Some(split) = split_header(text)
                && text
                    .get(..split.name)
                    .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
            {
                return text.get(split.value..split.value_end);
            }
        }
        None
    }

    /// Its Content-Type.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header("Content-Type")
    }
}

/// The parts of `body` by the boundary of `content_type`, at most [`MAX_PARTS`]; `None` when that isn't a multipart type with a
/// boundary of up to [`MAX_BOUNDARY`] octets. A missing closing delimiter ends the last part at the end of the body.
pub fn parts<'a>(body: &'a [u8], content_type: &[u8]) -> Option<Vec<Part<'a>>> {
    let boundary = boundary(content_type)?;
    let mut delimiter = Vec::with_capacity(boundary.len() + 4);
    delimiter.extend_from_slice(b"\r\n--");
    delimiter.extend_from_slice(&boundary);
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    // The first delimiter needs no line end before it.
    let mut rest = match body.strip_prefix(delimiter.get(2..)?) {
        Some(rest) => rest,
        None => behind_delimiter(body, &finder, delimiter.len())?,
    };
    while parts.len() < MAX_PARTS && !rest.starts_with(b"--") {
        // Blanks behind the delimiter are transport padding.
        let line = memmem::find(rest, b"\r\n")?;
        if !trim(rest.get(..line)?).is_empty() {
            return None;
        }
        // From this line end on: an empty part has only this one.
        rest = rest.get(line..)?;
        let end = finder.find(rest);
        let part = rest.get(..end.unwrap_or(rest.len()))?;
        parts.push(split(part.strip_prefix(b"\r\n").unwrap_or(part)));
        match end {
            Some(end) => rest = rest.get(end + delimiter.len()..)?,
            None => break,
        }
    }
    Some(parts)
}

fn behind_delimiter<'a>(body: &'a [u8], finder: &memmem::Finder<'_>, length: usize) -> Option<&'a [u8]> {
    body.get(finder.find(body)? + length..)
}

fn split(part: &[u8]) -> Part<'_> {
    if let Some(body) = part.strip_prefix(b"\r\n") {
        return Part { headers: &[], body };
    }
    match memmem::find(part, b"\r\n\r\n") {
        Some(at) => Part {
            headers: part.get(..at + 2).unwrap_or_default(),
            body: part.get(at + 4..).unwrap_or_default(),
        },
        None => Part {
            headers: part,
            body: &[],
        },
    }
}

fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let end = memchr::memchr(b';', content_type)?;
    let (media, params) = content_type.split_at_checked(end)?;
    if !trim(media).get(..10)?.eq_ignore_ascii_case(b"multipart/") {
        return None;
    }
    let boundary = unquote(Params::parse(params).ok()?.get("boundary")??).into_owned();
    (1..=MAX_BOUNDARY).contains(&boundary.len()).then_some(boundary)
}
