//! Digits heard, in spite of the network.

use super::*;
use proptest::prelude::*;

const LATER: Duration = Duration::from_secs(60);

/// "1", "1", "2", "#", 12 reports each, 60 ms apart, with speech before and after.
fn pressed() -> Peer {
    let mut peer = Peer::new(8000);
    peer.talk(10);
    for character in "112#".chars() {
        peer.press(character, 10).talk(1);
    }
    peer.talk(50);
    peer
}

fn heard_without(lost: impl Fn(&Sent) -> bool) -> Vec<(char, u64, u64)> {
    let mut packets = pressed().sent;
    packets.retain(|packet| !lost(packet));
    hear(8000, &packets, LATER)
}

fn durations(heard: &[(char, u64, u64)]) -> Vec<u64> {
    heard.iter().map(|(_, duration, _)| *duration).collect()
}

#[test]
fn mr_12_a_every_digit_is_heard_once_at_its_end() {
    let heard = heard_without(|_| false);
    assert_eq!(digits(&heard), "112#");
    assert_eq!(durations(&heard), [200; 4]);
    let first_end = 200 + 9 * 20;
    assert_eq!(heard[0].2, first_end, "with its first end packet");
}

#[test]
fn mr_12_b_the_packet_with_the_marker_may_be_lost() {
    let heard = heard_without(|packet| packet.header.marker);
    assert_eq!(digits(&heard), "112#");
    assert_eq!(durations(&heard), [200; 4]);
    let only_ends = heard_without(|packet| packet.report.is_some_and(|report| !report.end));
    assert_eq!(digits(&only_ends), "112#");
    assert_eq!(durations(&only_ends), [200; 4]);
}

#[test]
fn mr_12_c_all_end_packets_but_one_may_be_lost() {
    for kept in 0..3 {
        let peer = pressed();
        let ends: Vec<usize> = peer
            .reports()
            .into_iter()
            .filter(|n| peer.sent[*n].report.unwrap().end)
            .collect();
        let packets: Vec<Sent> = (0..peer.sent.len())
            .filter(|n| {
                ends.iter()
                    .position(|end| end == n)
                    .is_none_or(|place| place % 3 == kept)
            })
            .map(|n| peer.sent[n].clone())
            .collect();
        let heard = hear(8000, &packets, LATER);
        assert_eq!(digits(&heard), "112#", "end packet {kept}");
        assert_eq!(durations(&heard), [200; 4]);
    }
}

#[test]
fn mr_12_d_without_any_end_packet_a_digit_ends_with_the_next_or_soon_after() {
    let heard = heard_without(|packet| packet.report.is_some_and(|report| report.end));
    assert_eq!(digits(&heard), "112#");
    assert_eq!(durations(&heard), [180; 4], "as far as was told");
    let peer = pressed();
    let last = peer.reports().into_iter().max().unwrap();
    let audio = peer.sent[last + 1].at.as_millis() as u64;
    assert!(
        heard[3].2 <= audio + 200,
        "heard at {} ms, speech since {audio}",
        heard[3].2
    );
}

#[test]
fn mr_12_d_a_peer_that_falls_silent_ends_its_digit_too() {
    let mut peer = Peer::new(8000);
    peer.talk(5).press('5', 5);
    let mut packets = peer.sent;
    packets.retain(|packet| packet.report.is_none_or(|report| !report.end));
    let heard = hear(8000, &packets, LATER);
    assert_eq!(digits(&heard), "5");
    assert!(heard[0].2 < 1000);
}

#[test]
fn mr_12_e_a_long_digit_is_one() {
    for (frames, milliseconds) in [(300, 6000), (500, 10_000), (1000, 20_000)] {
        let mut peer = Peer::new(8000);
        peer.talk(5).press('7', frames).talk(20);
        let heard = hear(8000, &peer.sent, LATER);
        assert_eq!(digits(&heard), "7");
        assert_eq!(durations(&heard), [milliseconds]);
        // The report that fills a segment may be lost, with others around it.
        peer.sent.retain(|packet| {
            packet.report.is_none_or(|report| {
                let near_the_end = (60_000..=0xffff).contains(&(u32::from(report.duration) + 1));
                !near_the_end || packet.header.sequence % 2 != 0
            })
        });
        let heard = hear(8000, &peer.sent, LATER);
        assert_eq!(
            (digits(&heard).as_str(), durations(&heard)),
            ("7", vec![milliseconds])
        );
    }
}

#[test]
fn mr_12_e_a_digit_goes_on_when_the_answer_brings_another_source() {
    let mut peer = Peer::new(8000);
    peer.talk(5);
    let answer = peer.sent.len() + 5;
    peer.press('4', 10).talk(2).press('4', 5).talk(20);
    for packet in &mut peer.sent[answer..] {
        packet.header.ssrc = 0xb2;
        packet.header.sequence = packet.header.sequence.wrapping_add(20_000);
        packet.header.timestamp = packet.header.timestamp.wrapping_add(1_000_000);
    }
    let heard = hear(8000, &peer.sent, LATER);
    assert_eq!(digits(&heard), "44");
    assert_eq!(durations(&heard), [200, 100]);
}

#[test]
fn mr_12_a_timestamp_that_moves_within_an_event_makes_no_second_digit() {
    let mut peer = Peer::new(8000);
    peer.talk(5).press('9', 10).talk(3).press('9', 10).talk(20);
    let mut moved = 0;
    for packet in peer.sent.iter_mut().filter(|packet| packet.report.is_some()) {
        moved = if packet.header.marker { 0 } else { moved + 160 };
        packet.header.timestamp = packet.header.timestamp.wrapping_add(moved);
    }
    let heard = hear(8000, &peer.sent, LATER);
    assert_eq!(digits(&heard), "99");
    assert_eq!(durations(&heard), [200, 200]);
}

#[test]
fn a_timestamp_that_never_moves_hides_no_digit() {
    let mut peer = Peer::new(8000);
    peer.talk(5);
    for _ in 0..3 {
        peer.press('3', 5).talk(2);
    }
    for packet in peer.sent.iter_mut().filter(|packet| packet.report.is_some()) {
        packet.header.timestamp = 77;
    }
    assert_eq!(digits(&hear(8000, &peer.sent, LATER)), "333");
}

#[test]
fn equal_digits_a_short_pause_apart_are_two() {
    for lost in [0, 1, 2, 3] {
        let mut peer = Peer::new(8000);
        peer.talk(5);
        for _ in 0..4 {
            // The end packets fill the pause of 40 ms.
            peer.press('8', 4);
        }
        peer.talk(20);
        peer.sent.retain(|packet| match lost {
            1 => !packet.header.marker,
            2 => packet.report.is_none_or(|report| !report.end),
            3 => !packet.header.marker && packet.report.is_none_or(|report| !report.end),
            _ => true,
        });
        assert_eq!(digits(&hear(8000, &peer.sent, LATER)), "8888", "lost {lost}");
    }
}

#[test]
fn events_that_share_a_packet_are_all_heard() {
    let mut receiver = Receiver::default();
    let now = Instant::now();
    let header = Peer::new(8000).talk(1).sent[0].header;
    let report = |character, end| Report {
        event: digit(character).event(),
        end,
        volume: 0,
        duration: 800,
    };
    let payload: Vec<u8> = [report('1', true), report('2', true), report('3', false)]
        .into_iter()
        .flat_map(Report::write)
        .collect();
    receiver.event(now, &header, 8000, &payload);
    receiver.event(now, &header, 8000, &payload);
    let heard: String = std::iter::from_fn(|| receiver.poll())
        .map(|heard| heard.digit.character())
        .collect();
    assert_eq!(heard, "12");
    assert!(receiver.is_busy(), "the third goes on");
}

#[test]
fn what_is_no_digit_is_not_heard() {
    let mut receiver = Receiver::default();
    let now = Instant::now();
    let header = Peer::new(8000).talk(1).sent[0].header;
    receiver.event(now, &header, 8000, &[32, 0x80, 0, 160]);
    receiver.event(now, &header, 8000, &[5, 0, 0, 0]);
    receiver.event(now, &header, 8000, &[5, 0, 0]);
    receiver.event(now, &header, 8000, &[]);
    receiver.handle_timeout(now + LATER);
    assert_eq!(receiver.poll(), None);
}

/// A key and how long it is pressed, in frames, and the pause after it.
fn keys() -> impl Strategy<Value = Vec<(char, u32, u32)>> {
    let key = prop::sample::select("0123456789*#ABCD".chars().collect::<Vec<_>>());
    // Few different keys: most of what goes wrong does with equal ones.
    let key = prop_oneof![Just('1'), Just('2'), key];
    prop::collection::vec((key, 2u32..30, 1u32..6), 1..12)
}

proptest! {
    /// As long as one packet of each event arrives, each digit is heard once and in order; if all do, as long as it was.
    #[test]
    fn every_digit_is_heard_once(
        keys in keys(),
        clock in prop::sample::select(vec![8000, 16_000, 48_000]),
        fate in prop::collection::vec((0u8..100, 0u64..45, 0u8..20), 64),
        loss in prop_oneof![Just(0u8), 1u8..95],
    ) {
        let mut peer = Peer::new(clock);
        peer.talk(5);
        let mut events = Vec::new();
        for (character, frames, pause) in &keys {
            let from = peer.sent.len();
            peer.press(*character, *frames);
            events.push(from..peer.sent.len());
            peer.talk(*pause);
        }
        peer.talk(30);
        let fate = |n: usize| fate[(n * 31 + n / 64) % 64];
        let kept = |n: usize| {
            let event = events.iter().find(|event| event.contains(&n));
            // The spared packet is any of the event's, and none of those that are lost otherwise.
            let spared = event.is_some_and(|event| {
                let place = usize::from(fate(event.start).2) * event.len() / 20;
                n == event.start + place
            });
            spared || fate(n).0 >= loss
        };
        let mut arriving: Vec<Sent> = Vec::new();
        for (n, packet) in peer.sent.iter().enumerate().filter(|(n, _)| kept(*n)) {
            let mut packet = packet.clone();
            packet.at += millis(fate(n).1);
            if fate(n).2 == 0 {
                let again = Sent { at: packet.at + millis(15), ..packet.clone() };
                arriving.push(again);
            }
            arriving.push(packet);
        }
        arriving.sort_by_key(|packet| packet.at);
        let heard = hear(clock, &arriving, LATER);
        let pressed: String = keys.iter().map(|(character, ..)| character).collect();
        prop_assert_eq!(digits(&heard), pressed);
        for ((_, frames, _), (_, duration, _)) in keys.iter().zip(&heard) {
            let whole = u64::from(*frames) * 20;
            prop_assert!(if loss == 0 { *duration == whole } else { *duration <= whole }, "{} of {} ms", duration, whole);
        }
    }

    #[test]
    fn nothing_that_arrives_upsets_it(
        packets in prop::collection::vec((any::<[u8; 16]>(), 0u64..300, any::<(bool, bool)>(), 0usize..17), 0..200),
    ) {
        let mut receiver = Receiver::default();
        let mut now = Instant::now();
        for (bytes, wait, (marker, event), length) in packets {
            now += millis(wait);
            let header = Header {
                payload_type: 101,
                marker,
                sequence: u16::from_be_bytes([bytes[0] & 1, bytes[1]]),
                timestamp: u32::from_be_bytes([bytes[2], bytes[3] & 1, bytes[4], bytes[5]]),
                ssrc: u32::from(bytes[6] & 1),
            };
            if event {
                receiver.event(now, &header, if marker { 8000 } else { 0 }, &bytes[..length.min(16)]);
            } else {
                receiver.other(now, &header);
            }
            while receiver.poll().is_some() {}
        }
        receiver.handle_timeout(now + millis(500));
        prop_assert!(!receiver.is_busy(), "no digit is stuck");
    }
}
