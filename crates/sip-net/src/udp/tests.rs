use super::*;
use std::time::Duration;

/// Long enough for a loaded machine; nothing here waits for it when it works.
const PATIENCE: Duration = Duration::from_secs(5);

fn loopback(host: &str) -> SocketAddr {
    format!("{host}:0").parse().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn peer(host: &str) -> UdpSocket {
    let socket = UdpSocket::bind(loopback(host)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// An address on which nobody listens: bound once, so that it is free, and closed again.
fn closed_port(host: &str) -> SocketAddr {
    peer(host).local_addr().unwrap()
}

async fn ready(listener: &UdpListener) {
    tokio::time::timeout(PATIENCE, listener.ready())
        .await
        .expect("the listener wakes")
        .unwrap();
}

async fn first_unreachable(listener: &mut UdpListener) -> Unreachable {
    let mut reports = Vec::new();
    while reports.is_empty() {
        ready(listener).await;
        listener.unreachable(16, |report| reports.push(report));
        listener.recv_batch(16, |_| {});
    }
    reports.remove(0)
}

#[test]
fn a_datagram_is_handed_up_with_its_source_and_exact_size() {
    runtime().block_on(async {
        for host in ["127.0.0.1", "[::1]"] {
            let mut listener = UdpListener::bind(loopback(host), &UdpOptions::default()).unwrap();
            let peer = peer(host);
            peer.send_to(b"OPTIONS", listener.local_addr()).unwrap();
            let mut got = Vec::new();
            while got.is_empty() {
                ready(&listener).await;
                listener.recv_batch(8, |came| got.push((came.remote, came.bytes.to_vec())));
            }
            assert_eq!(got, [(peer.local_addr().unwrap(), b"OPTIONS".to_vec())]);
            assert_eq!(listener.counters().received, 1);
        }
    });
}

#[test]
fn a_batch_stops_at_its_limit_and_the_rest_is_still_ready() {
    runtime().block_on(async {
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &UdpOptions::default()).unwrap();
        let peer = peer("127.0.0.1");
        for n in 0..10u8 {
            peer.send_to(&[n], listener.local_addr()).unwrap();
        }
        let mut got = Vec::new();
        while got.len() < 10 {
            ready(&listener).await;
            assert!(listener.recv_batch(4, |came| got.push(came.bytes[0])) <= 4);
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn the_largest_datagram_passes_both_ways() {
    runtime().block_on(async {
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &UdpOptions::default()).unwrap();
        let peer = peer("127.0.0.1");
        let big = vec![b'x'; 65_507];
        assert_eq!(listener.send(peer.local_addr().unwrap(), &big), SendResult::Sent);
        let mut buffer = vec![0; 70_000];
        assert_eq!(peer.recv(&mut buffer).unwrap(), big.len());
        peer.send_to(&big, listener.local_addr()).unwrap();
        let mut length = 0;
        while length == 0 {
            ready(&listener).await;
            listener.recv_batch(1, |came| length = came.bytes.len());
        }
        assert_eq!(length, big.len());
    });
}

#[test]
fn a_closed_port_is_reported_with_its_address() {
    runtime().block_on(async {
        for host in ["127.0.0.1", "[::1]"] {
            let mut listener = UdpListener::bind(loopback(host), &UdpOptions::default()).unwrap();
            let nobody = closed_port(host);
            assert_eq!(listener.send(nobody, b"INVITE"), SendResult::Sent);
            let report = first_unreachable(&mut listener).await;
            assert_eq!(
                report,
                Unreachable {
                    remote: nobody,
                    reason: io::ErrorKind::ConnectionRefused
                }
            );
        }
    });
}

#[test]
fn one_remotes_closed_port_does_not_harm_sends_to_another() {
    runtime().block_on(async {
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &UdpOptions::default()).unwrap();
        let (nobody, peer) = (closed_port("127.0.0.1"), peer("127.0.0.1"));
        for _ in 0..20 {
            // On loopback the ICMP error is pending before the next line runs.
            assert_eq!(listener.send(nobody, b"lost"), SendResult::Sent);
            assert_eq!(
                listener.send(peer.local_addr().unwrap(), b"kept"),
                SendResult::Sent
            );
            let mut buffer = [0; 16];
            assert_eq!(peer.recv(&mut buffer).unwrap(), 4);
        }
        let mut about = Vec::new();
        while about.len() < 20 {
            ready(&listener).await;
            listener.unreachable(64, |report| about.push(report.remote));
        }
        assert_eq!(about, vec![nobody; 20]);
    });
}

#[test]
fn a_datagram_too_long_for_udp_fails_at_once() {
    runtime().block_on(async {
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &UdpOptions::default()).unwrap();
        let result = listener.send(listener.local_addr(), &vec![0; 65_536]);
        assert!(matches!(result, SendResult::Failed(_)), "{result:?}");
        assert_eq!(listener.counters().failed, 1);
    });
}

#[test]
fn behind_a_waiting_datagram_the_next_ones_wait_in_order_and_the_surplus_is_dropped_and_counted() {
    runtime().block_on(async {
        let options = UdpOptions {
            backlog: 3,
            ..UdpOptions::default()
        };
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &options).unwrap();
        let peer = peer("127.0.0.1");
        let to = peer.local_addr().unwrap();
        // Loopback never makes a sender wait, so the first one is put there by hand.
        listener.backlog.push_back((to, Bytes::from_static(b"0")));
        let results = [b"1", b"2", b"3"].map(|datagram| listener.send(to, datagram));
        assert_eq!(
            results,
            [SendResult::Queued, SendResult::Queued, SendResult::Dropped]
        );
        assert_eq!((listener.counters().queued, listener.counters().dropped), (2, 1));
        ready(&listener).await;
        listener.flush(|report| panic!("{report:?}"));
        let mut buffer = [0; 8];
        let got = [(); 3].map(|()| {
            let length = peer.recv(&mut buffer).unwrap();
            buffer[..length].to_vec()
        });
        assert_eq!(got, [b"0", b"1", b"2"]);
        assert_eq!(listener.backlog(), 0);
    });
}

#[test]
fn an_address_in_use_is_refused_unless_it_is_shared() {
    let alone = UdpOptions::default();
    let first = bind_udp(loopback("127.0.0.1"), &alone).unwrap();
    let taken = first.local_addr().unwrap();
    assert_eq!(
        bind_udp(taken, &alone).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );
    let shared = UdpOptions { reuse: true, ..alone };
    let first = bind_udp(loopback("127.0.0.1"), &shared).unwrap();
    assert!(bind_udp(first.local_addr().unwrap(), &shared).is_ok());
}

#[test]
fn an_ipv6_listener_leaves_ipv4_alone() {
    let v6 = bind_udp("[::]:0".parse().unwrap(), &UdpOptions::default()).unwrap();
    let port = v6.local_addr().unwrap().port();
    assert!(bind_udp(SocketAddr::from(([0, 0, 0, 0], port)), &UdpOptions::default()).is_ok());
}

#[test]
fn what_we_send_carries_the_code_point() {
    let socket = bind_udp(
        loopback("127.0.0.1"),
        &UdpOptions {
            dscp: 46,
            ..UdpOptions::default()
        },
    )
    .unwrap();
    assert_eq!(socket2::SockRef::from(&socket).tos_v4().unwrap(), 46 << 2);
}

#[test]
fn datagrams_of_one_length_arrive_one_by_one_and_whole() {
    runtime().block_on(async {
        for host in ["127.0.0.1", "[::1]"] {
            for (count, length) in [(1, 400), (2, 400), (70, 400), (3, 1), (5, 9_000)] {
                let mut listener = UdpListener::bind(loopback(host), &UdpOptions::default()).unwrap();
                let peer = peer(host);
                let sent: Vec<Bytes> = (0..count)
                    .map(|n| Bytes::from(vec![u8::try_from(n).unwrap(); length]))
                    .collect();
                listener.send_alike(peer.local_addr().unwrap(), sent.iter());
                let mut buffer = vec![0; 65_535];
                for datagram in &sent {
                    let (got, from) = peer.recv_from(&mut buffer).unwrap();
                    assert_eq!(from, listener.local_addr());
                    assert_eq!(buffer[..got], datagram[..], "{count} of {length}");
                }
                assert_eq!(listener.counters().sent, count);
                assert!(listener.segments, "this system can");
            }
        }
    });
}

#[test]
fn where_nobody_listens_datagrams_of_one_length_are_lost_and_nothing_else() {
    runtime().block_on(async {
        let mut listener = UdpListener::bind(loopback("127.0.0.1"), &UdpOptions::default()).unwrap();
        let nobody = closed_port("127.0.0.1");
        let sent = vec![Bytes::from_static(b"SIP/2.0 503"); 3];
        for _ in 0..3 {
            listener.send_alike(nobody, sent.iter());
        }
        assert_eq!(first_unreachable(&mut listener).await.remote, nobody);
        let peer = peer("127.0.0.1");
        listener.send_alike(peer.local_addr().unwrap(), sent.iter());
        let mut buffer = [0; 100];
        for _ in 0..3 {
            assert_eq!(peer.recv_from(&mut buffer).unwrap().0, 11);
        }
        assert!(listener.segments);
    });
}
