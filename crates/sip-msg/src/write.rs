//! Building messages.

use bytes::Bytes;

use crate::header::HeaderId;
use crate::message::Message;
use crate::method::Method;

/// Builds a message line by line. A value with a CR or LF that is no fold is refused: the line is left out.
/// Content-Length is written by `finish`; setting it is ignored.
#[derive(Clone, Debug)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    /// A request line. Blanks and controls in `uri` are escaped.
    pub fn request(_method: &Method, _uri: &[u8]) -> Self {
        todo!()
    }
    /// A status line.
    pub fn response(_status: u16, _reason: &str) -> Self {
        todo!()
    }
    /// A header line.
    pub fn header(&mut self, _id: HeaderId, _value: &[u8]) -> &mut Self {
        self.buffer.clear();
        todo!()
    }
    /// A header line from format arguments.
    pub fn header_fmt(&mut self, _id: HeaderId, _value: std::fmt::Arguments<'_>) -> &mut Self {
        todo!()
    }
    /// A header line by name.
    pub fn named(&mut self, _name: &[u8], _value: &[u8]) -> &mut Self {
        todo!()
    }
    /// Every line of `id` in `from`, byte for byte; folds become blanks.
    pub fn copy(&mut self, _from: &Message, _id: HeaderId) -> &mut Self {
        todo!()
    }
    /// The message without a body.
    pub fn finish(self) -> Bytes {
        todo!()
    }
    /// The message with a body; no Content-Type line when that is empty.
    pub fn finish_with(self, _content_type: &[u8], _body: &[u8]) -> Bytes {
        todo!()
    }
}
