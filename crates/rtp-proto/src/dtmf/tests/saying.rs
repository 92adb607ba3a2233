//! Digits said.

use super::*;
use proptest::prelude::*;

/// All that is said on this clock, with the instant of each packet; the digits begin at timestamps of the peer's own clock.
fn say(clock: u32, tick: Duration, keys: &[(char, u64)]) -> Vec<Sent> {
    let start = Instant::now();
    let mut now = start;
    let mut sender = Sender::default();
    for (character, milliseconds) in keys {
        assert!(sender.push(now, digit(*character), millis(*milliseconds)));
    }
    let mut sent = Vec::new();
    let mut sequence = 100u16;
    while sender.poll_timeout().is_some() {
        while let Some(said) = sender.poll(now, clock) {
            let timestamp = said.timestamp.unwrap_or_else(|| units(now - start, clock) as u32);
            let marker = said.timestamp.is_none();
            if marker {
                sender.began(timestamp);
            }
            let header = Header {
                payload_type: 101,
                marker,
                sequence,
                timestamp,
                ssrc: 7,
            };
            sequence = sequence.wrapping_add(1);
            sent.push(Sent {
                at: now - start,
                header,
                report: Some(said.report),
            });
        }
        now += tick;
        assert!(now < start + Duration::from_secs(600), "never done");
    }
    sent
}

#[test]
fn a_digit_is_said_as_the_rfc_wants() {
    for clock in [8000u32, 16_000, 48_000] {
        let sent = say(clock, millis(5), &[('5', 100), ('5', 90)]);
        let reports: Vec<_> = sent.iter().map(|packet| packet.report.unwrap()).collect();
        let ms = |report: &Report| u32::from(report.duration) * 1000 / clock;
        assert_eq!(
            reports.iter().map(ms).collect::<Vec<_>>(),
            [20, 40, 60, 80, 100, 100, 100, 20, 40, 60, 80, 90, 90, 90]
        );
        let ends: Vec<_> = reports.iter().map(|report| report.end).collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 6);
        assert!(ends[4..7].iter().all(|end| *end));
        let markers: Vec<_> = (0..14).filter(|n| sent[*n].header.marker).collect();
        assert_eq!(markers, [0, 7]);
        for event in [0..7, 7..14] {
            let first = sent[event.start].header.timestamp;
            assert!(sent[event].iter().all(|packet| packet.header.timestamp == first));
        }
        let at: Vec<_> = sent.iter().map(|packet| packet.at.as_millis()).collect();
        assert_eq!(at[..7], [0, 20, 40, 60, 80, 100, 120]);
        assert_eq!(at[7], 180, "60 ms after the last");
    }
}

#[test]
fn a_long_digit_is_said_in_segments() {
    for clock in [8000, 16_000, 48_000] {
        let sent = say(clock, millis(5), &[('0', 8000)]);
        let full = units(millis(8000), clock).saturating_sub(1) / u64::from(LONGEST);
        let filled = sent
            .iter()
            .filter(|packet| packet.report.unwrap().duration == u16::MAX)
            .count();
        assert_eq!(filled as u64, full * 3, "each segment's last report three times");
        let heard = hear(clock, &sent, Duration::from_secs(60));
        assert_eq!((digits(&heard).as_str(), heard[0].1), ("0", 8000));
    }
}

#[test]
fn a_digit_has_a_length_that_is_heard_and_ends() {
    let heard = |milliseconds| {
        hear(
            8000,
            &say(8000, millis(5), &[('1', milliseconds)]),
            Duration::from_secs(60),
        )[0]
        .1
    };
    assert_eq!((heard(0), heard(39), heard(40)), (40, 40, 40));
    assert_eq!(heard(1_000_000), 8000);
}

#[test]
fn only_so_many_digits_wait() {
    let mut sender = Sender::default();
    let taken = (0..100)
        .filter(|_| sender.push(Instant::now(), digit('1'), millis(100)))
        .count();
    assert_eq!(taken, 64);
}

#[test]
fn a_driver_that_comes_late_makes_no_burst() {
    let start = Instant::now();
    let mut sender = Sender::default();
    sender.push(start, digit('1'), millis(200));
    let said = sender.poll(start, 8000).unwrap();
    assert_eq!(said.timestamp, None);
    sender.began(5);
    assert_eq!(sender.poll(start, 8000), None);
    let late = start + millis(300);
    let packets = std::iter::from_fn(|| sender.poll(late, 8000)).count();
    assert_eq!(packets, 1);
}

proptest! {
    #[test]
    fn what_is_said_is_heard(
        keys in prop::collection::vec((prop::sample::select("0123456789*#ABCD!".chars().collect::<Vec<_>>()), 40u64..3000), 1..10),
        clock in prop::sample::select(vec![8000u32, 16_000, 48_000]),
        tick in 1u64..15,
    ) {
        let sent = say(clock, millis(tick), &keys);
        let heard = hear(clock, &sent, Duration::from_secs(600));
        let heard: Vec<_> = heard.into_iter().map(|(character, duration, _)| (character, duration)).collect();
        prop_assert_eq!(heard, keys);
    }
}
