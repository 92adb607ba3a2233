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

mod sound;
mod spoken;

pub use audio::{Codec, Format as AudioFormat, OpusParameters};
pub use sound::{Country, Sound, SoundSource, Tone};
pub use spoken::{Audio, Format};

pub use crate::answer::{AfterAnswer, BadAnswer};
pub use crate::dtls::{Engines, Failure, Fingerprint, Setup};
pub use crate::dtmf::{Digit, DigitError};
pub use crate::ice::Credentials;
pub use crate::losses::LossStructure;
pub use crate::quality::Quality;
pub use crate::rtcp::{Summary, VoipMetrics};
pub use crate::srtp::{Keys, MasterKey, Mki, Suite};
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
    /// What is said on this leg is protected.
    pub security: Option<Security>,
    /// The peer says by connectivity checks where it is; under mux only.
    pub ice: Option<Ice>,
    /// Digits that are pressed here are heard, and how those of the other leg are said here. Set on both legs or on neither.
    pub digits: Option<Arc<Digits>>,
    /// Digits are tones here ([`Said::Tones`]), and something else on the other leg: what is spoken here. Tones in what arrives
    /// are heard as digits, and taken out of what the other leg hears. Only beside `digits`.
    pub in_band: Option<Arc<Audio>>,
}

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
    /// As tones in what it hears ([`Needs::in_band`]).
    Tones,
    /// By call control: nothing goes into the stream, [`Event::Digit`] tells of those that were heard on the other leg.
    Signalled,
}

/// ICE on a leg, of which we are the lite side (RFC 8445 §2.5). Who has the credentials is the peer, wherever it sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ice {
    /// Ours.
    pub local: Credentials,
    /// The peer's user name fragment; `None`: its SDP is not known yet.
    pub remote: Option<Box<str>>,
    /// The peer is a lite agent too and sends no checks: it is where its SDP says.
    pub lite: bool,
}

/// DTLS-SRTP on a leg (RFC 5763).
#[derive(Clone, Debug)]
pub struct Dtls {
    /// Our certificate, and who does the handshakes.
    pub engines: Arc<dyn Engines>,
    /// What offer and answer say.
    pub setup: Setup,
}

impl PartialEq for Dtls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engines, &other.engines) && self.setup == other.setup
    }
}

impl Eq for Dtls {}

/// How what is said on a leg is protected. Nothing else is sent or believed there; what can't be protected yet is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// SRTP with keys from the SDP (RFC 4568).
    Sdes {
        /// What the peer sends is under these; `None`: they are not known yet.
        receive: Option<Keys>,
        /// What we send is under these; `None`: the peer has not said yet which of ours it takes.
        send: Option<Keys>,
    },
    /// SRTP with keys from a handshake between us and the peer.
    Dtls(Dtls),
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
    /// Plays a sound to a leg's peer, in place of what the other leg says and of any sound before. [`Event::Played`] tells
    /// when one that ends has ended.
    Play {
        /// The stream.
        id: MediaId,
        /// Who hears it.
        side: Side,
        /// The sound.
        sound: Arc<Sound>,
        /// What that peer speaks.
        audio: Arc<Audio>,
    },
    /// Stops what is being played to a leg's peer: it hears the other leg again.
    Hush {
        /// The stream.
        id: MediaId,
        /// Who hears it.
        side: Side,
    },
    /// Says a digit to a leg's peer, after those that are being said: nothing else is said to it meanwhile. For a peer whose
    /// digits go into the stream ([`Digits::said`]).
    Press {
        /// The stream.
        id: MediaId,
        /// Who hears it.
        side: Side,
        /// The digit.
        digit: Digit,
        /// For how long it is pressed; made 40 ms or 8 s if it is shorter or longer.
        duration: Duration,
    },
    /// Listens to a leg's peer for a while, as it was answered just now. [`Event::Supervised`] tells what was heard when the time is
    /// over; [`LegStats::after_answer`] has it then, or when the stream ends before.
    Supervise {
        /// The stream.
        id: MediaId,
        /// Who is listened to.
        side: Side,
        /// What that peer speaks.
        audio: Arc<Audio>,
        /// For how long.
        time: Duration,
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
            Self::Open { id, .. }
            | Self::Update { id, .. }
            | Self::Play { id, .. }
            | Self::Hush { id, .. }
            | Self::Press { id, .. }
            | Self::Supervise { id, .. }
            | Self::Close { id }
            | Self::Report { id } => *id,
        }
    }
}

/// What comes of connectivity checks and of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathChange {
    /// A DTLS handshake has given the leg its keys.
    Secured,
    /// The leg gets no keys: nothing is relayed there.
    NotSecured(Failure),
    /// The peer has ended its DTLS association, as one does who goes away.
    Goodbye,
    /// The peer's consent to be sent to (RFC 7675) has expired, after nothing was heard for this long: nothing is sent until it
    /// checks again.
    NoConsent(Duration),
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
    /// A sound that ends has been played to the end.
    Played {
        /// The stream.
        id: MediaId,
        /// Who heard it.
        side: Side,
    },
    /// Checks or a handshake on this leg have come to something.
    Path {
        /// The stream.
        id: MediaId,
        /// Which leg.
        side: Side,
        /// What it is.
        change: PathChange,
    },
    /// A digit was pressed on a leg that is listened to ([`Needs::digits`]), and is over.
    Digit {
        /// The stream.
        id: MediaId,
        /// Who pressed it.
        side: Side,
        /// The digit.
        digit: Digit,
        /// For how long.
        duration: Duration,
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
    /// A leg's peer has been listened to for as long as was [asked](Command::Supervise). Not sent where it speaks what can't be decoded.
    Supervised {
        /// The stream.
        id: MediaId,
        /// Who.
        side: Side,
        /// What was heard.
        after: AfterAnswer,
    },
    /// What a leg's peer says has sounded bad for its first seconds.
    SoundsBad {
        /// The stream.
        id: MediaId,
        /// Whose.
        side: Side,
        /// Mean opinion score so far (ITU-T G.107).
        mos: f32,
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
            | Self::Played { id, .. }
            | Self::Path { id, .. }
            | Self::Digit { id, .. }
            | Self::OneWay { id, .. }
            | Self::Supervised { id, .. }
            | Self::SoundsBad { id, .. }
            | Self::Closed { id, .. }
            | Self::Report { id, .. } => *id,
        }
    }
}
