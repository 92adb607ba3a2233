//! What call control and the media plane say to each other.
//!
//! A command that fails comes back as an [`Event`]; one that was carried out says nothing unless it was asked for something.
//! Stream ids are the caller's, and a stream's ports stay reserved until its [`Event::Closed`] or [`Event::Failed`] has come back.

use crate::emodel;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use crate::losses::LossStructure;
pub use crate::quality::Quality;
pub use crate::rtcp::{Summary, VoipMetrics};
pub use crate::stats::{DropCounts, DropReason, Heard, LegStats, SessionStats};
pub use crate::{Cidr, PortPair, PtEntry, PtMap};

/// One relayed media stream (an m-line of a call), named by whoever opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MediaId(pub u64);

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

/// One of the two legs of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The caller's leg.
    A,
    /// The callee's leg.
    B,
}

impl Side {
    /// Both sides, A first, in the order of every two-element array of this crate.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The opposite leg.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What the datagrams of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// RTP with RTCP (RFC 3550).
    Rtp,
    /// T.38 fax in UDPTL (ITU-T T.38 §9.1): any bytes, filtered by source only.
    Udptl,
}

/// One leg of a stream, as the last offer/answer left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Our address on this leg.
    pub bind: IpAddr,
    /// Our ports on this leg.
    pub ports: PortPair,
    /// What the datagrams are.
    pub kind: StreamKind,
    /// RTCP shares the RTP port with this peer (RFC 5761).
    pub mux: bool,
    /// Where the peer's SDP says that it receives; `None` before there is any.
    pub remote: Option<Remote>,
    /// We may send to this peer: its direction lets it receive.
    pub may_send: bool,
    /// We expect packets from this peer: its silence counts.
    pub expects: bool,
    /// Which sources are believed.
    pub latch: Latch,
    /// Payload types of packets that arrive here, and as what they leave on the other leg.
    pub map: PtMap,
    /// Differentiated services code point of what we send to this peer (0..=63; RFC 2474).
    pub dscp: u8,
    /// What RTCP this peer gets.
    pub rtcp: Rtcp,
    /// The codec that is spoken on this leg, as far as its quality can be told from what is lost and late.
    pub codec: Option<emodel::Codec>,
    /// Who is at the other end, as a number: another one when another party takes the leg's place (the next carrier, another
    /// branch, a transfer). What the other leg hears then goes on as one stream.
    pub party: u64,
    /// What is to be done beyond relaying.
    pub needs: Needs,
}

/// What RTCP a peer gets (RFC 3550 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rtcp {
    /// What the other peer sends; reports of our own while it sends none, or while its reports would be about another stream.
    #[default]
    Auto,
    /// What the other peer sends; reports of our own only where its reports would be about another stream.
    Relay,
    /// Reports of our own.
    Generate,
    /// None.
    Off,
}

/// What a leg needs beyond relaying: nothing, by default. A direction between legs that need nothing may be the kernel's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The two legs speak different codecs: what this one speaks. Set on both legs or on neither.
    pub transcode: Option<Arc<Audio>>,
}

/// What is spoken on a leg, as the last offer/answer left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// What we send to this peer.
    pub send: Format,
    /// What may arrive from it; `send` among them.
    pub accepts: SmallVec<[Format; 2]>,
    /// Telephone events (RFC 4733): payload type and clock in Hz.
    pub events: Option<(u8, u32)>,
    /// Payload type of comfort noise at 8000 Hz (RFC 3389), where the peer takes it.
    pub comfort_noise: Option<u8>,
}

/// A payload type, and how its packets are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The number it has on this leg (0..=127).
    pub payload_type: u8,
    /// What it is.
    pub codec: Codec,
    /// Milliseconds of audio per packet that the peer prefers.
    pub packet_time: u16,
}

/// A codec that can be made of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// ITU-T G.711, mu-law, 8 kHz.
    Pcmu,
    /// ITU-T G.711, A-law, 8 kHz.
    Pcma,
    /// ITU-T G.722: 16 kHz audio on an RTP clock of 8 kHz (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 6716, RFC 7587), RTP clock 48 kHz.
    Opus {
        /// The peer takes in-band forward error correction (`useinbandfec`).
        fec: bool,
        /// Bits per second that it wants at most (`maxaveragebitrate`); 0: what suits.
        bitrate: u32,
    },
    /// Linear 16-bit samples in network byte order (RFC 3551 §4.5.11).
    L16 {
        /// Samples per second: 8000, 16000, 44100 or 48000.
        rate: u32,
        /// Channels, 1 or 2.
        channels: u8,
    },
}

impl Codec {
    /// RTP clock rate in Hz.
    #[must_use]
    pub fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus { .. } => 48_000,
            Self::L16 { rate, .. } => rate,
        }
    }
}

/// Where a peer receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// RTP, or UDPTL.
    pub rtp: SocketAddr,
    /// RTCP: port + 1, or as `a=rtcp` says (RFC 3605); equal to `rtp` under mux.
    pub rtcp: SocketAddr,
}

/// Which sources a leg believes (RFC 7362 for the idea, and for its risks).
///
/// The signalled address is always believed. A source whose IP address is `signalling` is believed until a first source is
/// known, and in the window after an offer/answer. Any other only with `symmetric`, and only in that window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latch {
    /// Any source may become the peer's, within the window.
    pub symmetric: bool,
    /// The IP address that the peer's signalling comes from; an unspecified address (`0.0.0.0`, `::`) matches no source and
    /// with `symmetric` unset makes the leg strict: the signalled address only.
    pub signalling: IpAddr,
    /// Networks that media may come from and go to; empty: all.
    pub acl: Arc<[Cidr]>,
    /// A peer that moves in mid-call may come back from another IP address, not only from another port.
    pub rebind_any_address: bool,
}

/// What call control asks of the media plane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a command is moved twice in its life; a box would cost an allocation"
)]
pub enum Command {
    /// Binds the sockets and relays; [`Event::Failed`] when it can't be done.
    Open {
        /// Name of the new stream; must not be in use.
        id: MediaId,
        /// Leg A, leg B.
        legs: [Leg; 2],
        /// Silence on a leg that expects packets after which [`Event::Silent`] is sent; `None`: never.
        silence: Option<Duration>,
        /// The same for a leg that is on hold (expects nothing).
        hold_silence: Option<Duration>,
        /// A leg that expects packets and hears none for this long while the other peer speaks: [`Event::OneWay`]; `None`: it
        /// is not told.
        one_way: Option<Duration>,
    },
    /// A leg has a new SDP: its latch window opens, and the learned address is forgotten unless the peer signalled the same
    /// address as before. Other ports or another bind address: rebound ([`Event::Failed`] when that fails; the stream then goes on as it was).
    Update {
        /// The stream.
        id: MediaId,
        /// Which leg.
        side: Side,
        /// The whole new leg.
        leg: Leg,
        /// Sockets change (other ports, RTCP on its own or no longer): to be done at once. Otherwise it is soon enough
        /// before the next packet.
        rebind: bool,
    },
    /// Ends the stream. Answered by [`Event::Closed`], also when the id is unknown (with empty statistics).
    Close {
        /// The stream.
        id: MediaId,
    },
    /// Asks for the statistics so far. Answered by [`Event::Report`] when the id is known.
    Report {
        /// The stream.
        id: MediaId,
    },
}

impl Command {
    /// The stream that the command is about.
    #[must_use]
    pub fn id(&self) -> MediaId {
        match self {
            Self::Open { id, .. } | Self::Update { id, .. } | Self::Close { id } | Self::Report { id } => *id,
        }
    }
}

/// What the media plane tells call control.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An Open or an Update could not be done. After a failed Open nothing of the stream is left and its ports are unbound.
    Failed {
        /// The stream.
        id: MediaId,
        /// The leg whose port could not be had.
        side: Side,
        /// That port (0 when the failure is not a port's).
        port: u16,
        /// The operating system's words.
        error: String,
    },
    /// Nothing came from this leg's peer for as long as the stream's limit allows. Sent once per silence.
    Silent {
        /// The stream.
        id: MediaId,
        /// Whose silence.
        side: Side,
        /// For how long.
        quiet: Duration,
    },
    /// This leg's peer is not heard although the other one speaks, or is heard again.
    OneWay {
        /// The stream.
        id: MediaId,
        /// Who is not heard.
        side: Side,
        /// For how long; `None`: it is heard again.
        quiet: Option<Duration>,
    },
    /// The sockets are closed; the ports may be given back.
    Closed {
        /// The stream.
        id: MediaId,
        /// Final statistics.
        stats: Box<SessionStats>,
    },
    /// The statistics so far.
    Report {
        /// The stream.
        id: MediaId,
        /// Statistics so far.
        stats: Box<SessionStats>,
    },
}

impl Event {
    /// The stream that the event is about.
    #[must_use]
    pub fn id(&self) -> MediaId {
        match self {
            Self::Failed { id, .. }
            | Self::Silent { id, .. }
            | Self::OneWay { id, .. }
            | Self::Closed { id, .. }
            | Self::Report { id, .. } => *id,
        }
    }
}
