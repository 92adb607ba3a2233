//! Listening behind an answer.

use super::*;
use crate::control::{AfterAnswer, Audio, BadAnswer, Codec, Format};
use ::audio::g711::Law;
use ::audio::tone::{Country, Signal, ToneGenerator};
use proptest::prelude::*;
use smallvec::smallvec;

const WINDOW: Duration = Duration::from_secs(6);

fn spoken() -> Audio {
    let format = Format {
        payload_type: 8,
        audio: ::audio::Format::new(Codec::Pcma),
    };
    Audio {
        send: format,
        accepts: smallvec![format],
        events: Some((101, 8_000)),
        comfort_noise: None,
    }
}

fn packet(sequence: u16, samples: &[i16]) -> Vec<u8> {
    let mut packet = rtp(8, 2, sequence);
    packet.truncate(12);
    packet.extend(samples.iter().map(|sample| Law::A.compress(*sample)));
    packet
}

/// B's peer plays ringback for so many packets; what was noticed.
fn ring(relay: &mut Relay, from: u16, packets: u16) -> Vec<Notice> {
    let mut generator = ToneGenerator::new(Country::De.cadence(Signal::Ringback), 8_000);
    let mut notices = Vec::new();
    for n in 0..packets {
        let mut samples = [0; 160];
        generator.fill(&mut samples);
        let verdict = relay.receive(Side::B, Channel::Rtp, B, packet(from + n, &samples));
        assert_eq!(verdict, rtp_to(A));
        notices.extend(relay.pass(20));
    }
    notices
}

fn after(notices: &[Notice]) -> Vec<(Side, AfterAnswer)> {
    let supervised = notices.iter().filter_map(|notice| match notice {
        Notice::Supervised { side, after } => Some((*side, *after)),
        Notice::Silent { .. }
        | Notice::Path { .. }
        | Notice::Played { .. }
        | Notice::Digit { .. }
        | Notice::OneWay { .. }
        | Notice::SoundsBad { .. }
        | Notice::Rated { .. } => None,
    });
    supervised.collect()
}

/// Both peers are firm.
fn talked() -> Relay {
    let mut relay = Relay::plain();
    for n in 1..=25 {
        assert_eq!(relay.rtp(Side::A, A, 1, n), rtp_to(B));
        relay.talk(Side::B, B, 2, n, 1, A);
    }
    relay
}

#[test]
fn what_goes_on_ringing_is_told_of_when_the_time_is_over() {
    let mut relay = talked();
    relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
    assert!(after(&ring(&mut relay, 100, 299)).is_empty());
    assert_eq!(relay.leg_stats(Side::B).after_answer, None, "not yet");
    let told = after(&ring(&mut relay, 400, 100));
    let [(Side::B, heard)] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        (heard.verdict(), heard.whole),
        (Some(BadAnswer::FalseAnswer), true),
        "{heard:?}"
    );
    assert_eq!(relay.leg_stats(Side::B).after_answer, Some(heard));
    assert_eq!(relay.leg_stats(Side::A).after_answer, None);
}

#[test]
fn a_direction_is_lent_when_it_is_not_listened_to_any_more() {
    let mut relay = talked();
    assert!(relay.session.flow(Side::B).is_some());
    let _ = relay.session.rerouted();
    relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
    assert!(relay.session.rerouted(), "the kernel gives it back");
    assert_eq!(relay.session.flow(Side::B), None);
    assert!(relay.session.flow(Side::A).is_some(), "the other one stays there");
    assert_eq!(
        relay.session.poll_timeout().min(Some(relay.now + WINDOW)),
        relay.session.poll_timeout()
    );
    ring(&mut relay, 100, 298);
    let _ = relay.session.rerouted();
    assert_eq!(relay.session.flow(Side::B), None);
    relay.pass(40);
    assert!(relay.session.rerouted() && relay.session.flow(Side::B).is_some());
}

#[test]
fn what_cannot_be_understood_is_lent_at_once_and_nothing_is_claimed() {
    let mut relay = talked();
    relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
    assert_eq!(
        relay.receive(Side::B, Channel::Rtp, B, rtp(18, 2, 100)),
        rtp_to(A)
    );
    assert!(after(&relay.pass(100)).is_empty());
    assert!(relay.session.flow(Side::B).is_some());
    assert!(after(&relay.pass(7_000)).is_empty());
    assert_eq!(relay.leg_stats(Side::B).after_answer, None);
}

#[test]
fn a_hold_or_the_end_leaves_what_was_heard_until_then() {
    for holds in [false, true] {
        let mut relay = talked();
        relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
        ring(&mut relay, 100, 225);
        if holds {
            relay.update(Side::B, &with(leg(B), |leg| leg.expects = false));
        } else {
            relay.session.end(relay.now);
        }
        let heard = relay.leg_stats(Side::B).after_answer.unwrap();
        assert_eq!((heard.listened_ms, heard.whole), (4_500, false));
        assert_eq!(heard.verdict(), Some(BadAnswer::FalseAnswer), "{heard:?}");
        assert!(after(&relay.pass(7_000)).is_empty());
    }
}

#[test]
fn another_party_is_not_taken_for_who_answered() {
    let mut relay = talked();
    relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
    ring(&mut relay, 100, 225);
    relay.update(Side::B, &with(leg(B), |leg| leg.party = 9));
    assert!(after(&relay.pass(7_000)).is_empty());
    assert_eq!(relay.leg_stats(Side::B).after_answer, None);
}

#[test]
fn who_is_not_expected_to_send_is_not_listened_to() {
    let mut relay = Relay::between(leg(A), with(leg(B), |leg| leg.expects = false));
    relay.session.supervise(relay.now, Side::B, &spoken(), WINDOW);
    assert!(after(&relay.pass(7_000)).is_empty());
    assert_eq!(relay.leg_stats(Side::B).after_answer, None);
}

/// A packet that may be anything: who sends it, its payload type, how its number differs from the last, and what is in it.
fn any_packet() -> impl Strategy<Value = (bool, u8, u16, Vec<u8>)> {
    let payload_type = prop_oneof![
        Just(0_u8),
        Just(8),
        Just(9),
        Just(13),
        Just(18),
        Just(101),
        any::<u8>()
    ];
    let step = prop_oneof![4 => Just(1_u16), 1 => 0_u16..5, 1 => any::<u16>()];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        Just(vec![0xd5; 160]),
        Just(vec![0x2a; 1_400])
    ];
    (any::<bool>(), payload_type, step, payload)
}

proptest! {
    #[test]
    fn relaying_is_the_same_byte_for_byte(packets in prop::collection::vec(any_packet(), 1..200)) {
        let (mut plain, mut heard) = (talked(), talked());
        heard.session.supervise(heard.now, Side::B, &spoken(), Duration::from_secs(3));
        let mut sequences = [100_u16; 2];
        for (of_a, payload_type, step, payload) in packets {
            let (side, from, place) = if of_a { (Side::A, A, 0) } else { (Side::B, B, 1) };
            sequences[place] = sequences[place].wrapping_add(step);
            let mut packet = rtp(payload_type & 127, 2, sequences[place]);
            packet.truncate(12);
            packet.extend(payload);
            let mut copy = packet.clone();
            let was = plain.receive_in(side, Channel::Rtp, from, &mut packet);
            let is = heard.receive_in(side, Channel::Rtp, from, &mut copy);
            prop_assert_eq!((was, packet), (is, copy));
            let untold = |notices: Vec<Notice>| -> Vec<Notice> {
                let told = |notice: &Notice| !after(std::slice::from_ref(notice)).is_empty();
                notices.into_iter().filter(|notice| !told(notice)).collect()
            };
            prop_assert_eq!(untold(plain.pass(20)), untold(heard.pass(20)));
        }
        let without = |relay: &Relay| {
            let mut stats = relay.session.stats();
            for leg in &mut stats.legs {
                leg.after_answer = None;
            }
            stats
        };
        prop_assert_eq!(without(&plain), without(&heard));
    }
}
