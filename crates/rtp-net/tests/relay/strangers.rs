//! Who else sends to a leg's port.

use super::support::{self, ID, Peer, Plane, packet};
use rtp_net::PlaneConfig;
use rtp_proto::control::{Command, Side};

#[test]
fn mr_02_a_strangers_packets_are_not_relayed() {
    let (plane, a, b, stranger) = (
        Plane::start(),
        Peer::new(),
        Peer::new(),
        Peer::at(support::own_address()),
    );
    plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
    // The socket's queue is in order: had the stranger's packet been relayed, it would arrive before the peer's.
    for n in 0..10 {
        stranger.send(plane.rtp(Side::B), &packet(0xee, n));
        b.talk(plane.rtp(Side::B), n, 1, &a, plane.rtp(Side::A));
    }
    let [_, leg] = plane.close().legs;
    assert_eq!((leg.packets, leg.dropped.source), (10, 10));
}

/// A firm peer has a socket of its own: what strangers send is counted all the same, however much it is, and delays nothing.
#[test]
fn mr_02_strangers_of_a_firm_peer_are_counted_and_none_gets_in() {
    for connect in [true, false] {
        let plane = Plane::with(PlaneConfig {
            connect,
            ..PlaneConfig::default()
        });
        let (a, b, stranger) = (Peer::new(), Peer::new(), Peer::at(support::own_address()));
        plane.open([plane.leg(Side::A, &a), plane.leg(Side::B, &b)], None);
        b.talk(plane.rtp(Side::B), 0, 50, &a, plane.rtp(Side::A));
        let _ = plane.stats();
        let sockets = usize::from(connect) + 1;
        assert_eq!(support::sockets_at(plane.rtp(Side::B)), sockets, "{connect}");
        for n in 50..150 {
            stranger.send(plane.rtp(Side::B), &packet(1, n));
            b.talk(plane.rtp(Side::B), n, 1, &a, plane.rtp(Side::A));
            a.talk(plane.rtp(Side::A), n, 1, &b, plane.rtp(Side::B));
        }
        let [_, leg] = plane.close().legs;
        let counted = (leg.packets, leg.lost, leg.reordered, leg.dropped.source);
        assert_eq!(counted, (150, 0, 0, 100), "{connect}");
    }
}

/// A peer that is firm, silent and firm again, over and over, while a stranger speaks: each packet is relayed once, in order.
#[test]
fn a_peer_that_pauses_is_heard_in_order_across_its_sockets() {
    let (plane, a, b, stranger) = (
        Plane::start(),
        Peer::new(),
        Peer::new(),
        Peer::at(support::own_address()),
    );
    let (leg_a, leg_b) = (plane.leg(Side::A, &a), plane.leg(Side::B, &b));
    plane.open([leg_a, leg_b.clone()], None);
    for n in 0..40 {
        // A refresh of the session makes the address one that has to become firm anew.
        plane.command(Command::Update {
            id: ID,
            side: Side::B,
            leg: leg_b.clone(),
            rebind: false,
        });
        for k in 0..30 {
            stranger.send(plane.rtp(Side::B), &packet(9, k));
            b.send(plane.rtp(Side::B), &packet(1, 30 * n + k));
        }
        for k in 0..30 {
            assert_eq!(a.receive().0, packet(1, 30 * n + k));
        }
    }
    let [_, leg] = plane.close().legs;
    let counted = (leg.packets, leg.reordered, leg.dropped.source);
    assert_eq!(counted, (1200, 0, 1200));
}
