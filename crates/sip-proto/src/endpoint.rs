//! Transactions of one shard: matching, timers, and what is answered without asking anybody.

mod client;
mod drops;
mod event;
mod keys;
mod overtaker;
mod screen;
mod server;
mod slab;

pub use client::{Otherwise, RequestError};
pub use drops::DropReason;
pub use event::{ClientId, Counts, Event, Outbox, Send, SendOrigin, ServerId};

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip_msg::{Defect, HeaderId, Message, ParseError};

use crate::overload::{self, Overload, Peers};
use crate::reply::{reply, target};
use crate::tcp::Refusals;
use crate::timers::{TimerKey, TimerQueue};
use crate::transaction::Slot;
use crate::{EndpointConfig, Flow, Mint};
use client::Client;
use drops::Drops;
use event::Origin;
use keys::Secret;
use overtaker::Overtakers;
use screen::Refusal;
use server::Servers;
use slab::Table;

/// All transactions of one shard. It answers by itself what needs no decision, absorbs copies, and sends again what has to be sent
/// again; everything else becomes an [`Event`].
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    mint: Mint,
    secret: Secret,
    servers: Servers,
    clients: Table<Client>,
    /// Begins with the first moment that is heard of.
    timers: Option<TimerQueue<Due>>,
    drops: Drops,
    /// CANCELs that came before their INVITEs.
    overtakers: Overtakers,
    /// Who has no TCP.
    no_tcp: Refusals,
    overload: Overload,
    peers: Peers,
    /// A moment, in milliseconds since 1970 and by the clock that the others are by.
    epoch: Option<(u64, Instant)>,
    /// When something came last.
    latest: Option<Instant>,
    /// Keys are put together here, so that looking one up allocates nothing.
    scratch: Vec<u8>,
}

/// A timer of a transaction.
#[derive(Clone, Copy, Debug)]
struct Due(Origin, Slot);

/// The timers that a transaction has running.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    repeat: Option<TimerKey>,
    limit: Option<TimerKey>,
}

impl Running {
    fn at(&mut self, slot: Slot) -> &mut Option<TimerKey> {
        match slot {
            Slot::Repeat => &mut self.repeat,
            Slot::Limit => &mut self.limit,
        }
    }

    fn start(&mut self, queue: &mut Option<TimerQueue<Due>>, now: Instant, at: Instant, due: Due) {
        let queue = queue.get_or_insert_with(|| TimerQueue::new(now));
        let running = self.at(due.1);
        if let Some(key) = running.take() {
            queue.cancel(key);
        }
        *running = Some(queue.insert(at, due));
    }

    fn stop(&mut self, queue: &mut Option<TimerQueue<Due>>, slot: Slot) {
        if let (Some(key), Some(queue)) = (self.at(slot).take(), queue) {
            queue.cancel(key);
        }
    }
}

impl Endpoint {
    /// An endpoint without transactions.
    pub fn new(config: EndpointConfig, mut mint: Mint) -> Self {
        Self {
            secret: Secret::new(&mut mint),
            config,
            mint,
            servers: Servers::new(),
            clients: Table::new(),
            timers: None,
            drops: Drops::new(),
            overtakers: Overtakers::default(),
            no_tcp: Refusals::default(),
            overload: Overload::default(),
            peers: Peers::default(),
            epoch: None,
            latest: None,
            scratch: Vec::new(),
        }
    }

    /// Takes in what came: screens and matches it, absorbs copies.
    pub fn receive(
        &mut self,
        now: Instant,
        flow: Flow,
        message: Result<Message, ParseError>,
        out: &mut Outbox,
    ) {
        self.latest = Some(now);
        match message {
            Ok(message) if message.is_request() => self.receive_request(now, flow, message, out),
            Ok(message) => self.receive_response(now, message, out),
            Err(error) => self.receive_malformed(&flow, &error, out),
        }
    }

    /// Something that was to be sent was not.
    pub fn send_failed(&mut self, now: Instant, origin: SendOrigin, out: &mut Outbox) {
        match origin.0 {
            Origin::Server(id) => self.server_send_failed(now, id, out),
            Origin::Client(id) => self.client_send_failed(now, id, out),
        }
    }

    /// When [`Endpoint::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.as_ref().and_then(TimerQueue::next)
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((_, Due(origin, slot))) = self.timers.as_mut().and_then(|timers| timers.pop(now)) {
            match origin {
                Origin::Server(id) => self.server_timer(now, id, slot, out),
                Origin::Client(id) => self.client_timer(now, id, slot, out),
            }
        }
    }

    /// Identifiers.
    pub fn mint(&mut self) -> &mut Mint {
        &mut self.mint
    }

    /// Whether a tag is one that this endpoint's mint has made.
    pub fn made(&self, tag: &[u8]) -> bool {
        self.mint.made(tag)
    }

    /// Live transactions.
    pub fn counts(&self) -> Counts {
        Counts {
            server: self.servers.len(),
            client: self.clients.len(),
        }
    }

    /// How often a reason to drop, absorb or refuse a message was met.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason)
    }

    /// Every reason's name and count.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|&reason| (reason.as_str(), self.drops.get(reason)))
    }

    /// How much is turned away for overload.
    pub fn overload(&mut self) -> &mut Overload {
        &mut self.overload
    }

    /// The share of new requests that is turned away now, from 0 to 1.
    pub fn loss(&self) -> f32 {
        self.overload.loss()
    }

    /// Says what time it is; the words that peers are told of our load are numbered by it (RFC 7339 §4.4).
    pub fn set_epoch(&mut self, now: Instant, unix_ms: u64) {
        self.epoch = Some((unix_ms, now));
    }

    /// From now on requests to this peer should say, in their Via, that we take word of its load ([`Endpoint::is_told`]).
    pub fn tell(&mut self, remote: SocketAddr) {
        self.peers.tell(remote);
    }

    /// Whether this peer is told that we take word of its load.
    pub fn is_told(&self, remote: SocketAddr) -> bool {
        !self.peers.is_empty() && self.peers.is_told(remote)
    }

    /// Whether a new request is to be kept from this peer, which has said that it has too much to do.
    pub fn keeps_back(&mut self, now: Instant, remote: SocketAddr) -> bool {
        !self.peers.is_empty() && self.peers.keeps_back(now, remote)
    }

    /// An answer to somebody who wants to know of our load.
    fn with_load(&self, now: Option<Instant>, bytes: Bytes) -> Bytes {
        let at_ms = match (self.epoch, now) {
            (Some((unix_ms, then)), Some(now)) => {
                let passed = now.saturating_duration_since(then).as_millis();
                unix_ms.saturating_add(u64::try_from(passed).unwrap_or(0))
            }
            (Some((unix_ms, _)), None) => unix_ms,
            (None, _) => 0,
        };
        overload::mark(&bytes, self.overload.loss(), at_ms)
    }

    /// Notes that a message was dropped before it came here.
    pub fn count(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }

    /// Answers a request with these headers and keeps nothing of it: copies get an answer of their own, and an ACK to it is
    /// absorbed (RFC 3261 §8.2.7).
    pub fn refuse_unkept(
        &mut self,
        flow: &Flow,
        request: &Message,
        status: u16,
        headers: Vec<(HeaderId, Vec<u8>)>,
        why: DropReason,
        out: &mut Outbox,
    ) {
        let refusal = Refusal {
            status,
            why,
            hints: headers,
        };
        self.refuse(flow, request, &refusal, None, out);
    }

    fn receive_malformed(&mut self, flow: &Flow, error: &ParseError, out: &mut Outbox) {
        if error.defect == Defect::KeepAlive {
            return;
        }
        match error.answer() {
            Some((request, status)) => {
                let refusal = Refusal::plain(status, DropReason::MalformedRefused);
                self.refuse(flow, request, &refusal, Some(error.defect.as_str()), out);
            }
            None => self.drops.count(DropReason::Malformed),
        }
    }

    /// Answers statelessly (RFC 3261 §8.2.7): copies of the request get the same answer, nothing is kept.
    fn refuse(
        &mut self,
        flow: &Flow,
        request: &Message,
        refusal: &Refusal,
        reason: Option<&str>,
        out: &mut Outbox,
    ) {
        self.drops.count(refusal.why);
        let tag = self
            .secret
            .stateless_tag(self.mint.shard(), request, &mut self.scratch);
        let mut answer = reply(request, flow, refusal.status, reason, Some(&tag));
        for (id, value) in &refusal.hints {
            answer.header(*id, value);
        }
        self.sign(&mut answer);
        let mut bytes = answer.finish();
        if overload::asks(request) {
            bytes = self.with_load(self.latest, bytes);
        }
        let flow = Flow {
            remote: target(&request.top_via(), flow),
            ..*flow
        };
        out.sends.push(Send {
            flow,
            bytes,
            origin: None,
            turns_away: refusal.why == DropReason::Overload,
        });
    }

    /// The Server header of an answer of our own.
    fn sign(&self, answer: &mut sip_msg::Writer) {
        if let Some(product) = &self.config.product {
            answer.header(HeaderId::Server, product.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ListenerId, PeerId, Transport};

    /// What lingers for 32 s after each call has to be small; the heap parts are one key and at most one message.
    #[test]
    fn a_transaction_is_small() {
        assert!(size_of::<super::server::Server>() <= 256);
        assert!(size_of::<super::Client>() <= 256);
    }

    #[test]
    fn an_ended_transaction_leaves_nothing_in_any_index() {
        let mut endpoint = Endpoint::new(EndpointConfig::default(), Mint::new(0, [1; 32]));
        let remote = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote,
            conn: None,
            peer: PeerId::default(),
        };
        let mut now = Instant::now();
        let mut out = Outbox::default();
        for i in 0..100 {
            let text = format!(
                "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{i}\r\nFrom: <sip:a@h>;tag=f\r\n\
                 To: <sip:us>\r\nCall-ID: c{i}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            endpoint.receive(
                now,
                flow,
                sip_msg::parse(Bytes::from(text), &sip_msg::Limits::default()),
                &mut out,
            );
            now += Duration::from_secs(32);
            endpoint.handle_timeout(now, &mut out);
        }
        assert_eq!((endpoint.servers.len(), endpoint.servers.merging()), (0, 0));
        assert!(endpoint.timers.is_some_and(|timers| timers.is_empty()));
    }
}
