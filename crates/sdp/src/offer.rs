//! Offer/answer arithmetic (RFC 3264, RFC 6337).

use crate::codec::Codec;
use crate::media::{Direction, Media};
use crate::parse::Sdp;

/// Why a stream cannot be anchored as plain media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Port 0: the peer itself refuses or disables it.
    #[error("stream is disabled (port 0)")]
    Disabled,
    /// No usable address.
    #[error("stream has no usable address")]
    NoAddress,
    /// Not a media type that is relayed.
    #[error("media type is not relayed")]
    Kind,
    /// Not a profile that is relayed.
    #[error("transport profile is not relayed")]
    Proto,
    /// No valid format.
    #[error("stream has no usable format")]
    NoFormat,
}

/// Whether `m` can be anchored: audio over RTP/AVP(F), or T.38 over UDPTL, with an address, a port and a format.
pub fn acceptable(sdp: &Sdp, m: &Media) -> Result<(), Refusal> {
    let _ = (sdp, m);
    todo!()
}

/// The direction seen from the other end: sendonly ↔ recvonly.
pub fn complement(direction: Direction) -> Direction {
    let _ = direction;
    todo!()
}

/// The stream's direction with c=0.0.0.0 read as "I do not receive" (RFC 3264 §8.4).
pub fn hold_direction(sdp: &Sdp, m: &Media) -> Direction {
    let _ = (sdp, m);
    todo!()
}

/// Whether this stream puts the other end on hold: its owner does not receive.
pub fn is_hold(sdp: &Sdp, m: &Media) -> bool {
    let _ = (sdp, m);
    todo!()
}

/// Codecs of the answer that the offer has too, in the answer's order: (offer's, answer's).
pub fn common<'a, 'b>(offer: &'a Media, answer: &'b Media) -> Vec<(Codec<'a>, Codec<'b>)> {
    let _ = (offer, answer);
    todo!()
}

/// Whether two bodies differ in nothing but the o= line, so that the version need not grow (RFC 3264 §8).
pub fn unchanged(previous: &[u8], next: &[u8]) -> bool {
    let _ = (previous, next);
    todo!()
}
