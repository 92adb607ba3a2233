//! Whose a request is, as far as its answers depend on that.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip_msg::{Limits, Message};
use sip_proto::{ConnId, Flow, ListenerId, PeerId, Transport, reply};
use switch::{Command, Input, Now, Switch, SwitchConfig};
use testkit::bed::{A, CONFIG, addr};

const TLS: &str = r#"
[[listen]]
transport = "tls"
bind = "127.0.0.1:5061"
tls = { certificate = "sip.pem", key = "sip.key" }
"#;

/// A switch that is told and asked without a network.
struct Bare {
    switch: Switch,
    now: Now,
    commands: Vec<Command>,
}

impl Bare {
    fn new(config: &str) -> Self {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_767_225_600_000,
        };
        let own = SwitchConfig {
            shard: 0,
            seed: [7; 32],
        };
        Self {
            switch: Switch::new(own, testkit::snapshot(config), now),
            now,
            commands: Vec::new(),
        }
    }

    fn tell(&mut self, flow: Flow, text: &str) {
        let message = sip_msg::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default());
        let message = Box::new(message);
        self.switch
            .handle(self.now, Input::Message { flow, message }, &mut self.commands);
    }

    fn sent(&mut self) -> Vec<sip_proto::Send> {
        let sent = self.commands.drain(..).filter_map(|command| match command {
            Command::Send(send) => Some(send),
            _ => None,
        });
        sent.collect()
    }

    /// Status and way of each answer since the last look.
    fn answers(&mut self) -> Vec<(u16, Flow)> {
        let sent = self.sent().into_iter();
        let answer = |send: sip_proto::Send| Some((read(&send.bytes).status()?, send.flow));
        sent.filter_map(answer).collect()
    }
}

fn read(bytes: &Bytes) -> Message {
    sip_msg::parse(bytes.clone(), &Limits::default()).expect("a message")
}

fn request(method: &str, n: u32, to_tag: &str, more: &str) -> String {
    format!(
        "{method} sip:+442079460000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS {A};branch=z9hG4bK{n}\r\n\
         From: <sip:+442071838750@{A}>;tag=a\r\nTo: <sip:+442079460000@127.0.0.1>{to_tag}\r\nCall-ID: c{n}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{A};transport=tls>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// RFC 3261 §18.2.2: when its connection is gone an answer goes over a new one, which has to be to the trunk.
#[test]
fn answers_over_tls_say_which_trunk_they_are_for() {
    let mut bare = Bare::new(&format!("{CONFIG}{TLS}"));
    let remote: SocketAddr = addr(A);
    let flow = Flow {
        transport: Transport::Tls,
        listener: ListenerId(1),
        remote: SocketAddr::new(remote.ip(), 40_000),
        conn: Some(ConnId(1)),
        peer: PeerId::default(),
    };
    let pbx = PeerId(1);
    bare.tell(flow, &request("INVITE", 1, "", ""));
    let sent = bare.sent();
    let invite = sent.last().expect("to the carrier");
    bare.tell(flow, &request("INVITE", 1, "", ""));
    let answers = bare.answers();
    assert_eq!(answers[0].1.peer, pbx, "the last answer again: {answers:?}");
    assert_eq!(answers[0].1.remote, remote, "the port in its Via");
    let rings = reply(&read(&invite.bytes), &invite.flow, 180, None, Some(b"b")).finish();
    bare.tell(invite.flow, &String::from_utf8_lossy(&rings));
    let rings = read(&bare.sent()[0].bytes);
    let tag = String::from_utf8_lossy(rings.to_tag().expect("a tag")).into_owned();
    // Within the call, and outside of any.
    for within in [
        request("OPTIONS", 1, &format!(";tag={tag}"), "").replace("CSeq: 1", "CSeq: 2"),
        request("REFER", 2, "", "Refer-To: <sip:c@127.0.0.10>\r\n"),
    ] {
        bare.tell(flow, &within);
        let answers = bare.answers();
        assert!(
            answers.iter().all(|(_, flow)| flow.peer == pbx) && !answers.is_empty(),
            "{within}: {answers:?}"
        );
    }
}

/// Above `max_rps` a copy of what was taken is still one: its sender would give up what rings at a carrier.
#[test]
fn a_copy_of_what_was_taken_is_not_refused_by_the_rate_of_its_trunk() {
    let mut bare = Bare::new(&CONFIG.replace("name = \"pbx\"", "name = \"pbx\"\nmax_rps = 0.25"));
    let flow = Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote: addr(A),
        conn: None,
        peer: PeerId::default(),
    };
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.10\r\ns=-\r\nc=IN IP4 127.0.0.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n";
    let length = format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len());
    let invite = |n| {
        let head = request("INVITE", n, "", "Content-Type: application/sdp\r\n");
        head.replace("SIP/2.0/TLS", "SIP/2.0/UDP")
            .replace("Content-Length: 0\r\n\r\n", &length)
    };
    let statuses = |bare: &mut Bare| {
        let answers = bare.answers().into_iter();
        answers.map(|(status, _)| status).collect::<Vec<_>>()
    };
    bare.tell(flow, &invite(1));
    assert_eq!(statuses(&mut bare), [100]);
    for _ in 0..2 {
        bare.tell(flow, &invite(2));
        assert_eq!(statuses(&mut bare), [503]);
        bare.tell(flow, &invite(1));
        assert_eq!(statuses(&mut bare), [100]);
    }
    assert_eq!(bare.switch.gauges().calls, 1);
}
