//! Bytes to an index of lines.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::media::{Attribute, Media};

/// What a document may cost. Over a limit it is refused whole, by a named error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body (65,536).
    pub bytes: usize,
    /// m= lines (64).
    pub media: usize,
    /// Formats per m= line (64).
    pub formats: usize,
    /// Lines (512).
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 65_536,
            media: 64,
            formats: 64,
            lines: 512,
        }
    }
}

/// Why a document is unusable as a whole. The call that carries it as an offer is answered 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Nothing in it.
    #[error("empty session description")]
    Empty,
    /// Longer than [`Limits::bytes`].
    #[error("session description too long")]
    TooLong,
    /// More lines than [`Limits::lines`].
    #[error("too many lines in session description")]
    TooManyLines,
    /// More m= lines than [`Limits::media`].
    #[error("too many media descriptions")]
    TooManyMedia,
    /// More formats in one m= line than [`Limits::formats`].
    #[error("too many formats in a media description")]
    TooManyFormats,
    /// It does not begin with `v=0`.
    #[error("session description does not begin with v=0")]
    Version,
    /// An m= line without media type, port and profile.
    #[error("malformed media description")]
    MediaLine,
    /// The port of an m= line is not in 0 to 65535.
    #[error("impossible port in a media description")]
    MediaPort,
}

impl SdpError {
    /// Metric label.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
}

/// The o= line (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` if none.
    pub username: &'a str,
    /// Session id, digits as written.
    pub id: &'a str,
    /// Session version, digits as written.
    pub version: &'a str,
    /// Address or host name as written.
    pub address: &'a str,
}

/// Where a peer wants its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// RTP (or UDPTL).
    pub rtp: SocketAddr,
    /// RTCP; the same as `rtp` with rtcp-mux.
    pub rtcp: SocketAddr,
}

/// A parsed session description.
#[derive(Clone, Debug)]
pub struct Sdp {
    raw: Bytes,
}

impl Sdp {
    /// The body as it came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
    /// The o= line, if it is there and well formed.
    pub fn origin(&self) -> Option<Origin<'_>> {
        todo!()
    }
    /// m= sections in order.
    pub fn media(&self) -> &[Media] {
        todo!()
    }
    /// Session-level attributes in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
    /// The address of `m`: its own c= line, else the session's. `None`: none, a host name, multicast or broadcast.
    /// `0.0.0.0` and `::` (hold) are returned as they are.
    pub fn connection(&self, m: &Media) -> Option<IpAddr> {
        let _ = m;
        todo!()
    }
    /// Where to send this stream's packets; `None` for a refused stream, no address or a hold address.
    pub fn endpoints(&self, m: &Media, mux: bool) -> Option<Endpoints> {
        let _ = (m, mux);
        todo!()
    }
}

/// Parses a body; copies it once. See [`parse_bytes`].
pub fn parse(body: &[u8], limits: &Limits) -> Result<Sdp, SdpError> {
    parse_bytes(Bytes::copy_from_slice(body), limits)
}

/// Parses a body without copying it.
pub fn parse_bytes(body: Bytes, limits: &Limits) -> Result<Sdp, SdpError> {
    let _ = (body, limits);
    todo!()
}
