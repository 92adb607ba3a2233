//! One call through [`Switch`] from INVITE to record, without sockets: what call control itself costs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use rtp_proto::control::{self, SessionStats};
use sip_msg::{HeaderId, Limits, Message};
use sip_proto::{Flow, ListenerId, PeerId, Transport, reply};
use switch::{Command, Input, Now, RecordJob, Switch, SwitchConfig};

/// As in the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Calls that are up at once: what a call has in memory is cold by the time it is wanted again.
const HELD: usize = 500;

/// Calls begin this far apart: ended ones linger for 32 s, so some thousand transactions are in the tables as under load.
const APART: Duration = Duration::from_millis(2);

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n";

/// A switch, and both of its peers.
struct Rig {
    switch: Switch,
    now: Now,
    commands: Vec<Command>,
    calls: u64,
    /// Calls that are up: number and our tag.
    held: VecDeque<(u64, String)>,
    caller: SocketAddr,
    carrier: SocketAddr,
}

impl Rig {
    fn new() -> Self {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_767_225_600_000,
        };
        let config = SwitchConfig {
            shard: 0,
            seed: [7; 32],
        };
        Self {
            switch: Switch::new(config, testkit::snapshot(testkit::bed::CONFIG), now),
            now,
            commands: Vec::new(),
            calls: 0,
            held: VecDeque::new(),
            caller: testkit::bed::addr(testkit::bed::A),
            carrier: testkit::bed::addr(testkit::bed::B1),
        }
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(self.now, input, &mut self.commands);
    }

    fn datagram(&mut self, remote: SocketAddr, bytes: Bytes) {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote,
            conn: None,
            peer: PeerId::default(),
        };
        self.input(Input::Datagram { flow, bytes });
    }

    /// Plays media plane and store, and gives what goes to this peer.
    fn sent_to(&mut self, remote: SocketAddr) -> Vec<Bytes> {
        let mut sent = Vec::new();
        while !self.commands.is_empty() {
            for command in std::mem::take(&mut self.commands) {
                match command {
                    Command::Send(send) if send.flow.remote == remote => sent.push(send.bytes),
                    Command::Send(_)
                    | Command::Resolve { .. }
                    | Command::FetchCertificate { .. }
                    | Command::LookUp { .. } => {}
                    Command::Media(command) => {
                        if let control::Command::Close { id } = *command {
                            let stats = Box::new(SessionStats::default());
                            self.input(Input::Media(control::Event::Closed { id, stats }));
                        }
                    }
                    Command::KeepRegistrations(_)
                    | Command::KeepUsual(_)
                    | Command::KeepLearned(_)
                    | Command::Leg { .. }
                    | Command::Event(_)
                    | Command::Probed { .. }
                    | Command::Alias { .. } => {}
                    Command::Record(
                        RecordJob::Journal { ticket, .. }
                        | RecordJob::Interim { ticket, .. }
                        | RecordJob::Final { ticket, .. },
                    ) => self.input(Input::Stored { ticket }),
                }
            }
        }
        sent
    }

    fn request(&self, method: &str, cseq: u32, to_tag: &str, body: &str) -> Bytes {
        let (n, at) = (self.calls, self.caller);
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        Bytes::from(format!(
            "{method} sip:+442079460000@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{n}-{method}\r\n\
             From: \"Alice\" <sip:+4930111@{at}>;tag=f{n}\r\nTo: <sip:+442079460000@127.0.0.1:5060>{to_tag}\r\n\
             Call-ID: {n}-call@127.0.0.10\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@{at}>\r\nMax-Forwards: 70\r\n\
             User-Agent: pbx/1.0\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn answer(&self, request: &Message, status: u16, body: Option<&str>) -> Bytes {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote: self.carrier,
            conn: None,
            peer: PeerId::default(),
        };
        let mut writer = reply(request, &flow, status, None, Some(b"carrier-tag"));
        writer.header_fmt(HeaderId::Contact, format_args!("<sip:gw@{}>", self.carrier));
        match body {
            Some(body) => writer.finish_with(b"application/sdp", body.as_bytes()),
            None => writer.finish(),
        }
    }

    /// A call begins: INVITE, 100, 180, 200, ACK on both sides. The one that has been up for longest ends.
    fn call(&mut self) {
        self.calls += 1;
        self.now.at += APART;
        self.input(Input::Timer);
        self.datagram(self.caller, self.request("INVITE", 1, "", SDP));
        let invite = parse(self.sent_to(self.carrier).pop().expect("an INVITE"));
        self.datagram(self.carrier, self.answer(&invite, 180, None));
        let _ = self.sent_to(self.caller);
        self.datagram(self.carrier, self.answer(&invite, 200, Some(SDP)));
        let ok = parse(self.sent_to(self.caller).pop().expect("a 200"));
        let tag = String::from_utf8_lossy(ok.to_tag().expect("our tag"));
        let to_tag = format!(";tag={tag}");
        self.datagram(self.caller, self.request("ACK", 1, &to_tag, ""));
        let newest = self.calls;
        self.held.push_back((newest, to_tag));
        if self.held.len() == HELD {
            let (oldest, to_tag) = self.held.pop_front().expect("a call");
            self.calls = oldest;
            self.hang_up(&to_tag);
            self.calls = newest;
        }
    }

    /// BYE by the caller, and the record.
    fn hang_up(&mut self, to_tag: &str) {
        self.datagram(self.caller, self.request("BYE", 2, to_tag, ""));
        let bye = parse(self.sent_to(self.carrier).pop().expect("a BYE"));
        self.datagram(self.carrier, self.answer(&bye, 200, None));
        let _ = self.sent_to(self.caller);
    }
}

fn parse(bytes: Bytes) -> Message {
    sip_msg::parse(bytes, &Limits::default()).expect("well formed")
}

fn call(c: &mut Criterion) {
    let mut rig = Rig::new();
    // What lingers comes and goes in balance after 64·T1.
    for _ in 0..20_000 {
        rig.call();
    }
    c.bench_function("call: INVITE, 180, 200, ACK, BYE, record", |b| {
        b.iter(|| rig.call())
    });
}

criterion_group!(benches, call);
criterion_main!(benches);
