//! INFO, MESSAGE and NOTIFY in calls and outside of them, and why calls end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use sip_msg::{HeaderId, Message};
use support::phone::Phone;
use support::{NUMBER, header, is, is_answer, ms, page, quick, reply_raw, talk, target, text, uri};
use testbed::{SipPeer, sdp};

/// Requests that cross, are answered here, or refused, by the stricter of both trunks.
#[test]
fn requests_in_a_call_cross_as_the_trunks_say() {
    let bed = quick(|setup| {
        setup
            .key("pbx", "requests = { info = \"answer\", notify = \"relay\" }")
            .key("b1", "requests = { message = \"relay\", notify = \"refuse\" }")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    let plain = [
        ("Content-Type", "text/plain"),
        ("Content-Disposition", "render;handling=optional"),
        ("e", "x-rot13"),
        ("Content-Language", "en"),
    ];
    held.call.request_with("MESSAGE", &plain, Some("hello"));
    let message = held.leg.expect_request("MESSAGE");
    assert_body_is_told(&message);
    assert_eq!(
        (text(&message.body()), header(&message, HeaderId::ContentType)),
        ("hello".to_owned(), "text/plain".to_owned())
    );
    held.leg.reply_to(&message, 202, &[], None);
    held.call.expect(202);
    let xml = [("Content-Type", "application/media_control+xml")];
    held.call.request_with("INFO", &xml, Some("<x/>"));
    held.call.expect(200);
    held.leg.request_with("INFO", &xml, Some("<x/>"));
    held.leg.expect(200);
    held.call.request_with(
        "NOTIFY",
        &[("Event", "talk"), ("Subscription-State", "active")],
        None,
    );
    held.call.expect(489);
    held.call.bye();
    held.leg.ok("BYE");
    held.call.expect(200);
    bed.finish(1);
}

/// RFC 6665 §4.1.3: a NOTIFY in the call keeps what it is about.
#[test]
fn a_notify_in_a_call_keeps_its_event() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = talk(&bed, &alice, &bob);
    held.leg.request_with(
        "NOTIFY",
        &[("Event", "talk"), ("Subscription-State", "active;expires=60")],
        None,
    );
    let notify = held.call.expect_request("NOTIFY");
    let said = (
        header(&notify, HeaderId::Event),
        header(&notify, HeaderId::SubscriptionState),
    );
    assert_eq!(said, ("talk".to_owned(), "active;expires=60".to_owned()));
    held.call.reply_to(&notify, 200, &[], None);
    held.leg.expect(200);
    held.call.bye();
    held.leg.ok("BYE");
    held.call.expect(200);
    bed.finish(1);
}

/// What has to be known of a body to read it crosses with it (RFC 3261 §20.11 to §20.13, RFC 6086 §5.2).
fn assert_body_is_told(message: &Message) {
    let said = [
        HeaderId::ContentDisposition,
        HeaderId::ContentEncoding,
        HeaderId::ContentLanguage,
    ];
    let said = said.map(|id| header(message, id));
    assert_eq!(said, ["render;handling=optional", "x-rot13", "en"]);
}

fn assert_ours(message: &Message) {
    let all = text(message.raw());
    assert!(!all.contains("inside.example"), "{all}");
}

/// RFC 3428: a message is routed like a call, one target after the other, and the answer comes back.
#[test]
fn a_message_is_routed_like_a_call() {
    let bed = quick(|setup| setup.key("b1", "failover = { trying = \"100ms\" }"));
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let typed = [
        ("Content-Type", "text/plain;charset=UTF-8"),
        ("Content-Disposition", "render;handling=optional"),
        ("Content-Encoding", "x-rot13"),
        ("Content-Language", "en"),
    ];
    let sent = || {
        page(
            &alice,
            "MESSAGE",
            &target(&bed, NUMBER),
            &typed,
            "Watson, come here",
        )
    };
    // Delivered.
    sent();
    let message = b1.wait("MESSAGE", is("MESSAGE")).message;
    assert_ours(&message);
    assert_body_is_told(&message);
    assert_eq!(uri(&message), format!("sip:{NUMBER}@{}", bed.places.b1));
    assert_eq!(text(&message.body()), "Watson, come here");
    assert_eq!(
        header(&message, HeaderId::ContentType),
        "text/plain;charset=UTF-8"
    );
    let from = format!("\"Alice\" <sip:+442071838750@{}>;tag=", bed.places.sut);
    assert!(header(&message, HeaderId::From).starts_with(&from));
    assert!(message.contact().is_none());
    reply_raw(&b1, &message, 202, "b", &[], None);
    alice.wait("202", is_answer(202, "MESSAGE"));
    // Refused by whom it is for: nobody else is asked.
    sent();
    let message = b1.wait("MESSAGE", is("MESSAGE")).message;
    reply_raw(&b1, &message, 486, "b", &[], None);
    alice.wait("486", is_answer(486, "MESSAGE"));
    // One carrier cannot: the next is asked.
    sent();
    let message = b1.wait("MESSAGE", is("MESSAGE")).message;
    reply_raw(&b1, &message, 503, "b", &[], None);
    let message = b2.wait("MESSAGE", is("MESSAGE")).message;
    reply_raw(&b2, &message, 200, "b", &[], None);
    alice.wait("200", is_answer(200, "MESSAGE"));
    // One carrier says nothing: the next is asked.
    sent();
    b1.wait("MESSAGE", is("MESSAGE"));
    let message = b2.wait("MESSAGE", is("MESSAGE")).message;
    reply_raw(&b2, &message, 404, "b", &[], None);
    alice.wait("404", is_answer(404, "MESSAGE"));
    let of = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        bed.metrics().sum_where("tandem_messages_total", &label)
    };
    assert_eq!(
        (of("delivered"), of("failed"), of("refused")),
        (Some(2.0), Some(2.0), Some(0.0))
    );
    assert_eq!(bed.metrics().sum("tandem_ports"), Some(0.0));
    bed.finish_lingering(0, 1);
}

/// A message to somebody who has registered goes to where he is; his own are challenged like his calls.
#[test]
fn a_message_reaches_a_registered_phone() {
    let users = "users = [{ username = \"alice\", password = \"wonder\", numbers = [\"+4420555\"] }, \
                 { username = \"bob\", password = \"builder\" }]";
    let bed = quick(|setup| setup.trunk("phones", &["role = \"customer\"", users]));
    let (pbx, desk) = (bed.peer_a(), bed.peer("desk", bed.places.x));
    Phone::new(&desk, ("alice", "wonder"))
        .register(&["Contact: <sip:alice@10.1.2.3:5066;ob>", "Expires: 600"]);
    let typed = [("Content-Type", "text/plain")];
    for called in ["alice", "+4420555"] {
        page(&pbx, "MESSAGE", &target(&bed, called), &typed, "hello");
        let message = desk.wait("MESSAGE", is("MESSAGE")).message;
        assert_ours(&message);
        assert_eq!(uri(&message), "sip:alice@10.1.2.3:5066;ob");
        assert_eq!(
            header(&message, HeaderId::To),
            format!("<sip:{called}@{}>", bed.places.sut)
        );
        reply_raw(&desk, &message, 200, "d", &[], None);
        pbx.wait("200", is_answer(200, "MESSAGE"));
    }
    page(&pbx, "MESSAGE", &target(&bed, "bob"), &typed, "are you there?");
    pbx.wait("480", is_answer(480, "MESSAGE"));
    page(&desk, "MESSAGE", &target(&bed, NUMBER), &typed, "let me in");
    let challenge = desk.wait("401", is_answer(401, "MESSAGE")).message;
    assert!(!header(&challenge, HeaderId::WwwAuthenticate).is_empty());
    bed.finish(0);
}

/// A carrier challenges a message: it gets the trunk's credentials once, and the message with them.
#[test]
fn a_challenge_to_a_message_is_met() {
    let bed = quick(|setup| setup.key("b1", "auth = { username = \"u\", password = \"p\" }"));
    let (alice, b1) = (bed.peer_a(), bed.peer_b1());
    page(
        &alice,
        "MESSAGE",
        &target(&bed, NUMBER),
        &[("Content-Type", "text/plain")],
        "hi",
    );
    let message = b1.wait("MESSAGE", is("MESSAGE")).message;
    let challenge = [(
        "WWW-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5",
    )];
    reply_raw(&b1, &message, 401, "b", &challenge, None);
    let again = b1.wait("MESSAGE", is("MESSAGE")).message;
    assert!(header(&again, HeaderId::Authorization).contains("username=\"u\""));
    assert_eq!(again.cseq().0, 2);
    reply_raw(&b1, &again, 200, "b", &[], None);
    alice.wait("200", is_answer(200, "MESSAGE"));
    bed.finish(0);
}

/// RFC 3842: a carrier tells a PBX of waiting messages; other events, bodies that are too long, and strangers are refused.
#[test]
fn waiting_messages_are_told_and_the_rest_is_refused() {
    let bed = quick(|setup| {
        setup
            .extra("[[number]]\nmatch = \"+44207183*\"\nto = \"pbx\"\n")
            .key("b2", "requests = { outside = \"refuse\" }")
    });
    let (pbx, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let stranger = bed.peer("X", bed.places.x);
    let summary = "Messages-Waiting: yes\r\nMessage-Account: sip:bob@vmail.inside.example\r\nVoice-Message: 2/0 (0/0)\r\n";
    let lines = [
        ("Event", "message-summary"),
        ("Subscription-State", "active"),
        ("Content-Type", "application/simple-message-summary"),
    ];
    page(&b1, "NOTIFY", &target(&bed, "+442071838750"), &lines, summary);
    let notify = pbx.wait("NOTIFY", is("NOTIFY")).message;
    assert_ours(&notify);
    let whose = format!("sip:+442071838750@{}", bed.places.a);
    assert_eq!(
        text(&notify.body()),
        summary.replace("sip:bob@vmail.inside.example", &whose)
    );
    assert_eq!(header(&notify, HeaderId::Event), "message-summary");
    assert_eq!(
        header(&notify, HeaderId::Contact),
        format!("<sip:{}>", bed.places.sut)
    );
    reply_raw(&pbx, &notify, 200, "p", &[], None);
    b1.wait("200", is_answer(200, "NOTIFY"));
    page(
        &b1,
        "NOTIFY",
        &target(&bed, "+442071838750"),
        &[("Event", "presence")],
        "",
    );
    let refusal = b1.wait("489", is_answer(489, "NOTIFY")).message;
    assert_eq!(header(&refusal, HeaderId::AllowEvents), "message-summary");
    let typed = [("Content-Type", "text/plain")];
    page(&pbx, "MESSAGE", &target(&bed, NUMBER), &typed, &"x".repeat(1301));
    pbx.wait("413", is_answer(413, "MESSAGE"));
    page(&b1, "MESSAGE", &target(&bed, "+33123456789"), &typed, "to nobody");
    b1.wait("404", is_answer(404, "MESSAGE"));
    page(&b2, "MESSAGE", &target(&bed, "+442071838750"), &typed, "no");
    b2.wait("403", is_answer(403, "MESSAGE"));
    page(
        &stranger,
        "MESSAGE",
        &target(&bed, "+442071838750"),
        &typed,
        "buy",
    );
    stranger.wait("403", is_answer(403, "MESSAGE"));
    pbx.expect_silence(ms(100));
    let refused = bed
        .metrics()
        .sum_where("tandem_messages_total", "outcome=\"refused\"");
    assert_eq!(refused, Some(5.0));
    bed.finish(0);
}

/// RFC 3326, RFC 3398, RFC 6432: a cause is passed, made of a status, or left out; a refusal means what its cause says.
#[test]
fn a_cause_is_passed_made_or_left_out() {
    let bed = quick(|setup| {
        setup
            .key("pbx", "reason = { send = \"make\" }")
            .key("b1", "reason = { status_by_cause = true }")
            .key("b2", "reason = { send = \"strip\" }")
            .extra("[[number]]\nmatch = \"+1*\"\nto = \"b2\"\n")
    });
    let (alice, b1, b2) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let offer = sdp::offer(bed.places.rtp_a);
    // A gateway that says 480 to everything.
    let answers = [
        (
            480,
            "Q.850;cause=17;text=\"secret-host busy\"",
            486,
            "Q.850;cause=17",
        ),
        (603, "q.850 ; cause=1", 404, "Q.850;cause=1"),
        (486, "", 486, "Q.850;cause=17"),
        (404, "SIP;cause=404, Q.850;cause=1", 404, "Q.850;cause=1"),
    ];
    for (status, reason, heard, cause) in answers {
        let call = alice.invite(NUMBER, Some(&offer));
        let leg = b1.incoming();
        let headers = [("Reason", reason)];
        leg.reply_with(status, if reason.is_empty() { &[] } else { &headers }, None);
        leg.expect_request("ACK");
        let refusal = call.expect(heard);
        assert_eq!(header(&refusal, HeaderId::Reason), cause, "{status} {reason}");
        call.ack_failure();
    }
    // CANCEL: a telephone elsewhere has answered.
    for (number, callee, expected) in [
        (NUMBER, &b1, "SIP;cause=200;text=\"Call completed elsewhere\""),
        ("+12125550123", &b2, ""),
    ] {
        let call = alice.invite(number, Some(&offer));
        let leg = callee.incoming();
        leg.reply(180);
        call.expect(180);
        cancel(
            &alice,
            &call.last_sent(),
            "SIP;cause=200;text=\"Call completed elsewhere at secret-host\"",
        );
        let cancel = leg.ok("CANCEL");
        assert_eq!(header(&cancel, HeaderId::Reason), expected, "{number}");
        let invite = leg.last_request("INVITE");
        leg.reply_to(&invite, 487, &[], None);
        leg.expect_request("ACK");
        alice.wait("200", is_answer(200, "CANCEL"));
        alice.wait("487", is_answer(487, "INVITE"));
        call.ack_failure();
    }
    // BYE.
    for (number, callee, expected) in [(NUMBER, &b1, "Q.850;cause=41"), ("+12125550123", &b2, "")] {
        let call = alice.invite(number, Some(&offer));
        let leg = callee.incoming();
        leg.answer(&sdp::offer(bed.places.rtp_b1));
        call.expect(200);
        call.ack();
        leg.expect_request("ACK");
        call.request_with(
            "BYE",
            &[("Reason", "Q.850;cause=41;text=\"secret-host down\"")],
            None,
        );
        assert_eq!(header(&leg.ok("BYE"), HeaderId::Reason), expected, "{number}");
        call.expect(200);
    }
    bed.finish_lingering(8, 6);
}

/// A CANCEL of the INVITE in `invite`, with a reason.
fn cancel(peer: &SipPeer, invite: &str, reason: &str) {
    let mut lines = invite.lines();
    let start = lines.next().unwrap_or_default().replacen("INVITE", "CANCEL", 1);
    let mut out = format!("{start}\r\n");
    for line in lines.take_while(|line| !line.is_empty()) {
        let kept = ["Via", "From", "To", "Call-ID", "Max-Forwards"];
        if kept.iter().any(|name| line.starts_with(&format!("{name}:"))) {
            out.push_str(&format!("{line}\r\n"));
        } else if line.starts_with("CSeq:") {
            out.push_str(&format!("{}\r\n", line.replace("INVITE", "CANCEL")));
        }
    }
    out.push_str(&format!("Reason: {reason}\r\nContent-Length: 0\r\n\r\n"));
    peer.send_raw(peer.sut(), out.as_bytes());
}

/// RFC 3261 §8.2.3: a body that is written in a way that we can't read is refused, with what we could; blanks around the slash are none.
#[test]
fn px_03_what_a_body_is_decides_what_becomes_of_it() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer = sdp::offer(bed.places.rtp_a);
    let refused = alice.invite_with(NUMBER, &[("e", "gzip")], Some(&offer));
    let answer = refused.expect(415);
    refused.ack_failure();
    assert_eq!(header(&answer, HeaderId::AcceptEncoding), "identity");
    for lines in [
        [("Content-Encoding", "identity")],
        [("Content-Type", "Application / SDP ; charset=\"utf-8\"")],
    ] {
        let call = alice.invite_with(NUMBER, &lines, Some(&offer));
        let leg = bob.incoming();
        assert!(text(&support::invite_of(&leg).body()).starts_with("v=0"));
        leg.reply(486);
        leg.expect_request("ACK");
        call.expect(486);
        call.ack_failure();
    }
    bob.expect_silence(ms(50));
    bed.finish_lingering(3, 2);
}
