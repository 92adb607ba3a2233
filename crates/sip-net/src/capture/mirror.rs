//! A copy of every message to a capture server, sent by a thread of its own: a name server that is slow, or a capture server that
//! is gone, costs some copies and nothing else.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_msg::Limits;

use super::Stamp;
use super::hep::{self, Agent};

/// Messages that may wait for the thread.
const QUEUE: usize = 8192;
/// How long a message waits for it to become known whose it is: the first INVITE comes before its call.
const HOLD: Duration = Duration::from_millis(50);
/// Call-IDs whose calls are remembered.
const NAMES: usize = 65_536;
/// After this the server's name is looked up again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Where copies go, and in whose name.
#[derive(Debug, Clone)]
pub struct MirrorConfig {
    /// `host:port` of the capture server.
    pub server: String,
    /// Who we are to it.
    pub agent: Agent,
}

/// What a mirror has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorCounters {
    /// Packets given to the kernel.
    pub sent: u64,
    /// Messages of which no copy was sent: the queue was full, the server unknown or not to be reached, the message too long.
    pub lost: u64,
}

#[derive(Debug, Default)]
struct Totals {
    sent: AtomicU64,
    lost: AtomicU64,
}

enum Input {
    Message(Stamp, Bytes),
    Leg { call_id: Box<[u8]>, call: Box<str> },
}

/// The way to the thread. Dropping it ends the thread once it has sent what it has.
#[derive(Debug)]
pub struct HepMirror {
    queue: SyncSender<Input>,
    totals: Arc<Totals>,
}

impl HepMirror {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to spare.
    pub fn start(config: MirrorConfig) -> io::Result<Self> {
        let (queue, inputs) = sync_channel(QUEUE);
        let totals = Arc::new(Totals::default());
        let worker = Worker {
            destination: Destination::new(config.server),
            agent: config.agent,
            held: VecDeque::new(),
            names: Names::default(),
            totals: Arc::clone(&totals),
        };
        std::thread::Builder::new()
            .name("hep".into())
            .spawn(move || worker.run(&inputs))?;
        Ok(Self { queue, totals })
    }

    /// Copies a message. Never blocks.
    pub fn copy(&self, stamp: Stamp, message: &Bytes) {
        if self
            .queue
            .try_send(Input::Message(stamp, message.clone()))
            .is_err()
        {
            self.totals.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages with this Call-ID belong to this call.
    pub fn leg(&self, call_id: Box<[u8]>, call: Box<str>) {
        // Without it the leg stands alone at the server; the messages of both are there.
        let _ = self.queue.try_send(Input::Leg { call_id, call });
    }

    /// Totals since the start.
    #[must_use]
    pub fn counters(&self) -> MirrorCounters {
        MirrorCounters {
            sent: self.totals.sent.load(Ordering::Relaxed),
            lost: self.totals.lost.load(Ordering::Relaxed),
        }
    }
}

struct Worker {
    destination: Destination,
    agent: Agent,
    held: VecDeque<(Instant, Stamp, Bytes)>,
    names: Names,
    totals: Arc<Totals>,
}

impl Worker {
    fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            let wait = self.held.front().map_or(LOOK_AGAIN, |(due, ..)| {
                due.saturating_duration_since(Instant::now())
            });
            match inputs.recv_timeout(wait) {
                Ok(Input::Message(stamp, message)) => {
                    self.held.push_back((Instant::now() + HOLD, stamp, message));
                }
                Ok(Input::Leg { call_id, call }) => self.names.insert(call_id, call),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.send_held(None),
            }
            self.send_held(Some(Instant::now()));
        }
    }

    /// Sends what was held until `now`; `None`: all.
    fn send_held(&mut self, now: Option<Instant>) {
        while let Some((due, stamp, message)) = self.held.pop_front() {
            if now.is_some_and(|now| due > now) {
                self.held.push_front((due, stamp, message));
                return;
            }
            let total = if self.send(&stamp, message) {
                &self.totals.sent
            } else {
                &self.totals.lost
            };
            total.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn send(&mut self, stamp: &Stamp, message: Bytes) -> bool {
        let mut text = message.to_vec();
        sip_msg::mask(&mut text);
        let parsed = sip_msg::parse(message, &Limits::default());
        let call_id = parsed.as_ref().map(sip_msg::Message::call_id).unwrap_or_default();
        // Without a call the Call-ID itself ties a transaction's messages together.
        let correlation = self.names.get(call_id).map_or(call_id, str::as_bytes);
        hep::packet(&self.agent, stamp, &text, correlation)
            .is_some_and(|packet| self.destination.send(&packet))
    }
}

/// The calls of Call-IDs; of too many the oldest are forgotten.
#[derive(Default)]
struct Names {
    calls: HashMap<Box<[u8]>, Box<str>>,
    order: VecDeque<Box<[u8]>>,
}

impl Names {
    fn insert(&mut self, call_id: Box<[u8]>, call: Box<str>) {
        if self.calls.insert(call_id.clone(), call).is_none() {
            self.order.push_back(call_id);
        }
        if self.order.len() > NAMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    fn get(&self, call_id: &[u8]) -> Option<&str> {
        self.calls.get(call_id).map(AsRef::as_ref)
    }
}

/// The capture server, as far as it is known.
struct Destination {
    server: String,
    socket: Option<UdpSocket>,
    looked: Option<Instant>,
    complained: bool,
}

impl Destination {
    fn new(server: String) -> Self {
        Self {
            server,
            socket: None,
            looked: None,
            complained: false,
        }
    }

    fn send(&mut self, packet: &[u8]) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN) {
            self.look();
        }
        let Some(socket) = &self.socket else { return false };
        // A port that was closed for the packet before is reported in place of this one.
        (0..2).any(|_| socket.send(packet).is_ok())
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        match connect(&self.server) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.complained = false;
            }
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(server = %self.server, %error, "the capture server is not to be reached (hep.server)");
            }
            Err(_) => {}
        }
    }
}

fn connect(server: &str) -> io::Result<UdpSocket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in server.to_socket_addrs()? {
        let any = SocketAddr::new(
            if address.is_ipv4() {
                std::net::Ipv4Addr::UNSPECIFIED.into()
            } else {
                std::net::Ipv6Addr::UNSPECIFIED.into()
            },
            0,
        );
        match UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::super::Carrier;
    use super::*;

    fn options(call_id: &str) -> Bytes {
        Bytes::from(format!(
            "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:us>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nAuthorization: Digest response=\"abc\"\r\nContent-Length: 0\r\n\r\n"
        ))
    }

    fn stamp() -> Stamp {
        Stamp {
            at_us: 1,
            outgoing: false,
            carrier: Carrier::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            remote: ([127, 0, 0, 2], 5060).into(),
        }
    }

    /// A copy is counted once the thread is done with it, which may be after it has arrived.
    fn counts(mirror: &HepMirror, expected: MirrorCounters) {
        let until = Instant::now() + Duration::from_secs(10);
        while mirror.counters() != expected && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(mirror.counters(), expected);
    }

    #[test]
    fn copies_arrive_masked_and_with_the_call_that_became_known_later() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mirror = HepMirror::start(MirrorConfig {
            server: server.local_addr().unwrap().to_string(),
            agent: Agent::default(),
        })
        .unwrap();
        mirror.copy(stamp(), &options("leg-a"));
        mirror.copy(stamp(), &options("leg-b"));
        mirror.leg((*b"leg-a").into(), "the-call".into());
        let mut packets = Vec::new();
        for _ in 0..2 {
            let mut packet = vec![0; 2048];
            let length = server.recv(&mut packet).unwrap();
            packets.push(String::from_utf8_lossy(&packet[..length]).into_owned());
        }
        assert!(packets[0].contains("the-call") && packets[0].contains("response=\"***\""));
        assert!(!packets[1].contains("the-call") && packets[1].matches("leg-b").count() == 2);
        counts(&mirror, MirrorCounters { sent: 2, lost: 0 });
    }

    #[test]
    fn a_server_that_has_no_address_costs_copies_only() {
        let mirror = HepMirror::start(MirrorConfig {
            server: "no host:1".to_owned(),
            agent: Agent::default(),
        })
        .unwrap();
        mirror.copy(stamp(), &options("x"));
        counts(&mirror, MirrorCounters { sent: 0, lost: 1 });
    }
}
