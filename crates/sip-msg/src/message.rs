//! A message and what can be read in it.

use bytes::Bytes;

use crate::edit::Edits;
use crate::header::{Header, HeaderId};
use crate::method::Method;
use crate::view::{NameAddr, Values, Via};

/// A parsed message: its bytes and an index of ranges. Cloning copies the index and counts a reference.
#[derive(Clone, Debug)]
pub struct Message {
    raw: Bytes,
    method: Method,
}

impl Message {
    /// The message as it came, without what stood before or behind it in the datagram.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
    /// The body.
    pub fn body(&self) -> Bytes {
        todo!()
    }
    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        todo!()
    }
    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        Some(&self.method)
    }
    /// The status of a response, 100..=699.
    pub fn status(&self) -> Option<u16> {
        todo!()
    }
    /// The reason phrase of a response, empty for a request.
    pub fn reason(&self) -> &[u8] {
        todo!()
    }
    /// The Request-URI as sent, empty for a response.
    pub fn uri(&self) -> &[u8] {
        todo!()
    }
    /// Every header line in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        std::iter::empty()
    }
    /// The first line's value, trimmed; folds are still inside.
    pub fn header(&self, _id: HeaderId) -> Option<&[u8]> {
        todo!()
    }
    /// The first line's value by name, in any case, long or compact.
    pub fn header_named(&self, _name: &str) -> Option<&[u8]> {
        todo!()
    }
    /// The comma-separated values over all lines of `id`, quotes and angle brackets respected; empty ones are skipped.
    pub fn values(&self, _id: HeaderId) -> Values<'_> {
        todo!()
    }
    /// The first Via value.
    pub fn top_via(&self) -> Via<'_> {
        todo!()
    }
    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        todo!()
    }
    /// CSeq.
    pub fn cseq(&self) -> (u32, &Method) {
        (0, &self.method)
    }
    /// From.
    pub fn from(&self) -> NameAddr<'_> {
        todo!()
    }
    /// To.
    pub fn to(&self) -> NameAddr<'_> {
        todo!()
    }
    /// The From tag.
    pub fn from_tag(&self) -> Option<&[u8]> {
        todo!()
    }
    /// The To tag.
    pub fn to_tag(&self) -> Option<&[u8]> {
        todo!()
    }
    /// The first Contact value; `None` without Contact or for `*`.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        todo!()
    }
    /// Content-Type.
    pub fn content_type(&self) -> Option<&[u8]> {
        todo!()
    }
    /// The number in a header such as Max-Forwards, Expires or RSeq; parameters behind `;` are ignored.
    pub fn number(&self, _id: HeaderId) -> Option<u32> {
        todo!()
    }
    /// Whether a list header (Require, Supported, Allow …) has this token, in any case.
    pub fn has_token(&self, _id: HeaderId, _token: &str) -> bool {
        todo!()
    }
    /// The message with the edits applied; untouched lines leave byte for byte.
    pub fn write(&self, _edits: &Edits) -> Bytes {
        todo!()
    }
}
