//! A call whose ports are sent ten thousand odd datagrams each while its peers talk, and the books that have to balance then.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::odd::{Dice, Kind, MARK, never, of_others};
use super::{engines, ms};
use testbed::rtp::{Heard, RtpPeer};
use testbed::{Bed, proc};

/// Datagrams for each port.
pub const PER_PORT: usize = 10_000;
/// Time between two looks at whether a port has been read.
const LOOK: Duration = Duration::from_micros(300);
const FRAME: Duration = Duration::from_millis(20);
/// Octets that may wait at a port: less than what a socket's buffer takes, each datagram's overhead included.
const BATCH: usize = 60_000;
/// What a datagram takes beside its octets.
const OVERHEAD: usize = 1_500;

/// One of the two who talk.
pub struct Talker {
    pub rtp: RtpPeer,
    /// Its RTCP port, if that is another one.
    pub rtcp: Option<RtpPeer>,
    /// The switch's RTP port for it.
    pub to: SocketAddr,
    /// What it says, as it goes over the network, a packet each 20 ms.
    pub says: Vec<Vec<u8>>,
    /// What it says each second on its RTCP port: whoever does holds that port against others on its host.
    report: Option<Vec<u8>>,
    /// So many were said.
    pub said: usize,
    /// What it heard.
    pub heard: Vec<Heard>,
    /// Whose packets prove themselves: of what carries no proof nothing is its, whatever address it comes from.
    pub is_secured: bool,
}

impl Talker {
    /// One who hears RTCP on the next port.
    pub fn plain(at: SocketAddr, to: SocketAddr, says: Vec<Vec<u8>>) -> Self {
        let mut report = vec![0x80, 201, 0, 1];
        report.extend(&says[0][8..12]);
        Self {
            report: Some(report),
            rtp: RtpPeer::bind(at),
            rtcp: Some(RtpPeer::bind(next(at))),
            to,
            says,
            said: 0,
            heard: Vec::new(),
            is_secured: false,
        }
    }

    /// One who seals what it says; `rtcp`: its RTCP port, if that is another one.
    pub fn secured(rtp: RtpPeer, rtcp: Option<RtpPeer>, to: SocketAddr, says: Vec<Vec<u8>>) -> Self {
        Self {
            rtp,
            rtcp,
            to,
            says,
            report: None,
            said: 0,
            heard: Vec::new(),
            is_secured: true,
        }
    }

    fn ports(&self) -> Vec<(SocketAddr, &RtpPeer)> {
        let rtcp = self.rtcp.as_ref().map(|rtcp| (next(self.to), rtcp));
        [(self.to, &self.rtp)].into_iter().chain(rtcp).collect()
    }
}

pub fn next(at: SocketAddr) -> SocketAddr {
    SocketAddr::new(at.ip(), at.port() + 1)
}

/// A bed whose peers have media on hosts of their own. Others on the host that the signalling comes from have a say in where media
/// goes for some seconds (RFC 7362), when the peer pauses: on a busy machine it may seem to.
pub fn apart(mut bed: Bed) -> Bed {
    for rtp in [&mut bed.places.rtp_a, &mut bed.places.rtp_b1] {
        let IpAddr::V4(ip) = rtp.ip() else { continue };
        let [first, second, third, last] = ip.octets();
        rtp.set_ip([first, second, third, last + 100].into());
    }
    bed
}

/// What the daemon has done with media packets.
#[derive(Clone, Copy, Debug, Default)]
struct Books {
    relayed: usize,
    taken: usize,
    dropped: usize,
}

impl Books {
    fn of(bed: &Bed) -> Self {
        let metrics = bed.metrics();
        let sum = |name: &str| metrics.sum(&format!("tandem_media_{name}_total")).unwrap_or(0.0) as usize;
        Self {
            relayed: sum("packets"),
            taken: sum("taken"),
            dropped: sum("dropped"),
        }
    }

    fn all(self) -> usize {
        self.relayed + self.taken + self.dropped
    }
}

/// What was found when all was over.
pub struct Outcome {
    /// Hostile datagrams that were sent.
    pub sent: usize,
    /// Of these, what was taken for part of a handshake or check: from a secured peer's own address.
    pub taken: usize,
}

/// A call under siege.
pub struct Siege<'b> {
    bed: &'b Bed,
    pub talkers: [Talker; 2],
    /// Strangers: elsewhere, and on each peer's own host.
    strangers: Vec<RtpPeer>,
    /// Beside what always comes: kinds for the secured, e.g. what was said before.
    pub more: Vec<Kind>,
    /// What is said does not go on as it is: the switch says it anew.
    pub is_converted: bool,
    dice: Dice,
    due: Instant,
    /// All that was sent to media ports.
    sent: usize,
}

impl<'b> Siege<'b> {
    /// `sent`: datagrams that came to media ports already.
    pub fn new(bed: &'b Bed, talkers: [Talker; 2], sent: usize) -> Self {
        let on_host = |of: &Talker| RtpPeer::bind(SocketAddr::new(of.rtp.local().ip(), 0));
        let mut strangers = vec![RtpPeer::bind(bed.places.rtp_x)];
        strangers.extend(talkers.iter().map(on_host));
        Self {
            bed,
            talkers,
            strangers,
            more: Vec::new(),
            is_converted: false,
            dice: Dice(0x0dd5),
            due: Instant::now(),
            sent,
        }
    }

    /// Each side says what is due, and takes what has come.
    fn talk(&mut self) {
        if Instant::now() < self.due {
            return;
        }
        self.due = (self.due + FRAME).max(Instant::now());
        for talker in &mut self.talkers {
            if let Some(packet) = talker.says.get(talker.said) {
                talker.rtp.send(talker.to, packet);
                self.sent += 1;
            }
            if let (Some(rtcp), Some(report), true) =
                (&talker.rtcp, &talker.report, talker.said.is_multiple_of(50))
            {
                rtcp.send(next(talker.to), report);
                self.sent += 1;
            }
            talker.said += 1;
            talker.heard.extend(talker.rtp.waiting());
        }
    }

    /// So many packets from each side, at their pace.
    pub fn speak(&mut self, packets: usize) {
        let end = self.talkers[0].said + packets;
        self.due = Instant::now();
        while self.talkers[0].said < end {
            self.talk();
            std::thread::sleep(self.due.saturating_duration_since(Instant::now()));
        }
    }

    /// Speaks until the kernel relays both directions, where it is asked to.
    pub fn settle(&mut self) {
        self.speak(30);
        engines::until_in_kernel(self.bed, 2, |_| self.speak(1));
    }

    /// Sends odd datagrams to every port that the daemon has open, its SIP port aside, one port after the other.
    pub fn besiege(&mut self) -> Outcome {
        let mut outcome = Outcome { sent: 0, taken: 0 };
        let drops = self.bed.drops();
        let mut open = proc::udp_sockets(self.bed.pid());
        open.retain(|port| *port != self.bed.places.sut);
        // A firm peer has a socket of its own on the same port.
        open.dedup();
        let known: Vec<SocketAddr> = self
            .talkers
            .iter()
            .flat_map(Talker::ports)
            .map(|(port, _)| port)
            .collect();
        assert!(
            open.iter().all(|port| known.contains(port)),
            "{open:?}, of which {known:?}"
        );
        assert_eq!(open.len(), known.len(), "{open:?}");
        for port in open {
            let taken = self.besiege_port(port);
            outcome.sent += PER_PORT;
            outcome.taken += taken;
        }
        assert_eq!(self.bed.drops(), drops, "lost before the daemon saw it");
        outcome
    }

    /// One port; how many of the datagrams were taken. Every one has to be in the books, and as what it is.
    fn besiege_port(&mut self, port: SocketAddr) -> usize {
        let before = self.balance(port);
        // Whoever has been silent for a moment may be succeeded: that is another test's matter.
        self.speak(3);
        self.flood(port);
        let good = self.sent - before.all();
        self.sent += PER_PORT;
        let after = self.balance(port);
        let (relayed, taken) = (after.relayed - before.relayed, after.taken - before.taken);
        let dropped = after.dropped - before.dropped;
        if self.is_converted {
            assert_eq!(
                (relayed, taken, dropped),
                (0, good, PER_PORT),
                "{port}: {after:?}"
            );
            return 0;
        }
        assert_eq!(relayed, good, "{port}: {before:?} {after:?}");
        taken
    }

    fn flood(&mut self, port: SocketAddr) {
        let (side, is_rtcp) = self.owner(port);
        let ssrc = u32::from_be_bytes(self.talkers[side].says[0][8..12].try_into().unwrap());
        let (never, others) = (never(), of_others(ssrc));
        let all = never.len() + others.len() + self.more.len();
        let mut batch = 0;
        for n in 0..PER_PORT {
            let kind = n % all;
            let is_odd = kind < never.len();
            let mut kinds = never.iter().chain(&others).chain(&self.more).skip(kind);
            let datagram = kinds.next().map(|kind| kind(&mut self.dice)).unwrap_or_default();
            let weight = datagram.len() + OVERHEAD;
            if batch + weight > BATCH {
                self.wait_until_read(port);
                batch = 0;
            }
            batch += weight;
            // In turn from three strangers, from the other peer, and from the port's own peer what even it may not send.
            let from = n / all % 5;
            let talker = &self.talkers[side];
            let own = talker.rtcp.as_ref().filter(|_| is_rtcp).unwrap_or(&talker.rtp);
            match from {
                4 if is_odd || talker.is_secured => own.send(port, &datagram),
                3 => self.talkers[1 - side].rtp.send(port, &datagram),
                _ => self.strangers[from % 3].send(port, &datagram),
            }
        }
        self.wait_until_read(port);
    }

    /// Whose port it is, and whether that is for RTCP alone.
    fn owner(&self, port: SocketAddr) -> (usize, bool) {
        let is_of = |talker: &Talker| port == talker.to || port == next(talker.to);
        let side = self.talkers.iter().position(is_of).expect("a port of the call");
        (side, port != self.talkers[side].to)
    }

    fn wait_until_read(&mut self, port: SocketAddr) {
        let since = Instant::now();
        while proc::udp_waiting(port) > 0 {
            assert!(self.bed.is_alive(), "the daemon is gone:\n{}", self.bed.log());
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "{port} is not read any more"
            );
            std::thread::sleep(LOOK);
        }
        self.talk();
    }

    /// Waits until the books have all that was sent; they are published once a second.
    fn balance(&self, port: SocketAddr) -> Books {
        let since = Instant::now();
        loop {
            let books = Books::of(self.bed);
            if books.all() == self.sent {
                return books;
            }
            assert!(
                books.all() < self.sent && since.elapsed() < Duration::from_secs(20),
                "{port}: {books:?} of {} sent:\n{}",
                self.sent,
                self.bed.metrics().dump()
            );
            std::thread::sleep(ms(20));
        }
    }

    /// Takes what is still to come, and fails if anything but STUN was heard by who has no say, or any of it by a peer's RTCP port.
    pub fn lift(&mut self) {
        for talker in &mut self.talkers {
            talker.heard.extend(talker.rtp.collect(usize::MAX, ms(200)));
            // Answers to checks without credentials go to who asked.
            talker
                .heard
                .retain(|heard| heard.packet.first().is_some_and(|first| *first > 3));
            for heard in talker.rtcp.iter().flat_map(RtpPeer::waiting) {
                assert!(!has_mark(&heard.packet), "{heard:?}");
            }
        }
        for stranger in &self.strangers {
            let others: Vec<_> = stranger
                .waiting()
                .into_iter()
                .filter(|heard| heard.packet[0] > 3)
                .collect();
            assert!(others.is_empty(), "a stranger heard {others:?}");
        }
    }
}

/// Whether a packet carries what hostile ones do.
pub fn has_mark(packet: &[u8]) -> bool {
    packet.windows(4).any(|window| window == [MARK; 4])
}
