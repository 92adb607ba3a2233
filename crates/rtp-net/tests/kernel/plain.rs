//! What is relayed in the kernel, and what is not.

use crate::kernel_support::{Bench, is_available};
use crate::support::{Peer, REPORT, packet, receive};
use rtp_proto::control::{LegStats, LossStructure, PtMap, Remote, Side, StreamKind};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

fn dropped(leg: &LegStats) -> u64 {
    leg.dropped.total()
}

#[test]
fn plain_rtp_is_relayed_in_the_kernel_and_counted() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    bench.a_talks(500);
    bench.b_talks(300);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    assert_eq!((a.packets, a.sent_packets, a.bytes), (525, 325, 525 * 172));
    assert_eq!((b.packets, b.sent_packets, b.sent_bytes), (325, 525, 525 * 172));
    assert_eq!(
        (a.lost, a.reordered, a.duplicates, a.ssrcs, a.ssrc),
        (0, 0, 0, 1, Some(1))
    );
    assert_eq!((dropped(a), dropped(b)), (0, 0));
    assert_eq!(bench.kernel.flows(), 0);
}

#[test]
fn it_is_the_same_over_ipv6() {
    if !is_available() {
        return;
    }
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let mut bench = Bench::at(ip, ip, |_| {});
    bench.settle();
    bench.a_talks(100);
    bench.b_talks(100);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    let stats = bench.plane.close();
    let packets = stats.legs.iter().map(|leg| (leg.packets, leg.sent_packets));
    assert_eq!(packets.collect::<Vec<_>>(), [(125, 125), (125, 125)]);
}

#[test]
fn fax_is_relayed_in_the_kernel_too() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::with(|legs| legs.iter_mut().for_each(|leg| leg.kind = StreamKind::Udptl));
    bench.settle();
    bench.a_talks(50);
    bench.b_talks(1);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    let stats = bench.plane.close();
    let packets = stats.legs.iter().map(|leg| (leg.packets, leg.sent_packets));
    assert_eq!(packets.collect::<Vec<_>>(), [(75, 26), (26, 75)]);
}

#[test]
fn a_strangers_packets_go_up_and_are_dropped_there() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    let stranger = Peer::at([127, 0, 0, 9].into());
    bench.settle();
    for n in 0..20 {
        stranger.send(bench.plane.rtp(Side::A), &packet(1, 1000 + n));
        stranger.send(bench.plane.rtp(Side::B), &packet(9, n));
        bench.a_talks(5);
        bench.b_talks(5);
    }
    assert_eq!(bench.kernel.flows(), 2, "strangers move nothing");
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    assert_eq!((a.dropped.source, b.dropped.source), (20, 20));
    assert_eq!((a.packets, b.packets, a.latches, b.latches), (125, 125, 0, 0));
}

#[test]
fn payload_types_are_mapped_and_those_that_do_not_pass_counted() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::with(|legs| {
        legs[0].map = PtMap::only();
        legs[0].map.set(0, 0, 0).set(96, 122, 8_000);
    });
    bench.settle();
    let (to, relayed) = (bench.plane.rtp(Side::A), bench.plane.rtp(Side::B));
    for n in 0..30_u16 {
        let mut event = packet(1, 125 + n);
        // With the marker and without.
        event[1] = if n % 2 == 0 { 0x80 | 96 } else { 96 };
        bench.a.send(to, &event);
        event[1] = event[1] & 0x80 | 122;
        assert_eq!(bench.b.receive(), (event, relayed));
    }
    for n in 0..7_u16 {
        let mut unknown = packet(1, 155 + n);
        unknown[1] = 13;
        bench.a.send(to, &unknown);
    }
    bench.next[0] = 162;
    bench.a_talks(1);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    assert_eq!(
        (a.packets, a.dropped.payload_type, a.lost, b.sent_packets),
        (63, 7, 0, 56)
    );
}

#[test]
fn datagrams_without_a_checksum_stay_without_and_arrive() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).unwrap();
    let (to, relayed) = (bench.plane.rtp(Side::A), bench.plane.rtp(Side::B));
    for n in 0..50 {
        let sent = packet(1, 125 + n);
        let datagram = without_checksum(bench.a.address(), to, &sent);
        raw.send_to(&datagram, &SocketAddr::new(to.ip(), 0).into())
            .unwrap();
        // A checksum that is wrong is one that the stack refuses.
        assert_eq!(bench.b.receive(), (sent, relayed));
    }
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    assert_eq!(bench.plane.close().legs[0].packets, 75);
}

/// An IPv4 packet whose UDP checksum is zero.
fn without_checksum(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.ip(), to.ip()) else {
        panic!("IPv4 only")
    };
    let length = |headers: usize| u16::try_from(headers + payload.len()).unwrap().to_be_bytes();
    // The kernel fills in the identification and the header's checksum.
    let mut packet = vec![0x45, 0];
    packet.extend(length(28));
    packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(length(8));
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

#[test]
fn rtcp_and_what_is_no_rtp_go_up() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::start();
    bench.settle();
    let (rtp, rtcp) = (bench.plane.rtp(Side::A), bench.plane.rtcp(Side::A));
    bench.a.rtcp.send_to(&REPORT, rtcp).unwrap();
    assert_eq!(
        receive(&bench.b.rtcp),
        (REPORT.to_vec(), bench.plane.rtcp(Side::B))
    );
    let mut lies = vec![
        b"\x00\x01\x00\x00 a STUN request".to_vec(),
        vec![0x80; 11],
        vec![],
    ];
    // An extension, padding and CSRCs that do not fit.
    for (first, last) in [(0x90, 0), (0xa0, 0), (0xa0, 255), (0x8f, 0)] {
        let mut lie = packet(1, 500);
        lie.truncate(40);
        (lie[0], lie[39]) = (first, last);
        if first == 0x90 {
            lie[14..16].fill(0xff);
        }
        lies.push(lie);
    }
    for lie in &lies {
        bench.a.send(rtp, lie);
    }
    bench.a.send(rtp, &REPORT);
    bench.a_talks(10);
    assert_eq!(bench.kernel.flows(), 2);
    let stats = bench.plane.close();
    let [a, b] = &stats.legs;
    // CSRCs that take 60 of 40 bytes are no packet either.
    assert_eq!((a.packets, a.rtcp_packets, b.sent_rtcp), (35, 1, 1));
    assert_eq!((a.dropped.invalid, a.dropped.misplaced), (lies.len() as u64, 1));
}

#[test]
fn rtcp_goes_up_where_it_shares_the_port() {
    if !is_available() {
        return;
    }
    let mut bench = Bench::with(|legs| {
        for leg in legs {
            leg.mux = true;
            let rtp = leg.remote.unwrap().rtp;
            leg.remote = Some(Remote { rtp, rtcp: rtp });
        }
    });
    bench.settle();
    bench.a.send(bench.plane.rtp(Side::A), &REPORT);
    assert_eq!(bench.b.receive(), (REPORT.to_vec(), bench.plane.rtp(Side::B)));
    // A compound packet begins with a report: the process knows, the program need not.
    let mut feedback = REPORT;
    feedback[1] = 206;
    bench.a.send(bench.plane.rtp(Side::A), &feedback);
    bench.a_talks(5);
    assert_eq!(bench.kernel.flows(), 2);
    let [a, _] = bench.plane.close().legs;
    assert_eq!((a.rtcp_packets, a.dropped.invalid), (1, 1));
}

/// Sequence numbers and SSRCs that make every branch of the counting.
fn odd() -> Vec<(u32, u16)> {
    let mut odd: Vec<(u32, u16)> = Vec::new();
    let mut add = |ssrc, numbers: &[u16]| odd.extend(numbers.iter().map(|n| (ssrc, *n)));
    add(
        1,
        &[
            125, 126, 128, 127, 127, 130, 129, 129, 140, 139, 300, 250, 250, 199, 290,
        ],
    );
    // A late one at the edge, and beyond it; a gap wider than what is remembered.
    add(1, &[500, 400, 399, 900, 899, 3_000, 2_950, 2_890, 2_950]);
    // A stray, a restart, its wrap.
    add(1, &[40_000, 3_001, 65_534, 65_535, 0, 65_533, 1, 65_000, 2]);
    // Other sources.
    add(7, &[9, 8, 10, 10, 7]);
    add(8, &[65_535, 0]);
    add(7, &[11, 14]);
    odd
}

#[test]
fn what_is_lost_late_or_doubled_is_counted_as_in_userspace() {
    if !is_available() {
        return;
    }
    let counted = [true, false].map(|in_kernel| {
        let mut bench = if in_kernel {
            Bench::start()
        } else {
            Bench::without_kernel()
        };
        bench.a_talks(25);
        bench.b_talks(25);
        bench.wait_for_flows(if in_kernel { 2 } else { 0 });
        let (to, relayed) = (bench.plane.rtp(Side::A), bench.plane.rtp(Side::B));
        for (ssrc, sequence) in odd() {
            let sent = packet(ssrc, sequence);
            bench.a.send(to, &sent);
            assert_eq!(bench.b.receive(), (sent, relayed));
        }
        assert_eq!(bench.kernel.flows(), if in_kernel { 2 } else { 0 });
        let stats = bench.plane.close();
        let [a, b] = stats.legs;
        // Times are the machine's. These leaps are longer than what is seen of a flow at one look: that tells their loss in sum.
        let timeless = |leg| LegStats {
            jitter_us: 0,
            jitter_max_us: 0,
            max_gap_ms: 0,
            loss: LossStructure::default(),
            quality: None,
            ..leg
        };
        [timeless(a), timeless(b)]
    });
    let [kernel, userspace] = counted;
    assert_eq!(kernel, userspace);
    assert!(
        kernel[0].lost > 0 && kernel[0].reordered > 0 && kernel[0].duplicates > 0,
        "{kernel:?}"
    );
}
