//! Rollover counters: wraps, loss at them, reordering over them, sources that change (SR-01, SR-04).

use super::super::window::{Window, index};
use super::*;

/// Sends these in order, as one sender protects them, and drops those that `lost` names.
fn run(suite: Suite, sequences: impl Iterator<Item = u16>, lost: impl Fn(usize) -> bool) {
    let (mut sender, mut receiver) = pair(suite);
    for (at, sequence) in sequences.enumerate() {
        // Of what is lost, the sender needs to see a few only.
        if lost(at) && at % 1000 != 0 {
            continue;
        }
        let plain = rtp(SSRC, sequence);
        let sealed = protect(&mut sender, &plain).unwrap();
        if !lost(at) {
            assert_eq!(
                unprotect(&mut receiver, &sealed).as_ref(),
                Ok(&plain),
                "{suite:?}: packet {at}, sequence number {sequence}"
            );
        }
    }
}

fn wrapping(from: u16, count: usize) -> impl Iterator<Item = u16> {
    std::iter::successors(Some(from), |last| Some(last.wrapping_add(1))).take(count)
}

#[test]
fn sr_01_the_sequence_number_wraps() {
    for suite in Suite::ALL {
        run(suite, wrapping(65_400, 400), |_| false);
    }
}

#[test]
fn several_wraps() {
    run(Suite::AesGcm128, wrapping(65_400, 66_000), |_| false);
}

#[test]
fn loss_at_the_wrap() {
    for (first, last) in [(130, 140), (135, 136), (100, 299), (1, 30_000), (136, 32_000)] {
        run(Suite::AesCm128Sha80, wrapping(65_400, last + 300), |at| {
            (first..last).contains(&at)
        });
    }
}

#[test]
fn the_first_that_arrives_is_from_behind_a_wrap() {
    for suite in Suite::ALL {
        run(suite, wrapping(65_400, 400), |at| at < 150);
        run(suite, wrapping(65_400, 33_000), |at| at < 32_000);
    }
}

#[test]
fn reordering_over_the_wrap() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let sealed: Vec<_> = wrapping(65_400, 400)
            .map(|sequence| {
                let plain = rtp(SSRC, sequence);
                (protect(&mut sender, &plain).unwrap(), plain)
            })
            .collect();
        // Blocks of 100, each turned around: up to 99 places late.
        for block in sealed.chunks(100) {
            for (sealed, plain) in block.iter().rev() {
                assert_eq!(unprotect(&mut receiver, sealed).as_ref(), Ok(plain), "{suite:?}");
            }
        }
    }
}

#[test]
fn sr_04_each_source_has_a_rollover_counter_of_its_own() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut send = |ssrc: u32, sequence: u16| {
            let plain = rtp(ssrc, sequence);
            let sealed = protect(&mut sender, &plain).unwrap();
            assert_eq!(
                unprotect(&mut receiver, &sealed).as_ref(),
                Ok(&plain),
                "{suite:?}: {ssrc} at {sequence}"
            );
            sealed
        };
        wrapping(65_500, 100).for_each(|sequence| drop(send(1, sequence)));
        // A new source begins at 0, and a strict receiver of its own agrees.
        for sequence in wrapping(5, 50) {
            let sealed = send(2, sequence);
            let mut strict = Receiver::new(keys(suite, 1));
            assert!(unprotect(&mut strict, &sealed).is_ok(), "{suite:?}");
        }
        wrapping(64, 100).for_each(|sequence| drop(send(1, sequence)));
        wrapping(55, 10).for_each(|sequence| drop(send(2, sequence)));
    }
}

#[test]
fn estimation_is_that_of_appendix_a() {
    for (highest, sequence, expected) in [
        (index(0, 0), 0, Some(index(0, 0))),
        (index(0, 5), 6, Some(index(0, 6))),
        (index(0, 5), 0x8005, Some(index(0, 0x8005))),
        (index(0, 5), 0x8006, None),
        (index(1, 5), 0x8006, Some(index(0, 0x8006))),
        (index(1, 5), 0xffff, Some(index(0, 0xffff))),
        (index(1, 0x7fff), 0xffff, Some(index(1, 0xffff))),
        (index(1, 0x8000), 0, Some(index(1, 0))),
        (index(1, 0x8001), 0, Some(index(2, 0))),
        (index(0, 0xffff), 0x7ffe, Some(index(1, 0x7ffe))),
        (index(0, 0xffff), 0x7fff, Some(index(0, 0x7fff))),
        (index(0xffff_ffff, 0xffff), 0, None),
    ] {
        assert_eq!(
            Window::begin(highest).estimate(sequence),
            expected,
            "{highest:#x} {sequence:#x}"
        );
    }
}

#[test]
fn a_packet_is_new_once_and_too_old_from_128_behind() {
    let mut window = Window::begin(1000);
    assert_eq!(window.check(1000), Err(Refusal::Replayed));
    assert_eq!(window.check(873), Ok(()));
    assert_eq!(window.check(872), Err(Refusal::TooOld));
    window.note(873);
    assert_eq!(window.check(873), Err(Refusal::Replayed));
    window.note(1001);
    assert_eq!(window.check(873), Err(Refusal::TooOld));
    assert_eq!(window.check(1000), Err(Refusal::Replayed));
    assert_eq!(window.check(999), Ok(()));
    window.note(1_000_000);
    assert_eq!(window.check(999_999), Ok(()));
    window.note(1_000_127);
    assert_eq!(window.check(1_000_000), Err(Refusal::Replayed));
    window.note(1_000_255);
    assert_eq!(window.check(1_000_128), Ok(()));
}

#[test]
fn what_came_before_the_first_is_believed_while_it_is_in_the_window() {
    let (mut sender, mut receiver) = pair(Suite::AesCm128Sha80);
    let sealed: Vec<_> = (65_530..=65_535)
        .map(|n| protect(&mut sender, &rtp(SSRC, n)).unwrap())
        .collect();
    let behind = protect(&mut sender, &rtp(SSRC, 0)).unwrap();
    unprotect(&mut receiver, &behind).unwrap();
    for early in sealed.iter().rev() {
        unprotect(&mut receiver, early).unwrap();
    }
    let next = protect(&mut sender, &rtp(SSRC, 1)).unwrap();
    unprotect(&mut receiver, &next).unwrap();
}

#[test]
fn sr_03_ten_thousand_contexts_that_begin_low_survive_loss_at_their_start() {
    // Whoever owns a stream begins below 2^15: then no start, however lossy, is ambiguous.
    let mut random: u64 = 7;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random >> 33
    };
    for context in 0..10_000 {
        let suite = Suite::ALL[context % Suite::ALL.len()];
        let (mut sender, mut receiver) = pair(suite);
        let start = u16::try_from(next() % 0x8000).unwrap();
        let lost = usize::try_from(next() % 30_000).unwrap();
        for (at, sequence) in wrapping(start, lost + 3).enumerate() {
            if at > 0 && at + 1 < lost {
                continue;
            }
            let plain = rtp(SSRC, sequence);
            let sealed = protect(&mut sender, &plain).unwrap();
            if at >= lost {
                assert_eq!(unprotect(&mut receiver, &sealed), Ok(plain), "context {context}");
            }
        }
    }
}
