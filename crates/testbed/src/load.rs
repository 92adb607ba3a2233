//! An RTP load over many calls: both ends of each talk G.711 at 50 packets per second; every packet that arrives is compared byte for
//! byte, its order and its way's duration are noted.

use crate::audio;
use crate::rtp::Header;
use rustix::event::{Timespec, epoll};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One packet per stream and interval.
const FRAME: Duration = Duration::from_millis(20);
/// Send times are kept for this many packets of a stream: 20 s.
const KEPT: usize = 1000;
/// Latencies are counted in steps of a microsecond up to this many.
const STEPS: usize = 200_000;

/// How many packets took how long, in steps of a microsecond.
#[derive(Clone, Default)]
struct Histogram(Vec<u32>);

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} steps", self.0.len())
    }
}

/// What became of a load.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Packets sent.
    pub sent: u64,
    /// Packets that arrived as they were sent, each counted once.
    pub identical: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Packets that arrived behind a later one.
    pub reordered: u64,
    /// Packets that arrived more than once.
    pub duplicated: u64,
    /// Packets that arrived altered, or that nobody sent.
    pub altered: u64,
    /// Packets that came from another address than the one signalled.
    pub misplaced: u64,
    histogram: Histogram,
}

impl LoadReport {
    /// Whether every packet arrived once, in order and unaltered.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.identical == self.sent
            && self.lost + self.reordered + self.duplicated + self.altered + self.misplaced == 0
    }

    /// The latency that this share of packets stays below, e.g. 0.99, in microseconds.
    #[must_use]
    pub fn latency_us(&self, share: f64) -> u64 {
        let total: u64 = self.histogram.0.iter().map(|count| u64::from(*count)).sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut below = 0;
        for (us, count) in self.histogram.0.iter().enumerate() {
            below += u64::from(*count);
            if below >= wanted {
                return us as u64;
            }
        }
        0
    }
}

struct Stream {
    socket: UdpSocket,
    ssrc: u32,
    /// Where in the audio this stream begins, in frames.
    shift: usize,
}

impl Stream {
    fn packet(&self, n: usize, out: &mut Vec<u8>, speech: &[u8]) {
        let header = Header {
            marker: n == 0,
            payload_type: 0,
            sequence: n as u16,
            timestamp: (n as u32).wrapping_mul(audio::FRAME as u32),
            ssrc: self.ssrc,
        };
        out.clear();
        out.extend_from_slice(&header.packet(&[]));
        let frames = speech.len() / audio::FRAME;
        let at = (n + self.shift) % frames * audio::FRAME;
        out.extend_from_slice(&speech[at..at + audio::FRAME]);
    }
}

/// Sockets of many calls' two ends.
pub struct RtpLoad {
    streams: Vec<Stream>,
    speech: Vec<u8>,
}

impl std::fmt::Debug for RtpLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtpLoad")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

/// The state that a receiver keeps per stream that it hears.
#[derive(Clone, Copy, Default)]
struct Ear {
    next: usize,
    got: u64,
}

impl RtpLoad {
    /// Binds the two ends of each call.
    ///
    /// # Panics
    /// When an address can't be bound.
    #[must_use]
    pub fn bind(calls: &[(SocketAddr, SocketAddr)]) -> Self {
        let ends = calls.iter().flat_map(|(a, b)| [*a, *b]).enumerate();
        let streams = ends.map(|(n, at)| {
            let socket = UdpSocket::bind(at).unwrap_or_else(|error| panic!("RTP end at {at}: {error}"));
            socket
                .set_nonblocking(true)
                .expect("a socket can be set non-blocking");
            Stream {
                socket,
                ssrc: 0x1000_0000 + n as u32,
                shift: n * 7,
            }
        });
        Self {
            streams: streams.collect(),
            speech: audio::speech(),
        }
    }

    /// Talks for `time`. `to` are the addresses that A's and B's end of each call send to (and hear from).
    ///
    /// # Panics
    /// When there are not as many addresses as calls, or the system has no epoll left.
    #[must_use]
    pub fn run(&self, to: &[(SocketAddr, SocketAddr)], time: Duration) -> LoadReport {
        let to: Vec<SocketAddr> = to.iter().flat_map(|(a, b)| [*a, *b]).collect();
        assert_eq!(to.len(), self.streams.len());
        let rounds = (time.as_nanos() / FRAME.as_nanos()) as usize;
        let base = Instant::now();
        let times: Vec<AtomicU64> = (0..self.streams.len() * KEPT)
            .map(|_| AtomicU64::new(0))
            .collect();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let hear = scope.spawn(|| self.hear(&to, rounds, base, &times, &done));
            self.talk(&to, rounds, base, &times);
            done.store(true, Ordering::Release);
            hear.join().expect("the receiver doesn't panic")
        })
    }

    /// Sends every stream's packet of every round, spread evenly over the round.
    fn talk(&self, to: &[SocketAddr], rounds: usize, base: Instant, times: &[AtomicU64]) {
        let mut packet = Vec::new();
        let slots = self.streams.len().min(20);
        for round in 0..rounds {
            for slot in 0..slots {
                let due = base + FRAME * round as u32 + FRAME * slot as u32 / slots as u32;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                for at in (slot..self.streams.len()).step_by(slots) {
                    let stream = &self.streams[at];
                    stream.packet(round, &mut packet, &self.speech);
                    let sent = &times[at * KEPT + round % KEPT];
                    sent.store(base.elapsed().as_nanos() as u64, Ordering::Release);
                    // What the network refuses is counted as lost by the other end.
                    let _ = stream.socket.send_to(&packet, to[at]);
                }
            }
        }
    }

    fn hear(
        &self,
        to: &[SocketAddr],
        rounds: usize,
        base: Instant,
        times: &[AtomicU64],
        done: &AtomicBool,
    ) -> LoadReport {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        for (at, stream) in self.streams.iter().enumerate() {
            let data = epoll::EventData::new_u64(at as u64);
            epoll::add(&poll, &stream.socket, data, epoll::EventFlags::IN).expect("room in the epoll");
        }
        let sent = (rounds * self.streams.len()) as u64;
        let mut report = LoadReport {
            sent,
            histogram: Histogram(vec![0; STEPS]),
            ..LoadReport::default()
        };
        let mut ears = vec![Ear::default(); self.streams.len()];
        let (mut buffer, mut expected) = ([0u8; 2048], Vec::new());
        let mut events = Vec::with_capacity(256);
        let mut quiet = Instant::now();
        while report.identical < sent {
            events.clear();
            let patience = Timespec {
                tv_sec: 0,
                tv_nsec: 100_000_000,
            };
            let _ = epoll::wait(
                &poll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&patience),
            );
            let now = base.elapsed().as_nanos() as u64;
            if events.is_empty()
                && done.load(Ordering::Acquire)
                && quiet.elapsed() > Duration::from_millis(700)
            {
                break;
            }
            for event in &events {
                let at = event.data.u64() as usize;
                let Ok((length, from)) = self.streams[at].socket.recv_from(&mut buffer) else {
                    continue;
                };
                quiet = Instant::now();
                report.misplaced += u64::from(from != to[at]);
                // A hears B and the other way round: streams 2n and 2n + 1.
                let (source, ear) = (at ^ 1, &mut ears[at]);
                let Some(header) = Header::parse(&buffer[..length]) else {
                    report.altered += 1;
                    continue;
                };
                let n = unwrap(header.sequence, ear.next);
                self.streams[source].packet(n, &mut expected, &self.speech);
                if n >= rounds || expected != buffer[..length] {
                    report.altered += 1;
                    continue;
                }
                if n >= ear.next {
                    ear.next = n + 1;
                } else {
                    report.reordered += 1;
                }
                ear.got += 1;
                report.identical += 1;
                let sent_at = times[source * KEPT + n % KEPT].load(Ordering::Acquire);
                let us = (now.saturating_sub(sent_at) / 1000) as usize;
                report.histogram.0[us.min(STEPS - 1)] += 1;
            }
        }
        for ear in &ears {
            // A packet that came twice was counted as behind a later one, too.
            report.duplicated += ear.got.saturating_sub(rounds as u64);
            report.lost += (rounds as u64).saturating_sub(ear.got);
        }
        report
    }
}

/// The packet number next to `near` that has this sequence number.
fn unwrap(sequence: u16, near: usize) -> usize {
    let ahead = sequence.wrapping_sub(near as u16).cast_signed();
    near.saturating_add_signed(isize::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_without_a_switch_arrives_clean() {
        let at = |port: u16| SocketAddr::from(([127, 250, 1, 1], port));
        let ends = [(at(20_000), at(20_002)), (at(20_004), at(20_006))];
        let load = RtpLoad::bind(&ends);
        let crossed = ends.map(|(a, b)| (b, a));
        let report = load.run(&crossed, Duration::from_millis(200));
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.sent, 40);
        assert!(report.latency_us(0.5) <= report.latency_us(0.99));
    }

    #[test]
    fn packets_that_go_nowhere_are_lost() {
        let at = |port: u16| SocketAddr::from(([127, 250, 1, 2], port));
        let load = RtpLoad::bind(&[(at(20_000), at(20_002))]);
        let report = load.run(&[(at(20_002), at(9))], Duration::from_millis(100));
        assert_eq!((report.sent, report.identical, report.lost), (10, 5, 5));
    }

    #[test]
    fn sequence_numbers_are_unwrapped() {
        assert_eq!(
            [unwrap(5, 3), unwrap(0, 65_536), unwrap(65_535, 65_536)],
            [5, 65_536, 65_535]
        );
    }
}
