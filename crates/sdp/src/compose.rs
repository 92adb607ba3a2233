//! The far leg's body.

use std::net::IpAddr;

use crate::media::{Direction, Media};
use crate::parse::Sdp;
use crate::ptmap::PtMapping;

pub mod rules;

/// Our o= line.
#[derive(Clone, Copy, Debug)]
pub struct NewOrigin<'a> {
    /// User name; `-` is written if it is empty or not a token.
    pub username: &'a str,
    /// Session id: the same for the life of the dialog.
    pub id: u64,
    /// Version: grows by one with each changed body (RFC 3264 §8).
    pub version: u64,
    /// Our address.
    pub address: IpAddr,
}

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct Compose<'a> {
    /// Our o= line.
    pub origin: NewOrigin<'a>,
    /// Our media address: the session's c= line.
    pub address: IpAddr,
    /// Whose session-level lines (t=, b=, kept a=) are taken.
    pub source: &'a Sdp,
    /// m= sections to write, in order.
    pub slots: &'a [Slot<'a>],
    /// A kept line that contains one of these (any case) is dropped.
    pub hide: &'a [&'a [u8]],
}

/// One m= section to write.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// A live stream.
    Stream {
        /// The peer's section that is rewritten.
        media: &'a Media,
        /// Our port; 0 disables the stream.
        port: u16,
        /// How RTCP is announced.
        rtcp: RtcpPlan,
        /// Which formats.
        codecs: CodecFilter<'a>,
        /// `None`: the source's, with its hold by address made explicit.
        direction: Option<Direction>,
    },
    /// A refused stream (RFC 3264 §6): the peer's m= line with port 0.
    Rejected {
        /// The m= line, with or without `m=`.
        line: &'a [u8],
    },
}

/// How RTCP is announced (RFC 3605, RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPlan {
    /// RTCP on port + 1, nothing written.
    Pair,
    /// `a=rtcp-mux`: an answer that accepts it.
    Mux,
    /// `a=rtcp:port+1` and `a=rtcp-mux`: an offer.
    MuxOffer,
}

/// Which formats of a stream are written. Profiles other than RTP keep all of theirs.
#[derive(Clone, Copy, Debug)]
pub enum CodecFilter<'a> {
    /// All valid ones, in the source's order.
    All,
    /// These codec names, in this order.
    Only(&'a [String]),
    /// These payload types, in this order.
    Pts(&'a [u8]),
    /// An answer from B to be given to A: the codecs of the mapping, with A's payload types.
    Answer(&'a PtMapping),
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No codec of this slot (index) is left: 488.
    #[error("no codec left in media description {0}")]
    NoCodec(usize),
    /// The m= line of this rejected slot (index) is malformed.
    #[error("malformed media line in slot {0}")]
    Line(usize),
    /// The media type or profile of this slot (index) contains a hidden string.
    #[error("media line of slot {0} cannot be hidden")]
    Hidden(usize),
}

/// Writes the body.
pub fn compose(c: &Compose<'_>) -> Result<Vec<u8>, ComposeError> {
    let _ = c;
    todo!()
}

/// An offer of our own: PCMU, PCMA, telephone-event.
pub fn basic_offer(
    origin: NewOrigin<'_>,
    address: IpAddr,
    port: u16,
    rtcp: RtcpPlan,
    codecs: CodecFilter<'_>,
) -> Result<Vec<u8>, ComposeError> {
    let _ = (origin, address, port, rtcp, codecs);
    todo!()
}
