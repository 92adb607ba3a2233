//! Offer/answer arithmetic and payload types per direction.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test helpers outside of test functions"
)]

use sdp::{
    Direction, Limits, PtPair, Refusal, Sdp, acceptable, complement, first_acceptable, hold_direction,
    is_hold, parse, pt_map, unchanged,
};

const ALL: [Direction; 4] = [
    Direction::SendRecv,
    Direction::SendOnly,
    Direction::RecvOnly,
    Direction::Inactive,
];

/// A body whose m-lines and attributes are given, `;` between lines.
fn body(lines: &str) -> Sdp {
    let lines = lines.replace(';', "\r\n");
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}\r\n");
    parse(text.as_bytes(), &Limits::default()).expect("parses")
}

#[test]
fn the_complement_swaps_sending_and_receiving() {
    let expected = [
        Direction::SendRecv,
        Direction::RecvOnly,
        Direction::SendOnly,
        Direction::Inactive,
    ];
    assert_eq!(ALL.map(complement), expected);
}

#[test]
fn an_answer_never_says_more_than_the_offer_allows() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    // RFC 3264 §6.1: rows are what is wanted, columns what was offered.
    let table = [
        (SendRecv, [SendRecv, RecvOnly, SendOnly, Inactive]),
        (SendOnly, [SendOnly, Inactive, SendOnly, Inactive]),
        (RecvOnly, [RecvOnly, RecvOnly, Inactive, Inactive]),
        (Inactive, [Inactive; 4]),
    ];
    for (wanted, row) in table {
        assert_eq!(ALL.map(|offered| wanted.answer_to(offered)), row, "{wanted:?}");
    }
}

#[test]
fn hold_is_said_by_direction_or_by_address() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let rows = [
        ("m=audio 4 RTP/AVP 0", SendRecv, false),
        ("m=audio 4 RTP/AVP 0;a=sendonly", SendOnly, true),
        ("m=audio 4 RTP/AVP 0;a=inactive", Inactive, true),
        ("m=audio 4 RTP/AVP 0;a=recvonly", RecvOnly, false),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0", SendOnly, true),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=sendrecv", SendOnly, true),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=sendonly", SendOnly, true),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=recvonly", Inactive, true),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=inactive", Inactive, true),
        ("m=audio 4 RTP/AVP 0;c=IN IP6 ::", SendOnly, true),
        ("m=audio 0 RTP/AVP 0;a=sendonly", SendOnly, false),
        ("a=sendonly;m=audio 4 RTP/AVP 0", SendOnly, true),
        ("a=sendonly;m=audio 4 RTP/AVP 0;a=sendrecv", SendRecv, false),
        ("a=SendOnly;m=audio 4 RTP/AVP 0", SendOnly, true),
    ];
    for (lines, direction, hold) in rows {
        let sdp = body(lines);
        let m = &sdp.media()[0];
        assert_eq!(
            (hold_direction(&sdp, m), is_hold(&sdp, m)),
            (direction, hold),
            "{lines}"
        );
    }
}

#[test]
fn only_audio_over_rtp_and_t38_are_acceptable() {
    let rows = [
        ("m=audio 4 RTP/AVP 0", Ok(())),
        ("m=audio 4 RTP/AVPF 0", Ok(())),
        ("m=image 4 udptl t38", Ok(())),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0", Ok(())),
        ("m=audio 0 RTP/AVP 0", Err(Refusal::Disabled)),
        ("m=audio 4 RTP/SAVP 0", Ok(())),
        ("m=audio 4 UDP/TLS/RTP/SAVPF 0", Ok(())),
        ("m=audio 4 TCP/RTP/AVP 0", Err(Refusal::Proto)),
        ("m=image 4 TCPTL t38", Err(Refusal::Proto)),
        ("m=video 4 RTP/AVP 31", Err(Refusal::Kind)),
        ("m=application 4 udp x", Err(Refusal::Kind)),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 pbx.example",
            Err(Refusal::NoAddress),
        ),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 255.255.255.255",
            Err(Refusal::NoAddress),
        ),
        ("m=audio 4 RTP/AVP", Err(Refusal::NoFormat)),
        ("m=audio 4 RTP/AVP 4294967296", Err(Refusal::NoFormat)),
        ("m=audio 4 RTP/AVP 97;a=rtpmap:97 opus/0", Err(Refusal::NoFormat)),
        (
            "m=audio 4 RTP/AVP 101;a=rtpmap:101 telephone-event/8000",
            Err(Refusal::NoFormat),
        ),
        ("m=image 4 udptl", Err(Refusal::NoFormat)),
    ];
    for (lines, expected) in rows {
        let sdp = body(lines);
        assert_eq!(acceptable(&sdp, &sdp.media()[0]), expected, "{lines}");
    }
}

#[test]
fn the_one_stream_to_anchor_is_found_among_others() {
    let rows: [(&str, Option<usize>); 8] = [
        (include_str!("data/audio-video.sdp"), Some(0)),
        (include_str!("data/video-first.sdp"), Some(1)),
        (include_str!("data/disabled-streams-first.sdp"), Some(2)),
        (include_str!("data/audio-and-t38.sdp"), Some(0)),
        (include_str!("data/sdes.sdp"), Some(1)),
        (include_str!("data/t38.sdp"), Some(0)),
        (include_str!("data/application-and-message.sdp"), Some(1)),
        (include_str!("data/webrtc.sdp"), None),
    ];
    for (text, expected) in rows {
        let sdp = parse(text.as_bytes(), &Limits::default()).expect("parses");
        let plain = first_acceptable(&sdp, |m| !m.proto().is_secure());
        assert_eq!(plain, expected, "{text}");
    }
    // An offer may have the same audio twice, with SRTP and without: whoever reads it decides.
    let sdp = body("m=audio 4 RTP/SAVP 0;m=audio 6 RTP/AVP 0");
    assert_eq!(first_acceptable(&sdp, |_| true), Some(0));
    assert_eq!(first_acceptable(&sdp, |m| !m.proto().is_secure()), Some(1));
    assert_eq!(first_acceptable(&sdp, |_| false), None);
    let webrtc = include_str!("data/webrtc.sdp");
    let sdp = parse(webrtc.as_bytes(), &Limits::default()).expect("parses");
    assert_eq!(first_acceptable(&sdp, |_| true), Some(0));
}

/// (A's offer, B's answer, pairs a:b, from A in:out, from B in:out)
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const TE: &str = "telephone-event/8000";

fn list(pairs: impl Iterator<Item = (u8, u8)>) -> String {
    pairs
        .map(|(a, b)| format!("{a}:{b}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn payload_types_are_mapped_per_direction() {
    let rows: &[Row] = &[
        // The same numbers.
        (
            "0 8 101;a=rtpmap:101 TE",
            "8 101;a=rtpmap:101 TE",
            "8:8 101:101",
            "8:8 101:101",
            "8:8 101:101",
        ),
        // The answer has its own number for events: both of B's habits arrive at A as 96.
        (
            "0 96 111;a=rtpmap:96 TE;a=rtpmap:111 opus/48000/2",
            "0 122;a=rtpmap:122 TE",
            "0:0 96:122",
            "0:0 96:122 122:122",
            "0:0 96:96 122:96",
        ),
        // B's events have the number of A's Opus, which B did not take: what A sends as 111 is never B's event.
        (
            "0 96 111;a=rtpmap:96 TE;a=rtpmap:111 opus/48000/2",
            "0 111;a=rtpmap:111 TE",
            "0:0 96:111",
            "0:0 96:111",
            "0:0 96:96 111:96",
        ),
        // Crossed numbers: the offered meaning wins.
        (
            "96 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000",
            "97 96;a=rtpmap:97 opus/48000/2;a=rtpmap:96 telephone-event/48000",
            "96:97 97:96",
            "96:97 97:96",
            "96:96 97:97",
        ),
        // An answer without rtpmap means what was offered under the number.
        (
            "0 101;a=rtpmap:101 TE",
            "0 101",
            "0:0 101:101",
            "0:0 101:101",
            "0:0 101:101",
        ),
        ("97;a=rtpmap:97 opus/48000/2", "97", "97:97", "97:97", "97:97"),
        // Static number against a dynamic one of the same codec.
        ("96;a=rtpmap:96 PCMU/8000", "0", "96:0", "96:0 0:0", "96:96 0:96"),
        // Two events: each with its clock.
        (
            "96 0 97 98;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000;a=rtpmap:98 TE",
            "96 0 98 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 TE;a=rtpmap:98 telephone-event/48000",
            "96:96 0:0 97:98 98:97",
            "96:96 0:0 97:98 98:97",
            "96:96 0:0 97:97 98:98",
        ),
        // A 48 kHz event beside an 8 kHz codec alone is left out.
        (
            "96 0 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000",
            "0 97;a=rtpmap:97 telephone-event/48000",
            "0:0",
            "0:0",
            "0:0",
        ),
        // Nothing but the name in common.
        (
            "96 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 telephone-event/48000",
            "0 101;a=rtpmap:101 TE",
            "",
            "",
            "",
        ),
        // G.729 with and without annexb, twice.
        (
            "18 8 0 101;a=fmtp:18 annexb=no;a=rtpmap:101 TE",
            "18",
            "18:18",
            "18:18",
            "18:18",
        ),
        ("18 8", "18 18;a=fmtp:18 annexb=no", "18:18", "18:18", "18:18"),
        // The answer's order; a codec that was not offered is no one's.
        ("0 8", "8 0 3", "8:8 0:0", "8:8 0:0", "8:8 0:0"),
        // AMR: the alignment decides, not the position.
        (
            "96 97;a=rtpmap:96 AMR/8000;a=rtpmap:97 AMR/8000;a=fmtp:97 octet-align=1",
            "100;a=rtpmap:100 AMR/8000/1;a=fmtp:100 octet-align=1;",
            "97:100",
            "97:100 100:100",
            "97:97 100:97",
        ),
        // A number of the offer that another format of it also fits stays with its owner.
        (
            "96 97;a=rtpmap:96 opus/48000/2;a=rtpmap:97 opus/48000/2",
            "98 96;a=rtpmap:98 opus/48000/2;a=rtpmap:96 opus/48000/2",
            "97:98 96:96",
            "97:98 96:96 98:98",
            "97:97 96:96 98:97",
        ),
    ];
    for (offer, answer, pairs, from_a, from_b) in rows {
        let side = |s: &str| {
            body(&format!(
                "m=audio 4000 RTP/AVP {}",
                s.replace(" TE", &format!(" {TE}"))
            ))
        };
        let (a, b) = (side(offer), side(answer));
        let map = pt_map(&a.media()[0], &b.media()[0]);
        assert_eq!(
            list(map.pairs().iter().map(|PtPair { a, b }| (*a, *b))),
            *pairs,
            "{offer} / {answer}"
        );
        assert_eq!(list(map.from_a()), *from_a, "from A: {offer} / {answer}");
        assert_eq!(list(map.from_b()), *from_b, "from B: {offer} / {answer}");
        assert_eq!(map.is_empty(), pairs.is_empty());
    }
}

#[test]
fn what_b_would_misread_is_named() {
    let a = body("m=audio 4000 RTP/AVP 0 96 111;a=rtpmap:96 telephone-event/8000;a=rtpmap:111 opus/48000/2");
    let b = body("m=audio 4000 RTP/AVP 0 111;a=rtpmap:111 telephone-event/8000");
    let map = pt_map(&a.media()[0], &b.media()[0]);
    assert_eq!(map.misread_by_b().collect::<Vec<_>>(), [111]);
    let same = pt_map(&a.media()[0], &a.media()[0]);
    assert_eq!(same.misread_by_b().count(), 0);
}

#[test]
fn streams_that_are_not_rtp_have_no_payload_types() {
    let t38 = body("m=image 4000 udptl t38");
    assert!(pt_map(&t38.media()[0], &t38.media()[0]).is_empty());
}

#[test]
fn a_body_that_differs_in_its_origin_alone_is_unchanged() {
    let one = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4 RTP/AVP 0\r\n";
    let two = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4 RTP/AVP 0\r\n";
    let held = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 4 RTP/AVP 0\r\na=sendonly\r\n";
    assert!(unchanged(one, two));
    assert!(!unchanged(two, held));
    assert!(!unchanged(held, two));
}
