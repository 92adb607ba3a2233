//! Tables by failure case, then everything at once.

use super::*;
use crate::control::LegStats;
use crate::control::{Latch, Needs, PortPair, PtMap, Remote, Rtcp};
use std::sync::Arc;

mod abuse;
mod cases;
mod counting;
mod digits;
mod lending;
mod liveness;
mod moves;
mod quality;
mod reports;
mod secure;
mod sounds;
mod supervise;
mod treat;

/// Where the switch's own legs would be; the machine never looks at it.
const BIND: &str = "127.0.0.1";
/// The caller and the callee as they signal themselves.
const A: &str = "127.0.0.10:20000";
const B: &str = "127.0.0.20:30000";
const SEED: u64 = 1;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn next_port(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
}

fn remote(rtp: &str) -> Option<Remote> {
    Some(Remote {
        rtp: at(rtp),
        rtcp: next_port(at(rtp)),
    })
}

/// A leg whose peer signals `media` and whose signalling comes from the same host.
fn leg(media: &str) -> Leg {
    Leg {
        bind: BIND.parse().unwrap(),
        ports: PortPair(10_000),
        kind: StreamKind::Rtp,
        mux: false,
        remote: remote(media),
        may_send: true,
        expects: true,
        latch: Latch {
            symmetric: false,
            signalling: at(media).ip(),
            acl: Arc::from([]),
            rebind_any_address: false,
        },
        map: PtMap::identity(),
        dscp: 46,
        rtcp: Rtcp::Auto,
        codec: None,
        party: 0,
        needs: Needs::default(),
    }
}

fn with(mut leg: Leg, change: impl FnOnce(&mut Leg)) -> Leg {
    change(&mut leg);
    leg
}

/// A session and its clock.
struct Relay {
    now: Instant,
    session: Session,
}

impl Relay {
    fn between(a: Leg, b: Leg) -> Self {
        let now = Instant::now();
        Self {
            now,
            session: Session::new(now, &[a, b], Patience::default(), SEED),
        }
    }

    fn plain() -> Self {
        Self::between(leg(A), leg(B))
    }

    /// What was noticed meanwhile.
    fn pass(&mut self, milliseconds: u64) -> Vec<Notice> {
        self.now += Duration::from_millis(milliseconds);
        self.session.handle_timeout(self.now);
        std::iter::from_fn(|| self.session.poll_notice()).collect()
    }

    fn update(&mut self, side: Side, leg: &Leg) {
        self.session.update(self.now, side, leg);
    }

    fn receive(&mut self, side: Side, channel: Channel, from: &str, mut packet: Vec<u8>) -> Verdict {
        self.receive_in(side, channel, from, &mut packet)
    }

    /// The same, with the packet as it leaves.
    fn receive_in(&mut self, side: Side, channel: Channel, from: &str, packet: &mut Vec<u8>) -> Verdict {
        let length = packet.len();
        packet.resize(length + 64, 0);
        let mut leaving = Packet::new(packet, length);
        let verdict = self
            .session
            .receive(self.now, side, channel, at(from), &mut leaving);
        let length = leaving.len();
        packet.truncate(length);
        verdict
    }

    fn rtp(&mut self, side: Side, from: &str, ssrc: u32, sequence: u16) -> Verdict {
        self.receive(side, Channel::Rtp, from, rtp(0, ssrc, sequence))
    }

    fn rtcp(&mut self, side: Side, from: &str) -> Verdict {
        self.receive(side, Channel::Rtcp, from, receiver_report(0, 0))
    }

    /// `count` packets, 20 ms apart, all of which must get through to `to`.
    fn talk(&mut self, side: Side, from: &str, ssrc: u32, first: u16, count: u16, to: &str) {
        for n in 0..count {
            let verdict = self.rtp(side, from, ssrc, first.wrapping_add(n));
            assert_eq!(verdict, rtp_to(to), "packet {n} from {from}");
            self.pass(20);
        }
    }

    /// Where this side's peer would be sent RTP now, by sending it a packet from the other side's confirmed source.
    fn destination(&mut self, side: Side) -> Option<SocketAddr> {
        self.session.halves(side).0.address.rtp_destination()
    }

    fn dropped(&self, side: Side, reason: DropReason) -> u64 {
        let [a, b] = self.session.stats().legs;
        match side {
            Side::A => a.dropped.get(reason),
            Side::B => b.dropped.get(reason),
        }
    }

    fn leg_stats(&self, side: Side) -> LegStats {
        let [a, b] = self.session.stats().legs;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    fn advice(&mut self) -> Vec<(Side, Option<SocketAddr>)> {
        std::iter::from_fn(|| self.session.connect_change()).collect()
    }
}

fn rtp_to(to: &str) -> Verdict {
    Verdict::Forward {
        channel: Channel::Rtp,
        to: at(to),
    }
}

fn rtcp_to(to: &str) -> Verdict {
    Verdict::Forward {
        channel: Channel::Rtcp,
        to: at(to),
    }
}

fn dropped(reason: DropReason) -> Verdict {
    Verdict::Drop(reason)
}

/// 20 ms of G.711.
fn rtp(payload_type: u8, ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xd5; 160]);
    packet
}

/// An RR with one block that quotes `mark`, held for `delay`.
fn receiver_report(mark: u32, delay: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend_from_slice(&[0; 20]);
    packet.extend_from_slice(&mark.to_be_bytes());
    packet.extend_from_slice(&delay.to_be_bytes());
    packet
}

/// An SR without blocks whose middle 32 timestamp bits are `mark`.
fn sender_report(mark: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend_from_slice(&[0; 6]);
    packet.extend_from_slice(&mark.to_be_bytes());
    packet.extend_from_slice(&[0; 14]);
    packet
}

fn bye(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 203, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}
