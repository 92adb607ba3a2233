//! Digits are heard although the kernel relays everything else of the stream.

use crate::kernel_support::{Bench, is_available};
use crate::support::{ID, packet};
use rtp_proto::control::{Command, Digit, Digits, Event, Said, Side};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An event packet (RFC 4733 §2.3) with this payload type.
fn press(payload_type: u8, sequence: u16, digit: u8, end: bool, duration: u16) -> Vec<u8> {
    let mut event = packet(1, sequence);
    event.truncate(12);
    event[1] = payload_type;
    event.extend([digit, if end { 0x8a } else { 0x0a }]);
    event.extend(duration.to_be_bytes());
    event
}

fn listening() -> Bench {
    Bench::with(|legs| {
        for leg in legs {
            leg.needs.digits = Some(Arc::new(Digits {
                said: Said::Events,
                events: Some((101, 8_000)),
                heard: [101].into_iter().collect(),
            }));
        }
    })
}

/// What comes with the mark that the program makes is no RTP, whoever sends it, and is counted as such.
#[test]
fn mr_10_a_peers_own_mark_is_worth_nothing() {
    if !is_available() {
        return;
    }
    let mut bench = listening();
    bench.settle();
    for n in 0..5 {
        let mut forged = press(101, 1_000 + n, 1, false, 160);
        forged[0] = 0xc0;
        bench.a.send(bench.ours[0], &forged);
        bench.a_talks(1);
    }
    assert_eq!(bench.kernel.flows(), 2);
    let [a, _] = bench.plane.close().legs;
    assert_eq!((a.packets, a.digits, a.dropped.invalid), (30, 0, 5));
}

#[test]
fn digits_come_up_and_the_audio_does_not() {
    if !is_available() {
        return;
    }
    let mut bench = listening();
    bench.settle();
    let [to, relayed] = bench.ours;
    for digit in 0..5_u8 {
        bench.a_talks(20);
        for n in 0..6_u16 {
            let sent = press(101, bench.next[0], digit, n >= 3, 160 * (n.min(3) + 1));
            bench.next[0] += 1;
            bench.a.send(to, &sent);
            assert_eq!(bench.b.receive(), (sent, relayed), "unmarked, and once");
        }
    }
    bench.a_talks(20);
    assert_eq!(bench.kernel.flows(), 2, "the directions stay in the kernel");
    for digit in 0..5_u8 {
        match bench.plane.event() {
            Event::Digit {
                side, digit: heard, ..
            } => {
                assert_eq!((side, heard.to_string()), (Side::A, digit.to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    let count = 25 + 5 * 26 + 20;
    assert_eq!((a.packets, b.sent_packets), (count, count));
    assert_eq!(
        (a.lost, a.reordered, a.duplicates, a.dropped.total()),
        (0, 0, 0, 0)
    );
}

/// A says `count` packets, and presses nothing; the sequence numbers with which they arrive.
fn talk(bench: &mut Bench, count: u16) -> Vec<u16> {
    let [to, _] = bench.ours;
    let heard = (0..count).map(|_| {
        bench.a.send(to, &packet(1, bench.next[0]));
        bench.next[0] += 1;
        let (heard, _) = bench.b.receive();
        assert_eq!((heard[1] & 0x7f, &heard[8..12]), (0, &[0, 0, 0, 1][..]));
        u16::from_be_bytes([heard[2], heard[3]])
    });
    heard.collect()
}

/// B is said a digit; the sequence numbers of its packets.
fn digit(bench: &Bench) -> Vec<u16> {
    bench.plane.command(Command::Press {
        id: ID,
        side: Side::B,
        digit: Digit::of_event(5).unwrap(),
        duration: Duration::from_millis(80),
    });
    let (mut sequences, mut ends) = (Vec::new(), 0);
    while ends < 3 {
        let (heard, _) = bench.b.receive();
        assert_eq!(heard[1] & 0x7f, 101);
        sequences.push(u16::from_be_bytes([heard[2], heard[3]]));
        ends += u8::from(heard[13] & 0x80 != 0);
    }
    sequences
}

#[test]
fn digits_of_ours_go_on_from_what_the_kernel_has_relayed_and_it_goes_on_from_them() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::with(|[a, b]| {
        let digits = |said| {
            Some(Arc::new(Digits {
                said,
                events: Some((101, 8_000)),
                heard: [101].into_iter().collect(),
            }))
        };
        a.needs.digits = digits(Said::Signalled);
        b.needs.digits = digits(Said::Events);
    });
    bench.settle();
    let mut sequences = talk(&mut bench, 200);
    for _ in 0..2 {
        sequences.extend(digit(&bench));
        let since = Instant::now();
        while bench.kernel.flows() != 2 {
            assert!(
                since.elapsed() < Duration::from_secs(10),
                "{}",
                bench.kernel.flows()
            );
            sequences.extend(talk(&mut bench, 1));
        }
        sequences.extend(talk(&mut bench, 200));
    }
    sequences.extend(digit(&bench));
    assert!(
        sequences
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1)),
        "{sequences:?}"
    );
    let stats = bench.plane.close();
    assert_eq!((stats.legs[0].lost, stats.legs[0].duplicates), (0, 0));
}
