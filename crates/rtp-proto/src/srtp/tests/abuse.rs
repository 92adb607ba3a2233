//! What must change nothing: forgeries, replays, fragments, too little room.

use super::*;

/// What a receiver that has seen packets 0 to 9 of one source, and one report, says to the next ones.
fn assert_undisturbed(suite: Suite, sender: &mut Sender, receiver: &mut Receiver, what: &str) {
    assert_eq!(receiver.sources(), (1, 1), "{suite:?}: {what}");
    let plain = rtp(SSRC, 10);
    let sealed = protect(sender, &plain).unwrap();
    assert_eq!(unprotect(receiver, &sealed), Ok(plain), "{suite:?}: {what}");
    let sealed = protect_rtcp(sender, &rtcp(SSRC)).unwrap();
    assert_eq!(
        unprotect_rtcp(receiver, &sealed),
        Ok(rtcp(SSRC)),
        "{suite:?}: {what}"
    );
}

fn under_way(suite: Suite) -> (Sender, Receiver) {
    let (mut sender, mut receiver) = pair(suite);
    for n in 0..10 {
        let sealed = protect(&mut sender, &rtp(SSRC, n)).unwrap();
        unprotect(&mut receiver, &sealed).unwrap();
    }
    let sealed = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
    unprotect_rtcp(&mut receiver, &sealed).unwrap();
    (sender, receiver)
}

#[test]
fn every_bit_is_authenticated() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = under_way(suite);
        let mut sealed = protect(&mut sender, &rtp(SSRC, 11)).unwrap();
        for bit in 0..8 * sealed.len() {
            sealed[bit / 8] ^= 1 << (bit % 8);
            let refused = unprotect(&mut receiver, &sealed).unwrap_err();
            assert!(
                matches!(
                    refused,
                    Refusal::Unauthentic | Refusal::Malformed | Refusal::Replayed | Refusal::TooOld
                ),
                "{suite:?}: bit {bit}: {refused:?}"
            );
            sealed[bit / 8] ^= 1 << (bit % 8);
        }
        let mut report = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
        for bit in 0..8 * report.len() {
            report[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unprotect_rtcp(&mut receiver, &report).is_err(),
                "{suite:?}: bit {bit}"
            );
            report[bit / 8] ^= 1 << (bit % 8);
        }
        assert_undisturbed(suite, &mut sender, &mut receiver, "bits");
        unprotect(&mut receiver, &sealed).unwrap();
        unprotect_rtcp(&mut receiver, &report).unwrap();
    }
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = under_way(suite);
        let mut sealed = protect(&mut sender, &rtp(SSRC, 11)).unwrap();
        let mut report = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
        for length in 0..sealed.len() {
            assert!(unprotect(&mut receiver, &sealed[..length]).is_err(), "{length}");
        }
        for length in 0..report.len() {
            assert!(
                unprotect_rtcp(&mut receiver, &report[..length]).is_err(),
                "{length}"
            );
        }
        sealed.push(0);
        report.push(0);
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Refusal::Unauthentic));
        assert!(unprotect_rtcp(&mut receiver, &report).is_err());
        assert_undisturbed(suite, &mut sender, &mut receiver, "lengths");
    }
}

#[test]
fn plain_packets_and_those_of_strangers_leave_no_trace() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = under_way(suite);
        let mut forger = Sender::new(keys(suite, 66));
        for ssrc in 0..300 {
            // Sequence numbers that would move the window by half its space, or wrap it.
            for sequence in [0, 11, 0x7fff, 0x8009, 0xffff] {
                let forged = Sender::new(keys(suite, 67))
                    .protect_rtp(&mut [rtp(SSRC, sequence), vec![0; MAX_OVERHEAD]].concat(), 172);
                assert!(forged.is_ok());
                let mut other = Sender::new(keys(suite, 67));
                let forged = protect(&mut other, &rtp(SSRC, sequence)).unwrap();
                assert!(unprotect(&mut receiver, &forged).is_err());
            }
            let forged = protect(&mut forger, &rtp(ssrc % 250, u16::try_from(ssrc).unwrap())).unwrap();
            assert!(unprotect(&mut receiver, &forged).is_err());
            assert!(unprotect(&mut receiver, &rtp(ssrc, 1)).is_err());
            assert!(unprotect_rtcp(&mut receiver, &rtcp(ssrc)).is_err());
        }
        assert_undisturbed(suite, &mut sender, &mut receiver, "strangers");
    }
}

#[test]
fn a_replay_is_refused_and_changes_nothing() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut kept = Vec::new();
        for n in 0..300 {
            let sealed = protect(&mut sender, &rtp(SSRC, n)).unwrap();
            unprotect(&mut receiver, &sealed).unwrap();
            kept.push(sealed);
        }
        for (n, sealed) in kept.iter().enumerate() {
            let expected = if n < 172 {
                Refusal::TooOld
            } else {
                Refusal::Replayed
            };
            assert_eq!(unprotect(&mut receiver, sealed), Err(expected), "{suite:?}: {n}");
        }
        let report = protect_rtcp(&mut sender, &rtcp(SSRC)).unwrap();
        unprotect_rtcp(&mut receiver, &report).unwrap();
        assert_eq!(unprotect_rtcp(&mut receiver, &report), Err(Refusal::Replayed));
    }
}

#[test]
fn one_index_is_never_used_twice() {
    for suite in Suite::ALL {
        let (mut sender, _) = pair(suite);
        for n in [1000, 1001, 1003, 1002] {
            protect(&mut sender, &rtp(SSRC, n)).unwrap();
        }
        for n in [1000, 1001, 1002, 1003] {
            let mut other = rtp(SSRC, n);
            other[20] ^= 0xff;
            assert_eq!(protect(&mut sender, &other), Err(Refusal::Replayed), "{suite:?}");
        }
        assert_eq!(protect(&mut sender, &rtp(SSRC, 800)), Err(Refusal::TooOld));
        // Before the first index there can be.
        assert_eq!(protect(&mut sender, &rtp(SSRC, 60_000)), Err(Refusal::TooOld));
        protect(&mut sender, &rtp(SSRC, 1004)).unwrap();
    }
}

#[test]
fn without_room_nothing_happens() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        for room in 0..suite.rtp_tag_len() {
            let mut buffer = rtp(SSRC, 1);
            buffer.resize(172 + room, 0x55);
            let before = buffer.clone();
            assert_eq!(sender.protect_rtp(&mut buffer, 172), Err(Refusal::NoRoom));
            assert_eq!(buffer, before, "{suite:?}");
        }
        for room in 0..suite.rtcp_tag_len() + 4 {
            let mut buffer = rtcp(SSRC);
            buffer.resize(32 + room, 0x55);
            let before = buffer.clone();
            assert_eq!(sender.protect_rtcp(&mut buffer, 32), Err(Refusal::NoRoom));
            assert_eq!(buffer, before, "{suite:?}");
        }
        let sealed = protect(&mut sender, &rtp(SSRC, 1)).unwrap();
        assert_eq!(unprotect(&mut receiver, &sealed), Ok(rtp(SSRC, 1)));
        assert_eq!(sender.protect_rtp(&mut [0x80; 10], 20), Err(Refusal::Malformed));
        assert_eq!(sender.protect_rtcp(&mut [0x80; 7], 7), Err(Refusal::Malformed));
        assert_eq!(sender.protect_rtp(&mut [0x40; 40], 20), Err(Refusal::Malformed));
    }
}

#[test]
fn a_packet_that_is_too_long_to_be_tried_twice_is_still_opened() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut plain = rtp(SSRC, 1);
        plain.resize(9000, 3);
        let sealed = protect(&mut sender, &plain).unwrap();
        // Its counter is 0 or 1: the likelier one is tried without a copy.
        assert!(unprotect(&mut receiver, &sealed) == Ok(plain), "{suite:?}");
    }
}
