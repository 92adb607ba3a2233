use super::*;
use crate::pt_map::PtMap;
use proptest::prelude::*;
use std::collections::HashSet;

fn feed(packets: impl IntoIterator<Item = (u64, u32, u16, u32)>) -> (Counters, Reception) {
    let (map, mut stats, mut reception) = (
        Translation::new(&PtMap::default()),
        Counters::default(),
        Reception::default(),
    );
    let start = Instant::now();
    for (at_us, ssrc, sequence, timestamp) in packets {
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc,
        };
        reception.packet(start + Duration::from_micros(at_us), &header, &map, &mut stats);
    }
    (stats, reception)
}

fn regular(sequences: &[u16]) -> (Counters, Reception) {
    feed(
        sequences
            .iter()
            .zip(0_u64..)
            .map(|(s, n)| (n * 20_000, 1, *s, u32::from(*s) * 160)),
    )
}

#[test]
fn loss_reordering_and_duplicates_are_told_apart() {
    for (sequences, lost, reordered, duplicates) in [
        (&[1, 2, 3][..], 0, 0, 0),
        (&[1, 2, 5], 2, 0, 0),
        (&[1, 3, 2, 4], 0, 1, 0),
        (&[1, 2, 2, 3], 0, 0, 1),
        (&[1, 3, 3, 4, 2, 2], 0, 1, 2),
        (&[65_534, 65_535, 0, 1], 0, 0, 0),
        (&[65_534, 1, 65_535], 1, 1, 0),
        (&[10, 9, 11], 0, 1, 0),
        (&[0, 65_535, 1], 0, 1, 0),
        (&[5], 0, 0, 0),
    ] {
        let (stats, reception) = regular(sequences);
        let found = (reception.lost(), stats.reordered, stats.duplicates);
        assert_eq!(found, (lost, reordered, duplicates), "{sequences:?}");
    }
}

#[test]
fn a_jump_of_the_sequence_is_loss_only_when_small() {
    assert_eq!(
        regular(&[1, 2, 20_000, 20_001, 20_002]).1.lost(),
        0,
        "a restart, confirmed by its second packet"
    );
    assert_eq!(regular(&[1, 2, 20_000, 3, 4]).1.lost(), 0, "a stray");
    assert_eq!(regular(&[1, 2001]).1.lost(), 1999);
}

#[test]
fn a_new_ssrc_starts_anew_and_keeps_the_loss_of_the_old() {
    let (stats, reception) = feed([(0, 1, 1, 0), (1, 1, 4, 480), (2, 2, 9000, 7), (3, 2, 9002, 327)]);
    assert_eq!((reception.lost(), stats.ssrcs, stats.ssrc), (3, 2, Some(2)));
}

#[test]
fn an_outage_that_nobody_looked_into_is_one_run() {
    let before: Vec<u16> = (1..=200).collect();
    for (after, events, longest) in [
        // Ten seconds without a packet; the same with a packet lost on either side, seen in a window each.
        ((700..720).collect::<Vec<u16>>(), 1, 499),
        ((700..720).filter(|n| *n != 710).collect(), 2, 499),
        ((201..700).collect(), 0, 0),
    ] {
        let mut here = Reception::default();
        let mut ledger = Ledger::default();
        regular(&before).1.lend(&mut ledger);
        here.take(&ledger);
        let all: Vec<u16> = before.iter().chain(&after).copied().collect();
        regular(&all).1.lend(&mut ledger);
        here.take(&ledger);
        let found = here.loss_structure(720, 20.0);
        assert_eq!((found.events, found.longest), (events, longest));
    }
}

#[test]
fn loss_keeps_its_structure_over_a_new_source() {
    let first = [1, 2, 5, 6].map(|s| (1, s));
    let second = [9000, 9003].map(|s| (2, s));
    let packets = first.into_iter().chain(second).zip(0..);
    let (_, reception) = feed(packets.map(|((ssrc, s), n)| (n, ssrc, s, u32::from(s) * 160)));
    let found = reception.loss_structure(10, 20.0);
    assert_eq!((found.events, found.longest), (2, 2));
    // Three came between the two runs: one burst of 2 + 3 + 2.
    assert_eq!((found.bursts, found.burst_ms), (1, 140));
}

#[test]
fn jitter_follows_the_formula() {
    let steady = feed((0..200).map(|n| (n * 20_000, 1, n as u16, n as u32 * 160))).1;
    assert_eq!(steady.jitter_us(), 0);
    // Every packet 5 ms early or late in turn: |D| = 10 ms each time, to which the estimate converges.
    let shaky = feed((0..400).map(|n| (n * 20_000 + (n % 2) * 10_000, 1, n as u16, n as u32 * 160))).1;
    assert!(
        (9_900..=10_000).contains(&shaky.jitter_us()),
        "{}",
        shaky.jitter_us()
    );
}

#[test]
fn packets_that_share_a_timestamp_are_no_jitter() {
    let event = feed((0..50).map(|n| (n * 20_000, 1, n as u16, 4_000))).1;
    assert_eq!(event.jitter_us(), 0);
}

#[test]
fn the_longest_gap_is_kept_and_a_pause_is_none() {
    let (mut stats, mut reception) = feed([(0, 1, 1, 0), (20_000, 1, 2, 160), (320_000, 1, 3, 2_560)]);
    assert_eq!(stats.max_gap_ms, 300);
    reception.pause();
    let header = Header {
        payload_type: 0,
        marker: false,
        sequence: 4,
        timestamp: 99_999,
        ssrc: 1,
    };
    let later = Instant::now() + Duration::from_secs(60);
    reception.packet(later, &header, &Translation::new(&PtMap::default()), &mut stats);
    assert_eq!(stats.max_gap_ms, 300);
}

proptest! {
    /// Against counting with a set: any mix of loss, duplication and delay by fewer than 100 packets.
    #[test]
    fn counts_agree_with_a_set(first in any::<u16>(), fate in prop::collection::vec((0_u8..10, 0_u32..60), 2..400)) {
        let mut arrivals = Vec::new();
        for (n, (what, delay)) in (0_u32..).zip(&fate) {
            let late = if *what == 9 { *delay } else { 0 };
            match what {
                0 if n > 0 => {}
                1 => arrivals.extend([(n, n), (n + delay, n)]),
                _ => arrivals.push((n + late, n)),
            }
        }
        arrivals.sort_by_key(|(at, _)| *at);
        let numbers: Vec<u32> = arrivals.iter().map(|(_, n)| *n).collect();
        let sequences: Vec<u16> = numbers.iter().map(|n| first.wrapping_add(*n as u16)).collect();
        let (stats, reception) = regular(&sequences);

        let unique: HashSet<u32> = numbers.iter().copied().collect();
        let span = numbers.iter().max().unwrap() - numbers.iter().min().unwrap() + 1;
        prop_assert_eq!(reception.lost(), u64::from(span) - unique.len() as u64);
        prop_assert_eq!(stats.duplicates, (numbers.len() - unique.len()) as u64);

        let lowest = numbers.iter().min().unwrap();
        let came: Vec<bool> = (*lowest..lowest + span).map(|n| unique.contains(&n)).collect();
        let runs: Vec<usize> = came.split(|came| *came).map(<[bool]>::len).filter(|length| *length > 0).collect();
        let structure = reception.loss_structure(u64::from(span), 20.0);
        prop_assert_eq!(structure.events as usize, runs.len());
        prop_assert_eq!(structure.longest as usize, runs.iter().max().copied().unwrap_or(0));
    }

    /// A ledger that is read every so often shows the same structure as counting here.
    #[test]
    fn reading_a_ledger_loses_no_structure(pattern in prop::collection::vec(prop::bool::weighted(0.9), 2..2000), every in 1_usize..100) {
        let sequences: Vec<u16> = (0_u16..).zip(&pattern).filter(|(n, came)| *n == 0 || **came).map(|(n, _)| n).collect();
        let (_, there) = regular(&sequences);
        let mut here = Reception::default();
        let mut ledger = Ledger::default();
        let mut next = 0;
        // Losses in between may be long: what counts is how far the sequence goes from one reading to the next.
        for (index, sequence) in sequences.iter().enumerate() {
            if usize::from(*sequence) >= next {
                regular(&sequences[..=index]).1.lend(&mut ledger);
                here.take(&ledger);
                next = usize::from(*sequence) + every;
            }
        }
        there.lend(&mut ledger);
        here.take(&ledger);
        prop_assert_eq!(here.loss_structure(9, 20.0), there.loss_structure(9, 20.0));
    }

    #[test]
    fn no_sequence_of_packets_harms_the_counters(packets in prop::collection::vec((any::<u32>(), 0_u32..3, any::<u16>(), any::<u32>()), 0..300)) {
        let mut at = 0;
        let packets: Vec<_> = packets.into_iter().map(|(step, ssrc, s, t)| { at += u64::from(step); (at, ssrc, s, t) }).collect();
        let (_, reception) = feed(packets);
        prop_assert!(reception.lost() <= 300 * 3_000);
    }
}
