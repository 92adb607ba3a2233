//! Directions that the kernel relays. Its part is played by another [`Reception`], which is what its program is made after.

use super::*;
use crate::control::{Digits, Said};
use crate::offload::{COUNTED, Ledger, Progress, Touch, Types};
use crate::rtp::Translation;
use proptest::prelude::*;

/// A session whose peers are firm, as after half a second of talk.
fn firm() -> Relay {
    talked(Relay::plain())
}

/// The same; A's events are listened to.
fn listening() -> Relay {
    let digits = Digits {
        said: Said::Signalled,
        events: Some((101, 8_000)),
        heard: [101].into_iter().collect(),
    };
    talked(Relay::between(
        with(leg(A), |leg| leg.needs.digits = Some(Arc::new(digits))),
        leg(B),
    ))
}

fn talked(mut relay: Relay) -> Relay {
    for n in 1..=25 {
        assert_eq!(relay.rtp(Side::A, A, 1, n), rtp_to(B));
        relay.talk(Side::B, B, 2, n, 1, A);
    }
    relay
}

/// Packets 20 ms apart that the kernel relays.
fn kernel(now: Instant, ledger: &mut Ledger, first: u16, count: u16) {
    let map = Translation::new(&PtMap::identity());
    let (mut reception, mut stats) = (Reception::default(), Counters::default());
    reception.take(ledger);
    (stats.reordered, stats.duplicates) = (ledger.reordered, ledger.duplicates);
    (stats.max_gap_ms, stats.jitter_max_us, stats.ssrcs) =
        (ledger.max_gap_ms, ledger.jitter_max_us, ledger.ssrcs);
    for n in 0..count {
        let sequence = first.wrapping_add(n);
        let header = rtp::parse(&rtp(0, 1, sequence)).unwrap();
        reception.packet(
            now + Duration::from_millis(20) * n.into(),
            &header,
            &map,
            &mut stats,
        );
        ledger.sequence = sequence;
    }
    reception.lend(ledger);
    (ledger.reordered, ledger.duplicates) = (stats.reordered, stats.duplicates);
    (ledger.max_gap_ms, ledger.jitter_max_us, ledger.ssrcs) =
        (stats.max_gap_ms, stats.jitter_max_us, stats.ssrcs);
    ledger.packets += u64::from(count);
    ledger.bytes += 172 * u64::from(count);
    ledger.forwarded += u64::from(count);
    ledger.forwarded_bytes += 172 * u64::from(count);
}

#[test]
fn a_direction_may_be_lent_once_its_source_is_firm() {
    let mut relay = Relay::plain();
    assert_eq!(relay.session.flow(Side::A), None);
    relay.talk(Side::A, A, 1, 1, 24, B);
    assert!(!relay.session.rerouted());
    relay.talk(Side::A, A, 1, 25, 1, B);
    assert!(relay.session.rerouted() && !relay.session.rerouted(), "told once");
    let flow = relay.session.flow(Side::A).unwrap();
    let ours = at("127.0.0.1:10000");
    assert_eq!(
        (flow.local, flow.from, flow.via, flow.to),
        (ours, at(A), ours, at(B))
    );
    assert_eq!((flow.dscp, flow.mux, flow.types.out[96]), (46, false, 96));
    assert_eq!(flow.types.rates[usize::from(flow.types.clocks[14])], 90_000);
    assert_eq!(relay.session.flow(Side::B), None, "B has not spoken");
}

#[test]
fn what_needs_the_process_is_not_lent() {
    for (why, side, changed) in [
        ("hold", Side::B, with(leg(B), |leg| leg.may_send = false)),
        ("fax", Side::B, with(leg(B), |leg| leg.kind = StreamKind::Udptl)),
        ("no address yet", Side::B, with(leg(B), |leg| leg.remote = None)),
        (
            "another family",
            Side::B,
            with(leg(B), |leg| leg.bind = "::1".parse().unwrap()),
        ),
        (
            "any address",
            Side::B,
            with(leg(B), |leg| leg.bind = "0.0.0.0".parse().unwrap()),
        ),
        ("not firm any more", Side::A, leg(A)),
    ] {
        let mut relay = firm();
        assert!(relay.session.flow(Side::A).is_some());
        relay.update(side, &changed);
        assert!(relay.session.rerouted());
        assert_eq!(relay.session.flow(Side::A), None, "{why}");
    }
    let mut quiet = firm();
    quiet.pass(600);
    assert_eq!(quiet.session.flow(Side::A), None, "silent");
}

/// Somebody else has taken A's place: what B hears goes on as one stream, whoever relays.
#[test]
fn a_stream_that_is_numbered_here_is_lent_with_its_numbers() {
    let mut relay = firm();
    let other = with(leg(A), |leg| leg.party = 7);
    relay.update(Side::A, &other);
    let mut numbers = Vec::new();
    let mut say = |relay: &mut Relay, sequence: u16| {
        let mut packet = rtp(0, 5, sequence);
        assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut packet), rtp_to(B));
        numbers.push(rtp::parse(&packet).unwrap());
        relay.pass(20);
    };
    for n in 450..525 {
        say(&mut relay, n);
    }
    let rewrite = relay.session.flow(Side::A).unwrap().rewrite.unwrap();
    assert_eq!((rewrite.of, rewrite.ssrc), (5, 1));
    assert_eq!(
        rewrite.sequence.wrapping_add(450),
        26,
        "after the 25 of who was there before"
    );

    let mut ledger = relay.session.lend(Side::A);
    // Far more than a sender may be ahead of what was last heard of it.
    for n in 0..4000 {
        let header = rtp::parse(&rtp(0, 5, 525 + n)).unwrap();
        let map = Translation::new(&PtMap::identity());
        let mut reception = Reception::default();
        reception.take(&ledger);
        reception.packet(relay.now, &header, &map, &mut Counters::default());
        reception.lend(&mut ledger);
        ledger.packets += 1;
        ledger.forwarded += 1;
    }
    relay.session.reclaim(Side::A, &ledger);
    say(&mut relay, 525 + 4000);
    let (before, after) = (numbers[74], numbers[75]);
    assert_eq!((after.ssrc, after.marker), (1, false));
    assert_eq!(after.sequence, before.sequence + 4001);
    assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 4001 * 160);
}

#[test]
fn payload_types_that_do_not_pass_are_marked() {
    let mut map = PtMap::only();
    map.set(0, 8, 0).set(111, 96, 48_000);
    let mut relay = Relay::between(with(leg(A), |leg| leg.map = map), leg(B));
    for n in 0..25 {
        relay.rtp(Side::A, A, 1, n);
        relay.pass(20);
    }
    let flow = relay.session.flow(Side::A).unwrap();
    let types = [0, 111, 8].map(|n: usize| flow.types.out[n]);
    assert_eq!(types, [8, 96, Types::DROP]);
    assert_eq!(flow.types.rates[usize::from(flow.types.clocks[111])], 48_000);
}

#[test]
fn the_statistics_go_on_over_a_loan() {
    let (mut lent, mut plain) = (firm(), firm());
    plain.talk(Side::A, A, 1, 26, 10, B);
    // Three lost, then the session again.
    plain.talk(Side::A, A, 1, 39, 5, B);

    let mut ledger = lent.session.lend(Side::A);
    assert!(lent.session.half(Side::A).lent.is_some());
    kernel(lent.now, &mut ledger, 26, 10);
    lent.pass(200);
    let progress = Progress {
        packets: 10,
        bytes: 1_720,
        ..Progress::default()
    };
    assert_eq!(lent.session.absorb(Side::A, &ledger), progress);
    assert_eq!(lent.leg_stats(Side::A).packets, 35, "as it stands");
    assert_eq!(lent.session.reclaim(Side::A, &ledger), Progress::default());
    lent.talk(Side::A, A, 1, 39, 5, B);
    assert_eq!(lent.session.stats(), plain.session.stats());
    assert_eq!(lent.leg_stats(Side::A).lost, 3);
}

#[test]
fn what_the_kernel_dropped_is_dropped() {
    let mut relay = firm();
    let mut ledger = relay.session.lend(Side::A);
    ledger.packets += 5;
    (ledger.forwarded, ledger.forwarded_bytes, ledger.refused) = (3, 300, 2);
    (ledger.failed, ledger.failed_bytes) = (1, 100);
    relay.session.reclaim(Side::A, &ledger);
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    assert_eq!((a.packets, a.dropped.payload_type, a.dropped.send), (30, 2, 1));
    assert_eq!((b.sent_packets, b.sent_bytes), (27, 25 * 172 + 200));
}

#[test]
fn a_lent_side_is_connected_to_nobody() {
    let mut relay = firm();
    assert_eq!(relay.advice().len(), 2);
    let ledger = relay.session.lend(Side::A);
    assert_eq!(relay.advice(), [(Side::A, None)]);
    relay.pass(700);
    assert_eq!(
        relay.advice(),
        [(Side::B, None)],
        "B is quiet; of A the kernel knows"
    );
    relay.session.reclaim(Side::A, &ledger);
    assert_eq!(relay.advice(), [(Side::A, Some(at(A)))]);
}

#[test]
fn a_packet_that_comes_up_says_what_it_needs() {
    let mut relay = firm();
    let needs = |relay: &Relay, channel, from: &str, packet: &[u8]| {
        relay.session.touch(relay.now, Side::A, channel, at(from), packet)
    };
    assert_eq!(
        needs(&relay, Channel::Rtp, A, &rtp(0, 1, 26)),
        Touch::Nothing,
        "not lent"
    );
    relay.session.lend(Side::A);
    let stranger = "127.0.0.99:9";
    let moved = SocketAddr::new(at(A).ip(), 9).to_string();
    for (channel, from, packet, need) in [
        (Channel::Rtp, A, rtp(0, 1, 26), Touch::Reclaim),
        (Channel::Rtp, stranger, rtp(0, 1, 26), Touch::Nothing),
        (Channel::Rtp, &moved, rtp(0, 1, 26), Touch::Look),
        (Channel::Rtp, &moved, rtp(0, 2, 26), Touch::Look),
        (Channel::Rtp, A, receiver_report(0, 0), Touch::Nothing),
        (Channel::Rtp, A, vec![0x80; 5], Touch::Nothing),
        (Channel::Rtcp, A, receiver_report(0, 0), Touch::Nothing),
    ] {
        assert_eq!(needs(&relay, channel, from, &packet), need, "{from} {packet:?}");
    }
    relay.pass(6_000);
    for (ssrc, need) in [(1, Touch::Look), (2, Touch::Nothing)] {
        let packet = rtp(0, ssrc, 26);
        assert_eq!(
            needs(&relay, Channel::Rtp, &moved, &packet),
            need,
            "{ssrc} after the window"
        );
    }
}

#[test]
fn a_peer_may_move_once_the_kernel_has_not_heard_it_for_long_enough() {
    let mut relay = firm();
    relay.pass(10_000);
    relay.talk(Side::A, A, 1, 26, 25, B);
    let mut ledger = relay.session.lend(Side::A);
    kernel(relay.now, &mut ledger, 51, 50);
    relay.pass(1_000);
    relay.session.absorb(Side::A, &ledger);
    assert!(!relay.session.may_succeed(relay.now, Side::A), "heard 20 ms ago");
    relay.pass(600);
    relay.session.absorb(Side::A, &ledger);
    assert!(relay.session.may_succeed(relay.now, Side::A));
    relay.session.reclaim(Side::A, &ledger);
    let moved = "127.0.0.10:20400";
    assert_eq!(
        relay.rtp(Side::A, moved, 1, 101),
        rtp_to(B),
        "it goes on where the kernel was"
    );
    assert_eq!(relay.leg_stats(Side::A).latches, 1);
}

#[test]
fn silence_is_counted_from_what_the_kernel_heard() {
    let now = Instant::now();
    let limit = Duration::from_secs(30);
    let patience = Patience {
        expected: Some(limit),
        ..Patience::default()
    };
    let session = Session::new(now, &[leg(A), leg(B)], patience, SEED);
    let silent = Notice::Silent {
        side: Side::A,
        quiet: limit,
    };
    let mut relay = Relay { now, session };
    relay.talk(Side::A, A, 1, 1, 25, B);
    let mut ledger = relay.session.lend(Side::A);
    relay.pass(20_000);
    kernel(relay.now, &mut ledger, 26, 1);
    relay.session.absorb(Side::A, &ledger);
    assert!(!relay.pass(29_000).contains(&silent));
    relay.session.absorb(Side::A, &ledger);
    assert!(relay.pass(1_000).contains(&silent));
    relay.session.absorb(Side::A, &ledger);
    assert!(!relay.pass(1_000).contains(&silent), "told once");
}

proptest! {
    /// However the packets are shared out between the session and the kernel, and whatever their numbers are, the same is counted.
    #[test]
    fn moves_change_no_figure(
        packets in proptest::collection::vec((0_u16..400, any::<bool>()), 1..80),
    ) {
        let (mut moving, mut staying) = (firm(), firm());
        for (sequence, in_kernel) in packets {
            if in_kernel {
                let mut ledger = moving.session.lend(Side::A);
                kernel(moving.now, &mut ledger, sequence, 1);
                moving.session.reclaim(Side::A, &ledger);
            } else {
                moving.rtp(Side::A, A, 1, sequence);
            }
            staying.rtp(Side::A, A, 1, sequence);
            let (a, b) = (moving.leg_stats(Side::A), staying.leg_stats(Side::A));
            prop_assert_eq!((a.lost, a.reordered, a.duplicates), (b.lost, b.reordered, b.duplicates));
            prop_assert_eq!((a.packets, a.jitter_us, a.max_gap_ms), (b.packets, b.jitter_us, b.max_gap_ms));
            (moving.now, staying.now) = (moving.now + Duration::from_millis(20), staying.now + Duration::from_millis(20));
        }
    }
}

#[test]
fn a_payload_type_that_is_listened_to_comes_up_counted() {
    let mut relay = listening();
    let flow = relay.session.flow(Side::A).unwrap();
    assert_eq!((flow.types.out[101], flow.types.out[0]), (Types::UP, 0));
    let mut ledger = relay.session.lend(Side::A);
    kernel(relay.now, &mut ledger, 26, 10);
    let before = relay.session.stats();
    let event = |version: u8| {
        let mut event = rtp(101, 1, 36);
        event[0] = version;
        event
    };
    let mut marked = event(0x80 | COUNTED);
    assert_eq!(
        relay
            .session
            .touch(relay.now, Side::A, Channel::Rtp, at(A), &marked),
        Touch::Nothing
    );
    assert_eq!(relay.receive_in(Side::A, Channel::Rtp, A, &mut marked), rtp_to(B));
    assert_eq!(marked, event(0x80), "as it was sent");
    let after = relay.session.stats();
    assert_eq!(after.legs[0], before.legs[0], "counted once, and not here");
    assert_eq!(after.legs[1].sent_packets, before.legs[1].sent_packets + 1);
    assert!(relay.session.half(Side::A).lent.is_some());
    // Anybody else may say what he likes, and nobody may of another type.
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, "127.0.0.66:6", event(0xc0)),
        dropped(DropReason::Invalid)
    );
    let mut other = rtp(0, 1, 37);
    other[0] = 0xc0;
    assert_eq!(
        relay.receive(Side::A, Channel::Rtp, A, other),
        dropped(DropReason::Invalid)
    );
}

#[test]
fn mr_10_nobody_else_marks_a_packet_as_counted() {
    let mut relay = listening();
    let event = |sequence: u16, version: u8| {
        let mut event = rtp(101, 1, sequence);
        event[0] = version;
        event
    };
    let says = |relay: &mut Relay, sequence, version| {
        relay.receive(Side::A, Channel::Rtp, A, event(sequence, version))
    };
    assert_eq!(
        says(&mut relay, 26, 0xc0),
        dropped(DropReason::Invalid),
        "never lent"
    );
    let ledger = relay.session.lend(Side::A);
    relay.session.reclaim(Side::A, &ledger);
    assert_eq!(
        says(&mut relay, 26, 0xc0),
        rtp_to(B),
        "on its way when it was reclaimed"
    );
    assert_eq!(says(&mut relay, 27, 0x80), rtp_to(B), "behind it");
    assert_eq!(says(&mut relay, 28, 0xc0), dropped(DropReason::Invalid));
}

#[test]
fn fax_is_lent_too_and_both_sides_live_by_it() {
    let fax = |media| with(leg(media), |leg| leg.kind = StreamKind::Udptl);
    let mut relay = Relay::between(fax(A), fax(B));
    relay.session.patience.expected = Some(Duration::from_mins(1));
    for _ in 0..25 {
        relay.receive(Side::A, Channel::Rtp, A, vec![0, 1, 2, 3]);
        relay.pass(20);
    }
    let flow = relay.session.flow(Side::A).unwrap();
    assert_eq!(flow.kind, StreamKind::Udptl);
    let mut ledger = relay.session.lend(Side::A);
    relay.pass(10_000);
    (ledger.packets, ledger.bytes, ledger.forwarded) = (26, 104, 1);
    ledger.last = Some(crate::offload::Last {
        arrival: relay.now,
        timestamp: 0,
        payload_type: 255,
        clock: 0,
    });
    relay.session.absorb(Side::A, &ledger);
    assert_eq!(relay.leg_stats(Side::A).packets, 26);
    assert_eq!(
        relay.session.touch(relay.now, Side::A, Channel::Rtp, at(A), &[1]),
        Touch::Reclaim
    );
    let silent = |notices: Vec<Notice>| {
        let sides = notices.into_iter().filter_map(|notice| match notice {
            Notice::Silent { side, .. } => Some(side),
            Notice::OneWay { .. }
            | Notice::Supervised { .. }
            | Notice::SoundsBad { .. }
            | Notice::Rated { .. }
            | Notice::Path { .. }
            | Notice::Played { .. }
            | Notice::Digit { .. } => None,
        });
        sides.collect::<Vec<_>>()
    };
    assert_eq!(
        silent(relay.pass(59_000)),
        [],
        "a minute after the kernel heard A"
    );
    assert_eq!(silent(relay.pass(2_000)), Side::BOTH);
}

#[test]
fn what_was_last_known_of_a_flow_that_is_lost_stays() {
    let mut relay = firm();
    let mut ledger = relay.session.lend(Side::A);
    kernel(relay.now, &mut ledger, 26, 10);
    relay.session.absorb(Side::A, &ledger);
    relay.session.abandon(Side::A);
    assert!(relay.session.half(Side::A).lent.is_none() && relay.session.rerouted());
    assert_eq!(relay.leg_stats(Side::A).packets, 35);
    relay.talk(Side::A, A, 1, 36, 1, B);
    assert_eq!(relay.leg_stats(Side::A).lost, 0);
}
