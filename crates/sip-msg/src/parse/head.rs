//! The header lines, taken in one pass: each is indexed, and the values that every message is asked for are read on the way.

use smallvec::SmallVec;

use super::start::StartLine;
use super::{Limits, Verdict};
use crate::chars::{is_lws, number, trim_end, trim_start};
use crate::defect::Defect;
use crate::header::HeaderId;
use crate::lines::{LengthRule, Line, Lines, Split, Step, split_header};
use crate::message::{AddrIndex, Entry, Hot, Span, ViaIndex, offset};
use crate::method::Method;
use crate::view::{NameAddr, Values, Via, first_value};

/// The header lines as they are found.
pub(super) struct Head<'a> {
    raw: &'a [u8],
    start: &'a StartLine,
    pub(super) entries: SmallVec<[Entry; 32]>,
    pub(super) length: LengthRule,
    /// A bit per header of which there may be one.
    seen: u32,
    via: bool,
    contact: bool,
    pub(super) hot: Hot,
    /// The method of CSeq, once it is read.
    pub(super) cseq_method: Option<Method>,
    pub(super) headers_end: usize,
    pub(super) body: usize,
}

impl<'a> Head<'a> {
    pub(super) fn new(raw: &'a [u8], start: &'a StartLine) -> Self {
        Self {
            raw,
            start,
            entries: SmallVec::new(),
            length: LengthRule::default(),
            seen: 0,
            via: false,
            contact: false,
            hot: Hot::default(),
            cseq_method: None,
            headers_end: raw.len(),
            body: raw.len(),
        }
    }

    pub(super) fn walk(&mut self, limits: &Limits, verdict: &mut Verdict) {
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
                    verdict.check(!lines.bare(), Defect::BareLineEnd);
                    break;
                }
                Step::Cut => {
                    verdict.check(!lines.bare(), Defect::BareLineEnd);
                    verdict.add(Defect::NoHeaderEnd);
                    break;
                }
            }
        }
        verdict.check(self.via, Defect::MissingVia);
        for (id, defect) in [
            (HeaderId::From, Defect::MissingFrom),
            (HeaderId::To, Defect::MissingTo),
            (HeaderId::CallId, Defect::MissingCallId),
            (HeaderId::CSeq, Defect::MissingCSeq),
        ] {
            verdict.check(self.seen & id.single_bit() != 0, defect);
        }
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
        self.push(line.start, name, line.start + value, line.start + value_end, id);
        let value = text.get(value..value_end).unwrap_or_default();
        let bit = id.single_bit();
        if self.seen & bit != 0 {
            verdict.add(Defect::DuplicateHeader);
            return;
        }
        self.seen |= bit;
        self.read(id, value, verdict);
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

    /// Reads a value that every message is asked for. Of the headers that may come once, only the first line gets here.
    #[inline]
    fn read(&mut self, id: HeaderId, value: &'a [u8], verdict: &mut Verdict) {
        match id {
            HeaderId::Via if !self.via => {
                self.via = true;
                self.hot.via = self.via(value, verdict);
            }
            HeaderId::From => self.hot.from = self.address(value, Defect::BadFrom, verdict),
            HeaderId::To => self.hot.to = self.address(value, Defect::BadTo, verdict),
            HeaderId::CallId => {
                let blank = memchr::memchr3(b' ', b'\t', b'\n', value).is_some();
                verdict.check(!value.is_empty() && !blank, Defect::BadCallId);
                self.hot.call_id = Span::of(self.raw, value);
            }
            HeaderId::CSeq => match cseq(value, self.start) {
                Some((number, method)) => {
                    self.hot.cseq = number;
                    self.cseq_method = Some(method);
                }
                None => verdict.add(Defect::BadCSeq),
            },
            HeaderId::Contact => self.contact(value, verdict),
            HeaderId::ContentLength => self.length.see(value),
            _ => {}
        }
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

    fn contact(&mut self, line: &'a [u8], verdict: &mut Verdict) {
        let first = !std::mem::replace(&mut self.contact, true);
        if line == b"*" {
            return;
        }
        let request = matches!(self.start, StartLine::Request { .. });
        let mut none = true;
        for value in Values::of(line) {
            match NameAddr::parse(value) {
                Ok(address) if first && none => {
                    self.hot.contact = Some(AddrIndex::of(self.raw, &address, None))
                }
                // Of a response the first one counts: a registrar's list has what others have put there.
                Err(_) if request || (first && none) => verdict.add(Defect::BadContact),
                Ok(_) | Err(_) => {}
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
