//! The rows of `docs/specs/sip-dialog.md`.

use bytes::Bytes;
use sip_msg::Limits;

use super::*;

fn message(text: &str) -> Message {
    let bytes = Bytes::from(format!("{text}\n\n").replace('\n', "\r\n"));
    sip_msg::parse(bytes, &Limits::default()).expect(text)
}

const OURS: &str = "From: <sip:us@10.0.0.1>;tag=us\nCall-ID: c1\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\nMax-Forwards: 70";
const THEIRS: &str = "From: \"Them\" <sip:them@10.0.0.2>;tag=them\nCall-ID: c1\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb\nMax-Forwards: 70";

/// Our INVITE.
fn invite() -> Message {
    message(&format!(
        "INVITE sip:them@carrier.example SIP/2.0\n{OURS}\nTo: <sip:them@carrier.example>\nCSeq: 5 INVITE\nContact: <sip:us@10.0.0.1>"
    ))
}

/// A response to it.
fn response(status: u16, tag: &str, more: &str) -> Message {
    cseq_response(status, "5 INVITE", tag, more)
}

fn cseq_response(status: u16, cseq: &str, tag: &str, more: &str) -> Message {
    message(&format!(
        "SIP/2.0 {status} X\n{OURS}\nTo: <sip:them@carrier.example>{tag}\nCSeq: {cseq}{more}"
    ))
}

/// Their INVITE.
fn invited(more: &str) -> Message {
    message(&format!(
        "INVITE sip:us@10.0.0.1 SIP/2.0\n{THEIRS}\nTo: <sip:us@10.0.0.1>\nCSeq: 9 INVITE{more}"
    ))
}

/// A request of theirs within the dialog.
fn within(method: &str, cseq: u32, more: &str) -> Message {
    message(&format!(
        "{method} sip:us@10.0.0.1 SIP/2.0\n{THEIRS}\nTo: <sip:us@10.0.0.1>;tag=us\nCSeq: {cseq} {method}{more}"
    ))
}

fn caller(more: &str) -> Dialog {
    Dialog::uac(&invite(), &response(200, ";tag=them", more)).expect("dialog")
}

fn callee(more: &str) -> Dialog {
    Dialog::uas(
        &invited(&format!("\nContact: <sip:them@10.0.0.2:5080>{more}")),
        b"us",
    )
    .expect("dialog")
}

fn text(head: &Head) -> String {
    let bytes = head.writer(b"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKn").finish();
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn routes(head: &Head) -> Vec<String> {
    let lines = text(head);
    lines
        .lines()
        .filter_map(|line| line.strip_prefix("Route: "))
        .map(str::to_owned)
        .collect()
}

const TWO: &str = "\nRecord-Route: <sip:127.0.0.21:5081;lr;x=1>, <sip:127.0.0.20:5080;lr>";
const CONTACT: &str = "\nContact: <sip:127.0.0.20:5099>";

macro_rules! rows {
    ($($name:ident $body:block)*) => {
        $(
            #[test]
            fn $name() {
                let spec = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/specs/sip-dialog.md"));
                assert!(spec.contains(concat!("`", stringify!($name), "`")), "the specification has this row");
                $body
            }
        )*
    };
}

rows! {
    uac_1xx_with_tag_is_early {
        let dialog = Dialog::uac(&invite(), &response(180, ";tag=them", CONTACT)).expect("dialog");
        assert!(!dialog.is_confirmed() && dialog.is_caller());
        assert_eq!((dialog.local_tag(), dialog.remote_tag()), (b"us".as_slice(), b"them".as_slice()));
        assert_eq!(dialog.remote_target(), b"sip:127.0.0.20:5099");
        assert_eq!((dialog.local_uri(), dialog.remote_uri()), (b"sip:us@10.0.0.1".as_slice(), b"sip:them@carrier.example".as_slice()));
    }
    uac_2xx_is_confirmed {
        assert!(caller(CONTACT).is_confirmed());
    }
    uac_100_makes_none {
        assert_eq!(Dialog::uac(&invite(), &response(100, ";tag=them", "")), Err(DialogError::NotCreating));
    }
    uac_1xx_without_tag_makes_none {
        assert_eq!(Dialog::uac(&invite(), &response(183, "", "")), Err(DialogError::NoTag));
    }
    uac_refusal_makes_none {
        assert_eq!(Dialog::uac(&invite(), &response(486, ";tag=them", "")), Err(DialogError::NotCreating));
    }
    uac_2xx_without_tag_is_taken {
        let dialog = Dialog::uac(&invite(), &response(200, "", "")).expect("RFC 2543 peer");
        assert_eq!(dialog.remote_tag(), b"");
    }
    uac_without_contact_keeps_the_request_uri {
        assert_eq!(caller("").remote_target(), b"sip:them@carrier.example");
    }
    uac_route_set_is_record_route_reversed {
        let dialog = caller(TWO);
        let set: Vec<&[u8]> = dialog.route_set().collect();
        assert_eq!(set, [b"sip:127.0.0.20:5080;lr".as_slice(), b"sip:127.0.0.21:5081;lr;x=1"]);
    }
    uac_cseq_goes_on_from_the_invite {
        let mut dialog = caller("");
        assert_eq!((dialog.request(&Method::Bye).cseq(), dialog.invite_cseq()), (6, 5));
    }
    uas_takes_contact_and_tags {
        let dialog = callee("");
        assert!(!dialog.is_confirmed() && !dialog.is_caller());
        assert_eq!((dialog.local_tag(), dialog.remote_tag()), (b"us".as_slice(), b"them".as_slice()));
        assert_eq!(dialog.remote_target(), b"sip:them@10.0.0.2:5080");
    }
    uas_route_set_is_record_route_in_order {
        let dialog = callee(TWO);
        let set: Vec<&[u8]> = dialog.route_set().collect();
        assert_eq!(set, [b"sip:127.0.0.21:5081;lr;x=1".as_slice(), b"sip:127.0.0.20:5080;lr"]);
    }
    uas_without_contact_makes_none {
        assert_eq!(Dialog::uas(&invited(""), b"us"), Err(DialogError::NoContact));
    }
    uas_other_method_makes_none {
        assert_eq!(Dialog::uas(&within("BYE", 1, CONTACT), b"us"), Err(DialogError::NotCreating));
    }
    uas_first_cseq_is_our_own {
        assert_eq!(callee("").request(&Method::Bye).cseq(), 1);
    }
    sips_request_uri_makes_it_secure {
        let text = String::from_utf8(invited(CONTACT).raw().to_vec()).expect("text");
        let secure = text.trim_end().replace("INVITE sip:", "INVITE sips:").replace("\r\n", "\n");
        assert!(Dialog::uas(&message(&secure), b"us").expect("dialog").is_secure());
        assert!(!callee("").is_secure());
    }
    confirm_takes_route_set_and_target_of_the_2xx {
        let mut dialog = Dialog::uac(&invite(), &response(180, ";tag=them", "\nRecord-Route: <sip:early;lr>")).expect("dialog");
        dialog.confirm(&response(200, ";tag=them", &format!("{TWO}{CONTACT}")));
        assert!(dialog.is_confirmed());
        assert_eq!(dialog.route_set().next(), Some(b"sip:127.0.0.20:5080;lr".as_slice()));
        assert_eq!(dialog.remote_target(), b"sip:127.0.0.20:5099");
    }
    confirm_without_record_route_keeps_the_set {
        let mut dialog = Dialog::uac(&invite(), &response(180, ";tag=them", TWO)).expect("dialog");
        dialog.confirm(&response(200, ";tag=them", CONTACT));
        assert_eq!(dialog.route_set().len(), 2);
    }
    confirm_again_refreshes_the_target_only {
        let mut dialog = caller(&format!("{TWO}{CONTACT}"));
        let more = "\nRecord-Route: <sip:other;lr>\nContact: <sip:127.0.0.20:5098>";
        dialog.confirm(&cseq_response(200, "6 INVITE", ";tag=them", more));
        assert_eq!(dialog.route_set().len(), 2);
        assert_eq!(dialog.remote_target(), b"sip:127.0.0.20:5098");
    }
    confirm_callee_keeps_the_target {
        let mut dialog = callee("");
        dialog.confirm(&response(200, ";tag=us", "\nContact: <sip:us@10.0.0.1>"));
        assert!(dialog.is_confirmed());
        assert_eq!(dialog.remote_target(), b"sip:them@10.0.0.2:5080");
    }
    request_without_routes_goes_to_the_target {
        let head = caller(CONTACT).request(&Method::Bye);
        assert_eq!(head.next_hop(), b"sip:127.0.0.20:5099");
        let text = text(&head);
        assert!(text.starts_with("BYE sip:127.0.0.20:5099 SIP/2.0\r\n"), "{text}");
        for line in ["From: <sip:us@10.0.0.1>;tag=us", "To: <sip:them@carrier.example>;tag=them", "Call-ID: c1", "CSeq: 6 BYE", "Max-Forwards: 70"] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(routes(&head).is_empty());
    }
    request_with_loose_route {
        let head = caller(&format!("{TWO}{CONTACT}")).ack(5);
        assert_eq!(head.next_hop(), b"sip:127.0.0.20:5080;lr");
        assert!(text(&head).starts_with("ACK sip:127.0.0.20:5099 SIP/2.0\r\n"));
        assert_eq!(routes(&head), ["<sip:127.0.0.20:5080;lr>", "<sip:127.0.0.21:5081;lr;x=1>"]);
    }
    request_with_strict_route {
        let recorded = "\nRecord-Route: <sip:last;lr>, <sip:strict;method=BYE;transport=udp?a=b>";
        let head = caller(&format!("{recorded}{CONTACT}")).request(&Method::Bye);
        assert!(text(&head).starts_with("BYE sip:strict;transport=udp SIP/2.0\r\n"), "{}", text(&head));
        assert_eq!(routes(&head), ["<sip:last;lr>", "<sip:127.0.0.20:5099>"]);
        assert!(head.next_hop().starts_with(b"sip:strict"));
    }
    request_as_callee_has_to_and_from_exchanged {
        let text = text(&callee("").request(&Method::Bye));
        assert!(text.contains("From: <sip:us@10.0.0.1>;tag=us\r\n") && text.contains("To: \"Them\" <sip:them@10.0.0.2>;tag=them\r\n"));
    }
    request_ack_and_cancel_take_no_cseq {
        let mut dialog = caller("");
        dialog.request(&Method::Options);
        let numbers = [dialog.request(&Method::Ack).cseq(), dialog.request(&Method::Cancel).cseq(), dialog.request(&Method::Bye).cseq()];
        assert_eq!(numbers, [5, 5, 7]);
    }
    request_reinvite_and_its_ack {
        let mut dialog = caller("");
        assert_eq!(dialog.request(&Method::Invite).cseq(), 6);
        assert_eq!((dialog.request(&Method::Ack).cseq(), dialog.ack(5).cseq()), (6, 5));
    }
    request_after_a_challenge_takes_the_next_cseq {
        // 1 INVITE (407), 2 INVITE (200), 3 re-INVITE (407), 4, 5 BYE (407), 6 (RFC 3261 §22.2).
        let second = message(&format!("INVITE sip:them@carrier.example SIP/2.0\n{OURS}\nTo: <sip:them@carrier.example>\nCSeq: 2 INVITE"));
        let answer = cseq_response(200, "2 INVITE", ";tag=them", "");
        let mut dialog = Dialog::uac(&second, &answer).expect("dialog");
        let mut sent = vec![dialog.request(&Method::Ack).cseq()];
        for method in [Method::Invite, Method::Invite, Method::Bye, Method::Bye] {
            sent.push(dialog.request(&method).cseq());
        }
        assert_eq!(sent, [2, 3, 4, 5, 6]);
    }
    receive_higher_cseq {
        let mut dialog = callee("");
        assert_eq!(dialog.receive_request(&within("BYE", 20, "")), Ok(()));
    }
    receive_first_cseq_as_caller {
        let mut dialog = caller("");
        assert_eq!(dialog.receive_request(&within("BYE", 0, "")), Ok(()));
    }
    receive_lower_cseq {
        let mut dialog = callee("");
        dialog.receive_request(&within("INFO", 20, "")).expect("in order");
        assert_eq!(dialog.receive_request(&within("INFO", 19, "")), Err(OutOfOrder { last: 20, got: 19 }));
        assert_eq!(dialog.receive_request(&within("INFO", 21, "")), Ok(()));
    }
    receive_same_cseq {
        let mut dialog = callee("");
        dialog.receive_request(&within("INFO", 20, "")).expect("in order");
        assert_eq!(dialog.receive_request(&within("INFO", 20, "")), Ok(()));
    }
    receive_ack_with_any_cseq {
        let mut dialog = callee("");
        dialog.receive_request(&within("INFO", 20, "")).expect("in order");
        assert_eq!(dialog.receive_request(&within("ACK", 9, "")), Ok(()));
        assert_eq!(dialog.receive_request(&within("INFO", 20, "")), Ok(()), "the ACK moved nothing");
    }
    refresh_by_request {
        for (method, moves) in [("INVITE", true), ("UPDATE", true), ("NOTIFY", true), ("INFO", false), ("BYE", false), ("ACK", false)] {
            let mut dialog = callee("");
            dialog.refresh_target(&within(method, 10, "\nContact: <sip:moved@10.0.0.3>"));
            assert_eq!(dialog.remote_target() == b"sip:moved@10.0.0.3", moves, "{method}");
        }
    }
    refresh_by_response {
        for (status, cseq, moves) in [(200, "6 INVITE", true), (200, "6 UPDATE", true), (183, "6 INVITE", false), (491, "6 INVITE", false), (200, "6 INFO", false)] {
            let mut dialog = caller(CONTACT);
            dialog.refresh_target(&cseq_response(status, cseq, ";tag=them", "\nContact: <sip:moved@10.0.0.3>"));
            assert_eq!(dialog.remote_target() == b"sip:moved@10.0.0.3", moves, "{status} {cseq}");
        }
    }
    refresh_without_contact {
        let mut dialog = callee("");
        assert!(!dialog.refresh_target(&within("INVITE", 10, "")));
        assert_eq!(dialog.remote_target(), b"sip:them@10.0.0.2:5080");
    }
    matches_by_call_id_and_both_tags {
        // Whoever began: TX-13 of our own caller's dialog is the peer's request.
        for dialog in [caller(""), callee("")] {
            assert!(dialog.matches(&within("BYE", 10, "")));
            assert!(dialog.matches(&cseq_response(200, "6 BYE", ";tag=them", "")));
            let other = String::from_utf8(within("BYE", 10, "").raw().to_vec()).expect("text");
            for (from, to) in [("tag=us", "tag=else"), ("tag=them", "tag=else"), ("Call-ID: c1", "Call-ID: c2")] {
                assert!(!dialog.matches(&message(other.trim_end().replace("\r\n", "\n").replace(from, to).as_str())), "{to}");
            }
        }
    }
    early_dialogs_one_per_tag {
        let mut early = EarlyDialogs::new();
        for tag in ["a", "b", "a"] {
            early.receive(&invite(), &response(180, &format!(";tag={tag}"), CONTACT)).expect("dialog");
        }
        assert_eq!(early.iter().map(|dialog| dialog.remote_tag().to_vec()).collect::<Vec<_>>(), [b"a", b"b"]);
        assert!(early.receive(&invite(), &response(200, ";tag=b", TWO)).expect("dialog").is_confirmed());
        assert!(early.get(b"a").is_some_and(|dialog| !dialog.is_confirmed()));
        let taken = early.take(b"b").expect("dialog");
        assert_eq!((taken.route_set().len(), early.iter().count()), (2, 1));
    }
    early_dialogs_count_on_when_confirmed {
        let mut early = EarlyDialogs::new();
        for tag in ["a", "b"] {
            early.receive(&invite(), &response(183, &format!(";tag={tag}"), CONTACT)).expect("dialog");
        }
        let cseq = |dialog: &mut Dialog| dialog.request(&Method::Info).cseq();
        let first = cseq(early.get_mut(b"b").expect("dialog"));
        early.receive(&invite(), &response(200, ";tag=b", CONTACT)).expect("dialog");
        let mut taken = early.take(b"b").expect("dialog");
        assert!(taken.is_confirmed());
        assert_eq!(cseq(&mut taken), first + 1);
        assert_eq!(early.get_mut(b"a").map(cseq), Some(first), "each has its own");
        assert!(early.get_mut(b"b").is_none());
    }
    early_dialogs_are_bounded {
        let mut early = EarlyDialogs::new();
        let results = (0..17).map(|i| early.receive(&invite(), &response(180, &format!(";tag={i}"), "")).map(|_| ()));
        let results: Vec<_> = results.collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 16);
        assert_eq!(results.last(), Some(&Err(DialogError::TooMany)));
    }
}

#[test]
fn a_dialog_survives_a_journal() {
    for dialog in [caller(&format!("{TWO}{CONTACT}")), callee(TWO)] {
        let json = serde_json::to_string(&dialog).expect("json");
        assert!(
            json.contains("\"sip:127.0.0.20:5080;lr\""),
            "text stays text: {json}"
        );
        assert_eq!(serde_json::from_str::<Dialog>(&json).expect("dialog"), dialog);
    }
}

#[test]
fn bytes_that_are_no_text_survive_too() {
    let odd = Octets::from(b"\xff\x00caf\xc3".as_slice());
    let json = serde_json::to_string(&odd).expect("json");
    assert_eq!(serde_json::from_str::<Octets>(&json).expect("octets"), odd);
}

#[test]
fn folded_lines_of_the_peer_come_back_on_one_line() {
    let mut dialog = Dialog::uas(&invited("\nContact: <sip:them@10.0.0.2>"), b"us").expect("dialog");
    let folded = message(
        "INVITE sip:us@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb\nFrom: \"Them\"\n <sip:them@10.0.0.2>;tag=them\nTo: <sip:us@10.0.0.1>\nCall-ID: c1\nCSeq: 9 INVITE\nContact: <sip:them@10.0.0.2>",
    );
    let mut other = Dialog::uas(&folded, b"us").expect("dialog");
    assert_eq!(
        text(&other.request(&Method::Bye)),
        text(&dialog.request(&Method::Bye))
    );
}
