//! An endpoint with a clock of its own, and messages to feed it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_msg::{HeaderId, Limits, Message};
use sip_proto::{
    ClientId, DropReason, Endpoint, EndpointConfig, Event, Flow, ListenerId, Mint, Otherwise, Outbox, PeerId,
    Send, ServerId, Transport, reply,
};

pub(crate) const PEER: &str = "192.0.2.1:5060";

pub(crate) fn udp(remote: &str) -> Flow {
    let remote: SocketAddr = remote.parse().expect("address");
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote,
        conn: None,
        peer: PeerId::default(),
    }
}

pub(crate) fn tcp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Tcp,
        ..udp(remote)
    }
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A message written with LF.
pub(crate) fn parse(text: &str) -> Message {
    let bytes = Bytes::from(text.replace('\n', "\r\n"));
    sip_msg::parse(bytes, &Limits::default()).expect(text)
}

/// A request to us, as its parts.
#[derive(Clone)]
pub(crate) struct Req {
    pub(crate) method: &'static str,
    pub(crate) uri: &'static str,
    pub(crate) via: String,
    pub(crate) from_tag: &'static str,
    pub(crate) to_tag: Option<String>,
    pub(crate) call_id: &'static str,
    pub(crate) cseq: u32,
    pub(crate) more: &'static str,
}

impl Req {
    pub(crate) fn new(method: &'static str, branch: &str) -> Self {
        Self {
            method,
            uri: "sip:bob@203.0.113.1",
            via: format!("SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"),
            from_tag: "ft",
            to_tag: None,
            call_id: "c1@192.0.2.1",
            cseq: 1,
            more: "",
        }
    }

    pub(crate) fn tagged(mut self, tag: &str) -> Self {
        self.to_tag = Some(tag.to_owned());
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            method,
            uri,
            via,
            from_tag,
            call_id,
            cseq,
            more,
            ..
        } = self;
        let to_tag = self
            .to_tag
            .as_ref()
            .map(|tag| format!(";tag={tag}"))
            .unwrap_or_default();
        format!(
            "{method} {uri} SIP/2.0\nVia: {via}\nFrom: <sip:alice@192.0.2.1>;tag={from_tag}\n\
             To: <sip:bob@203.0.113.1>{to_tag}\nCall-ID: {call_id}\nCSeq: {cseq} {method}\n\
             Contact: <sip:alice@192.0.2.1>\nMax-Forwards: 70\n{more}Content-Length: 0\n\n"
        )
    }

    pub(crate) fn message(&self) -> Message {
        parse(&self.text())
    }
}

/// An endpoint, its clock, and everything it has sent so far with the time of it.
pub(crate) struct Bench {
    pub(crate) endpoint: Endpoint,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    out: Outbox,
    sent: Vec<(u64, Send)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(EndpointConfig {
            extensions: vec!["100rel".into(), "timer".into()],
            ..EndpointConfig::default()
        })
    }

    pub(crate) fn with(config: EndpointConfig) -> Self {
        let now = Instant::now();
        let endpoint = Endpoint::new(config, Mint::new(1, [7; 32]));
        Self {
            endpoint,
            start: now,
            now,
            out: Outbox::default(),
            sent: Vec::new(),
        }
    }

    pub(crate) fn receive(&mut self, flow: Flow, message: Message) {
        self.endpoint.receive(self.now, flow, Ok(message), &mut self.out);
        self.collect();
    }

    pub(crate) fn receive_bytes(&mut self, text: &str) {
        let parsed = sip_msg::parse(Bytes::from(text.replace('\n', "\r\n")), &Limits::default());
        self.endpoint.receive(self.now, udp(PEER), parsed, &mut self.out);
        self.collect();
    }

    /// Receives a request and gives what it was answered with, at once.
    pub(crate) fn ask(&mut self, request: &Req) -> Vec<Message> {
        self.receive(udp(PEER), request.message());
        self.messages()
    }

    /// Receives an INVITE (or another request) that becomes an event; gives its id and forgets the 100.
    pub(crate) fn incoming(&mut self, flow: Flow, request: &Req) -> ServerId {
        self.receive(flow, request.message());
        self.sent.clear();
        match self.event() {
            Some(Event::Invite { id, .. } | Event::Request { id, .. }) => id,
            other => panic!("a request, not {other:?}"),
        }
    }

    pub(crate) fn respond(&mut self, id: ServerId, request: &Req, status: u16) {
        let bytes = reply(&request.message(), &udp(PEER), status, None, Some(b"ours")).finish();
        self.endpoint.respond(self.now, id, bytes, &mut self.out);
        self.collect();
    }

    /// Lets time pass, firing every timer at its moment.
    pub(crate) fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.endpoint.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now, &mut self.out);
            self.collect();
        }
        self.now = until;
    }

    /// Lets time pass unattended and then looks at the timers once.
    pub(crate) fn oversleep(&mut self, by: Duration) {
        self.now += by;
        self.endpoint.handle_timeout(self.now, &mut self.out);
        self.collect();
    }

    /// Sends a request of ours.
    pub(crate) fn request(&mut self, flow: Flow, method: &str, more: &str) -> ClientId {
        let branch = self.endpoint.mint().branch();
        let bytes = self.ours(method, &branch.to_string(), more);
        self.try_request(flow, bytes).expect("sent")
    }

    pub(crate) fn ours(&self, method: &str, branch: &str, more: &str) -> Bytes {
        let text = format!(
            "{method} sip:carol@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.1:5060;rport;branch={branch}\n\
             From: <sip:us@203.0.113.1>;tag=us\nTo: <sip:carol@192.0.2.1>\nCall-ID: c2\nCSeq: 3 {method}\n\
             Contact: <sip:us@203.0.113.1>\nMax-Forwards: 69\n{more}Content-Length: 0\n\n"
        );
        Bytes::from(text.replace('\n', "\r\n"))
    }

    pub(crate) fn try_request(
        &mut self,
        flow: Flow,
        bytes: Bytes,
    ) -> Result<ClientId, sip_proto::RequestError> {
        let result = self.endpoint.request(self.now, flow, bytes, &mut self.out);
        self.collect();
        result
    }

    /// Sends a request of ours by TCP, or by UDP where that can't be.
    pub(crate) fn request_or(&mut self, method: &str) -> ClientId {
        self.request_or_from(method, "203.0.113.1:5060")
    }

    /// The same; over TCP we are reached at `sent_by`.
    pub(crate) fn request_or_from(&mut self, method: &str, sent_by: &str) -> ClientId {
        let branch = self.endpoint.mint().branch().to_string();
        let bytes = self.ours(method, &branch, "");
        let by_tcp = String::from_utf8_lossy(&bytes)
            .replace("SIP/2.0/UDP 203.0.113.1:5060", &format!("SIP/2.0/TCP {sent_by}"));
        let message = sip_msg::parse(Bytes::from(by_tcp), &Limits::default()).expect("ours");
        let otherwise = Otherwise {
            flow: udp(PEER),
            bytes,
        };
        let id = self
            .endpoint
            .request_or(self.now, tcp(PEER), &message, otherwise, &mut self.out)
            .expect("sent");
        self.collect();
        id
    }

    pub(crate) fn cancel(&mut self, id: ClientId, reason: Option<&str>) {
        self.endpoint
            .cancel(self.now, id, reason.map(str::as_bytes), &mut self.out);
        self.collect();
    }

    pub(crate) fn ack(&mut self, id: ClientId, to_tag: &str, text: &'static str) {
        self.endpoint.ack(
            self.now,
            id,
            to_tag.as_bytes(),
            udp(PEER),
            Bytes::from_static(text.as_bytes()),
            &mut self.out,
        );
        self.collect();
    }

    pub(crate) fn send_failed(&mut self, send: &Send) {
        let origin = send.origin.expect("has an origin");
        self.endpoint.send_failed(self.now, origin, &mut self.out);
        self.collect();
    }

    pub(crate) fn unreachable(&mut self, remote: &str) {
        let flow = udp(remote);
        self.endpoint.unreachable(self.now, |f| *f == flow, &mut self.out);
        self.collect();
    }

    /// The peer's response to a request that we sent.
    pub(crate) fn response(&mut self, to: &Message, status: u16, to_tag: &str) {
        let bytes = reply(
            to,
            &udp("203.0.113.1:5060"),
            status,
            None,
            Some(to_tag.as_bytes()),
        )
        .finish();
        let message = sip_msg::parse(bytes, &Limits::default()).expect("response");
        self.receive(udp(PEER), message);
    }

    fn collect(&mut self) {
        let at = u64::try_from((self.now - self.start).as_millis()).expect("short test");
        self.sent.extend(self.out.sends.drain(..).map(|send| (at, send)));
    }

    /// What was sent since the last look.
    pub(crate) fn sends(&mut self) -> Vec<Send> {
        self.sent.drain(..).map(|(_, send)| send).collect()
    }

    pub(crate) fn messages(&mut self) -> Vec<Message> {
        let sends = self.sends().into_iter();
        sends
            .map(|send| sip_msg::parse(send.bytes, &Limits::default()).expect("well formed"))
            .collect()
    }

    /// The one message sent since the last look.
    pub(crate) fn only(&mut self) -> Message {
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "one message: {messages:?}");
        messages.remove(0)
    }

    /// When messages were sent since the last look, in milliseconds since the start.
    pub(crate) fn times(&mut self) -> Vec<u64> {
        self.sent.drain(..).map(|(at, _)| at).collect()
    }

    /// Method or status of what was sent since the last look.
    pub(crate) fn kinds(&mut self) -> Vec<String> {
        self.messages().iter().map(kind).collect()
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    pub(crate) fn no_event(&mut self) {
        assert!(self.out.events.is_empty(), "no event: {:?}", self.out.events);
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.endpoint.dropped(reason)
    }

    /// Nothing is left, and no timer.
    pub(crate) fn assert_quiet(&self) {
        assert_eq!(self.endpoint.counts(), sip_proto::Counts::default());
        assert_eq!(self.endpoint.poll_timeout(), None);
    }
}

pub(crate) fn kind(message: &Message) -> String {
    match message.method() {
        Some(method) => method.to_string(),
        None => format!("{} {}", message.status().unwrap_or_default(), message.cseq().1),
    }
}

pub(crate) fn header(message: &Message, id: HeaderId) -> String {
    String::from_utf8_lossy(message.header(id).unwrap_or_default()).into_owned()
}
