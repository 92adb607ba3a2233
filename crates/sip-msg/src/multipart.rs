//! Multipart bodies (RFC 2046 §5.1, RFC 5621).

/// One part of a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The part's header lines, as sent.
    pub headers: &'a [u8],
    /// The part's content.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// The value of a header of this part, any case.
    pub fn header(&self, _name: &str) -> Option<&'a [u8]> {
        todo!()
    }

    /// Its Content-Type.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header("Content-Type")
    }
}

/// The parts of `body` by the boundary of `content_type`; `None` when that isn't a multipart type with a boundary.
pub fn parts<'a>(_body: &'a [u8], _content_type: &[u8]) -> Option<Vec<Part<'a>>> {
    todo!()
}
