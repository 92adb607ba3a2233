//! More than can be done: who is refused then, who goes on, and what peers and we tell each other about it (RFC 7339).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sip_msg::HeaderId;
use support::{NUMBER, header, invite_of, is_answer, ms, quick, request, talk};
use testbed::{Bed, SipPeer, sdp};

fn share(bed: &Bed) -> f64 {
    bed.metrics().sum("tandem_overload").unwrap_or_default()
}

fn wait_share(bed: &Bed, wanted: impl Fn(f64) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !wanted(share(bed)) {
        assert!(Instant::now() < end, "{}", share(bed));
        std::thread::sleep(ms(20));
    }
}

/// Requests to which the flood has no answer yet: what waits before the daemon.
const OWED: usize = 400;

/// Somebody who asks faster than anybody can answer, as long as it lives.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn start(from: SocketAddr, sut: SocketAddr) -> Self {
        let socket = UdpSocket::bind(from).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let work = move || {
            let (mut sent, mut answered, mut heard, mut buffer) = (0, 0, Instant::now(), [0; 2048]);
            while !told.load(Ordering::Relaxed) {
                while socket.recv(&mut buffer).is_ok() {
                    answered += 1;
                    heard = Instant::now();
                }
                // What was lost is owed no more.
                if heard.elapsed() > ms(500) {
                    answered = sent;
                }
                if sent >= answered + OWED {
                    std::thread::yield_now();
                    continue;
                }
                sent += 1;
                let lines = [
                    format!("Via: SIP/2.0/UDP {from};branch=z9hG4bKf{sent};rport"),
                    format!("From: <sip:f@{from}>;tag=f{sent}"),
                    format!("To: <sip:{sut}>"),
                    format!("Call-ID: f{sent}"),
                    "CSeq: 1 OPTIONS".to_owned(),
                ];
                let _ = socket.send_to(request("OPTIONS", "sip:us", &lines, None).as_bytes(), sut);
            }
        };
        Self {
            stop,
            thread: Some(std::thread::spawn(work)),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// While messages wait too long, new calls are refused statelessly, with a time to come back at; the call that is up goes on and ends as ever.
/// When it is over, everybody is served again.
#[test]
fn under_overload_new_calls_are_refused_and_calls_go_on() {
    let bed = quick(|setup| {
        setup
            .extra("[edge]\noverload_delay = \"1ms\"")
            .trunk("busy", &["role = \"customer\"", "sources = [\"{x.ip}\"]"])
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let flood = Flood::start(bed.places.x, bed.places.sut);
    wait_share(&bed, |share| share > 0.02);
    // By and by one is refused; others are taken, and declined by Bob.
    let mut calls = 0;
    let answer = loop {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let answer = alice.wait("an answer", |incoming| {
            incoming.message.status().is_some_and(|status| status >= 100)
        });
        if answer.message.status() == Some(503) {
            break answer.message;
        }
        calls += 1;
        let leg = bob.incoming();
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack();
        assert!(calls < 500, "nobody is ever refused");
    };
    held.call.bye();
    held.leg.ok("BYE");
    held.call.expect(200);
    drop(flood);
    let seconds: u32 = header(&answer, HeaderId::RetryAfter).parse().unwrap();
    assert!((2..10).contains(&seconds));
    assert!(answer.to_tag().is_some());
    wait_share(&bed, |share| share == 0.0);
    let held = talk(&bed, &alice, &bob);
    held.call.bye();
    held.leg.ok("BYE");
    held.call.expect(200);
    bed.finish_lingering(calls + 2, calls);
}

/// RFC 7339 §5.2: who asks for our load is told, in every answer; others find nothing of it.
#[test]
fn whoever_asks_is_told_of_our_load() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let via = |params: &str, n: u32| {
        let (a, sut) = (bed.places.a, bed.places.sut);
        let lines = [
            format!("Via: SIP/2.0/UDP {a};branch=z9hG4bKoc{n};rport{params}"),
            format!("From: <sip:+442071838750@{a}>;tag=oc{n}"),
            format!("To: <sip:{NUMBER}@{sut}>"),
            format!("Call-ID: oc{n}"),
            "CSeq: 1 INVITE".to_owned(),
            "Max-Forwards: 70".to_owned(),
            format!("Contact: <sip:{a}>"),
        ];
        let offer = sdp::offer(bed.places.rtp_a);
        let invite = request("INVITE", &format!("sip:{NUMBER}@{sut}"), &lines, Some(&offer));
        alice.send_raw(sut, invite.as_bytes());
        let trying = alice.wait("100", is_answer(100, "INVITE")).message;
        let leg = bob.incoming();
        assert!(
            !header(&invite_of(&leg), HeaderId::Via).contains("oc"),
            "asked for without a reason"
        );
        leg.reply(486);
        leg.expect_request("ACK");
        let last = alice.wait("486", is_answer(486, "INVITE")).message;
        let mut ack = lines.clone();
        ack[2] = format!("To: {}", header(&last, HeaderId::To));
        ack[4] = "CSeq: 1 ACK".to_owned();
        alice.send_raw(
            sut,
            request("ACK", &format!("sip:{NUMBER}@{sut}"), &ack, None).as_bytes(),
        );
        [trying, last].map(|message| header(&message, HeaderId::Via))
    };
    for told in via(";oc;oc-algo=\"loss,rate\"", 1) {
        assert!(
            told.contains(";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="),
            "{told}"
        );
        assert_eq!(told.matches("oc-algo").count(), 1, "{told}");
        assert!(
            told.contains("rport=") && told.contains("branch=z9hG4bKoc1"),
            "{told}"
        );
    }
    for told in via("", 2) {
        assert!(!told.contains(";oc"), "{told}");
    }
    bed.finish_lingering(2, 2);
}

/// RFC 7339 §5.3: calls are kept from a carrier as it says, and for as long as it says; the next carrier has them.
#[test]
fn calls_are_kept_from_a_carrier_that_has_too_much_to_do() {
    let bed = quick(|setup| setup.key("b1", "overload_control = true"));
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let refuse = |carrier: &SipPeer, status: u16, said: &str| {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = carrier.incoming();
        let via = header(&invite_of(&leg), HeaderId::Via);
        let asks = via.contains(";oc;oc-algo=\"loss\"");
        let mut answer = format!(
            "SIP/2.0 {status} Busy\r\nVia: {}{said}\r\n",
            via.replace(";oc;oc-algo=\"loss\"", "")
        );
        for id in [HeaderId::From, HeaderId::CallId, HeaderId::CSeq] {
            answer += &format!("{}: {}\r\n", id.name(), header(&invite_of(&leg), id));
        }
        answer += &format!(
            "To: {};tag={}\r\nContent-Length: 0\r\n\r\n",
            header(&invite_of(&leg), HeaderId::To),
            leg.tag()
        );
        carrier.send_raw(carrier.sut(), answer.as_bytes());
        let ack = leg.expect_request("ACK");
        assert_eq!(
            header(&ack, HeaderId::Via),
            via,
            "the ACK is of the same transaction"
        );
        call.expect(status);
        call.ack();
        asks
    };
    assert!(refuse(
        &b1,
        486,
        ";oc=100;oc-algo=\"loss\";oc-validity=1500;oc-seq=10.2"
    ));
    let told = Instant::now();
    assert!(!refuse(&b2, 486, ""), "only who is configured so is asked");
    b1.expect_silence(ms(100));
    std::thread::sleep(ms(1550).saturating_sub(told.elapsed()));
    assert!(refuse(
        &b1,
        486,
        ";oc=100;oc-algo=\"loss\";oc-validity=60000;oc-seq=10.3"
    ));
    assert!(!refuse(&b2, 486, ""));
    let records = bed.finish_lingering(4, 4);
    let held: Vec<_> = records
        .iter()
        .filter(|record| record.text("attempts.0.outcome") == "held-back")
        .collect();
    assert_eq!(held.len(), 2, "{records:#?}");
    assert_eq!(held[0].text("attempts.1.trunk"), "b2");
}
