//! Legs with SRTP: what a secured peer hears and is heard to say, and what others can do about it.

use super::*;
use crate::control::{Keys, Security, Suite};
use crate::srtp::{MAX_OVERHEAD, Receiver, Sender};

const X: &str = "127.0.0.66:6666";
/// Keys by who sends under them.
const OURS_TO_A: u8 = 1;
const FROM_A: u8 = 2;
const OURS_TO_B: u8 = 3;
const FROM_B: u8 = 4;

fn keys(suite: Suite, seed: u8) -> Keys {
    Keys::single(suite, &vec![seed; suite.material_len()]).unwrap()
}

fn sdes(suite: Suite, receive: u8, send: u8) -> Option<Security> {
    Some(Security::Sdes {
        receive: Some(keys(suite, receive)),
        send: Some(keys(suite, send)),
    })
}

/// A leg whose peer sends under `receive` and hears what is under `send`.
fn secure_leg(media: &str, suite: Suite, receive: u8, send: u8) -> Leg {
    with(leg(media), |leg| leg.needs.security = sdes(suite, receive, send))
}

/// A secured peer: what it sends and hears.
struct Peer {
    sender: Sender,
    receiver: Receiver,
}

impl Peer {
    fn new(suite: Suite, sends: u8, hears: u8) -> Self {
        Self {
            sender: Sender::new(keys(suite, sends)),
            receiver: Receiver::new(keys(suite, hears)),
        }
    }

    fn seal(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let length = packet.len();
        packet.resize(length + MAX_OVERHEAD, 0);
        let sealed = self.sender.protect_rtp(&mut packet, length).unwrap();
        packet.truncate(sealed);
        packet
    }

    fn seal_rtcp(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let length = packet.len();
        packet.resize(length + MAX_OVERHEAD, 0);
        let sealed = self.sender.protect_rtcp(&mut packet, length).unwrap();
        packet.truncate(sealed);
        packet
    }

    fn open(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let length = self.receiver.unprotect_rtp(&mut packet).unwrap();
        packet.truncate(length);
        packet
    }

    fn open_rtcp(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let length = self.receiver.unprotect_rtcp(&mut packet).unwrap();
        packet.truncate(length);
        packet
    }
}

/// A with this suite, B plain.
fn to_plain(suite: Suite) -> (Relay, Peer) {
    let a = secure_leg(A, suite, FROM_A, OURS_TO_A);
    (Relay::between(a, leg(B)), Peer::new(suite, FROM_A, OURS_TO_A))
}

#[test]
fn sr_01_a_secured_peer_and_a_plain_one_over_the_wrap() {
    for suite in Suite::ALL {
        let (mut relay, mut a) = to_plain(suite);
        for n in 0..400_u16 {
            let plain = rtp(0, 1, 65_400_u16.wrapping_add(n));
            let mut packet = a.seal(plain.clone());
            let verdict = relay.receive_in(Side::A, Channel::Rtp, A, &mut packet);
            assert_eq!((verdict, packet == plain), (rtp_to(B), true), "{suite:?} {n}");
            let mut packet = plain.clone();
            let verdict = relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            assert_eq!(verdict, rtp_to(A));
            assert_eq!(packet.len(), plain.len() + suite.rtp_tag_len());
            assert!(a.open(packet) == plain, "{suite:?} {n}");
            relay.pass(20);
        }
        let stats = relay.leg_stats(Side::A);
        assert_eq!((stats.packets, stats.lost, stats.bytes), (400, 0, 400 * 172));
        assert_eq!((stats.sent_packets, stats.sent_bytes), (400, 400 * 172));
        assert_eq!(stats.dropped.total(), 0);
    }
}

#[test]
fn every_pair_of_suites() {
    for one in Suite::ALL {
        for other in Suite::ALL {
            let mut relay = Relay::between(
                secure_leg(A, one, FROM_A, OURS_TO_A),
                secure_leg(B, other, FROM_B, OURS_TO_B),
            );
            let mut a = Peer::new(one, FROM_A, OURS_TO_A);
            let mut b = Peer::new(other, FROM_B, OURS_TO_B);
            let plain = rtp(0, 1, 9);
            let mut packet = a.seal(plain.clone());
            assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
            assert!(b.open(packet) == plain, "{one:?} {other:?}");
            let report = sender_report(5);
            let mut packet = b.seal_rtcp(report.clone());
            let verdict = relay.receive_in(Side::B, Channel::Rtcp, "127.0.0.20:30001", &mut packet);
            assert_eq!(verdict, rtcp_to("127.0.0.10:20001"));
            assert_eq!(a.open_rtcp(packet), report, "{one:?} {other:?}");
        }
    }
}

#[test]
fn sr_04_sources_change_after_a_wrap_and_come_back() {
    let suite = Suite::AesCm128Sha80;
    let (mut relay, mut a) = to_plain(suite);
    let spans = [(1, 65_500_u16, 100_u16), (2, 5, 50), (1, 64, 100), (2, 55, 50)];
    for (ssrc, first, count) in spans {
        for n in 0..count {
            let plain = rtp(0, ssrc, first.wrapping_add(n));
            let mut packet = plain.clone();
            relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            assert!(a.open(packet) == plain, "{ssrc}: {n}");
            let mut packet = a.seal(plain.clone());
            relay.receive_in(Side::A, Channel::Rtp, A, &mut packet);
            assert!(packet == plain, "{ssrc}: {n}");
            relay.pass(20);
        }
    }
    assert_eq!(relay.leg_stats(Side::A).dropped.total(), 0);
    assert_eq!(relay.leg_stats(Side::B).dropped.total(), 0);
}

#[test]
fn only_the_authentic_is_relayed_counted_or_latched_to() {
    let suite = Suite::AesCm128Sha80;
    let a = with(secure_leg(A, suite, FROM_A, OURS_TO_A), |leg| {
        leg.latch.symmetric = true;
    });
    let mut relay = Relay::between(a, leg(B));
    let mut peer = Peer::new(suite, FROM_A, OURS_TO_A);
    let mut forger = Peer::new(suite, 99, 99);
    // From the right address, from the right host, from a stranger: plain, forged, cut.
    for from in [A, "127.0.0.10:40000", X] {
        for n in 0..20 {
            for packet in [
                rtp(0, 1, n),
                forger.seal(rtp(0, 1, n + 1000 * u16::from(from == X))),
                vec![0x80; 12],
                vec![0x80, 0, 0],
            ] {
                let verdict = relay.receive(Side::A, Channel::Rtp, from, packet);
                assert!(matches!(verdict, Verdict::Drop(_)), "{from} {verdict:?}");
            }
            forger = Peer::new(suite, 99, 99);
            relay.pass(20);
        }
    }
    let rtcp = relay.receive(Side::A, Channel::Rtcp, "127.0.0.10:20001", receiver_report(0, 0));
    assert!(matches!(
        rtcp,
        Verdict::Drop(DropReason::Unauthentic | DropReason::Invalid)
    ));
    let stats = relay.leg_stats(Side::A);
    assert_eq!(
        (stats.packets, stats.latches, stats.ssrcs, stats.rtcp_packets),
        (0, 0, 0, 0)
    );
    assert!(stats.dropped.unauthentic > 0 && stats.dropped.invalid > 0);
    assert_eq!(relay.destination(Side::A), Some(at(A)), "nothing was learned");
    // The peer itself, which is behind a NAT after all.
    let packet = peer.seal(rtp(0, 7, 1));
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, "127.0.0.10:40000", packet),
        rtp_to(B)
    );
    assert_eq!(relay.destination(Side::A), Some(at("127.0.0.10:40000")));
}

#[test]
fn a_replay_goes_nowhere_and_moves_nothing() {
    let suite = Suite::AesGcm128;
    let (mut relay, mut a) = to_plain(suite);
    let mut kept = Vec::new();
    for n in 0..50 {
        let packet = a.seal(rtp(0, 1, n));
        kept.push(packet.clone());
        assert_eq!(relay.receive(Side::A, Channel::Rtp, A, packet), rtp_to(B));
        relay.pass(20);
    }
    relay.pass(1_000);
    for packet in kept {
        for from in [A, X, "127.0.0.10:40000"] {
            let verdict = relay.receive(Side::A, Channel::Rtp, from, packet.clone());
            assert!(
                matches!(verdict, Verdict::Drop(DropReason::Replay | DropReason::Source)),
                "{verdict:?}"
            );
        }
    }
    let stats = relay.leg_stats(Side::A);
    assert_eq!((stats.packets, stats.duplicates, stats.latches), (50, 0, 0));
    assert_eq!(relay.destination(Side::A), Some(at(A)));
}

/// Somebody who hears the packets cannot burn them by sending them first.
#[test]
fn a_copy_from_a_stranger_does_not_make_the_original_a_replay() {
    let (mut relay, mut a) = to_plain(Suite::AesCm128Sha80);
    for n in 0..50 {
        let packet = a.seal(rtp(0, 1, n));
        if n > 0 {
            let verdict = relay.receive(Side::A, Channel::Rtp, X, packet.clone());
            assert_eq!(verdict, dropped(DropReason::Source));
        }
        assert_eq!(relay.receive(Side::A, Channel::Rtp, A, packet), rtp_to(B));
        relay.pass(20);
    }
}

#[test]
fn a_nat_that_rebinds_a_secured_peer_heals() {
    let (mut relay, mut a) = to_plain(Suite::AesCm128Sha80);
    for n in 0..50 {
        let packet = a.seal(rtp(0, 1, n));
        relay.receive(Side::A, Channel::Rtp, A, packet);
        relay.pass(20);
    }
    relay.pass(10_000);
    let packet = a.seal(rtp(0, 1, 51));
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, "127.0.0.10:50000", packet),
        rtp_to(B)
    );
    assert_eq!(relay.destination(Side::A), Some(at("127.0.0.10:50000")));
}

#[test]
fn sr_05_the_same_keys_again_go_on_and_new_ones_replace_them() {
    for roc in [0, 1] {
        let suite = Suite::AesCm128Sha80;
        let (mut relay, mut a) = to_plain(suite);
        let mut b_sequence = 65_500_u16;
        for n in 0..100_u16 {
            let packet = a.seal(rtp(0, 1, 65_500_u16.wrapping_add(n)));
            assert_eq!(relay.receive(Side::A, Channel::Rtp, A, packet), rtp_to(B));
            let mut packet = rtp(0, 2, b_sequence);
            b_sequence = b_sequence.wrapping_add(1);
            relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            a.open(packet);
            relay.pass(20);
        }
        // (a) The same again.
        relay.update(Side::A, &secure_leg(A, suite, FROM_A, OURS_TO_A));
        let packet = a.seal(rtp(0, 1, 64));
        assert_eq!(relay.receive(Side::A, Channel::Rtp, A, packet), rtp_to(B));
        let late: Vec<_> = (65..85).map(|n| a.seal(rtp(0, 1, n))).collect();
        // (b), (c) A new key of the peer's.
        relay.update(Side::A, &secure_leg(A, suite, 77, OURS_TO_A));
        for packet in &late {
            let verdict = relay.receive(Side::A, Channel::Rtp, A, packet.clone());
            assert_eq!(verdict, dropped(DropReason::Unauthentic));
        }
        let mut renewed = Sender::new(keys(suite, 77));
        if roc == 1 {
            for n in [65_000, 65_535, 0, 64] {
                let mut scratch = [rtp(0, 1, n), vec![0; MAX_OVERHEAD]].concat();
                renewed.protect_rtp(&mut scratch, 172).unwrap();
            }
        }
        a.sender = renewed;
        for n in 65..100 {
            let packet = a.seal(rtp(0, 1, n));
            assert_eq!(relay.receive(Side::A, Channel::Rtp, A, packet), rtp_to(B), "{n}");
            relay.pass(20);
        }
        for packet in late {
            let verdict = relay.receive(Side::A, Channel::Rtp, A, packet);
            assert!(matches!(verdict, Verdict::Drop(_)));
        }
        // Our own key has not changed, nor its rollover counter.
        for n in 0..10 {
            let mut packet = rtp(0, 2, b_sequence.wrapping_add(n));
            relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            a.open(packet);
        }
    }
}

#[test]
fn without_a_key_nothing_passes_and_nothing_is_sent_in_the_clear() {
    let suite = Suite::AesCm128Sha80;
    let pending = with(leg(B), |leg| {
        leg.needs.security = Some(Security::Sdes {
            receive: None,
            send: None,
        });
    });
    let mut relay = Relay::between(leg(A), pending);
    assert_eq!(relay.rtp(Side::A, A, 1, 1), dropped(DropReason::NoKey));
    assert_eq!(relay.rtp(Side::B, B, 2, 1), dropped(DropReason::NoKey));
    assert_eq!(
        relay.rtcp(Side::A, "127.0.0.10:20001"),
        dropped(DropReason::NoKey)
    );
    assert_eq!(relay.leg_stats(Side::B).sent_packets, 0);
    assert_eq!(relay.leg_stats(Side::B).packets, 0);
    relay.update(Side::B, &secure_leg(B, suite, FROM_B, OURS_TO_B));
    let mut b = Peer::new(suite, FROM_B, OURS_TO_B);
    let plain = rtp(0, 1, 2);
    let mut packet = plain.clone();
    assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
    assert!(b.open(packet) == plain);
}

#[test]
fn another_party_begins_with_counters_of_its_own() {
    let suite = Suite::AesCm128Sha80;
    let mut relay = Relay::between(leg(A), secure_leg(B, suite, FROM_B, OURS_TO_B));
    let mut first = Peer::new(suite, FROM_B, OURS_TO_B);
    for n in 0..100_u16 {
        let packet = first.seal(rtp(0, 9, 65_500_u16.wrapping_add(n)));
        assert_eq!(relay.receive(Side::B, Channel::Rtp, B, packet), rtp_to(A));
        relay.rtp(Side::A, A, 1, 65_500_u16.wrapping_add(n));
        relay.pass(20);
    }
    let next = with(secure_leg(B, suite, 55, 56), |leg| leg.party = 2);
    relay.update(Side::B, &next);
    let mut second = Peer::new(suite, 55, 56);
    let mut packet = rtp(0, 1, 64);
    assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
    second.open(packet);
    let packet = second.seal(rtp(0, 9, 40_000));
    assert_eq!(relay.receive(Side::B, Channel::Rtp, B, packet), rtp_to(A));
}

/// A source that begins to count anew under its SSRC would have its packets sealed under indices that were used.
#[test]
fn a_source_that_counts_anew_goes_on_under_our_numbers() {
    for (before, after, lost) in [
        (5_000_u16, 200_u16, 1),
        (300, 40_000, 1),
        (40_000, 300, 0),
        (500, 510, 7),
    ] {
        let (mut relay, mut a) = to_plain(Suite::AesCm128Sha80);
        for n in 0..60 {
            let mut packet = rtp(0, 5, before + n);
            relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            a.open(packet);
            relay.pass(20);
        }
        let mut heard = Vec::new();
        for n in 0..60 {
            let mut packet = rtp(0, 5, after + n);
            let verdict = relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
            if verdict == rtp_to(A) {
                let opened = a.open(packet);
                heard.push(u16::from_be_bytes([opened[2], opened[3]]));
            }
            relay.pass(20);
        }
        assert_eq!(heard.len(), 60 - lost, "{before} to {after}");
        assert!(
            heard.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)),
            "{heard:?}"
        );
    }
}

/// However often a source changes its SSRC, it is heard: when no more fit under the key, under the last one.
#[test]
fn a_source_that_changes_its_ssrc_again_and_again_is_still_heard() {
    let (mut relay, mut a) = to_plain(Suite::AesGcm128);
    let mut heard = Vec::new();
    for ssrc in 0..400 {
        for n in [7, 8] {
            let mut packet = rtp(0, ssrc, n);
            assert_eq!(relay.receive_in(Side::B, Channel::Rtp, B, &mut packet), rtp_to(A));
            let opened = a.open(packet);
            heard.push(u32::from_be_bytes([opened[8], opened[9], opened[10], opened[11]]));
        }
        relay.pass(20);
    }
    heard.dedup();
    assert_eq!(heard, (0..256).collect::<Vec<_>>());
    let packet = a.seal(rtp(0, 1, 1));
    relay.receive(Side::A, Channel::Rtp, A, packet);
    let mut report = sender_report(1);
    report[4..8].copy_from_slice(&399_u32.to_be_bytes());
    let verdict = relay.receive_in(Side::B, Channel::Rtcp, "127.0.0.20:30001", &mut report);
    assert_eq!(verdict, rtcp_to("127.0.0.10:20001"));
    let opened = a.open_rtcp(report);
    assert_eq!(opened[4..8], 255_u32.to_be_bytes(), "its reports go with it");
}

#[test]
fn copies_and_stragglers_of_a_plain_source_are_dropped_and_change_nothing() {
    let (mut relay, mut a) = to_plain(Suite::AesCm128Sha80);
    for n in 0..300_u16 {
        let mut packet = rtp(0, 5, n);
        relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
        let opened = a.open(packet);
        assert_eq!(u16::from_be_bytes([opened[2], opened[3]]), n);
        if n % 10 == 9 {
            // Five of the last ones once more, and one from long ago.
            for again in n - 5..n {
                assert_eq!(relay.rtp(Side::B, B, 5, again), dropped(DropReason::Replay));
            }
            if n > 200 {
                assert_eq!(relay.rtp(Side::B, B, 5, n - 200), dropped(DropReason::Replay));
            }
        }
        relay.pass(20);
    }
}

#[test]
fn a_secured_leg_is_not_the_kernels() {
    let (mut relay, mut a) = to_plain(Suite::AesCm128Sha80);
    for n in 0..50 {
        let packet = a.seal(rtp(0, 1, n));
        relay.receive(Side::A, Channel::Rtp, A, packet);
        relay.rtp(Side::B, B, 2, n);
        relay.pass(20);
    }
    assert_eq!(relay.session.flow(Side::A), None);
    assert_eq!(relay.session.flow(Side::B), None);
    relay.update(Side::A, &leg(A));
    for n in 0..50 {
        relay.rtp(Side::A, A, 1, n);
        relay.rtp(Side::B, B, 2, n);
        relay.pass(20);
    }
    assert!(relay.session.flow(Side::A).is_some(), "plain again");
}

#[test]
fn what_could_not_be_sent_is_not_counted_with_its_tag() {
    let (mut relay, mut a) = to_plain(Suite::AesGcm256);
    let mut packet = rtp(0, 5, 1);
    relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
    relay.session.send_failed(Side::B, Channel::Rtp, &packet);
    let stats = relay.leg_stats(Side::A);
    assert_eq!((stats.sent_packets, stats.sent_bytes), (0, 0));
    let mut packet = rtp(0, 5, 2);
    relay.receive_in(Side::B, Channel::Rtp, B, &mut packet);
    a.open(packet);
    assert_eq!(relay.leg_stats(Side::A).sent_bytes, 172);
}
