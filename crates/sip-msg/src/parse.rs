//! Datagram to message: one pass over the lines, then the hot values.

mod start;

use bytes::Bytes;
use memchr::memchr;
use smallvec::SmallVec;

use crate::chars::{is_lws, number, trim_end, trim_start};
use crate::defect::{Defect, ParseError};
use crate::header::HeaderId;
use crate::lines::{LengthRule, Line, Lines, Split, Step, split_header};
use crate::message::{AddrIndex, Entry, Hot, Message, Span, ViaIndex, offset};
use crate::method::Method;
use crate::view::{NameAddr, Values, Via, first_value};
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
    let mut head = Head::new(&raw);
    head.walk(limits, &mut verdict);
    let length = head.length.result();
    let body_at = head.body;
    let (hot, cseq_method) = head.hot(&start, &mut verdict);
    let entries = head.entries;
    let headers_end = head.headers_end;
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

/// The header lines as they are found.
struct Head<'a> {
    raw: &'a [u8],
    entries: SmallVec<[Entry; 32]>,
    length: LengthRule,
    /// A bit per [`HeaderId`] seen.
    seen: u128,
    headers_end: usize,
    body: usize,
}

impl<'a> Head<'a> {
    fn new(raw: &'a [u8]) -> Self {
        let (headers_end, body) = (raw.len(), raw.len());
        Self {
            raw,
            entries: SmallVec::new(),
            length: LengthRule::default(),
            seen: 0,
            headers_end,
            body,
        }
    }

    fn walk(&mut self, limits: &Limits, verdict: &mut Verdict) {
        let mut lines = Lines::new(self.raw);
        let _ = lines.step(false);
        loop {
            match lines.step(true) {
                Step::Line(line) => {
                    if self.entries.len() >= limits.headers {
                        verdict.add(Defect::TooManyHeaders);
                        self.headers_end = line.start;
                        self.body = line.start;
                        return;
                    }
                    self.take(line, limits, verdict);
                }
                Step::End(body) => {
                    self.body = body;
                    self.headers_end = body - 2;
                    break;
                }
                Step::Cut => {
                    verdict.check(!lines.bare(), Defect::BareLineEnd);
                    verdict.add(Defect::NoHeaderEnd);
                    break;
                }
            }
        }
        verdict.check(!lines.bare(), Defect::BareLineEnd);
    }

    fn take(&mut self, line: Line, limits: &Limits, verdict: &mut Verdict) {
        let text = self.raw.get(line.start..line.end).unwrap_or_default();
        verdict.check(text.len() <= limits.header_line, Defect::HeaderTooLong);
        let split = split_header(text).and_then(|split| Some((split, u16::try_from(split.name).ok()?)));
        let Some((
            Split {
                id, value, value_end, ..
            },
            name,
        )) = split
        else {
            // An empty line that isn't the blank one is an LF of its own.
            verdict.add(if text.is_empty() {
                Defect::BareLineEnd
            } else {
                Defect::HeaderSyntax
            });
            self.push(line.start, 0, line.start, line.end, HeaderId::Other);
            return;
        };
        if id == HeaderId::ContentLength {
            self.length.see(text.get(value..value_end).unwrap_or_default());
        }
        let bit = 1_u128 << (id as u8);
        verdict.check(!(id.is_single() && self.seen & bit != 0), Defect::DuplicateHeader);
        self.seen |= bit;
        self.push(line.start, name, line.start + value, line.start + value_end, id);
    }

    fn push(&mut self, line: usize, name: u16, value: usize, value_end: usize, id: HeaderId) {
        let (line, value, value_end) = (offset(line), offset(value), offset(value_end));
        self.entries.push(Entry {
            line,
            value,
            value_end,
            name,
            id,
        });
    }

    fn value(&self, entry: &Entry) -> &'a [u8] {
        self.raw
            .get(entry.value as usize..entry.value_end as usize)
            .unwrap_or_default()
    }

    /// Reads the values that every message must have, each once, and the method of CSeq.
    fn hot(&self, start: &StartLine, verdict: &mut Verdict) -> (Hot, Option<Method>) {
        let mut hot = Hot::default();
        let mut cseq_method = None;
        let mut done = 0_u128;
        for entry in &self.entries {
            let bit = 1_u128 << (entry.id as u8);
            let first = done & bit == 0;
            done |= bit;
            let value = self.value(entry);
            match entry.id {
                HeaderId::Via if first => hot.via = self.via(value, verdict),
                HeaderId::From if first => hot.from = self.address(value, Defect::BadFrom, verdict),
                HeaderId::To if first => hot.to = self.address(value, Defect::BadTo, verdict),
                HeaderId::CallId if first => {
                    verdict.check(
                        !value.is_empty() && memchr::memchr3(b' ', b'\t', b'\n', value).is_none(),
                        Defect::BadCallId,
                    );
                    hot.call_id = Span::of(self.raw, value);
                }
                HeaderId::CSeq if first => match cseq(value, start) {
                    Some((number, method)) => {
                        hot.cseq = number;
                        cseq_method = Some(method);
                    }
                    None => verdict.add(Defect::BadCSeq),
                },
                HeaderId::Contact => self.contact(value, first, &mut hot, verdict),
                _ => {}
            }
        }
        for (id, defect) in [
            (HeaderId::Via, Defect::MissingVia),
            (HeaderId::From, Defect::MissingFrom),
            (HeaderId::To, Defect::MissingTo),
            (HeaderId::CallId, Defect::MissingCallId),
            (HeaderId::CSeq, Defect::MissingCSeq),
        ] {
            verdict.check(done & (1_u128 << (id as u8)) != 0, defect);
        }
        (hot, cseq_method)
    }

    fn via(&self, line: &'a [u8], verdict: &mut Verdict) -> ViaIndex {
        let (value, _) = first_value(line);
        let via = Via::parse(value).unwrap_or_else(|_| {
            verdict.add(Defect::BadVia);
            Via::salvage(value)
        });
        ViaIndex::of(self.raw, &via)
    }

    fn address(&self, value: &'a [u8], defect: Defect, verdict: &mut Verdict) -> AddrIndex {
        match NameAddr::parse_for(value, b"tag") {
            Ok((address, tag)) => AddrIndex::of(self.raw, &address, tag),
            Err(_) => {
                verdict.add(defect);
                AddrIndex::default()
            }
        }
    }

    fn contact(&self, line: &'a [u8], first: bool, hot: &mut Hot, verdict: &mut Verdict) {
        if line == b"*" {
            return;
        }
        let mut none = true;
        for value in Values::of(line) {
            match NameAddr::parse(value) {
                Ok(address) if first && none => hot.contact = Some(AddrIndex::of(self.raw, &address, None)),
                Ok(_) => {}
                Err(_) => verdict.add(Defect::BadContact),
            }
            none = false;
        }
        // `Contact:` without a value has no place in the grammar.
        verdict.check(!none, Defect::BadContact);
    }
}

/// Number and method (RFC 3261 §20.16). The request's own method is taken over without another look.
fn cseq(value: &[u8], start: &StartLine) -> Option<(u32, Method)> {
    let digits = value.iter().position(|&b| is_lws(b))?;
    let (sequence, method) = value.split_at_checked(digits)?;
    let method = trim_end(trim_start(method));
    let method = match start {
        StartLine::Request { method: own, .. } if own.as_bytes() == method => own.clone(),
        StartLine::Request { .. } | StartLine::Response { .. } => Method::from_bytes(method)?,
    };
    Some((number(sequence)?, method))
}
