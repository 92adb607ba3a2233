//! What a packet costs in the relay machine, without its system calls.

use criterion::{Criterion, criterion_group, criterion_main};
use rtp_proto::control::{Latch, Leg, Needs, PortPair, PtMap, Remote, Rtcp, Side, StreamKind};
use rtp_proto::{Channel, Packet, Patience, Session};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Patience = Patience {
    expected: Some(Duration::from_secs(30)),
    held: None,
    one_way: None,
};

fn leg(port: u16, map: PtMap) -> Leg {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let remote = Remote {
        rtp: SocketAddr::new(ip, port),
        rtcp: SocketAddr::new(ip, port + 1),
    };
    let latch = Latch {
        symmetric: false,
        signalling: ip,
        acl: Arc::from([]),
        rebind_any_address: false,
    };
    Leg {
        bind: ip,
        ports: PortPair(10_000),
        kind: StreamKind::Rtp,
        mux: false,
        remote: Some(remote),
        may_send: true,
        expects: true,
        latch,
        map,
        dscp: 46,
        rtcp: Rtcp::Auto,
        codec: None,
        party: 0,
        needs: Needs::default(),
    }
}

fn packet() -> [u8; 172] {
    let mut packet = [0xd5; 172];
    packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet
}

fn relay(c: &mut Criterion) {
    let start = Instant::now();
    let peer = SocketAddr::from(([127, 0, 0, 1], 20_000));
    let stranger = SocketAddr::from(([127, 0, 0, 66], 666));
    let mut map = PtMap::only();
    map.set(0, 8, 8_000).set(96, 101, 8_000);
    for (name, from, map) in [
        ("forward", peer, PtMap::identity()),
        ("forward_renumbered", peer, map),
        ("stranger", stranger, PtMap::identity()),
    ] {
        let legs = [leg(20_000, map), leg(30_000, PtMap::identity())];
        let mut session = Session::new(start, &legs, PATIENCE, 1);
        let (mut packet, mut sequence, mut now) = (packet(), 0_u16, start);
        c.bench_function(name, |b| {
            b.iter(|| {
                sequence = sequence.wrapping_add(1);
                now += Duration::from_millis(20);
                packet[1] = 0;
                packet[2..4].copy_from_slice(&sequence.to_be_bytes());
                packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
                let length = packet.len();
                let mut packet = Packet::new(black_box(&mut packet), length);
                let verdict = session.receive(now, Side::A, Channel::Rtp, from, &mut packet);
                (verdict, session.connect_change())
            });
        });
    }
}

criterion_group!(benches, relay);
criterion_main!(benches);
