//! Peers on other machines: network namespaces of their own, each behind an interface of the switch's.

use crate::kernel_support::{Bench, config, is_available};
use crate::support::{Peer, packet};
use rtp_net::{KernelConfig, KernelPath};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// `a` — `switch` — `b`.
struct Network {
    /// What the names of its namespaces begin with.
    name: String,
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "\n*** ip {arguments}: {error}");
}

impl Network {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tandem-{}-{number}", std::process::id());
        for part in ["switch", "a", "b"] {
            ip(&format!("netns add {name}-{part}"));
            ip(&format!("-n {name}-{part} link set lo up"));
        }
        for (part, net) in [("a", 1), ("b", 2)] {
            let (peer, switch) = (format!("{name}-{part}"), format!("{name}-switch"));
            ip(&format!(
                "-n {switch} link add to-{part} type veth peer name eth0 netns {peer}"
            ));
            for (namespace, device, host) in
                [(&switch, format!("to-{part}"), 1), (&peer, "eth0".to_owned(), 2)]
            {
                ip(&format!(
                    "-n {namespace} addr add 10.201.{net}.{host}/24 dev {device}"
                ));
                ip(&format!(
                    "-n {namespace} addr add fd00:201:{net}::{host}/64 dev {device} nodad"
                ));
                ip(&format!("-n {namespace} link set {device} up"));
            }
            ip(&format!("-n {peer} route add default via 10.201.{net}.1"));
            ip(&format!("-n {peer} route add default via fd00:201:{net}::1"));
        }
        Self { name }
    }

    /// Runs `work` in one of the namespaces; sockets that it makes stay there.
    fn within<T: Send>(&self, part: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}-{part}", self.name);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let namespace = File::open(path).unwrap();
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A session between peers at these addresses, through the switch's at those.
    fn between(&self, peers: [(&str, &str); 2], ours: [&str; 2]) -> Bench {
        self.between_by(&["lo", "to-a", "to-b"], peers, ours)
    }

    /// The same with the program on these interfaces.
    fn between_by(&self, interfaces: &[&str], peers: [(&str, &str); 2], ours: [&str; 2]) -> Bench {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let [a, b] = peers.map(|(part, address)| self.within(part, || Peer::at(at(address))));
        self.within("switch", move || {
            let config = KernelConfig {
                interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
                ..config()
            };
            let kernel = KernelPath::open(&config).unwrap_or_else(|error| panic!("\n*** {error}\n"));
            let [our_a, our_b] = ours.map(at);
            Bench::between(Arc::new(kernel), our_a, (a, b), |legs| legs[1].bind = our_b)
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for part in ["switch", "a", "b"] {
            // What could not be made is not there to be removed.
            let _ = Command::new("ip")
                .args(["netns", "del", &format!("{}-{part}", self.name)])
                .output();
        }
    }
}

const OURS: [&str; 2] = ["10.201.1.1", "10.201.2.1"];

#[test]
fn packets_cross_from_one_interface_to_another() {
    if !is_available() {
        return;
    }
    for (peers, ours) in [
        (["10.201.1.2", "10.201.2.2"], OURS),
        (
            ["fd00:201:1::2", "fd00:201:2::2"],
            ["fd00:201:1::1", "fd00:201:2::1"],
        ),
    ] {
        let network = Network::new();
        let [a, b] = peers;
        let mut bench = network.between([("a", a), ("b", b)], ours);
        bench.settle();
        bench.a_talks(100);
        bench.b_talks(100);
        assert_eq!(bench.kernel.flows(), 2, "nothing came up");
        let stats = bench.plane.close();
        let packets = stats
            .legs
            .iter()
            .map(|leg| (leg.packets, leg.sent_packets, leg.lost));
        assert_eq!(packets.collect::<Vec<_>>(), [(125, 125, 0), (125, 125, 0)]);
    }
}

#[test]
fn both_peers_may_be_behind_one_interface() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let peers = [("a", "10.201.1.2"), ("a", "10.201.1.2")];
    let mut bench = network.between(peers, [OURS[0], OURS[0]]);
    bench.settle();
    bench.a_talks(50);
    bench.b_talks(50);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
}

#[test]
fn a_peer_on_the_switchs_own_host_is_relayed_too() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let mut bench = network.between([("switch", "10.201.1.1"), ("b", "10.201.2.2")], OURS);
    bench.a_talks(60);
    bench.b_talks(60);
    // To this host from outside the process relays; the other way the kernel does.
    bench.a_talks(60);
    bench.b_talks(60);
    let stats = bench.plane.close();
    let packets = stats
        .legs
        .iter()
        .map(|leg| (leg.packets, leg.sent_packets, leg.lost));
    assert_eq!(packets.collect::<Vec<_>>(), [(120, 120, 0), (120, 120, 0)]);
}

#[test]
fn hops_are_counted_and_the_code_point_set() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let mut bench = network.between([("a", "10.201.1.2"), ("b", "10.201.2.2")], OURS);
    bench.settle();
    let raw = network.within("b", || {
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).unwrap()
    });
    bench.a.rtp.set_ttl(9).unwrap();
    bench.a_talks(1);
    let mut buffer = [0; 512];
    let length = rustix::net::recv(&raw, &mut buffer[..], rustix::net::RecvFlags::empty())
        .unwrap()
        .0;
    let header = &buffer[..20];
    assert_eq!((length, header[1] >> 2, header[8]), (20 + 8 + 172, 46, 8));
    let sum: u32 = header
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "the header's checksum");
    // One hop left is none: it goes up, and the process sends a packet of its own.
    bench.a.rtp.set_ttl(1).unwrap();
    bench.a_talks(1);
}

#[test]
fn what_is_too_long_for_the_way_out_is_sent_in_pieces() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    for (part, device) in [("switch", "to-b"), ("b", "eth0")] {
        ip(&format!("-n {}-{part} link set {device} mtu 600", network.name));
    }
    let mut bench = network.between([("a", "10.201.1.2"), ("b", "10.201.2.2")], OURS);
    bench.settle();
    let mut long = packet(1, bench.next[0]);
    long.resize(1200, 7);
    bench.a.send(bench.ours[0], &long);
    assert_eq!(bench.b.receive(), (long, bench.ours[1]));
    bench.next[0] += 1;
    bench.a_talks(1);
    let stats = bench.plane.close();
    assert_eq!((stats.legs[0].packets, stats.legs[0].lost), (27, 0));
}

/// Waits for the workers to have looked at the network again.
fn wait_for_interfaces(bench: &Bench, expected: &[&str]) {
    let since = Instant::now();
    while bench.kernel.interfaces() != expected {
        let found = bench.kernel.interfaces();
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "{found:?}, not {expected:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn interfaces_that_come_get_the_program_and_those_that_go_lose_it() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let switch = format!("{}-switch", network.name);
    let peers = [("a", "10.201.1.2"), ("b", "10.201.2.2")];
    let bench = network.between_by(&[], peers, OURS);
    wait_for_interfaces(&bench, &["lo", "to-a", "to-b"]);
    // With a dot, as those of VLANs have; and one that is down, and one without Ethernet headers.
    ip(&format!("-n {switch} link add late.7 type veth peer name other"));
    ip(&format!("-n {switch} link set late.7 up"));
    ip(&format!("-n {switch} tuntap add tunnel mode tun"));
    ip(&format!("-n {switch} link set tunnel up"));
    wait_for_interfaces(&bench, &["lo", "to-a", "to-b", "late.7"]);
    let pins = || std::fs::read_dir(bench.kernel.pins()).unwrap().count();
    let before = pins();
    ip(&format!("-n {switch} link del late.7"));
    wait_for_interfaces(&bench, &["lo", "to-a", "to-b"]);
    assert_eq!(pins(), before - 1);
}

#[test]
fn only_interfaces_that_are_asked_for_get_the_program() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let switch = format!("{}-switch", network.name);
    let peers = [("a", "10.201.1.2"), ("b", "10.201.2.2")];
    let mut bench = network.between_by(&["to-a", "late"], peers, OURS);
    assert_eq!(bench.kernel.interfaces(), ["to-a"]);
    ip(&format!("-n {switch} link add early type veth peer name late"));
    ip(&format!("-n {switch} link set early up"));
    ip(&format!("-n {switch} link set late up"));
    wait_for_interfaces(&bench, &["to-a", "late"]);
    // What comes in by the other is the process's.
    bench.a_talks(60);
    bench.b_talks(60);
    let stats = bench.plane.close();
    let packets = stats
        .legs
        .iter()
        .map(|leg| (leg.packets, leg.sent_packets, leg.lost));
    assert_eq!(packets.collect::<Vec<_>>(), [(60, 60, 0), (60, 60, 0)]);
    ip(&format!("-n {switch} tuntap add tunnel mode tun"));
    for names in [vec!["nowhere"], vec!["to-a", "tunnel"]] {
        let config = KernelConfig {
            interfaces: names.iter().map(|name| (*name).to_owned()).collect(),
            ..config()
        };
        let error = network
            .within("switch", || KernelPath::open(&config))
            .unwrap_err();
        assert!(error.to_string().contains("attached to no interface"), "{error}");
    }
}

/// A packet of a peer's that comes from where the peer is not: somebody pretends to be it. The stack judges it.
#[test]
fn a_peers_packets_by_another_interface_are_not_relayed_by_the_program() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let mut bench = network.between([("a", "10.201.1.2"), ("b", "10.201.2.2")], OURS);
    bench.settle();
    // The file is that of the namespace of whoever opens it.
    let filter = "/proc/sys/net/ipv4/conf/all/rp_filter";
    network.within("switch", || std::fs::write(filter, "1")).unwrap();
    // B has A's address, too, and A's port is open to all.
    ip(&format!(
        "-n {}-b addr add {}/32 dev lo",
        network.name, "10.201.1.2"
    ));
    let forged = bench.a.address();
    let liar = network.within("b", || std::net::UdpSocket::bind(forged)).unwrap();
    for n in 0..10 {
        liar.send_to(&packet(1, 125 + n), bench.ours[0]).unwrap();
    }
    bench.a_talks(10);
    assert_eq!(bench.kernel.flows(), 2, "nothing came up");
    assert_eq!(bench.plane.close().legs[0].packets, 35);
}

#[test]
fn a_route_that_moves_is_followed() {
    if !is_available() {
        return;
    }
    let network = Network::new();
    let mut bench = network.between([("a", "10.201.1.2"), ("b", "10.201.2.2")], OURS);
    bench.settle();
    let switch = format!("{}-switch", network.name);
    ip(&format!(
        "-n {switch} route add 10.201.2.2/32 via 10.201.1.2 dev to-a"
    ));
    ip(&format!("-n {switch} route del 10.201.2.2/32"));
    bench.talk_into_the_kernel();
    bench.a_talks(30);
    assert_eq!(bench.plane.close().legs[0].lost, 0);
}
