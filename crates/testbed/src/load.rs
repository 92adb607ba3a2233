//! An RTP load over many calls: both ends of each talk at 50 packets per second, G.711 unless told otherwise, in the clear or
//! encrypted by whatever they are given for it. Every packet that arrives is compared byte for byte, its order and its way's
//! duration are noted; where the audio is converted on its way, format and sequence are.

mod converted;
mod hear;

use crate::audio;
use crate::rtp::Header;
use rustix::event::{Timespec, epoll};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One packet per stream and interval.
const FRAME: Duration = Duration::from_millis(20);
/// Send times are kept for this many packets of a stream: 20 s.
const KEPT: usize = 1000;
/// Latencies are counted in steps of a microsecond up to this many.
const STEPS: usize = 1_000_000;

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
    /// Packets that arrived as they were sent, each counted once; converted ones: that arrived.
    pub identical: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Packets that arrived behind a later one.
    pub reordered: u64,
    /// Packets that arrived more than once.
    pub duplicated: u64,
    /// Packets that arrived altered, not authentic, in another format, or that nobody sent.
    pub altered: u64,
    /// Packets that came from another address than the one signalled.
    pub misplaced: u64,
    histogram: Histogram,
}

impl LoadReport {
    /// Whether every packet arrived once, in order and unaltered.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost + self.reordered + self.duplicated + self.altered + self.misplaced == 0
    }

    /// Notes how long a packet took, in nanoseconds.
    fn took(&mut self, nanoseconds: u64) {
        let us = (nanoseconds / 1000) as usize;
        self.histogram.0[us.min(STEPS - 1)] += 1;
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

/// What an end says: frames of 20 ms, over and over.
#[derive(Debug, Clone)]
pub struct Voice {
    /// Payload type, of what it says and of what it wants to hear.
    pub payload_type: u8,
    /// By how much the timestamp grows with each frame.
    pub ticks: u32,
    /// The payloads.
    pub frames: Vec<Vec<u8>>,
    /// The frame in which a sound begins after at least ten of silence: by it the way of converted audio is timed.
    pub onset: Option<usize>,
}

impl Voice {
    /// The committed audio as PCMU.
    #[must_use]
    pub fn speech() -> Self {
        let speech = audio::speech();
        Self {
            payload_type: 0,
            ticks: audio::FRAME as u32,
            frames: speech.chunks(audio::FRAME).map(<[u8]>::to_vec).collect(),
            onset: None,
        }
    }
}

/// Makes a packet what goes over the network.
pub type Seal = Box<dyn FnMut(&mut Vec<u8>) + Send>;

/// Makes what came over the network a packet again, in place, and gives its length; `None`: it is not authentic.
pub type Open = Box<dyn FnMut(&mut [u8]) -> Option<usize> + Send>;

/// One end of a call.
pub struct End {
    /// Where it is.
    pub at: SocketAddr,
    /// What it says.
    pub voice: Arc<Voice>,
    /// What it does to the packets it sends.
    pub seal: Option<Seal>,
    /// What it does to the packets it hears.
    pub open: Option<Open>,
}

impl End {
    /// An end that neither seals nor opens.
    #[must_use]
    pub fn plain(at: SocketAddr, voice: Arc<Voice>) -> Self {
        Self {
            at,
            voice,
            seal: None,
            open: None,
        }
    }
}

struct Stream {
    socket: UdpSocket,
    ssrc: u32,
    voice: Arc<Voice>,
    /// Where in the audio this stream begins, in frames.
    shift: usize,
    /// One thread seals, another opens: nobody ever waits for these.
    seal: Option<Mutex<Seal>>,
    open: Option<Mutex<Open>>,
}

impl Stream {
    fn bind(n: usize, end: End) -> Self {
        let at = end.at;
        let socket = UdpSocket::bind(at).unwrap_or_else(|error| panic!("RTP end at {at}: {error}"));
        socket
            .set_nonblocking(true)
            .expect("a socket can be set non-blocking");
        Self {
            socket,
            ssrc: 0x1000_0000 + n as u32,
            voice: end.voice,
            shift: n * 7,
            seal: end.seal.map(Mutex::new),
            open: end.open.map(Mutex::new),
        }
    }

    /// Which frame of its voice packet `n` has.
    fn frame(&self, n: usize) -> usize {
        (n + self.shift) % self.voice.frames.len()
    }

    /// Packet `n` as it is meant.
    fn packet(&self, n: usize, out: &mut Vec<u8>) {
        let header = Header {
            marker: n == 0,
            payload_type: self.voice.payload_type,
            sequence: n as u16,
            timestamp: (n as u32).wrapping_mul(self.voice.ticks),
            ssrc: self.ssrc,
        };
        out.clear();
        out.extend_from_slice(&header.packet(&[]));
        out.extend_from_slice(&self.voice.frames[self.frame(n)]);
    }

    /// Packet `n` as it is sent.
    fn sealed(&self, n: usize, out: &mut Vec<u8>) {
        self.packet(n, out);
        if let Some(seal) = &self.seal {
            (seal.lock().unwrap_or_else(PoisonError::into_inner))(out);
        }
    }

    /// What was heard as it was meant.
    fn opened<'b>(&self, heard: &'b mut [u8]) -> Option<&'b [u8]> {
        let length = match &self.open {
            Some(open) => (open.lock().unwrap_or_else(PoisonError::into_inner))(heard)?,
            None => heard.len(),
        };
        heard.get(..length)
    }
}

/// Sockets of many calls' two ends.
pub struct RtpLoad {
    /// A's and B's end of call n: 2n and 2n + 1.
    streams: Vec<Stream>,
    /// The number of the next packet of each stream: they go on from run to run, as encryption wants it.
    next: AtomicUsize,
}

impl std::fmt::Debug for RtpLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtpLoad")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

/// One talk.
struct Talk {
    /// Where each stream sends to, and hears from.
    to: Vec<SocketAddr>,
    /// Number of the first packet.
    first: usize,
    rounds: usize,
    base: Instant,
    /// When each stream's latest packets were sent, nanoseconds from `base`.
    times: Vec<AtomicU64>,
    done: AtomicBool,
}

impl Talk {
    fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// When packet `n` of this stream was sent.
    fn sent(&self, stream: usize, n: usize) -> &AtomicU64 {
        &self.times[stream * KEPT + n % KEPT]
    }

    fn due(&self, round: usize) -> Instant {
        self.base + FRAME * round as u32
    }
}

fn rounds(time: Duration) -> usize {
    (time.as_nanos() / FRAME.as_nanos()) as usize
}

impl RtpLoad {
    /// Binds the two ends of each call. They say the committed audio, in the clear.
    ///
    /// # Panics
    /// When an address can't be bound.
    #[must_use]
    pub fn bind(calls: &[(SocketAddr, SocketAddr)]) -> Self {
        let voice = Arc::new(Voice::speech());
        let end = |at: SocketAddr| End::plain(at, Arc::clone(&voice));
        Self::of(calls.iter().map(|(a, b)| [end(*a), end(*b)]))
    }

    /// Binds the two ends of each call.
    ///
    /// # Panics
    /// When an address can't be bound.
    #[must_use]
    pub fn of(calls: impl IntoIterator<Item = [End; 2]>) -> Self {
        let mut load = Self {
            streams: Vec::new(),
            next: AtomicUsize::new(0),
        };
        calls.into_iter().for_each(|ends| load.add(ends));
        load
    }

    /// Binds the two ends of a call more.
    ///
    /// # Panics
    /// When an address can't be bound.
    pub fn add(&mut self, ends: [End; 2]) {
        for end in ends {
            self.streams.push(Stream::bind(self.streams.len(), end));
        }
    }

    /// Talks for `time`. `to` are the addresses that A's and B's end of each call send to (and hear from).
    ///
    /// # Panics
    /// When there are not as many addresses as calls, or the system has no epoll left.
    #[must_use]
    pub fn run(&self, to: &[(SocketAddr, SocketAddr)], time: Duration) -> LoadReport {
        let talk = self.begin(to, rounds(time));
        thread::scope(|scope| {
            let hear = scope.spawn(|| self.hear(&talk));
            self.talk(&talk, &mut |_| ());
            talk.done.store(true, Ordering::Release);
            hear.join().expect("the receiver doesn't panic")
        })
    }

    fn begin(&self, to: &[(SocketAddr, SocketAddr)], rounds: usize) -> Talk {
        let to: Vec<SocketAddr> = to.iter().flat_map(|(a, b)| [*a, *b]).collect();
        assert_eq!(to.len(), self.streams.len());
        let times = 0..self.streams.len() * KEPT;
        Talk {
            to,
            first: self.next.fetch_add(rounds, Ordering::Relaxed),
            rounds,
            base: Instant::now(),
            times: times.map(|_| AtomicU64::new(0)).collect(),
            done: AtomicBool::new(false),
        }
    }

    /// Sends every stream's packet of every round, spread evenly over the round; `begins` is told of each round.
    fn talk(&self, talk: &Talk, begins: &mut dyn FnMut(usize)) {
        let mut packet = Vec::new();
        let slots = self.streams.len().min(20);
        for round in 0..talk.rounds {
            for slot in 0..slots {
                let due = talk.due(round) + FRAME * slot as u32 / slots as u32;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if slot == 0 {
                    begins(round);
                }
                for at in (slot..self.streams.len()).step_by(slots) {
                    let (stream, n) = (&self.streams[at], talk.first + round);
                    stream.sealed(n, &mut packet);
                    talk.sent(at, n).store(talk.now(), Ordering::Release);
                    // What the network refuses is counted as lost by the other end.
                    let _ = stream.socket.send_to(&packet, talk.to[at]);
                }
            }
        }
    }

    /// An epoll that tells which streams have something to hear.
    fn poll(&self) -> Poll {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        for (at, stream) in self.streams.iter().enumerate() {
            let data = epoll::EventData::new_u64(at as u64);
            epoll::add(&poll, &stream.socket, data, epoll::EventFlags::IN).expect("room in the epoll");
        }
        Poll {
            poll,
            events: Vec::with_capacity(256),
        }
    }
}

struct Poll {
    poll: rustix::fd::OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    /// The streams that have something to hear; none after a tenth of a second without.
    fn wait(&mut self) -> impl Iterator<Item = usize> + '_ {
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        let _ = epoll::wait(&self.poll, room, Some(&patience));
        self.events.iter().map(|event| event.data.u64() as usize)
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
