//! Session timers (RFC 4028): who refreshes, how, and what becomes of a call that nobody does.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip, sdp};

/// A call that is up: the caller's INVITE with these lines, the carrier's 200 with those. What the carrier was asked, and what
/// the caller was answered.
fn connect(bed: &mut Bed, asks: &[(&str, &str)], answers: &[(&str, &str)]) -> (Party, Party, Sip, Sip) {
    let add = |sip: Sip, lines: &[(&str, &str)]| {
        lines
            .iter()
            .fold(sip, |sip, (name, value)| sip.with(name, *value))
    };
    let mut a = bed.caller("+442071838750");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &add(invite, asks));
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &add(Bed::answer_of(B1, &b, &at_b), answers));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    (a, b, at_b, ok)
}

const TIMER: (&str, &str) = ("Supported", "timer");
const ALLOW: (&str, &str) = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE");

fn after(bed: &Bed, since: Duration) -> u64 {
    (bed.world.elapsed() - since).as_secs()
}

#[test]
fn both_legs_are_asked_and_answered_by_themselves() {
    let mut bed = Bed::changed(&[(
        "name = \"b1\"",
        "session_timer = { expires = \"20m\", min_se = \"2m\" }",
    )]);
    let (mut a, b, at_b, ok) = connect(&mut bed, &[TIMER, ("Session-Expires", "600;refresher=uas")], &[]);
    assert!(at_b.need("Supported").contains("timer"));
    assert_eq!(at_b.need("Session-Expires"), "1200");
    assert_eq!(at_b.need("Min-SE"), "120");
    assert_eq!(ok.need("Session-Expires"), "600;refresher=uas");
    assert_eq!(ok.get("Require"), None);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

#[test]
fn off_means_neither_asked_for_nor_agreed_to() {
    let mut bed = Bed::changed(&[("[media]", ""), ("[sip]", "session_timer = { mode = \"off\" }")]);
    let asks = [TIMER, ("Session-Expires", "60")];
    let (mut a, b, at_b, ok) = connect(&mut bed, &asks, &[("Session-Expires", "90;refresher=uac")]);
    for sip in [&at_b, &ok] {
        assert_eq!(sip.get("Session-Expires"), None, "{}", sip.write());
        assert!(!sip.all("Supported").any(|value| value.contains("timer")));
    }
    bed.quiet(B1, 100_000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
    let mut a = bed.caller("+4420");
    let invite = a
        .invite(Some(&Bed::caller_end().offer("sendrecv")))
        .with("Require", "timer");
    bed.send(A, &invite);
    let refusal = bed.expect(A, "420 INVITE");
    assert_eq!(refusal.need("Unsupported"), "timer");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}

#[test]
fn required_insists_on_both_sides() {
    let mut bed = Bed::changed(&[("[sip]", "session_timer = { mode = \"require\" }")]);
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "421 INVITE");
    assert_eq!(refusal.need("Require"), "timer");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle_one().cause.kind, "extension");
    let (mut a, b, at_b, _) = connect(&mut bed, &[TIMER], &[]);
    assert_eq!(at_b.need("Require"), "timer");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-02: at half the interval, with nothing changed, again and again.
#[test]
fn we_refresh_where_the_answer_says_so() {
    let mut bed = Bed::new();
    let answers = [("Require", "timer"), ("Session-Expires", "90;refresher=uac")];
    let (mut a, b, at_b, ok) = connect(&mut bed, &[TIMER], &answers);
    assert_eq!(ok.need("Session-Expires"), "1800;refresher=uac");
    assert_eq!(ok.need("Require"), "timer");
    for _ in 0..4 {
        let since = bed.world.elapsed();
        let refresh = bed.expect(B1, "INVITE");
        assert_eq!(after(&bed, since), 45 - u64::from(since.as_secs() < 1));
        assert_eq!(refresh.need("Session-Expires"), "90;refresher=uac");
        assert_eq!(refresh.need("Min-SE"), "90");
        assert_eq!(refresh.sdp(), at_b.sdp(), "nothing has changed");
        let answer = Bed::answer_of(B1, &b, &refresh).with("Session-Expires", "90;refresher=uac");
        bed.send(B1, &answer);
        bed.expect(B1, "ACK");
    }
    assert!(bed.drain(A).is_empty(), "the other leg has a timer of its own");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 4028 §7.4: UPDATE where the peer takes it, and re-INVITE when it turns out not to.
#[test]
fn a_refresh_is_an_update_where_the_peer_has_it() {
    let mut bed = Bed::new();
    let (mut a, b, ..) = connect(&mut bed, &[], &[ALLOW, ("Session-Expires", "90;refresher=uac")]);
    let update = bed.expect(B1, "UPDATE");
    assert_eq!(update.need("Session-Expires"), "90;refresher=uac");
    assert!(update.body.is_empty() && update.contact().is_some());
    bed.send(
        B1,
        &b.reply(&update, 200, None)
            .with("Session-Expires", "90;refresher=uac"),
    );
    let since = bed.world.elapsed();
    let update = bed.expect(B1, "UPDATE");
    assert_eq!(after(&bed, since), 45);
    bed.send(B1, &b.reply(&update, 501, None));
    let invite = bed.expect(B1, "INVITE");
    // Without a timer in the answer there is none from then on.
    bed.send(B1, &Bed::answer_of(B1, &b, &invite));
    bed.expect(B1, "ACK");
    bed.quiet(B1, 200_000);
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// RFC 4028 §10: these end the call, both legs of it.
#[test]
fn a_refresh_that_nobody_knows_of_ends_the_call() {
    for status in [481, 408, 0] {
        let mut bed = Bed::new();
        let (a, b, ..) = connect(&mut bed, &[], &[ALLOW, ("Session-Expires", "90;refresher=uac")]);
        let update = bed.expect(B1, "UPDATE");
        if status == 0 {
            bed.wait(33_000);
            bed.drain(B1);
        } else {
            bed.send(B1, &b.reply(&update, status, None));
            bed.serve(B1, &b, "BYE", 200);
        }
        let bye = bed.serve(A, &a, "BYE", 200);
        assert!(bye.need("Reason").contains("dialog-lost"));
        if status == 0 {
            let byes = bed.drain(B1);
            for (_, bye) in byes.iter().filter(|(_, sip)| sip.title() == "BYE").take(1) {
                bed.send(B1, &b.reply(bye, 200, None));
            }
        }
        let record = bed.settle_one();
        assert_eq!(record.cause.kind, "dialog-lost");
    }
}

#[test]
fn a_refresh_that_is_refused_for_now_is_tried_again() {
    let mut bed = Bed::new();
    let (mut a, b, ..) = connect(&mut bed, &[], &[ALLOW, ("Session-Expires", "90;refresher=uac")]);
    for status in [500, 403, 491] {
        let update = bed.expect(B1, "UPDATE");
        bed.send(B1, &b.reply(&update, status, None));
        let since = bed.world.elapsed();
        let again = bed.expect(B1, "UPDATE");
        let waited = after(&bed, since);
        let due = if status == 491 { 2..=4 } else { 22..=23 };
        assert!(due.contains(&waited), "{waited} s after {status}");
        bed.send(
            B1,
            &b.reply(&again, 200, None)
                .with("Session-Expires", "90;refresher=uac"),
        );
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-05: the peer was to refresh, and is gone: 30 s before the end.
#[test]
fn a_peer_that_never_refreshes_ends_the_call() {
    let mut bed = Bed::new();
    let since = bed.world.elapsed();
    let (a, b, ..) = connect(&mut bed, &[], &[("Session-Expires", "90;refresher=uas")]);
    let bye = bed.expect(A, "BYE");
    assert!((59..=60).contains(&after(&bed, since)), "{}", bed.story());
    assert!(bye.need("Reason").contains("session-expired"));
    bed.send(A, &a.reply(&bye, 200, None));
    bed.serve(B1, &b, "BYE", 200);
    let record = bed.settle_one();
    assert_eq!(record.cause.kind, "session-expired");
    assert!((59_000..=60_000).contains(&record.talk_ms));
}

/// RFC 4028 §10: that it refuses a re-INVITE of ours takes nothing from the time that a peer has for its refresh.
#[test]
fn a_peer_that_refreshes_has_its_time_whatever_it_refuses() {
    let mut bed = Bed::new();
    let by_peer = ("Session-Expires", "90;refresher=uas");
    let (mut a, b, ..) = connect(&mut bed, &[], &[by_peer]);
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let got = bed.expect(B1, "INVITE");
    let since = bed.world.elapsed();
    // Of no use: it is told what holds, and has none of it.
    let (name, value) = by_peer;
    bed.send(B1, &b.reply(&got, 200, None).with(name, value));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "488 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let again = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&again, 500, None));
    bed.expect(B1, "ACK");
    let bye = bed.expect(A, "BYE");
    assert!((59..=60).contains(&after(&bed, since)), "{}", bed.story());
    assert!(bye.need("Reason").contains("session-expired"));
    bed.send(A, &a.reply(&bye, 200, None));
    bed.serve(B1, &b, "BYE", 200);
    bed.settle_one();
}

/// SM-01: a carrier that refreshes without having been asked, by re-INVITE and by UPDATE, for as long as it likes.
#[test]
fn a_peer_that_refreshes_is_answered_here() {
    let mut bed = Bed::new();
    let (mut a, mut b, at_b, _) = connect(&mut bed, &[], &[("Session-Expires", "90;refresher=uas")]);
    let said = Bed::answer_of(B1, &b, &at_b);
    let at = |b: &mut Party| b.request("UPDATE").with("Contact", "<sip:127.0.0.20:5080>");
    for round in 0..6 {
        bed.wait(45_000);
        if round % 2 == 0 {
            let invite = b.invite(said.sdp()).with("Session-Expires", "90;refresher=uac");
            bed.send(B1, &invite.with(TIMER.0, TIMER.1));
            let ok = bed.expect_within(B1, "200 INVITE", 500);
            assert_eq!(ok.need("Session-Expires"), "90;refresher=uac");
            assert_eq!(ok.sdp(), at_b.sdp(), "as it was");
            let ack = b.ack(&ok);
            bed.send(B1, &ack);
        } else {
            let update = at(&mut b).with("Session-Expires", "90;refresher=uac");
            bed.send(B1, &update.with(TIMER.0, TIMER.1));
            let ok = bed.expect_within(B1, "200 UPDATE", 500);
            assert_eq!(ok.need("Session-Expires"), "90;refresher=uac");
            assert!(ok.body.is_empty() && ok.contact().is_some());
        }
    }
    // It hands the work over to us.
    let update = at(&mut b)
        .with("Session-Expires", "90;refresher=uas")
        .with(ALLOW.0, ALLOW.1);
    bed.send(B1, &update.with(TIMER.0, TIMER.1));
    assert_eq!(
        bed.expect(B1, "200 UPDATE").need("Session-Expires"),
        "90;refresher=uas"
    );
    let since = bed.world.elapsed();
    let refresh = bed.serve(B1, &b, "UPDATE", 200);
    assert_eq!(after(&bed, since), 45);
    assert_eq!(refresh.need("Session-Expires"), "90;refresher=uac");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-04 (a): the same target is asked for longer, and nobody else.
#[test]
fn an_interval_that_is_too_small_for_a_carrier_is_raised() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    let refusal = b.reply(&at_b, 422, None).with("Min-SE", "3600");
    bed.send(B1, &refusal);
    bed.expect(B1, "ACK");
    let again = bed.expect(B1, "INVITE");
    assert_eq!(
        (again.call_id(), again.cseq().0),
        (at_b.call_id(), at_b.cseq().0 + 1)
    );
    assert_eq!(again.from_tag(), at_b.from_tag());
    assert_eq!(
        (again.need("Session-Expires"), again.need("Min-SE")),
        ("3600", "3600")
    );
    bed.send(B1, &Bed::answer_of(B1, &b, &again));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    assert!(bed.drain(B2).is_empty());
    bed.hang_up(&mut a, &b);
    assert_eq!(bed.settle_one().attempts.len(), 1);
}

#[test]
fn a_carrier_that_is_never_content_is_a_failed_one() {
    for asks in [
        &["10"][..],
        &["3600", "3600"],
        &["3600", "7200", "7201", "7202", "7203", "7204"],
    ] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        let mut invite = at_b;
        for (n, min_se) in asks.iter().enumerate() {
            if n > 0 {
                invite = bed.expect(B1, "INVITE");
            }
            bed.send(B1, &b.reply(&invite, 422, None).with("Min-SE", *min_se));
            bed.expect(B1, "ACK");
        }
        let refusal = bed.expect(A, "503 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.settle_one();
    }
}

/// SM-04 (b): in mid-call, of a refresh and of an offer that crosses.
#[test]
fn an_interval_that_is_too_small_in_mid_call_is_raised() {
    let mut bed = Bed::new();
    let (mut a, b, ..) = connect(&mut bed, &[], &[("Session-Expires", "90;refresher=uac")]);
    let refresh = bed.expect(B1, "INVITE");
    bed.send(B1, &b.reply(&refresh, 422, None).with("Min-SE", "120"));
    bed.expect(B1, "ACK");
    let again = bed.expect(B1, "INVITE");
    assert_eq!(
        (again.need("Session-Expires"), again.need("Min-SE")),
        ("120;refresher=uac", "120")
    );
    bed.send(
        B1,
        &Bed::answer_of(B1, &b, &again).with("Session-Expires", "120;refresher=uac"),
    );
    bed.expect(B1, "ACK");
    let mut end = Bed::caller_end();
    end.version += 1;
    let hold = a.invite(Some(&end.offer("sendonly")));
    bed.send(A, &hold);
    let crossed = bed.expect(B1, "INVITE");
    assert_eq!(crossed.need("Session-Expires"), "120;refresher=uac");
    bed.send(B1, &b.reply(&crossed, 422, None).with("Min-SE", "600"));
    bed.expect(B1, "ACK");
    let crossed = bed.expect(B1, "INVITE");
    assert_eq!(crossed.need("Session-Expires"), "600;refresher=uac");
    bed.send(
        B1,
        &Bed::answer_of(B1, &b, &crossed).with("Session-Expires", "600;refresher=uac"),
    );
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    assert_eq!(sdp::live(ok.sdp().unwrap()).direction(), "recvonly");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    let since = bed.world.elapsed();
    bed.wait(200_000);
    assert!(bed.drain(B1).is_empty(), "{}", after(&bed, since));
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// SM-04 (c).
#[test]
fn a_caller_that_asks_for_too_little_is_told_so() {
    let mut bed = Bed::new();
    let mut a = bed.caller("+442071838750");
    let offer = Bed::caller_end().offer("sendrecv");
    let invite = a
        .invite(Some(&offer))
        .with("Session-Expires", "60")
        .with(TIMER.0, TIMER.1);
    bed.send(A, &invite);
    let refusal = bed.expect(A, "422 INVITE");
    assert_eq!(refusal.need("Min-SE"), "90");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle_one().cause.kind, "session-interval");
    assert!(bed.drain(B1).is_empty());
    let (mut a, mut b, _, ok) = connect(&mut bed, &[("Session-Expires", "60")], &[]);
    assert_eq!(ok.get("Session-Expires"), None);
    for (method, at, party) in [("UPDATE", A, &mut a), ("INVITE", B1, &mut b)] {
        let request = match method {
            "INVITE" => party.invite(None),
            _ => party.request(method),
        };
        bed.send(at, &request.with("Session-Expires", "89").with(TIMER.0, TIMER.1));
        let refusal = bed.expect(at, &format!("422 {method}"));
        assert_eq!(refusal.need("Min-SE"), "90");
        if method == "INVITE" {
            let ack = party.ack(&refusal);
            bed.send(at, &ack);
        }
    }
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}

/// An offer that crosses waits for no refresh: while a re-INVITE of ours is under way it meets 491.
#[test]
fn a_refresh_and_an_offer_do_not_meet() {
    let mut bed = Bed::new();
    let (mut a, mut b, ..) = connect(&mut bed, &[], &[("Session-Expires", "90;refresher=uac")]);
    let refresh = bed.expect(B1, "INVITE");
    let mut end = Bed::caller_end();
    end.version += 1;
    for (at, party) in [(A, &mut a), (B1, &mut b)] {
        let invite = party.invite(Some(&end.offer("sendonly")));
        bed.send(at, &invite);
        let refusal = bed.expect(at, "491 INVITE");
        let ack = party.ack(&refusal);
        bed.send(at, &ack);
    }
    bed.send(B1, &Bed::answer_of(B1, &b, &refresh));
    bed.expect(B1, "ACK");
    bed.hang_up(&mut a, &b);
    bed.settle_one();
}
