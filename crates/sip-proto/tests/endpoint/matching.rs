//! Which transaction a request belongs to: branches, RFC 2543, merged requests.

use sip_proto::{DropReason, Event};

use crate::support::{Bench, PEER, Req, ms, udp};

fn is_new_call(event: Option<Event>) -> bool {
    matches!(event, Some(Event::Invite { .. }))
}

#[test]
fn the_same_branch_from_another_sent_by_is_another_transaction() {
    let mut bench = Bench::new();
    bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bKi"));
    let via = "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKi".to_owned();
    bench.ask(&Req {
        via,
        call_id: "other",
        ..Req::new("INVITE", "")
    });
    assert!(is_new_call(bench.event()));
}

#[test]
fn sent_by_is_compared_without_case() {
    let mut bench = Bench::new();
    let via = |host| format!("SIP/2.0/UDP {host}:5060;branch=z9hG4bKi");
    bench.incoming(
        udp(PEER),
        &Req {
            via: via("pbx.example.com"),
            ..Req::new("INVITE", "")
        },
    );
    bench.ask(&Req {
        via: via("PBX.Example.COM"),
        ..Req::new("INVITE", "")
    });
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::RequestCopy), 1);
}

#[test]
fn a_request_that_came_by_two_ways_is_merged() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bKway1"));
    bench.ask(&Req::new("INVITE", "z9hG4bKway2"));
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::Merged), 1);
    // Still while it is answered and not ACKed.
    bench.respond(id, &Req::new("INVITE", "z9hG4bKway1"), 200);
    bench.sends();
    assert_eq!(
        bench.ask(&Req::new("INVITE", "z9hG4bKway3")).remove(0).status(),
        Some(482)
    );
}

#[test]
fn a_fork_to_two_users_and_other_calls_are_not_merged() {
    let mut bench = Bench::new();
    bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bK1"));
    for (i, other) in [
        Req {
            uri: "sip:other@203.0.113.1",
            ..Req::new("INVITE", "z9hG4bK2")
        },
        Req {
            from_tag: "ft2",
            ..Req::new("INVITE", "z9hG4bK3")
        },
        Req {
            call_id: "c9",
            ..Req::new("INVITE", "z9hG4bK4")
        },
        Req {
            cseq: 2,
            ..Req::new("INVITE", "z9hG4bK5")
        },
    ]
    .iter()
    .enumerate()
    {
        bench.ask(other);
        assert!(is_new_call(bench.event()), "{i}");
    }
    assert_eq!(bench.dropped(DropReason::Merged), 0);
}

#[test]
fn hunting_with_the_same_call_id_is_a_new_call_each_time() {
    let mut bench = Bench::new();
    // Next CSeq, the ACK of the refusal still on its way.
    for round in 0..200_u32 {
        let branch = format!("z9hG4bKh{round}");
        let invite = Req {
            cseq: round + 1,
            ..Req::new("INVITE", &branch)
        };
        let id = bench.incoming(udp(PEER), &invite);
        bench.respond(id, &invite, 486);
        bench.advance(ms(20));
        if let Some(before) = round.checked_sub(1) {
            let ack = Req {
                cseq: before + 1,
                ..Req::new("ACK", &format!("z9hG4bKh{before}"))
            };
            bench.receive(udp(PEER), ack.tagged("ours").message());
        }
        bench.no_event();
    }
    let last = Req {
        cseq: 200,
        ..Req::new("ACK", "z9hG4bKh199")
    }
    .tagged("ours");
    bench.receive(udp(PEER), last.message());
    bench.advance(ms(32_000));
    bench.assert_quiet();
}

#[test]
fn once_a_refusal_is_acked_the_same_identity_is_a_new_call() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bK1"));
    bench.respond(id, &Req::new("INVITE", "z9hG4bK1"), 486);
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bK1").tagged("ours").message());
    bench.ask(&Req::new("INVITE", "z9hG4bK2"));
    assert!(is_new_call(bench.event()));
}

#[test]
fn within_a_dialog_nothing_is_merged() {
    let mut bench = Bench::new();
    bench.incoming(udp(PEER), &Req::new("INFO", "z9hG4bK1").tagged("ours"));
    bench.ask(&Req::new("INFO", "z9hG4bK2").tagged("ours"));
    assert!(matches!(bench.event(), Some(Event::Request { .. })));
}

fn old(method: &'static str) -> Req {
    Req {
        via: "SIP/2.0/UDP 192.0.2.1:5060".into(),
        ..Req::new(method, "")
    }
}

#[test]
fn rfc_2543_requests_are_matched_by_everything_else() {
    for via in [
        "SIP/2.0/UDP 192.0.2.1:5060",
        "SIP/2.0/UDP 192.0.2.1:5060;branch=1",
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK",
    ] {
        let mut bench = Bench::new();
        let invite = Req {
            via: via.into(),
            ..old("INVITE")
        };
        let id = bench.incoming(udp(PEER), &invite);
        bench.ask(&invite);
        bench.no_event();
        bench.ask(&Req {
            via: via.into(),
            ..old("CANCEL")
        });
        assert!(
            matches!(bench.event(), Some(Event::Cancelled { id: cancelled, .. }) if cancelled == id),
            "{via}"
        );
        bench.respond(id, &invite, 487);
        bench.receive(
            udp(PEER),
            Req {
                via: via.into(),
                ..old("ACK")
            }
            .tagged("ours")
            .message(),
        );
        bench.no_event();
        bench.advance(ms(32_000));
        bench.assert_quiet();
    }
}

#[test]
fn an_rfc_2543_ack_with_another_to_tag_is_not_for_our_refusal() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &old("INVITE"));
    bench.respond(id, &old("INVITE"), 486);
    bench.receive(udp(PEER), old("ACK").tagged("another").message());
    assert!(matches!(bench.event(), Some(Event::Ack { .. })));
    bench.sends();
    bench.advance(ms(500));
    assert_eq!(bench.kinds(), ["486 INVITE"], "still repeated");
}

#[test]
fn an_ack_out_of_nowhere_without_to_tag_is_dropped() {
    let mut bench = Bench::new();
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKn").message());
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::AckUnmatched), 1);
}

#[test]
fn an_ack_before_the_answer_changes_nothing() {
    let mut bench = Bench::new();
    let id = bench.incoming(udp(PEER), &Req::new("INVITE", "z9hG4bKi"));
    bench.receive(udp(PEER), Req::new("ACK", "z9hG4bKi").tagged("ours").message());
    bench.no_event();
    assert_eq!(bench.dropped(DropReason::AckTooEarly), 1);
    bench.respond(id, &Req::new("INVITE", "z9hG4bKi"), 180);
    assert_eq!(bench.kinds(), ["180 INVITE"]);
}
