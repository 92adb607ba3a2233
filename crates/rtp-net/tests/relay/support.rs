//! A media plane on a loopback address of its own, and peers with real sockets. Nothing here sleeps: a test waits for a datagram
//! or an event, and fails when it does not come.

use rtp_net::{EventSink, MediaPlane, PlaneConfig};
use rtp_proto::PortPair;
use rtp_proto::control::{
    Command, Event, Latch, Leg, MediaId, Needs, PtMap, Remote, Rtcp, SessionStats, Side, StreamKind,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Queue(Mutex<Sender<Event>>);

impl EventSink for Queue {
    fn deliver(&self, event: Event) -> Result<(), Event> {
        // A test that ended does not listen any more.
        let _ = self.0.lock().unwrap().send(event);
        Ok(())
    }
}

/// A plane, its events, and an address that no other test uses.
pub(crate) struct Plane {
    pub(crate) plane: MediaPlane,
    events: Receiver<Event>,
    pub(crate) ip: IpAddr,
}

/// The stream's legs have these ports.
pub(crate) const PORTS: [PortPair; 2] = [PortPair(20_000), PortPair(30_000)];
pub(crate) const ID: MediaId = MediaId(7);

/// A loopback address for one test of one process.
pub(crate) fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(
        127,
        high,
        low,
        NEXT.fetch_add(1, Ordering::Relaxed),
    ))
}

impl Plane {
    pub(crate) fn start() -> Self {
        Self::with(PlaneConfig {
            workers: 2,
            ..PlaneConfig::default()
        })
    }

    pub(crate) fn with(config: PlaneConfig) -> Self {
        let (sender, events) = channel();
        let plane = MediaPlane::start(config, Arc::new(Queue(Mutex::new(sender)))).unwrap();
        Self {
            plane,
            events,
            ip: own_address(),
        }
    }

    pub(crate) fn command(&self, command: Command) {
        self.plane.command(command).unwrap();
    }

    pub(crate) fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    /// Opens [`ID`] and waits for it.
    pub(crate) fn open(&self, legs: [Leg; 2], silence: Option<Duration>) {
        self.command(Command::Open {
            id: ID,
            legs,
            silence,
            hold_silence: None,
            one_way: None,
        });
        // Without a failure there is nothing to hear; the report says that it is open.
        let _ = self.stats();
    }

    pub(crate) fn stats(&self) -> SessionStats {
        self.command(Command::Report { id: ID });
        match self.event() {
            Event::Report { id: ID, stats } => *stats,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn close(&self) -> SessionStats {
        self.command(Command::Close { id: ID });
        match self.event() {
            Event::Closed { id: ID, stats } => *stats,
            other => panic!("{other:?}"),
        }
    }

    /// Where a leg receives RTP.
    pub(crate) fn rtp(&self, side: Side) -> SocketAddr {
        SocketAddr::new(self.ip, pair(side).rtp())
    }

    /// Where a leg receives RTCP.
    pub(crate) fn rtcp(&self, side: Side) -> SocketAddr {
        SocketAddr::new(self.ip, pair(side).rtcp())
    }

    /// A leg whose peer signals itself where it is.
    pub(crate) fn leg(&self, side: Side, peer: &Peer) -> Leg {
        let (rtp, rtcp) = (peer.address(), peer.rtcp.local_addr().unwrap());
        Leg {
            bind: self.ip,
            ports: pair(side),
            kind: StreamKind::Rtp,
            mux: false,
            remote: Some(Remote { rtp, rtcp }),
            may_send: true,
            expects: true,
            latch: Latch {
                symmetric: false,
                signalling: rtp.ip(),
                acl: Arc::from([]),
                rebind_any_address: false,
            },
            map: PtMap::identity(),
            dscp: 46,
            rtcp: Rtcp::Auto,
            codec: None,
            party: 0,
            needs: Needs::default(),
        }
    }
}

fn pair(side: Side) -> PortPair {
    match side {
        Side::A => PORTS[0],
        Side::B => PORTS[1],
    }
}

/// A peer: an RTP and an RTCP socket.
pub(crate) struct Peer {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub(crate) fn at(ip: IpAddr) -> Self {
        let [rtp, rtcp] = [(); 2].map(|()| {
            let socket = UdpSocket::bind((ip, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        });
        Self { rtp, rtcp }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    pub(crate) fn send(&self, to: SocketAddr, packet: &[u8]) {
        assert_eq!(self.rtp.send_to(packet, to).unwrap(), packet.len());
    }

    /// The next RTP datagram, and where it came from.
    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.rtp)
    }

    /// Sends packets first..first+count to `to`, each of which must arrive at `there` from `relayed` as it was.
    pub(crate) fn talk(&self, to: SocketAddr, first: u16, count: u16, there: &Self, relayed: SocketAddr) {
        for n in first..first + count {
            self.send(to, &packet(1, n));
            assert_eq!(there.receive(), (packet(1, n), relayed));
        }
    }
}

/// How many sockets this machine has on an IPv4 address and port.
pub(crate) fn sockets_at(at: SocketAddr) -> usize {
    let IpAddr::V4(ip) = at.ip() else {
        panic!("{at} is not of IPv4")
    };
    let local = format!(" {:08X}:{:04X} ", u32::from_ne_bytes(ip.octets()), at.port());
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    table.lines().filter(|line| line.contains(&local)).count()
}

pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
    buffer.truncate(length);
    (buffer, from)
}

/// 20 ms of something that is not the same in any two packets.
pub(crate) fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend((0..160_u32).map(|n| (n * 7 + u32::from(sequence) + ssrc).to_le_bytes()[0]));
    packet
}

/// An empty receiver report.
pub(crate) const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];
