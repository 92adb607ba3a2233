//! Client transactions: copies, ACKs, forks, giving up.

use sip_msg::HeaderId;
use sip_proto::{DropReason, Event, RequestError};

use crate::support::{Bench, PEER, header, ms, parse, tcp, udp};

fn status(event: Option<Event>) -> Option<u16> {
    match event {
        Some(Event::Response { message, .. }) => message.status(),
        other => panic!("a response, not {other:?}"),
    }
}

#[test]
fn an_unanswered_invite_is_repeated_at_doubling_intervals_and_given_up_after_64_t1() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    bench.advance(ms(31_999));
    let first = bench.sends();
    assert!(
        first
            .iter()
            .all(|send| send.bytes == first[0].bytes && send.flow == udp(PEER))
    );
    assert_eq!(first.len(), 7);
    bench.advance(ms(1));
    assert!(matches!(bench.event(), Some(Event::Timeout { id: gone }) if gone == id));
    bench.assert_quiet();
}

#[test]
fn one_look_at_the_timers_fires_all_that_are_due() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.request(udp(PEER), "INVITE", "");
    }
    bench.sends();
    bench.oversleep(ms(500));
    assert_eq!(bench.kinds(), ["INVITE"; 3]);
    bench.oversleep(ms(60_000));
    assert_eq!(std::iter::from_fn(|| bench.event()).count(), 3, "late, but over");
    bench.assert_quiet();
}

#[test]
fn timer_a_stops_at_the_first_provisional_response() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "INVITE", "");
    bench.advance(ms(4000));
    let sends = bench.sends();
    assert_eq!(sends.len(), 4, "0, 0.5, 1.5, 3.5 s");
    let invite = sip_msg::parse(sends[0].bytes.clone(), &sip_msg::Limits::default()).expect("INVITE");
    bench.response(&invite, 100, "");
    bench.advance(ms(120_000));
    assert_eq!(bench.times(), []);
    assert_eq!(status(bench.event()), Some(100));
    bench.no_event();
}

#[test]
fn every_copy_of_a_2xx_is_acked_again_and_told_once() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 200, "them");
    assert_eq!(status(bench.event()), Some(200));
    bench.response(&invite, 200, "them");
    assert_eq!(bench.times(), [], "the user hasn't given its ACK yet");
    bench.ack(id, "them", "the ACK");
    // A newer transaction changes nothing.
    bench.request(udp(PEER), "INVITE", "X: re-INVITE\n");
    bench.sends();
    for _ in 0..2 {
        bench.advance(ms(500));
        bench.sends();
        bench.response(&invite, 200, "them");
        let acks = bench.sends();
        assert_eq!(
            acks.iter().map(|send| &send.bytes[..]).collect::<Vec<_>>(),
            [b"the ACK"]
        );
        assert_eq!(acks[0].flow, udp(PEER));
    }
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::ResponseCopy), 3);
}

#[test]
fn each_branch_of_a_fork_is_told_and_acked_for_itself() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    for tag in ["a", "b", "c"] {
        bench.response(&invite, 180, tag);
        assert_eq!(status(bench.event()), Some(180));
    }
    for tag in ["a", "b"] {
        bench.response(&invite, 200, tag);
        assert_eq!(status(bench.event()), Some(200), "{tag}");
    }
    bench.ack(id, "a", "ACK a");
    bench.ack(id, "b", "ACK b");
    bench.sends();
    for (tag, ack) in [("b", "ACK b"), ("a", "ACK a")] {
        bench.response(&invite, 200, tag);
        assert_eq!(bench.sends()[0].bytes, ack.as_bytes());
    }
    bench.no_event();
    bench.advance(ms(32_000));
    bench.assert_quiet();
}

#[test]
fn a_fork_without_end_is_bounded() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    for i in 0..20 {
        bench.response(&invite, 200, &format!("tag{i}"));
    }
    assert_eq!(std::iter::from_fn(|| bench.event()).count(), 16);
    assert_eq!(bench.dropped(DropReason::TooManyForks), 4);
}

#[test]
fn a_refusal_is_acked_on_the_invites_branch_and_copies_again() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "INVITE", "Route: <sip:p1;lr>\nRoute: <sip:p2;lr>\n");
    let invite = bench.only();
    bench.response(&invite, 503, "them");
    assert_eq!(status(bench.event()), Some(503));
    let ack = bench.only();
    assert_eq!((ack.uri(), ack.call_id()), (invite.uri(), invite.call_id()));
    for id in [HeaderId::Via, HeaderId::From] {
        assert_eq!(header(&ack, id), header(&invite, id));
    }
    let routes: Vec<&[u8]> = ack.values(HeaderId::Route).collect();
    assert_eq!(routes, [b"<sip:p1;lr>", b"<sip:p2;lr>"]);
    assert_eq!(header(&ack, HeaderId::To), "<sip:carol@192.0.2.1>;tag=them");
    assert_eq!(header(&ack, HeaderId::CSeq), "3 ACK");
    bench.response(&invite, 503, "them");
    assert_eq!(bench.only().raw(), ack.raw());
    bench.no_event();
    bench.advance(ms(32_000));
    bench.assert_quiet();
}

#[test]
fn over_a_stream_nothing_is_repeated_and_nothing_lingers_but_a_2xx() {
    let mut bench = Bench::new();
    bench.request(tcp(PEER), "INVITE", "");
    bench.advance(ms(10_000));
    let invite = bench.only();
    bench.response(&invite, 486, "them");
    assert_eq!(bench.kinds(), ["ACK"]);
    assert_eq!(bench.endpoint.counts().client, 0);
    bench.request(tcp(PEER), "OPTIONS", "");
    bench.advance(ms(10_000));
    let options = bench.only();
    bench.response(&options, 200, "them");
    bench.assert_quiet();
}

#[test]
fn a_request_other_than_invite_is_repeated_up_to_t2() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "OPTIONS", "");
    bench.advance(ms(31_999));
    assert_eq!(
        bench.times(),
        [
            0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    bench.advance(ms(1));
    assert!(matches!(bench.event(), Some(Event::Timeout { id: gone }) if gone == id));
    bench.assert_quiet();
}

#[test]
fn copies_of_a_final_response_are_absorbed_for_t4() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "BYE", "");
    let bye = bench.only();
    bench.response(&bye, 200, "them");
    assert_eq!(status(bench.event()), Some(200));
    bench.response(&bye, 200, "them");
    assert_eq!(bench.dropped(DropReason::ResponseCopy), 1);
    bench.advance(ms(5000));
    bench.assert_quiet();
    bench.response(&bye, 200, "them");
    assert_eq!(bench.dropped(DropReason::ResponseUnmatched), 1);
    bench.no_event();
}

#[test]
fn a_request_that_could_not_be_sent_is_told_and_gone() {
    for method in ["INVITE", "OPTIONS"] {
        let mut bench = Bench::new();
        let id = bench.request(udp(PEER), method, "");
        let send = bench.sends().remove(0);
        bench.send_failed(&send);
        assert!(matches!(bench.event(), Some(Event::SendFailed { id: gone }) if gone == id));
        bench.assert_quiet();
        bench.send_failed(&send);
        bench.no_event();
    }
}

#[test]
fn a_closed_port_fails_what_waits_for_it_and_nothing_else() {
    let mut bench = Bench::new();
    let [silent, options] = ["INVITE", "OPTIONS"].map(|method| bench.request(udp(PEER), method, ""));
    bench.sends();
    let rings = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 180, "them");
    bench.event();
    let elsewhere = bench.request(udp("192.0.2.8:5060"), "INVITE", "");
    bench.unreachable(PEER);
    let failed: Vec<_> = std::iter::from_fn(|| bench.event())
        .map(|event| match event {
            Event::SendFailed { id } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failed, [silent, options]);
    assert_eq!(bench.endpoint.counts().client, 2);
    bench.sends();
    bench.cancel(rings, None);
    assert_eq!(bench.kinds(), ["CANCEL"], "the call that rings goes on");
    bench.cancel(elsewhere, None);
    bench.advance(ms(500));
    assert!(
        bench.kinds().contains(&"INVITE".to_owned()),
        "so does the other destination's"
    );
}

#[test]
fn what_is_no_new_request_is_refused() {
    let mut bench = Bench::new();
    for text in [
        bench.ours("ACK", "z9hG4bKx", ""),
        bench.ours("CANCEL", "z9hG4bKx", ""),
        bench.ours("INVITE", "z9hG4bK", ""),
        bench.ours("INVITE", "1", ""),
        bytes::Bytes::from_static(b"nonsense"),
    ] {
        assert_eq!(bench.try_request(udp(PEER), text), Err(RequestError::Invalid));
    }
    let invite = bench.ours("INVITE", "z9hG4bKtwice", "");
    assert!(bench.try_request(udp(PEER), invite.clone()).is_ok());
    assert_eq!(bench.try_request(udp(PEER), invite), Err(RequestError::Duplicate));
}

#[test]
fn responses_that_are_not_ours_are_dropped_by_name() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    let via = header(&invite, HeaderId::Via);
    let rest = "From: <sip:us@203.0.113.1>;tag=us\nTo: <sip:carol@192.0.2.1>;tag=t\nCall-ID: c2\nCSeq: 3 INVITE\nContent-Length: 0\n\n";
    let other_host = via.replace("203.0.113.1", "198.51.100.9");
    let other_branch = via.split(";branch=").next().expect("branch").to_owned() + ";branch=z9hG4bKtold";
    let minted = bench.endpoint.mint().branch();
    for (vias, reason) in [
        (
            format!("Via: {via}\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKq\n"),
            DropReason::ResponseVias,
        ),
        (format!("Via: {other_branch}\n"), DropReason::ResponseNotOurs),
        (format!("Via: {other_host}\n"), DropReason::ResponseUnmatched),
        (
            format!("Via: {};branch={minted}\n", "SIP/2.0/UDP 203.0.113.1:5060"),
            DropReason::ResponseUnmatched,
        ),
    ] {
        let before = bench.dropped(reason);
        bench.receive(udp(PEER), parse(&format!("SIP/2.0 200 OK\n{vias}{rest}")));
        assert_eq!(bench.dropped(reason), before + 1, "{vias}");
    }
    assert_eq!(bench.times(), []);
    bench.no_event();
}

#[test]
fn a_late_provisional_response_is_not_told() {
    let mut bench = Bench::new();
    bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 200, "them");
    bench.event();
    bench.response(&invite, 180, "them");
    bench.response(&invite, 486, "else");
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::ResponseLate), 2);
}

#[test]
fn a_request_goes_otherwise_when_its_first_way_is_barred() {
    let mut bench = Bench::new();
    for method in ["INVITE", "BYE"] {
        let id = bench.request_or(method);
        let first = bench.sends();
        assert!(first.len() == 1 && first[0].flow == tcp(PEER));
        bench.advance(ms(1000));
        assert!(bench.sends().is_empty(), "a stream is not sent to again");
        bench.send_failed(&first[0]);
        let second = bench.sends();
        assert!(second.len() == 1 && second[0].flow == udp(PEER), "{second:?}");
        assert!(String::from_utf8_lossy(&second[0].bytes).contains("SIP/2.0/UDP"));
        bench.no_event();
        // From now on it is a datagram: sent again, given up after 64 T1 and no sooner.
        bench.advance(ms(500));
        assert_eq!(bench.kinds(), [method]);
        bench.advance(ms(31_499));
        bench.no_event();
        bench.advance(ms(1));
        assert!(matches!(bench.event(), Some(Event::Timeout { id: gone }) if gone == id));
        bench.sends();
    }
    let peer = udp(PEER).remote;
    assert!(!bench.endpoint.may_try_tcp(bench.now, peer), "it is remembered");
    bench.advance(ms(600_000));
    assert!(bench.endpoint.may_try_tcp(bench.now, peer), "for ten minutes");
    bench.assert_quiet();
}

/// Listeners of one network have ports and names of their own: the datagram's Via is what its answers are known by (§17.1.3).
#[test]
fn what_went_otherwise_is_answered_by_the_via_that_it_went_with() {
    for sent_by in ["203.0.113.1:5070", "tcp.example.com:5060"] {
        let mut bench = Bench::new();
        let id = bench.request_or_from("INVITE", sent_by);
        let first = bench.sends();
        bench.send_failed(&first[0]);
        let invite = bench.only();
        bench.response(&invite, 180, "them");
        assert_eq!(status(bench.event()), Some(180), "{sent_by}");
        bench.cancel(id, None);
        let cancel = bench.only();
        assert_eq!(header(&cancel, HeaderId::Via), header(&invite, HeaderId::Via));
        bench.response(&cancel, 200, "them");
        bench.response(&invite, 200, "them");
        assert_eq!(status(bench.event()), Some(200));
        assert_eq!(bench.dropped(DropReason::ResponseUnmatched), 0);
        // What the first way had is nobody's now.
        let by_tcp = sip_msg::parse(first[0].bytes.clone(), &sip_msg::Limits::default()).expect("ours");
        bench.response(&by_tcp, 486, "late");
        bench.no_event();
        assert_eq!(bench.dropped(DropReason::ResponseUnmatched), 1);
        bench.advance(ms(32_000));
        bench.assert_quiet();
    }
    let mut bench = Bench::new();
    bench.request_or_from("BYE", "203.0.113.1:5070");
    let first = bench.sends();
    bench.send_failed(&first[0]);
    let bye = bench.only();
    bench.response(&bye, 200, "them");
    assert_eq!(status(bench.event()), Some(200));
}

#[test]
fn a_request_that_was_heard_of_goes_nowhere_else() {
    let mut bench = Bench::new();
    bench.request_or("INVITE");
    let first = bench.sends();
    let invite = sip_msg::parse(first[0].bytes.clone(), &sip_msg::Limits::default()).expect("ours");
    bench.response(&invite, 100, "");
    assert_eq!(status(bench.event()), Some(100));
    bench.send_failed(&first[0]);
    assert!(bench.sends().is_empty());
    assert!(bench.endpoint.may_try_tcp(bench.now, udp(PEER).remote));
}

#[test]
fn a_cancelled_request_does_not_go_otherwise() {
    let mut bench = Bench::new();
    let id = bench.request_or("INVITE");
    let first = bench.sends();
    bench.cancel(id, None);
    bench.send_failed(&first[0]);
    assert!(bench.sends().is_empty());
    assert!(matches!(bench.event(), Some(Event::SendFailed { id: gone }) if gone == id));
}
