//! Early media, RTCP, ports, payload types, codecs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use std::net::SocketAddr;
use std::time::Instant;
use support::{NUMBER, check, engines, invite_of, is, ms, quick, text};
use testbed::rtp::{Comparison, End, Header, RtpPeer, Stream};
use testbed::{Bed, SipPeer, sdp};

fn rtcp(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port() + 1)
}

/// An offer or answer with this m-line's formats and these lines after it.
fn body(at: SocketAddr, formats: &str, lines: &str) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 3 3 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{lines}"
    )
}

/// The formats of the audio line.
fn formats(body: &[u8]) -> String {
    let text = text(body);
    let line = text
        .lines()
        .find(|line| line.starts_with("m=audio "))
        .unwrap_or_default();
    line.split(' ').skip(3).collect::<Vec<_>>().join(" ")
}

/// RFC 3261 §13.2.1, RFC 3960 §3.2: any 1xx with SDP is early media, 180 after 183 gets through, and the switch invents no SDP.
#[test]
fn em_01_early_media_with_any_provisional_response() {
    let flows: [&[(u16, bool)]; 3] = [
        &[(180, true), (200, true)],
        &[(183, true), (180, false), (200, true)],
        &[(183, false), (180, false), (200, true)],
    ];
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let stream = Stream::mark(0xb2);
    for flow in flows {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let b_to = sdp::audio(&invite_of(&leg).body());
        let mut sent = 0;
        for (status, with_sdp) in flow {
            match with_sdp {
                true => leg.reply_sdp(*status, &sdp::offer(bed.places.rtp_b1)),
                false => leg.reply(*status),
            }
            let told = call.expect(*status);
            assert_eq!(told.body().is_empty(), !with_sdp, "{status}");
            if *with_sdp || sent > 0 {
                let start = Instant::now();
                for n in sent..sent + 5 {
                    at_b.send(b_to, &stream.packet(n));
                }
                sent += 5;
                assert_eq!(at_a.collect(5, ms(500)).len(), 5, "early media behind {status}");
                assert!(start.elapsed() < ms(100));
            }
        }
        call.ack();
        leg.expect_request("ACK");
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    bed.finish(flows.len());
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0; 20]);
    packet
}

/// RFC 3605, RFC 5761 §5.1: RTCP goes where each side said, beside RTP or on its port, whatever the other side does.
fn mr_06_rtcp_goes_where_each_side_wants_it() {
    for mux in [false, true] {
        let bed = quick(|setup| setup);
        let (alice, bob) = (bed.peer_a(), bed.peer_b1());
        let (a, b) = (bed.places.rtp_a, bed.places.rtp_b1);
        let rtcp_of_a = if mux { a } else { SocketAddr::new(a.ip(), 20_011) };
        let line = if mux {
            "a=rtcp-mux\r\n".to_owned()
        } else {
            format!("a=rtcp:20011 IN IP4 {}\r\n", a.ip())
        };
        let call = alice.invite(NUMBER, Some(&body(a, "0", &line)));
        let leg = bob.incoming();
        let offer = invite_of(&leg).body();
        leg.answer(&body(b, "0", ""));
        let answer = call.expect(200).body();
        call.ack();
        leg.expect_request("ACK");
        let (b_to, a_to) = (sdp::audio(&offer), sdp::audio(&answer));
        for told in [text(&offer), text(&answer)] {
            assert!(!told.contains("20011"), "{told}");
            assert_eq!(told.contains("a=rtcp-mux"), mux, "{told}");
        }
        let [rtp_a, rtp_b, rtcp_b] = [a, b, rtcp(b)].map(RtpPeer::bind);
        let apart = (!mux).then(|| RtpPeer::bind(rtcp_of_a));
        let rtcp_a = apart.as_ref().unwrap_or(&rtp_a);
        let end = |peer, to, stream| End { peer, to, stream };
        let (a, b) = (
            end(&rtp_a, a_to, Stream::mark(0xa1)),
            end(&rtp_b, b_to, Stream::mark(0xb2)),
        );
        engines::settle(&bed, [&a, &b], 0);
        for n in 0..3 {
            rtcp_a.send(if mux { a_to } else { rtcp(a_to) }, &report(0xa1 + n));
            assert_eq!(rtcp_b.collect(1, ms(500))[0].packet, report(0xa1 + n));
            rtcp_b.send(rtcp(b_to), &report(0xb2 + n));
            assert_eq!(rtcp_a.collect(1, ms(500))[0].packet, report(0xb2 + n));
        }
        assert!(rtp_b.collect(1, ms(50)).is_empty(), "RTCP on an RTP port");
        assert!(mux || rtp_a.collect(1, ms(50)).is_empty(), "RTCP on an RTP port");
        call.bye();
        leg.ok("BYE");
        call.expect(200);
        check(&bed.finish(1)[0], "normal", 200, "caller", 1);
    }
}

/// Ways in which a call ends badly.
fn fails(bed: &Bed, [alice, bob, carol]: [&SipPeer; 3], how: usize) {
    let unusable = sdp::offer(bed.places.rtp_a).replace("RTP/AVP", "RTP/SAVP");
    let offer = if how == 3 {
        unusable
    } else {
        sdp::offer(bed.places.rtp_a)
    };
    let call = alice.invite(NUMBER, Some(&offer));
    let refused = |status| {
        call.expect(status);
        call.ack_failure();
    };
    if how == 3 {
        return refused(488);
    }
    let leg = bob.incoming();
    let cancelled = || {
        leg.ok("CANCEL");
        let invite = leg.last_request("INVITE");
        leg.reply_to(&invite, 487, &[], None);
        leg.expect_request("ACK");
    };
    match how {
        0 => {
            leg.reply(486);
            leg.expect_request("ACK");
            refused(486);
        }
        1 => {
            leg.reply(503);
            leg.expect_request("ACK");
            let second = carol.incoming();
            second.reply(404);
            second.expect_request("ACK");
            // What the plan says last decides; a refusal beats a failure of the network.
            refused(404);
        }
        2 => {
            leg.reply(180);
            call.expect(180);
            call.cancel();
            call.expect(200);
            refused(487);
            cancelled();
        }
        4 => {
            leg.reply_sdp(183, &sdp::offer(bed.places.rtp_b1));
            call.expect(183);
            leg.reply(603);
            leg.expect_request("ACK");
            refused(603);
        }
        _ => {
            leg.answer(&sdp::offer(bed.places.rtp_b1));
            call.expect(200);
            call.ack();
            leg.expect_request("ACK");
            if how == 5 {
                call.reinvite(Some(&sdp::session(bed.places.rtp_a, 1, "sendonly")));
                leg.expect_request("INVITE");
                leg.reply(100);
                call.cancel();
                call.expect(200);
                cancelled();
                refused(487);
            }
            call.bye();
            leg.ok("BYE");
            call.expect(200);
        }
    }
}

/// 100 pairs of ports, many calls that end badly in seven ways, some whose 200 nobody ACKs, some whose caller is gone: every
/// port comes back, and none is ever missing.
fn mr_07_ports_come_back_on_every_failure() {
    const ROUNDS: usize = 20;
    const WAYS: usize = 7;
    const LOST: usize = 5;
    let bed = quick(|setup| {
        setup
            .media_ports(10_000, 10_199)
            .trunk("pbx2", &["role = \"customer\"", "sources = [\"{x.ip}\"]"])
    });
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    for n in 0..ROUNDS * WAYS {
        fails(&bed, [&alice, &bob, &carol], n % WAYS);
    }
    let offer = sdp::offer(bed.places.rtp_a);
    for n in 0..LOST {
        let at = SocketAddr::new(bed.places.x.ip(), 6000 + n as u16);
        let (fleeting, unacked) = (bed.peer("X", at), alice.invite(NUMBER, Some(&offer)));
        let deaf = bob.incoming();
        deaf.answer(&sdp::offer(bed.places.rtp_b1));
        deaf.expect_request("ACK");
        unacked.expect(200);
        let gone = fleeting.invite(NUMBER, Some(&offer));
        let leg = bob.incoming();
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        gone.expect(200);
        gone.ack();
        leg.expect_request("ACK");
        drop(gone);
        drop(fleeting);
        leg.bye();
        leg.expect(200);
        unacked.ok("BYE");
        deaf.ok("BYE");
    }
    bed.finish_lingering(ROUNDS * WAYS + 2 * LOST, 6 * ROUNDS);
}

/// Two pairs of ports in all: the next carrier is heard on the pair of the one that failed, who is not heard any more.
fn mr_07_a_hunt_needs_no_more_than_the_ports_of_one_call() {
    let bed = quick(|setup| setup.media_ports(10_000, 10_003));
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let [at_a, at_b1, at_b2] = [bed.places.rtp_a, bed.places.rtp_b1, bed.places.rtp_b2].map(RtpPeer::bind);
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let first = bob.incoming();
    let b_to = sdp::audio(&invite_of(&first).body());
    first.reply_sdp(183, &sdp::offer(bed.places.rtp_b1));
    call.expect(183);
    at_b1.send(b_to, &Stream::mark(0xb1).packet(0));
    assert_eq!(at_a.collect(1, ms(1000)).len(), 1);
    first.reply(503);
    let leg = carol.incoming();
    assert_eq!(sdp::audio(&invite_of(&leg).body()), b_to);
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    let a_to = sdp::audio(&call.expect(200).body());
    call.ack();
    leg.expect_request("ACK");
    at_b1.send(b_to, &Stream::mark(0xb1).packet(1));
    let said = engines::until_in_kernel(&bed, 1, |n| at_a.send(a_to, &Stream::mark(0xa1).packet(n)));
    assert_eq!(at_b2.collect(said, ms(500)).len(), said);
    let from_a = Stream {
        sequence: 1 + said as u16,
        ..Stream::mark(0xa1)
    };
    at_a.stream(a_to, &from_a, 25, ms(1));
    Comparison::of(&from_a, 25, &at_b2.collect(25, ms(500)), b_to).assert_clean();
    engines::assert_in_kernel(&bed, 25);
    // To the caller the second carrier goes on where the first left off.
    at_b2.stream(b_to, &Stream::mark(0xb2), 25, ms(1));
    let heard = at_a.collect(25, ms(500));
    let first = Header::parse(&Stream::mark(0xb1).packet(0)).unwrap();
    for (n, heard) in heard.iter().enumerate() {
        let header = Header::parse(&heard.packet).unwrap();
        let next = first.sequence.wrapping_add(1 + n as u16);
        assert_eq!((header.ssrc, header.sequence), (first.ssrc, next));
        assert_eq!(heard.packet[12..], Stream::mark(0xb2).packet(n)[12..]);
    }
    assert_eq!(heard.len(), 25);
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish_lingering(1, 1)[0], "normal", 200, "caller", 2);
}

fn digit(payload_type: u8, event: u8, ssrc: u32, n: u16) -> Vec<u8> {
    let header = Header {
        marker: n == 0,
        payload_type,
        sequence: 500 + n,
        timestamp: 16_000,
        ssrc,
    };
    header.packet(&[event, 10, 0, 160])
}

/// RFC 3264 §5.1, §6.1: each side gets a payload type that it has in its own SDP, though A says 96 and B1 122, and though B1 may
/// send with what it was offered.
fn mr_11_payload_types_are_the_receivers() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let events = |pt: u8| format!("a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n");
    let offer = body(
        bed.places.rtp_a,
        "0 96 111",
        &(events(96) + "a=rtpmap:111 opus/48000/2\r\n"),
    );
    let call = alice.invite(NUMBER, Some(&offer));
    let leg = bob.incoming();
    let offered = invite_of(&leg).body();
    let line = text(&offered)
        .lines()
        .find(|line| line.ends_with("telephone-event/8000"))
        .map(str::to_owned);
    let ours: u8 = line
        .and_then(|line| line.strip_prefix("a=rtpmap:")?.split(' ').next()?.parse().ok())
        .expect("telephone-event is offered");
    leg.answer(&body(bed.places.rtp_b1, "0 122", &events(122)));
    let answered = call.expect(200).body();
    assert_eq!(formats(&answered), "0 96");
    call.ack();
    leg.expect_request("ACK");
    let (a_to, b_to) = (sdp::audio(&answered), sdp::audio(&offered));
    let received = |peer: &RtpPeer| {
        Header::parse(&peer.collect(1, ms(500))[0].packet)
            .unwrap()
            .payload_type
    };
    let end = |peer, to, stream| End { peer, to, stream };
    let (a, b) = (
        end(&at_a, a_to, Stream::mark(0xa1)),
        end(&at_b, b_to, Stream::mark(0xb2)),
    );
    let next = engines::settle(&bed, [&a, &b], 0);
    at_a.send(a_to, &a.stream.packet(next));
    assert_eq!(received(&at_b), 0);
    at_a.send(a_to, &digit(96, 5, 0xa1, 0));
    assert_eq!(received(&at_b), 122);
    at_b.send(b_to, &b.stream.packet(next));
    assert_eq!(received(&at_a), 0);
    for (n, pt) in [(0, ours), (1, 122)] {
        at_b.send(b_to, &digit(pt, 7, 0xb2, n));
        assert_eq!(received(&at_a), 96, "sent as {pt}");
    }
    call.bye();
    leg.ok("BYE");
    call.expect(200);
    check(&bed.finish(1)[0], "normal", 200, "caller", 1);
}

/// RFC 7261 §3.3: G.729 is one codec whatever is said of Annex B; the offerer's order stays.
fn mr_14_g729_is_one_codec_and_order_stays() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let [at_a, at_b] = [bed.places.rtp_a, bed.places.rtp_b1].map(RtpPeer::bind);
    let event = "a=rtpmap:101 telephone-event/8000\r\n";
    let no = "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n";
    let absent = "a=rtpmap:18 G729/8000\r\n";
    for (list, of_a, of_b) in [
        ("18 8 0 101", no, absent),
        ("18 8 0 101", absent, no),
        ("18 18 8 0 101", no, no),
    ] {
        let call = alice.invite(
            NUMBER,
            Some(&body(bed.places.rtp_a, list, &format!("{of_a}{event}"))),
        );
        let leg = bob.incoming();
        let offer = invite_of(&leg).body();
        let order = formats(&offer);
        assert!(order == list || order == "18 8 0 101", "{order}");
        leg.answer(&body(bed.places.rtp_b1, "18", of_b));
        let answer = call.expect(200).body();
        assert_eq!(formats(&answer), "18");
        call.ack();
        leg.expect_request("ACK");
        let end = |peer, to, ssrc| End {
            peer,
            to,
            stream: Stream {
                payload_type: 18,
                ..Stream::speech(ssrc)
            },
        };
        let (a, b) = (
            end(&at_a, sdp::audio(&answer), 1),
            end(&at_b, sdp::audio(&offer), 2),
        );
        engines::settle(&bed, [&a, &b], 0);
        call.bye();
        leg.ok("BYE");
        call.expect(200);
    }
    bed.finish(3);
}

/// A trunk's `codecs` are offered in its order and no others; a call that is left with none is refused.
#[test]
fn mr_14_trunks_codecs_in_the_trunks_order() {
    let keys = "codecs = [\"PCMA\", \"PCMU\", \"telephone-event\"]";
    let bed = quick(|setup| setup.key("b1", keys).without("b2"));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let lines = "a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
    let call = alice.invite(NUMBER, Some(&body(bed.places.rtp_a, "18 0 8 101", lines)));
    let leg = bob.incoming();
    assert_eq!(formats(&invite_of(&leg).body()), "8 0 101");
    leg.reply(486);
    leg.expect_request("ACK");
    call.expect(486);
    call.ack_failure();
    let call = alice.invite(
        NUMBER,
        Some(&body(bed.places.rtp_a, "18", "a=rtpmap:18 G729/8000\r\n")),
    );
    call.expect(488);
    call.ack_failure();
    bob.expect_silence(ms(100));
    assert_eq!(bob.repeats(is("INVITE")), 0);
    bed.finish_lingering(2, 1);
}

on_both_engines! {
    mr_06_rtcp_goes_where_each_side_wants_it,
    mr_07_ports_come_back_on_every_failure,
    mr_07_a_hunt_needs_no_more_than_the_ports_of_one_call,
    mr_11_payload_types_are_the_receivers,
    mr_14_g729_is_one_codec_and_order_stays,
}
