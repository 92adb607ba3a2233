//! What SDP says of ICE, DTLS and bundles.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use proptest::prelude::*;
use sdp::{
    Candidate, Limits, Sdp, SetupRole, candidates, dtls_lines, fingerprints, ice, ice_lines, is_bundled, mid,
    setup,
};

fn parse(text: &str) -> Sdp {
    sdp::parse(text.as_bytes(), &Limits::default()).unwrap()
}

const BROWSER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13\r\na=setup:active\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghij+/\r\n\
a=fingerprint:SHA-256 0A:ff:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
a=fingerprint:md5 zz\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\n\
a=candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.1 rport 46154 generation 0\r\n\
a=candidate:1 1 udp 2122260223 7c1b2c3d.local 51000 typ host\r\na=candidate:nonsense\r\n";

#[test]
fn a_browsers_offer_is_read() {
    let sdp = parse(BROWSER);
    let m = &sdp.media()[0];
    let ice = ice(&sdp, m).unwrap();
    assert_eq!((ice.ufrag, ice.password), ("abcd", "0123456789abcdefghij+/"));
    assert!(!ice.lite && !ice.mismatch);
    assert_eq!(setup(&sdp, m), Some(SetupRole::ActPass), "the stream's own");
    let prints = fingerprints(&sdp, m);
    assert_eq!(
        prints.len(),
        1,
        "the stream's own, and not the one that is nonsense"
    );
    assert_eq!(
        (prints[0].hash, prints[0].value.len(), &prints[0].value[..2]),
        ("SHA-256", 32, &[0x0a, 0xff][..])
    );
    assert_eq!(mid(m), Some("0"));
    assert!(is_bundled(&sdp, "0") && !is_bundled(&sdp, "1"));
    let all: Vec<Candidate<'_>> = candidates(m).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].at(), Some("203.0.113.7:46154".parse().unwrap()));
    assert_eq!(
        (all[0].component, all[0].kind, all[0].priority),
        (1, "srflx", 1_677_729_535)
    );
    assert_eq!(all[1].at(), None, "a hidden name");
}

#[test]
fn the_sessions_lines_hold_where_the_stream_has_none() {
    let sdp = parse(
        "v=0\r\na=ice-lite\r\na=ice-ufrag:sess\r\na=ice-pwd:0123456789012345678901\r\n\
         a=fingerprint:sha-1 00:01\r\na=setup:passive\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n",
    );
    let m = &sdp.media()[0];
    let ice = ice(&sdp, m).unwrap();
    assert!(ice.lite);
    assert_eq!(ice.ufrag, "sess");
    assert_eq!(setup(&sdp, m), Some(SetupRole::Passive));
    assert_eq!(fingerprints(&sdp, m)[0].value[..], [0, 1]);
    assert_eq!(mid(m), None);
}

#[test]
fn credentials_that_are_none_are_no_ice() {
    for (ufrag, password) in [
        ("abc", "0123456789012345678901"),
        ("abcd", "012345678901234567890"),
        ("ab d", "0123456789012345678901"),
        ("abcd", "012345678901234567890-"),
    ] {
        let sdp = parse(&format!(
            "v=0\r\nm=audio 9 RTP/AVP 0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n"
        ));
        assert_eq!(ice(&sdp, &sdp.media()[0]), None, "{ufrag} {password}");
    }
    let mismatch = format!("{BROWSER}a=ice-mismatch\r\n");
    let sdp = parse(&mismatch);
    assert_eq!(ice(&sdp, &sdp.media()[0]), None, "the peer does without");
}

#[test]
fn an_address_that_is_no_candidate_is_a_mismatch() {
    let of = |connection: &str, port: u16| {
        let sdp = parse(&format!(
            "v=0\r\nc=IN IP4 {connection}\r\nm=audio {port} RTP/SAVP 0\r\na=ice-ufrag:abcd\r\n\
             a=ice-pwd:0123456789012345678901\r\na=candidate:1 1 UDP 1 10.0.0.5 4000 typ host\r\n\
             a=candidate:1 2 UDP 1 198.51.100.1 5000 typ host\r\n"
        ));
        ice(&sdp, &sdp.media()[0]).unwrap().mismatch
    };
    assert!(!of("10.0.0.5", 4000));
    assert!(of("198.51.100.1", 5000), "another component's");
    assert!(of("10.0.0.5", 4002));
    assert!(!of("0.0.0.0", 9), "none yet");
}

#[test]
fn our_lines_are_read_as_they_were_meant() {
    let ice_lines = ice_lines(
        "abcdefgh",
        "0123456789012345678901",
        "[2001:db8::1]:4000".parse().unwrap(),
    );
    let mut text =
        "v=0\r\na=ice-lite\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP6 2001:db8::1\r\n".to_owned();
    let value: Vec<u8> = (0..32).collect();
    for line in ice_lines
        .iter()
        .chain(&dtls_lines("sha-256", &value, SetupRole::Passive))
    {
        text.push_str(line);
        text.push_str("\r\n");
    }
    let sdp = parse(&text);
    let m = &sdp.media()[0];
    let read = ice(&sdp, m).unwrap();
    assert_eq!((read.ufrag, read.lite, read.mismatch), ("abcdefgh", true, false));
    let candidate = candidates(m).next().unwrap();
    assert_eq!(candidate.at(), Some("[2001:db8::1]:4000".parse().unwrap()));
    assert_eq!(candidate.priority, 2_130_706_431);
    assert_eq!(setup(&sdp, m), Some(SetupRole::Passive));
    assert_eq!(fingerprints(&sdp, m)[0].value[..], value);
    assert!(text.contains("\r\na=end-of-candidates\r\n"));
}

proptest! {
    #[test]
    fn any_value_is_read_without_harm(value in "[ -~]{0,80}") {
        let text = format!(
            "v=0\r\na=group:{value}\r\nm=audio 9 RTP/AVP 0\r\na=candidate:{value}\r\na=fingerprint:{value}\r\n\
             a=setup:{value}\r\na=mid:{value}\r\na=ice-ufrag:{value}\r\na=ice-pwd:{value}\r\n"
        );
        let sdp = parse(&text);
        let m = &sdp.media()[0];
        let _ = (ice(&sdp, m), setup(&sdp, m), fingerprints(&sdp, m), mid(m), is_bundled(&sdp, "0"));
        for candidate in candidates(m) {
            let written = candidate.to_string();
            prop_assert_eq!(Candidate::parse(written.as_bytes()), Some(candidate));
        }
    }
}

#[test]
fn a_stream_is_written_in_another_profile_with_lines_of_our_own() {
    let source = parse(
        "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVPF 0\r\na=rtcp-fb:0 nack\r\na=rtcp-fb:* ccm fir\r\na=mid:x\r\n",
    );
    let write = |proto, lines: &[String]| {
        let slots = [sdp::Slot::Stream {
            media: &source.media()[0],
            port: 5000,
            rtcp: sdp::RtcpPlan::Mux,
            codecs: sdp::CodecFilter::All,
            direction: None,
            transport: sdp::Transport {
                proto: Some(proto),
                attributes: lines,
            },
        }];
        let body = sdp::compose(&sdp::Compose {
            origin: sdp::NewOrigin {
                username: "-",
                id: 1,
                version: 1,
                address: "198.51.100.1".parse().unwrap(),
            },
            address: "198.51.100.1".parse().unwrap(),
            source: &source,
            slots: &slots,
            hide: &[b"sha-256"],
            lines: &["a=ice-lite".to_owned()],
        });
        String::from_utf8(body.unwrap()).unwrap()
    };
    let lines = ["a=fingerprint:sha-256 00".to_owned(), "a=MID:0".to_owned()];
    let secured = write(sdp::Proto::UdpTlsSavpf, &lines);
    let (session, stream) = secured.split_once("m=audio").unwrap();
    assert!(session.contains("\r\na=ice-lite\r\n"), "{secured}");
    assert!(stream.starts_with(" 5000 UDP/TLS/RTP/SAVPF 0\r\n"), "{secured}");
    assert!(stream.contains("a=rtcp-fb:0 nack\r\n"), "{secured}");
    assert!(
        stream.ends_with("a=rtcp-mux\r\na=fingerprint:sha-256 00\r\na=MID:0\r\n"),
        "what is hidden is of the source only: {secured}"
    );
    assert!(!stream.contains("a=mid:x"), "ours stands in its place: {secured}");

    let plain = write(sdp::Proto::RtpAvp, &[]);
    assert!(plain.contains("m=audio 5000 RTP/AVP 0\r\n"), "{plain}");
    assert!(!plain.contains("rtcp-fb"), "{plain}");
    assert!(plain.contains("a=mid:x"), "{plain}");
}
