//! Peers that say hostile things in the middle of a call: spoilt answers, SDP that means harm, packets that aren't RTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[macro_use]
mod support;

use sip_msg::torture;
use std::cell::Cell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use support::{
    NUMBER, calls_had, engines, invite_of, is_answer, method_of, ms, options_within_50_ms, quick, talk, text,
};
use testbed::rtp::{Header, Heard, RtpPeer, Stream};
use testbed::{Bed, Call, SipPeer, sdp};

fn probe(bed: &Bed) -> SipPeer {
    bed.peer("probe", SocketAddr::new(bed.places.x.ip(), 5099))
}

/// Answers every request that is in the peer's inbox with 200, but ACKs.
fn be_polite(peer: &SipPeer, call: &Call<'_>) {
    let request = |incoming: &testbed::sip::Incoming| incoming.message.is_request();
    while let Some(incoming) = peer.wait_for("a request", ms(1), request) {
        if method_of(&incoming.message) != "ACK" {
            call.reply_to(&incoming.message, 200, &[], None);
        }
    }
}

/// The caller's final answer; if it is a 200 the caller hangs up. Meanwhile the carrier is polite.
fn conclude(alice: &SipPeer, call: &Call<'_>, bob: &SipPeer, leg: &Call<'_>) -> u16 {
    let deadline = Instant::now() + Duration::from_secs(8);
    let id = call.call_id();
    let ours = |incoming: &testbed::sip::Incoming| incoming.message.call_id() == id.as_bytes();
    let provisional =
        |incoming: &testbed::sip::Incoming| ours(incoming) && incoming.message.status() < Some(200);
    let status = Cell::new(0);
    while status.get() == 0 {
        assert!(Instant::now() < deadline, "no final answer");
        be_polite(bob, leg);
        while alice.wait_for("1xx", ms(1), provisional).is_some() {}
        // Only looked at: the call has to learn its dialog from it.
        alice.wait_for("a final answer", ms(5), |incoming| {
            if ours(incoming)
                && let Some(last) = incoming.message.status().filter(|status| *status >= 200)
            {
                status.set(last);
            }
            false
        });
    }
    let status = status.get();
    call.expect(status);
    if status >= 300 {
        call.ack_failure();
        return status;
    }
    call.ack();
    call.bye();
    while alice.wait_for("200", ms(5), is_answer(200, "BYE")).is_none() {
        assert!(Instant::now() < deadline, "no answer to BYE");
        be_polite(bob, leg);
    }
    status
}

/// A good 200 to this INVITE, as text.
fn good_answer(bob: &SipPeer, leg: &Call<'_>, bed: &Bed) -> String {
    let invite = invite_of(leg);
    let body = sdp::offer(bed.places.rtp_b1);
    let mut out = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        let _ = write!(
            out,
            "{name}: {}\r\n",
            text(invite.header_named(name).unwrap_or_default())
        );
    }
    let to = text(invite.header_named("To").unwrap_or_default());
    let _ = write!(
        out,
        "To: {to};tag={}\r\nContact: <sip:bob@{}>\r\n",
        leg.tag(),
        bob.local()
    );
    let _ = write!(
        out,
        "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    out
}

/// PX-04. A 200 to our INVITE of which one header is missing, there twice, empty, or 10 kB long; a good one follows. Whatever the
/// switch makes of the first, the caller gets a final answer, both sides are let go, and nothing stays.
#[test]
fn px_04_spoilt_answers_to_our_invite() {
    let bed = quick(|setup| setup);
    let (alice, bob, probe) = (bed.peer_a(), bed.peer_b1(), probe(&bed));
    let headers = [
        "Via",
        "From",
        "Call-ID",
        "CSeq",
        "To",
        "Contact",
        "Content-Type",
        "Content-Length",
    ];
    let (mut calls, mut connected) = (0, 0);
    for header in headers {
        for way in 0..4 {
            let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
            let leg = bob.incoming();
            let good = good_answer(&bob, &leg, &bed);
            let start = good.find(&format!("\r\n{header}:")).unwrap() + 2;
            let line = &good[start..start + good[start..].find("\r\n").unwrap() + 2];
            let spoilt = match way {
                0 => String::new(),
                1 => line.repeat(2),
                2 => format!("{header}:\r\n"),
                _ => line.replace("\r\n", &format!(";x={}\r\n", "y".repeat(10_000))),
            };
            bob.send_raw(bob.sut(), good.replacen(line, &spoilt, 1).as_bytes());
            bob.send_raw(bob.sut(), good.as_bytes());
            let status = conclude(&alice, &call, &bob, &leg);
            assert!(status == 200 || status >= 400, "{header}, way {way}: {status}");
            connected += usize::from(status == 200);
            calls += 1;
            assert_eq!(options_within_50_ms(&probe), 200, "{header}, way {way}");
        }
    }
    assert!(
        connected * 2 > calls,
        "{connected} of {calls} calls were connected"
    );
    bed.finish_lingering(calls, 2 * calls);
}

/// Every torture message as an answer to our INVITE: as it is; with our Via, so that it finds the transaction; and as a provisional
/// response of this very call with all its other headers. The good answer behind them still connects the call.
#[test]
fn px_04_torture_messages_as_answers_to_our_invite() {
    let bed = quick(|setup| setup);
    let (alice, bob, probe) = (bed.peer_a(), bed.peer_b1(), probe(&bed));
    for case in torture::all() {
        let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
        let leg = bob.incoming();
        let invite = invite_of(&leg);
        bob.send_raw(bob.sut(), case.bytes);
        let rest = case.bytes.split_inclusive(|byte| *byte == b'\n').skip(1);
        let rest: Vec<&[u8]> = rest
            .filter(|line| !line.to_ascii_lowercase().starts_with(b"v"))
            .collect();
        let via = format!("Via: {}\r\n", text(invite.header_named("Via").unwrap()));
        let names = ["From", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", text(invite.header_named(name).unwrap())));
        let ours = names.concat() + &format!("To: {};tag=t\r\n", text(invite.header_named("To").unwrap()));
        for head in [
            format!("SIP/2.0 183 Wait\r\n{via}"),
            format!("SIP/2.0 183 Wait\r\n{via}{ours}"),
        ] {
            let message = [head.as_bytes(), &rest.concat()].concat();
            bob.send_raw(bob.sut(), &message);
        }
        let own: Vec<&[u8]> = rest.iter().copied().filter(|line| !names_dialog(line)).collect();
        let message = [
            format!("SIP/2.0 183 Wait\r\n{via}{ours}").as_bytes(),
            &own.concat(),
        ]
        .concat();
        bob.send_raw(bob.sut(), &message);
        assert_eq!(options_within_50_ms(&probe), 200, "{}", case.name);
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        assert_eq!(conclude(&alice, &call, &bob, &leg), 200, "{}", case.name);
    }
    // Those that are INVITEs came from a trunk and were calls as well.
    let calls = calls_had(&bed);
    assert!(calls >= torture::all().count());
    bed.finish_lingering(calls, calls);
}

/// Whether this header line says which dialog a message belongs to.
fn names_dialog(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let name = name.trim_ascii().to_ascii_lowercase();
    [&b"from"[..], b"to", b"call-id", b"cseq", b"f", b"t", b"i"].contains(&name.as_slice())
}

/// What is to become of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Used,
    Refused,
    /// Either, as long as nothing breaks.
    Any,
}

/// Bodies that mean harm. `at` is where honest lines of them point.
fn bodies(at: SocketAddr) -> Vec<(&'static str, String, Fate)> {
    use Fate::{Any, Refused, Used};
    let good = sdp::offer(at);
    let (ip, port) = (at.ip(), at.port());
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let connection = format!("c=IN IP4 {ip}\r\n");
    let line = format!("m=audio {port} RTP/AVP 0 8 101");
    let audio = |format: &str| with(&line, &format!("m=audio {port} RTP/AVP {format}"));
    let at_port = |port: &str| with(&line, &format!("m=audio {port} RTP/AVP 0"));
    vec![
        ("a payload type beyond 32 bits", audio("4294967296"), Refused),
        ("payload type -1", audio("-1"), Refused),
        ("payload types 128 and 999", audio("128 999"), Refused),
        ("no payload type", audio("").replace("AVP \r", "AVP\r"), Refused),
        ("port 65536", at_port("65536"), Refused),
        ("port -1", at_port("-1"), Refused),
        ("port 0", at_port("0"), Refused),
        ("no connection line", with(&connection, ""), Refused),
        (
            "two connection lines",
            with(&connection, &connection.repeat(2)),
            Any,
        ),
        (
            "a host name",
            with(&connection, "c=IN IP4 sdp.example\r\n"),
            Refused,
        ),
        (
            "the broadcast address",
            with(&connection, "c=IN IP4 255.255.255.255\r\n"),
            Refused,
        ),
        ("another family", with(&connection, "c=IN IP6 ::1\r\n"), Any),
        ("a NUL in fmtp", with("a=fmtp:101", "a=fmtp\0:101"), Any),
        ("clock 0", with("PCMU/8000", "PCMU/0"), Any),
        (
            "clock 0 of a dynamic type",
            audio("96").replace("a=rtpmap:0 PCMU/8000", "a=rtpmap:96 x/0"),
            Refused,
        ),
        ("ptime 0", with("ptime:20", "ptime:0"), Used),
        ("ptime -1", with("ptime:20", "ptime:-1"), Used),
        ("ptime 100000", with("ptime:20", "ptime:100000"), Used),
        (
            "2,000 streams",
            format!("{good}{}", "m=audio 9 RTP/AVP 0\r\n".repeat(2000)),
            Refused,
        ),
        (
            "60 kB of attributes",
            format!("{good}{}", "a=x-filler:0123456789\r\n".repeat(2500)),
            Any,
        ),
        (
            "an attribute of 55 kB",
            format!("{good}a=x:{}\r\n", "y".repeat(55_000)),
            Any,
        ),
        ("no line end", "v=0".to_owned(), Refused),
        (
            "octets",
            "\u{1}\u{2}\u{ff}=\u{0}\r\n\r\nm=\r\n".to_owned(),
            Refused,
        ),
    ]
}

fn assert_fate(what: &str, fate: Fate, status: u16) {
    let fits = match fate {
        Fate::Used => status == 200,
        Fate::Refused => matches!(status, 400 | 488 | 500),
        Fate::Any => status == 200 || matches!(status, 400 | 488 | 500 | 513),
    };
    assert!(fits, "{what}: {status}, to be {fate:?}");
}

/// PX-07, in the INVITE.
#[test]
fn px_07_hostile_offers() {
    let bed = quick(|setup| setup);
    let (alice, bob, probe) = (bed.peer_a(), bed.peer_b1(), probe(&bed));
    let bodies = bodies(bed.places.rtp_a);
    for (what, body, fate) in &bodies {
        let call = alice.invite(NUMBER, Some(body));
        let to_b = bob.wait_for("INVITE", ms(100), support::is("INVITE"));
        if let Some(invite) = &to_b {
            reply_ok(&bob, &invite.message, &bed);
        }
        assert_fate(what, *fate, conclude(&alice, &call, &bob, &call));
        assert_eq!(options_within_50_ms(&probe), 200, "{what}");
    }
    bed.finish(bodies.len());
}

fn reply_ok(bob: &SipPeer, invite: &sip_msg::Message, bed: &Bed) {
    let contact = format!("<sip:bob@{}>", bob.local());
    let body = sdp::offer(bed.places.rtp_b1);
    support::reply_raw(bob, invite, 200, "polite", &[("Contact", &contact)], Some(&body));
}

/// PX-07, in the answer: at once in the 200, or in a 183 before a good 200.
#[test]
fn px_07_hostile_answers() {
    let bed = quick(|setup| setup);
    let (alice, bob, probe) = (bed.peer_a(), bed.peer_b1(), probe(&bed));
    let bodies = bodies(bed.places.rtp_b1);
    for (what, body, fate) in &bodies {
        for early in [false, true] {
            let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
            let leg = bob.incoming();
            if early {
                leg.reply_sdp(183, body);
                leg.answer(&sdp::offer(bed.places.rtp_b1));
            } else {
                leg.answer(body);
            }
            let status = conclude(&alice, &call, &bob, &leg);
            assert_fate(what, if early { Fate::Used } else { *fate }, status);
            be_polite(&bob, &leg);
            assert_eq!(options_within_50_ms(&probe), 200, "{what}");
        }
    }
    bed.finish(2 * bodies.len());
}

/// PX-07, in re-INVITEs of one call: what can't be used is refused and the call goes on as it was.
#[test]
fn px_07_hostile_reinvites() {
    let bed = quick(|setup| setup);
    let (alice, bob, probe) = (bed.peer_a(), bed.peer_b1(), probe(&bed));
    let talk = talk(&bed, &alice, &bob);
    for (what, body, fate) in bodies(bed.places.rtp_a) {
        talk.call.reinvite(Some(&body));
        let answer = loop {
            let answer = alice.wait_for("an answer", ms(5), |incoming| {
                incoming.message.status() >= Some(200)
            });
            if let Some(answer) = answer {
                break answer.message.status().unwrap_or_default();
            }
            if let Some(invite) = bob.wait_for("INVITE", ms(5), support::is("INVITE")) {
                reply_ok(&bob, &invite.message, &bed);
            }
        };
        match answer {
            200 => talk.call.ack(),
            _ => talk.call.ack_failure(),
        }
        assert_fate(what, fate, answer);
        be_polite(&bob, &talk.leg);
        assert_eq!(options_within_50_ms(&probe), 200, "{what}");
    }
    talk.call.bye();
    talk.leg.ok("BYE");
    alice.wait("200", is_answer(200, "BYE"));
    bed.finish(1);
}

/// Packets that are no RTP or no RTCP, or lie about their lengths.
fn odd_packets() -> Vec<Vec<u8>> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence: 60_000,
        timestamp: 0,
        ssrc: 0xee,
    };
    let plain = header.packet(&[0xee; 160]);
    let with = |at: usize, byte: u8| {
        let mut packet = plain.clone();
        packet[at] = byte;
        packet
    };
    let rtcp = |kind: u8, count: u8, words: u16, size: usize| {
        let mut packet = vec![0xee; size];
        packet[..4].copy_from_slice(&[0x80 | count, kind, (words >> 8) as u8, words as u8]);
        packet
    };
    let mut packets: Vec<Vec<u8>> = (0..12).map(|length| plain[..length].to_vec()).collect();
    packets.extend([with(0, 0), with(0, 0x40), with(0, 0xc0), vec![0; 4]]);
    packets.push([&[0x8f], &plain[1..12]].concat());
    packets.push([&[0x90], &plain[1..12], &[0, 0, 0xff, 0xff], &[0xee; 8]].concat());
    for last in [0, 255] {
        let mut padded = with(0, 0xa0);
        *padded.last_mut().unwrap() = last;
        packets.push(padded);
    }
    packets.push([&[0xa0], &plain[1..12]].concat());
    packets.push(vec![0x80; 65_507]);
    for (kind, count) in [(200, 31), (201, 31), (202, 31), (203, 31), (207, 1), (205, 1)] {
        packets.extend([
            rtcp(kind, count, 6, 28),
            rtcp(kind, count, 7, 28),
            rtcp(kind, count, 5, 28),
        ]);
        packets.push(rtcp(kind, count, 0xffff, 12));
    }
    packets
}

/// MR-10. While A and B1 talk, odd packets come to all ports, from A's own address and from a stranger, who sends 100,000 random
/// ones besides. The good streams lose nothing; nothing of the stranger's arrives.
fn mr_10_odd_packets_disturb_no_stream() {
    const COUNT: usize = 250;
    const RANDOM: usize = 100_000;
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let talk = talk(&bed, &alice, &bob);
    let (a_to, b_to) = (talk.a_to, talk.b_to);
    let [at_a, at_b, mallory] = [bed.places.rtp_a, bed.places.rtp_b1, bed.places.rtp_x].map(RtpPeer::bind);
    let (from_a, from_b) = (Stream::speech(0xa1), Stream::speech(0xb2));
    let [heard_a, heard_b] = std::thread::scope(|scope| {
        let ears = [&at_a, &at_b].map(|peer| scope.spawn(|| peer.collect(usize::MAX, ms(600))));
        scope.spawn(|| at_a.stream(a_to, &from_a, COUNT, ms(20)));
        scope.spawn(|| at_b.stream(b_to, &from_b, COUNT, ms(20)));
        std::thread::sleep(ms(300));
        let rtcp = |at: SocketAddr| SocketAddr::new(at.ip(), at.port() + 1);
        for packet in odd_packets() {
            for to in [a_to, b_to, rtcp(a_to), rtcp(b_to)] {
                at_a.send(to, &packet);
                let mut copy = packet.clone();
                if let Some(ssrc) = copy.get_mut(8..12) {
                    ssrc.copy_from_slice(&[0xbb; 4]);
                }
                mallory.send(to, &copy);
            }
            std::thread::sleep(ms(2));
        }
        let mut state = 0x0123_4567_89ab_cdef_u64;
        let start = Instant::now();
        for n in 0..RANDOM {
            let mut packet = [0; 64];
            for byte in &mut packet {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *byte = (state >> 56) as u8;
            }
            // Half of them look like RTP or RTCP at first sight.
            packet[0] = if n % 2 == 0 {
                packet[0]
            } else {
                0x80 | (packet[0] & 0x1f)
            };
            let to = [a_to, b_to, rtcp(a_to), rtcp(b_to)][n % 4];
            mallory.send(to, &packet[..12 + n % 52]);
            if n % 100 == 0 {
                let due = start + Duration::from_micros(30) * u32::try_from(n).unwrap();
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        ears.map(|ear| ear.join().unwrap())
    });
    for (stream, heard) in [(&from_b, &heard_a), (&from_a, &heard_b)] {
        assert_all(stream, COUNT, heard);
    }
    assert!(mallory.collect(1, ms(20)).is_empty());
    assert_eq!(options_within_50_ms(&alice), 200);
    engines::assert_in_kernel(&bed, COUNT);
    talk.hang_up();
    bed.finish(1);
}

/// Every packet of the stream arrived, in order; anything else that did is of A's own making and has a header.
fn assert_all(stream: &Stream, count: usize, heard: &[Heard]) {
    let mut next = 0;
    for packet in heard {
        if next < count && packet.packet == stream.packet(next) {
            next += 1;
        } else {
            let header = Header::parse(&packet.packet).expect("RTP");
            assert!([0xee, 0x8080_8080].contains(&header.ssrc), "{header:?}");
        }
    }
    assert_eq!(next, count, "packets of {:#x} arrived", stream.ssrc);
}

on_both_engines! {
    mr_10_odd_packets_disturb_no_stream,
}
