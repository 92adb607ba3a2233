//! Offers and answers: glare, offers in the answer, m-lines that nobody wanted, T.38.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::time::{Duration, Instant};
use support::{MOMENT, NUMBER, check, is, method_of, ms, quick, talk, text};
use testbed::bulk::Held;
use testbed::rtp::{Comparison, End, RtpPeer, Stream, converse};
use testbed::{Bed, Call, SipPeer, sdp};

/// Both ends talk for a tenth of a second; everything arrives.
fn assert_audio(
    a: &RtpPeer,
    b: &RtpPeer,
    to: (std::net::SocketAddr, std::net::SocketAddr),
    payload_type: u8,
) {
    let stream = |ssrc| Stream {
        payload_type,
        ..Stream::speech(ssrc)
    };
    let a = End {
        peer: a,
        to: to.0,
        stream: stream(0xa1),
    };
    let b = End {
        peer: b,
        to: to.1,
        stream: stream(0xb2),
    };
    converse(&a, &b, 5).iter().for_each(Comparison::assert_clean);
}

/// Answers every re-INVITE with 491 until our own has been refused likewise and all is acknowledged.
struct Glare<'c, 'p> {
    peer: &'p SipPeer,
    call: &'c Call<'p>,
    refused: bool,
    unacked: usize,
}

impl Glare<'_, '_> {
    fn is_over(&mut self) -> bool {
        let ours = self.call.call_id();
        let next = self.peer.wait_for("glare", ms(5), |incoming| {
            incoming.message.call_id() == ours.as_bytes()
        });
        if let Some(incoming) = next {
            let message = incoming.message;
            match (message.status(), method_of(&message).as_str()) {
                (Some(100), _) => {}
                (Some(491), _) => {
                    self.call.ack_failure();
                    self.refused = true;
                }
                (None, "INVITE") => {
                    self.call.reply_to(&message, 491, &[], None);
                    self.unacked += 1;
                }
                (None, "ACK") => self.unacked -= 1,
                (_, _) => self.peer.fail(&format!("in a glare: {}", text(message.raw()))),
            }
        }
        self.refused && self.unacked == 0
    }
}

/// RFC 3261 §14.1, §14.2: offers that cross are refused with 491 on both sides; the call stays, and the next one gets through.
#[test]
fn sm_07_glare_costs_a_491_and_never_the_call() {
    const ROUNDS: u64 = 20;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
    for round in 0..ROUNDS {
        let version = 3 * round + 1;
        let mut both: [Box<dyn Fn()>; 2] = [
            Box::new(|| talk.call.reinvite(Some(&sdp::session(a, version, "sendonly")))),
            Box::new(|| talk.leg.reinvite(Some(&sdp::session(b, version, "sendonly")))),
        ];
        both.rotate_left((round % 2) as usize);
        both.iter().for_each(|send| send());
        let glare = |peer, call| Glare {
            peer,
            call,
            refused: false,
            unacked: 0,
        };
        let mut sides = [glare(&alice, &talk.call), glare(&bob, &talk.leg)];
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut over = false;
        while !over {
            assert!(Instant::now() < deadline, "the glare does not end");
            // Both are to be looked at, each time.
            over = true;
            for side in &mut sides {
                over &= side.is_over();
            }
        }
        for (version, of_a, of_b) in [
            (version + 1, "sendonly", "recvonly"),
            (version + 2, "sendrecv", "sendrecv"),
        ] {
            talk.call.reinvite(Some(&sdp::session(a, version, of_a)));
            let offer = talk.leg.expect_request("INVITE");
            assert_eq!(sdp::direction(&offer.body()), of_a);
            talk.leg.answer(&sdp::session(b, version, of_b));
            assert_eq!(sdp::direction(&talk.call.expect(200).body()), of_b);
            talk.call.ack();
            talk.leg.expect_request("ACK");
        }
    }
    talk.hang_up();
    check(
        &bed.finish_lingering(1, ROUNDS as usize)[0],
        "normal",
        200,
        "caller",
        1,
    );
}

fn pcma_only(rtp: std::net::SocketAddr) -> String {
    let ip = rtp.ip();
    format!(
        "v=0\r\no=- 7 7 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
        rtp.port()
    )
}

/// An INVITE without an offer, answered with one.
fn delayed<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer) -> (Held<'p>, Vec<u8>) {
    let call = alice.invite(NUMBER, None);
    let leg = bob.incoming();
    assert!(
        support::invite_of(&leg).body().is_empty(),
        "no offer of our own making"
    );
    leg.reply(180);
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    call.expect(180);
    let offer = call.expect(200).body().to_vec();
    let to = sdp::audio(&offer);
    assert_eq!(to.ip(), bed.places.media());
    let held = Held {
        call,
        leg,
        a_to: to,
        b_to: to,
    };
    (held, offer)
}

/// RFC 3261 §13.2.1: our offer in the 200, the caller's answer in its ACK, and on to the carrier in ours.
#[test]
fn sm_14_offer_in_the_200_answer_in_the_ack() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (held, offer) = delayed(&bed, &alice, &bob);
    let offered = text(&offer);
    assert!(offered.contains(" RTP/AVP 0 8 101\r\n"), "{offered}");
    held.call.ack_with(Some(&pcma_only(bed.places.rtp_a)));
    let ack = held.leg.expect_request("ACK");
    let b_to = sdp::audio(&ack.body());
    assert!(text(&ack.body()).contains(" RTP/AVP 8\r\n"));
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    assert_audio(&at_a, &at_b, (held.a_to, b_to), 8);
    held.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

#[test]
fn sm_14_ack_without_the_answer_ends_both_legs() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (held, _) = delayed(&bed, &alice, &bob);
    held.call.ack();
    let start = Instant::now();
    held.call.ok("BYE");
    // The carrier's 200 is acknowledged first: a dialog that isn't confirmed can't be hung up.
    held.leg.expect_request("ACK");
    held.leg.ok("BYE");
    assert!(start.elapsed() < ms(1000));
    check(&bed.finish(1)[0], "no-answer-sdp", 200, "switch", 1);
}

#[test]
fn sm_14_no_ack_at_all_ends_both_legs() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (held, _) = delayed(&bed, &alice, &bob);
    // The carrier goes on saying 200 until somebody acknowledges it, which is when 64·T1 are over.
    held.leg.expect_request("ACK");
    held.leg.ok("BYE");
    held.call.ok("BYE");
    assert_eq!(bob.repeats(is("ACK")), 0);
    check(&bed.finish(1)[0], "ack-timeout", 200, "switch", 1);
}

fn m_lines(body: &[u8]) -> Vec<String> {
    text(body)
        .lines()
        .filter(|line| line.starts_with("m="))
        .map(str::to_owned)
        .collect()
}

/// RFC 3264 §6: an answer has the offer's m-lines, all of them, in their order; what isn't wanted has port 0 and a format.
#[test]
fn sm_16_answer_has_every_m_line_of_the_offer() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let port = bed.places.rtp_a.port();
    let audio = format!("m=audio {port} RTP/AVP 0 8 101");
    let video = "m=video 20002 RTP/AVP 96".to_owned();
    let offers = [
        (vec![audio.clone(), video.clone()], 0),
        (vec![video, audio.clone()], 1),
        (
            vec![
                "m=audio 0 RTP/AVP 0".to_owned(),
                "m=video 0 RTP/AVP 96".to_owned(),
                audio.clone(),
            ],
            2,
        ),
        (vec![audio.clone(), "m=image 20004 udptl t38".to_owned()], 0),
        (vec!["m=audio 20006 RTP/SAVP 0".to_owned(), audio], 1),
    ];
    for (lines, live) in &offers {
        let ip = bed.places.rtp_a.ip();
        let offer = format!(
            "v=0\r\no=- 5 5 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{}\r\n",
            lines.join("\r\n")
        );
        let call = alice.invite(NUMBER, Some(&offer));
        let leg = bob.incoming();
        let b_to = sdp::audio(&support::invite_of(&leg).body());
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        let answer = call.expect(200).body();
        call.ack();
        leg.expect_request("ACK");
        let answered = m_lines(&answer);
        assert_eq!(answered.len(), lines.len(), "{answered:?}");
        let mut a_to = b_to;
        for (n, (offered, answered)) in lines.iter().zip(&answered).enumerate() {
            let (offered, answered): (Vec<&str>, Vec<&str>) =
                (offered.split(' ').collect(), answered.split(' ').collect());
            assert_eq!((offered[0], offered[2]), (answered[0], answered[2]), "{lines:?}");
            assert_eq!(answered[1] != "0", n == *live, "{answered:?} to {lines:?}");
            assert!(answered.len() > 3, "{answered:?}");
            if n == *live {
                a_to.set_port(answered[1].parse().unwrap());
            }
        }
        assert_audio(&at_a, &at_b, (a_to, b_to), 0);
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    bed.finish(offers.len());
}

const T38: &str = "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

fn fax(at: std::net::SocketAddr, version: u64) -> String {
    let ip = at.ip();
    format!(
        "v=0\r\no=- 20518 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image {} udptl t38\r\n{T38}",
        at.port()
    )
}

/// B1 asks for T.38 at a new address, A agrees: `udptl t38` stands in all SDP, datagrams of any kind pass to where it now is.
#[test]
fn sm_17_accepted_t38_is_relayed_to_the_new_address() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (fax_a, fax_b) = (bed.places.rtp_a, bed.places.rtp_b2);
    talk.leg.reinvite(Some(&fax(fax_b, 1)));
    let offer = text(&talk.call.expect_request("INVITE").body());
    talk.call.answer(&fax(fax_a, 1));
    let answer = text(&talk.leg.expect(200).body());
    talk.leg.ack();
    talk.call.expect_request("ACK");
    for body in [&offer, &answer] {
        assert!(body.contains(" udptl t38\r\n") && body.contains(T38), "{body}");
    }
    let image = |body: &str| {
        let line = body
            .lines()
            .find(|line| line.starts_with("m=image "))
            .unwrap()
            .to_owned();
        let port = line.split(' ').nth(1).unwrap().parse().unwrap();
        std::net::SocketAddr::new(bed.places.media(), port)
    };
    let (at_a, at_b) = (RtpPeer::bind(fax_a), RtpPeer::bind(fax_b));
    let datagrams: [&[u8]; 3] = [&[0], &[0, 1, 2, 0xff], &[0x80; 900]];
    for datagram in datagrams {
        for (from, to, at) in [(&at_a, image(&offer), &at_b), (&at_b, image(&answer), &at_a)] {
            from.send(to, datagram);
            let heard = at.collect(1, ms(1000));
            assert_eq!(heard.first().map(|heard| heard.packet.as_slice()), Some(datagram));
        }
    }
    talk.hang_up();
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 3261 §14.2: refused, it leaves the audio as it was; and the next offer of audio is answered with SDP.
#[test]
fn sm_17_refused_t38_leaves_the_audio() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (at_a, at_b) = (RtpPeer::bind(bed.places.rtp_a), RtpPeer::bind(bed.places.rtp_b1));
    let to = (talk.a_to, talk.b_to);
    talk.leg.reinvite(Some(&fax(bed.places.rtp_b2, 1)));
    talk.call.expect_request("INVITE");
    talk.call.reply(488);
    talk.leg.expect(488);
    talk.leg.ack_failure();
    talk.call.expect_request("ACK");
    assert_audio(&at_a, &at_b, to, 0);
    talk.leg
        .reinvite(Some(&sdp::session(bed.places.rtp_b1, 2, "sendrecv")));
    talk.call.expect_request("INVITE");
    talk.call.answer(&sdp::session(bed.places.rtp_a, 2, "sendrecv"));
    assert_eq!(sdp::audio(&talk.leg.expect(200).body()), to.1);
    talk.leg.ack();
    talk.call.expect_request("ACK");
    assert_audio(&at_a, &at_b, to, 0);
    alice.expect_silence(MOMENT);
    assert_eq!(bob.repeats(is("INVITE")), 0);
    talk.hang_up();
    check(&bed.finish_lingering(1, 1)[0], "normal", 200, "caller", 1);
}

/// `media.rtp_timeout` of one second: for 2.5 s A receives a page and says nothing, and the call lives; with both silent it ends.
#[test]
fn sm_17_the_side_that_receives_a_page_may_be_silent() {
    let bed = quick(|setup| setup.media("rtp_timeout = \"1s\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (fax_a, fax_b) = (bed.places.rtp_a, bed.places.rtp_b1);
    talk.leg.reinvite(Some(&fax(fax_b, 2)));
    talk.call.expect_request("INVITE");
    talk.call.answer(&fax(fax_a, 2));
    talk.leg.expect(200);
    talk.leg.ack();
    talk.call.expect_request("ACK");
    let (at_a, at_b) = (RtpPeer::bind(fax_a), RtpPeer::bind(fax_b));
    for n in 0..50 {
        at_b.send(talk.b_to, &[0, n, 1, 2]);
        assert_eq!(at_a.collect(1, ms(1000)).len(), 1, "datagram {n}");
        alice.listen(ms(50));
    }
    assert_eq!(alice.repeats(is("BYE")), 0);
    talk.call.ok("BYE");
    talk.leg.ok("BYE");
    check(&bed.finish(1)[0], "rtp-timeout", 200, "switch", 1);
}
