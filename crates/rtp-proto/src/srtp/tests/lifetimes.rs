//! How long a key serves (RFC 3711 §9.2, RFC 4568 §6.1), and how many sources fit under it.

use super::*;

fn limited(suite: Suite, lifetime: u64) -> Keys {
    let key = MasterKey::new(suite, &material(suite, 1), None, Some(lifetime)).unwrap();
    Keys::new(suite, vec![key]).unwrap()
}

#[test]
fn a_key_serves_as_long_as_was_signalled() {
    for suite in Suite::ALL {
        let mut sender = Sender::new(limited(suite, 80));
        let mut receiver = Receiver::new(limited(suite, 80));
        let mut unlimited = Sender::new(keys(suite, 1));
        for n in 0..80 {
            let sealed = protect(&mut sender, &rtp(SSRC, n)).unwrap();
            assert_eq!(protect(&mut unlimited, &rtp(SSRC, n)).unwrap(), sealed);
            unprotect(&mut receiver, &sealed).unwrap();
        }
        assert_eq!(protect(&mut sender, &rtp(SSRC, 80)), Err(Refusal::Expired));
        assert_eq!(protect(&mut sender, &rtp(7, 1)), Err(Refusal::Expired));
        let sealed = protect(&mut unlimited, &rtp(SSRC, 80)).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Expired));
        sender.rekey(keys(suite, 2));
        receiver.rekey(keys(suite, 2));
        let sealed = protect(&mut sender, &rtp(SSRC, 81)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
    }
}

#[test]
fn what_fails_does_not_count() {
    let suite = Suite::AesCm128Sha80;
    let mut receiver = Receiver::new(limited(suite, 2));
    let mut forger = Sender::new(keys(suite, 9));
    for n in 0..10 {
        let forged = protect(&mut forger, &rtp(SSRC, n)).unwrap();
        assert_eq!(unprotect(&mut receiver, &forged), Err(Refusal::Unauthentic));
    }
    let mut sender = Sender::new(keys(suite, 1));
    for n in 0..2 {
        let sealed = protect(&mut sender, &rtp(SSRC, n)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
    }
}

#[test]
fn the_longest_lives() {
    let suite = Suite::AesCm128Sha80;
    let mut sender = Sender::new(keys(suite, 1));
    sender.pretend_sent((1 << 48) - 1, (1 << 31) - 1);
    protect(&mut sender, &rtp(SSRC, 0)).unwrap();
    assert_eq!(protect(&mut sender, &rtp(SSRC, 1)), Err(Refusal::Expired));
    protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
    assert_eq!(protect_rtcp(&mut sender, &rtcp(SSRC)), Err(Refusal::Expired));
}

#[test]
fn indices_end_and_never_begin_again() {
    let suite = Suite::AesGcm128;
    let (mut sender, mut receiver) = pair(suite);
    sender.pretend_index(SSRC, (1 << 48) - 2, (1 << 31) - 1);
    receiver.pretend_index(SSRC, (1 << 48) - 2, (1 << 31) - 2);
    let sealed = protect(&mut sender, &rtp(SSRC, 65_535)).unwrap();
    unprotect(&mut receiver, &sealed).unwrap();
    assert_eq!(protect(&mut sender, &rtp(SSRC, 0)), Err(Refusal::Expired));
    let sealed = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
    assert_eq!(unprotect_rtcp(&mut receiver, &sealed), Ok(rtcp(SSRC)));
    assert_eq!(protect_rtcp(&mut sender, &rtcp(SSRC)), Err(Refusal::Expired));
}

#[test]
fn a_sender_refuses_more_sources_than_it_remembers() {
    let (mut sender, _) = pair(Suite::AesGcm128);
    for ssrc in 0..256 {
        protect(&mut sender, &rtp(ssrc, 1)).unwrap();
    }
    assert_eq!(protect(&mut sender, &rtp(1000, 1)), Err(Refusal::TooManySources));
    protect(&mut sender, &rtp(0, 2)).unwrap();
    assert_eq!(protect(&mut sender, &rtp(0, 2)), Err(Refusal::Replayed));
}

#[test]
fn a_receiver_forgets_the_source_that_was_quiet_longest() {
    let suite = Suite::AesGcm128;
    let (mut sender, mut receiver) = pair(suite);
    let mut first = Vec::new();
    for ssrc in 0..200 {
        let sealed = protect(&mut sender, &rtp(ssrc, 1)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
        first.push(sealed);
        // The first one stays in use.
        let busy = protect(&mut sender, &rtp(0, u16::try_from(ssrc).unwrap() + 2)).unwrap();
        unprotect(&mut receiver, &busy).unwrap();
    }
    assert_eq!(receiver.sources().0, 64);
    assert_ne!(unprotect(&mut receiver, &first[0]).map(|_| ()), Ok(()));
    assert_eq!(unprotect(&mut receiver, &first[199]), Err(Refusal::Replayed));
}
