//! A direction of a session that somebody else relays: the kernel. What it is told ([`Flow`]), and the reception statistics that
//! it goes on counting and gives back ([`Ledger`]). Who has a direction counts it; nobody else does meanwhile.

use crate::control::StreamKind;
use crate::rtp::{NONE, Translation};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// How many different clock rates a flow may have.
pub const RATES: usize = 8;

/// What is to be done with what arrives on one leg. Everything that this does not cover is for the session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// RTP, or datagrams that are only counted (UDPTL).
    pub kind: StreamKind,
    /// Our address, where it arrives.
    pub local: SocketAddr,
    /// The one source that is believed.
    pub from: SocketAddr,
    /// Our address on the other leg, where it leaves.
    pub via: SocketAddr,
    /// The other peer.
    pub to: SocketAddr,
    /// RTCP shares the port it arrives at (RFC 5761): 192..=223 is RTCP's.
    pub mux: bool,
    /// Differentiated services code point that it leaves with.
    pub dscp: u8,
    /// What becomes of each payload type.
    pub types: Arc<Types>,
    /// The listener hears one stream, whoever speaks: its numbers.
    pub rewrite: Option<Rewrite>,
}

/// What becomes of each payload type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Types {
    /// The payload type that each leaves with, [`Types::DROP`], or [`Types::UP`].
    pub out: [u8; 128],
    /// The clock of each payload type, as an index of `rates`.
    pub clocks: [u8; 128],
    /// Clock rates in Hz; never 0.
    pub rates: [u32; RATES],
}

/// How the numbers of a stream are changed. What is counted is the packet as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// The SSRC that this is about. Packets of another one, and those whose sequence number is 3000 or more away from the
    /// highest, are for the session.
    pub of: u32,
    /// What it becomes.
    pub ssrc: u32,
    /// Added to the sequence number.
    pub sequence: u16,
    /// Added to the timestamp.
    pub timestamp: u32,
}

impl Types {
    /// Not a payload type: it is counted and goes no further.
    pub const DROP: u8 = NONE;
    /// Not a payload type: it is counted, [marked](COUNTED) and left to the session.
    pub const UP: u8 = 0xfe;
}

/// A packet that comes up although it has been counted says version 3 in place of 2 (RFC 3550 §5.1): this bit of its first octet.
pub const COUNTED: u8 = 0x40;

/// The table of a map, with marks for those of its payload types that somebody listens to (bit n: type n); `None` when it has
/// too many clocks.
pub(crate) fn types(map: &Translation, heard: u128) -> Option<Types> {
    let (clocks, rates) = clocks(map)?;
    let mut out = map.table();
    for (payload_type, slot) in out.iter_mut().enumerate() {
        if heard >> payload_type & 1 == 1 {
            *slot = Types::UP;
        }
    }
    Some(Types { out, clocks, rates })
}

/// The clocks of all payload types, as indices of a short list; `None` when the list is too short for this map.
fn clocks(map: &Translation) -> Option<([u8; 128], [u32; RATES])> {
    let mut rates: SmallVec<[u32; RATES]> = SmallVec::new();
    let mut index = [0; 128];
    for (slot, payload_type) in index.iter_mut().zip(0..) {
        let rate = map.clock(payload_type);
        let known = rates.iter().position(|known| *known == rate);
        let place = known.unwrap_or_else(|| {
            rates.push(rate);
            rates.len() - 1
        });
        *slot = u8::try_from(place).ok()?;
    }
    let mut list = [8_000; RATES];
    if rates.len() > RATES {
        return None;
    }
    list.iter_mut().zip(&rates).for_each(|(slot, rate)| *slot = *rate);
    Some((index, list))
}

/// Addresses between which packets can be rewritten in place: of one family, of no interface in particular, none of them "any".
pub(crate) fn rewritable(addresses: [SocketAddr; 4]) -> bool {
    let [first, ..] = addresses;
    addresses.iter().all(|address| {
        let local = match address.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
        };
        address.is_ipv4() == first.is_ipv4()
            && !local
            && !address.ip().is_unspecified()
            && address.port() != 0
    })
}

/// The reception of one leg: everything that the next packet is judged by, and all that was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// As in [`LegStats`](crate::control::LegStats), as are the next eight.
    pub packets: u64,
    /// Bytes of RTP.
    pub bytes: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Packets that came a second time.
    pub duplicates: u64,
    /// Highest jitter, microseconds.
    pub jitter_max_us: u32,
    /// Longest time between two packets, milliseconds.
    pub max_gap_ms: u32,
    /// Synchronisation sources in succession.
    pub ssrcs: u32,
    /// Payload type of the last packet; none before the first.
    pub payload_type: Option<u8>,
    /// Loss of runs before the present one.
    pub lost_before: u64,
    /// Jitter in microseconds, times 16.
    pub jitter: u64,
    /// Sequence numbers of the present source.
    pub run: Option<Run>,
    /// The packet before.
    pub last: Option<Last>,
    /// Sequence number of the last packet.
    pub sequence: u16,
    /// Packets sent to the other peer since the direction was lent.
    pub forwarded: u64,
    /// Their bytes.
    pub forwarded_bytes: u64,
    /// Packets with a payload type that does not pass, since it was lent.
    pub refused: u64,
    /// Packets among `forwarded` that did not leave after all.
    pub failed: u64,
    /// Their bytes.
    pub failed_bytes: u64,
    /// Packets left to the session since it was lent, marked as [counted](COUNTED).
    pub up: u64,
}

/// Sequence numbers of one SSRC without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The source.
    pub ssrc: u32,
    /// Extended sequence numbers (RFC 3550 §A.1): the lowest seen.
    pub base: u64,
    /// The highest seen.
    pub highest: u64,
    /// Different packets seen.
    pub unique: u64,
    /// Bit n: `highest - n` has been seen.
    pub seen: u128,
    /// The number that would confirm a restart.
    pub restart: Option<u16>,
}

/// The packet before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// When it came.
    pub arrival: Instant,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its payload type; 255: not to be compared with.
    pub payload_type: u8,
    /// Its clock.
    pub clock: u32,
}

/// What a ledger holds that the one before did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Packets that were sent on.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets whose payload type does not pass.
    pub refused: u64,
    /// Packets that could not be sent.
    pub failed: u64,
}

/// What a packet needs that came to the session although its direction is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing: it is none that the ledger is about.
    Nothing,
    /// The ledger as it stands, to judge a stranger by; see [`Session::may_succeed`](crate::Session::may_succeed).
    Look,
    /// The direction back, and for a while: it will be counted.
    Reclaim,
    /// The direction back: the numbers of what follows change.
    Return,
}
