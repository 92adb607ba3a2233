//! The hunt: what advances, what stops, how long is waited.

use std::time::Duration;

use switch::record::HungUpBy;
use testkit::bed::{self, A, B1, B2, Bed};

const TIMERS: &str = "failover = { trying = \"4s\", progress = \"8s\", answer = \"20s\" }";

/// What a caller hears when B1 says this, and whether B2 was asked.
fn refused(status: u16, rings: bool) -> (bool, u16) {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    if rings {
        bed.send(B1, &b.reply(&at_b, 180, None));
        bed.expect(A, "180 INVITE");
    }
    bed.send(B1, &b.reply(&at_b, status, None));
    bed.expect(B1, "ACK");
    bed.wait(10);
    let advances = bed.world.has(bed::addr(B2));
    if advances {
        let at_b2 = bed.expect(B2, "INVITE");
        let b2 = bed.callee(B2, &at_b2);
        bed.send(B2, &Bed::answer_of(B2, &b2, &at_b2));
        bed.expect(B2, "ACK");
        let ok = bed.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        bed.send(A, &ack);
        bed.wait(10);
        let bye = a.request("BYE");
        bed.send(A, &bye);
        bed.serve(B2, &b2, "BYE", 200);
        bed.expect(A, "200 BYE");
        let record = bed.settle_one();
        let heard: Vec<u16> = record.attempts.iter().map(|attempt| attempt.sip).collect();
        assert_eq!(heard, [status, 200]);
        return (true, 200);
    }
    let (_, refusal) = bed.next(A);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let record = bed.settle_one();
    assert_eq!(
        (record.attempts.len(), record.cause.sip, record.hung_up_by),
        (1, refusal.status(), HungUpBy::Called)
    );
    (false, refusal.status())
}

/// LC-01.
#[test]
fn what_the_called_party_says_stops_the_hunt_and_what_the_network_says_does_not() {
    let advance = [408, 500, 502, 503, 504, 580];
    let statuses = [
        400, 403, 404, 408, 480, 484, 486, 487, 488, 500, 502, 503, 504, 580, 600, 603, 604, 606,
    ];
    for status in statuses {
        for rings in [false, true] {
            let (advanced, heard) = refused(status, rings);
            assert_eq!(
                advanced,
                advance.contains(&status),
                "{status} after ringing: {rings}"
            );
            assert_eq!(heard, if advanced { 200 } else { status });
        }
    }
}

#[test]
fn a_network_cause_advances_where_nothing_rang() {
    for (status, cause, advances) in [(480, 34, true), (404, 3, true), (404, 1, false), (480, 18, false)] {
        let mut bed = Bed::new();
        let (mut a, b, at_b) = bed.dial();
        bed.send(
            B1,
            &b.reply(&at_b, status, None)
                .with("Reason", format!("Q.850;cause={cause}")),
        );
        bed.expect(B1, "ACK");
        bed.wait(10);
        assert_eq!(bed.world.has(bed::addr(B2)), advances, "{status} with {cause}");
        if advances {
            let at_b2 = bed.expect(B2, "INVITE");
            let b2 = bed.callee(B2, &at_b2);
            bed.send(B2, &b2.reply(&at_b2, 486, None));
            bed.expect(B2, "ACK");
        }
        let (_, refusal) = bed.next(A);
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        let record = bed.settle_one();
        assert_eq!(record.attempts[0].q850, Some(cause));
    }
}

/// LC-03 a.
#[test]
fn a_silent_carrier_is_left_after_trying() {
    let mut bed = Bed::changed(&[("name = \"b1\"", TIMERS)]);
    let (mut a, _, at_b) = bed.dial();
    let begun = bed.world.elapsed();
    let at_b2 = bed.expect(B2, "INVITE");
    let waited = bed.world.elapsed() - begun;
    assert!((3900..5000).contains(&waited.as_millis()), "{waited:?}");
    assert!(
        bed.drain(B1).iter().all(|(_, sip)| *sip == at_b),
        "no CANCEL before an answer"
    );
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let record = bed.settle_one();
    assert_eq!(
        (record.attempts[0].outcome.as_str(), record.attempts[0].sip),
        ("timeout-trying", 408)
    );
}

/// LC-03 b.
#[test]
fn a_carrier_without_progress_is_cancelled() {
    let mut bed = Bed::changed(&[("name = \"b1\"", TIMERS)]);
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 100, None));
    let begun = bed.world.elapsed();
    bed.serve(B1, &b, "CANCEL", 200);
    let waited = bed.world.elapsed() - begun;
    assert!((7900..9000).contains(&waited.as_millis()), "{waited:?}");
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle_one().attempts[0].outcome, "timeout-progress");
}

/// LC-03 c and d.
#[test]
fn nobody_is_rung_twice() {
    for status in [180, 183] {
        let mut bed = Bed::changed(&[("name = \"b1\"", TIMERS)]);
        let (mut a, b, at_b) = bed.dial();
        let body = Bed::carrier_end(B1).answer(at_b.sdp().unwrap(), "sendrecv");
        bed.send(B1, &b.reply(&at_b, status, (status == 183).then_some(&body)));
        bed.expect(A, &format!("{status} INVITE"));
        let begun = bed.world.elapsed();
        bed.serve(B1, &b, "CANCEL", 200);
        let waited = bed.world.elapsed() - begun;
        assert!((19_900..21_000).contains(&waited.as_millis()), "{waited:?}");
        bed.send(B1, &b.reply(&at_b, 487, None));
        bed.expect(B1, "ACK");
        let refusal = bed.expect(A, "480 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.quiet(B2, 1000);
        let record = bed.settle_one();
        assert_eq!(
            (record.cause.kind.as_str(), record.attempts.len()),
            ("no-answer", 1)
        );
        assert!(record.ring_ms.unwrap() > 19_000);
    }
}

#[test]
fn a_closed_port_is_left_at_once() {
    let mut bed = Bed::new();
    bed.world.net.closed.insert(bed::addr(B1));
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b2 = bed.expect_within(B2, "INVITE", 100);
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 404, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "404 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    let record = bed.settle_one();
    assert_eq!(
        (record.attempts[0].outcome.as_str(), record.attempts[0].sip),
        ("unreachable", 503)
    );
}

/// RG-09.
#[test]
fn a_name_without_addresses_is_the_next_carriers_chance() {
    for lookup in [
        testkit::Lookup::After(std::time::Duration::from_millis(5), Vec::new()),
        testkit::Lookup::Never,
    ] {
        let slow = matches!(lookup, testkit::Lookup::Never);
        let mut bed = Bed::with(&bed::CONFIG.replace("sip:127.0.0.20:5080", "sip:nx.test:5080"));
        bed.world.dns.names.insert("nx.test".into(), lookup);
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &invite);
        let at_b2 = bed.expect_within(B2, "INVITE", if slow { 4100 } else { 500 });
        let b2 = bed.callee(B2, &at_b2);
        bed.send(B2, &b2.reply(&at_b2, 486, None));
        bed.expect(B2, "ACK");
        let refusal = bed.expect(A, "486 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        bed.settle_one();
    }
}

#[test]
fn when_all_fail_the_caller_hears_the_most_telling_answer() {
    let mut bed = Bed::new();
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 408, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 503, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "408 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    assert_eq!(bed.settle_one().cause.kind, "no-carrier");
}

#[test]
fn an_answer_after_the_hunt_went_on_is_hung_up() {
    let mut bed = Bed::changed(&[("name = \"b1\"", TIMERS)]);
    let (mut a, b, at_b) = bed.dial();
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.drain(B1);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    let (ack, bye) = (bed.expect(B1, "ACK"), bed.expect(B1, "BYE"));
    assert_eq!((ack.to_tag(), bye.to_tag()), (Some(b.tag()), Some(b.tag())));
    bed.send(B1, &b.reply(&bye, 200, None));
    bed.send(B2, &Bed::answer_of(B2, &b2, &at_b2));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.settle_one();
}

/// LC-06, the other half.
#[test]
fn a_number_without_a_carrier_is_never_sent_to_another() {
    let toml = bed::CONFIG.replace("name = \"b1\"", "name = \"b1\"\nenabled = false");
    let toml = toml.replace("name = \"b2\"", "name = \"b2\"\nenabled = false");
    let mut bed = Bed::with(&toml);
    let mut a = bed.caller("+4420");
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    bed.wait(100);
    let (_, refusal) = bed.next(A);
    assert!(matches!(refusal.status(), 404 | 503), "{}", refusal.write());
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 1000);
    bed.quiet(B2, 0);
    let record = bed.settle_one();
    assert_eq!(
        (record.cause.kind.as_str(), record.attempts.len()),
        ("no-route", 0)
    );
}

#[test]
fn limits_of_a_trunk_hold() {
    let mut bed = Bed::changed(&[
        ("name = \"b1\"", "max_calls = 1"),
        ("name = \"pbx\"", "max_calls = 2"),
    ]);
    let (mut a, b) = bed.connect();
    // The second goes to the second carrier, the third nowhere.
    let mut second = bed.caller("+4420");
    let invite = second.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let at_b2 = bed.expect_within(B2, "INVITE", 10);
    let mut third = bed.caller("+4420");
    let invite = third.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "503 INVITE");
    assert!(refusal.get("Retry-After").is_some());
    let ack = third.ack(&refusal);
    bed.send(A, &ack);
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &b2.reply(&at_b2, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = second.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(10);
    bed.hang_up(&mut a, &b);
    let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
    assert_eq!(kinds, ["max-calls", "busy", "normal"]);
}

/// A carrier that does not answer our BYE keeps nobody from calling.
#[test]
fn a_call_that_is_over_takes_no_place_of_the_switch() {
    let mut bed = Bed::changed(&[("bind = \"127.0.0.1:5060\"", "[sip]\nmax_calls = 1")]);
    let (mut a, b) = bed.connect();
    let mut refused = bed.caller("+4420");
    let invite = refused.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "503 INVITE");
    let ack = refused.ack(&refusal);
    bed.send(A, &ack);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.expect(A, "200 BYE");
    let unanswered = bed.expect(B1, "BYE");
    let (mut second, second_b, at_b) = bed.dial();
    bed.send(B1, &second_b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = second.ack(&refusal);
    bed.send(A, &ack);
    bed.send(B1, &b.reply(&unanswered, 200, None));
    let kinds: Vec<String> = bed.settle().into_iter().map(|record| record.cause.kind).collect();
    assert_eq!(kinds, ["switch-full", "normal", "busy"]);
}

/// MR-07: a call takes two pairs of ports, however many carriers it asks; without them none is asked.
#[test]
fn a_call_without_ports_is_refused_and_one_that_hunts_needs_no_more_than_two_pairs() {
    let mut bed = Bed::with(&testkit::bed::CONFIG.replace("10000-11999", "10000-10003"));
    let (mut a, b1, at_b1) = bed.dial();
    bed.send(B1, &b1.reply(&at_b1, 503, None));
    bed.expect(B1, "ACK");
    let at_b2 = bed.expect(B2, "INVITE");
    let b2 = bed.callee(B2, &at_b2);
    bed.send(B2, &Bed::answer_of(B2, &b2, &at_b2));
    bed.expect(B2, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(10);
    let mut second = bed.caller("+4420");
    let invite = second.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    let refusal = bed.expect(A, "503 INVITE");
    assert!(refusal.get("Retry-After").is_some());
    let ack = second.ack(&refusal);
    bed.send(A, &ack);
    bed.quiet(B1, 100);
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B2, &b2, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.wait(10);
    let (mut a, b) = bed.connect();
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    let kinds: Vec<&str> = records.iter().map(|record| record.cause.kind.as_str()).collect();
    assert_eq!(kinds, ["no-ports", "normal", "normal"]);
    assert!(records[0].attempts.is_empty());
}

/// LC-04, without OPTIONS: a carrier that was dead for a while is found again by calls alone.
#[test]
fn a_carrier_that_comes_back_is_called_again() {
    let mut bed = Bed::new();
    // One call, answered with 486 by whoever answers; `dead`: B1 says nothing.
    let call = |bed: &mut Bed, at: &str, dead: bool| {
        let mut a = bed.caller("+4420");
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        bed.send(A, &invite);
        let asked = bed.expect(at, "INVITE");
        let b = bed.callee(at, &asked);
        bed.send(at, &b.reply(&asked, 486, None));
        bed.expect(at, "ACK");
        let refusal = bed.expect(A, "486 INVITE");
        let ack = a.ack(&refusal);
        bed.send(A, &ack);
        assert_eq!(bed.drain(B1).is_empty(), !dead, "{}", bed.story());
    };
    for _ in 0..3 {
        call(&mut bed, B2, true);
    }
    bed.wait(29_000);
    bed.drain(B1);
    call(&mut bed, B2, false);
    bed.wait(2000);
    bed.drain(B1);
    for _ in 0..2 {
        call(&mut bed, B1, false);
    }
    assert_eq!(bed.settle().len(), 6);
}

/// LC-03: 199 says that a branch has failed (RFC 6228): the attempt is one without progress.
#[test]
fn a_branch_that_has_failed_is_no_ringing() {
    let mut bed = Bed::changed(&[("name = \"b1\"", TIMERS)]);
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 199, None));
    let cancel = bed.expect(B1, "CANCEL");
    assert!(
        bed.world.elapsed() < Duration::from_millis(9_500),
        "{:?}",
        bed.world.elapsed()
    );
    bed.send(B1, &b.reply(&cancel, 200, None));
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    let at_c = bed.expect(B2, "INVITE");
    let c = bed.callee(B2, &at_c);
    bed.send(B2, &c.reply(&at_c, 486, None));
    bed.expect(B2, "ACK");
    let refusal = bed.expect(A, "486 INVITE");
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.settle_one();
}
