//! Two of ours, in virtual time.

use super::pair::{Dice, Pair, identity};
use rtp_proto::dtls::{DEADLINE, Engines, Event, Failure, Fingerprint, Hash};
use rtp_proto::srtp::Suite;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(15);

#[test]
fn both_have_the_same_keys() {
    let (client, server) = (identity(), identity());
    let mut pair = Pair::new(&client, &server);
    pair.run(Duration::from_secs(2), |_| vec![STEP]);
    let (client, server) = (pair.keys(0).unwrap(), pair.keys(1).unwrap());
    assert_eq!((&client.local, &client.remote), (&server.remote, &server.local));
    assert_ne!(client.local, client.remote);
    assert_eq!(client.local.suite(), Suite::AesGcm256);
}

/// A third is lost, some comes twice, and all out of order. It takes a while and it comes to an end.
#[test]
fn a_bad_network_delays_it_and_does_not_prevent_it() {
    let (client, server) = (identity(), identity());
    let mut slowest = Duration::ZERO;
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut pair = Pair::new(&client, &server);
        let begun = pair.now;
        while pair.keys(0).is_none() || pair.keys(1).is_none() {
            pair.run(Duration::from_millis(100), |_| match dice.roll(10) {
                0..3 => vec![],
                3 => vec![STEP, STEP * 3],
                _ => vec![Duration::from_millis(5 + dice.roll(60))],
            });
            assert!(
                pair.now - begun < DEADLINE + STEP,
                "seed {seed}: {:?} {:?}",
                pair.events,
                pair.ends
            );
        }
        let (client, server) = (pair.keys(0).unwrap(), pair.keys(1).unwrap());
        assert_eq!(client.local, server.remote, "seed {seed}");
        slowest = slowest.max(pair.now - begun);
    }
    assert!(slowest > Duration::from_millis(400), "nothing was repeated");
}

#[test]
fn whoever_is_not_the_one_in_the_sdp_is_refused_by_either_side() {
    let (client, server) = (identity(), identity());
    let other = Fingerprint::of(Hash::Sha256, b"somebody else's");
    let mut pair = Pair::expecting(&client, &server, &other, client.fingerprint());
    pair.run(Duration::from_secs(5), |_| vec![STEP]);
    assert_eq!(pair.events[0], [Event::Failed(Failure::Fingerprint)]);
    assert!(pair.keys(1).is_none(), "the client has said nothing more");

    let mut pair = Pair::expecting(&client, &server, server.fingerprint(), &other);
    pair.run(Duration::from_secs(5), |_| vec![STEP]);
    assert_eq!(pair.events[1], [Event::Failed(Failure::Fingerprint)]);
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let (client, server) = (identity(), identity());
    let mut pair = Pair::new(&client, &server);
    pair.run(DEADLINE * 3, |_| vec![]);
    assert_eq!(pair.events[0], [Event::Failed(Failure::Timeout)]);
    assert_eq!(pair.events[1], [Event::Failed(Failure::Timeout)]);
    assert!(
        (5..40).contains(&pair.sent.len()),
        "{} datagrams",
        pair.sent.len()
    );
}

/// The last flight is lost a few times: who has its keys already says it again when asked.
#[test]
fn a_lost_last_flight_is_said_again() {
    let (client, server) = (identity(), identity());
    for lost in 0..12 {
        let mut count = 0;
        let mut pair = Pair::new(&client, &server);
        pair.run(Duration::from_secs(20), |_| {
            count += 1;
            if (lost..lost + 3).contains(&count) {
                vec![]
            } else {
                vec![STEP]
            }
        });
        assert!(
            pair.keys(0).is_some() && pair.keys(1).is_some(),
            "lost {lost}..: {:?}",
            pair.events
        );
    }
}
