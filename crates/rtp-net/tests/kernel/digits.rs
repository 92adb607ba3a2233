//! Digits are heard although the kernel relays everything else of the stream.

use crate::kernel_support::{Bench, is_available};
use crate::support::packet;
use rtp_proto::control::{Digits, Event, Said, Side};
use std::sync::Arc;

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
