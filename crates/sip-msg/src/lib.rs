//! SIP messages: bytes in, an index of ranges over them, borrowed views, edits applied once on writing.
//!
//! [`parse`] takes one datagram and gives a [`Message`] that keeps the bytes as they came; nothing is copied and,
//! for ordinary messages, nothing is allocated. [`stream::Framer`] cuts the same messages out of a byte stream with the
//! same line walker and the same Content-Length rule, so that the two can't disagree about where a message ends.
//! What is accepted, what is refused and with which status: `docs/specs/sip-message.md`.

mod chars;
mod defect;
mod edit;
mod header;
mod lines;
mod mask;
mod message;
mod method;
pub mod multipart;
mod parse;
mod reason;
pub mod stream;
mod view;
mod write;

#[cfg(feature = "rsip")]
pub mod compat;
#[cfg(feature = "torture")]
pub mod torture;

pub use defect::{Defect, ParseError};
pub use edit::Edits;
pub use header::{Header, HeaderId};
pub use mask::mask;
pub use message::Message;
pub use method::Method;
pub use parse::{Limits, parse};
pub use reason::status_reason;
pub use view::{
    NameAddr, Params, ParamsIter, SipUri, TelUri, Uri, Values, Via, ViewError, request_uri, unescape_quoted,
    unquote,
};
pub use write::{Value, Writer};
