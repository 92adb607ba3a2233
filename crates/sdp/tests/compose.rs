//! The far leg's body, rule by rule.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test helpers outside of test functions"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sdp::rules::{ATTRIBUTES, Fate};
use sdp::{
    CodecFilter, Compose, ComposeError, Direction, Limits, NewOrigin, Proto, RtcpPlan, Sdp, Slot, Transport,
    basic_offer, compose, parse,
};

#[path = "compose/formats.rs"]
mod formats;

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
const ORIGIN: NewOrigin<'static> = NewOrigin {
    username: "-",
    id: 47,
    version: 3,
    address: OURS,
};
const HEAD: &str = "v=0\r\no=- 47 3 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\n";

fn read(body: &str) -> Sdp {
    parse(body.as_bytes(), &Limits::default()).expect(body)
}

/// A body whose lines after t= are given, `;` between lines.
fn body(lines: &str) -> Sdp {
    let lines = lines.replace(';', "\r\n");
    read(&format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}\r\n"
    ))
}

fn stream(sdp: &Sdp, index: usize) -> Slot<'_> {
    let codecs = CodecFilter::All;
    Slot::Stream {
        media: &sdp.media()[index],
        port: 20_000,
        rtcp: RtcpPlan::Pair,
        codecs,
        direction: None,
        transport: Transport::default(),
    }
}

fn filtered<'a>(sdp: &'a Sdp, codecs: CodecFilter<'a>) -> Slot<'a> {
    Slot::Stream {
        media: &sdp.media()[0],
        port: 20_000,
        rtcp: RtcpPlan::Pair,
        codecs,
        direction: None,
        transport: Transport::default(),
    }
}

fn write(source: &Sdp, slots: &[Slot<'_>], hide: &[&[u8]]) -> Result<String, ComposeError> {
    let body = compose(&Compose {
        origin: ORIGIN,
        address: OURS,
        source,
        slots,
        hide,
        lines: &[],
    })?;
    Ok(String::from_utf8(body).expect("text"))
}

/// Everything after the session part that `body` always leads to, with `;` for the line ends.
fn tail(written: &str) -> String {
    written
        .strip_prefix(HEAD)
        .expect(written)
        .trim_end()
        .replace("\r\n", ";")
}

/// One stream, nothing hidden.
fn one(lines: &str, codecs: CodecFilter<'_>) -> Result<String, ComposeError> {
    let sdp = body(lines);
    write(&sdp, &[filtered(&sdp, codecs)], &[]).map(|w| tail(&w))
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

#[test]
fn an_everyday_offer_keeps_all_but_origin_address_and_port() {
    let sdp = read(include_str!("data/audio.sdp"));
    let expected = format!(
        "{HEAD}m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(write(&sdp, &[stream(&sdp, 0)], &[]).expect("composes"), expected);
}

#[test]
fn unknown_lines_stay_in_order_and_telling_ones_go() {
    let sdp = read(include_str!("data/vendor-attributes.sdp"));
    let hide: [&[u8]; 1] = [b"Core-1.INSIDE.example"];
    let written = write(&sdp, &[stream(&sdp, 0)], &hide).expect("composes");
    let expected = "v=0\r\no=- 47 3 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=3034423619 3042462419\r\n\
        a=X-first:1\r\na=X-last\r\nm=audio 20000 RTP/AVP 8 0\r\na=X-a:1\r\na=nortpproxy:yes\r\na=X-b:2\r\na=label:7\r\n\
        a=X-c\r\n";
    assert_eq!(written, expected);
}

#[test]
fn the_other_legs_addresses_keys_and_candidates_never_pass() {
    let sdp = read(include_str!("data/webrtc.sdp"));
    let written = write(&sdp, &[stream(&sdp, 0)], &[]).expect("composes");
    let gone = [
        "203.0.113.5",
        "10.9.8.7",
        "127.0.0.1",
        "candidate",
        "ice-",
        "fingerprint",
        "setup",
        "cname",
        "BUNDLE",
    ];
    for word in gone {
        assert!(!written.contains(word), "{word} in {written}");
    }
    let kept = [
        "a=mid:0",
        "a=rtcp-rsize",
        "a=msid:stream track",
        "a=ssrc:3735928559 msid",
        "a=rtcp-fb:111 transport-cc",
    ];
    for word in kept {
        assert!(written.contains(word), "{word} not in {written}");
    }
}

#[test]
fn every_rule_of_the_table_is_followed() {
    for (name, fate, why) in ATTRIBUTES {
        assert!(!why.is_empty());
        for line in [
            format!("a={name}:1 x"),
            format!("a={}:1 x", name.to_ascii_uppercase()),
            format!("a={name}"),
        ] {
            let written =
                one(&format!("{line};m=audio 4 RTP/AVP 0;{line}"), CodecFilter::All).expect("composes");
            let expected = match (fate, *name) {
                (Fate::Keep, _) => panic!("{name}: a rule that says nothing"),
                // A direction without a value is one; with one it is nothing that we know, and goes.
                (Fate::Ours, "sendrecv" | "sendonly" | "recvonly" | "inactive") => {
                    let ours = if line.ends_with('x') { "sendrecv" } else { name };
                    format!("m=audio 20000 RTP/AVP 0;a={ours}")
                }
                (Fate::IfValid, "ssrc") if line.ends_with('x') => {
                    format!("{line};m=audio 20000 RTP/AVP 0;{line}")
                }
                (Fate::IfValid, "group") => format!("{line};m=audio 20000 RTP/AVP 0;{line}"),
                (Fate::Ours | Fate::Drop | Fate::WithFormat | Fate::IfValid, _) => {
                    "m=audio 20000 RTP/AVP 0".into()
                }
            };
            assert_eq!(written, expected, "{line}");
        }
    }
}

#[test]
fn session_lines_follow_the_table() {
    let rows = [
        ("b=AS:64", "b=AS:64"),
        ("b=X-YZ:128", "b=X-YZ:128"),
        ("b=AS:-1", ""),
        ("b=AS", ""),
        ("b=AS:99999999999999999999999", ""),
        ("a=tool:box", ""),
        ("a=group:BUNDLE 0 1", ""),
        ("a=group:LS 0 1", "a=group:LS 0 1"),
        ("a=ptime:0", ""),
        ("a=ptime:20", "a=ptime:20"),
        ("a=rtpmap:0 PCMU/8000", ""),
        ("a=anything", "a=anything"),
        ("y=what", ""),
        ("i=me", ""),
    ];
    for (line, kept) in rows {
        let sdp = read(&format!("v=0\r\n{line}\r\nm=audio 4 RTP/AVP 0\r\n"));
        let written = write(&sdp, &[stream(&sdp, 0)], &[]).expect("composes");
        assert_eq!(written.contains(line), !kept.is_empty(), "{line} in {written}");
        let lines = if kept.is_empty() { 6 } else { 7 };
        assert_eq!(written.matches("\r\n").count(), lines, "{written}");
    }
    for bad in ["t=a b", "t=1", "t=-1 0", "t=1 2 3", ""] {
        let sdp = read(&format!("v=0\r\n{bad}\r\nm=audio 4 RTP/AVP 0\r\n"));
        assert!(
            write(&sdp, &[stream(&sdp, 0)], &[])
                .expect("composes")
                .contains("\r\nt=0 0\r\n"),
            "{bad}"
        );
    }
}

#[test]
fn directions_are_kept_moved_to_the_stream_or_given() {
    let rows = [
        ("m=audio 4 RTP/AVP 0", None, ""),
        ("m=audio 4 RTP/AVP 0;a=sendrecv", None, ";a=sendrecv"),
        ("m=audio 4 RTP/AVP 0;a=sendonly", None, ";a=sendonly"),
        ("m=audio 4 RTP/AVP 0;a=sendonly;a=X", None, ";a=sendonly;a=X"),
        (
            "m=audio 4 RTP/AVP 0;a=sendonly;a=X;a=inactive",
            None,
            ";a=sendonly;a=X",
        ),
        ("a=inactive;m=audio 4 RTP/AVP 0;a=X", None, ";a=X;a=inactive"),
        ("m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0", None, ";a=sendonly"),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=sendrecv",
            None,
            ";a=sendonly",
        ),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=recvonly",
            None,
            ";a=inactive",
        ),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0;a=inactive",
            None,
            ";a=inactive",
        ),
        (
            "m=audio 4 RTP/AVP 0;a=sendrecv",
            Some(Direction::RecvOnly),
            ";a=recvonly",
        ),
        ("m=audio 4 RTP/AVP 0", Some(Direction::RecvOnly), ";a=recvonly"),
        (
            "m=audio 4 RTP/AVP 0;a=inactive",
            Some(Direction::SendRecv),
            ";a=sendrecv",
        ),
        (
            "m=audio 4 RTP/AVP 0;c=IN IP4 0.0.0.0",
            Some(Direction::SendRecv),
            "",
        ),
    ];
    for (lines, wanted, expected) in rows {
        let sdp = body(lines);
        let mut slot = stream(&sdp, 0);
        if let Slot::Stream { direction, .. } = &mut slot {
            *direction = wanted;
        }
        let written = tail(&write(&sdp, &[slot], &[]).expect("composes"));
        assert_eq!(
            written,
            format!("m=audio 20000 RTP/AVP 0{expected}"),
            "{lines} {wanted:?}"
        );
    }
}

#[test]
fn rtcp_is_announced_as_planned_and_never_as_the_peer_did() {
    let lines = "m=audio 4 RTP/AVP 0;a=rtcp:7079 IN IP4 192.0.2.1;a=rtcp-mux;a=rtcp-xr:rcvr-rtt=all";
    let rows = [
        (20_000, RtcpPlan::Pair, ""),
        (20_000, RtcpPlan::Mux, ";a=rtcp-mux"),
        (20_000, RtcpPlan::MuxOffer, ";a=rtcp:20001;a=rtcp-mux"),
        (65_535, RtcpPlan::MuxOffer, ";a=rtcp-mux"),
    ];
    for (at, plan, expected) in rows {
        let sdp = body(lines);
        let mut slot = stream(&sdp, 0);
        if let Slot::Stream { rtcp, port, .. } = &mut slot {
            (*rtcp, *port) = (plan, at);
        }
        let written = tail(&write(&sdp, &[slot], &[]).expect("composes"));
        assert_eq!(
            written,
            format!("m=audio {at} RTP/AVP 0;a=rtcp-xr:rcvr-rtt=all{expected}")
        );
    }
}

#[test]
fn t38_keeps_its_profile_formats_and_attributes() {
    let sdp = read(include_str!("data/t38.sdp"));
    let policy = names(&["PCMU"]);
    let slot = Slot::Stream {
        media: &sdp.media()[0],
        port: 20_000,
        rtcp: RtcpPlan::MuxOffer,
        codecs: CodecFilter::Only(&policy),
        direction: None,
        transport: Transport::default(),
    };
    let written = write(&sdp, &[slot], &[]).expect("composes");
    let source = include_str!("data/t38.sdp");
    let attributes = source.split_once("udptl t38\r\n").expect("t38").1;
    assert_eq!(written, format!("{HEAD}m=image 20000 udptl t38\r\n{attributes}"));
}

#[test]
fn slots_decide_number_and_order_of_m_lines() {
    let sdp = read(include_str!("data/audio-and-t38.sdp"));
    let slots = [
        Slot::Rejected {
            line: sdp.media()[1].line(),
        },
        stream(&sdp, 0),
    ];
    let written = tail(&write(&sdp, &slots, &[]).expect("composes"));
    let audio = "m=audio 20000 RTP/AVP 8 101;a=rtpmap:8 PCMA/8000;a=rtpmap:101 telephone-event/8000";
    assert_eq!(written, format!("m=image 0 UDPTL t38;{audio}"));
}

#[test]
fn rejected_m_lines_have_port_zero_and_a_format() {
    let rows = [
        ("m=video 4002 RTP/AVP 97 98", "m=video 0 RTP/AVP 97 98"),
        ("video 4002/2 RTP/AVP 97", "m=video 0 RTP/AVP 97"),
        ("m=audio 16000 RTP/SAVP 0 101", "m=audio 0 RTP/SAVP 0 101"),
        (
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        ),
        ("m=audio 4 RTP/AVP", "m=audio 0 RTP/AVP 0"),
        ("m=audio 4 RTP/AVP 4294967296", "m=audio 0 RTP/AVP 0"),
        ("m=image 4 udptl", "m=image 0 udptl t38"),
        ("m=message 4 TCP/MSRP", "m=message 0 TCP/MSRP *"),
        ("m=application 4 udp secret-host", "m=application 0 udp *"),
        ("m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP 31"),
    ];
    let sdp = body("m=audio 4 RTP/AVP 0");
    for (line, expected) in rows {
        let written = write(
            &sdp,
            &[Slot::Rejected {
                line: line.as_bytes(),
            }],
            &[b"secret"],
        )
        .expect("composes");
        assert_eq!(tail(&written), expected);
    }
    let rejected =
        |line: &'static [u8]| write(&sdp, &[stream(&sdp, 0), Slot::Rejected { line }], &[b"secret"]);
    assert_eq!(rejected(b"m=video"), Err(ComposeError::Line(1)));
    assert_eq!(
        rejected(b"m=video 1 RTP/AVP 0\r\na=x"),
        Err(ComposeError::Line(1))
    );
    assert_eq!(rejected(b"m=secret 1 RTP/AVP 0"), Err(ComposeError::Hidden(1)));
    assert_eq!(rejected(b"m=audio 1 SECRET/AVP 0"), Err(ComposeError::Hidden(1)));
}

#[test]
fn a_stream_with_port_zero_is_written_as_refused() {
    let sdp = body("m=audio 4 RTP/AVP 8 0;a=rtpmap:8 PCMA/8000;a=rtcp-mux");
    let mut slot = stream(&sdp, 0);
    if let Slot::Stream { port, .. } = &mut slot {
        *port = 0;
    }
    assert_eq!(
        tail(&write(&sdp, &[slot], &[]).expect("composes")),
        "m=audio 0 RTP/AVP 8 0"
    );
}

#[test]
fn hidden_strings_take_their_line_or_their_codec_with_them() {
    let sdp = body(
        "a=X:SECRET-host;b=AS:1;m=audio 4 RTP/AVP 96 97 0;a=rtpmap:96 secret-host/8000;a=rtpmap:97 opus/48000/2;\
         a=fmtp:97 x=secret-host;a=fmtp:0 y=1;a=Secret-Host;a=ok",
    );
    let written = tail(
        &write(&sdp, &[stream(&sdp, 0)], &[b"secret-host", b""])
            .expect("composes")
            .replace("b=AS:1\r\n", ""),
    );
    assert_eq!(
        written,
        "m=audio 20000 RTP/AVP 97 0;a=rtpmap:97 opus/48000/2;a=fmtp:0 y=1;a=ok"
    );
}

#[test]
fn addresses_of_the_source_are_hidden_without_being_asked() {
    let text = "v=0\r\no=- 1 1 IN IP4 core.inside.example\r\nc=IN IP4 10.1.2.3\r\na=X-1:10.1.2.3\r\na=X-2:core.inside.example\r\n\
                m=audio 4 RTP/AVP 0\r\nc=IN IP6 2001:db8::9\r\na=rtcp:5 IN IP4 10.1.2.4\r\na=X-3:2001:DB8::9\r\na=X-4:10.1.2.4\r\n\
                a=X-5:0.0.0.0\r\n";
    let sdp = read(text);
    let written = write(&sdp, &[stream(&sdp, 0)], &[]).expect("composes");
    assert_eq!(tail(&written), "m=audio 20000 RTP/AVP 0;a=X-5:0.0.0.0");
}

#[test]
fn our_own_lines_have_our_families_and_a_clean_user_name() {
    let sdp = body("m=audio 4 RTP/AVP 0");
    let six = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    for (username, written) in [
        ("tandem", "tandem"),
        ("", "-"),
        ("a b", "-"),
        ("a\r\nm=x", "-"),
        ("é", "-"),
    ] {
        let origin = NewOrigin {
            username,
            id: u64::MAX,
            version: 0,
            address: OURS,
        };
        let slots = [stream(&sdp, 0)];
        let body = compose(&Compose {
            origin,
            address: six,
            source: &sdp,
            slots: &slots,
            hide: &[],
            lines: &[],
        })
        .expect("composes");
        let expected = format!(
            "v=0\r\no={written} 18446744073709551615 0 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n\
             m=audio 20000 RTP/AVP 0\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }
}

#[test]
fn our_own_offer_has_pcmu_pcma_and_events() {
    let offer = |codecs| basic_offer(ORIGIN, OURS, 20_000, RtcpPlan::Pair, codecs);
    let expected = format!(
        "{HEAD}m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
    );
    assert_eq!(offer(CodecFilter::All), Ok(expected.into_bytes()));
    let policy = names(&["PCMA"]);
    let narrowed = String::from_utf8(offer(CodecFilter::Only(&policy)).expect("PCMA")).expect("text");
    assert!(narrowed.contains("m=audio 20000 RTP/AVP 8 101\r\n"), "{narrowed}");
    assert_eq!(
        offer(CodecFilter::Only(&names(&["opus"]))),
        Err(ComposeError::NoCodec(0))
    );
}

#[test]
fn an_empty_plan_writes_a_session_without_media() {
    let sdp = body("m=audio 4 RTP/AVP 0");
    assert_eq!(write(&sdp, &[], &[]).expect("composes"), HEAD);
}

#[test]
fn a_stream_is_written_under_another_profile_with_what_belongs_to_it() {
    let source = |proto: &str| {
        body(&format!(
            "m=audio 4000 {proto} 0;a=rtcp-fb:* nack;a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:theirs;a=sendonly"
        ))
    };
    let keys = [
        "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:ours".to_owned(),
        "a=crypto:8 AEAD_AES_128_GCM inline:ours".to_owned(),
    ];
    let feedback = "a=rtcp-fb:* nack;";
    for (proto, to, attributes, expected) in [
        ("RTP/AVP", None, 0, format!("RTP/AVP 0;{feedback}a=sendonly")),
        (
            "RTP/SAVP",
            Some(Proto::RtpAvp),
            0,
            format!("RTP/AVP 0;{feedback}a=sendonly"),
        ),
        (
            "RTP/AVP",
            Some(Proto::rtp(true, false)),
            2,
            format!("RTP/SAVP 0;{feedback}a=sendonly;{};{}", keys[0], keys[1]),
        ),
        (
            "RTP/SAVPF",
            Some(Proto::rtp(false, true)),
            1,
            format!("RTP/AVPF 0;{feedback}a=sendonly;{}", keys[0]),
        ),
        (
            "RTP/AVPF",
            Some(Proto::rtp(true, true)),
            0,
            format!("RTP/SAVPF 0;{feedback}a=sendonly"),
        ),
        // Feedback that the other side has not agreed to is not announced to it.
        (
            "UDP/TLS/RTP/SAVPF",
            Some(Proto::RtpAvp),
            0,
            "RTP/AVP 0;a=sendonly".to_owned(),
        ),
        (
            "RTP/AVPF",
            Some(Proto::RtpSavp),
            0,
            "RTP/SAVP 0;a=sendonly".to_owned(),
        ),
    ] {
        let sdp = source(proto);
        let mut slot = stream(&sdp, 0);
        if let Slot::Stream { transport, .. } = &mut slot {
            *transport = Transport {
                proto: to,
                attributes: &keys[..attributes],
            };
        }
        let written = tail(&write(&sdp, &[slot], &[]).expect("composes"));
        assert_eq!(written, format!("m=audio 20000 {expected}"), "{proto} to {to:?}");
    }
}
