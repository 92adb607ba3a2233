//! New keys in mid-stream (SR-05).

use super::*;

/// Drives a stream over a wrap, so that its rollover counter is 1 and the next sequence number is 64.
fn wrapped(suite: Suite) -> (Sender, Receiver) {
    let (mut sender, mut receiver) = pair(suite);
    for n in 0..100_u16 {
        let sealed = protect(&mut sender, &rtp(SSRC, 65_500_u16.wrapping_add(n))).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
    }
    let sealed = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
    unprotect_rtcp(&mut receiver, &sealed).unwrap();
    (sender, receiver)
}

#[test]
fn sr_05_the_same_key_again_changes_nothing() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = wrapped(suite);
        let again = protect(&mut sender, &rtp(SSRC, 64)).unwrap();
        unprotect(&mut receiver, &again).unwrap();
        receiver.rekey(keys(suite, 1));
        sender.rekey(keys(suite, 1));
        assert_eq!(
            unprotect(&mut receiver, &again),
            Err(Refusal::Replayed),
            "{suite:?}"
        );
        let next = protect(&mut sender, &rtp(SSRC, 65)).unwrap();
        unprotect(&mut receiver, &next).unwrap();
    }
}

#[test]
fn sr_05_the_same_key_with_another_lifetime_goes_on() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = wrapped(suite);
        let limited = MasterKey::new(suite, &material(suite, 1), None, Some(1 << 31)).unwrap();
        sender.rekey(Keys::new(suite, vec![limited]).unwrap());
        assert_eq!(
            protect(&mut sender, &rtp(SSRC, 63)),
            Err(Refusal::Replayed),
            "{suite:?}"
        );
        let next = protect(&mut sender, &rtp(SSRC, 64)).unwrap();
        unprotect(&mut receiver, &next).unwrap();
        let reports = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
        unprotect_rtcp(&mut receiver, &reports).unwrap();
    }
}

#[test]
fn sr_05_a_new_key_with_the_rollover_counter_reset_or_continued() {
    for old in Suite::ALL {
        for new in Suite::ALL {
            for roc in [0, 1] {
                let (mut before, mut receiver) = wrapped(old);
                let late: Vec<_> = (64..84)
                    .map(|n| protect(&mut before, &rtp(SSRC, n)).unwrap())
                    .collect();
                let late_rtcp = protect_rtcp(&mut before, &rtcp(SSRC)).unwrap();
                receiver.rekey(keys(new, 2));
                assert_eq!(
                    unprotect(&mut receiver, &late[0]),
                    Err(Refusal::Unauthentic),
                    "{old:?} {new:?}"
                );
                let mut sender = Sender::new(keys(new, 2));
                if roc == 1 {
                    sender.pretend_index(SSRC, 65_536 + 63, 0);
                }
                for n in 64..200 {
                    let plain = rtp(SSRC, n);
                    let sealed = protect(&mut sender, &plain).unwrap();
                    assert_eq!(
                        unprotect(&mut receiver, &sealed),
                        Ok(plain),
                        "{old:?} {new:?}, rollover counter {roc}, {n}"
                    );
                    assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Replayed));
                }
                for packet in &late {
                    assert_ne!(unprotect(&mut receiver, packet).map(|_| ()), Ok(()));
                }
                assert_eq!(
                    unprotect_rtcp(&mut receiver, &late_rtcp),
                    Err(Refusal::Unauthentic)
                );
                // The SRTCP index begins again.
                let sealed = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
                assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(rtcp(SSRC)));
            }
        }
    }
}

#[test]
fn a_peer_that_resets_and_loses_packets_at_the_wrap_is_found_too() {
    let suite = Suite::AesGcm256;
    let (mut sender, mut receiver) = pair(suite);
    for n in 65_000..65_510 {
        let sealed = protect(&mut sender, &rtp(SSRC, n)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
    }
    receiver.rekey(keys(suite, 2));
    sender.rekey(keys(suite, 2));
    for n in 65_510..=65_535 {
        protect(&mut sender, &rtp(SSRC, n)).unwrap();
    }
    let sealed = protect(&mut sender, &rtp(SSRC, 3)).unwrap();
    assert_eq!(unprotect(&mut receiver, &sealed), Ok(rtp(SSRC, 3)));
}

#[test]
fn packets_that_fail_between_the_keys_do_not_decide_about_the_rollover_counter() {
    for roc in [0, 1] {
        let suite = Suite::AesCm128Sha80;
        let (_, mut receiver) = wrapped(suite);
        receiver.rekey(keys(suite, 2));
        let mut forger = Sender::new(keys(suite, 66));
        for n in [64, 65, 40_000, 65_535, 0] {
            let mut forged = Sender::new(keys(suite, 67));
            let sealed = protect(&mut forged, &rtp(SSRC, n)).unwrap();
            assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Unauthentic));
        }
        let sealed = protect(&mut forger, &rtp(SSRC, 64)).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Unauthentic));
        let mut sender = Sender::new(keys(suite, 2));
        if roc == 1 {
            sender.pretend_index(SSRC, 65_536 + 63, 0);
        }
        let sealed = protect(&mut sender, &rtp(SSRC, 64)).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Ok(rtp(SSRC, 64)), "{roc}");
    }
}

#[test]
fn a_sender_with_a_new_key_begins_at_zero() {
    let suite = Suite::AesCm128Sha80;
    let (mut sender, _) = wrapped(suite);
    sender.rekey(keys(suite, 2));
    let sealed = protect(&mut sender, &rtp(SSRC, 40_000)).unwrap();
    // 40,000 and above have one candidate only in a new receiver: the counter is 0.
    let mut strict = Receiver::new(keys(suite, 2));
    assert_eq!(unprotect(&mut strict, &sealed), Ok(rtp(SSRC, 40_000)));
}

#[test]
fn a_list_that_keeps_a_key_keeps_what_was_seen_under_it() {
    let suite = Suite::AesGcm128;
    let key = |seed: u8| {
        let mki = Mki::new(&[seed]).unwrap();
        MasterKey::new(suite, &material(suite, seed), Some(mki), None).unwrap()
    };
    let mut receiver = Receiver::new(Keys::new(suite, vec![key(1)]).unwrap());
    let mut sender = Sender::new(Keys::new(suite, vec![key(1)]).unwrap());
    let sealed = protect(&mut sender, &rtp(SSRC, 9)).unwrap();
    let reports = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
    unprotect(&mut receiver, &sealed).unwrap();
    unprotect_rtcp(&mut receiver, &reports).unwrap();
    receiver.rekey(Keys::new(suite, vec![key(2), key(1)]).unwrap());
    assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Replayed));
    assert_eq!(unprotect_rtcp(&mut receiver, &reports), Err(Refusal::Replayed));
    let next = protect(&mut sender, &rtp(SSRC, 10)).unwrap();
    unprotect(&mut receiver, &next).unwrap();
}
