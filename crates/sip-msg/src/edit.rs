//! Changes to a message, applied once on writing.

use std::io::Write as _;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::header::HeaderId;
use crate::message::{Message, Span};
use crate::method::Method;
use crate::write::{request_line, status_line, unfold};

/// Octets that the values of most edits fit into.
const USUAL: usize = 256;

/// What becomes of the lines that are there.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Keep,
    Remove,
    /// The first line gets this value, the others go.
    Replace(Span),
}

/// All changes to one header.
#[derive(Clone, Debug)]
struct Change {
    id: HeaderId,
    fate: Fate,
    /// New lines at the end.
    after: SmallVec<[Span; 2]>,
}

/// A list of changes for [`Message::write`]. A value with CR or LF outside of folds is refused: that change is left out and
/// counted. Content-Length belongs to [`Edits::body`]; other changes to it, and to [`HeaderId::Other`], are refused too.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    changes: SmallVec<[Change; 8]>,
    /// The values, one behind the other.
    values: Vec<u8>,
    start: Option<Span>,
    body: Option<Span>,
    refused: usize,
}

impl Edits {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first line of `id` gets this value, its other lines go; without one it is appended.
    pub fn replace(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        if let Some(span) = self.store(id, value) {
            self.change(id).fate = Fate::Replace(span);
        }
        self
    }

    /// A line behind all others.
    pub fn append(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        if let Some(span) = self.store(id, value) {
            self.change(id).after.push(span);
        }
        self
    }

    /// Every line of `id` that is in the message goes.
    pub fn remove(&mut self, id: HeaderId) -> &mut Self {
        if self.allowed(id) {
            self.change(id).fate = Fate::Remove;
        }
        self
    }

    /// Another request line; blanks and controls in `uri` are escaped.
    pub fn request_line(&mut self, method: &Method, uri: &[u8]) -> &mut Self {
        let from = self.values.len();
        request_line(&mut self.values, method, uri);
        self.start = Some(Span::new(from, self.values.len()));
        self
    }

    /// Another status line.
    pub fn status_line(&mut self, status: u16, reason: &str) -> &mut Self {
        let from = self.values.len();
        status_line(&mut self.values, status, reason);
        self.start = Some(Span::new(from, self.values.len()));
        self
    }

    /// Another body with its Content-Type (the old one goes when it is empty) and Content-Length. Content-Encoding and
    /// Content-Disposition stay as they are.
    pub fn body(&mut self, content_type: &[u8], body: &[u8]) -> &mut Self {
        self.values.reserve(USUAL + body.len());
        if content_type.is_empty() {
            self.remove(HeaderId::ContentType);
        } else {
            self.replace(HeaderId::ContentType, content_type);
        }
        let from = self.values.len();
        // Writing into a Vec can't fail.
        let _ = write!(self.values, "{}", body.len());
        let span = Span::new(from, self.values.len());
        self.change(HeaderId::ContentLength).fate = Fate::Replace(span);
        let from = self.values.len();
        self.values.extend_from_slice(body);
        self.body = Some(Span::new(from, self.values.len()));
        self
    }

    /// Changes that were refused.
    pub fn refused(&self) -> usize {
        self.refused
    }

    fn allowed(&mut self, id: HeaderId) -> bool {
        let allowed = !matches!(id, HeaderId::ContentLength | HeaderId::Other);
        self.refused += usize::from(!allowed);
        allowed
    }

    fn store(&mut self, id: HeaderId, value: &[u8]) -> Option<Span> {
        if !self.allowed(id) {
            return None;
        }
        let from = self.values.len();
        if from == 0 {
            self.values.reserve(USUAL);
        }
        if !unfold(&mut self.values, value) {
            self.values.truncate(from);
            self.refused += 1;
            return None;
        }
        Some(Span::new(from, self.values.len()))
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "the index was found or pushed in the line above"
    )]
    fn change(&mut self, id: HeaderId) -> &mut Change {
        let at = self.changes.iter().position(|c| c.id == id).unwrap_or_else(|| {
            self.changes.push(Change {
                id,
                fate: Fate::Keep,
                after: SmallVec::new(),
            });
            self.changes.len() - 1
        });
        &mut self.changes[at]
    }

    fn line(&self, out: &mut Vec<u8>, id: HeaderId, value: Span) {
        out.extend_from_slice(id.name().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.get(&self.values));
        out.extend_from_slice(b"\r\n");
    }

    /// Writes `message` with these changes. Runs of untouched lines are copied at once.
    pub(crate) fn apply(&self, message: &Message) -> Bytes {
        if self.changes.is_empty() && self.start.is_none() && self.body.is_none() {
            return message.raw.clone();
        }
        let raw: &[u8] = &message.raw;
        let body = match self.body {
            Some(span) => span.get(&self.values),
            None => raw.get(message.body as usize..).unwrap_or_default(),
        };
        let lines = self.changes.len() * 40;
        let mut out = Vec::with_capacity(message.body as usize + self.values.len() + lines + body.len());
        let first = message.entries.first().map_or(message.headers_end, |e| e.line) as usize;
        match self.start {
            Some(span) => out.extend_from_slice(span.get(&self.values)),
            None => out.extend_from_slice(raw.get(..first).unwrap_or_default()),
        }
        // Of which of the changed headers a line has been met.
        let mut met: SmallVec<[bool; 8]> = SmallVec::from_elem(false, self.changes.len());
        let mut run = first;
        for (index, entry) in message.entries.iter().enumerate() {
            let Some(at) = self.changes.iter().position(|c| c.id == entry.id) else {
                continue;
            };
            let (Some(change), Some(met)) = (self.changes.get(at), met.get_mut(at)) else {
                continue;
            };
            out.extend_from_slice(raw.get(run..entry.line as usize).unwrap_or_default());
            let line = message.line_of(index, entry);
            run = entry.line as usize + line.len();
            self.touched(&mut out, change, met, line);
        }
        out.extend_from_slice(raw.get(run..message.headers_end as usize).unwrap_or_default());
        for (change, met) in self.changes.iter().zip(met) {
            if let (Fate::Replace(value), false) = (change.fate, met) {
                self.line(&mut out, change.id, value);
            }
            for &value in &change.after {
                self.line(&mut out, change.id, value);
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        Bytes::from(out)
    }

    /// Writes what becomes of a line; `met`: whether there was one of its header before.
    fn touched(&self, out: &mut Vec<u8>, change: &Change, met: &mut bool, line: &[u8]) {
        let first = !std::mem::replace(met, true);
        match change.fate {
            Fate::Keep => out.extend_from_slice(line),
            Fate::Remove => {}
            Fate::Replace(value) if first => self.line(out, change.id, value),
            Fate::Replace(_) => {}
        }
    }
}
