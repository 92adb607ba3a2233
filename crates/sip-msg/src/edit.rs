//! Changes to a message, applied once on writing.

use crate::header::HeaderId;
use crate::method::Method;

/// A list of changes for [`Message::write`](crate::Message::write). Values with CR or LF that aren't folds are refused.
#[derive(Clone, Debug, Default)]
pub struct Edits {}

impl Edits {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }
    /// The first line of `id` gets this value, its other lines go; without one it is appended.
    pub fn replace(&mut self, _id: HeaderId, _value: &[u8]) -> &mut Self {
        todo!()
    }
    /// A line before the first of `id`; without one, the first header line of all.
    pub fn insert_first(&mut self, _id: HeaderId, _value: &[u8]) -> &mut Self {
        todo!()
    }
    /// A line behind the last of all headers.
    pub fn append(&mut self, _id: HeaderId, _value: &[u8]) -> &mut Self {
        todo!()
    }
    /// Every line of `id` goes.
    pub fn remove(&mut self, _id: HeaderId) -> &mut Self {
        todo!()
    }
    /// The first comma-separated value of `id` goes, with its line if it was alone there.
    pub fn remove_first_value(&mut self, _id: HeaderId) -> &mut Self {
        todo!()
    }
    /// Another request line.
    pub fn request_line(&mut self, _method: &Method, _uri: &[u8]) -> &mut Self {
        todo!()
    }
    /// Another status line.
    pub fn status_line(&mut self, _status: u16, _reason: &str) -> &mut Self {
        todo!()
    }
    /// Another body with its Content-Type (none when empty) and Content-Length.
    pub fn body(&mut self, _content_type: &[u8], _body: &[u8]) -> &mut Self {
        todo!()
    }
}
