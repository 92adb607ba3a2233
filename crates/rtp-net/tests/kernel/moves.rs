//! Moves between the kernel and the session.

use crate::kernel_support::{Bench, is_available};
use crate::support::{ID, Peer, packet};
use rtp_proto::control::{Command, Leg, Side};
use std::time::Duration;

impl Bench {
    fn update(&self, side: Side, change: impl FnOnce(&mut Leg)) {
        let peer = match side {
            Side::A => &self.a,
            Side::B => &self.b,
        };
        let mut leg = self.plane.leg(side, peer);
        change(&mut leg);
        self.plane.command(Command::Update {
            id: ID,
            side,
            leg,
            rebind: false,
        });
    }
}

#[test]
fn a_session_moves_up_and_down_under_traffic_and_loses_nothing() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    for round in 0_u64..8 {
        // The same SDP again: the peer is heard anew before the kernel has it again.
        bench.update(if round % 2 == 0 { Side::A } else { Side::B }, |_| {});
        bench.talk_into_the_kernel();
        bench.a_talks(10);
        bench.b_talks(10);
    }
    let stats = bench.plane.close();
    let sent = [
        bench.next[0].wrapping_sub(100),
        bench.next[1].wrapping_sub(60_000),
    ]
    .map(u64::from);
    for (leg, (here, there)) in stats.legs.iter().zip([(sent[0], sent[1]), (sent[1], sent[0])]) {
        assert_eq!((leg.packets, leg.sent_packets), (here, there), "{leg:?}");
        assert_eq!(
            (leg.lost, leg.reordered, leg.duplicates, leg.ssrcs),
            (0, 0, 0, 1),
            "{leg:?}"
        );
        assert_eq!(leg.dropped.total(), 0);
    }
}

/// A stream without a pause while the session moves: sent as fast as one thread can, received by another.
#[test]
fn moves_in_the_middle_of_a_flood_keep_the_order() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    let to = bench.plane.rtp(Side::A);
    let sender = bench.a.rtp.try_clone().unwrap();
    let count = 4_000_u16;
    let sending = std::thread::spawn(move || {
        for n in 0..count {
            sender.send_to(&packet(1, 125 + n), to).unwrap();
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let (mut expected, mut late) = (125_u16, 0);
    for n in 0..count {
        if n % 400 == 50 {
            bench.update(Side::A, |_| {});
        }
        let (got, _) = bench.b.receive();
        let sequence = u16::from_be_bytes([got[2], got[3]]);
        late += u32::from(sequence != expected);
        expected = sequence.wrapping_add(1);
    }
    sending.join().unwrap();
    assert_eq!(late, 0, "packets out of order");
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    assert_eq!(
        (a.packets, b.sent_packets),
        (u64::from(count) + 25, u64::from(count) + 25)
    );
    assert_eq!(
        (a.lost, a.reordered, a.duplicates, a.dropped.total()),
        (0, 0, 0, 0)
    );
}

#[test]
fn hold_takes_the_direction_back_at_once() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    bench.update(Side::B, |leg| (leg.may_send, leg.expects) = (false, false));
    bench.wait_for_flows(0);
    let to = bench.plane.rtp(Side::A);
    (0..10).for_each(|n| bench.a.send(to, &packet(1, 125 + n)));
    bench.next[0] = 135;
    while bench.plane.stats().legs[0].dropped.hold < 10 {}
    bench.update(Side::B, |_| {});
    // The first after the hold is the next that arrives.
    bench.talk_into_the_kernel();
    bench.a_talks(5);
    let stats = bench.plane.close();
    let sent = u64::from(bench.next[0] - 100);
    assert_eq!((stats.legs[0].packets, stats.legs[0].dropped.hold), (sent, 10));
    assert_eq!((stats.legs[0].lost, stats.legs[1].sent_packets), (0, sent - 10));
}

#[test]
fn a_peer_that_moves_is_followed() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    bench.a_talks(20);
    // The kernel alone knows when A was last heard, and what it said.
    std::thread::sleep(Duration::from_millis(600));
    let moved = Peer::new();
    bench.a = moved;
    bench.a_talks(1);
    // The worker has finished its turn: B's packets go to the new address.
    let _ = bench.plane.stats();
    bench.b_talks(1);
    bench.talk_into_the_kernel();
    bench.a_talks(5);
    bench.b_talks(5);
    assert_eq!(bench.kernel.flows(), 2);
    let stats = bench.plane.close();
    assert_eq!(
        (stats.legs[0].latches, stats.legs[0].lost, stats.legs[0].ssrcs),
        (1, 0, 1)
    );
}

#[test]
fn silence_is_told_although_the_kernel_relays() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    let stats = bench.plane.stats();
    assert_eq!(stats.legs[0].packets, 25);
    bench.a_talks(1);
    assert_eq!(bench.plane.stats().legs[0].packets, 26, "read when asked");
}
