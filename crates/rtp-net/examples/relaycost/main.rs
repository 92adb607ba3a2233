//! What the media plane costs per relayed packet, beside the least that a relay can do: one thread, epoll, two connected sockets
//! per call, one receive and one send per packet. Both carry the same load in turn, in one run.
//!
//! ```text
//! relaycost [CALLS (200)] [SECONDS (10)] [ROUNDS (3)]
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
use rtp_proto::control::{Command, Event, Latch, Leg, MediaId, PtMap, Remote, StreamKind};
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::Timespec;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// The relay's address, so that its ports meet nobody else's.
const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));
/// The endpoints' address.
const PEERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 2));

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u16>());
    let mut next = |default| numbers.next().and_then(Result::ok).unwrap_or(default);
    let (calls, seconds, rounds) = (next(200), next(10), next(3));
    let plan = Plan {
        warmup: Duration::from_secs(6),
        measure: Duration::from_secs(seconds.into()),
    };
    println!(
        "{calls} calls, {seconds} s each; microseconds of CPU per relayed packet, latency p50/p99 in microseconds"
    );
    for round in 1..=rounds {
        let bare = bare(calls, plan)?;
        let plane = plane(calls, plan)?;
        println!(
            "round {round}: bare {bare:.2}, plane {plane:.2}, ratio {:.2}",
            plane / bare
        );
    }
    Ok(())
}

fn call(n: u16) -> Call {
    let at = |ip, port: u16| SocketAddr::new(ip, port + 2 * n);
    Call {
        a_local: at(PEERS, 10_000),
        a_remote: at(RELAY, 10_000),
        b_local: at(PEERS, 30_000),
        b_remote: at(RELAY, 30_000),
    }
}

/// Runs the load; CPU microseconds per packet of the threads named `thread`.
fn measure(calls: u16, plan: Plan, thread: &str) -> io::Result<f64> {
    let calls: Vec<_> = (0..calls).map(call).collect();
    let load = Load::bind(&calls)?;
    let (mut before, mut after) = (0, 0);
    let clock = || cpu::nanoseconds("self", thread).unwrap_or(0);
    let errors = cpu::receive_buffer_errors();
    let report = load.run(plan, || before = clock(), || after = clock())?;
    let errors = cpu::receive_buffer_errors() - errors;
    println!(
        "  {thread}: sent {}, lost {}, clean {}, buffer errors {errors}, latency {}/{}",
        report.sent,
        report.lost(),
        report.is_clean(),
        report.percentile(0.5),
        report.percentile(0.99)
    );
    Ok((after - before) as f64 / 1000.0 / report.measured.max(1) as f64)
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

fn plane(calls: u16, plan: Plan) -> io::Result<f64> {
    let (sender, events) = sync_channel(100_000);
    let plane = MediaPlane::start(PlaneConfig::default(), Arc::new(Queue(sender)))?;
    for n in 0..calls {
        let call = call(n);
        let legs = [leg(call.a_remote, call.a_local), leg(call.b_remote, call.b_local)];
        let silence = Some(Duration::from_secs(30));
        let id = MediaId(n.into());
        let open = Command::Open {
            id,
            legs,
            silence,
            hold_silence: None,
        };
        plane
            .command(open)
            .map_err(|error| io::Error::other(error.to_string()))?;
        match events.recv() {
            Ok(Event::Opened { .. }) => {}
            other => return Err(io::Error::other(format!("{other:?}"))),
        }
    }
    let cost = measure(calls, plan, "media-");
    plane.shutdown();
    let forwarded: u64 = events
        .iter()
        .filter_map(|event| match event {
            Event::Closed { stats, .. } => Some(stats.legs.iter().map(|leg| leg.sent_packets).sum::<u64>()),
            Event::Opened { .. } | Event::Failed { .. } | Event::Silent { .. } | Event::Report { .. } => None,
        })
        .sum();
    println!("  plane: forwarded {forwarded} by its own count");
    cost
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
    }
}

fn bare(calls: u16, plan: Plan) -> io::Result<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut sockets = Vec::new();
    for call in (0..calls).map(call) {
        for (ours, peer) in [(call.a_remote, call.a_local), (call.b_remote, call.b_local)] {
            let socket = UdpSocket::bind(ours)?;
            socket.connect(peer)?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
    }
    let relay = {
        let stop = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("bare".to_owned())
            .spawn(move || relay(&sockets, &stop))?
    };
    let cost = measure(calls, plan, "bare");
    stop.store(true, Ordering::SeqCst);
    relay
        .join()
        .map_err(|_| io::Error::other("the bare relay panicked"))??;
    cost
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
