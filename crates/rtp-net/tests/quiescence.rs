//! Nothing is left over. Alone in its process, since it counts the process's file descriptors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    reason = "tests' helpers, which clippy does not take for tests"
)]

#[path = "relay/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use rtp_proto::control::{Command, Event, Leg, MediaId, Side};
use rtp_proto::{PortPair, PortPool};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use support::{Peer, Plane};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn mr_07_a_thousand_streams_leave_no_descriptor_and_no_port_behind() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let mut pool = PortPool::new(20_000..=20_199, Duration::from_secs(5));
    // The first stream makes whatever stays for good.
    cycle(&plane, &mut pool, &a, &b, 0);
    let before = descriptors();
    let mut open = Vec::new();
    for id in 1..=1_000 {
        open.push(start(&plane, &mut pool, &a, &b, id));
        if open.len() == 40 {
            open.drain(..)
                .for_each(|stream| finish(&plane, &mut pool, stream));
        }
    }
    open.drain(..)
        .for_each(|stream| finish(&plane, &mut pool, stream));
    assert_eq!((descriptors(), pool.in_use(), pool.available()), (before, 0, 100));
    for port in 20_000..20_200 {
        drop(UdpSocket::bind((plane.ip, port)).unwrap_or_else(|error| panic!("{port}: {error}")));
    }
}

struct Started {
    id: MediaId,
    ports: [PortPair; 2],
    /// A third of the streams never opens: its last port is taken.
    blocked: bool,
}

fn start(plane: &Plane, pool: &mut PortPool, a: &Peer, b: &Peer, id: u64) -> Started {
    let now = Instant::now();
    let ports = [pool.reserve(now).unwrap(), pool.reserve(now).unwrap()];
    let blocked = id % 3 == 1;
    let taken = blocked.then(|| UdpSocket::bind((plane.ip, ports[1].rtcp())).unwrap());
    let legs = [
        Leg {
            ports: ports[0],
            ..plane.leg(Side::A, a)
        },
        Leg {
            ports: ports[1],
            ..plane.leg(Side::B, b)
        },
    ];
    let id = MediaId(id);
    plane.command(Command::Open {
        id,
        legs,
        silence: None,
        hold_silence: None,
        one_way: None,
    });
    // An unknown stream has no report: of a blocked one only the failure is heard.
    plane.command(Command::Report { id });
    match plane.event() {
        Event::Report { id: open, .. } => assert!(open == id && !blocked),
        Event::Failed { id: failed, .. } => assert!(failed == id && blocked),
        other => panic!("{other:?}"),
    }
    drop(taken);
    Started { id, ports, blocked }
}

fn finish(plane: &Plane, pool: &mut PortPool, stream: Started) {
    if !stream.blocked {
        plane.command(Command::Close { id: stream.id });
        assert!(matches!(plane.event(), Event::Closed { id, .. } if id == stream.id));
    }
    let now = Instant::now();
    stream.ports.into_iter().for_each(|pair| pool.release(now, pair));
}

fn cycle(plane: &Plane, pool: &mut PortPool, a: &Peer, b: &Peer, id: u64) {
    let stream = start(plane, pool, a, b, id);
    finish(plane, pool, stream);
}
