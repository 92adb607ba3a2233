//! When a sound begins: not before its listener can hear it, however long that takes, within reason.

use super::treat::speaks;
use super::*;
use crate::control::{Audio, Codec, Security, Sound, SoundSource};
use crate::srtp::{Keys, Suite};

/// What a leg speaks that hears the sound.
fn pcmu() -> Arc<Audio> {
    speaks(&[(0, Codec::Pcmu)], None, None)
}

/// A recording of a second: 50 packets.
fn second() -> Sound {
    Sound {
        source: SoundSource::Clip {
            samples: vec![4_000; 8_000].into(),
            rate: 8_000,
        },
        times: 1,
    }
}

/// A second of sound is played to A; what happens before it is heard. Milliseconds until the first packet leaves, how many
/// do, and until it is told that all is over.
fn played(legs: [Leg; 2], mut meanwhile: impl FnMut(&mut Relay, u64)) -> (Option<u64>, usize, u64) {
    let [a, b] = legs;
    let mut relay = Relay::between(a, b);
    relay.session.play(relay.now, Side::A, &second(), &pcmu());
    let (mut first, mut count) = (None, 0);
    for elapsed in 0..10_000 {
        meanwhile(&mut relay, elapsed);
        let mut buffer = [0; 400];
        loop {
            let mut packet = Packet::new(&mut buffer, 0);
            let Some(transmit) = relay.session.poll_transmit(relay.now, &mut packet) else {
                break;
            };
            assert_eq!((transmit.side, transmit.channel), (Side::A, Channel::Rtp));
            first.get_or_insert(elapsed);
            count += 1;
        }
        let notices = std::iter::from_fn(|| relay.session.poll_notice()).collect::<Vec<_>>();
        if notices.contains(&Notice::Played { side: Side::A }) {
            return (first, count, elapsed);
        }
        relay.pass(1);
    }
    panic!("never over: {first:?} {count}");
}

/// All of it is heard, from 20 ms after this moment at the latest.
fn assert_whole((first, count, over): (Option<u64>, usize, u64), from: u64) {
    let first = first.expect("it is heard");
    assert!((from..=from + 20).contains(&first), "{first}, not {from}");
    assert_eq!(count, 50);
    assert!((first + 980..=first + 1_000).contains(&over), "{first} {over}");
}

fn nothing(_: &mut Relay, _: u64) {}

#[test]
fn a_sound_begins_at_once_where_it_is_heard() {
    assert_whole(played([leg(A), leg(B)], nothing), 0);
}

#[test]
fn a_sound_waits_for_an_address_and_for_the_end_of_a_hold() {
    let nowhere = with(leg(A), |leg| leg.remote = None);
    let held = with(leg(A), |leg| leg.may_send = false);
    for before in [nowhere, held] {
        let comes = |relay: &mut Relay, elapsed| {
            if elapsed == 1_300 {
                relay.update(Side::A, &leg(A));
            }
        };
        assert_whole(played([before, leg(B)], comes), 1_300);
    }
}

#[test]
fn a_sound_waits_for_the_key_that_it_is_sealed_with() {
    let secured = |keyed: bool| {
        let keys = |seed| {
            let suite = Suite::AesCm128Sha80;
            Keys::single(suite, &vec![seed; suite.material_len()]).unwrap()
        };
        with(leg(A), |leg| {
            leg.needs.security = Some(Security::Sdes {
                receive: Some(keys(1)),
                send: keyed.then(|| keys(2)),
            });
        })
    };
    let comes = |relay: &mut Relay, elapsed| {
        if elapsed == 700 {
            relay.update(Side::A, &secured(true));
        }
    };
    assert_whole(played([secured(false), leg(B)], comes), 700);
}

/// RFC 1918 in its SDP, its signalling from elsewhere: where it is shows with what it sends.
#[test]
fn a_sound_waits_for_the_first_packet_of_a_peer_behind_a_nat() {
    let private = with(leg("192.168.1.5:4000"), |leg| leg.latch.signalling = at(A).ip());
    let speaks = |relay: &mut Relay, elapsed| {
        if elapsed == 400 {
            relay.rtp(Side::A, A, 7, 1);
        }
    };
    assert_whole(played([private.clone(), leg(B)], speaks), 400);
    // Who is in the same network, and whose SDP holds whatever comes, are where they say.
    let near = with(private.clone(), |leg| {
        leg.latch.signalling = at("192.168.1.5:1").ip()
    });
    let strict = with(private, |leg| leg.latch.signalling = at("0.0.0.0:1").ip());
    for leg_a in [near, strict] {
        assert_whole(played([leg_a, leg(B)], nothing), 0);
    }
}

/// A refusal stands behind it: it cannot wait for ever.
#[test]
fn a_sound_that_nobody_comes_to_hear_runs_down_after_five_seconds() {
    let nowhere = with(leg(A), |leg| leg.remote = None);
    let (first, count, over) = played([nowhere, leg(B)], nothing);
    assert_eq!((first, count), (None, 0));
    assert!((5_900..6_100).contains(&over), "{over}");
}

/// Once it has begun, what cannot be sent is not heard later.
#[test]
fn a_sound_that_has_begun_waits_for_nobody() {
    let holds = |relay: &mut Relay, elapsed| match elapsed {
        200 => relay.update(Side::A, &with(leg(A), |leg| leg.may_send = false)),
        600 => relay.update(Side::A, &leg(A)),
        _ => {}
    };
    let (first, count, over) = played([leg(A), leg(B)], holds);
    assert_eq!(first, Some(0));
    assert!((29..=31).contains(&count), "{count}");
    assert!((960..=1_000).contains(&over), "{over}");
}
