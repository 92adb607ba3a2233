//! The media plane over real loopback sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    reason = "tests' helpers, which clippy does not take for tests"
)]

mod strangers;
mod support;

use rtp_net::{EventSink, MediaPlane, PlaneConfig, Refused};
use rtp_proto::PortPair;
use rtp_proto::control::{Command, Event, Leg, MediaId, Remote, Side, StreamKind};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{ID, PORTS, Peer, Plane, REPORT, packet, receive};

#[test]
fn both_ways_byte_for_byte_each_leg_from_its_own_port() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
    a.talk(plane.rtp(Side::A), 0, 100, &b, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 500, 100, &a, plane.rtp(Side::A));
    a.rtcp.send_to(&REPORT, plane.rtcp(Side::A)).unwrap();
    assert_eq!(receive(&b.rtcp), (REPORT.to_vec(), plane.rtcp(Side::B)));
    let [leg_a, leg_b] = plane.close().legs;
    assert_eq!(
        (leg_a.packets, leg_a.sent_packets, leg_a.rtcp_packets),
        (100, 100, 1)
    );
    assert_eq!(
        (leg_b.packets, leg_b.sent_packets, leg_b.sent_rtcp),
        (100, 100, 1)
    );
    assert_eq!(
        leg_a.dropped.total() + leg_b.dropped.total() + leg_a.lost + leg_b.lost,
        0
    );
}

#[test]
fn a_packet_sent_right_behind_an_update_or_right_before_the_close_is_relayed() {
    for round in 0..100 {
        let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
        let (leg_a, leg_b) = (plane.leg(Side::A, &a), plane.leg(Side::B, &b));
        let mut unknown = leg_b.clone();
        unknown.remote = None;
        plane.open([leg_a, unknown], None);
        // The callee's answer, and at once the caller's first packet.
        plane.command(Command::Update {
            rebind: true,
            id: ID,
            side: Side::B,
            leg: leg_b,
        });
        a.send(plane.rtp(Side::A), &packet(7, 1));
        let [leg_a, leg_b] = plane.close().legs;
        assert_eq!(
            (leg_a.packets, leg_b.sent_packets, leg_a.dropped.total()),
            (1, 1, 0),
            "round {round}"
        );
    }
}

/// Whoever commands tells the peer of the ports next, and the peer may speak before the worker has even woken up.
#[test]
fn a_packet_sent_right_behind_an_open_or_a_move_is_relayed() {
    for round in 0..100 {
        let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
        let legs = [plane.leg(Side::A, &a), plane.leg(Side::B, &b)];
        plane.command(Command::Open {
            id: ID,
            legs,
            silence: None,
            hold_silence: None,
            one_way: None,
        });
        a.send(plane.rtp(Side::A), &packet(7, 1));
        assert_eq!(b.receive().0, packet(7, 1), "round {round}");
        let mut moved = plane.leg(Side::A, &a);
        moved.ports = PortPair(PORTS[0].rtp() + 2);
        let there = SocketAddr::new(plane.ip, moved.ports.rtp());
        plane.command(Command::Update {
            id: ID,
            side: Side::A,
            leg: moved,
            rebind: true,
        });
        a.send(there, &packet(7, 2));
        assert_eq!(b.receive().0, packet(7, 2), "round {round}");
    }
}

#[test]
fn rtcp_mux_has_one_socket_and_meets_a_leg_with_two() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let mut muxed = plane.leg(Side::A, &a);
    muxed.mux = true;
    muxed.remote = Some(Remote {
        rtp: a.address(),
        rtcp: a.address(),
    });
    plane.open([muxed, plane.leg(Side::B, &b)], None);
    drop(UdpSocket::bind(plane.rtcp(Side::A)).expect("no socket on the RTCP port"));
    a.send(plane.rtp(Side::A), &REPORT);
    assert_eq!(receive(&b.rtcp), (REPORT.to_vec(), plane.rtcp(Side::B)));
    b.rtcp.send_to(&REPORT, plane.rtcp(Side::B)).unwrap();
    assert_eq!(a.receive(), (REPORT.to_vec(), plane.rtp(Side::A)));
    a.talk(plane.rtp(Side::A), 0, 3, &b, plane.rtp(Side::B));
}

#[test]
fn ipv6_meets_ipv4() {
    let (plane, a, b) = (Plane::start(), Peer::at(Ipv6Addr::LOCALHOST.into()), Peer::new());
    let port = free_pair(Ipv6Addr::LOCALHOST);
    let mut six = plane.leg(Side::A, &a);
    (six.bind, six.ports) = (Ipv6Addr::LOCALHOST.into(), port);
    plane.open([six, plane.leg(Side::B, &b)], None);
    let ours = SocketAddr::from((Ipv6Addr::LOCALHOST, port.rtp()));
    a.talk(ours, 0, 40, &b, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 0, 40, &a, ours);
}

/// IPv6 has one loopback address, so a pair is looked for.
fn free_pair(ip: Ipv6Addr) -> PortPair {
    let free = |port: u16| UdpSocket::bind((ip, port)).is_ok();
    (0..)
        .map(|_| UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap().port() & !1)
        .find(|port| free(*port) && free(port + 1))
        .map(PortPair)
        .unwrap()
}

#[test]
fn datagrams_of_every_size_pass() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let fax = |side, peer: &Peer| Leg {
        kind: StreamKind::Udptl,
        ..plane.leg(side, peer)
    };
    plane.open([fax(Side::A, &a), fax(Side::B, &b)], None);
    for size in [0, 1, 172, 1_472, 9_000, 65_507] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        a.send(plane.rtp(Side::A), &bytes);
        assert_eq!(b.receive(), (bytes, plane.rtp(Side::B)), "{size} bytes");
    }
}

#[test]
fn mr_03_a_connected_peer_that_moves_is_found_again() {
    let (plane, a, b, moved) = (Plane::start(), Peer::new(), Peer::new(), Peer::new());
    plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
    a.talk(plane.rtp(Side::A), 0, 50, &b, plane.rtp(Side::B));
    b.rtp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 2_000];
    let relayed = (50..1_000).find(|_| {
        moved
            .rtp
            .send_to(&packet(1, 60), plane.rtp(Side::A))
            .unwrap_or_default();
        b.rtp
            .recv(&mut buffer)
            .is_ok_and(|length| buffer[..length] == packet(1, 60))
    });
    assert!(
        relayed.is_some(),
        "heard once the old address had been silent for half a second"
    );
    b.send(plane.rtp(Side::B), &packet(2, 1));
    assert_eq!(moved.receive().0, packet(2, 1), "and sent to");
    b.rtp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    moved.talk(plane.rtp(Side::A), 61, 50, &b, plane.rtp(Side::B));
    assert_eq!(plane.close().legs[0].latches, 1);
}

#[test]
fn sm_09_an_update_moves_a_connected_leg_to_its_new_address() {
    let (plane, a, b, moved) = (Plane::start(), Peer::new(), Peer::new(), Peer::new());
    plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
    a.talk(plane.rtp(Side::A), 0, 50, &b, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 0, 50, &a, plane.rtp(Side::A));
    plane.command(Command::Update {
        rebind: true,
        id: ID,
        side: Side::B,
        leg: plane.leg(Side::B, &moved),
    });
    let before = plane.stats();
    a.talk(plane.rtp(Side::A), 50, 1, &moved, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 50, 1, &a, plane.rtp(Side::A));
    moved.talk(plane.rtp(Side::B), 51, 50, &a, plane.rtp(Side::A));
    a.talk(plane.rtp(Side::A), 51, 50, &moved, plane.rtp(Side::B));
    assert_eq!(before.legs[0].packets, 50);
    let [leg_a, leg_b] = plane.close().legs;
    assert_eq!((leg_a.packets, leg_b.packets, leg_b.lost), (101, 101, 0));
}

#[test]
fn an_update_can_rebind_and_a_rebind_that_fails_leaves_the_stream_as_it_was() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let leg = |ports| Leg {
        ports,
        ..plane.leg(Side::A, &a)
    };
    plane.open([leg(PORTS[0]), plane.leg(Side::B, &b)], None);
    let taken = UdpSocket::bind((plane.ip, 21_001)).unwrap();
    plane.command(Command::Update {
        rebind: true,
        id: ID,
        side: Side::A,
        leg: leg(PortPair(21_000)),
    });
    assert!(matches!(
        plane.event(),
        Event::Failed {
            id: ID,
            side: Side::A,
            port: 21_001,
            ..
        }
    ));
    a.talk(plane.rtp(Side::A), 0, 30, &b, plane.rtp(Side::B));
    drop(taken);
    plane.command(Command::Update {
        rebind: true,
        id: ID,
        side: Side::A,
        leg: leg(PortPair(21_000)),
    });
    plane.stats();
    drop(UdpSocket::bind(plane.rtp(Side::A)).expect("the old port is free"));
    let ours = SocketAddr::new(plane.ip, 21_000);
    a.talk(ours, 30, 30, &b, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 0, 30, &a, ours);
}

#[test]
fn a_port_that_is_taken_fails_the_open_and_leaves_nothing_behind() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let legs = || [plane.leg(Side::A, &a), plane.leg(Side::B, &b)];
    let taken = UdpSocket::bind(plane.rtcp(Side::B)).unwrap();
    plane.command(Command::Open {
        id: ID,
        legs: legs(),
        silence: None,
        hold_silence: None,
        one_way: None,
    });
    match plane.event() {
        Event::Failed {
            id,
            side,
            port,
            error,
        } => {
            assert_eq!((id, side, port), (ID, Side::B, PORTS[1].rtcp()));
            assert!(error.contains("in use"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    drop(taken);
    plane.open(legs(), None);
    plane.command(Command::Open {
        id: ID,
        legs: legs(),
        silence: None,
        hold_silence: None,
        one_way: None,
    });
    assert!(
        matches!(plane.event(), Event::Failed { id: ID, port: 0, .. }),
        "the id is in use"
    );
    a.talk(plane.rtp(Side::A), 0, 3, &b, plane.rtp(Side::B));
}

#[test]
fn too_many_streams_are_refused() {
    let plane = Plane::with(PlaneConfig {
        max_streams: 1,
        ..PlaneConfig::default()
    });
    let (a, b) = (Peer::new(), Peer::new());
    let legs = [plane.leg(Side::A, &a), plane.leg(Side::B, &b)];
    plane.open(legs.clone(), None);
    let other = MediaId(8);
    plane.command(Command::Open {
        id: other,
        legs,
        silence: None,
        hold_silence: None,
        one_way: None,
    });
    assert!(matches!(plane.event(), Event::Failed { id, .. } if id == other));
}

#[test]
fn sm_13_silence_is_reported_for_the_leg_that_is_silent() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    let held = Leg {
        expects: false,
        ..plane.leg(Side::A, &a)
    };
    plane.open([held, plane.leg(Side::B, &b)], Some(Duration::from_millis(300)));
    b.talk(plane.rtp(Side::B), 0, 30, &a, plane.rtp(Side::A));
    match plane.event() {
        Event::Silent {
            id: ID,
            side: Side::B,
            quiet,
        } => assert!(quiet >= Duration::from_millis(300)),
        other => panic!("{other:?}"),
    }
    b.talk(plane.rtp(Side::B), 30, 30, &a, plane.rtp(Side::A));
    assert!(
        matches!(
            plane.event(),
            Event::Silent {
                id: ID,
                side: Side::B,
                ..
            }
        ),
        "and again after it spoke"
    );
}

#[test]
fn a_peer_whose_port_is_closed_harms_neither_the_stream_nor_the_worker() {
    let (plane, a, b) = (Plane::start(), Peer::new(), Peer::new());
    plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
    a.talk(plane.rtp(Side::A), 0, 30, &b, plane.rtp(Side::B));
    b.talk(plane.rtp(Side::B), 0, 30, &a, plane.rtp(Side::A));
    let address = b.address();
    drop(b);
    for n in 30..60 {
        a.send(plane.rtp(Side::A), &packet(1, n));
    }
    let back = Peer {
        rtp: UdpSocket::bind(address).unwrap(),
        rtcp: UdpSocket::bind("127.0.0.1:0").unwrap(),
    };
    back.talk(plane.rtp(Side::B), 30, 5, &a, plane.rtp(Side::A));
    let [leg_a, _] = plane.close().legs;
    assert_eq!(leg_a.packets, 60);
}

#[test]
fn a_close_of_what_is_not_open_is_answered() {
    let plane = Plane::start();
    assert_eq!(plane.close(), rtp_proto::control::SessionStats::default());
}

#[test]
fn shutdown_closes_every_stream_and_says_so() {
    let (sender, events) = channel();
    let plane = MediaPlane::start(PlaneConfig::default(), Arc::new(Stubborn::new(sender, 0))).unwrap();
    let wanted = 5;
    let helper = Plane::start();
    let (a, b) = (Peer::new(), Peer::new());
    for n in 0..wanted {
        let ports = |first: u16| PortPair(first + 2 * n);
        let a = Leg {
            ports: ports(20_000),
            ..helper.leg(Side::A, &a)
        };
        let b = Leg {
            ports: ports(30_000),
            ..helper.leg(Side::B, &b)
        };
        let id = MediaId(u64::from(n));
        plane
            .command(Command::Open {
                id,
                legs: [a, b],
                silence: None,
                hold_silence: None,
                one_way: None,
            })
            .unwrap();
    }
    while plane.command(Command::Report { id: MediaId(4) }).is_ok() {
        if matches!(events.recv().unwrap(), Event::Report { .. }) {
            break;
        }
    }
    plane.shutdown();
    let closed = events
        .iter()
        .filter(|event| matches!(event, Event::Closed { .. }))
        .count();
    assert_eq!(closed, usize::from(wanted));
    drop(UdpSocket::bind((helper.ip, 20_000)).expect("the port is free"));
}

/// Refuses each event a number of times before it takes it; counts what it took while it refused.
struct Stubborn {
    sender: Mutex<Sender<Event>>,
    refusals: Mutex<(u32, u32)>,
    shut: AtomicBool,
}

impl Stubborn {
    fn new(sender: Sender<Event>, refusals: u32) -> Self {
        Self {
            sender: Mutex::new(sender),
            refusals: Mutex::new((refusals, refusals)),
            shut: AtomicBool::new(false),
        }
    }
}

impl EventSink for Stubborn {
    fn deliver(&self, event: Event) -> Result<(), Event> {
        let mut refusals = self.refusals.lock().unwrap();
        if self.shut.load(Ordering::SeqCst) || refusals.0 > 0 {
            refusals.0 = refusals.0.saturating_sub(1);
            return Err(event);
        }
        refusals.0 = refusals.1;
        self.sender.lock().unwrap().send(event).unwrap();
        Ok(())
    }
}

#[test]
fn an_event_that_finds_no_room_is_offered_again_in_order() {
    let (sender, events) = channel();
    let plane = MediaPlane::start(PlaneConfig::default(), Arc::new(Stubborn::new(sender, 3))).unwrap();
    for id in 0..20 {
        plane.command(Command::Close { id: MediaId(id) }).unwrap();
    }
    let ids: Vec<_> = events.iter().take(20).map(|event| event.id().0).collect();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_full_mailbox_gives_the_command_back() {
    let (sender, events) = channel();
    let sink = Arc::new(Stubborn::new(sender, 0));
    sink.shut.store(true, Ordering::SeqCst);
    let config = PlaneConfig {
        mailbox: 4,
        ..PlaneConfig::default()
    };
    let plane = MediaPlane::start(config, Arc::clone(&sink) as Arc<dyn EventSink>).unwrap();
    // The sink takes nothing, so the worker stops reading its mailbox after the first.
    let mut accepted = 0;
    let refused = loop {
        match plane.command(Command::Close {
            id: MediaId(accepted),
        }) {
            Ok(()) => accepted += 1,
            Err(Refused(command)) => break command,
        }
    };
    assert_eq!(refused.id(), MediaId(accepted));
    sink.shut.store(false, Ordering::SeqCst);
    let told = u64::try_from(events.iter().take(accepted as usize).count()).unwrap();
    assert_eq!(told, accepted, "whatever was accepted is done");
}
