//! What a browser and a plain telephone hear of each other, and what others do.

use super::bed::{BROWSER, Bed, MOVED, NOWHERE, PHONE, SECURED, STRANGER, at, leg, rtp, secured};
use super::pair::{Dice, identity, setup};
use rtp_proto::control::{DropReason, Failure, Fingerprint, PathChange, Side};
use rtp_proto::dtls::{Association, Engines, Hash, Role};
use rtp_proto::ice;
use rtp_proto::stun::Transaction;
use rtp_proto::{Notice, Verdict};
use std::time::Duration;

#[test]
fn a_browser_and_a_telephone_hear_each_other_over_a_bad_network() {
    for seed in 0..5 {
        let mut bed = Bed::new(true);
        (bed.dice, bed.loss) = (Dice(seed), 20);
        bed.connect();
        let reached = (0..500).filter(|n| bed.talk(*n)).count();
        assert!(
            (350..450).contains(&reached),
            "{reached} of 500 reached the phone"
        );
        let heard = bed.peer.heard.len();
        assert!((350..450).contains(&heard), "{heard} of 500 reached the browser");
        assert!(bed.peer.heard.iter().all(|packet| packet[12..] == [0xb2; 160]));
        assert_eq!((bed.peer.noise, bed.astray), (0, 0));
    }
}

#[test]
fn nothing_is_relayed_before_there_are_keys() {
    let mut bed = Bed::new(true);
    let junk = rtp(1, 2, 0xa1);
    let first = bed.arrive(Side::A, at(BROWSER), &junk);
    assert_eq!(
        first,
        Verdict::Drop(DropReason::Source),
        "nobody has been checked"
    );
    let check = bed.peer.check(true);
    assert_eq!(bed.arrive(Side::A, at(BROWSER), &check), Verdict::Kept);
    bed.say();
    assert_eq!(
        bed.arrive(Side::A, at(BROWSER), &junk),
        Verdict::Drop(DropReason::NoKey)
    );
    assert_eq!(
        bed.arrive(Side::B, at(PHONE), &rtp(2, 1, 0xb2)),
        Verdict::Drop(DropReason::NoKey)
    );
    assert_eq!((bed.phone.len(), bed.peer.noise), (0, 0));
    bed.connect();
    assert!(bed.talk(1));
    assert_eq!(
        bed.arrive(Side::A, at(BROWSER), &junk),
        Verdict::Drop(DropReason::Unauthentic),
        "plain"
    );
}

#[test]
fn a_stranger_redirects_nothing_and_says_nothing() {
    let mut bed = Bed::new(true);
    bed.connect();
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    let mut guessed = [0; 200];
    let length = ice::check(
        &mut guessed,
        Transaction([99; 12]),
        "ourfrag:theirs",
        "guess",
        u32::MAX,
        true,
    );
    let sealed = bed.peer.seal(rtp(9, 77, 0xee));
    for n in 0..200 {
        assert!(bed.talk(n));
        for (bytes, reason) in [
            (&guessed[..length.unwrap()], DropReason::Check),
            (&hello[..], DropReason::Source),
            (&sealed[..], DropReason::Source),
            (&rtp(1, n, 0xee)[..], DropReason::Source),
        ] {
            assert_eq!(bed.arrive(Side::A, at(STRANGER), bytes), Verdict::Drop(reason));
        }
    }
    // 401s, a few a second, are all that it hears.
    assert!((10..=60).contains(&bed.astray), "{} answers", bed.astray);
    assert_eq!(bed.phone.len(), 200);
    assert_eq!(bed.dropped(0, DropReason::Check), 200);
    assert_eq!(bed.peer.heard.len(), 200);
}

#[test]
fn a_browser_that_moves_is_followed_when_it_nominates() {
    let mut bed = Bed::new(true);
    bed.connect();
    assert!((0..10).all(|n| bed.talk(n)));
    bed.peer.address = at(MOVED);
    assert!(!bed.talk(10), "not checked from there");
    let check = bed.peer.check(true);
    bed.arrive(Side::A, at(MOVED), &check);
    let before = bed.peer.heard.len();
    assert!((11..20).all(|n| bed.talk(n)));
    assert_eq!(bed.peer.heard.len(), before + 9);
    // What was still under way from the old address counts.
    let late = bed.peer.seal(rtp(1, 20, 0xa1));
    assert!(matches!(
        bed.arrive(Side::A, at(BROWSER), &late),
        Verdict::Forward { .. }
    ));
}

#[test]
fn consent_that_is_not_renewed_ends_the_stream_until_it_is() {
    let mut bed = Bed::new(true);
    bed.connect();
    assert!(bed.talk(1));
    // Silence towards us, with the phone still talking.
    for n in 0..320_u16 {
        bed.arrive(Side::B, at(PHONE), &rtp(2, 10 + n, 0xb2));
        bed.pass(Duration::from_millis(100));
    }
    let expired = |notice: &Notice| {
        matches!(
            notice,
            Notice::Path {
                side: Side::A,
                change: PathChange::NoConsent(_)
            }
        )
    };
    assert_eq!(bed.notices.iter().filter(|notice| expired(notice)).count(), 1);
    let heard = bed.peer.heard.len();
    assert!((290..=305).contains(&heard), "{heard} in 30 seconds");
    assert!(bed.dropped(1, DropReason::NoRemote) > 10);
    let check = bed.peer.check(true);
    bed.arrive(Side::A, at(BROWSER), &check);
    assert!(bed.talk(400));
    assert_eq!(bed.peer.heard.len(), heard + 1);
}

#[test]
fn another_certificate_in_the_sdp_means_another_handshake_and_no_gap() {
    let mut bed = Bed::new(true);
    bed.connect();
    assert!((0..10).all(|n| bed.talk(n)));
    // The browser's page has made itself a new identity.
    let fresh = identity();
    let a = secured(leg(NOWHERE, 10_000), &bed.us, fresh.fingerprint(), true);
    bed.session.update(bed.now, Side::A, &a);
    assert!(
        (10..20).all(|n| bed.talk(n)),
        "the keys in use stay so until there are others"
    );
    let setup = setup(Role::Active, &[bed.us.fingerprint()]);
    bed.peer.association = Association::new(bed.now, fresh, setup, true);
    bed.peer.association.reach(bed.now, at("127.0.0.1:10000"));
    bed.pass(Duration::from_secs(1));
    let secured = bed.notices.iter().filter(|notice| **notice == SECURED);
    assert_eq!(secured.count(), 2);
    assert!((20..40).all(|n| bed.talk(n)));
    assert_eq!(bed.peer.noise, 0);

    // The same SDP again is no reason for anything.
    bed.session.update(bed.now, Side::A, &a);
    bed.pass(Duration::from_secs(1));
    assert!((40..60).all(|n| bed.talk(n)));
    assert_eq!(bed.peer.heard.len(), 60);
    let _ = &bed.them;
}

#[test]
fn whoever_is_not_the_one_in_the_sdp_gets_no_media() {
    let other = Fingerprint::of(Hash::Sha256, b"another's certificate");
    let mut bed = Bed::with(identity(), identity(), &other, true);
    let check = bed.peer.check(true);
    bed.arrive(Side::A, at(BROWSER), &check);
    bed.peer.association.reach(bed.now, at("127.0.0.1:10000"));
    bed.pass(Duration::from_secs(5));
    let failed = Notice::Path {
        side: Side::A,
        change: PathChange::NotSecured(Failure::Fingerprint),
    };
    assert_eq!(bed.notices, [failed]);
    assert_eq!(
        bed.arrive(Side::B, at(PHONE), &rtp(2, 1, 0xb2)),
        Verdict::Drop(DropReason::NoKey)
    );
}

#[test]
fn a_peer_that_never_shakes_hands_is_told_of() {
    let mut bed = Bed::new(true);
    let check = bed.peer.check(true);
    bed.arrive(Side::A, at(BROWSER), &check);
    bed.pass(Duration::from_secs(29));
    assert_eq!(bed.notices, []);
    bed.pass(Duration::from_secs(1));
    let failed = Notice::Path {
        side: Side::A,
        change: PathChange::NotSecured(Failure::Timeout),
    };
    assert!(bed.notices.contains(&failed), "{:?}", bed.notices);
}

/// A telephone without ICE whose NAT gives it another port than its SDP says.
#[test]
fn without_ice_the_handshake_shows_where_the_peer_is() {
    let mut bed = Bed::new(false);
    bed.peer.address = at("192.0.2.10:51234");
    bed.peer.association.reach(bed.now, at("127.0.0.1:10000"));
    bed.pass(Duration::from_secs(1));
    assert!(bed.notices.contains(&SECURED));
    assert!((0..20).all(|n| bed.talk(n)));
    assert_eq!((bed.peer.heard.len(), bed.astray), (20, 0));
    let check = bed.peer.check(true);
    assert_eq!(
        bed.arrive(Side::A, at(STRANGER), &check),
        Verdict::Drop(DropReason::Invalid),
        "nobody speaks ICE here"
    );
}

/// Ten thousand datagrams of every kind at a secured port, from the peer's own address and from a stranger's.
#[test]
fn hostile_datagrams_cost_the_good_stream_nothing() {
    let mut bed = Bed::new(true);
    bed.connect();
    let check = bed.peer.check(false);
    let sealed = bed.peer.seal(rtp(9, 9999, 0xee));
    let seeds = [
        check,
        sealed,
        rtp(1, 3, 0xee),
        vec![22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 7, 0, 4, 1, 2, 3, 4],
    ];
    let mut dice = Dice(3);
    for n in 0..1000 {
        assert!(bed.talk(n), "{n}");
        for _ in 0..10 {
            let mut bytes = seeds[dice.roll(4) as usize].clone();
            match dice.roll(5) {
                0 => bytes = (0..dice.roll(1500)).map(|_| dice.roll(256) as u8).collect(),
                1 => bytes.truncate(dice.roll(bytes.len() as u64) as usize),
                2 => bytes.extend((0..dice.roll(400)).map(|_| 0xee)),
                _ => {}
            }
            if !bytes.is_empty() {
                let at = dice.roll(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << dice.roll(8);
            }
            let from = if dice.roll(2) == 0 { BROWSER } else { STRANGER };
            bed.arrive(Side::A, at(from), &bytes);
            bed.say();
        }
    }
    assert_eq!((bed.phone.len(), bed.peer.heard.len()), (1000, 1000));
    // The rest went to the handshake, which is done and made nothing of it.
    assert!(bed.session.stats().legs[0].dropped.total() > 7000);
}
