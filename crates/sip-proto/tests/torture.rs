//! The messages of RFC 4475 and RFC 5118, and a hundred thousand spoilt copies of them, at an endpoint's door.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_msg::torture::{Case, RFC4475, RFC5118, Treatment};
use sip_msg::{Limits, Message};
use sip_proto::{
    Counts, Endpoint, EndpointConfig, Event, Flow, ListenerId, Mint, Outbox, PeerId, Transport, reply,
};

const MOST: usize = 64;

struct Door {
    endpoint: Endpoint,
    out: Outbox,
    now: Instant,
}

impl Door {
    fn new() -> Self {
        let config = EndpointConfig {
            max_server: MOST,
            ..EndpointConfig::default()
        };
        Self {
            endpoint: Endpoint::new(config, Mint::new(0, [2; 32])),
            out: Outbox::default(),
            now: Instant::now(),
        }
    }

    fn flow() -> Flow {
        let remote = SocketAddr::from(([192, 0, 2, 250], 5060));
        Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote,
            conn: None,
            peer: PeerId::default(),
        }
    }

    fn take(&mut self, bytes: Bytes) {
        let message = sip_msg::parse(bytes, &Limits::default());
        self.endpoint
            .receive(self.now, Self::flow(), message, &mut self.out);
    }

    /// Final statuses among what goes out.
    fn finals(&mut self) -> Vec<u16> {
        let sends = self.out.sends.drain(..);
        let statuses = sends.map(|send| {
            let digits = send
                .bytes
                .strip_prefix(b"SIP/2.0 ")
                .expect("a response")
                .get(..3)
                .expect("status")
                .to_vec();
            String::from_utf8(digits).expect("text").parse().expect("number")
        });
        statuses.filter(|status| *status >= 200).collect()
    }

    /// Refuses whatever waits for an answer.
    fn refuse_all(&mut self) -> usize {
        let mut refused = 0;
        while let Some(event) = self.out.events.pop_front() {
            let (id, message): (_, Message) = match event {
                Event::Invite { id, message, .. } | Event::Request { id, message, .. } => (id, message),
                Event::Ack { .. } | Event::Cancelled { .. } | Event::ServerGone { .. } => continue,
                other => panic!("we sent nothing: {other:?}"),
            };
            let answer = reply(&message, &Self::flow(), 404, None, Some(b"ours")).finish();
            self.endpoint.respond(self.now, id, answer, &mut self.out);
            refused += 1;
        }
        refused
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    RFC4475.iter().chain(RFC5118)
}

#[test]
fn each_message_is_answered_as_its_rfc_allows() {
    for case in cases() {
        let mut door = Door::new();
        door.take(Bytes::from_static(case.bytes));
        let finals = door.finals();
        match case.parser {
            Treatment::Answer(defect) => {
                assert_eq!(finals, [defect.status().expect("has a status")], "{}", case.name);
            }
            Treatment::Drop(_) => assert_eq!(finals, [], "{}", case.name),
            Treatment::Accept => {
                let [status] = finals[..] else { continue };
                assert!(
                    case.answers.contains(&status),
                    "{}: {status} is none of {:?}",
                    case.name,
                    case.answers
                );
            }
        }
        assert!(
            door.out.events.is_empty() && door.endpoint.counts() == Counts::default(),
            "{}",
            case.name
        );
    }
}

#[test]
fn the_refusals_that_need_no_user_are_given() {
    for (name, status) in [
        ("unkscm", 416),
        ("novelsc", 416),
        ("bext01", 420),
        ("zeromf", 200),
        ("bcast", 0),
        ("intmeth", 501),
    ] {
        let case = cases().find(|case| case.name == name).expect(name);
        let mut door = Door::new();
        door.take(Bytes::from_static(case.bytes));
        // zeromf is an OPTIONS: as if Max-Forwards were positive, so it is the user's.
        let expected = if status < 300 { vec![] } else { vec![status] };
        assert_eq!(door.finals(), expected, "{name}");
        assert_eq!(door.out.events.len(), usize::from(status == 200), "{name}");
    }
}

#[test]
fn spoilt_messages_do_no_harm_and_leave_nothing() {
    let originals: Vec<&[u8]> = cases().map(|case| case.bytes).collect();
    let mut dice = Mint::new(7, [77; 32]);
    let mut door = Door::new();
    let mut refused = 0;
    for round in 0..100_000_u64 {
        let mut bytes = originals[dice.random() as usize % originals.len()].to_vec();
        for _ in 0..=dice.random() % 4 {
            spoil(&mut bytes, &mut dice, &originals);
        }
        door.take(Bytes::from(bytes));
        refused += door.refuse_all();
        door.finals();
        assert!(door.endpoint.counts().server <= MOST + MOST / 8);
        if round % 50 == 0 {
            door.now += Duration::from_secs(1);
            door.endpoint.handle_timeout(door.now, &mut door.out);
        }
    }
    assert!(refused > 1000, "many are still requests: {refused}");
    door.now += Duration::from_secs(32);
    door.endpoint.handle_timeout(door.now, &mut door.out);
    assert_eq!(door.endpoint.counts(), Counts::default());
    assert_eq!(door.endpoint.poll_timeout(), None);
}

/// One change: a byte, a cut, a piece doubled, a piece of another message.
fn spoil(bytes: &mut Vec<u8>, dice: &mut Mint, others: &[&[u8]]) {
    let mut below = |bound: usize| dice.random() as usize % bound.max(1);
    if bytes.is_empty() {
        return;
    }
    let at = below(bytes.len());
    let end = (at + below(40)).min(bytes.len());
    match below(5) {
        0 => bytes[at] = below(256) as u8,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => bytes[at] = b";,<>\"\r\n :@"[below(10)],
        _ => {
            let other = others[below(others.len())];
            let from = below(other.len());
            let piece = &other[from..(from + below(40)).min(other.len())];
            bytes.splice(at..end, piece.iter().copied());
        }
    }
}
