//! CANCEL in both directions: before, between and after the answers.

use sip_msg::HeaderId;
use sip_proto::{DropReason, Event};

use crate::support::{Bench, PEER, Req, header, ms, udp};

fn invite() -> Req {
    Req::new("INVITE", "z9hG4bKi1")
}

fn cancel() -> Req {
    Req::new("CANCEL", "z9hG4bKi1")
}

#[test]
fn a_cancel_is_answered_and_told_once_however_often_it_comes() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    for _ in 0..3 {
        bench.receive(udp(PEER), cancel().message());
    }
    assert_eq!(bench.kinds(), ["200 CANCEL"; 3]);
    assert!(matches!(bench.event(), Some(Event::Cancelled { id: cancelled, .. }) if cancelled == id));
    bench.no_event();
    bench.respond(id, &invite(), 487);
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKi1").tagged("ours").message());
    bench.advance(ms(32_000));
    bench.no_event();
    bench.assert_quiet();
}

#[test]
fn the_answer_to_a_cancel_has_the_to_tag_of_the_invites() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 180);
    bench.sends();
    bench.receive(udp(PEER), cancel().message());
    assert_eq!(bench.only().to_tag(), Some(b"ours".as_slice()));
}

#[test]
fn a_cancel_after_the_answer_is_answered_without_effect() {
    for status in [200, 486] {
        let mut bench = Bench::new();
        let id = bench.incoming(udp(PEER), &invite());
        bench.respond(id, &invite(), status);
        bench.sends();
        bench.receive(udp(PEER), cancel().message());
        assert_eq!(bench.kinds(), ["200 CANCEL"]);
        bench.no_event();
        assert_eq!(bench.dropped(DropReason::CancelTooLate), 1);
    }
}

#[test]
fn a_cancel_for_nothing_gets_481_and_leaves_nothing() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), cancel().message());
    assert_eq!(bench.kinds(), ["481 CANCEL"]);
    bench.assert_quiet();
    bench.no_event();
}

/// It has overtaken its INVITE, which would ring for nobody.
#[test]
fn an_invite_whose_cancel_was_here_before_is_refused() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), cancel().message());
    assert_eq!(bench.kinds(), ["481 CANCEL"]);
    bench.advance(ms(1000));
    for _ in 0..2 {
        bench.receive(udp(PEER), invite().message());
        assert_eq!(bench.kinds(), ["487 INVITE"]);
    }
    bench.receive(udp(PEER), Req::new("INVITE", "z9hG4bKother").message());
    assert!(
        matches!(bench.event(), Some(Event::Invite { .. })),
        "another is not"
    );
    assert_eq!(bench.dropped(DropReason::CancelledBefore), 2);
    bench.no_event();
}

#[test]
fn a_cancel_that_came_long_before_is_forgotten() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), cancel().message());
    bench.sends();
    bench.advance(ms(10_000));
    bench.receive(udp(PEER), invite().message());
    assert!(matches!(bench.event(), Some(Event::Invite { .. })));
}

#[test]
fn a_cancel_of_ours_is_held_until_the_first_provisional_response() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "Route: <sip:p1;lr>\n");
    let invite = bench.only();
    bench.cancel(id, Some("SIP;cause=487"));
    bench.advance(ms(2000));
    assert_eq!(bench.kinds(), ["INVITE", "INVITE"], "copies of the INVITE only");
    bench.response(&invite, 100, "");
    let cancel = bench.only();
    assert_eq!(
        cancel.method().map(ToString::to_string).as_deref(),
        Some("CANCEL")
    );
    assert_eq!((cancel.uri(), cancel.call_id()), (invite.uri(), invite.call_id()));
    for id in [HeaderId::Via, HeaderId::From, HeaderId::To, HeaderId::Route] {
        assert_eq!(header(&cancel, id), header(&invite, id));
    }
    assert_eq!(header(&cancel, HeaderId::CSeq), "3 CANCEL");
    assert_eq!(header(&cancel, HeaderId::Reason), "SIP;cause=487");
}

#[test]
fn a_cancelled_invite_ends_with_its_487_and_the_cancel_is_nobodys_business() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 180, "them");
    bench.cancel(id, None);
    let cancel = bench.only();
    bench.advance(ms(500));
    assert_eq!(bench.kinds(), ["CANCEL"], "sent again until it is answered");
    bench.response(&cancel, 200, "them");
    bench.response(&invite, 487, "them");
    assert_eq!(bench.kinds(), ["ACK"]);
    let statuses: Vec<u16> = std::iter::from_fn(|| bench.event())
        .map(|event| match event {
            Event::Response { message, .. } => message.status().unwrap_or_default(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(statuses, [180, 487]);
    bench.advance(ms(32_000));
    bench.assert_quiet();
}

#[test]
fn a_200_that_crosses_our_cancel_is_delivered_and_nothing_waits_for_the_487() {
    for cancel_answer in [200, 481] {
        let mut bench = Bench::new();
        let id = bench.request(udp(PEER), "INVITE", "");
        let invite = bench.only();
        bench.response(&invite, 180, "them");
        bench.cancel(id, None);
        let cancel = bench.only();
        bench.response(&invite, 200, "them");
        bench.response(&cancel, cancel_answer, "them");
        bench.event();
        assert!(
            matches!(bench.event(), Some(Event::Response { message, .. }) if message.status() == Some(200))
        );
        bench.ack(id, "them", "ACK for the answered call");
        bench.advance(ms(32_000));
        bench.no_event();
        bench.assert_quiet();
    }
}

#[test]
fn a_200_while_the_cancel_is_held_lets_it_drop() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.cancel(id, None);
    bench.response(&invite, 200, "them");
    assert_eq!(bench.kinds(), Vec::<String>::new());
    assert!(matches!(bench.event(), Some(Event::Response { .. })));
}

#[test]
fn after_a_final_response_no_cancel_goes_out() {
    for status in [200, 407, 486] {
        let mut bench = Bench::new();
        let id = bench.request(udp(PEER), "INVITE", "");
        let invite = bench.only();
        bench.response(&invite, status, "them");
        bench.sends();
        bench.cancel(id, None);
        bench.advance(ms(3000));
        assert_eq!(bench.kinds(), Vec::<String>::new(), "{status}");
    }
}

#[test]
fn a_cancelled_invite_without_final_response_times_out_after_64_t1() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 180, "them");
    bench.event();
    bench.advance(ms(60_000));
    bench.cancel(id, None);
    let cancel = bench.messages().remove(0);
    bench.response(&cancel, 200, "them");
    bench.advance(ms(31_999));
    bench.no_event();
    bench.advance(ms(1));
    assert!(matches!(bench.event(), Some(Event::Timeout { id: gone }) if gone == id));
    bench.assert_quiet();
}

#[test]
fn an_invite_that_nobody_hears_times_out_with_its_cancel_held() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    bench.cancel(id, None);
    bench.advance(ms(32_000));
    assert!(bench.kinds().iter().all(|kind| kind == "INVITE"));
    assert!(matches!(bench.event(), Some(Event::Timeout { .. })));
    bench.assert_quiet();
}

#[test]
fn two_cancels_send_one() {
    let mut bench = Bench::new();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.response(&invite, 180, "them");
    bench.cancel(id, None);
    bench.cancel(id, None);
    assert_eq!(bench.kinds(), ["CANCEL"]);
}
