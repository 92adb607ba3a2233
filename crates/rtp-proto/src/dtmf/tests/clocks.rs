//! Events on another clock.

use super::*;
use proptest::prelude::*;

/// What leaves on the other clock, on a timeline of its own.
fn convert(from: u32, to: u32, packets: &[Sent]) -> Vec<Sent> {
    let start = Instant::now();
    let mut converter = Converter::default();
    let mut leaving = Vec::new();
    for packet in packets {
        let Some(report) = packet.report else {
            continue;
        };
        let now = start + packet.at;
        let begin = || 0xffff_f000u32.wrapping_add(units(packet.at, to) as u32);
        let converted = converter.convert(now, &packet.header, report, (from, to), begin);
        leaving.push(Sent {
            at: packet.at,
            header: Header {
                timestamp: converted.timestamp,
                marker: converted.begins,
                ..packet.header
            },
            report: Some(converted.report),
        });
    }
    leaving
}

fn pressed(clock: u32, keys: &[(char, u32)]) -> Vec<Sent> {
    let mut peer = Peer::new(clock);
    for (character, frames) in keys {
        peer.press(*character, *frames).talk(1);
    }
    peer.sent
}

#[test]
fn mr_13_a_duration_is_told_in_the_units_of_the_leg() {
    for (from, to, last) in [
        (48_000, 8000, 1600),
        (8000, 48_000, 9600),
        (16_000, 8000, 1600),
        (8000, 16_000, 3200),
    ] {
        let leaving = convert(from, to, &pressed(from, &[('5', 10)]));
        assert_eq!(leaving.len(), 12, "a packet for each");
        let reports: Vec<_> = leaving.iter().map(|packet| packet.report.unwrap()).collect();
        assert_eq!(reports[11].duration, last);
        let ends: Vec<_> = reports.iter().map(|report| report.end).collect();
        assert_eq!(ends.iter().filter(|end| **end).count(), 3);
        let markers: Vec<_> = leaving.iter().map(|packet| packet.header.marker).collect();
        assert_eq!(markers.iter().filter(|marker| **marker).count(), 1);
        assert!(markers[0]);
        assert!(
            leaving
                .iter()
                .all(|packet| packet.header.timestamp == leaving[0].header.timestamp)
        );
    }
}

#[test]
fn mr_13_an_event_that_is_too_long_for_the_faster_clock_is_told_in_segments() {
    for frames in [60, 69, 70, 140, 300] {
        let leaving = convert(8000, 48_000, &pressed(8000, &[('5', frames)]));
        let heard = hear(48_000, &leaving, Duration::from_secs(60));
        assert_eq!(digits(&heard), "5");
        assert_eq!(heard[0].1, u64::from(frames) * 20);
        let timestamps: std::collections::BTreeSet<_> =
            leaving.iter().map(|packet| packet.header.timestamp).collect();
        assert_eq!(timestamps.len() as u32, (frames * 960 - 1) / LONGEST + 1);
    }
}

#[test]
fn mr_13_segments_of_the_faster_clock_are_one_event_on_the_slower() {
    let leaving = convert(48_000, 8000, &pressed(48_000, &[('5', 300)]));
    let timestamps: std::collections::BTreeSet<_> =
        leaving.iter().map(|packet| packet.header.timestamp).collect();
    assert_eq!(timestamps.len(), 1);
    let heard = hear(8000, &leaving, Duration::from_secs(60));
    assert_eq!((digits(&heard).as_str(), heard[0].1), ("5", 6000));
}

proptest! {
    #[test]
    fn what_was_pressed_is_heard_on_the_other_clock(
        keys in prop::collection::vec((prop::sample::select("0123456789*#ABCD".chars().collect::<Vec<_>>()), 2u32..200), 1..8),
        clocks in prop::sample::select(vec![(8000, 48_000), (48_000, 8000), (16_000, 8000), (8000, 16_000), (48_000, 16_000)]),
        lost in prop::collection::vec(any::<bool>(), 7),
    ) {
        let mut packets = pressed(clocks.0, &keys);
        // Some of what is neither the first nor an end.
        let mut n = 0;
        packets.retain(|packet| {
            n += 1;
            packet.header.marker || packet.report.is_none_or(|report| report.end || report.duration == u16::MAX) || n % 7 == 0 || !lost[n % 7]
        });
        let leaving = convert(clocks.0, clocks.1, &packets);
        let heard = hear(clocks.1, &leaving, Duration::from_secs(600));
        let heard: Vec<_> = heard.into_iter().map(|(character, duration, _)| (character, duration)).collect();
        let pressed: Vec<_> = keys.iter().map(|(character, frames)| (*character, u64::from(*frames) * 20)).collect();
        prop_assert_eq!(heard, pressed);
    }
}
