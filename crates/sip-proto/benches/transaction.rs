//! Whole transactions through `Endpoint`, parsing and writing included, and the timer queue with many timers waiting.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use sip_msg::{HeaderId, Limits, Message};
use sip_proto::timers::TimerQueue;
use sip_proto::{Endpoint, EndpointConfig, Event, Flow, ListenerId, Mint, Outbox, PeerId, Transport, reply};

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn flow() -> Flow {
    let remote = SocketAddr::from(([192, 0, 2, 1], 5060));
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote,
        conn: None,
        peer: PeerId::default(),
    }
}

fn endpoint() -> Endpoint {
    Endpoint::new(EndpointConfig::default(), Mint::new(0, [3; 32]))
}

fn request(method: &str, branch: &str, call: &str, to_tag: &str) -> Bytes {
    let text = format!(
        "{method} sip:+442071838750@203.0.113.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@192.0.2.1>;tag=f{call}\r\nTo: <sip:+442071838750@203.0.113.1>{to_tag}\r\n\
         Call-ID: {call}@192.0.2.1\r\nCSeq: 1 {method}\r\nContact: <sip:alice@192.0.2.1:5060>\r\nAllow: INVITE, ACK, BYE, CANCEL\r\n\
         Supported: 100rel, timer\r\nUser-Agent: pbx/1.0\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        SDP.len()
    );
    Bytes::from([text.as_bytes(), SDP].concat())
}

fn parse(bytes: Bytes) -> Message {
    sip_msg::parse(bytes, &Limits::default()).expect("well formed")
}

/// INVITE in, 100, 180, 200, ACK in; then 64·T1 pass and it is gone.
fn server(c: &mut Criterion) {
    let mut endpoint = endpoint();
    let mut out = Outbox::default();
    let mut now = Instant::now();
    let mut n = 0_u64;
    c.bench_function("server INVITE: INVITE, 100, 180, 200, ACK, end", |b| {
        b.iter_batched(
            || {
                n += 1;
                let call = format!("call{n:08}");
                (
                    request("INVITE", &format!("z9hG4bK{n:016}"), &call, ""),
                    request("ACK", &format!("z9hG4bKa{n:016}"), &call, ";tag=ours"),
                )
            },
            |(invite, ack)| {
                endpoint.receive(now, flow(), sip_msg::parse(invite, &Limits::default()), &mut out);
                let Some(Event::Invite { id, message, .. }) = out.events.pop_front() else {
                    panic!("an INVITE")
                };
                for status in [180, 200] {
                    let answer = reply(&message, &flow(), status, None, Some(b"ours")).finish();
                    endpoint.respond(now, id, answer, &mut out);
                }
                endpoint.receive(now, flow(), sip_msg::parse(ack, &Limits::default()), &mut out);
                endpoint.acked(id);
                now += Duration::from_secs(32);
                endpoint.handle_timeout(now, &mut out);
                black_box(out.sends.len());
                out.sends.clear();
                out.events.clear();
            },
            BatchSize::SmallInput,
        );
    });
    assert_eq!(endpoint.counts().server, 0);
}

/// INVITE out, 100, 180, 200 in, ACK out; then 64·T1 pass and it is gone.
fn client(c: &mut Criterion) {
    let mut endpoint = endpoint();
    let mut out = Outbox::default();
    let mut now = Instant::now();
    let mut n = 0_u64;
    c.bench_function("client INVITE: INVITE, 100, 180, 200, ACK, end", |b| {
        b.iter_batched(
            || {
                n += 1;
                let invite = request("INVITE", &format!("z9hG4bK{n:016}"), &format!("call{n:08}"), "");
                let message = parse(invite.clone());
                let answers = [100, 180, 200].map(|status| {
                    let mut answer = reply(&message, &flow(), status, None, Some(b"theirs"));
                    answer.header(HeaderId::Contact, b"<sip:bob@192.0.2.1>");
                    answer.finish()
                });
                let ack = request(
                    "ACK",
                    &format!("z9hG4bKa{n:016}"),
                    &format!("call{n:08}"),
                    ";tag=theirs",
                );
                (invite, answers, ack)
            },
            |(invite, answers, ack)| {
                let id = endpoint.request(now, flow(), invite, &mut out).expect("room");
                for answer in answers {
                    endpoint.receive(now, flow(), sip_msg::parse(answer, &Limits::default()), &mut out);
                }
                endpoint.ack(now, id, b"theirs", flow(), ack, &mut out);
                now += Duration::from_secs(32);
                endpoint.handle_timeout(now, &mut out);
                black_box(out.sends.len());
                out.sends.clear();
                out.events.clear();
            },
            BatchSize::SmallInput,
        );
    });
    assert_eq!(endpoint.counts().client, 0);
}

/// BYE in, 200 out; then 64·T1 pass and it is gone.
fn bye(c: &mut Criterion) {
    let mut endpoint = endpoint();
    let mut out = Outbox::default();
    let mut now = Instant::now();
    let mut n = 0_u64;
    c.bench_function("server BYE: BYE, 200, end", |b| {
        b.iter_batched(
            || {
                n += 1;
                request(
                    "BYE",
                    &format!("z9hG4bK{n:016}"),
                    &format!("call{n:08}"),
                    ";tag=ours",
                )
            },
            |bye| {
                endpoint.receive(now, flow(), sip_msg::parse(bye, &Limits::default()), &mut out);
                let Some(Event::Request { id, message, .. }) = out.events.pop_front() else {
                    panic!("a BYE")
                };
                endpoint.respond(
                    now,
                    id,
                    reply(&message, &flow(), 200, None, None).finish(),
                    &mut out,
                );
                now += Duration::from_secs(32);
                endpoint.handle_timeout(now, &mut out);
                black_box(out.sends.len());
                out.sends.clear();
                out.events.clear();
            },
            BatchSize::SmallInput,
        );
    });
}

/// A timer set and stopped, and one set and fired, while 100,000 others wait.
fn timers(c: &mut Criterion) {
    let start = Instant::now();
    let mut queue = TimerQueue::new(start);
    for i in 0..100_000_u64 {
        queue.insert(
            start + Duration::from_secs(32) + Duration::from_micros(i * 320),
            i,
        );
    }
    let mut i = 0_u64;
    c.bench_function("timer: set and stop among 100,000", |b| {
        b.iter(|| {
            i += 1;
            let key = queue.insert(
                start + Duration::from_secs(32) + Duration::from_micros(i * 7919 % 32_000_000),
                i,
            );
            black_box(queue.cancel(key))
        });
    });
    let mut now = start + Duration::from_secs(32);
    c.bench_function("timer: set and fire among 100,000", |b| {
        b.iter(|| {
            now += Duration::from_micros(320);
            while let Some((_, value)) = queue.pop(now) {
                queue.insert(now + Duration::from_secs(32), value);
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = server, client, bye, timers
}
criterion_main!(benches);
