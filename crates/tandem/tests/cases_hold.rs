//! Sessions that change: hold and resume, media that moves, silence that means something.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{check, ms, quick, talk, text};
use testbed::bulk::Held;
use testbed::rtp::{Comparison, End, Header, Heard, RtpPeer, Stream, converse};
use testbed::{Call, sdp};

const FRAME: Duration = Duration::from_millis(20);

/// Sends packets `0..count` of a stream from the first socket, from the moment that `moved` is set from the second.
fn stream_from(sockets: [&RtpPeer; 2], to: SocketAddr, stream: &Stream, count: usize, moved: &AtomicBool) {
    let start = Instant::now();
    for n in 0..count {
        let due = start + FRAME * u32::try_from(n).unwrap();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        sockets[usize::from(moved.load(Ordering::Acquire))].send(to, &stream.packet(n));
    }
}

/// How many different packets of `stream` are among those heard.
fn distinct(stream: &Stream, heard: &[&[Heard]]) -> usize {
    let ours = |heard: &&Heard| Header::parse(&heard.packet).is_some_and(|header| header.ssrc == stream.ssrc);
    let numbers = heard.iter().copied().flatten().filter(ours);
    numbers
        .map(|heard| heard.packet[2..4].to_vec())
        .collect::<BTreeSet<_>>()
        .len()
}

/// One side offers, the other answers; gives the offer and the answer as they arrived.
fn exchange(by: &Call<'_>, with: &Call<'_>, offer: &str, answer: &str) -> (Vec<u8>, Vec<u8>) {
    by.reinvite(Some(offer));
    let offered = with.expect_request("INVITE").body().to_vec();
    with.answer(answer);
    let answered = by.expect(200).body().to_vec();
    by.ack();
    with.expect_request("ACK");
    (offered, answered)
}

/// A re-INVITE moves B1's media to another address, then A's to another port, while both talk. Nothing goes to the old place
/// any more, next to nothing is lost, and the side that stays sees one stream (RFC 3264 §8).
#[test]
fn sm_09_media_moves_without_losing_the_talk() {
    const COUNT: usize = 60;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let places = &bed.places;
    let new_a = SocketAddr::new(places.rtp_a.ip(), places.rtp_a.port() + 2);
    let sockets = [places.rtp_a, new_a, places.rtp_b1, places.rtp_b2].map(RtpPeer::bind);
    let [old_a, new_a_peer, old_b, new_b] = &sockets;
    // First the called side moves, then the calling side.
    for round in 0..2u8 {
        let (a_now, b_now) = if round == 0 {
            ([old_a, old_a], [old_b, new_b])
        } else {
            ([old_a, new_a_peer], [new_b, new_b])
        };
        let (from_a, from_b) = (Stream::mark(0xa1 + round), Stream::mark(0xb2 + round));
        let moved = AtomicBool::new(false);
        let quiet = ms(600);
        let (at, heard) = thread::scope(|scope| {
            let ears: Vec<_> = sockets
                .iter()
                .map(|peer| scope.spawn(move || peer.collect(usize::MAX, quiet)))
                .collect();
            scope.spawn(|| stream_from(a_now, talk.a_to, &from_a, COUNT, &moved));
            scope.spawn(|| stream_from(b_now, talk.b_to, &from_b, COUNT, &moved));
            thread::sleep(ms(300));
            let (by, with, to, stays, port) = if round == 0 {
                (&talk.leg, &talk.call, places.rtp_b2, places.rtp_a, talk.b_to)
            } else {
                (&talk.call, &talk.leg, new_a, places.rtp_b2, talk.a_to)
            };
            let version = u64::from(round) + 1;
            let offer = sdp::session(to, version, "sendrecv");
            let (_, answered) = exchange(by, with, &offer, &sdp::session(stays, version, "sendrecv"));
            moved.store(true, Ordering::Release);
            assert_eq!(sdp::audio(&answered), port, "our own port stays");
            let at = Instant::now();
            let heard: Vec<Vec<Heard>> = ears.into_iter().map(|ear| ear.join().unwrap()).collect();
            (at, heard)
        });
        let left = if round == 0 { &heard[2] } else { &heard[0] };
        let late = left.iter().filter(|heard| heard.at > at + ms(100)).count();
        assert_eq!(late, 0, "packets to the old address");
        let at_a = distinct(&from_b, &[&heard[0], &heard[1]]);
        let at_b = distinct(&from_a, &[&heard[2], &heard[3]]);
        assert!(
            at_a + 3 >= COUNT && at_b + 3 >= COUNT,
            "{at_a} and {at_b} of {COUNT} arrived"
        );
    }
    // The codec alone: PCMA from now on.
    let pcma = |at: SocketAddr| sdp::session(at, 3, "sendrecv").replace("RTP/AVP 0 8 101", "RTP/AVP 8");
    let (offered, answered) = exchange(&talk.call, &talk.leg, &pcma(new_a), &pcma(places.rtp_b2));
    for body in [offered, answered] {
        assert!(text(&body).contains(" RTP/AVP 8\r\n"), "{}", text(&body));
    }
    let alaw = |ssrc| Stream {
        payload_type: 8,
        ..Stream::speech(ssrc)
    };
    assert_talk(&talk, new_a_peer, new_b, [alaw(5), alaw(6)]);
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

fn assert_talk(talk: &Held<'_>, a: &RtpPeer, b: &RtpPeer, [from_a, from_b]: [Stream; 2]) {
    let a = End {
        peer: a,
        to: talk.a_to,
        stream: from_a,
    };
    let b = End {
        peer: b,
        to: talk.b_to,
        stream: from_b,
    };
    converse(&a, &b, 5).iter().for_each(Comparison::assert_clean);
}

/// RFC 3264 §6.1, §8.4: hold in its three forms reaches the other side as what it means, is answered with its complement, and
/// nothing is sent to who doesn't receive.
#[test]
fn sm_12_hold_means_the_same_on_both_sides() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    let (at_a, at_b) = (RtpPeer::bind(a), RtpPeer::bind(b));
    let nowhere = sdp::session(a, 5, "sendrecv").replace(&format!("c=IN IP4 {}", a.ip()), "c=IN IP4 0.0.0.0");
    let holds = [
        (sdp::session(a, 1, "sendonly"), "sendonly", "recvonly"),
        (sdp::session(a, 3, "inactive"), "inactive", "inactive"),
        (nowhere, "sendonly", "recvonly"),
    ];
    for (n, (hold, seen, answer)) in (1..).zip(&holds) {
        let (offered, answered) = exchange(&talk.call, &talk.leg, hold, &sdp::session(b, 2 * n, answer));
        assert_eq!(sdp::direction(&offered), *seen, "{}", text(&offered));
        assert!(!text(&offered).contains("0.0.0.0"), "{}", text(&offered));
        assert_eq!(sdp::direction(&answered), *answer, "{}", text(&answered));
        // B1 goes on talking all the same.
        let rude = Stream::mark(0xb2);
        at_b.stream(talk.b_to, &rude, 5, FRAME);
        assert!(
            at_a.collect(1, ms(100)).is_empty(),
            "media to who holds, by {seen}"
        );
        let resume = |at| sdp::session(at, 2 * n + 1, "sendrecv");
        exchange(&talk.call, &talk.leg, &resume(a), &resume(b));
        assert_talk(&talk, &at_a, &at_b, [Stream::speech(1), Stream::speech(2)]);
    }
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// Sends what `packet` gives from `peer` every `interval` until `stop`.
fn keep_sending(
    peer: &RtpPeer,
    to: SocketAddr,
    interval: Duration,
    stop: &AtomicBool,
    packet: impl Fn(usize) -> Vec<u8>,
) {
    for n in 0.. {
        if stop.load(Ordering::Acquire) {
            return;
        }
        peer.send(to, &packet(n));
        thread::sleep(interval);
    }
}

/// A receiver report without blocks (RFC 3550 §6.4.2).
const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 0xb2];

/// `media.rtp_timeout` of one second; for 2.5 s B1 is held, or sends only RTCP, or only comfort noise: the call lives.
#[test]
fn sm_13_silence_with_a_reason_is_no_reason_to_hang_up() {
    thread::scope(|scope| {
        for case in ["held", "rtcp", "noise"] {
            scope.spawn(move || silence_of_two_seconds_and_a_half(case));
        }
    });
}

fn silence_of_two_seconds_and_a_half(case: &str) {
    let bed = quick(|setup| setup.media("rtp_timeout = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    let (at_a, at_b) = (RtpPeer::bind(a), RtpPeer::bind(b));
    let rtcp_b = RtpPeer::bind(SocketAddr::new(b.ip(), b.port() + 1));
    let stop = AtomicBool::new(false);
    if case == "held" {
        exchange(
            &talk.call,
            &talk.leg,
            &sdp::session(a, 1, "sendonly"),
            &sdp::session(b, 1, "recvonly"),
        );
    }
    let speech = Stream::speech(1);
    let noise = |n: usize| {
        let header = Header {
            marker: false,
            payload_type: 13,
            sequence: n as u16,
            timestamp: (n * 6400) as u32,
            ssrc: 0xb2,
        };
        header.packet(&[40])
    };
    thread::scope(|scope| {
        // Who holds may be silent too: many telephones are.
        if case != "held" {
            scope.spawn(|| keep_sending(&at_a, talk.a_to, FRAME, &stop, |n| speech.packet(n)));
        }
        match case {
            "rtcp" => {
                let to = SocketAddr::new(talk.b_to.ip(), talk.b_to.port() + 1);
                let rtcp_b = &rtcp_b;
                let stop = &stop;
                scope.spawn(move || keep_sending(rtcp_b, to, ms(400), stop, |_| RECEIVER_REPORT.to_vec()));
            }
            "noise" => {
                scope.spawn(|| keep_sending(&at_b, talk.b_to, ms(700), &stop, noise));
            }
            _ => {}
        }
        let before = alice.wait_for("BYE", ms(2500), support::is("BYE"));
        stop.store(true, Ordering::Release);
        assert!(before.is_none(), "{case}: the call was ended");
    });
    bob.expect_silence(ms(1));
    if case == "held" {
        exchange(
            &talk.call,
            &talk.leg,
            &sdp::session(a, 2, "sendrecv"),
            &sdp::session(b, 2, "sendrecv"),
        );
    }
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// The same timeout, sendrecv, A talks and B1 is dead: both legs are hung up after it, and the record says why.
#[test]
fn sm_13_one_dead_side_ends_the_call() {
    let bed = quick(|setup| setup.media("rtp_timeout = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let start = Instant::now();
    let at_a = RtpPeer::bind(bed.places.rtp_a);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let speech = Stream::speech(1);
        let (at_a, to, stop) = (&at_a, talk.a_to, &stop);
        scope.spawn(move || keep_sending(at_a, to, FRAME, stop, |n| speech.packet(n)));
        talk.call.ok("BYE");
        stop.store(true, Ordering::Release);
    });
    let after = start.elapsed();
    assert!(after > ms(900) && after < ms(2000), "{after:?}");
    let bye = talk.leg.ok("BYE");
    assert!(
        text(bye.raw()).contains("Reason: Q.850;cause=102"),
        "{}",
        text(bye.raw())
    );
    check(&bed.finish(1)[0], "rtp-timeout", 200, "switch", 1);
}
