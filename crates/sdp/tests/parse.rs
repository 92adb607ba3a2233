//! What a body is read as, and which bodies are refused.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test helpers outside of test functions"
)]

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sdp::{Direction, Kind, Limits, Media, Proto, Sdp, SdpError, parse};

fn read(body: &str) -> Sdp {
    parse(body.as_bytes(), &Limits::default()).expect(body)
}

/// A body with one audio m-line whose other lines are given.
fn audio(lines: &str) -> Sdp {
    read(&format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}"
    ))
}

fn codecs(m: &Media) -> Vec<String> {
    m.codecs()
        .map(|c| {
            let fmtp = c.fmtp.map(|f| format!(" {f}")).unwrap_or_default();
            format!("{} {}/{}/{}{fmtp}", c.pt, c.name, c.clock, c.channels)
        })
        .collect()
}

fn ip(s: &str) -> IpAddr {
    s.parse().expect(s)
}

#[test]
fn an_everyday_offer_is_read_whole() {
    let sdp = read(include_str!("data/audio.sdp"));
    let origin = sdp.origin().expect("origin");
    assert_eq!(
        (origin.username, origin.id, origin.version, origin.address),
        ("alice", "2890844526", "2890844526", "192.0.2.10")
    );
    let m = &sdp.media()[0];
    assert_eq!(
        (m.kind(), m.port(), m.proto()),
        (Kind::Audio, 49170, Proto::RtpAvp)
    );
    assert_eq!(m.line(), b"m=audio 49170 RTP/AVP 8 0 101");
    assert_eq!(m.formats().collect::<Vec<_>>(), ["8", "0", "101"]);
    assert_eq!(
        codecs(m),
        [
            "8 PCMA/8000/1",
            "0 PCMU/8000/1",
            "101 telephone-event/8000/1 0-15"
        ]
    );
    assert_eq!(
        (m.direction(), m.ptime(), m.rtcp(), m.rtcp_mux()),
        (Direction::SendRecv, Some(20), None, false)
    );
    assert_eq!(sdp.connection(m), Some(ip("192.0.2.10")));
    let endpoints = sdp.endpoints(m, false).expect("live");
    assert_eq!(endpoints.rtp, SocketAddr::new(ip("192.0.2.10"), 49170));
    assert_eq!(endpoints.rtcp, SocketAddr::new(ip("192.0.2.10"), 49171));
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let sdp = read(include_str!("data/static-types-no-rtpmap.sdp"));
    let expected = [
        "0 PCMU/8000/1",
        "8 PCMA/8000/1",
        "18 G729/8000/1",
        "3 GSM/8000/1",
        "13 CN/8000/1",
    ];
    assert_eq!(codecs(&sdp.media()[0]), expected);
}

#[test]
fn lf_ends_missing_s_and_t_and_odd_order_are_read() {
    let lf = read(include_str!("data/lf-only.sdp"));
    assert_eq!(
        codecs(&lf.media()[0]),
        ["0 PCMU/8000/1", "101 telephone-event/8000/1"]
    );
    let odd = read(include_str!("data/odd-order-no-s-no-t.sdp"));
    let m = &odd.media()[0];
    assert_eq!(m.direction(), Direction::RecvOnly, "of the session");
    assert_eq!(odd.connection(m), Some(ip("192.0.2.18")), "of the media");
    assert_eq!(codecs(m), ["0 PCMU/8000/1", "101 telephone-event/8000/1 0-11"]);
    assert!(odd.origin().is_some());
}

#[test]
fn the_first_of_repeated_lines_counts() {
    let sdp = read(include_str!("data/duplicate-connection.sdp"));
    let m = &sdp.media()[0];
    assert_eq!(sdp.connection(m), Some(ip("192.0.2.20")));
    assert_eq!(
        codecs(m),
        ["18 G729/8000/1 annexb=no", "0 PCMU/8000/1"],
        "18 once, the absent 99 not at all"
    );
    assert_eq!(m.formats().collect::<Vec<_>>(), ["18", "0"]);
    let twice = audio(
        "m=audio 4 RTP/AVP 0\r\na=sendonly\r\na=inactive\r\na=ptime:30\r\na=ptime:20\r\na=rtcp:6\r\na=rtcp:8\r\n",
    );
    let m = &twice.media()[0];
    assert_eq!(
        (m.direction(), m.ptime(), m.rtcp()),
        (Direction::SendOnly, Some(30), Some((6, None)))
    );
    let twice = audio("m=audio 4 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:96 iLBC/8000\r\n");
    assert_eq!(codecs(&twice.media()[0]), ["96 opus/48000/2"]);
}

#[test]
fn media_types_and_profiles_are_known_in_any_case() {
    let rows = [
        ("audio 1 RTP/AVP 0", Kind::Audio, Proto::RtpAvp),
        ("AUDIO 1 rtp/avp 0", Kind::Audio, Proto::RtpAvp),
        ("video 1 RTP/AVPF 97", Kind::Video, Proto::RtpAvpf),
        ("audio 1 RTP/SAVP 0", Kind::Audio, Proto::RtpSavp),
        ("audio 1 RTP/SAVPF 0", Kind::Audio, Proto::RtpSavpf),
        ("audio 1 UDP/TLS/RTP/SAVP 0", Kind::Audio, Proto::UdpTlsSavp),
        ("audio 1 UDP/TLS/RTP/SAVPF 0", Kind::Audio, Proto::UdpTlsSavpf),
        ("image 1 udptl t38", Kind::Image, Proto::Udptl),
        ("image 1 UDPTL t38", Kind::Image, Proto::Udptl),
        ("image 1 TCPTL t38", Kind::Image, Proto::Other),
        (
            "application 9 UDP/DTLS/SCTP webrtc-datachannel",
            Kind::Application,
            Proto::Other,
        ),
        ("message 7394 TCP/MSRP *", Kind::Message, Proto::Other),
        ("text 1 RTP/AVP 98", Kind::Text, Proto::RtpAvp),
        ("whiteboard 1 udp 1", Kind::Other, Proto::Other),
    ];
    for (line, kind, proto) in rows {
        let sdp = audio(&format!("m={line}\r\n"));
        let m = &sdp.media()[0];
        assert_eq!((m.kind(), m.proto()), (kind, proto), "{line}");
        assert_eq!(m.formats().count(), 1, "{line}");
    }
}

#[test]
fn connection_addresses_are_used_only_if_packets_can_go_there() {
    let rows = [
        ("IN IP4 192.0.2.7", Some("192.0.2.7")),
        ("in ip4 192.0.2.7", Some("192.0.2.7")),
        ("IN IP4 192.0.2.7/127", Some("192.0.2.7")),
        ("IN IP6 2001:db8::7", Some("2001:db8::7")),
        ("IN IP4 0.0.0.0", Some("0.0.0.0")),
        ("IN IP6 ::", Some("::")),
        ("IN IP4 pbx.example.com", None),
        ("IN IP4 255.255.255.255", None),
        ("IN IP4 224.2.1.1/127", None),
        ("IN IP6 ff15::101", None),
        ("IN IP4 300.1.1.1", None),
        ("IN IP4", None),
        ("IN IP5 192.0.2.7", None),
        ("ATM IP4 192.0.2.7", None),
        ("", None),
    ];
    for (value, expected) in rows {
        let sdp = audio(&format!("m=audio 4000 RTP/AVP 0\r\nc={value}\r\n"));
        assert_eq!(sdp.connection(&sdp.media()[0]), expected.map(ip), "{value}");
    }
    let none = read("v=0\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(none.connection(&none.media()[0]), None);
    assert_eq!(none.endpoints(&none.media()[0], false), None);
}

#[test]
fn a_good_connection_line_is_found_behind_a_bad_one() {
    let sdp = audio("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 pbx\r\nc=IN IP4 192.0.2.9\r\n");
    assert_eq!(sdp.connection(&sdp.media()[0]), Some(ip("192.0.2.9")));
}

#[test]
fn rtcp_goes_to_the_next_port_the_named_one_or_the_same() {
    let rows = [
        ("", false, Some("192.0.2.1:4001")),
        ("", true, Some("192.0.2.1:4000")),
        ("a=rtcp:5555\r\n", false, Some("192.0.2.1:5555")),
        ("a=rtcp:5555 IN IP4 192.0.2.2\r\n", false, Some("192.0.2.2:5555")),
        (
            "a=rtcp:5555 IN IP4 host.example\r\n",
            false,
            Some("192.0.2.1:5555"),
        ),
        ("a=rtcp:5555 IN IP4 0.0.0.0\r\n", false, Some("192.0.2.1:5555")),
        ("a=rtcp:0\r\n", false, Some("192.0.2.1:4001")),
        ("a=rtcp:65536\r\n", false, Some("192.0.2.1:4001")),
        ("a=rtcp:5555\r\na=rtcp-mux\r\n", true, Some("192.0.2.1:4000")),
        ("c=IN IP4 0.0.0.0\r\n", false, None),
    ];
    for (lines, mux, expected) in rows {
        let sdp = audio(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}"));
        let endpoints = sdp.endpoints(&sdp.media()[0], mux);
        assert_eq!(
            endpoints.map(|e| e.rtcp.to_string()).as_deref(),
            expected,
            "{lines} mux {mux}"
        );
    }
}

#[test]
fn hostile_attributes_are_ignored_one_by_one() {
    let rows = [
        ("RTP/AVP 4294967296 0", "", vec!["0 PCMU/8000/1"]),
        ("RTP/AVP -1 128 999 +8 0x0 0", "", vec!["0 PCMU/8000/1"]),
        ("RTP/AVP 97", "a=rtpmap:97 opus/0\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:97 opus/-48000/2\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:97 opus/99999999999/2\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:97 opus/48000/0\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:97 opus\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:97 /48000\r\n", vec![]),
        ("RTP/AVP 97", "a=rtpmap:4294967393 opus/48000/2\r\n", vec![]),
        (
            "RTP/AVP 97",
            "a=rtpmap:97 opus/0\r\na=rtpmap:97 opus/48000/2\r\n",
            vec!["97 opus/48000/2"],
        ),
        ("RTP/AVP 8", "a=rtpmap:8 PCMA/0\r\n", vec!["8 PCMA/8000/1"]),
        ("RTP/AVP 8", "a=rtpmap:8 PCMA/8000/\r\n", vec!["8 PCMA/8000/1"]),
        (
            "RTP/AVP 0 101",
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp\0:101 0-15\r\n",
            vec!["0 PCMU/8000/1", "101 telephone-event/8000/1"],
        ),
        ("RTP/AVP 0", "a=fmtp:0 a\0b\r\n", vec!["0 PCMU/8000/1"]),
        (
            "RTP/AVP 0",
            "a=fmtp:0\r\na=fmtp:\r\na=fmtp\r\na=rtpmap\r\na=:\r\na=\r\na\r\n=\r\n\0\r\n",
            vec!["0 PCMU/8000/1"],
        ),
        ("RTP/AVP", "", vec![]),
    ];
    for (profile, lines, expected) in rows {
        let sdp = audio(&format!("m=audio 17000 {profile}\r\n{lines}"));
        assert_eq!(codecs(&sdp.media()[0]), expected, "{profile} {lines:?}");
    }
}

#[test]
fn nonsense_packet_times_are_ignored() {
    let rows = [
        ("20", Some(20)),
        ("1", Some(1)),
        ("1000", Some(1000)),
        ("30.0", Some(30)),
        ("0", None),
        ("-1", None),
        ("100000", None),
        ("99999999999999999999", None),
        ("", None),
        ("twenty", None),
    ];
    for (value, expected) in rows {
        let sdp = audio(&format!("m=audio 17000 RTP/AVP 0\r\na=ptime:{value}\r\n"));
        assert_eq!(sdp.media()[0].ptime(), expected, "{value}");
    }
}

#[test]
fn an_unusable_document_is_a_named_error() {
    let many = |n: usize, line: &str| format!("v=0\r\n{}", line.repeat(n));
    let formats = (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    let rows: Vec<(String, SdpError)> = vec![
        (String::new(), SdpError::Empty),
        ("\r\n\r\n".into(), SdpError::Empty),
        ("hello".into(), SdpError::Version),
        ("v=1\r\n".into(), SdpError::Version),
        ("m=audio 1 RTP/AVP 0\r\n".into(), SdpError::Version),
        ("v=0\r\nm=audio 65536 RTP/AVP 0\r\n".into(), SdpError::MediaPort),
        ("v=0\r\nm=audio -1 RTP/AVP 0\r\n".into(), SdpError::MediaPort),
        ("v=0\r\nm=audio port RTP/AVP 0\r\n".into(), SdpError::MediaPort),
        (
            "v=0\r\nm=audio 99999999999999999999 RTP/AVP 0\r\n".into(),
            SdpError::MediaPort,
        ),
        ("v=0\r\nm=audio 1\r\n".into(), SdpError::MediaLine),
        ("v=0\r\nm=\r\n".into(), SdpError::MediaLine),
        ("v=0\r\nm=audio 1 RTP/AVP 0\0 8\r\n".into(), SdpError::MediaLine),
        ("v=0\r\nm=audio 1 RTP/AVP 0\ra=x\r\n".into(), SdpError::MediaLine),
        (
            format!("v=0\r\nm=audio 1 RTP/AVP {formats}\r\n"),
            SdpError::TooManyFormats,
        ),
        (many(65, "m=audio 1 RTP/AVP 0\r\n"), SdpError::TooManyMedia),
        (many(2000, "m=audio 1 RTP/AVP 0\r\n"), SdpError::TooManyMedia),
        (many(512, "a=x\r\n"), SdpError::TooManyLines),
        (many(13_200, "a=x\r\n"), SdpError::TooLong),
    ];
    for (body, error) in rows {
        let got = parse(body.as_bytes(), &Limits::default()).expect_err("refused");
        assert_eq!(got, error, "{:?}", body.get(..40));
        assert!(!got.as_str().is_empty() && !got.to_string().is_empty());
    }
}

#[test]
fn documents_at_the_limits_are_read() {
    let formats = (0..64).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        audio(&format!("m=audio 1 RTP/AVP {formats}\r\n")).media()[0]
            .payload_types()
            .count(),
        64
    );
    assert_eq!(
        read(&format!("v=0\r\n{}", "m=audio 0 RTP/AVP 0\r\n".repeat(64)))
            .media()
            .len(),
        64
    );
    let full = format!("v=0\r\n{}", "a=x\r\n".repeat(511));
    assert_eq!(read(&full).attributes().count(), 511);
    let long = format!("v=0\r\na={}\r\n", "x".repeat(65_536 - 9));
    assert_eq!(long.len(), 65_536);
    assert_eq!(read(&long).attributes().count(), 1);
}

#[test]
fn a_body_without_media_is_a_body() {
    let sdp = read("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n");
    assert!(sdp.media().is_empty());
}

#[test]
fn a_malformed_origin_is_none() {
    for line in [
        "o=-",
        "o=- a b IN IP4 192.0.2.1",
        "o=- 1 -1 IN IP4 192.0.2.1",
        "o=- 1 1 IN IP4",
        "o=",
    ] {
        assert_eq!(read(&format!("v=0\r\n{line}\r\n")).origin(), None, "{line}");
    }
}

#[test]
fn attributes_are_given_in_order_with_their_values() {
    let sdp = read(include_str!("data/vendor-attributes.sdp"));
    let names: Vec<_> = sdp
        .attributes()
        .map(|a| String::from_utf8_lossy(a.name).into_owned())
        .collect();
    assert_eq!(names, ["X-first", "X-where", "X-last"]);
    let label = sdp.media()[0]
        .attributes()
        .find(|a| a.name == b"label")
        .expect("label");
    assert_eq!(label.value, Some(&b"7"[..]));
}
