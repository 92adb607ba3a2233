//! Directions of a session that the kernel relays.

use super::{Channel, Half, Session, Sorted};
use crate::control::{Side, StreamKind};
use crate::offload::{self, COUNTED, Flow, Ledger, Progress, Touch};
use crate::packet::Packet;
use crate::reception::Reception;
use crate::rtp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a lent direction's ledger held when last seen, as far as it matters what is new in the next.
#[derive(Debug)]
pub(super) struct Lent {
    packets: u64,
    forwarded: u64,
    forwarded_bytes: u64,
    refused: u64,
    failed: u64,
    failed_bytes: u64,
}

impl Lent {
    fn of(ledger: &Ledger) -> Self {
        Self {
            packets: ledger.packets,
            forwarded: ledger.forwarded,
            forwarded_bytes: ledger.forwarded_bytes,
            refused: ledger.refused,
            failed: ledger.failed,
            failed_bytes: ledger.failed_bytes,
        }
    }
}

impl Session {
    /// Whether [`flow`](Self::flow) may say something else than before; told once.
    pub fn rerouted(&mut self) -> bool {
        std::mem::take(&mut self.rerouted)
    }

    /// What could be relayed without the session of what arrives on `side`: RTP or UDPTL between two peers, of which the one is
    /// firmly where it is and the other's address is known and may be sent to. `None`: nothing.
    #[must_use]
    pub fn flow(&self, side: Side) -> Option<Flow> {
        let (here, there) = (self.half(side), self.half(side.other()));
        let plain = here.kind == there.kind
            && there.may_send
            && here.digits_pass(there)
            && self.digits_relayable(side)
            && self.heard_as_said(side)
            && here.secure.is_none()
            && here.supervised_until().is_none()
            && here.beside.is_none()
            && there.beside.is_none()
            && there.secure.is_none();
        let from = here.address.firm().filter(|_| plain)?;
        let to = there.address.rtp_destination()?;
        if !offload::rewritable([here.local, from, there.local, to]) {
            return None;
        }
        let rewrite = match &there.egress {
            Some(egress) => Some(egress.change().filter(|change| here.is_heard(change.of))?),
            None => None,
        };
        let types = offload::types(&here.map, here.listened())?;
        Some(Flow {
            kind: here.kind,
            local: here.local,
            from,
            via: there.local,
            to,
            mux: here.mux,
            dscp: there.dscp,
            types: Arc::new(types),
            rewrite,
        })
    }

    /// The kernel relays what arrives on `side` from now on, and begins to count with this.
    pub fn lend(&mut self, side: Side) -> Ledger {
        let (here, _) = self.halves(side);
        let ledger = here.ledger();
        here.lent = Some(Box::new(Lent::of(&ledger)));
        here.marked = true;
        self.changed = true;
        ledger
    }

    /// What the kernel has counted so far on a lent side.
    pub fn absorb(&mut self, side: Side, ledger: &Ledger) -> Progress {
        let (here, there) = self.halves(side);
        let Some(seen) = here.lent.as_deref_mut() else {
            return Progress::default();
        };
        let failed = ledger.failed.saturating_sub(seen.failed);
        let failed_bytes = ledger.failed_bytes.saturating_sub(seen.failed_bytes);
        let forwarded = ledger.forwarded.saturating_sub(seen.forwarded);
        let bytes = ledger.forwarded_bytes.saturating_sub(seen.forwarded_bytes);
        let progress = Progress {
            packets: forwarded.saturating_sub(failed),
            bytes: bytes.saturating_sub(failed_bytes),
            refused: ledger.refused.saturating_sub(seen.refused),
            failed,
        };
        let new = ledger.packets > seen.packets;
        *seen = Lent::of(ledger);
        let sent = &mut there.stats;
        // What failed may have been counted as forwarded in an earlier ledger.
        sent.sent_packets = (sent.sent_packets + forwarded).saturating_sub(failed);
        sent.sent_bytes = (sent.sent_bytes + bytes).saturating_sub(failed_bytes);
        here.stats.dropped.payload_type += progress.refused;
        here.stats.dropped.send += progress.failed;
        if new {
            here.read(ledger);
            there.number_after(&here.reception);
            if let (StreamKind::Udptl, Some(last)) = (here.kind, &ledger.last) {
                there.silence.life_at(last.arrival);
            }
        }
        progress
    }

    /// The kernel has stopped relaying `side`, and nothing is known of what it counted since it was last [asked](Self::absorb).
    pub fn abandon(&mut self, side: Side) {
        let (here, _) = self.halves(side);
        here.lent = None;
        (self.changed, self.rerouted) = (true, true);
    }

    /// The kernel has stopped relaying `side`, and this is the last that it counted.
    pub fn reclaim(&mut self, side: Side, ledger: &Ledger) -> Progress {
        let progress = self.absorb(side, ledger);
        let (here, _) = self.halves(side);
        here.lent = None;
        (self.changed, self.rerouted) = (true, true);
        progress
    }

    /// What a packet needs that arrived here on a lent side, before it is [received](Self::receive).
    #[must_use]
    pub fn touch(
        &self,
        now: Instant,
        side: Side,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
    ) -> Touch {
        let (here, there) = (self.half(side), self.half(side.other()));
        if here.lent.is_none() {
            return Touch::Nothing;
        }
        if here.is_marked(channel, from, packet) {
            let held_back = there.keys.as_ref().is_some_and(|keys| keys.holds_back());
            return if held_back { Touch::Return } else { Touch::Nothing };
        }
        let ssrc = match here.sort(channel, packet) {
            Ok(Sorted::Rtp) => match rtp::parse(packet) {
                Some(header) => Some(header.ssrc),
                None => return Touch::Nothing,
            },
            Ok(Sorted::Udptl) => None,
            Ok(Sorted::Rtcp) | Ok(Sorted::Beside) | Err(_) => return Touch::Nothing,
        };
        if here.address.is_current(from) {
            Touch::Reclaim
        } else if here.address.could_succeed(now, from, ssrc) {
            Touch::Look
        } else {
            Touch::Nothing
        }
    }

    /// Whether a stranger on `side` may be believed in place of the peer, going by the ledger just [absorbed](Self::absorb).
    #[must_use]
    pub fn may_succeed(&self, now: Instant, side: Side) -> bool {
        self.half(side).address.may_be_succeeded(now)
    }
}

impl Half {
    /// What this peer hears was renumbered by the kernel, up to the newest that was received of the other.
    fn number_after(&mut self, other: &Reception) {
        if let (Some(egress), Some((newest, at))) = (&mut self.egress, other.newest()) {
            egress.follow(at, &newest, other.newest_clock());
        }
    }

    /// The newest packet was of this source.
    fn is_heard(&self, ssrc: u32) -> bool {
        self.reception.run().is_some_and(|run| run.ssrc == ssrc)
    }

    /// Whether digits of this peer, should it press any, leave in the packets that they came in or not at all.
    fn digits_pass(&self, there: &Self) -> bool {
        let (Some(keys), Some(said)) = (&self.keys, &there.keys) else {
            return true;
        };
        keys.passes(said, &self.map)
    }

    fn ledger(&self) -> Ledger {
        let stats = &self.stats;
        let mut ledger = Ledger {
            packets: stats.packets,
            bytes: stats.bytes,
            reordered: stats.reordered,
            duplicates: stats.duplicates,
            jitter_max_us: stats.jitter_max_us,
            max_gap_ms: stats.max_gap_ms,
            ssrcs: stats.ssrcs,
            payload_type: stats.payload_type,
            ..Ledger::default()
        };
        self.reception.lend(&mut ledger);
        ledger
    }

    fn read(&mut self, ledger: &Ledger) {
        let stats = &mut self.stats;
        (stats.packets, stats.bytes) = (ledger.packets, ledger.bytes);
        (stats.reordered, stats.duplicates) = (ledger.reordered, ledger.duplicates);
        (stats.jitter_max_us, stats.max_gap_ms) = (ledger.jitter_max_us, ledger.max_gap_ms);
        stats.ssrcs = ledger.ssrcs;
        stats.ssrc = ledger.run.as_ref().map(|run| run.ssrc);
        stats.payload_type = ledger.payload_type;
        if let Some(last) = &ledger.last {
            let mark = ledger.run.as_ref().map(|run| (run.ssrc, ledger.sequence));
            self.silence.life_at(last.arrival);
            self.address.heard_elsewhere(last.arrival, mark);
        }
        if self.kind == StreamKind::Rtp {
            self.reception.take(ledger);
        }
    }

    /// Whether this is a packet that the kernel has counted and left to us; it then becomes what it was.
    ///
    /// While a direction is lent, marks are the kernel's alone to make: what comes to it with one is spoilt there.
    pub(super) fn was_counted(
        &mut self,
        channel: Channel,
        from: SocketAddr,
        packet: &mut Packet<'_>,
    ) -> bool {
        if !self.marked || channel != Channel::Rtp || !self.address.is_current(from) {
            return false;
        }
        let counted = self.is_marked(channel, from, packet.bytes());
        let Some(first) = packet.bytes_mut().first_mut() else {
            return false;
        };
        if *first >> 6 == 2 && self.lent.is_none() {
            // What the kernel left to us before it gave the direction back came before this one.
            self.marked = false;
        }
        if counted {
            *first &= !COUNTED;
        }
        counted
    }

    /// Whether the packet has the kernel's mark, and is one that it marks.
    fn is_marked(&self, channel: Channel, from: SocketAddr, packet: &[u8]) -> bool {
        let [first, second, ..] = packet else { return false };
        *first >> 6 == 3
            && channel == Channel::Rtp
            && self.address.is_current(from)
            && self.listened() >> (*second & 127) & 1 == 1
    }
}
