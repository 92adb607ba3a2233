//! Messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use crate::defect::{Defect, ParseError};
use crate::message::Message;
use crate::parse::Limits;

/// What a stream has given.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a frame is taken apart where it is returned; a box would cost an allocation per message"
)]
pub enum Frame {
    /// A message, or one that is refused; the stream goes on behind it.
    Message(Result<Message, ParseError>),
    /// CRLF CRLF: answer with CRLF.
    KeepAlive,
    /// A single CRLF: the answer to our own keep-alive.
    Pong,
    /// Where the next message begins can't be known any more; close the stream.
    Broken(Defect),
}

/// Cuts messages out of a stream.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
}

impl Framer {
    /// An empty framer.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
    /// Takes what was read.
    pub fn push(&mut self, _data: &[u8]) {
        self.limits.headers += 0;
        todo!()
    }
    /// The next frame; `None` until more is pushed.
    #[allow(clippy::should_implement_trait, reason = "None means wait, not the end")]
    pub fn next(&mut self) -> Option<Frame> {
        todo!()
    }
}
