//! How legs sound, what peers say of it, and legs that are not heard.

use super::*;
use crate::emodel::Codec;

const RTCP_A: &str = "127.0.0.10:20001";
const PATIENCE: Duration = Duration::from_secs(4);

fn watched() -> Relay {
    let now = Instant::now();
    let patience = Patience {
        one_way: Some(PATIENCE),
        ..Patience::default()
    };
    let legs = [A, B].map(|media| with(leg(media), |l| l.codec = Some(Codec::G711)));
    Relay {
        now,
        session: Session::new(now, &legs, patience, SEED),
    }
}

/// What a second of A's and B's packets brings to notice; `a` and `b`: whether the packet of this number comes.
fn second(relay: &mut Relay, first: u16, a: impl Fn(u16) -> bool, b: impl Fn(u16) -> bool) -> Vec<Notice> {
    let mut noticed = Vec::new();
    for n in first..first + 50 {
        if a(n) {
            relay.rtp(Side::A, A, 0xa, n);
        }
        if b(n) {
            relay.rtp(Side::B, B, 0xb, n);
        }
        noticed.extend(relay.pass(20));
    }
    noticed
}

fn all(_: u16) -> bool {
    true
}

fn none(_: u16) -> bool {
    false
}

fn one_way(notices: &[Notice]) -> Vec<(Side, bool)> {
    let told = notices.iter().filter_map(|notice| match notice {
        Notice::OneWay { side, quiet } => Some((*side, quiet.is_some())),
        Notice::Silent { .. }
        | Notice::Supervised { .. }
        | Notice::SoundsBad { .. }
        | Notice::Rated { .. }
        | Notice::Path { .. }
        | Notice::Played { .. }
        | Notice::Digit { .. } => None,
    });
    told.collect()
}

#[test]
fn what_sounds_bad_from_its_beginning_is_told_of_once_and_what_does_later_is_not() {
    // A loses two of five packets from the beginning on, B from the 15th second on.
    let mut relay = watched();
    let mut told = Vec::new();
    for s in 0..30_u16 {
        let late = s >= 15;
        let notices = second(&mut relay, s * 50 + 1, |n| n % 5 > 1, move |n| !late || n % 5 > 1);
        told.extend(notices.iter().filter_map(|notice| match notice {
            Notice::SoundsBad { side, mos } => Some((*side, s, *mos)),
            _ => None,
        }));
    }
    let [(side, at, mos)] = told[..] else {
        panic!("{told:?}")
    };
    assert!(side == Side::A && (9..13).contains(&at) && mos < 2.5, "{told:?}");
}

#[test]
fn each_window_is_rated_and_the_worst_is_kept() {
    let mut relay = watched();
    let mut rated = Vec::new();
    for s in 0..31 {
        // From the 10th second to the 15th A loses every fifth packet.
        let lossy = (10..15).contains(&s);
        let notices = second(&mut relay, s * 50 + 1, move |n| !lossy || n % 5 != 0, all);
        rated.extend(notices.iter().filter_map(|notice| match notice {
            Notice::Rated { side, mos } => Some((*side, *mos)),
            _ => None,
        }));
    }
    let of = |side| {
        rated
            .iter()
            .filter(|(of, _)| *of == side)
            .map(|(_, mos)| *mos)
            .collect::<Vec<f32>>()
    };
    assert_eq!((of(Side::A).len(), of(Side::B).len()), (6, 6));
    let (a, b) = (relay.leg_stats(Side::A), relay.leg_stats(Side::B));
    let (sounds, clean) = (a.quality.unwrap(), b.quality.unwrap());
    assert!(
        clean.mos > 4.3 && clean.mos_min > 4.3 && clean.r_factor > 90.0,
        "{clean:?}"
    );
    assert!(sounds.mos_min < 3.0 && sounds.mos_last > 4.3, "{sounds:?}");
    assert!(
        sounds.mos > sounds.mos_min && sounds.mos < clean.mos,
        "{sounds:?}"
    );
    let worst = of(Side::A).iter().copied().fold(5.0, f32::min);
    assert!((sounds.mos_min - worst).abs() < 0.006);
    assert_eq!(
        (a.lost, a.loss.events, a.loss.longest, a.loss.bursts),
        (50, 50, 1, 1)
    );
    assert_eq!((a.loss.burst_ms, a.loss.burst_density), (4920, 0.2033));
    assert_eq!(b.loss.events, 0);
}

#[test]
fn a_codec_that_nothing_is_known_of_has_no_score() {
    let mut relay = watched();
    let unknown = with(leg(A), |l| l.codec = None);
    relay.update(Side::A, &unknown);
    for n in 0..400 {
        relay.receive(Side::A, Channel::Rtp, A, rtp(97, 0xa, n));
        relay.rtp(Side::B, B, 0xb, n);
        relay.pass(20);
    }
    assert_eq!(relay.leg_stats(Side::A).quality, None);
    assert!(
        relay.leg_stats(Side::B).quality.is_some(),
        "a static payload type says it itself"
    );
}

#[test]
fn what_a_peer_hears_is_told_in_its_reports() {
    let mut relay = watched();
    second(&mut relay, 1, all, all);
    let mut report = receiver_report(0, 0);
    report[8..12].copy_from_slice(&0xb_u32.to_be_bytes());
    report[12..16].copy_from_slice(&[64, 0, 0, 12]);
    report[20..24].copy_from_slice(&80_u32.to_be_bytes());
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, report.clone());
    report[12] = 0;
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, report.clone());
    report[8..12].copy_from_slice(&0xdead_u32.to_be_bytes());
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, report);
    let heard = relay.leg_stats(Side::A).heard.unwrap();
    assert_eq!((heard.reports, heard.lost, heard.jitter_us), (2, 12, 10_000));
    assert_eq!((heard.fraction_lost, heard.fraction_lost_max), (0.0, 0.25));
    let quality = heard.quality.unwrap();
    assert!(quality.mos_min < 2.5 && quality.mos_last > 4.2, "{quality:?}");
    assert_eq!(relay.leg_stats(Side::B).heard, None);
}

#[test]
fn what_a_peer_says_of_its_call_is_kept() {
    let mut relay = watched();
    second(&mut relay, 1, all, all);
    let mut report = vec![0x80, 207, 0, 10, 0, 0, 0, 0xa, 7, 0, 0, 8, 0, 0, 0, 0xb];
    report.extend([
        26, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 16, 80, 127, 40, 39, 0, 0, 0, 60, 0, 0, 0, 0,
    ]);
    relay.receive(Side::A, Channel::Rtcp, RTCP_A, report);
    let voip = relay.leg_stats(Side::A).heard.unwrap().voip.unwrap();
    assert_eq!(
        (voip.r_factor, voip.mos_lq, voip.mos_cq, voip.rtt_ms),
        (Some(80), Some(4.0), Some(3.9), 99)
    );
}

#[test]
fn a_side_that_is_never_heard_is_told_of_within_seconds_and_once() {
    let mut relay = watched();
    let mut told = Vec::new();
    for s in 0..10 {
        let notices = second(&mut relay, s * 50 + 1, all, none);
        told.extend(one_way(&notices).into_iter().map(|what| (s, what)));
    }
    assert_eq!(told, [(3, (Side::B, true))], "after 4 s");
    assert!((9_000..=10_000).contains(&relay.leg_stats(Side::B).mute_ms));
    assert_eq!(relay.leg_stats(Side::A).mute_ms, 0);
    let notices = second(&mut relay, 501, all, all);
    let again = second(&mut relay, 551, all, all);
    let all: Vec<_> = notices.into_iter().chain(again).collect();
    assert_eq!(one_way(&all), [(Side::B, false)]);
}

#[test]
fn a_side_that_falls_silent_is_told_of_unless_it_is_one_that_rests() {
    for (rests, expected) in [(false, 4), (true, 20)] {
        let mut relay = watched();
        for s in 0..4 {
            // Who suppresses silence leaves gaps.
            second(&mut relay, s * 50 + 1, all, |n| !rests || !(60..170).contains(&n));
        }
        let mut told = None;
        for s in 4..40 {
            let notices = second(&mut relay, s * 50 + 1, all, none);
            if !one_way(&notices).is_empty() {
                told.get_or_insert(s - 3);
            }
        }
        assert_eq!(told, Some(expected), "rests: {rests}");
    }
}

#[test]
fn nobody_is_missed_while_both_rest_or_one_is_on_hold() {
    let mut relay = watched();
    for s in 0..3 {
        assert_eq!(one_way(&second(&mut relay, s * 50 + 1, all, all)), []);
    }
    for s in 3..30 {
        assert_eq!(
            one_way(&second(&mut relay, s * 50 + 1, none, none)),
            [],
            "both rest"
        );
    }
    let mut relay = watched();
    relay.update(Side::B, &with(leg(B), |l| l.expects = false));
    for s in 0..30 {
        assert_eq!(one_way(&second(&mut relay, s * 50 + 1, all, none)), [], "held");
    }
}

#[test]
fn a_hold_ends_what_was_told_of() {
    let mut relay = watched();
    for s in 0..6 {
        second(&mut relay, s * 50 + 1, all, none);
    }
    relay.update(Side::B, &with(leg(B), |l| l.expects = false));
    let notices = second(&mut relay, 301, all, none);
    let again = second(&mut relay, 351, all, none);
    let both: Vec<_> = notices.into_iter().chain(again).collect();
    assert_eq!(one_way(&both), [(Side::B, false)]);
}

#[test]
fn a_lent_direction_is_rated_and_missed_all_the_same() {
    let mut relay = watched();
    relay.talk(Side::A, A, 0xa, 1, 25, B);
    let mut ledger = relay.session.lend(Side::A);
    let mut other = Session::new(relay.now, &[leg(A), leg(B)], Patience::default(), SEED);
    let mut sequence = 25;
    let mut told = Vec::new();
    for s in 0..12 {
        for _ in 0..50 {
            sequence += 1;
            if sequence % 10 != 0 {
                let header = crate::rtp::parse(&rtp(0, 0xa, sequence)).unwrap();
                let half = &mut other.a;
                half.reception.take(&ledger);
                half.reception
                    .packet(relay.now, &header, &half.map, &mut half.stats);
                half.reception.lend(&mut ledger);
                ledger.packets += 1;
            }
            relay.now += Duration::from_millis(20);
        }
        relay.session.absorb(Side::A, &ledger);
        told.extend(one_way(&relay.pass(0)).into_iter().map(|what| (s, what)));
    }
    assert!(matches!(told[..], [(3..=5, (Side::B, true))]), "{told:?}");
    let a = relay.leg_stats(Side::A);
    assert_eq!((a.lost, a.loss.events, a.loss.longest), (60, 60, 1));
    assert!((3.0..4.1).contains(&a.quality.unwrap().mos), "{:?}", a.quality);
}
