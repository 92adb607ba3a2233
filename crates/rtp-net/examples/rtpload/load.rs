//! The load itself: two endpoints per call, 20 ms G.711 both ways, every packet checked when it arrives.

use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::time::Timespec;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One endpoint's packet interval.
const PTIME: Duration = Duration::from_millis(20);
/// RTP header and 160 octets of G.711.
const PACKET: usize = 172;
/// Send times kept per endpoint: what may be under way, in packets (20 s).
const RING: usize = 1024;
/// Latency buckets of one microsecond.
const BUCKETS: usize = 200_000;
/// How long after the last packet the receiver still waits for more.
const GRACE: Duration = Duration::from_millis(500);

/// One call: where its two endpoints are bound, and where each sends to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) a_local: SocketAddr,
    pub(crate) a_remote: SocketAddr,
    pub(crate) b_local: SocketAddr,
    pub(crate) b_remote: SocketAddr,
}

/// How long to send, and how much of that is not measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warmup: Duration,
    pub(crate) measure: Duration,
}

/// What came of it. Counts are of the whole run, latencies of the measured part.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) out_of_order: u64,
    pub(crate) duplicates: u64,
    pub(crate) corrupted: u64,
    pub(crate) send_errors: u64,
    /// Packets that arrived in the measured part.
    pub(crate) measured: u64,
    latencies: Vec<u32>,
}

impl Report {
    /// Packets that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// The latency in microseconds below which `share` (0..=1) of the packets arrived.
    pub(crate) fn percentile(&self, share: f64) -> u32 {
        let wanted = (self.measured as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.latencies.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        u32::try_from(reached.unwrap_or(BUCKETS)).unwrap_or(u32::MAX)
    }

    /// Nothing lost, changed, doubled or out of order.
    pub(crate) fn is_clean(&self) -> bool {
        self.lost() + self.out_of_order + self.duplicates + self.corrupted + self.send_errors == 0
    }
}

/// One endpoint: it sends its own stream and checks its partner's.
struct Endpoint {
    socket: UdpSocket,
    ssrc: u32,
    /// When each packet left, in nanoseconds since the start, by sequence number; the first octets of the payload say the same.
    sent_at: Box<[AtomicU64]>,
}

/// A set of bound endpoints: 2n and 2n+1 are partners.
pub(crate) struct Load {
    endpoints: Arc<[Endpoint]>,
    start: Instant,
}

impl Load {
    /// Binds and connects every endpoint. Errors: a socket that cannot be had, with its address.
    pub(crate) fn bind(calls: &[Call]) -> io::Result<Self> {
        let mut endpoints = Vec::new();
        for call in calls {
            for (local, remote) in [(call.a_local, call.a_remote), (call.b_local, call.b_remote)] {
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{local}: {error}"));
                let socket = UdpSocket::bind(local).map_err(named)?;
                socket.connect(remote).map_err(named)?;
                socket.set_nonblocking(true)?;
                let ssrc = 0x1000_0000 + u32::try_from(endpoints.len()).unwrap_or(u32::MAX);
                let sent_at = (0..RING).map(|_| AtomicU64::new(0)).collect();
                endpoints.push(Endpoint {
                    socket,
                    ssrc,
                    sent_at,
                });
            }
        }
        Ok(Self {
            endpoints: endpoints.into(),
            start: Instant::now(),
        })
    }

    /// Sends and receives; `at_start` is called when the measured part begins, `at_end` when it is over.
    pub(crate) fn run(
        &self,
        plan: Plan,
        at_start: impl FnOnce() + Send,
        at_end: impl FnOnce() + Send,
    ) -> io::Result<Report> {
        let measuring = AtomicBool::new(false);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| self.receive(&measuring, &done));
            let (sent, send_errors) = self.send(plan, &measuring, at_start, at_end);
            done.store(true, Ordering::SeqCst);
            let mut report = receiver
                .join()
                .map_err(|_| io::Error::other("the receiver panicked"))??;
            (report.sent, report.send_errors) = (sent, send_errors);
            Ok(report)
        })
    }

    /// Paces the packets evenly: each endpoint has its own moment within the 20 ms.
    fn send(
        &self,
        plan: Plan,
        measuring: &AtomicBool,
        at_start: impl FnOnce(),
        at_end: impl FnOnce(),
    ) -> (u64, u64) {
        let count = self.endpoints.len() as u64;
        let begin = Instant::now();
        let due = |n: u64| begin + PTIME.mul_f64(n as f64 / count as f64);
        let rounds = ((plan.warmup + plan.measure).as_secs_f64() / PTIME.as_secs_f64()).ceil() as u64;
        let measured_from = (plan.warmup.as_secs_f64() / PTIME.as_secs_f64()).ceil() as u64 * count;
        let (mut sent, mut errors, mut at_start) = (0, 0, Some(at_start));
        let mut packet = [0; PACKET];
        for n in 0..rounds * count {
            if n >= measured_from
                && let Some(at_start) = at_start.take()
            {
                at_start();
                measuring.store(true, Ordering::SeqCst);
            }
            while let Some(wait) = due(n).checked_duration_since(Instant::now()) {
                std::thread::sleep(wait.max(Duration::from_micros(50)));
            }
            let Some(endpoint) = self.endpoints.get((n % count) as usize) else {
                break;
            };
            let stamp = self.start.elapsed().as_nanos() as u64;
            let sequence = (n / count) as u16;
            compose(&mut packet, endpoint.ssrc, sequence, stamp);
            if let Some(slot) = endpoint.sent_at.get(usize::from(sequence) % RING) {
                slot.store(stamp, Ordering::Release);
            }
            match endpoint.socket.send(&packet) {
                Ok(_) => sent += 1,
                Err(_) => errors += 1,
            }
        }
        measuring.store(false, Ordering::SeqCst);
        at_end();
        (sent, errors)
    }

    fn receive(&self, measuring: &AtomicBool, done: &AtomicBool) -> io::Result<Report> {
        let epoll = self.watch()?;
        let mut report = Report {
            latencies: vec![0; BUCKETS],
            ..Report::default()
        };
        let mut expected: Vec<Option<u16>> = vec![None; self.endpoints.len()];
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 256];
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        let mut last = Instant::now();
        while !(done.load(Ordering::SeqCst) && last.elapsed() > GRACE) {
            let ready = match epoll::wait(&epoll, &mut events, Some(&patience)) {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in events.iter().take(ready) {
                let index = event.data.u64() as usize;
                let (Some(endpoint), Some(partner), Some(expected)) = (
                    self.endpoints.get(index),
                    self.endpoints.get(index ^ 1),
                    expected.get_mut(index),
                ) else {
                    continue;
                };
                let mut packet = [0; 2 * PACKET];
                while let Ok(length) = endpoint.socket.recv(&mut packet) {
                    last = Instant::now();
                    let now = self.start.elapsed().as_nanos() as u64;
                    let packet = packet.get(..length).unwrap_or_default();
                    check(
                        packet,
                        partner,
                        expected,
                        now,
                        measuring.load(Ordering::Relaxed),
                        &mut report,
                    );
                }
            }
        }
        Ok(report)
    }

    fn watch(&self) -> io::Result<OwnedFd> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (n, endpoint) in (0..).zip(self.endpoints.iter()) {
            epoll::add(
                &epoll,
                &endpoint.socket,
                epoll::EventData::new_u64(n),
                epoll::EventFlags::IN,
            )?;
        }
        Ok(epoll)
    }
}

/// PCMU, or what passes for it: the time of sending, then octets that depend on stream and sequence.
fn compose(packet: &mut [u8; PACKET], ssrc: u32, sequence: u16, stamp: u64) {
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    let [q0, q1] = sequence.to_be_bytes();
    let [t0, t1, t2, t3] = (u32::from(sequence).wrapping_mul(160)).to_be_bytes();
    let header = [0x80, 0, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3].into_iter();
    let fill = (0_u8..).map(|n| n ^ q1 ^ s3.wrapping_mul(31) ^ q0);
    let octets = header.chain(stamp.to_be_bytes()).chain(fill);
    packet
        .iter_mut()
        .zip(octets)
        .for_each(|(place, octet)| *place = octet);
}

/// Counts one datagram that arrived from `partner`.
fn check(
    packet: &[u8],
    partner: &Endpoint,
    expected: &mut Option<u16>,
    now: u64,
    measuring: bool,
    report: &mut Report,
) {
    let Some([_, _, q0, q1]) = packet.first_chunk() else {
        report.corrupted += 1;
        return;
    };
    let sequence = u16::from_be_bytes([*q0, *q1]);
    let stamp = partner
        .sent_at
        .get(usize::from(sequence) % RING)
        .map_or(0, |s| s.load(Ordering::Acquire));
    let mut whole = [0; PACKET];
    compose(&mut whole, partner.ssrc, sequence, stamp);
    if packet != whole {
        report.corrupted += 1;
        return;
    }
    match expected.map(|expected| sequence.wrapping_sub(expected)) {
        Some(u16::MAX) => report.duplicates += 1,
        Some(ahead) if ahead > 0x8000 => {
            report.out_of_order += 1;
            report.received += 1;
        }
        Some(_) | None => {
            *expected = Some(sequence.wrapping_add(1));
            report.received += 1;
        }
    }
    if measuring {
        let micros = (now.saturating_sub(stamp) / 1000) as usize;
        report.measured += 1;
        if let Some(bucket) = report.latencies.get_mut(micros.min(BUCKETS - 1)) {
            *bucket += 1;
        }
    }
}
