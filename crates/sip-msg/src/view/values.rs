//! Comma-separated values (RFC 3261 §7.3.1).

use memchr::memchr3;

use super::params::quoted_end;
use crate::chars::{split_at, trim};
use crate::header::HeaderId;
use crate::message::Lined;

/// The values of a list header over all of its lines, trimmed; commas in quotes and angle brackets separate nothing, empty values
/// are skipped. A header that is no list ([`HeaderId::is_list`]) gives one value per line.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
    list: bool,
    more: Option<Lined<'a>>,
}

impl<'a> Values<'a> {
    /// The values of one line.
    pub fn of(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            list: true,
            more: None,
        }
    }

    pub(crate) fn lines(lines: Lined<'a>, id: HeaderId) -> Self {
        Self {
            rest: &[],
            list: id.is_list(),
            more: Some(lines),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.rest.is_empty() {
                self.rest = self.more.as_mut()?.next()?;
            }
            let (value, rest) = if self.list {
                first(self.rest)
            } else {
                (self.rest, &[][..])
            };
            self.rest = rest;
            let value = trim(value);
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// The first value of a line and what stands behind its comma.
pub(crate) fn first(line: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    loop {
        let rest = line.get(from..).unwrap_or_default();
        let Some(found) = memchr3(b',', b'"', b'<', rest) else {
            return (line, &[]);
        };
        let at = from + found;
        let tail = line.get(at..).unwrap_or_default();
        let behind = match tail.first() {
            Some(b'"') => quoted_end(tail),
            Some(b'<') => bracket_end(tail),
            _ => return split_at(line, at),
        };
        match behind {
            Some(length) => from = at + length,
            // Never closed: the rest is one value, which its reader will refuse.
            None => return (line, &[]),
        }
    }
}

/// The offset behind the `>` that closes the `<` at the start.
fn bracket_end(s: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = at + memchr::memchr2(b'>', b'"', s.get(at..)?)?;
        if s.get(found) == Some(&b'>') {
            return Some(found + 1);
        }
        at = found + quoted_end(s.get(found..)?)?;
    }
}
