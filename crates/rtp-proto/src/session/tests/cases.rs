//! The published failures, one test each, named by their number in the case list.

use super::*;

const PRIVATE: &str = "10.1.33.103:14264";
pub(super) const REAL: &str = "127.0.0.10:20400";
const X: &str = "127.0.0.66:6666";

/// A caller behind a NAT: its SDP is private, its signalling comes from 127.0.0.10.
pub(super) fn natted() -> Leg {
    with(leg(PRIVATE), |leg| leg.latch.signalling = at(A).ip())
}

#[test]
fn mr_01_a_private_address_gives_way_to_the_real_source() {
    let mut relay = Relay::between(natted(), leg(B));
    assert_eq!(
        relay.rtp(Side::B, B, 2, 1),
        rtp_to(PRIVATE),
        "the signalled address is used at once"
    );
    relay.pass(300);
    assert_eq!(relay.rtp(Side::A, REAL, 1, 1), rtp_to(B));
    assert_eq!(
        relay.rtp(Side::B, B, 2, 2),
        rtp_to(REAL),
        "from the caller's first packet on"
    );
    let to_rtcp = relay.receive(Side::B, Channel::Rtcp, "127.0.0.20:30001", receiver_report(0, 0));
    assert_eq!(to_rtcp, rtcp_to("127.0.0.10:20401"), "RTCP follows RTP");
    relay.rtcp(Side::A, "127.0.0.10:47000");
    let to_rtcp = relay.receive(Side::B, Channel::Rtcp, "127.0.0.20:30001", receiver_report(0, 0));
    assert_eq!(
        to_rtcp,
        rtcp_to("127.0.0.10:47000"),
        "and goes where RTCP came from"
    );
}

#[test]
fn mr_01_a_strict_leg_honours_the_sdp_and_learns_nothing() {
    let strict = with(natted(), |leg| leg.latch.signalling = "0.0.0.0".parse().unwrap());
    let mut relay = Relay::between(strict, leg(B));
    assert_eq!(relay.rtp(Side::A, REAL, 1, 1), dropped(DropReason::Source));
    assert_eq!(relay.rtp(Side::B, B, 2, 1), rtp_to(PRIVATE));
    assert_eq!(relay.rtp(Side::A, PRIVATE, 1, 2), rtp_to(B));
    relay.pass(2_000);
    assert_eq!(
        relay.rtp(Side::A, "10.1.33.103:14266", 1, 3),
        dropped(DropReason::Source),
        "no rebinding either"
    );
}

#[test]
fn mr_01_a_caller_who_speaks_only_long_after_the_offer_is_still_found() {
    let mut relay = Relay::between(natted(), leg(B));
    relay.pass(40_000);
    assert_eq!(
        relay.rtp(Side::A, REAL, 1, 1),
        rtp_to(B),
        "the phone rang for 40 s"
    );
}

#[test]
fn mr_02_a_stranger_from_before_the_call_gets_nothing_in_and_nothing_out() {
    for symmetric in [false, true] {
        let loose = |l: &mut Leg| l.latch.symmetric = symmetric;
        let ringing = with(leg(B), |l| {
            l.latch.symmetric = symmetric;
            l.remote = None;
        });
        let mut relay = Relay::between(with(leg(A), loose), ringing);
        for n in 0..100 {
            assert_eq!(
                relay.rtp(Side::B, X, 0xee, n),
                dropped(DropReason::Source),
                "before the answer"
            );
            relay.pass(5);
        }
        relay.update(Side::B, &with(leg(B), loose));
        for n in 100..300 {
            assert_eq!(
                relay.rtp(Side::B, X, 0xee, n),
                dropped(DropReason::Source),
                "the callee is late by 1 s"
            );
            assert_eq!(relay.destination(Side::B), Some(at(B)));
            relay.pass(5);
        }
        assert_eq!(
            relay.rtp(Side::B, B, 2, 1),
            rtp_to(A),
            "the callee's first packet"
        );
        for n in 300..500 {
            assert_eq!(relay.rtp(Side::B, X, 0xee, n), dropped(DropReason::Source));
            assert_eq!(relay.rtp(Side::B, B, 2, n - 298), rtp_to(A));
            relay.pass(5);
        }
        assert_eq!(
            relay.dropped(Side::B, DropReason::Source),
            500,
            "each drop is counted"
        );
    }
}

#[test]
fn mr_02_mid_call_and_with_the_ssrc_and_next_number_copied() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 250, A);
    for n in 0..250 {
        assert_eq!(
            relay.rtp(Side::B, X, 2, 251 + n),
            dropped(DropReason::Source),
            "{n}"
        );
        assert_eq!(relay.rtp(Side::B, B, 2, 251 + n), rtp_to(A));
        relay.pass(20);
    }
    relay.pass(5_000);
    assert_eq!(
        relay.rtp(Side::B, X, 2, 502),
        dropped(DropReason::Source),
        "another host, even after silence"
    );
}

#[test]
fn mr_02_a_re_invite_opens_nothing_for_a_stranger() {
    let b = with(leg(B), |l| l.latch.symmetric = true);
    let mut relay = Relay::between(leg(A), b.clone());
    relay.talk(Side::B, B, 2, 1, 100, A);
    relay.update(Side::B, &b);
    assert_eq!(relay.rtp(Side::B, X, 2, 101), dropped(DropReason::Source));
    relay.talk(Side::B, B, 2, 101, 10, A);
    assert_eq!(relay.rtp(Side::B, X, 2, 111), dropped(DropReason::Source));
}

#[test]
fn mr_02_a_strangers_rtcp_bye_does_nothing() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 10, A);
    for from in [X, "127.0.0.66:30001"] {
        let verdict = relay.receive(Side::B, Channel::Rtcp, from, bye(2));
        assert_eq!(verdict, dropped(DropReason::Source));
    }
    relay.talk(Side::B, B, 2, 11, 10, A);
    assert_eq!(relay.leg_stats(Side::B).rtcp_packets, 0);
}

#[test]
fn mr_02_where_the_operator_allows_it_a_stranger_may_be_learned_but_the_signalled_address_wins() {
    let b = with(natted(), |l| l.latch.symmetric = true);
    let mut relay = Relay::between(leg(A), b);
    assert_eq!(
        relay.rtp(Side::B, "192.0.2.7:4000", 2, 1),
        rtp_to(A),
        "a private SDP hints at a NAT"
    );
    assert_eq!(relay.destination(Side::B), Some(at("192.0.2.7:4000")));
    assert_eq!(
        relay.rtp(Side::B, REAL, 3, 1),
        rtp_to(A),
        "the signalling's host is better"
    );
    assert_eq!(
        relay.rtp(Side::B, "192.0.2.7:4000", 2, 2),
        dropped(DropReason::Source)
    );
    assert_eq!(
        relay.rtp(Side::B, PRIVATE, 4, 1),
        rtp_to(A),
        "the signalled address is best"
    );
    assert_eq!(relay.rtp(Side::B, REAL, 3, 2), dropped(DropReason::Source));
    relay.pass(6_000);
    assert_eq!(
        relay.rtp(Side::B, REAL, 3, 3),
        dropped(DropReason::Source),
        "the window is over"
    );
}

#[test]
fn mr_02_a_carrier_whose_media_has_its_own_address_is_as_safe() {
    let carrier = with(leg("198.51.100.9:30000"), |l| {
        l.latch.signalling = "198.51.100.1".parse().unwrap();
        l.latch.symmetric = true;
    });
    let mut relay = Relay::between(leg(A), carrier);
    for n in 0..50 {
        assert_eq!(relay.rtp(Side::B, X, 0xee, n), dropped(DropReason::Source));
        relay.pass(20);
    }
    relay.talk(Side::B, "198.51.100.9:30000", 2, 1, 10, A);
}

#[test]
fn a_symmetric_peer_whose_sdp_looked_right_is_learned_after_a_wait() {
    let mut relay = Relay::between(leg(A), with(leg(B), |l| l.latch.symmetric = true));
    for n in 0..100 {
        assert_eq!(
            relay.rtp(Side::B, "192.0.2.7:4000", 2, n),
            dropped(DropReason::Source)
        );
        relay.pass(20);
    }
    assert_eq!(relay.rtp(Side::B, "192.0.2.7:4000", 2, 100), rtp_to(A));
}

#[test]
fn mr_06_rtcp_has_its_own_port_or_shares_it_as_negotiated() {
    let rtcp_elsewhere = with(leg(A), |l| {
        l.remote = Some(Remote {
            rtp: at(A),
            rtcp: at("127.0.0.10:20011"),
        })
    });
    let muxed = with(leg(B), |l| {
        l.mux = true;
        l.remote = Some(Remote {
            rtp: at(B),
            rtcp: at(B),
        });
    });
    let mut relay = Relay::between(rtcp_elsewhere, muxed);
    assert_eq!(
        relay.rtcp(Side::A, "127.0.0.10:20011"),
        rtp_to(B),
        "RTCP leaves by the shared port"
    );
    let from_b = relay.receive(Side::B, Channel::Rtp, B, receiver_report(0, 0));
    assert_eq!(
        from_b,
        rtcp_to("127.0.0.10:20011"),
        "and as a=rtcp says on the other leg"
    );
    let on_rtp = relay.receive(Side::A, Channel::Rtp, A, receiver_report(0, 0));
    assert_eq!(
        on_rtp,
        dropped(DropReason::Misplaced),
        "mux was not negotiated with A"
    );
    let on_rtcp = relay.receive(Side::A, Channel::Rtcp, A, rtp(0, 1, 1));
    assert_eq!(on_rtcp, dropped(DropReason::Misplaced));
}

#[test]
fn mr_11_each_direction_has_its_own_payload_types() {
    let a = with(leg(A), |l| {
        l.map = PtMap::only().set(0, 0, 8_000).set(96, 122, 8_000).clone()
    });
    let b = with(leg(B), |l| {
        l.map = PtMap::only()
            .set(0, 0, 8_000)
            .set(101, 96, 8_000)
            .set(122, 96, 8_000)
            .clone();
    });
    let mut relay = Relay::between(a, b);
    for (side, from, arrives, leaves) in [
        (Side::A, A, 96, Some(122)),
        (Side::B, B, 101, Some(96)),
        (Side::B, B, 122, Some(96)),
        (Side::A, A, 0, Some(0)),
        (Side::A, A, 111, None),
    ] {
        let mut packet = rtp(0x80 | arrives, 1, u16::from(arrives));
        let before = packet.clone();
        let verdict = relay.receive_in(side, Channel::Rtp, from, &mut packet);
        match leaves {
            Some(leaves) => {
                assert_eq!(packet[1], 0x80 | leaves, "{arrives}: payload type, marker kept");
                assert_eq!(
                    (packet[0], &packet[2..]),
                    (before[0], &before[2..]),
                    "{arrives}: nothing else"
                );
                assert!(matches!(verdict, Verdict::Forward { .. }));
            }
            None => assert_eq!(verdict, dropped(DropReason::PayloadType)),
        }
    }
}

#[test]
fn sm_09_a_move_takes_effect_at_once_and_the_other_side_sees_one_stream() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 100, A);
    let moved = with(leg("127.0.0.21:31000"), |l| l.latch.signalling = at(B).ip());
    relay.update(Side::B, &moved);
    assert_eq!(relay.rtp(Side::A, A, 1, 1), rtp_to("127.0.0.21:31000"));
    assert_eq!(
        relay.rtp(Side::B, B, 2, 101),
        rtp_to(A),
        "what is still under way from the old address"
    );
    relay.talk(Side::B, "127.0.0.21:31000", 2, 102, 10, A);
    relay.update(Side::A, &leg("127.0.0.10:20002"));
    assert_eq!(
        relay.rtp(Side::B, "127.0.0.21:31000", 2, 112),
        rtp_to("127.0.0.10:20002")
    );
    let stats = relay.leg_stats(Side::B);
    assert_eq!((stats.ssrcs, stats.lost), (1, 0));
}

#[test]
fn sm_12_nothing_is_sent_to_an_address_that_is_none() {
    for nowhere in [
        "0.0.0.0:20000",
        "127.0.0.10:0",
        "224.0.0.1:20000",
        "255.255.255.255:9",
        "[::]:20000",
    ] {
        let mut relay = Relay::plain();
        relay.talk(Side::A, A, 1, 1, 10, B);
        relay.update(Side::A, &with(leg(A), |l| l.remote = remote(nowhere)));
        assert_eq!(
            relay.rtp(Side::B, B, 2, 1),
            dropped(DropReason::NoRemote),
            "{nowhere}"
        );
        assert_eq!(relay.rtp(Side::A, A, 1, 11), rtp_to(B), "it may still speak");
        assert_eq!(
            relay.rtp(Side::B, B, 2, 2),
            dropped(DropReason::NoRemote),
            "and is not learned for sending"
        );
        let rtcp = relay.rtcp(Side::B, "127.0.0.20:30001");
        assert_eq!(rtcp, dropped(DropReason::NoRemote));
        relay.update(Side::A, &leg(A));
        assert_eq!(relay.rtp(Side::B, B, 2, 3), rtp_to(A), "resumed");
    }
}

#[test]
fn sm_12_a_held_peer_gets_no_rtp_but_still_rtcp() {
    let mut relay = Relay::plain();
    relay.update(Side::A, &with(leg(A), |l| l.may_send = false));
    assert_eq!(relay.rtp(Side::B, B, 2, 1), dropped(DropReason::Hold));
    assert_eq!(
        relay.rtcp(Side::B, "127.0.0.20:30001"),
        rtcp_to("127.0.0.10:20001")
    );
    assert_eq!(
        relay.rtp(Side::A, A, 1, 1),
        rtp_to(B),
        "music on hold flows the other way"
    );
    let stats = relay.leg_stats(Side::B);
    assert_eq!(
        (stats.packets, stats.dropped.hold, stats.dropped.total()),
        (1, 1, 1)
    );
}

#[test]
fn sm_17_udptl_is_any_bytes_filtered_by_source() {
    let fax = |media: &str| with(leg(media), |l| l.kind = StreamKind::Udptl);
    let mut relay = Relay::between(fax(A), fax(B));
    for bytes in [vec![], vec![0], vec![0xff; 3], vec![0x80, 200, 0, 9]] {
        assert_eq!(relay.receive(Side::A, Channel::Rtp, A, bytes.clone()), rtp_to(B));
        assert_eq!(
            relay.receive(Side::A, Channel::Rtp, X, bytes),
            dropped(DropReason::Source)
        );
    }
    relay.update(Side::B, &fax("127.0.0.21:30020"));
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, A, vec![1]),
        rtp_to("127.0.0.21:30020")
    );
}
