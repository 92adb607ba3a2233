//! What can be wrong with a message, and what it deserves.

use crate::Message;
use crate::method::Method;

/// Why bytes were not taken as a message. The first one found is the one reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// Nothing but line ends (RFC 5626 §3.5.1, RFC 3261 §7.5): no message at all, nothing to answer.
    KeepAlive,
    /// The first line is neither a request line nor a status line.
    NotSip,
    /// The datagram is longer than [`Limits::message`](crate::Limits), or the stream announces such a message.
    MessageTooLong,
    /// The first line is longer than [`Limits::start_line`](crate::Limits).
    StartLineTooLong,
    /// A header line, folds included, is longer than [`Limits::header_line`](crate::Limits).
    HeaderTooLong,
    /// More header lines than [`Limits::headers`](crate::Limits).
    TooManyHeaders,
    /// A CR or LF that is not part of a CRLF.
    BareLineEnd,
    /// The blank line behind the headers is missing.
    NoHeaderEnd,
    /// The request line isn't method, one blank, URI, one blank, version (RFC 3261 §7.1).
    StartLine,
    /// The Request-URI breaks the grammar, has blanks, brackets or header parts (RFC 3261 §19.1.1).
    RequestUri,
    /// Another version than SIP/2.0.
    Version,
    /// A status outside 100..=699.
    StatusCode,
    /// A header line without colon, or whose name is no token.
    HeaderSyntax,
    /// No Via.
    MissingVia,
    /// No From.
    MissingFrom,
    /// No To.
    MissingTo,
    /// No Call-ID.
    MissingCallId,
    /// No CSeq.
    MissingCSeq,
    /// On a stream: no Content-Length (RFC 3261 §18.3).
    MissingContentLength,
    /// Two of a header of which there may be one (RFC 4475 §3.3.8).
    DuplicateHeader,
    /// The first Via value can't be read.
    BadVia,
    /// From can't be read.
    BadFrom,
    /// To can't be read.
    BadTo,
    /// Call-ID is empty or has blanks.
    BadCallId,
    /// CSeq isn't a number up to 2^32-1 and a method.
    BadCSeq,
    /// A Contact can't be read, or has a `?` outside of angle brackets (RFC 3261 §20.10).
    BadContact,
    /// Content-Length isn't a number.
    BadContentLength,
    /// Content-Length lines that differ (RFC 4475 §3.3.9).
    ConflictingContentLength,
    /// The CSeq method isn't the request's (RFC 3261 §8.1.1.5).
    MethodMismatch,
    /// The datagram ends before Content-Length says (RFC 3261 §18.3).
    BodyTooShort,
}

impl Defect {
    /// The status a request with this defect deserves. `None`: drop and count. Responses are always dropped
    /// (RFC 3261 §18.1.2, §18.3), whatever this says: ask [`ParseError::answer`].
    pub fn status(self) -> Option<u16> {
        match self {
            Self::KeepAlive | Self::NotSip | Self::StatusCode => None,
            Self::MessageTooLong | Self::HeaderTooLong | Self::TooManyHeaders => Some(513),
            Self::StartLineTooLong => Some(414),
            Self::Version => Some(505),
            Self::BareLineEnd
            | Self::NoHeaderEnd
            | Self::StartLine
            | Self::RequestUri
            | Self::HeaderSyntax
            | Self::MissingVia
            | Self::MissingFrom
            | Self::MissingTo
            | Self::MissingCallId
            | Self::MissingCSeq
            | Self::MissingContentLength
            | Self::DuplicateHeader
            | Self::BadVia
            | Self::BadFrom
            | Self::BadTo
            | Self::BadCallId
            | Self::BadCSeq
            | Self::BadContact
            | Self::BadContentLength
            | Self::ConflictingContentLength
            | Self::MethodMismatch
            | Self::BodyTooShort => Some(400),
        }
    }

    /// A short name: metric label and reason phrase in one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepAlive => "Keep-Alive",
            Self::NotSip => "Not SIP",
            Self::MessageTooLong => "Message Too Large",
            Self::StartLineTooLong => "Request-URI Too Long",
            Self::HeaderTooLong => "Header Line Too Long",
            Self::TooManyHeaders => "Too Many Header Lines",
            Self::BareLineEnd => "CR or LF Alone",
            Self::NoHeaderEnd => "No End of Headers",
            Self::StartLine => "Malformed Request Line",
            Self::RequestUri => "Malformed Request-URI",
            Self::Version => "Version Not Supported",
            Self::StatusCode => "Malformed Status Code",
            Self::HeaderSyntax => "Malformed Header Line",
            Self::MissingVia => "Missing Via",
            Self::MissingFrom => "Missing From",
            Self::MissingTo => "Missing To",
            Self::MissingCallId => "Missing Call-ID",
            Self::MissingCSeq => "Missing CSeq",
            Self::MissingContentLength => "Missing Content-Length",
            Self::DuplicateHeader => "Duplicate Header",
            Self::BadVia => "Malformed Via",
            Self::BadFrom => "Malformed From",
            Self::BadTo => "Malformed To",
            Self::BadCallId => "Malformed Call-ID",
            Self::BadCSeq => "Malformed CSeq",
            Self::BadContact => "Malformed Contact",
            Self::BadContentLength => "Malformed Content-Length",
            Self::ConflictingContentLength => "Conflicting Content-Length",
            Self::MethodMismatch => "CSeq Method Mismatch",
            Self::BodyTooShort => "Body Shorter Than Content-Length",
        }
    }
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{defect}")]
pub struct ParseError {
    /// The first defect found.
    pub defect: Defect,
    /// What could be indexed, when it can be answered: a request other than ACK with at least a Via line. Its hot
    /// values are empty where their lines are missing or unreadable.
    pub message: Option<Box<Message>>,
}

impl ParseError {
    /// The request to answer and the status to answer with; `None`: drop and count.
    pub fn answer(&self) -> Option<(&Message, u16)> {
        let message = self.message.as_deref()?;
        match message.method() {
            Some(Method::Ack) | None => None,
            Some(_) => Some((message, self.defect.status()?)),
        }
    }
}
