//! Raw SIP peers: one UDP socket each, or connections, messages written by hand, every expectation with a deadline.
//!
//! A peer is deliberately dumb. It retransmits nothing, answers nothing by itself and remembers what came, so that a test can
//! lose an ACK or repeat a 200 by just doing so. A datagram that came before, byte for byte, is a retransmission: it is
//! counted ([`SipPeer::repeats`]) and not handed to expectations.

mod call;

pub use call::Call;

use crate::stream::{Connections, Kind};
use bytes::Bytes;
use sip_msg::{Limits, Message};
use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long an expectation waits unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A message that came, with its source and time.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// When it was read.
    pub at: Instant,
    /// Where it came from.
    pub from: SocketAddr,
    /// What it says.
    pub message: Message,
}

impl Incoming {
    /// First line, for transcripts.
    #[must_use]
    pub fn first_line(&self) -> String {
        first_line(self.message.raw())
    }

    fn is_request(&self, method: &str) -> bool {
        self.message
            .method()
            .is_some_and(|m| m.as_bytes() == method.as_bytes())
    }
}

/// A SIP endpoint on one address, played by the test.
#[derive(Debug)]
pub struct SipPeer {
    name: &'static str,
    wire: Wire,
    local: SocketAddr,
    sut: SocketAddr,
    patience: Cell<Duration>,
    inbox: RefCell<VecDeque<Incoming>>,
    seen: RefCell<HashSet<Bytes>>,
    repeats: RefCell<Vec<Incoming>>,
    transcript: RefCell<Vec<String>>,
    born: Instant,
}

impl SipPeer {
    /// A peer called `name` in transcripts, bound to `local`, that talks to the switch at `sut`.
    ///
    /// # Panics
    /// When the address can't be bound.
    #[must_use]
    pub fn bind(name: &'static str, local: SocketAddr, sut: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap_or_else(|error| panic!("{name} at {local}: {error}"));
        let local = socket.local_addr().expect("a bound socket has an address");
        Self {
            name,
            wire: Wire::Udp(socket),
            local,
            sut,
            patience: Cell::new(PATIENCE),
            inbox: RefCell::default(),
            seen: RefCell::default(),
            repeats: RefCell::default(),
            transcript: RefCell::default(),
            born: Instant::now(),
        }
    }

    /// The same over connections: it listens at `local` where its `kind` can, and connects from there when it has something to say
    /// and no connection.
    ///
    /// # Panics
    /// When the address can't be bound.
    #[must_use]
    pub fn connected(name: &'static str, local: SocketAddr, sut: SocketAddr, kind: Kind) -> Self {
        let wire = Connections::new(local, kind).unwrap_or_else(|error| panic!("{name} at {local}: {error}"));
        Self {
            name,
            wire: Wire::Stream(Box::new(wire)),
            local,
            sut,
            patience: Cell::new(PATIENCE),
            inbox: RefCell::default(),
            seen: RefCell::default(),
            repeats: RefCell::default(),
            transcript: RefCell::default(),
            born: Instant::now(),
        }
    }

    /// Its connections.
    ///
    /// # Panics
    /// It has none: it speaks UDP.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        match &self.wire {
            Wire::Stream(connections) => connections,
            Wire::Udp(_) => panic!("{} speaks UDP", self.name),
        }
    }

    /// Its transport as a Via names it.
    #[must_use]
    pub fn via(&self) -> &'static str {
        match &self.wire {
            Wire::Udp(_) => "UDP",
            Wire::Stream(connections) => connections.via(),
        }
    }

    /// What its URIs say of its transport.
    #[must_use]
    pub fn parameter(&self) -> &'static str {
        match self.via() {
            "TCP" => ";transport=tcp",
            "TLS" => ";transport=tls",
            "WS" | "WSS" => ";transport=ws",
            _ => "",
        }
    }

    /// How long expectations of this peer wait from now on.
    pub fn set_patience(&self, patience: Duration) {
        self.patience.set(patience);
    }

    /// Where this peer is.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where the switch is.
    #[must_use]
    pub fn sut(&self) -> SocketAddr {
        self.sut
    }

    /// Calls `number` through the switch. The INVITE is sent; nothing is awaited.
    #[must_use]
    pub fn invite(&self, number: &str, body: Option<&str>) -> Call<'_> {
        self.invite_with(number, &[], body)
    }

    /// The same with more header lines, as (name, value).
    #[must_use]
    pub fn invite_with(&self, number: &str, headers: &[(&str, &str)], body: Option<&str>) -> Call<'_> {
        Call::caller(self, number, headers, body)
    }

    /// Waits for an INVITE that begins a call.
    ///
    /// # Panics
    /// When none comes in time.
    #[must_use]
    pub fn incoming(&self) -> Call<'_> {
        let new = |incoming: &Incoming| incoming.is_request("INVITE") && incoming.message.to_tag().is_none();
        Call::called(self, self.wait("an INVITE", new))
    }

    /// The call that an INVITE begins which has been waited for already.
    #[must_use]
    pub fn taken(&self, invite: &Message, from: SocketAddr) -> Call<'_> {
        Call::called(
            self,
            Incoming {
                at: Instant::now(),
                from,
                message: invite.clone(),
            },
        )
    }

    /// Waits for the next message for which `wanted` holds; others stay in the inbox.
    ///
    /// # Panics
    /// When it doesn't come in time; the transcript is in the text.
    pub fn wait(&self, what: &str, wanted: impl Fn(&Incoming) -> bool) -> Incoming {
        self.wait_for(what, self.patience.get(), wanted)
            .unwrap_or_else(|| self.fail(&format!("{what} did not come")))
    }

    /// The same without failing: `None` after `patience`.
    pub fn wait_for(
        &self,
        _what: &str,
        patience: Duration,
        wanted: impl Fn(&Incoming) -> bool,
    ) -> Option<Incoming> {
        let deadline = Instant::now() + patience;
        loop {
            let at = self.inbox.borrow().iter().position(&wanted);
            if let Some(found) = at.and_then(|at| self.inbox.borrow_mut().remove(at)) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            self.read(left);
        }
    }

    /// Reads whatever comes during `time`; it stays in the inbox.
    pub fn listen(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.read(left);
        }
    }

    /// Fails if a message that no expectation took is there or comes during `time`. Retransmissions don't count.
    ///
    /// # Panics
    /// When there is one.
    pub fn expect_silence(&self, time: Duration) {
        self.listen(time);
        let first = self.inbox.borrow().front().map(Incoming::first_line);
        if let Some(first) = first {
            self.fail(&format!("unexpected: {first}"));
        }
    }

    /// Retransmissions received so far for which `wanted` holds.
    pub fn repeats(&self, wanted: impl Fn(&Incoming) -> bool) -> usize {
        self.repeats
            .borrow()
            .iter()
            .filter(|incoming| wanted(incoming))
            .count()
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn send_raw(&self, to: SocketAddr, bytes: &[u8]) {
        self.note("->", bytes);
        let sent = match &self.wire {
            Wire::Udp(socket) => socket.send_to(bytes, to).map(drop),
            Wire::Stream(connections) => connections.send(to, bytes),
        };
        if let Err(error) = sent {
            self.fail(&format!("cannot send to {to}: {error}"));
        }
    }

    /// A token that no other message of this process has.
    #[must_use]
    pub fn mint(&self, prefix: &str) -> String {
        // Of the process, not of the peer: another one may be bound where this one was.
        static MINTED: AtomicU64 = AtomicU64::new(0);
        let number = MINTED.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}{:x}-{number:x}", std::process::id())
    }

    /// Stops the test with `why` and what this peer sent and got.
    ///
    /// # Panics
    /// Always.
    pub fn fail(&self, why: &str) -> ! {
        let inbox: Vec<String> = self.inbox.borrow().iter().map(Incoming::first_line).collect();
        panic!(
            "{} at {}: {why}\ntranscript:\n{}\nin the inbox: {inbox:?}",
            self.name,
            self.local,
            self.transcript.borrow().join("\n")
        );
    }

    fn read(&self, patience: Duration) {
        // A time-out or an ICMP error: nothing came; the caller's deadline decides.
        let Some((raw, from)) = self.wire.read(patience.max(Duration::from_millis(1))) else {
            return;
        };
        // The answer to a STUN keep-alive (RFC 5626 §8): SIP begins with a letter.
        if raw.first().is_some_and(|first| *first < 4) {
            return;
        }
        let message = match sip_msg::parse(raw.clone(), &Limits::default()) {
            Ok(message) => message,
            Err(error) => self.fail(&format!(
                "not SIP: {:?}\n{}",
                error.defect,
                String::from_utf8_lossy(&raw)
            )),
        };
        let incoming = Incoming {
            at: Instant::now(),
            from,
            message,
        };
        let new = self.seen.borrow_mut().insert(raw.clone());
        self.note(if new { "<-" } else { "<= (again)" }, &raw);
        if new {
            self.inbox.borrow_mut().push_back(incoming);
        } else {
            self.repeats.borrow_mut().push(incoming);
        }
    }

    fn note(&self, arrow: &str, bytes: &[u8]) {
        let ms = self.born.elapsed().as_millis();
        let cseq = String::from_utf8_lossy(bytes);
        let cseq = cseq
            .lines()
            .find(|line| line.starts_with("CSeq"))
            .unwrap_or_default()
            .to_owned();
        self.transcript
            .borrow_mut()
            .push(format!("{ms:>6} ms {arrow} {}   {cseq}", first_line(bytes)));
    }
}

/// What a peer speaks over.
#[derive(Debug)]
enum Wire {
    Udp(UdpSocket),
    Stream(Box<Connections>),
}

impl Wire {
    fn read(&self, patience: Duration) -> Option<(Bytes, SocketAddr)> {
        match self {
            Self::Udp(socket) => {
                let _ = socket.set_read_timeout(Some(patience));
                let mut buffer = vec![0u8; 65_535];
                let (length, from) = socket.recv_from(&mut buffer).ok()?;
                buffer.truncate(length);
                Some((Bytes::from(buffer), from))
            }
            Self::Stream(connections) => connections.read(patience),
        }
    }
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_bound_where_another_was_mints_no_token_again() {
        let sut = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut local = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut minted = HashSet::new();
        for _ in 0..3 {
            let peer = SipPeer::bind("A", local, sut);
            local = peer.local();
            assert!((0..100).all(|_| minted.insert(peer.mint("z9hG4bK"))));
        }
    }
}
