//! What is refused before any transaction (RFC 3261 §8.2), and what is dropped.

use sip_msg::HeaderId;
use sip_proto::{DropReason, Event};

use crate::support::{Bench, PEER, Req, header, kind, udp};

#[test]
fn requests_are_refused_statelessly_with_the_status_and_hint_that_the_rfc_asks_for() {
    let options = Req::new("OPTIONS", "z9hG4bKs");
    let cases = [
        (
            Req::new("PUBLISH", "z9hG4bKs"),
            "405 PUBLISH",
            HeaderId::Allow,
            "INVITE, ACK, CANCEL, BYE",
        ),
        (
            Req::new("FROB", "z9hG4bKs"),
            "501 FROB",
            HeaderId::Allow,
            "INVITE, ACK, CANCEL, BYE",
        ),
        (
            Req {
                uri: "nobodyKnowsThisScheme:totallyopaquecontent",
                ..options.clone()
            },
            "416 OPTIONS",
            HeaderId::Allow,
            "",
        ),
        (
            Req {
                uri: "soap.beep://192.0.2.103:3002",
                ..options.clone()
            },
            "416 OPTIONS",
            HeaderId::Allow,
            "",
        ),
        (
            Req {
                more: "Require: foo, 100rel\nRequire: bar\n",
                ..options.clone()
            },
            "420 OPTIONS",
            HeaderId::Unsupported,
            "foo, bar",
        ),
    ];
    for (request, expected, hint, value) in cases {
        let mut bench = Bench::new();
        let answers = [bench.ask(&request), bench.ask(&request)];
        let [first, second] = answers.map(|mut messages| messages.remove(0));
        assert_eq!(kind(&first), expected);
        assert!(
            header(&first, hint).starts_with(value),
            "{} has {value}",
            header(&first, hint)
        );
        assert_eq!(
            first.raw(),
            second.raw(),
            "a copy gets the same answer, tag included"
        );
        assert!(first.to_tag().is_some());
        bench.no_event();
        bench.assert_quiet();
    }
}

#[test]
fn an_invite_refused_statelessly_needs_no_memory_to_know_its_ack() {
    let mut bench = Bench::new();
    let invite = Req {
        more: "Require: foo\n",
        ..Req::new("INVITE", "z9hG4bKs")
    };
    let refusal = bench.ask(&invite).remove(0);
    assert_eq!(kind(&refusal), "420 INVITE");
    let tag = String::from_utf8(refusal.to_tag().expect("tag").to_vec()).expect("text");
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKs").tagged(&tag).message());
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::AckOfStateless), 1);
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKs").tagged("another").message());
    assert!(
        matches!(bench.event(), Some(Event::Ack { .. })),
        "any other ACK is the user's"
    );
    bench.assert_quiet();
}

#[test]
fn the_ack_to_a_refusal_of_which_nothing_is_kept_is_known_without_reading_it() {
    let mut bench = Bench::new();
    let invite = Req {
        more: "Require: foo\n",
        ..Req::new("INVITE", "z9hG4bKs")
    };
    let refusal = bench.ask(&invite).remove(0);
    let tag = String::from_utf8(refusal.to_tag().expect("tag").to_vec()).expect("text");
    let ack = Req::new("ACK", "z9hG4bKs")
        .tagged(&tag)
        .text()
        .replace('\n', "\r\n");
    let mut absorbs = |text: &str| bench.endpoint.absorbs(text.as_bytes());
    let (name, rest) = ack.split_once("\r\nTo:").expect("a To");
    for to in ["To:", "to :", "t:", "T :"] {
        assert!(absorbs(&format!("{name}\r\n{to}{rest}")), "{to}");
    }
    // The tag of a dialog, a tag that only looks like one of ours, one in another place, and other methods are read.
    for text in [
        ack.replace(&tag, &tag.replacen('s', "t", 1)),
        ack.replace(&tag, &format!("{tag}a")),
        ack.replace(&tag, &tag[..tag.len() - 1]),
        ack.replace("\r\nTo:", "\r\nFrom:"),
        ack.replace("ACK", "BYE"),
        "ACK ".to_owned(),
        "ACK sip:us SIP/2.0\r\nTo: <sip:us>;tag=".to_owned(),
        String::new(),
    ] {
        assert!(!absorbs(&text), "{text}");
    }
    assert_eq!(bench.dropped(DropReason::AckOfStateless), 4);
}

#[test]
fn an_invite_within_what_was_refused_is_refused_without_being_kept() {
    let mut bench = Bench::new();
    let invite = Req {
        more: "Require: foo\n",
        ..Req::new("INVITE", "z9hG4bKs")
    };
    let refusal = bench.ask(&invite).remove(0);
    let tag = String::from_utf8(refusal.to_tag().expect("tag").to_vec()).expect("text");
    let answer = bench.ask(&Req::new("INVITE", "z9hG4bKt").tagged(&tag)).remove(0);
    assert_eq!(kind(&answer), "481 INVITE");
    assert_eq!(answer.to_tag(), Some(tag.as_bytes()));
    bench.no_event();
    bench.assert_quiet();
}

#[test]
fn max_forwards_zero_stops_what_would_go_on_and_nothing_else() {
    let zero = |method, tag: Option<&str>| {
        let request = Req::new(method, "z9hG4bKm");
        let request = tag.map_or(request.clone(), |tag| request.tagged(tag));
        request.text().replace("Max-Forwards: 70", "Max-Forwards: 0")
    };
    for (text, refused) in [
        (zero("INVITE", None), true),
        (zero("MESSAGE", None), true),
        (zero("OPTIONS", None), false),
        (zero("BYE", Some("ours")), false),
        (zero("INVITE", Some("ours")), false),
    ] {
        let mut bench = Bench::new();
        bench.receive_bytes(&text);
        assert_eq!(
            bench.kinds().contains(&"483 INVITE".to_owned()) || bench.dropped(DropReason::TooManyHops) > 0,
            refused,
            "{text}"
        );
        assert_eq!(bench.event().is_none(), refused, "{text}");
    }
}

#[test]
fn tel_and_sips_are_taken() {
    for uri in ["tel:+442071838750", "sips:bob@203.0.113.1", "sip:203.0.113.1"] {
        let mut bench = Bench::new();
        bench.ask(&Req {
            uri,
            ..Req::new("INVITE", "z9hG4bKu")
        });
        assert!(matches!(bench.event(), Some(Event::Invite { .. })), "{uri}");
    }
}

#[test]
fn require_is_not_for_ack_and_cancel() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bKr"));
    bench.receive(
        udp(PEER),
        Req {
            more: "Require: foo\n",
            ..Req::new("CANCEL", "z9hG4bKr")
        }
        .message(),
    );
    assert_eq!(bench.kinds(), ["200 CANCEL"]);
    bench.respond(id, &Req::new("INVITE", "z9hG4bKr"), 487);
    let ack = Req {
        more: "Require: foo\n",
        ..Req::new("ACK", "z9hG4bKr")
    }
    .tagged("ours");
    bench.receive(udp(PEER), ack.message());
    assert_eq!(bench.kinds(), ["487 INVITE"]);
    assert_eq!(bench.dropped(DropReason::ExtensionRefused), 0);
}

#[test]
fn what_cannot_be_read_is_answered_where_that_is_possible() {
    let good = Req::new("OPTIONS", "z9hG4bKx").text();
    let cases = [
        (good.replace("SIP/2.0\nVia", "SIP/7.0\nVia"), "SIP/2.0 505 "),
        (good.replace("Call-ID: c1@192.0.2.1\n", ""), "SIP/2.0 400 "),
        (
            good.replace("Content-Length: 0", "Content-Length: 10"),
            "SIP/2.0 400 ",
        ),
        (good.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"), "SIP/2.0 400 "),
    ];
    for (text, expected) in cases {
        let mut bench = Bench::new();
        bench.receive_bytes(&text);
        bench.receive_bytes(&text);
        let sends = bench.sends();
        assert!(sends[0].bytes.starts_with(expected.as_bytes()), "{text}");
        assert_eq!(sends[0], sends[1], "a copy gets the same answer");
        assert_eq!((sends.len(), bench.dropped(DropReason::MalformedRefused)), (2, 2));
        bench.no_event();
        bench.assert_quiet();
    }
}

#[test]
fn a_malformed_request_is_answered_to_its_via() {
    let mut bench = Bench::new();
    let text = Req::new("OPTIONS", "z9hG4bKx")
        .text()
        .replace("Call-ID: c1@192.0.2.1\n", "")
        .replace("192.0.2.1:5060;", "192.0.2.9:5070;rport;");
    bench.receive_bytes(&text);
    let send = bench.sends().remove(0);
    assert_eq!((send.flow, send.origin), (udp(PEER), None));
}

#[test]
fn what_deserves_no_answer_is_dropped_and_counted() {
    let good = Req::new("OPTIONS", "z9hG4bKx").text();
    let ack = Req::new("ACK", "z9hG4bKx")
        .text()
        .replace("Call-ID: c1@192.0.2.1\n", "");
    let response = format!("SIP/2.0 200 OK\n{}", good.split_once('\n').expect("lines").1)
        .replace("Call-ID: c1@192.0.2.1\n", "");
    for text in ["\0\u{1}\u{2}garbage", "hello\n\n", &ack, &response] {
        let mut bench = Bench::new();
        bench.receive_bytes(text);
        assert_eq!(
            (bench.times(), bench.dropped(DropReason::Malformed)),
            (vec![], 1),
            "{text}"
        );
        bench.assert_quiet();
    }
    let mut bench = Bench::new();
    bench.receive_bytes("\n\n");
    assert!(
        bench.endpoint.drops().all(|(_, count)| count == 0),
        "a keep-alive is no fault"
    );
}

#[test]
fn rfc_4475_bcast_a_response_with_somebody_elses_via_is_dropped() {
    let mut bench = Bench::new();
    bench.receive_bytes(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\n\
         Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf\nCSeq: 35 INVITE\nFrom: sip:user@example.com;tag=11141343\n\
         To: sip:user@example.edu;tag=2229\nContent-Length: 0\n\n",
    );
    assert_eq!(
        (bench.times(), bench.dropped(DropReason::ResponseVias)),
        (vec![], 1)
    );
    bench.receive_bytes(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nCall-ID: bcast\nCSeq: 35 INVITE\n\
         From: sip:user@example.com;tag=11141343\nTo: sip:user@example.edu;tag=2229\nContent-Length: 0\n\n",
    );
    assert_eq!(bench.dropped(DropReason::ResponseNotOurs), 1);
    bench.no_event();
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: std::collections::HashSet<&str> =
        DropReason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), DropReason::ALL.len());
    let bench = Bench::new();
    assert_eq!(bench.endpoint.drops().count(), DropReason::ALL.len());
}
