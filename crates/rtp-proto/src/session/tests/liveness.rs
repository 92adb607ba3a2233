//! Silence, holds, and when a socket may be connected.

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

fn watched(a: Leg, b: Leg, hold: Option<Duration>) -> Relay {
    let now = Instant::now();
    Relay {
        now,
        session: Session::new(
            now,
            &[a, b],
            Patience {
                expected: Some(LIMIT),
                held: hold,
                one_way: None,
            },
            SEED,
        ),
    }
}

/// Lets `seconds` pass in steps of 100 ms, with `each` every `every` milliseconds; what was noticed on side B, and when.
fn run(
    relay: &mut Relay,
    seconds: u64,
    every: u64,
    mut each: impl FnMut(&mut Relay, u16),
) -> Vec<(u64, Duration)> {
    let mut noticed = Vec::new();
    for step in 1..=seconds * 10 {
        for notice in relay.pass(100) {
            if let Notice::Silent { side: Side::B, quiet } = notice {
                noticed.push((step * 100, quiet));
            }
        }
        if every != 0 && (step * 100) % every == 0 {
            each(relay, u16::try_from(step).unwrap());
        }
    }
    noticed
}

fn quiet_a() -> Leg {
    with(leg(A), |l| l.expects = false)
}

#[test]
fn sm_13_a_held_call_is_left_alone() {
    let mut relay = watched(quiet_a(), with(leg(B), |l| l.expects = false), None);
    assert_eq!(run(&mut relay, 15, 0, |_, _| {}), []);
    relay.update(Side::B, &leg(B));
    assert_eq!(
        run(&mut relay, 4, 0, |_, _| {}),
        [],
        "after the resume the limit starts anew"
    );
}

#[test]
fn sm_13_receiver_reports_are_life() {
    let mut relay = watched(quiet_a(), leg(B), None);
    let reports = |relay: &mut Relay, _| {
        assert_eq!(
            relay.rtcp(Side::B, "127.0.0.20:30001"),
            rtcp_to("127.0.0.10:20001")
        )
    };
    assert_eq!(run(&mut relay, 60, 2_000, reports), []);
}

#[test]
fn sm_13_comfort_noise_is_life() {
    let mut relay = watched(quiet_a(), leg(B), None);
    let noise =
        |relay: &mut Relay, n| assert_eq!(relay.receive(Side::B, Channel::Rtp, B, rtp(13, 2, n)), rtp_to(A));
    assert_eq!(run(&mut relay, 60, 4_000, noise), []);
}

#[test]
fn sm_13_a_dead_peer_is_noticed_once_and_again_after_it_spoke() {
    let mut relay = watched(quiet_a(), leg(B), None);
    relay.rtp(Side::B, B, 2, 1);
    assert_eq!(run(&mut relay, 20, 0, |_, _| {}), [(5_000, LIMIT)]);
    relay.rtp(Side::B, B, 2, 2);
    assert_eq!(run(&mut relay, 20, 0, |_, _| {}), [(5_000, LIMIT)]);
}

#[test]
fn sm_13_a_stranger_is_no_sign_of_life() {
    let mut relay = watched(quiet_a(), leg(B), None);
    let stranger = |relay: &mut Relay, n| {
        relay.rtp(Side::B, "127.0.0.66:1", 2, n);
        relay.rtcp(Side::B, "127.0.0.66:2");
    };
    assert_eq!(run(&mut relay, 6, 100, stranger), [(5_000, LIMIT)]);
}

#[test]
fn sm_13_a_hold_has_its_own_longer_limit() {
    let hold = Duration::from_secs(30);
    let mut relay = watched(quiet_a(), with(leg(B), |l| l.expects = false), Some(hold));
    assert_eq!(run(&mut relay, 60, 0, |_, _| {}), [(30_000, hold)]);
}

#[test]
fn the_next_timeout_is_never_later_than_what_it_finds() {
    let mut relay = watched(leg(A), leg(B), Some(LIMIT * 2));
    relay.talk(Side::A, A, 1, 1, 100, B);
    relay.advice();
    let (mut seen, mut next) = (0, relay.now);
    while next < relay.now + LIMIT * 3 {
        next = relay.session.poll_timeout().unwrap();
        let before = next - Duration::from_millis(1);
        relay.session.handle_timeout(before);
        assert_eq!(
            (relay.session.poll_notice(), relay.session.connect_change()),
            (None, None)
        );
        relay.session.handle_timeout(next);
        let noticed = std::iter::from_fn(|| relay.session.poll_notice())
            .filter(|notice| matches!(notice, Notice::Silent { .. }))
            .count();
        seen += noticed + relay.advice().len();
        // Reports of our own are timeouts too.
        let mut buffer = [0; 1500];
        while relay
            .session
            .poll_transmit(next, &mut Packet::new(&mut buffer, 0))
            .is_some()
        {}
    }
    assert_eq!(seen, 3, "A unfirm, then A and B silent");
}

#[test]
fn a_socket_may_be_connected_once_the_peer_is_steady_and_the_signalled_one() {
    let mut relay = Relay::plain();
    relay.talk(Side::B, B, 2, 1, 24, A);
    assert_eq!(relay.advice(), []);
    relay.talk(Side::B, B, 2, 25, 1, A);
    assert_eq!(relay.advice(), [(Side::B, Some(at(B)))]);
    assert_eq!(relay.advice(), [], "told once");
    relay.pass(499 - 20);
    assert_eq!(relay.advice(), []);
    relay.pass(1);
    assert_eq!(
        relay.advice(),
        [(Side::B, None)],
        "half a second of silence: others are to be heard"
    );
    relay.talk(Side::B, B, 2, 26, 25, A);
    assert_eq!(relay.advice(), [(Side::B, Some(at(B)))]);
}

#[test]
fn a_learned_address_is_firm_only_when_the_window_is_over() {
    let natted = with(leg("10.0.0.1:4000"), |l| l.latch.signalling = at(A).ip());
    let mut relay = Relay::between(natted, leg(B));
    relay.talk(Side::A, A, 1, 1, 249, B);
    assert_eq!(relay.advice(), []);
    relay.talk(Side::A, A, 1, 250, 2, B);
    assert_eq!(relay.advice(), [(Side::A, Some(at(A)))]);
}

#[test]
fn an_update_disconnects() {
    let mut relay = Relay::plain();
    relay.talk(Side::A, A, 1, 1, 30, B);
    assert_eq!(relay.advice(), [(Side::A, Some(at(A)))]);
    relay.update(Side::A, &leg(A));
    assert_eq!(relay.advice(), [(Side::A, None)]);
}

/// A page lasts longer than any limit, and its receiver says nothing meanwhile; two silent machines are gone.
#[test]
fn sm_17_the_side_that_receives_a_page_may_be_silent() {
    let fax = |media: &str| with(leg(media), |l| l.kind = StreamKind::Udptl);
    let mut relay = watched(fax(A), fax(B), None);
    let page = |relay: &mut Relay, n: u16| {
        let datagram = vec![0, n as u8, 0, 0];
        assert_eq!(relay.receive(Side::A, Channel::Rtp, A, datagram), rtp_to(B));
    };
    assert_eq!(run(&mut relay, 90, 100, page), []);
    assert_eq!(run(&mut relay, 20, 0, |_, _| {}), [(5_000, LIMIT)]);
}
