//! Digits on a leg.

use smallvec::SmallVec;

/// How digits are written on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// How they are said to this peer.
    pub said: Said,
    /// The payload type with which it takes telephone events (RFC 4733), and their clock in Hz.
    pub events: Option<(u8, u32)>,
    /// The payload types with which its events arrive.
    pub heard: SmallVec<[u8; 2]>,
}

/// How digits are said to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// As telephone events.
    Events,
    /// By call control: nothing goes into the stream, [`Event::Digit`](super::Event::Digit) tells of those that were heard on the other leg.
    Signalled,
}
