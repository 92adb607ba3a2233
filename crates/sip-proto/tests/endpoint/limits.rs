//! More than there is room for.

use sip_msg::HeaderId;
use sip_proto::{DropReason, EndpointConfig, Event, RequestError};

use crate::support::{Bench, PEER, Req, header, ms, udp};

fn small() -> Bench {
    Bench::with(EndpointConfig {
        max_server: 8,
        max_client: 2,
        ..EndpointConfig::default()
    })
}

fn call(n: usize) -> Req {
    const IDS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    Req {
        call_id: IDS[n],
        ..Req::new("INVITE", &format!("z9hG4bK{n}"))
    }
}

#[test]
fn over_the_limit_new_requests_get_503_and_running_ones_go_on() {
    let mut bench = small();
    let ids: Vec<_> = (0..8).map(|n| bench.incoming(udp(PEER), &call(n))).collect();
    for _ in 0..100 {
        let answer = bench.ask(&call(8)).remove(0);
        assert_eq!(answer.status(), Some(503));
        assert!(
            header(&answer, HeaderId::RetryAfter)
                .parse::<u32>()
                .is_ok_and(|s| s > 0)
        );
    }
    bench.no_event();
    assert_eq!(
        (
            bench.endpoint.counts().server,
            bench.dropped(DropReason::Overload)
        ),
        (8, 100)
    );
    bench.respond(ids[0], &call(0), 180);
    bench.receive(udp(PEER), call(0).message());
    assert_eq!(bench.kinds(), ["180 INVITE", "180 INVITE"]);
    // A CANCEL needs no room, and is told once all the same.
    for _ in 0..2 {
        let answers = bench.ask(&Req {
            call_id: "a",
            ..Req::new("CANCEL", "z9hG4bK0")
        });
        assert_eq!(answers[0].status(), Some(200));
    }
    assert!(matches!(bench.event(), Some(Event::Cancelled { .. })));
    bench.no_event();
    assert_eq!(bench.endpoint.counts().server, 8);
}

#[test]
fn calls_that_are_up_may_end_when_no_new_one_may_begin() {
    let mut bench = small();
    for n in 0..8 {
        bench.incoming(udp(PEER), &call(n));
    }
    let tag = bench.endpoint.mint().tag().to_string();
    bench.ask(&Req::new("BYE", "z9hG4bKbye").tagged(&tag));
    assert!(
        matches!(bench.event(), Some(Event::Request { .. })),
        "an eighth more for dialogs of ours"
    );
    let another = bench.ask(&Req::new("BYE", "z9hG4bKbye2").tagged(&tag));
    assert_eq!(another[0].status(), Some(503), "but no more than that");
    let forged = bench.ask(&Req::new("BYE", "z9hG4bKbye3").tagged("made-up"));
    assert_eq!(forged[0].status(), Some(503));
}

#[test]
fn room_comes_back_when_transactions_end() {
    let mut bench = small();
    let ids: Vec<_> = (0..8).map(|n| bench.incoming(udp(PEER), &call(n))).collect();
    for (n, id) in ids.into_iter().enumerate() {
        bench.respond(id, &call(n), 486);
        bench.receive(
            udp(PEER),
            Req {
                call_id: call(n).call_id,
                ..Req::new("ACK", &format!("z9hG4bK{n}"))
            }
            .tagged("ours")
            .message(),
        );
    }
    bench.advance(ms(5000));
    bench.assert_quiet();
    bench.sends();
    bench.incoming(udp(PEER), &call(9));
}

#[test]
fn over_the_limit_requests_of_ours_are_refused_but_a_cancel_is_not() {
    let mut bench = small();
    let id = bench.request(udp(PEER), "INVITE", "");
    let invite = bench.only();
    bench.request(udp(PEER), "OPTIONS", "");
    let third = bench.ours("OPTIONS", "z9hG4bKthird", "");
    assert_eq!(bench.try_request(udp(PEER), third), Err(RequestError::Full));
    bench.sends();
    bench.response(&invite, 180, "them");
    bench.cancel(id, None);
    assert_eq!(bench.kinds(), ["CANCEL"]);
}
