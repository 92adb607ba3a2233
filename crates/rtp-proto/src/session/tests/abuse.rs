//! MR-10 and everything that a table does not think of.

use super::*;
use proptest::prelude::*;

const X: &str = "127.0.0.66:6666";

/// SplitMix64: a seed names the whole run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Random bytes, or a good packet with some bytes changed or its tail cut.
    fn hostile(&mut self) -> Vec<u8> {
        let mut packet = match self.below(6) {
            0 => {
                let length = if self.below(500) == 0 {
                    65_507
                } else {
                    self.below(200)
                };
                return self.bytes(length);
            }
            1 => sender_report(self.next() as u32),
            2 => receiver_report(self.next() as u32, self.next() as u32),
            3 => bye(2),
            _ => rtp(self.next() as u8, 2, self.next() as u16),
        };
        for _ in 0..self.below(4) {
            let at = self.below(packet.len().min(32));
            packet[at] = self.next() as u8;
        }
        if self.below(3) == 0 {
            packet.truncate(self.below(packet.len() + 1));
        }
        packet
    }
}

#[test]
fn mr_10_100_000_hostile_datagrams_harm_nobody() {
    let mut seeded = Seeded(0x7a6d_656d);
    let mut relay = Relay::plain();
    let (mut sequence, mut good, mut offered) = (0_u16, 0, 0);
    for n in 0..100_000 {
        let packet = seeded.hostile();
        let channel = if seeded.below(2) == 0 {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        // Whatever the stranger sends is dropped; what the peer's own socket sends may at most be forwarded to the caller.
        let verdict = relay.receive(Side::B, channel, X, packet.clone());
        assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?} for {packet:x?}");
        if n % 10 == 0 {
            let own = if channel == Channel::Rtp {
                A
            } else {
                "127.0.0.10:20001"
            };
            relay.receive(Side::A, channel, own, packet);
            offered += 1;
        }
        if n % 50 == 0 {
            assert_eq!(relay.rtp(Side::B, B, 2, sequence), rtp_to(A), "the good stream");
            sequence = sequence.wrapping_add(1);
            good += 1;
            relay.pass(20);
        }
    }
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    assert_eq!(
        (b.packets, b.lost, b.dropped.total()),
        (good, 0, 100_000),
        "every drop counted"
    );
    assert_eq!(
        a.packets + a.rtcp_packets + a.dropped.total() - a.dropped.payload_type,
        offered
    );
    assert_eq!(relay.destination(Side::B), Some(at(B)));
}

#[test]
fn mr_10_an_invalid_packet_never_latches() {
    let natted = with(leg("10.0.0.1:4000"), |l| l.latch.signalling = at(A).ip());
    let mut relay = Relay::between(natted, leg(B));
    for bad in [vec![], vec![0; 4], vec![0x80], vec![0x40; 172], vec![0x9f; 20]] {
        assert_eq!(
            relay.receive(Side::A, Channel::Rtp, A, bad),
            dropped(DropReason::Invalid)
        );
        assert_eq!(relay.destination(Side::A), Some(at("10.0.0.1:4000")));
    }
    assert_eq!(relay.rtp(Side::A, A, 1, 1), rtp_to(B));
}

#[test]
fn mr_10_padding_and_extensions_pass_as_they_are() {
    let mut relay = Relay::plain();
    let mut packet = rtp(0, 1, 1);
    packet[0] |= 0x30;
    packet[14..16].copy_from_slice(&2_u16.to_be_bytes());
    *packet.last_mut().unwrap() = 4;
    let before = packet.clone();
    assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
    assert_eq!(packet, before);
}

/// Peers and strangers, by rank: A's signalled address, its host's other ports, others.
const SOURCES: [&str; 6] = [
    A,
    "127.0.0.10:20400",
    "127.0.0.10:20402",
    X,
    "192.0.2.1:5",
    "[2001:db8::1]:5",
];

proptest! {
    /// Without `symmetric`, whatever comes in whatever order, the peer's address stays on the signalling's host.
    #[test]
    fn a_stranger_is_never_learned(steps in prop::collection::vec((0..SOURCES.len(), 0_u64..2_000, 0_u32..3, any::<u16>(), 0_u8..20), 1..200)) {
        let mut relay = Relay::plain();
        for (source, wait, ssrc, sequence, what) in steps {
            relay.pass(wait);
            match what {
                0 => relay.update(Side::A, &leg(A)),
                1 => { relay.rtcp(Side::A, SOURCES[source]); }
                _ => {
                    let verdict = relay.rtp(Side::A, SOURCES[source], ssrc, sequence);
                    prop_assert!(source < 3 || verdict == dropped(DropReason::Source));
                }
            }
            let to = relay.destination(Side::A).unwrap();
            prop_assert_eq!(to.ip(), at(A).ip());
            let rtcp = relay.session.halves(Side::A).0.address.rtcp_destination().unwrap();
            prop_assert_eq!(rtcp.ip(), at(A).ip());
        }
    }

    /// While the signalled source speaks and no SDP changes, it is never succeeded, whatever the rules.
    #[test]
    fn a_speaking_peer_is_never_succeeded(symmetric: bool, any_address: bool, noise in prop::collection::vec((1..SOURCES.len(), 0_u32..3, any::<u16>()), 1..300)) {
        let a = with(leg(A), |l| (l.latch.symmetric, l.latch.rebind_any_address) = (symmetric, any_address));
        let mut relay = Relay::between(a, leg(B));
        relay.talk(Side::A, A, 1, 0, 1, B);
        for (n, (source, ssrc, sequence)) in (1_u16..).zip(noise) {
            relay.rtp(Side::A, SOURCES[source], ssrc, sequence);
            relay.talk(Side::A, A, 1, n, 1, B);
        }
        prop_assert_eq!(relay.leg_stats(Side::A).lost, 0);
    }

    #[test]
    fn what_is_forwarded_differs_in_the_payload_type_only(payload in prop::collection::vec(any::<u8>(), 0..300), first in 0x80_u8..=0xbf, second: u8, to in 0_u8..128) {
        let mut packet = vec![first, second, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.extend(payload);
        let before = packet.clone();
        let a = with(leg(A), |l| { l.map.set(second & 0x7f, to, 0); });
        let mut relay = Relay::between(a, leg(B));
        let verdict = relay.receive_in(Side::A, Channel::Rtp, A, &mut packet);
        match verdict {
            Verdict::Forward { .. } => {
                prop_assert_eq!(packet[1], (second & 0x80) | to);
                packet[1] = second;
            }
            Verdict::Drop(reason) => prop_assert!(matches!(reason, DropReason::Invalid | DropReason::Misplaced)),
            Verdict::Kept => prop_assert!(false, "a relay keeps nothing"),
        }
        prop_assert_eq!(packet, before);
    }
}
