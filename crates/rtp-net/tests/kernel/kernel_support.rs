//! A media plane with a kernel path of its own.

use crate::support::{Peer, Plane, own_address, packet};
use rtp_net::{KernelConfig, KernelPath, PlaneConfig};
use rtp_proto::control::{Leg, Side};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Pins that no other test uses. Only `lo`: interfaces that other tests make come and go.
pub(crate) fn config() -> KernelConfig {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    KernelConfig {
        name: format!("test-{}-{number}", std::process::id()),
        interfaces: vec!["lo".to_owned()],
        flows: 256,
        ..KernelConfig::default()
    }
}

/// Whether the machine has what it takes; says so where it has not. With `TANDEM_KERNEL_TESTS` set it is taken to have.
pub(crate) fn is_available() -> bool {
    let missing = KernelConfig::default().check().err();
    if let Some(missing) = &missing {
        eprintln!("\n*** NOT TESTED: the kernel path is not to be had here: {missing}\n");
    }
    missing.is_none() || std::env::var_os("TANDEM_KERNEL_TESTS").is_some()
}

pub(crate) fn open(config: &KernelConfig) -> Arc<KernelPath> {
    let path = KernelPath::open(config);
    Arc::new(path.unwrap_or_else(|error| panic!("\n*** the kernel path is not tested here: {error}\n")))
}

/// A plane that relays in the kernel, and two peers with a session between them.
pub(crate) struct Bench {
    pub(crate) plane: Plane,
    pub(crate) kernel: Arc<KernelPath>,
    pub(crate) a: Peer,
    pub(crate) b: Peer,
    /// Our RTP addresses.
    pub(crate) ours: [SocketAddr; 2],
    /// The number of the next packet in each direction.
    pub(crate) next: [u16; 2],
}

impl Bench {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl Fn(&mut [Leg; 2])) -> Self {
        Self::at(own_address(), [127, 0, 0, 1].into(), change)
    }

    /// The plane and its peers at these addresses.
    pub(crate) fn at(ip: IpAddr, peers: IpAddr, change: impl Fn(&mut [Leg; 2])) -> Self {
        Self::build(true, ip, peers, change)
    }

    /// All in userspace.
    pub(crate) fn without_kernel() -> Self {
        Self::build(false, own_address(), [127, 0, 0, 1].into(), |_| {})
    }

    fn build(in_kernel: bool, ip: IpAddr, peers: IpAddr, change: impl Fn(&mut [Leg; 2])) -> Self {
        let kernel = open(&config());
        let (a, b) = (Peer::at(peers), Peer::at(peers));
        Self::assemble(in_kernel, kernel, ip, (a, b), change)
    }

    /// A session between these peers.
    pub(crate) fn between(
        kernel: Arc<KernelPath>,
        ip: IpAddr,
        peers: (Peer, Peer),
        change: impl Fn(&mut [Leg; 2]),
    ) -> Self {
        Self::assemble(true, kernel, ip, peers, change)
    }

    fn assemble(
        in_kernel: bool,
        kernel: Arc<KernelPath>,
        ip: IpAddr,
        (a, b): (Peer, Peer),
        change: impl Fn(&mut [Leg; 2]),
    ) -> Self {
        let config = PlaneConfig {
            workers: 2,
            kernel: in_kernel.then(|| Arc::clone(&kernel)),
            ..PlaneConfig::default()
        };
        let mut plane = Plane::with(config);
        plane.ip = ip;
        let mut legs = [plane.leg(Side::A, &a), plane.leg(Side::B, &b)];
        change(&mut legs);
        let ours = [0, 1].map(|n| SocketAddr::new(legs[n].bind, legs[n].ports.rtp()));
        plane.open(legs, Some(Duration::from_mins(1)));
        Self {
            plane,
            kernel,
            a,
            b,
            ours,
            next: [100, 60_000],
        }
    }

    /// `count` packets from A to B, each of which arrives as it was.
    pub(crate) fn a_talks(&mut self, count: u16) {
        let [to, relayed] = self.ours;
        for _ in 0..count {
            let sent = packet(1, self.next[0]);
            self.next[0] = self.next[0].wrapping_add(1);
            self.a.send(to, &sent);
            assert_eq!(self.b.receive(), (sent, relayed));
        }
    }

    /// The same from B to A.
    pub(crate) fn b_talks(&mut self, count: u16) {
        let [relayed, to] = self.ours;
        for _ in 0..count {
            let sent = packet(2, self.next[1]);
            self.next[1] = self.next[1].wrapping_add(1);
            self.b.send(to, &sent);
            assert_eq!(self.a.receive(), (sent, relayed));
        }
    }

    /// Both talk until the kernel has both directions.
    pub(crate) fn settle(&mut self) {
        self.a_talks(25);
        self.b_talks(25);
        self.wait_for_flows(2);
    }

    /// Both go on talking until the kernel has both directions again.
    pub(crate) fn talk_into_the_kernel(&mut self) {
        let since = Instant::now();
        while self.kernel.flows() != 2 {
            assert!(
                since.elapsed() < Duration::from_secs(10),
                "{}",
                self.kernel.flows()
            );
            self.a_talks(1);
            self.b_talks(1);
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// The worker finishes its turn after a packet has left.
    pub(crate) fn wait_for_flows(&mut self, flows: usize) {
        let since = Instant::now();
        while self.kernel.flows() != flows {
            assert!(
                since.elapsed() < Duration::from_secs(10),
                "{} flows, not {flows}",
                self.kernel.flows()
            );
            // A question wakes the worker, and takes a turn.
            let _ = self.plane.stats();
        }
    }
}
