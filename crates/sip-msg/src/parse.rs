//! Datagram to message.

use bytes::Bytes;

use crate::defect::ParseError;
use crate::message::Message;

/// How much of a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole message.
    pub message: usize,
    /// Octets of the request or status line.
    pub start_line: usize,
    /// Octets of one header line with its folds.
    pub header_line: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 65_535,
            start_line: 8192,
            header_line: 16_384,
            headers: 256,
        }
    }
}

/// Reads one datagram (RFC 3261 §18.3).
pub fn parse(_datagram: Bytes, _limits: &Limits) -> Result<Message, ParseError> {
    todo!()
}
