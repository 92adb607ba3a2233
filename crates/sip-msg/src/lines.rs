//! The line walker and the Content-Length rule, shared by datagrams and streams so that both see the same message.

use memchr::memchr;

use crate::chars::{is_token, number, trim_end, trim_start};
use crate::defect::Defect;
use crate::header::HeaderId;

/// A header line with its folds: offsets into the head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// First octet.
    pub(crate) start: usize,
    /// Behind the last octet that isn't the line's end.
    pub(crate) end: usize,
}

/// What [`Lines::next`] comes upon.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A line that isn't empty.
    Line(Line),
    /// The blank line; the body begins at this offset.
    End(usize),
    /// The data ends first.
    Cut,
}

/// Walks over the lines of a head. A line ends at LF; whether each LF has its CR, and each CR its LF, is told by [`Lines::bare`].
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    data: &'a [u8],
    at: usize,
    line_ends: usize,
    bare_lf: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            line_ends: 0,
            bare_lf: false,
        }
    }

    /// The next line; with `fold`, continuation lines (RFC 3261 §7.3.1) belong to it.
    #[inline]
    pub(crate) fn step(&mut self, fold: bool) -> Step {
        let start = self.at;
        let mut from = start;
        loop {
            let Some(rest) = self.data.get(from..) else {
                return Step::Cut;
            };
            let Some(lf) = memchr(b'\n', rest) else {
                self.at = self.data.len();
                let end = self.at;
                return if end == start {
                    Step::Cut
                } else {
                    Step::Line(Line { start, end })
                };
            };
            let lf = from + lf;
            self.line_ends += 1;
            let cr = lf
                .checked_sub(1)
                .filter(|&i| i >= start && self.data.get(i) == Some(&b'\r'));
            self.bare_lf |= cr.is_none();
            let end = cr.unwrap_or(lf);
            self.at = lf + 1;
            if end == start && cr.is_some() {
                return Step::End(self.at);
            }
            if fold && end > start && matches!(self.data.get(self.at), Some(b' ' | b'\t')) {
                from = self.at;
                continue;
            }
            return Step::Line(Line { start, end });
        }
    }

    /// Whether there was an LF without CR, or a CR without LF, up to here.
    pub(crate) fn bare(&self) -> bool {
        let seen = self.data.get(..self.at).unwrap_or_default();
        self.bare_lf || memchr::memchr_iter(b'\r', seen).count() != self.line_ends
    }
}

/// A header line taken apart, all offsets relative to the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) id: HeaderId,
    /// Length of the name.
    pub(crate) name: usize,
    /// The trimmed value.
    pub(crate) value: usize,
    pub(crate) value_end: usize,
}

/// Takes a header line apart. `None`: no colon, or the name is no token. Blanks before the colon are fine (RFC 3261 §7.3.1).
#[inline]
pub(crate) fn split_header(line: &[u8]) -> Option<Split> {
    // Near the start as a rule: a loop is as fast as a search by vectors.
    let colon = line.iter().position(|&b| b == b':')?;
    let mut name = line.get(..colon)?;
    let mut id = HeaderId::from_name(name);
    // A known name needs no look at its characters.
    if id == HeaderId::Other {
        while let [rest @ .., b' ' | b'\t'] = name {
            name = rest;
        }
        if !is_token(name) {
            return None;
        }
        id = HeaderId::from_name(name);
    }
    let rest = line.get(colon + 1..)?;
    let value = trim_start(rest);
    let start = colon + 1 + (rest.len() - value.len());
    Some(Split {
        id,
        name: name.len(),
        value: start,
        value_end: start + trim_end(value).len(),
    })
}

/// Content-Length over all of its lines (RFC 3261 §20.14): digits only, and lines that repeat it must agree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LengthRule {
    length: Option<u32>,
    defect: Option<Defect>,
}

impl LengthRule {
    /// Takes one line's value.
    pub(crate) fn see(&mut self, value: &[u8]) {
        match (number(value), self.length) {
            (None, _) => self.defect = self.defect.or(Some(Defect::BadContentLength)),
            (Some(new), Some(old)) if new != old => {
                self.defect = self.defect.or(Some(Defect::ConflictingContentLength));
            }
            (Some(new), _) => self.length = Some(new),
        }
    }

    /// The length that all lines agree on; `None` without any.
    pub(crate) fn result(self) -> Result<Option<usize>, Defect> {
        match self.defect {
            Some(defect) => Err(defect),
            None => Ok(self.length.map(|n| usize::try_from(n).unwrap_or(usize::MAX))),
        }
    }
}
