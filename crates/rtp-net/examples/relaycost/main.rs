//! What the media plane costs per relayed packet, beside the least that a relay can do: one thread, epoll, two connected sockets
//! per call, one receive and one send per packet. Both carry the same number of calls at the same time, so that whatever else
//! the machine does falls on both.
//!
//! ```text
//! relaycost [CALLS of each (200)] [SECONDS (10)] [ROUNDS (3)]
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measuring tool: it prints, and its counts are small"
)]

#[path = "../rtpload/cpu.rs"]
mod cpu;
#[path = "../rtpload/load.rs"]
mod load;

use load::{Call, Load, Plan};
use rtp_net::{EventSink, MediaPlane, PlaneConfig};
use rtp_proto::PortPair;
use rtp_proto::control::{Command, Event, Latch, Leg, MediaId, Needs, PtMap, Remote, Rtcp, StreamKind};
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::Timespec;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u16>());
    let mut next = |default| numbers.next().and_then(Result::ok).unwrap_or(default);
    let (calls, seconds, rounds) = (next(200), next(10), next(3));
    let plan = Plan {
        warmup: Duration::from_secs(6),
        measure: Duration::from_secs(seconds.into()),
    };
    println!("{calls} calls each, {seconds} s; microseconds of CPU per relayed packet");
    for round in 1..=rounds {
        let bare = Bare::start(calls)?;
        let plane = Plane::start(calls)?;
        let [bare_cost, plane_cost] = measure(calls, plan)?;
        bare.stop()?;
        let forwarded = plane.stop();
        println!("  the plane forwarded {forwarded} by its own count");
        println!(
            "round {round}: bare {bare_cost:.2}, plane {plane_cost:.2}, ratio {:.2}",
            plane_cost / bare_cost
        );
    }
    Ok(())
}

/// The calls of one relay, by its number.
fn call(relay: u16, n: u16) -> Call {
    let at = |host, port: u16| {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 77, relay.to_be_bytes()[1], host));
        SocketAddr::new(ip, port + 2 * n)
    };
    Call {
        a_local: at(2, 10_000),
        a_remote: at(1, 10_000),
        b_local: at(2, 30_000),
        b_remote: at(1, 30_000),
    }
}

/// The relays' numbers, in [`call`].
const BARE: u16 = 0;
const PLANE: u16 = 1;

/// Runs the load through both; CPU microseconds per packet of the bare relay's thread and of the plane's.
fn measure(calls: u16, plan: Plan) -> io::Result<[f64; 2]> {
    let calls: Vec<_> = (0..calls).flat_map(|n| [call(BARE, n), call(PLANE, n)]).collect();
    let load = Load::bind(&calls)?;
    let (mut before, mut after) = ([0; 2], [0; 2]);
    let clock = || ["bare", "media-"].map(|thread| cpu::nanoseconds("self", thread).unwrap_or(0));
    let errors = cpu::receive_buffer_errors();
    let report = load.run(plan, || before = clock(), || after = clock())?;
    let errors = cpu::receive_buffer_errors() - errors;
    println!(
        "  both: sent {}, lost {}, clean {}, buffer errors {errors}, latency p50 {} p99 {}",
        report.sent,
        report.lost(),
        report.is_clean(),
        report.percentile(0.5),
        report.percentile(0.99)
    );
    let packets = report.measured.max(2) as f64 / 2.0;
    let [bare, plane] = [0, 1].map(|n: usize| {
        after
            .get(n)
            .zip(before.get(n))
            .map_or(0, |(a, b): (&u64, &u64)| a - b)
    });
    Ok([bare, plane].map(|ns| ns as f64 / 1000.0 / packets))
}

struct Queue(SyncSender<Event>);

impl EventSink for Queue {
    fn deliver(&self, event: Event) -> Result<(), Event> {
        self.0.try_send(event).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(event)
            | std::sync::mpsc::TrySendError::Disconnected(event) => event,
        })
    }
}

struct Plane {
    plane: MediaPlane,
    events: Receiver<Event>,
}

impl Plane {
    fn start(calls: u16) -> io::Result<Self> {
        let (sender, events) = sync_channel(100_000);
        let plane = MediaPlane::start(PlaneConfig::default(), Arc::new(Queue(sender)))?;
        for n in 0..calls {
            let call = call(PLANE, n);
            let legs = [leg(call.a_remote, call.a_local), leg(call.b_remote, call.b_local)];
            let silence = Some(Duration::from_secs(30));
            let id = MediaId(n.into());
            let open = Command::Open {
                id,
                legs,
                silence,
                hold_silence: None,
                one_way: None,
            };
            plane
                .command(open)
                .map_err(|error| io::Error::other(error.to_string()))?;
            plane
                .command(Command::Report { id })
                .map_err(|error| io::Error::other(error.to_string()))?;
            match events.recv() {
                Ok(Event::Report { .. }) => {}
                other => return Err(io::Error::other(format!("{other:?}"))),
            }
        }
        Ok(Self { plane, events })
    }

    /// How many packets it says that it sent.
    fn stop(self) -> u64 {
        self.plane.shutdown();
        let sent = self.events.iter().map(|event| match event {
            Event::Closed { stats, .. } => stats.legs.iter().map(|leg| leg.sent_packets).sum(),
            Event::Failed { .. }
            | Event::Silent { .. }
            | Event::OneWay { .. }
            | Event::Path { .. }
            | Event::Played { .. }
            | Event::Supervised { .. }
            | Event::SoundsBad { .. }
            | Event::Digit { .. }
            | Event::Report { .. } => 0,
        });
        sent.sum()
    }
}

fn leg(ours: SocketAddr, peer: SocketAddr) -> Leg {
    let rtcp = SocketAddr::new(peer.ip(), peer.port() + 1);
    Leg {
        bind: ours.ip(),
        ports: PortPair(ours.port()),
        kind: StreamKind::Rtp,
        mux: false,
        remote: Some(Remote { rtp: peer, rtcp }),
        may_send: true,
        expects: true,
        latch: Latch {
            symmetric: false,
            signalling: peer.ip(),
            acl: Arc::from([]),
            rebind_any_address: false,
        },
        map: PtMap::identity(),
        dscp: 46,
        rtcp: Rtcp::Relay,
        codec: None,
        party: 0,
        needs: Needs::default(),
    }
}

struct Bare {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Bare {
    fn start(calls: u16) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sockets = Vec::new();
        for call in (0..calls).map(|n| call(BARE, n)) {
            for (ours, peer) in [(call.a_remote, call.a_local), (call.b_remote, call.b_local)] {
                let socket = UdpSocket::bind(ours)?;
                socket.connect(peer)?;
                socket.set_nonblocking(true)?;
                sockets.push(socket);
            }
        }
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("bare".to_owned())
            .spawn(move || relay(&sockets, &seen))?;
        Ok(Self { stop, thread })
    }

    fn stop(self) -> io::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the bare relay panicked"))?
    }
}

/// Socket 2n sends what 2n+1 receives, and the other way round.
fn relay(sockets: &[UdpSocket], stop: &AtomicBool) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (n, socket) in (0..).zip(sockets) {
        epoll::add(
            &epoll,
            socket,
            epoll::EventData::new_u64(n),
            epoll::EventFlags::IN,
        )?;
    }
    let none = epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: epoll::EventData::new_u64(0),
    };
    let mut events = [none; 256];
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let mut buffer = [0_u8; 2048];
    while !stop.load(Ordering::Relaxed) {
        let ready = epoll::wait(&epoll, &mut events, Some(&patience)).unwrap_or(0);
        for event in events.iter().take(ready) {
            let n = event.data.u64() as usize;
            if let (Some(from), Some(to)) = (sockets.get(n), sockets.get(n ^ 1))
                && let Ok((length, _)) = recv(from, &mut buffer, RecvFlags::empty())
            {
                let _ = send(to, buffer.get(..length).unwrap_or_default(), SendFlags::empty());
            }
        }
    }
    Ok(())
}
