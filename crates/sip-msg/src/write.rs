//! Building messages.

use std::io::Write as _;

use bytes::Bytes;

use crate::chars::{is_token, is_token_char};
use crate::header::HeaderId;
use crate::message::Message;
use crate::method::Method;

/// Octets that most messages fit into.
const USUAL: usize = 1024;

/// Builds a message line by line. A value with a CR or LF that is no fold is refused: the line is left out and counted, so that
/// nobody's value becomes a header of ours. Folds become one blank. Content-Length is written by `finish`; setting it is ignored.
#[derive(Clone, Debug)]
pub struct Writer {
    buffer: Vec<u8>,
    refused: usize,
}

impl Writer {
    /// A request line. Blanks and controls in `uri` are escaped (`%20`).
    pub fn request(method: &Method, uri: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(USUAL);
        request_line(&mut buffer, method, uri);
        Self { buffer, refused: 0 }
    }

    /// A status line; `status` is 100..=699. CR and LF in the reason become blanks.
    pub fn response(status: u16, reason: &str) -> Self {
        let mut buffer = Vec::with_capacity(USUAL);
        status_line(&mut buffer, status, reason);
        Self { buffer, refused: 0 }
    }

    /// A header line.
    pub fn header(&mut self, id: HeaderId, value: &[u8]) -> &mut Self {
        self.named(id.name().as_bytes(), value)
    }

    /// A header line from format arguments, without a copy between.
    pub fn header_fmt(&mut self, id: HeaderId, value: std::fmt::Arguments<'_>) -> &mut Self {
        if id == HeaderId::ContentLength {
            return self;
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(id.name().as_bytes());
        self.buffer.extend_from_slice(b": ");
        let from = self.buffer.len();
        let written = self.buffer.write_fmt(value).is_ok();
        let plain = memchr::memchr2(b'\r', b'\n', self.buffer.get(from..).unwrap_or_default()).is_none();
        if written && plain && id != HeaderId::Other {
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.buffer.truncate(start);
            self.refused += 1;
        }
        self
    }

    /// A header line by name; a name that is no token is refused.
    pub fn named(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        if HeaderId::from_name(name) != HeaderId::ContentLength && !header_line(&mut self.buffer, name, value)
        {
            self.refused += 1;
        }
        self
    }

    /// Every line of `id` in `from`: the value byte for byte, the name in its long form; folds become blanks.
    pub fn copy(&mut self, from: &Message, id: HeaderId) -> &mut Self {
        for entry in from
            .entries
            .iter()
            .filter(|e| e.id == id && id != HeaderId::Other)
        {
            self.header(id, from.value_of(entry));
        }
        self
    }

    /// Lines that were refused.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The message without a body.
    pub fn finish(mut self) -> Bytes {
        self.buffer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Bytes::from(self.buffer)
    }

    /// The message with a body; no Content-Type line when `content_type` is empty.
    pub fn finish_with(mut self, content_type: &[u8], body: &[u8]) -> Bytes {
        self.buffer.reserve(body.len() + content_type.len() + 48);
        if !content_type.is_empty() {
            self.header(HeaderId::ContentType, content_type);
        }
        // Writing into a Vec can't fail.
        let _ = write!(self.buffer, "Content-Length: {}\r\n\r\n", body.len());
        self.buffer.extend_from_slice(body);
        Bytes::from(self.buffer)
    }
}

pub(crate) fn request_line(out: &mut Vec<u8>, method: &Method, uri: &[u8]) {
    out.extend(method.as_bytes().iter().copied().filter(|&b| is_token_char(b)));
    out.push(b' ');
    for &b in uri {
        if b <= b' ' || b == 0x7f {
            let _ = write!(out, "%{b:02X}");
        } else {
            out.push(b);
        }
    }
    out.extend_from_slice(b" SIP/2.0\r\n");
}

pub(crate) fn status_line(out: &mut Vec<u8>, status: u16, reason: &str) {
    let _ = write!(out, "SIP/2.0 {status:03} ");
    out.extend(
        reason
            .bytes()
            .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }),
    );
    out.extend_from_slice(b"\r\n");
}

/// `Name: value` CRLF; nothing and `false` if the name is no token or the value has CR or LF outside of folds.
pub(crate) fn header_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    if !is_token(name) {
        return false;
    }
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    if unfold(out, value) {
        out.extend_from_slice(b"\r\n");
        true
    } else {
        out.truncate(start);
        false
    }
}

/// Appends a value with each fold as one blank (RFC 3261 §7.3.1); `false` for CR or LF that is no fold.
pub(crate) fn unfold(out: &mut Vec<u8>, value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let Some(folded) = behind
            .strip_prefix(b"\r\n")
            .filter(|b| matches!(b.first(), Some(b' ' | b'\t')))
        else {
            return false;
        };
        out.extend_from_slice(before);
        out.push(b' ');
        rest = crate::chars::trim_blanks(folded);
    }
    out.extend_from_slice(rest);
    true
}
