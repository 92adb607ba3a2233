//! What is looked through while more comes than can be done: who is answered at once, and who waits for its turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_proto::{Flow, ListenerId, PeerId, Transport};
use switch::{Command, Input, Now, Sifted, Switch, SwitchConfig};
use testkit::bed::{A, CONFIG, X, addr};

/// A switch that has had too much to do for a second.
struct Busy {
    switch: Switch,
    now: Now,
    commands: Vec<Command>,
}

impl Busy {
    fn new(more: &str) -> Self {
        let now = Now {
            at: Instant::now(),
            unix_ms: 1_767_225_600_000,
        };
        let config = SwitchConfig {
            shard: 0,
            seed: [7; 32],
        };
        let snapshot = testkit::snapshot(&format!("{CONFIG}[edge]\n{more}"));
        let mut busy = Self {
            switch: Switch::new(config, snapshot, now),
            now,
            commands: Vec::new(),
        };
        for _ in 0..20 {
            busy.now.at += Duration::from_millis(50);
            busy.switch.waited(busy.now, Duration::from_millis(30));
        }
        assert!(busy.switch.is_overloaded());
        busy
    }

    fn flow(from: &str) -> Flow {
        let remote: SocketAddr = addr(from);
        Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote,
            conn: None,
            peer: PeerId::default(),
        }
    }

    fn sift(&mut self, from: &str, text: &str) -> Sifted {
        self.switch.sift(
            self.now,
            Self::flow(from),
            text.as_bytes(),
            None,
            &mut self.commands,
        )
    }

    /// What goes out.
    fn sent(&mut self) -> Vec<Bytes> {
        let sent = self.commands.drain(..).filter_map(|command| match command {
            Command::Send(send) => Some(send.bytes),
            _ => None,
        });
        sent.collect()
    }
}

fn request(from: &str, method: &str, n: u32, to_tag: &str) -> String {
    format!(
        "{method} sip:+442079460000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{n};rport\r\n\
         From: <sip:+442071838750@{from}>;tag=a{n}\r\nTo: <sip:+442079460000@127.0.0.1>{to_tag}\r\nCall-ID: c{n}\r\n\
         CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{from}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Most calls are refused before anything is made of them; the rest waits, and is taken when its turn comes. Copies have the lot of the
/// first, whether that has been handled or not.
#[test]
fn a_call_is_refused_at_once_or_waits_and_its_copies_with_it() {
    let mut busy = Busy::new("");
    let (mut refused, mut waiting) = (0, Vec::new());
    for n in 0..200 {
        let invite = request(A, "INVITE", n, "");
        let away = match busy.sift(A, &invite) {
            Sifted::Away => true,
            Sifted::Waits { input, .. } => {
                assert!(matches!(input, Input::Admitted { .. }));
                waiting.push(input);
                false
            }
            Sifted::Done(_) => panic!("a call that is neither"),
        };
        let answers = busy.sent();
        assert_eq!(answers.len(), usize::from(away));
        assert!(
            answers
                .iter()
                .all(|answer| answer.starts_with(b"SIP/2.0 503 ") && says(answer, "Retry-After: "))
        );
        refused += usize::from(away);
        let copy = busy.sift(A, &invite);
        assert_eq!(matches!(copy, Sifted::Away), away);
        assert_eq!(busy.sent(), answers);
    }
    assert!(refused > 50 && !waiting.is_empty(), "{refused} refused");
    assert_eq!(busy.switch.gauges().calls, 0, "nothing is made of what waits");
    let taken = waiting.len();
    for input in waiting {
        busy.switch.handle(busy.now, input, &mut busy.commands);
    }
    assert_eq!(busy.switch.gauges().calls, taken);
}

/// What belongs to calls waits in its order, unread; whether we live may be asked at any time; an ACK to a refusal is of no interest.
#[test]
fn what_is_within_calls_waits_and_the_ack_to_a_refusal_is_gone() {
    let mut busy = Busy::new("");
    for method in ["BYE", "CANCEL", "PRACK", "UPDATE", "OPTIONS", "INVITE", "INFO"] {
        let text = request(A, method, 1, ";tag=ours");
        assert!(matches!(busy.sift(A, &text), Sifted::Waits { .. }), "{method}");
    }
    let asked = busy.sift(A, &request(A, "OPTIONS", 2, ""));
    assert!(matches!(asked, Sifted::Waits { .. }));
    let answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n";
    assert!(matches!(busy.sift(A, answer), Sifted::Waits { .. }));
    assert!(matches!(busy.sift(A, "no SIP at all"), Sifted::Waits { .. }));
    assert!(busy.sent().is_empty());
    let refusal = (10..)
        .find_map(|n| {
            busy.sift(A, &request(A, "INVITE", n, ""));
            busy.sent().pop()
        })
        .unwrap();
    let text = String::from_utf8(refusal.to_vec()).unwrap();
    let tag = text.lines().find(|line| line.starts_with("To: ")).unwrap();
    let tag = tag.split_once('>').unwrap().1;
    assert!(matches!(busy.sift(A, &request(A, "ACK", 10, tag)), Sifted::Away));
}

/// Strangers are told nothing, and what they sent is kept for whoever looks for it.
#[test]
fn strangers_are_told_nothing() {
    let mut busy = Busy::new("unknown_sources = \"drop\"\n");
    for n in 0..10 {
        let sifted = busy.sift(X, &request(X, "INVITE", n, ""));
        assert!(!matches!(sifted, Sifted::Waits { .. }));
    }
    assert!(busy.sent().is_empty());
}

fn says(text: &[u8], part: &str) -> bool {
    String::from_utf8_lossy(text).contains(part)
}
