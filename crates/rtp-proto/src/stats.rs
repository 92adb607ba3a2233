//! What is counted.

use crate::answer::AfterAnswer;
use crate::losses::LossStructure;
use crate::quality::Quality;
use crate::rtcp::{Summary, VoipMetrics};
use serde::{Deserialize, Serialize};

/// Statistics of a stream: leg A, leg B.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionStats {
    /// What arrived on leg A, and on leg B.
    pub legs: [LegStats; 2],
}

/// What arrived on one leg from its peer, and what was sent to that peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegStats {
    /// RTP (or UDPTL) packets accepted, whether or not they could be forwarded.
    pub packets: u64,
    /// Their bytes: RTP header and payload, without UDP and IP headers.
    pub bytes: u64,
    /// Packets that never came: expected by sequence number less those seen (RFC 3550 §A.3), over all SSRCs.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Packets that came a second time.
    pub duplicates: u64,
    /// Interarrival jitter now (RFC 3550 §A.8), in microseconds.
    pub jitter_us: u32,
    /// Highest interarrival jitter, in microseconds.
    pub jitter_max_us: u32,
    /// Longest time between two packets, in milliseconds; a hold in between does not count.
    pub max_gap_ms: u32,
    /// Synchronisation sources seen in succession: 1 for a stream that never changed.
    pub ssrcs: u32,
    /// SSRC of the last packet.
    pub ssrc: Option<u32>,
    /// Payload type of the last packet, as it arrived.
    pub payload_type: Option<u8>,
    /// RTCP packets accepted.
    pub rtcp_packets: u64,
    /// RTP (or UDPTL) packets sent to this peer.
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// RTCP packets sent to this peer.
    pub sent_rtcp: u64,
    /// Last round trip between us and this peer, from RTCP reports that passed through (RFC 3550 §6.4.1), in microseconds.
    pub rtt_us: Option<u32>,
    /// How loss is spread.
    pub loss: LossStructure,
    /// How what this peer says sounds here; `None`: its codec is not one that this can be told of, or hardly anything came.
    pub quality: Option<Quality>,
    /// For how long nothing was heard from this peer although the other one spoke, in milliseconds; counted once it was told of.
    pub mute_ms: u64,
    /// What this peer says of what it hears; `None`: nothing.
    pub heard: Option<Box<Heard>>,
    /// What was heard of this peer from the answer on; `None`: it was not listened to, or spoke what can't be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_answer: Option<AfterAnswer>,
    /// How often the peer's address was learned anew.
    pub latches: u32,
    /// Digits that this peer pressed, where they were listened for, as telephone events (RFC 4733) or as tones.
    pub digits: u32,
    /// Packets that arrived here and went no further, by reason.
    pub dropped: DropCounts,
}

/// What a session counts of a leg as it goes: see the fields of [`LegStats`], of which the others are read from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    pub(crate) jitter_max_us: u32,
    pub(crate) max_gap_ms: u32,
    pub(crate) ssrcs: u32,
    pub(crate) ssrc: Option<u32>,
    pub(crate) payload_type: Option<u8>,
    pub(crate) rtcp_packets: u64,
    pub(crate) sent_packets: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) sent_rtcp: u64,
    pub(crate) rtt_us: Option<u32>,
    pub(crate) latches: u32,
    pub(crate) digits: u32,
    pub(crate) dropped: DropCounts,
}

impl Counters {
    /// As they stand, with nothing of what is read from elsewhere.
    pub(crate) fn stats(&self) -> LegStats {
        LegStats {
            packets: self.packets,
            bytes: self.bytes,
            reordered: self.reordered,
            duplicates: self.duplicates,
            jitter_max_us: self.jitter_max_us,
            max_gap_ms: self.max_gap_ms,
            ssrcs: self.ssrcs,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            rtcp_packets: self.rtcp_packets,
            sent_packets: self.sent_packets,
            sent_bytes: self.sent_bytes,
            sent_rtcp: self.sent_rtcp,
            rtt_us: self.rtt_us,
            latches: self.latches,
            digits: self.digits,
            dropped: self.dropped.clone(),
            ..LegStats::default()
        }
    }
}

/// What a peer says, in RTCP, of what it hears: the stream that it is sent, all the way from the other peer where that is relayed
/// as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Report blocks about that stream.
    pub reports: u32,
    /// Packets lost in all, as last reported; negative where duplicates outnumber them.
    pub lost: i32,
    /// Fraction lost between the last two reports, 0 to 1.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub fraction_lost: f32,
    /// The highest of these.
    #[serde(serialize_with = "crate::figures::fraction")]
    pub fraction_lost_max: f32,
    /// Interarrival jitter as last reported, in microseconds.
    pub jitter_us: u32,
    /// How it sounds there, each report rated as what arrives here is.
    pub quality: Option<Quality>,
    /// The peer's own rating (RFC 3611 §4.7).
    pub voip: Option<VoipMetrics>,
    /// Its last summary (RFC 3611 §4.6).
    pub summary: Option<Summary>,
}

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident $field:ident;)*) => {
        /// Why a packet went no further.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason as a metric label.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($field),)* }
            }
        }

        /// Packets that went no further, by reason.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct DropCounts { $($(#[$doc])* pub $field: u64,)* }

        impl DropCounts {
            /// How many for this reason.
            #[must_use]
            pub fn get(&self, reason: DropReason) -> u64 {
                match reason { $(DropReason::$name => self.$field,)* }
            }

            /// How many in all.
            #[must_use]
            pub fn total(&self) -> u64 {
                0 $(+ self.$field)*
            }

            pub(crate) fn add(&mut self, reason: DropReason) {
                match reason { $(DropReason::$name => self.$field += 1,)* }
            }
        }
    };
}

drop_reasons! {
    /// Not a valid RTP or RTCP packet (RFC 3550 §A.1, §A.2), or neither (RFC 7983).
    Invalid invalid;
    /// RTCP on a port that is RTP's alone, or RTP on RTCP's.
    Misplaced misplaced;
    /// From a source that is not the peer's.
    Source source;
    /// From an address outside the media access list.
    Acl acl;
    /// The other peer is not to be sent to (hold).
    Hold hold;
    /// The other peer's address is not known, or not one that may be sent to.
    NoRemote no_remote;
    /// A payload type that the other peer never offered.
    PayloadType payload_type;
    /// Its SRTP tag does not match: not the peer's, or under other keys than the signalled ones.
    Unauthentic unauthentic;
    /// It was there before, or is too old to tell (SRTP).
    Replay replay;
    /// There is no SRTP key for it yet, or none any more.
    NoKey no_key;
    /// A connectivity check without the stream's credentials, or one too many (ICE).
    Check check;
    /// A DTLS datagram that is no part of the leg's handshake.
    Handshake handshake;
    /// The other leg's socket would not take it (buffer full, unreachable).
    Send send;
}
