//! Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use bytes::Bytes;
use memchr::memmem;

use crate::defect::{Defect, ParseError};
use crate::header::HeaderId;
use crate::lines::{LengthRule, Lines, Step, split_header};
use crate::message::Message;
use crate::parse::{Limits, Source, read};

/// Capacity that an idle stream may keep, in octets.
const IDLE_CAPACITY: usize = 4096;

/// What a stream has given.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a frame is taken apart where it is returned; a box would cost an allocation per message"
)]
pub enum Frame {
    /// A message, or one that is refused. The stream goes on behind it unless [`Frame::Broken`] follows.
    Message(Result<Message, ParseError>),
    /// CRLF CRLF: answer with CRLF. Comes for every two CRLF in a row, however they were split.
    KeepAlive,
    /// A single CRLF: the answer to our own keep-alive.
    Pong,
    /// Where the next message begins can't be known any more: close the stream. Nothing comes after this.
    Broken(Defect),
}

/// Cuts messages out of a stream. Holds at most one incomplete message ([`Limits::message`] octets) once [`Framer::next`] has
/// returned `None`, and what is pushed meanwhile.
///
/// A message begins and ends by the same line walker and the same Content-Length rule as a datagram's. What makes its end doubtful
/// (no, bad or conflicting Content-Length, a line end that is no CRLF, a header line without colon, any limit passed) is reported
/// as a refused message and breaks the stream.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Octets of `buffer` that are done with.
    start: usize,
    /// Octets behind `start` in which no end of head was found.
    scanned: usize,
    /// The length of the message at `start`, once its head is complete.
    length: Option<usize>,
    /// The last thing before `start` was a CRLF that may be the first half of a keep-alive.
    half: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// To be told.
    Breaking(Defect),
    Broken,
}

impl Framer {
    /// An empty framer.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            length: None,
            half: false,
            state: State::Open,
        }
    }

    /// Takes what was read. Call [`Framer::next`] until `None` before the next push.
    pub fn push(&mut self, data: &[u8]) {
        if self.state != State::Open {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_CAPACITY.max(data.len()) {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(data);
    }

    /// Octets held of what isn't a whole message yet.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next frame; `None` until more is pushed, and for ever after [`Frame::Broken`].
    #[allow(clippy::should_implement_trait, reason = "None means wait, not the end")]
    pub fn next(&mut self) -> Option<Frame> {
        match self.state {
            State::Open => {}
            State::Breaking(defect) => {
                self.state = State::Broken;
                self.buffer = Vec::new();
                self.start = 0;
                return Some(Frame::Broken(defect));
            }
            State::Broken => return None,
        }
        if self.length.is_none() && self.scanned == 0 {
            match self.between() {
                Between::Wait => return None,
                Between::KeepAlive => return Some(Frame::KeepAlive),
                Between::Pong => return Some(Frame::Pong),
                Between::Bare => return Some(self.breaks(Defect::BareLineEnd)),
                Between::Message => {}
            }
        }
        if self.length.is_none() {
            match self.head() {
                Ok(Some(length)) => self.length = Some(length),
                Ok(None) => return None,
                Err(defect) => return Some(self.refuse(defect)),
            }
        }
        let length = self.length?;
        let bytes = Bytes::copy_from_slice(self.pending().get(..length)?);
        self.start += length;
        self.scanned = 0;
        self.length = None;
        match read(bytes, &self.limits, Source::Stream) {
            // Whatever this is, what follows it is no better.
            Err(ParseError {
                defect: Defect::NotSip,
                ..
            }) => Some(self.breaks(Defect::NotSip)),
            message => Some(Frame::Message(message)),
        }
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Line ends between messages.
    fn between(&mut self) -> Between {
        let (take, found) = match self.pending() {
            [] | [b'\r'] => return Between::Wait,
            [b'\r', b'\n', ..] if self.half => (2, Between::KeepAlive),
            [b'\r', b'\n', b'\r', b'\n', ..] => (4, Between::KeepAlive),
            [b'\r', b'\n', ..] => (2, Between::Pong),
            [b'\r' | b'\n', ..] => return Between::Bare,
            [_, ..] => {
                self.half = false;
                return Between::Message;
            }
        };
        self.half = found == Between::Pong;
        self.start += take;
        found
    }

    /// The length of the message once its head is complete.
    fn head(&mut self) -> Result<Option<usize>, Defect> {
        let pending = self.pending();
        let from = self.scanned.saturating_sub(2);
        let found = memmem::find(pending.get(from..).unwrap_or_default(), b"\n\r\n");
        let Some(found) = found else {
            if pending.len() > self.limits.message {
                return Err(Defect::MessageTooLong);
            }
            self.scanned = pending.len();
            return Ok(None);
        };
        let end = from + found + 3;
        let head = pending.get(..end).unwrap_or_default();
        match body_length(head, &self.limits) {
            Ok(body) if body <= self.limits.message.saturating_sub(end) => Ok(Some(end + body)),
            Ok(_) => Err(Defect::MessageTooLong),
            Err(defect) => Err(defect),
        }
    }

    /// The message as far as it is there, as a refused one; the stream is over behind it.
    fn refuse(&mut self, defect: Defect) -> Frame {
        let most = self.limits.message.saturating_add(1);
        let pending = self.pending();
        let part = Bytes::copy_from_slice(pending.get(..most).unwrap_or(pending));
        match read(part, &self.limits, Source::Stream) {
            Err(ParseError {
                defect: Defect::NotSip,
                ..
            }) => self.breaks(Defect::NotSip),
            Err(error) => {
                self.state = State::Breaking(defect);
                Frame::Message(Err(ParseError { defect, ..error }))
            }
            // Too long by its Content-Length and yet whole: the parser would have taken it.
            Ok(message) => {
                self.state = State::Breaking(defect);
                Frame::Message(Err(ParseError {
                    defect,
                    message: Some(Box::new(message)),
                }))
            }
        }
    }

    fn breaks(&mut self, defect: Defect) -> Frame {
        self.state = State::Broken;
        self.buffer = Vec::new();
        self.start = 0;
        Frame::Broken(defect)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// Not enough to tell.
    Wait,
    KeepAlive,
    Pong,
    /// A CR or LF of its own.
    Bare,
    /// Something else: a message begins.
    Message,
}

/// The body's length by a complete head, or why it can't be trusted.
fn body_length(head: &[u8], limits: &Limits) -> Result<usize, Defect> {
    let mut lines = Lines::new(head);
    let mut rule = LengthRule::default();
    let mut count = 0;
    if let Step::Line(line) = lines.step(false)
        && line.end - line.start > limits.start_line
    {
        return Err(Defect::StartLineTooLong);
    }
    loop {
        let line = match lines.step(true) {
            Step::Line(line) => line,
            Step::End(_) => break,
            Step::Cut => return Err(Defect::NoHeaderEnd),
        };
        count += 1;
        if count > limits.headers {
            return Err(Defect::TooManyHeaders);
        }
        if line.end - line.start > limits.header_line {
            return Err(Defect::HeaderTooLong);
        }
        let text = head.get(line.start..line.end).unwrap_or_default();
        let split = split_header(text).ok_or(Defect::HeaderSyntax)?;
        if split.id == HeaderId::ContentLength {
            rule.see(text.get(split.value..split.value_end).unwrap_or_default());
        }
    }
    if lines.bare() {
        return Err(Defect::BareLineEnd);
    }
    rule.result()?.ok_or(Defect::MissingContentLength)
}
