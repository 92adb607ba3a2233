//! Datagram to message: one pass over the lines, then the hot values.

mod head;
mod start;

use bytes::Bytes;
use memchr::memchr;

use crate::defect::{Defect, ParseError};
use crate::header::HeaderId;
use crate::message::{Message, offset};
use crate::method::Method;
use head::Head;
use start::StartLine;

/// How much of a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole message.
    pub message: usize,
    /// Octets of the request or status line.
    pub start_line: usize,
    /// Octets of one header line with its folds. More than 65 535 makes no difference to header names.
    pub header_line: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for Limits {
    /// A full datagram, a start line of 8 kB, 256 header lines of 16 kB.
    fn default() -> Self {
        Self {
            message: 65_535,
            start_line: 8192,
            header_line: 16_384,
            headers: 256,
        }
    }
}

/// Where the bytes came from: this decides who says how long the body is (RFC 3261 §18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Without Content-Length the body is the rest; octets behind it are ignored.
    Datagram,
    /// Content-Length is required.
    Stream,
}

/// Reads one datagram (RFC 3261 §18.3): line ends before the start line are skipped; Content-Length beyond the end is
/// [`Defect::BodyTooShort`]; octets behind it are ignored; without it the body is the rest.
///
/// A datagram in which every line of the head ends with a bare LF is read as if it had CRLF ([`Message::raw`] has CRLF then); a
/// head with both, or with a CR of its own, is refused. The stream framer takes CRLF alone, so no octets make one message here
/// and another there.
pub fn parse(datagram: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    let mut raw = datagram;
    let blank = raw.iter().take_while(|&&b| matches!(b, b'\r' | b'\n')).count();
    if blank == raw.len() {
        return Err(ParseError {
            defect: Defect::KeepAlive,
            message: None,
        });
    }
    if blank > 0 {
        let _ = raw.split_to(blank);
    }
    if let Some(with_crlf) = with_crlf(&raw, limits) {
        raw = with_crlf;
    }
    read(raw, limits, Source::Datagram)
}

/// The same message with CRLF if its head has LF alone throughout; `None` for every other one.
fn with_crlf(raw: &[u8], limits: &Limits) -> Option<Bytes> {
    let first = memchr(b'\n', raw)?;
    if raw.len() > limits.message || first.checked_sub(1).and_then(|i| raw.get(i)) == Some(&b'\r') {
        return None;
    }
    let end = memchr::memmem::find(raw, b"\n\n").map_or(raw.len(), |at| at + 2);
    let (head, body) = raw.split_at_checked(end)?;
    if memchr(b'\r', head).is_some() {
        return None;
    }
    let mut out = Vec::with_capacity(raw.len() + head.len() / 16);
    for line in head.split_inclusive(|&b| b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out.extend_from_slice(body);
    Some(Bytes::from(out))
}

/// The first defect counts; reading goes on behind it, so that the request can be answered.
#[derive(Debug, Default)]
struct Verdict(Option<Defect>);

impl Verdict {
    fn add(&mut self, defect: Defect) {
        self.0 = self.0.or(Some(defect));
    }

    fn check(&mut self, good: bool, defect: Defect) {
        if !good {
            self.add(defect);
        }
    }
}

/// Reads a message whose first octet is the first of its start line.
pub(crate) fn read(mut raw: Bytes, limits: &Limits, source: Source) -> Result<Message, ParseError> {
    let mut verdict = Verdict::default();
    let most = limits.message.min(u32::MAX as usize);
    if raw.len() > most {
        verdict.add(Defect::MessageTooLong);
        raw.truncate(most);
    }
    let start = start::read(&raw, limits, &mut verdict);
    let Some(start) = start else {
        return Err(ParseError {
            defect: Defect::NotSip,
            message: None,
        });
    };
    let mut head = Head::new(&raw, &start);
    head.walk(limits, &mut verdict);
    let Head {
        entries,
        length,
        headers_end,
        body: body_at,
        hot,
        cseq_method,
        ..
    } = head;
    let length = length.result();
    let room = raw.len() - body_at;
    let body = match (length, source) {
        (Err(defect), _) => {
            verdict.add(defect);
            0
        }
        (Ok(None), Source::Datagram) => room,
        (Ok(None), Source::Stream) => {
            verdict.add(Defect::MissingContentLength);
            0
        }
        (Ok(Some(length)), _) => {
            verdict.check(length <= room, Defect::BodyTooShort);
            length.min(room)
        }
    };
    let (method, status, argument) = match start {
        StartLine::Request { method, uri } => {
            verdict.check(
                cseq_method.as_ref().is_none_or(|m| *m == method),
                Defect::MethodMismatch,
            );
            (method, 0, uri)
        }
        StartLine::Response { status, reason } => {
            (cseq_method.unwrap_or(Method::Other(Bytes::new())), status, reason)
        }
    };
    raw.truncate(body_at + body);
    let (headers_end, body) = (offset(headers_end), offset(body_at));
    let message = Message {
        raw,
        entries,
        method,
        status,
        argument,
        headers_end,
        body,
        hot,
    };
    match verdict.0 {
        None => Ok(message),
        Some(defect) => Err(refuse(defect, message)),
    }
}

/// Keeps the message only if it can be answered.
fn refuse(defect: Defect, message: Message) -> ParseError {
    let answerable = message.is_request()
        && message.method != Method::Ack
        && message.entries.iter().any(|e| e.id == HeaderId::Via)
        && defect.status().is_some();
    ParseError {
        defect,
        message: answerable.then(|| Box::new(message)),
    }
}
