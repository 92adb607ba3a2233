use bytes::Bytes;
use sip_msg::Limits;

use super::*;
use crate::{ListenerId, PeerId, Transport};

fn flow(remote: &str) -> Flow {
    let remote = remote.parse().expect("address");
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote,
        conn: None,
        peer: PeerId::default(),
    }
}

fn request(method: &str, vias: &str, more: &str) -> Message {
    let text = format!(
        "{method} sip:bob@example.com SIP/2.0\n{vias}\nFrom: \"A\" <sip:a@example.com>;tag=ft\nTo: <sip:b@example.com>\n\
         Call-ID: c1\nCSeq: 7 {method}\nMax-Forwards: 70\n{more}Content-Length: 0\n\n"
    );
    sip_msg::parse(Bytes::from(text.replace('\n', "\r\n")), &Limits::default()).expect("request")
}

fn answer(request: &Message, source: &str, status: u16) -> String {
    let bytes = reply(request, &flow(source), status, None, Some(b"lt")).finish();
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn top_via(vias: &str, source: &str) -> String {
    let text = answer(&request("OPTIONS", vias, ""), source, 200);
    text.lines()
        .find_map(|line| line.strip_prefix("Via: "))
        .expect("Via")
        .to_owned()
}

#[test]
fn the_source_is_put_into_the_top_via() {
    let cases = [
        // sent-by is the source
        (
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
            "10.0.0.1:5060",
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
        ),
        // another address
        (
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1",
            "10.0.0.1:5060",
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=10.0.0.1",
        ),
        // a name
        (
            "SIP/2.0/UDP pc.example.com;branch=z9hG4bK1",
            "10.0.0.1:5",
            "SIP/2.0/UDP pc.example.com;branch=z9hG4bK1;received=10.0.0.1",
        ),
        // RFC 3581 §4: received even where it is the same
        (
            "SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1",
            "10.0.0.1:9",
            "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=10.0.0.1;rport=9",
        ),
        // what the sender claims isn't kept
        (
            "SIP/2.0/UDP 10.0.0.9;received=9.9.9.9;branch=z9hG4bK1;rport=1",
            "10.0.0.1:5060",
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=10.0.0.1;rport=5060",
        ),
        // IPv6 (RFC 5118 §4.5: without brackets)
        (
            "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK1",
            "[2001:db8::1]:5060",
            "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK1;received=2001:db8::1",
        ),
        (
            "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1",
            "[2001:db8::1]:5060",
            "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1",
        ),
        // an IPv4 peer on a socket for both
        (
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
            "[::ffff:10.0.0.1]:5060",
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
        ),
        // a quoted extension with the separators inside
        (
            "SIP/2.0/UDP 10.0.0.1;x=\"a;b,c\";branch=z9hG4bK1;rport",
            "10.0.0.1:7",
            "SIP/2.0/UDP 10.0.0.1;x=\"a;b,c\";branch=z9hG4bK1;received=10.0.0.1;rport=7",
        ),
    ];
    for (via, source, expected) in cases {
        assert_eq!(top_via(&format!("Via: {via}"), source), expected);
    }
}

#[test]
fn lower_vias_stay_as_they_are_in_order() {
    let joined = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1, SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK2\nv: SIP/2.0/TCP\n 10.0.0.7;rport;branch=z9hG4bK3";
    let text = answer(&request("OPTIONS", joined, ""), "10.0.0.1:5060", 200);
    let vias: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Via: "))
        .collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1;received=10.0.0.1, SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK2",
            "SIP/2.0/TCP 10.0.0.7;rport;branch=z9hG4bK3"
        ]
    );
}

#[test]
fn an_answer_has_the_requests_identity_and_our_tag() {
    let request = request(
        "INVITE",
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>\nTimestamp: 54\n",
    );
    let ringing = answer(&request, "10.0.0.1:5060", 180);
    for line in [
        "SIP/2.0 180 Ringing",
        "From: \"A\" <sip:a@example.com>;tag=ft",
        "To: <sip:b@example.com>;tag=lt",
        "Call-ID: c1",
        "CSeq: 7 INVITE",
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>",
    ] {
        assert!(ringing.lines().any(|l| l == line), "{line} in\n{ringing}");
    }
    let refused = answer(&request, "10.0.0.1:5060", 486);
    assert!(!refused.contains("Record-Route") && !refused.contains("Timestamp"));
    assert!(answer(&request, "10.0.0.1:5060", 100).contains("Timestamp: 54"));
}

#[test]
fn a_tag_that_is_there_is_kept() {
    let text = answer(
        &request("BYE", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\nX: y", ""),
        "10.0.0.1:5060",
        200,
    );
    assert!(text.contains("To: <sip:b@example.com>;tag=lt\r\n"));
    let raw = text.replace(";tag=lt", "");
    assert!(!raw.contains("tag=lt"));
    let within = "BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=ft\r\nTo: <sip:b@h>;tag=own\r\nCall-ID: c\r\nCSeq: 8 BYE\r\n\r\n";
    let within = sip_msg::parse(Bytes::from_static(within.as_bytes()), &Limits::default()).expect("BYE");
    assert!(answer(&within, "10.0.0.1:5060", 200).contains("To: <sip:b@h>;tag=own\r\n"));
}

#[test]
fn answers_go_where_the_rfc_says() {
    let cases = [
        (
            "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1",
            "10.0.0.1:40000",
            "10.0.0.1:5070",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1",
            "10.0.0.1:40000",
            "10.0.0.1:5060",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bK1",
            "10.0.0.1:40000",
            "10.0.0.1:40000",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9:5070;received=9.9.9.9;branch=z9hG4bK1",
            "10.0.0.1:40000",
            "10.0.0.1:5070",
        ),
        (
            "SIP/2.0/UDP 10.0.0.9:5070;maddr=10.0.0.5;branch=z9hG4bK1",
            "10.0.0.1:40000",
            "10.0.0.1:5070",
        ),
        (
            "SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bK1",
            "[2001:db8::1]:40000",
            "[2001:db8::1]:5070",
        ),
    ];
    for (via, source, expected) in cases {
        let via = Via::parse(via.as_bytes()).expect(via);
        assert_eq!(target(&via, &flow(source)).to_string(), expected);
    }
    let tcp = Flow {
        transport: Transport::Tcp,
        ..flow("10.0.0.1:40000")
    };
    let via = Via::parse(b"SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bK1").expect("Via");
    let again = "10.0.0.1:5070";
    assert_eq!(
        target(&via, &tcp).to_string(),
        again,
        "where a stream that is gone is made again"
    );
}

#[test]
fn maddr_is_an_address_for_answers_over_datagrams() {
    for (via, expected) in [
        ("SIP/2.0/UDP 10.0.0.9:5070;maddr=10.0.0.5", Some("10.0.0.5:5070")),
        ("SIP/2.0/UDP 10.0.0.9;rport;maddr=10.0.0.5", Some("10.0.0.5:5060")),
        ("SIP/2.0/UDP 10.0.0.9;maddr=mc.example.com", None),
        ("SIP/2.0/UDP 10.0.0.9;maddr", None),
        ("SIP/2.0/UDP 10.0.0.9", None),
    ] {
        let read = Via::parse(via.as_bytes()).expect(via);
        let to = elsewhere(&read, &flow("10.0.0.1:40000"));
        assert_eq!(to, expected.map(|to| to.parse().expect("address")), "{via}");
    }
    let tcp = Flow {
        transport: Transport::Tcp,
        ..flow("10.0.0.1:40000")
    };
    let via = Via::parse(b"SIP/2.0/TCP 10.0.0.9:5070;maddr=10.0.0.5").expect("Via");
    assert_eq!(elsewhere(&via, &tcp), None);
}
