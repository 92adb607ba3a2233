//! The records of `bpf/relay.h`, as the kernel's maps hold them.

#![allow(
    unsafe_code,
    reason = "the maps take plain bytes: that these types are such is to be vouched for"
)]

use super::clock::Clock;
use rtp_proto::control::StreamKind;
use rtp_proto::offload::{Flow, Last, Ledger, Run, Types};
use std::net::{IpAddr, SocketAddr};

/// `struct flow_key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    local: [u8; 16],
    /// Network order.
    port: [u8; 2],
    family: u16,
}

/// `struct types`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypesRecord {
    out: [u8; 128],
    clock: [u8; 128],
    rates: [u32; 8],
}

/// `struct flow`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct FlowRecord {
    key: Key,
    from: [u8; 16],
    via: [u8; 16],
    to: [u8; 16],
    from_port: [u8; 2],
    via_port: [u8; 2],
    to_port: [u8; 2],
    traffic_class: u8,
    flags: u8,
    iif: u32,
    oif: u32,
    types: u32,
    rewrite_of: u32,
    rewrite_ssrc: u32,
    rewrite_timestamp: u32,
    rewrite_sequence: u16,
    none: u16,
}

/// `struct tally`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct TallyRecord {
    packets: u64,
    bytes: u64,
    forwarded: u64,
    forwarded_bytes: u64,
    refused: u64,
    failed: u64,
    failed_bytes: u64,
    up: u64,
    arrival: u64,
    lost_before: u64,
    base: u64,
    highest: u64,
    unique: u64,
    seen_low: u64,
    seen_high: u64,
    reordered: u64,
    duplicates: u64,
    jitter: u64,
    jitter_max: u32,
    max_gap: u32,
    ssrcs: u32,
    timestamp: u32,
    clock: u32,
    restart: u32,
    ssrc: u32,
    sequence: u16,
    last_type: u8,
    payload_type: u8,
    flags: u32,
    none: u32,
}

/// `struct slot`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotRecord {
    lock: u32,
    none: u32,
    flow: FlowRecord,
    tally: TallyRecord,
}

/// By which interfaces a flow's packets come and go, and which `types` it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joints {
    /// By which it comes in.
    pub(crate) iif: u32,
    /// By which it leaves; 0: the other peer is on this host.
    pub(crate) oif: u32,
    pub(crate) types: u32,
}

// SAFETY: `repr(C)`, integers and arrays of them only, and (see `no_padding` below) not a byte between or after the fields.
unsafe impl aya::Pod for Key {}
// SAFETY: as above.
unsafe impl aya::Pod for TypesRecord {}
// SAFETY: as above.
unsafe impl aya::Pod for SlotRecord {}

/// `FLOW_MUX`.
const MUX: u8 = 1;
/// `FLOW_REWRITE`.
const REWRITE: u8 = 2;
/// `FLOW_ANY`.
const ANY: u8 = 4;
/// `TALLY_RUN`.
const RUN: u32 = 1;
/// `TALLY_LAST`.
const LAST: u32 = 2;
/// `NO_RESTART`.
const NO_RESTART: u32 = u32::MAX;
/// `NO_TYPE`.
const NO_TYPE: u8 = u8::MAX;

const _: () = {
    // no_padding: the sizes are the sums of the fields'.
    assert!(size_of::<Key>() == 20);
    assert!(size_of::<TypesRecord>() == 2 * 128 + 8 * 4);
    assert!(size_of::<FlowRecord>() == 20 + 3 * 16 + 3 * 2 + 2 + 6 * 4 + 4);
    assert!(size_of::<TallyRecord>() == 18 * 8 + 7 * 4 + 4 + 8);
    assert!(size_of::<SlotRecord>() == 8 + size_of::<FlowRecord>() + size_of::<TallyRecord>());
};

impl Key {
    pub(crate) fn new(local: SocketAddr) -> Self {
        Self {
            local: words(local.ip()),
            port: local.port().to_be_bytes(),
            family: if local.is_ipv4() { 4 } else { 6 },
        }
    }
}

impl TypesRecord {
    pub(crate) fn new(types: &Types) -> Self {
        Self {
            out: types.out,
            clock: types.clocks,
            rates: types.rates,
        }
    }
}

impl SlotRecord {
    pub(crate) fn new(flow: &Flow, joints: Joints, ledger: &Ledger, clock: &Clock) -> Self {
        Self {
            lock: 0,
            none: 0,
            flow: FlowRecord::new(flow, joints),
            tally: TallyRecord::new(ledger, clock),
        }
    }

    pub(crate) fn ledger(&self, clock: &Clock) -> Ledger {
        self.tally.ledger(clock)
    }
}

impl FlowRecord {
    fn new(flow: &Flow, joints: Joints) -> Self {
        let rewrite = flow.rewrite;
        let any = match flow.kind {
            StreamKind::Rtp => 0,
            StreamKind::Udptl => ANY,
        };
        Self {
            key: Key::new(flow.local),
            from: words(flow.from.ip()),
            via: words(flow.via.ip()),
            to: words(flow.to.ip()),
            from_port: flow.from.port().to_be_bytes(),
            via_port: flow.via.port().to_be_bytes(),
            to_port: flow.to.port().to_be_bytes(),
            traffic_class: (flow.dscp & 0x3f) << 2,
            flags: any | if flow.mux { MUX } else { 0 } | if rewrite.is_some() { REWRITE } else { 0 },
            iif: joints.iif,
            oif: joints.oif,
            types: joints.types,
            rewrite_of: rewrite.map_or(0, |rewrite| rewrite.of),
            rewrite_ssrc: rewrite.map_or(0, |rewrite| rewrite.ssrc),
            rewrite_timestamp: rewrite.map_or(0, |rewrite| rewrite.timestamp),
            rewrite_sequence: rewrite.map_or(0, |rewrite| rewrite.sequence),
            none: 0,
        }
    }
}

impl TallyRecord {
    fn new(ledger: &Ledger, clock: &Clock) -> Self {
        let (run, last) = (ledger.run.as_ref(), ledger.last.as_ref());
        let seen = run.map_or(0, |run| run.seen);
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        Self {
            packets: ledger.packets,
            bytes: ledger.bytes,
            forwarded: ledger.forwarded,
            forwarded_bytes: ledger.forwarded_bytes,
            refused: ledger.refused,
            failed: ledger.failed,
            failed_bytes: ledger.failed_bytes,
            up: ledger.up,
            arrival: last.map_or(0, |last| clock.nanos(last.arrival)),
            lost_before: ledger.lost_before,
            base: run.map_or(0, |run| run.base),
            highest: run.map_or(0, |run| run.highest),
            unique: run.map_or(0, |run| run.unique),
            seen_low: half(seen),
            seen_high: half(seen >> 64),
            reordered: ledger.reordered,
            duplicates: ledger.duplicates,
            jitter: ledger.jitter,
            jitter_max: ledger.jitter_max_us,
            max_gap: ledger.max_gap_ms,
            ssrcs: ledger.ssrcs,
            timestamp: last.map_or(0, |last| last.timestamp),
            clock: last.map_or(0, |last| last.clock),
            restart: run.and_then(|run| run.restart).map_or(NO_RESTART, u32::from),
            ssrc: run.map_or(0, |run| run.ssrc),
            sequence: ledger.sequence,
            last_type: last.map_or(NO_TYPE, |last| last.payload_type),
            payload_type: ledger.payload_type.unwrap_or(NO_TYPE),
            flags: if run.is_some() { RUN } else { 0 } | if last.is_some() { LAST } else { 0 },
            none: 0,
        }
    }

    fn ledger(&self, clock: &Clock) -> Ledger {
        let run = (self.flags & RUN != 0).then(|| Run {
            ssrc: self.ssrc,
            base: self.base,
            highest: self.highest,
            unique: self.unique,
            seen: u128::from(self.seen_high) << 64 | u128::from(self.seen_low),
            restart: u16::try_from(self.restart).ok(),
        });
        let last = (self.flags & LAST != 0).then(|| Last {
            arrival: clock.instant(self.arrival),
            timestamp: self.timestamp,
            payload_type: self.last_type,
            clock: self.clock,
        });
        Ledger {
            packets: self.packets,
            bytes: self.bytes,
            reordered: self.reordered,
            duplicates: self.duplicates,
            jitter_max_us: self.jitter_max,
            max_gap_ms: self.max_gap,
            ssrcs: self.ssrcs,
            payload_type: (self.payload_type != NO_TYPE).then_some(self.payload_type),
            lost_before: self.lost_before,
            jitter: self.jitter,
            run,
            last,
            sequence: self.sequence,
            forwarded: self.forwarded,
            forwarded_bytes: self.forwarded_bytes,
            refused: self.refused,
            failed: self.failed,
            failed_bytes: self.failed_bytes,
            up: self.up,
        }
    }
}

fn words(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_ledger_comes_back_as_it_went() {
        let clock = Clock::now();
        let mut ledger = Ledger {
            packets: 1,
            bytes: 2,
            reordered: 3,
            duplicates: 4,
            jitter_max_us: 5,
            max_gap_ms: 6,
            ssrcs: 7,
            payload_type: Some(8),
            lost_before: 9,
            jitter: 10,
            run: Some(Run {
                ssrc: 11,
                base: 12,
                highest: 13,
                unique: 14,
                seen: 15 << 64 | 16,
                restart: Some(17),
            }),
            last: Some(Last {
                arrival: Instant::now() + Duration::from_millis(5),
                timestamp: 18,
                payload_type: 19,
                clock: 20,
            }),
            sequence: 21,
            forwarded: 22,
            forwarded_bytes: 23,
            refused: 24,
            failed: 25,
            failed_bytes: 26,
            up: 27,
        };
        assert_eq!(TallyRecord::new(&ledger, &clock).ledger(&clock), ledger);
        (ledger.run, ledger.last, ledger.payload_type) = (None, None, None);
        assert_eq!(TallyRecord::new(&ledger, &clock).ledger(&clock), ledger);
    }
}
