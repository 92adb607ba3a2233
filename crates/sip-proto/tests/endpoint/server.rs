//! Server transactions: copies, refusals, 2xx until ACK.

use sip_proto::{DropReason, Event, Flow, PeerId};

use crate::support::{Bench, PEER, Req, ms, tcp, udp};

fn invite() -> Req {
    Req::new("INVITE", "z9hG4bKi1")
}

fn ack_2xx() -> Req {
    Req::new("ACK", "z9hG4bKack").tagged("ours")
}

#[test]
fn an_invite_gets_100_at_once_and_each_copy_the_last_answer() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), invite().message());
    assert_eq!(bench.kinds(), ["100 INVITE"]);
    let Some(Event::Invite { id, flow, message }) = bench.event() else {
        panic!("an INVITE")
    };
    assert_eq!(
        (flow, message.uri()),
        (udp(PEER), b"sip:bob@203.0.113.1".as_slice())
    );
    for _ in 0..3 {
        bench.receive(udp(PEER), invite().message());
        assert_eq!(bench.kinds(), ["100 INVITE"]);
    }
    bench.respond(id, &invite(), 180);
    bench.receive(udp(PEER), invite().message());
    assert_eq!(bench.kinds(), ["180 INVITE", "180 INVITE"]);
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::RequestCopy), 4);
}

#[test]
fn a_2xx_is_repeated_until_64_t1_and_then_the_ack_is_missed() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 200);
    bench.advance(ms(31_999));
    let sends = bench.sends();
    assert!(
        sends.iter().all(|send| send.bytes == sends[0].bytes),
        "byte for byte the same"
    );
    assert_eq!(sends.len(), 11);
    bench.no_event();
    bench.advance(ms(1));
    assert!(matches!(bench.event(), Some(Event::AckTimeout { id: gone }) if gone == id));
    bench.assert_quiet();
}

#[test]
fn copies_of_a_2xx_come_at_t1_doubling_to_t2_over_streams_too() {
    for flow in [udp(PEER), tcp(PEER)] {
        let mut bench = Bench::new();
        let id = bench.incoming(flow, &invite());
        bench.respond(id, &invite(), 200);
        bench.advance(ms(12_000));
        assert_eq!(bench.times(), [0, 500, 1500, 3500, 7500, 11_500]);
    }
}

#[test]
fn after_the_ack_a_2xx_is_not_repeated_and_the_invite_lingers_to_absorb_copies() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 200);
    bench.advance(ms(1600));
    bench.receive(udp(PEER), ack_2xx().message());
    assert!(matches!(bench.event(), Some(Event::Ack { .. })));
    bench.endpoint.acked(id);
    assert_eq!(bench.times(), [0, 500, 1500]);
    bench.receive(udp(PEER), invite().message());
    bench.advance(ms(30_000));
    assert_eq!(
        bench.times(),
        [],
        "the late copy of the INVITE starts nothing and gets nothing"
    );
    assert_eq!(bench.endpoint.counts().server, 1);
    bench.advance(ms(400));
    bench.no_event();
    bench.assert_quiet();
}

#[test]
fn a_copy_of_the_invite_before_the_ack_gets_the_2xx_at_once() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 200);
    bench.sends();
    bench.receive(udp(PEER), invite().message());
    assert_eq!(bench.kinds(), ["200 INVITE"]);
    bench.no_event();
}

#[test]
fn an_ack_to_a_2xx_reaches_the_user_under_whichever_branch() {
    for branch in ["z9hG4bKack", "z9hG4bKi1"] {
        let mut bench = Bench::new();
        let id = bench.incoming(udp(PEER), &invite());
        bench.respond(id, &invite(), 200);
        bench.receive(udp(PEER), Req::new("ACK", branch).tagged("ours").message());
        assert!(matches!(bench.event(), Some(Event::Ack { .. })), "{branch}");
    }
}

#[test]
fn a_refusal_is_repeated_until_its_ack_which_nobody_else_sees() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 486);
    bench.advance(ms(3600));
    assert_eq!(bench.times(), [0, 500, 1500, 3500]);
    for _ in 0..2 {
        bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKi1").tagged("ours").message());
    }
    assert_eq!(bench.dropped(DropReason::AckCopy), 1);
    bench.receive(udp(PEER), invite().message());
    bench.advance(ms(4999));
    assert_eq!(bench.endpoint.counts().server, 1);
    bench.advance(ms(1));
    assert_eq!(bench.times(), []);
    bench.no_event();
    bench.assert_quiet();
}

#[test]
fn a_refusal_never_acked_ends_after_64_t1() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 486);
    bench.advance(ms(32_000));
    assert!(matches!(bench.event(), Some(Event::ServerGone { id: gone }) if gone == id));
    bench.assert_quiet();
}

#[test]
fn over_a_stream_a_refusal_goes_once_and_its_ack_ends_everything() {
    let mut bench = Bench::new();
    let id = bench.incoming(tcp(PEER), &invite());
    bench.respond(id, &invite(), 486);
    bench.advance(ms(5000));
    assert_eq!(bench.times(), [0]);
    bench.receive(tcp(PEER), Req::new("ACK", "z9hG4bKi1").tagged("ours").message());
    bench.assert_quiet();
}

#[test]
fn a_reinvite_is_a_request_and_gets_100_too() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), invite().tagged("t01abcdefghijkmnpqrstuv").message());
    assert_eq!(bench.kinds(), ["100 INVITE"]);
    assert!(matches!(bench.event(), Some(Event::Request { .. })));
}

#[test]
fn a_bye_is_answered_once_by_the_user_and_copies_by_the_endpoint() {
    let mut bench = Bench::new();
    let bye = Req::new("BYE", "z9hG4bKb").tagged("ours");
    let id = bench.incoming(udp(PEER), &bye);
    bench.receive(udp(PEER), bye.message());
    assert_eq!(bench.times(), [], "not answered yet");
    bench.respond(id, &bye, 200);
    bench.advance(ms(31_000));
    bench.receive(udp(PEER), bye.message());
    assert_eq!(bench.kinds(), ["200 BYE", "200 BYE"]);
    bench.no_event();
    bench.advance(ms(1000));
    bench.assert_quiet();
}

#[test]
fn over_a_stream_an_answered_bye_leaves_nothing() {
    let mut bench = Bench::new();
    let bye = Req::new("BYE", "z9hG4bKb").tagged("ours");
    let id = bench.incoming(tcp(PEER), &bye);
    bench.respond(id, &bye, 200);
    assert_eq!(bench.kinds(), ["200 BYE"]);
    bench.assert_quiet();
}

#[test]
fn a_slow_answer_to_a_non_invite_is_announced_with_100_when_timer_e_is_at_t2() {
    let mut bench = Bench::new();
    let options = Req::new("OPTIONS", "z9hG4bKo");
    let id = bench.incoming(udp(PEER), &options);
    bench.advance(ms(3499));
    bench.receive(udp(PEER), options.message());
    assert_eq!(bench.kinds(), Vec::<String>::new());
    bench.advance(ms(1));
    bench.receive(udp(PEER), options.message());
    assert_eq!(bench.kinds(), ["100 OPTIONS", "100 OPTIONS"]);
    bench.respond(id, &options, 200);
    assert_eq!(bench.kinds(), ["200 OPTIONS"]);
}

#[test]
fn a_non_invite_never_answered_ends_when_its_client_has_given_up() {
    let mut bench = Bench::new();
    let options = Req::new("OPTIONS", "z9hG4bKo");
    let id = bench.incoming(udp(PEER), &options);
    bench.advance(ms(32_000));
    assert!(matches!(bench.event(), Some(Event::ServerGone { id: gone }) if gone == id));
    bench.assert_quiet();
    bench.sends();
    bench.respond(id, &options, 200);
    assert_eq!(bench.times(), [], "a late answer isn't sent (RFC 4320 §4.2)");
    assert_eq!(bench.dropped(DropReason::AnswerLate), 1);
}

#[test]
fn a_non_invite_gets_neither_408_nor_a_provisional_answer_of_the_user() {
    let mut bench = Bench::new();
    let options = Req::new("OPTIONS", "z9hG4bKo");
    let id = bench.incoming(udp(PEER), &options);
    for status in [100, 183, 408] {
        bench.respond(id, &options, status);
    }
    assert_eq!(bench.times(), []);
    assert_eq!(bench.dropped(DropReason::AnswerForbidden), 3);
}

#[test]
fn nothing_is_sent_after_a_final_answer() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 486);
    for status in [180, 200, 503] {
        bench.respond(id, &invite(), status);
    }
    assert_eq!(bench.kinds(), ["486 INVITE"]);
    assert_eq!(bench.dropped(DropReason::AnswerLate), 3);
}

#[test]
fn answers_go_to_the_source_port_when_rport_asks_and_to_the_via_port_otherwise() {
    for (via, to) in [
        ("SIP/2.0/UDP 10.1.1.1:5099;branch=z9hG4bKx", "192.0.2.1:5099"),
        (
            "SIP/2.0/UDP 10.1.1.1:5099;rport;branch=z9hG4bKx",
            "192.0.2.1:31000",
        ),
    ] {
        let mut bench = Bench::new();
        let request = Req {
            via: via.into(),
            ..invite()
        };
        bench.receive(udp("192.0.2.1:31000"), request.message());
        assert_eq!(bench.sends()[0].flow, udp(to));
        let Some(Event::Invite { id, .. }) = bench.event() else {
            panic!("an INVITE")
        };
        bench.respond(id, &request, 200);
        assert_eq!(bench.sends()[0].flow, udp(to));
    }
}

/// Anybody may write a `maddr`, and would have us send to whom it likes.
#[test]
fn answers_go_where_maddr_says_only_to_somebody_who_is_known() {
    const VICTIM: &str = "198.51.100.9:5099";
    let asks = |method, branch: &str, maddr: &str| Req {
        via: format!("SIP/2.0/UDP 192.0.2.1:5099;maddr={maddr};branch={branch}"),
        ..Req::new(method, branch)
    };
    let source = udp("192.0.2.1:5099");
    let mut bench = Bench::new();
    // Without a transaction, ...
    let refused = Req {
        uri: "mailto:bob@example.com",
        ..asks("INVITE", "z9hG4bKr", "198.51.100.9")
    };
    for request in [refused, asks("CANCEL", "z9hG4bKn", "198.51.100.9")] {
        bench.receive(udp(PEER), request.message());
        assert_eq!(bench.sends()[0].flow, source);
    }
    // ... in one of somebody who may be anybody, ...
    let invite = asks("INVITE", "z9hG4bKi", "198.51.100.9");
    let cancel = asks("CANCEL", "z9hG4bKi", "198.51.100.9");
    bench.receive(udp(PEER), invite.message());
    assert_eq!(bench.sends()[0].flow, source);
    let Some(Event::Invite { id, .. }) = bench.event() else {
        panic!("an INVITE")
    };
    bench.receive(udp(PEER), cancel.message());
    assert_eq!(bench.sends()[0].flow, source);
    bench.respond(id, &invite, 401);
    bench.advance(ms(500));
    assert!(bench.sends().iter().all(|send| send.flow == source));
    assert!(matches!(bench.event(), Some(Event::Cancelled { .. })));
    // ... and in one of a peer's; its CANCEL's answer where its own go.
    for (branch, call_id, maddr, to) in [
        ("z9hG4bKj", "c8", "198.51.100.9", VICTIM),
        ("z9hG4bKk", "c9", "203.0.113.66", "192.0.2.1:5099"),
    ] {
        let invite = Req {
            call_id,
            ..asks("INVITE", branch, "198.51.100.9")
        };
        let id = bench.incoming(udp(PEER), &invite);
        bench.endpoint.sender_is(id, PeerId(7));
        bench.respond(id, &invite, 180);
        assert_eq!(bench.sends()[0].flow.remote, udp(VICTIM).remote);
        bench.receive(udp(PEER), asks("CANCEL", branch, maddr).message());
        assert_eq!(bench.sends()[0].flow.remote, udp(to).remote);
        assert!(matches!(bench.event(), Some(Event::Cancelled { .. })));
    }
}

#[test]
fn an_answer_for_which_there_has_to_be_a_new_connection_is_for_the_sender() {
    let mut bench = Bench::new();
    let id = bench.incoming(tcp("192.0.2.1:31000"), &invite());
    bench.endpoint.sender_is(id, PeerId(7));
    bench.respond(id, &invite(), 200);
    let wanted = Flow {
        peer: PeerId(7),
        ..tcp(PEER)
    };
    assert_eq!(bench.sends()[0].flow, wanted);
    bench.advance(ms(500));
    assert_eq!(bench.sends()[0].flow, wanted, "the copies too");
}

#[test]
fn an_answer_that_could_not_be_sent_is_told_and_the_transaction_stays() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &invite());
    bench.respond(id, &invite(), 486);
    let send = bench.sends().remove(0);
    bench.send_failed(&send);
    assert!(matches!(bench.event(), Some(Event::ServerGone { id: gone }) if gone == id));
    assert_eq!(bench.endpoint.counts().server, 1, "RFC 6026 §8.8");
}

#[test]
fn the_id_of_an_ended_transaction_does_nothing() {
    let mut bench = Bench::new();
    let bye = Req::new("BYE", "z9hG4bKb").tagged("ours");
    let old = bench.incoming(tcp(PEER), &bye);
    bench.respond(old, &bye, 200);
    bench.sends();
    let next = bench.incoming(udp(PEER), &invite());
    bench.respond(old, &bye, 200);
    bench.endpoint.acked(old);
    assert_eq!(bench.times(), []);
    bench.respond(next, &invite(), 180);
    assert_eq!(bench.kinds(), ["180 INVITE"]);
}
