//! Peers that change their address: MR-03, MR-04, and what a session refresh or a hold must not break.

use super::cases::{REAL, natted};
use super::*;

#[test]
fn mr_03_a_peer_whose_nat_gave_it_another_port_is_found_again() {
    let mut relay = Relay::between(natted(), leg(B));
    relay.talk(Side::A, REAL, 1, 1, 300, B);
    let moved = "127.0.0.10:20500";
    assert_eq!(
        relay.rtp(Side::A, moved, 1, 301),
        dropped(DropReason::Source),
        "the old source spoke just now"
    );
    relay.pass(600);
    assert_eq!(relay.rtp(Side::A, moved, 1, 331), rtp_to(B));
    assert_eq!(relay.destination(Side::A), Some(at(moved)));
    assert_eq!(
        relay.rtp(Side::A, REAL, 1, 332),
        dropped(DropReason::Source),
        "the old one is a stranger now"
    );
    assert_eq!(relay.leg_stats(Side::A).latches, 2);
}

#[test]
fn mr_03_only_the_same_stream_is_found_again() {
    for (what, from, ssrc, sequence, any, found) in [
        ("next", "127.0.0.10:20500", 1, 301, false, true),
        ("100 on", "127.0.0.10:20500", 1, 400, false, true),
        ("101 on", "127.0.0.10:20500", 1, 401, false, false),
        ("the same number", "127.0.0.10:20500", 1, 300, false, false),
        ("one back", "127.0.0.10:20500", 1, 299, false, false),
        ("another SSRC", "127.0.0.10:20500", 9, 301, false, false),
        ("another host", "127.0.0.11:20400", 1, 301, false, false),
        ("another host, allowed", "127.0.0.11:20400", 1, 301, true, true),
        (
            "another host, allowed, another SSRC",
            "127.0.0.11:20400",
            9,
            301,
            true,
            false,
        ),
    ] {
        let mut relay = Relay::between(with(natted(), |l| l.latch.rebind_any_address = any), leg(B));
        relay.talk(Side::A, REAL, 1, 1, 300, B);
        relay.pass(600);
        let wanted = if found {
            rtp_to(B)
        } else {
            dropped(DropReason::Source)
        };
        assert_eq!(relay.rtp(Side::A, from, ssrc, sequence), wanted, "{what}");
    }
}

#[test]
fn mr_03_after_a_re_invite_the_peer_is_found_wherever_it_is_allowed_to_be() {
    let mut relay = Relay::between(natted(), leg(B));
    relay.talk(Side::A, REAL, 1, 1, 300, B);
    let roamed = with(natted(), |l| l.latch.signalling = "127.0.0.11".parse().unwrap());
    relay.update(Side::A, &roamed);
    assert_eq!(
        relay.rtp(Side::A, "127.0.0.11:999", 77, 5),
        rtp_to(B),
        "at once, with another SSRC"
    );
    assert_eq!(relay.destination(Side::A), Some(at("127.0.0.11:999")));
}

#[test]
fn a_session_refresh_does_not_deafen_a_peer_behind_a_nat() {
    let mut relay = Relay::between(natted(), leg(B));
    relay.talk(Side::A, REAL, 1, 1, 300, B);
    relay.update(Side::A, &natted());
    assert_eq!(relay.destination(Side::A), Some(at(REAL)));
    relay.pass(600);
    let moved = "127.0.0.10:20999";
    assert_eq!(
        relay.rtp(Side::A, moved, 55, 9),
        rtp_to(B),
        "in the window a silent source may be succeeded by any"
    );
}

#[test]
fn mr_04_the_filter_moves_with_the_re_invite() {
    let strict = |media: &str| with(leg(media), |l| l.latch.signalling = "0.0.0.0".parse().unwrap());
    let mut relay = Relay::between(leg(A), strict(B));
    relay.talk(Side::B, B, 2, 1, 100, A);
    let moved = "127.0.0.20:30100";
    relay.update(Side::B, &strict(moved));
    assert_eq!(
        relay.rtp(Side::A, A, 1, 1),
        rtp_to(moved),
        "sent to the new address at once"
    );
    assert_eq!(
        relay.rtp(Side::B, B, 2, 101),
        rtp_to(A),
        "old packets are heard until new ones come"
    );
    assert_eq!(
        relay.destination(Side::B),
        Some(at(moved)),
        "and never pull the stream back"
    );
    assert_eq!(relay.rtp(Side::B, moved, 2, 102), rtp_to(A));
    assert_eq!(relay.rtp(Side::B, B, 2, 103), dropped(DropReason::Source));
    relay.talk(Side::B, moved, 2, 103, 50, A);
}

#[test]
fn mr_04_also_where_old_and_new_port_are_on_the_signallings_host() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 100, A);
    let moved = "127.0.0.20:30100";
    relay.update(Side::B, &leg(moved));
    for n in 0..10 {
        assert_eq!(relay.rtp(Side::B, B, 2, 101 + n), rtp_to(A));
        assert_eq!(relay.destination(Side::B), Some(at(moved)), "packet {n}");
    }
    assert_eq!(relay.rtp(Side::B, moved, 2, 111), rtp_to(A));
    assert_eq!(relay.rtp(Side::B, B, 2, 112), dropped(DropReason::Source));
}

#[test]
fn a_peer_behind_a_nat_is_heard_and_sent_to_at_once_after_a_hold() {
    let mut relay = Relay::between(natted(), leg(B));
    relay.talk(Side::A, REAL, 1, 1, 300, B);
    relay.update(Side::A, &with(natted(), |l| l.remote = remote("0.0.0.0:14264")));
    assert_eq!(relay.rtp(Side::B, B, 2, 1), dropped(DropReason::NoRemote));
    relay.pass(3_000);
    relay.update(Side::A, &natted());
    assert_eq!(relay.rtp(Side::A, REAL, 1, 301), rtp_to(B));
    assert_eq!(relay.rtp(Side::B, B, 2, 2), rtp_to(REAL));
}

#[test]
fn a_peer_that_announces_a_move_it_does_not_make_is_believed_after_a_second() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 100, A);
    relay.update(Side::B, &leg("127.0.0.20:30100"));
    relay.talk(Side::B, B, 2, 101, 50, A);
    assert_eq!(relay.destination(Side::B), Some(at("127.0.0.20:30100")));
    relay.talk(Side::B, B, 2, 151, 1, A);
    assert_eq!(relay.destination(Side::B), Some(at(B)));
}

#[test]
fn the_next_carrier_does_not_inherit_the_sound_of_the_one_before() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 100, A);
    relay.update(Side::B, &leg("127.0.0.30:30000"));
    assert_eq!(relay.rtp(Side::B, B, 2, 101), dropped(DropReason::Source));
    relay.talk(Side::B, "127.0.0.30:30000", 3, 1, 10, A);
}

/// The first carrier plays its announcement and fails; the second answers, with the same SSRC and numbers far away.
#[test]
fn the_caller_hears_one_stream_when_another_party_takes_the_place() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 9, 65_530, 10, A);
    let second = with(leg("127.0.0.21:31000"), |l| l.party = 1);
    relay.pass(80);
    relay.update(Side::B, &second);
    let mut numbers = Vec::new();
    for n in 0..3 {
        let mut packet = rtp(0, 9, 20_000 + n);
        let verdict = relay.receive_in(Side::B, Channel::Rtp, "127.0.0.21:31000", &mut packet);
        assert_eq!(verdict, rtp_to(A));
        let header = crate::rtp::parse(&packet).unwrap();
        numbers.push((header.ssrc, header.sequence, header.marker, header.timestamp));
        relay.pass(20);
    }
    // 65,530 and nine more, and the time between the two: five frames and what the timestamps stood at.
    let last = (65_530_u32 + 9) % 65_536 * 160;
    let expected: Vec<_> = (0..3)
        .map(|n: u16| (9, 4 + n, n == 0, last + 800 + 160 * u32::from(n)))
        .collect();
    assert_eq!(numbers, expected);
    // The other direction is as it was.
    relay.talk(Side::A, A, 5, 100, 3, "127.0.0.21:31000");
}
