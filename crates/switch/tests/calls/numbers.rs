//! What is dialled, and who serves it: dial plans, the portability dip, and what the record says of both.

use std::time::Duration;

use testkit::bed::{A, B1, Bed, config};
use testkit::{Said, Sip};

const UK: &str = "[[dial_plan]]\nname = \"uk\"\ncountry = \"GB\"\nkeep = [\"2XXX\"]\n";

/// Calls to numbers of New York go to B1 by their decks' absence, and all are looked up.
const DIP: &str = "[portability]\nurl = \"http://127.0.0.1/n/{number}\"\n";

fn planned() -> Bed {
    Bed::changed(&[("name = \"pbx\"", "dial_plan = \"uk\""), ("", UK)])
}

fn dipped(more: &str) -> Bed {
    Bed::with(&format!("{}\n{DIP}{more}\n", config(&[])))
}

/// A dials; the INVITE is on its way.
fn dial(bed: &mut Bed, number: &str) -> (testkit::Party, Sip) {
    let mut a = bed.caller(number);
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    (a, invite)
}

/// B1 gets the call, and is busy.
fn busy(bed: &mut Bed, a: &mut testkit::Party) -> Sip {
    busy_within(bed, a, 60_000)
}

/// The same within some milliseconds.
fn busy_within(bed: &mut Bed, a: &mut testkit::Party, ms: u64) -> Sip {
    let at_b = bed.expect_within(B1, "INVITE", ms);
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    refused(bed, a, 486);
    at_b
}

fn refused(bed: &mut Bed, a: &mut testkit::Party, status: u16) {
    let refusal = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
}

fn says(bed: &mut Bed, number: &str, after_ms: u64, said: Said) {
    let url = format!("http://127.0.0.1/n/{number}");
    let after = Duration::from_millis(after_ms);
    bed.world.lookups.said.insert(url, (after, said));
}

fn ported(bed: &mut Bed, number: &str, to: &str) {
    let body = format!("{{\"rn\":\"{to}\"}}");
    says(bed, number, 20, Said::Answer(200, body));
}

fn asked(bed: &Bed) -> usize {
    bed.world.lookups.asked.len()
}

fn counters(bed: &Bed) -> switch::DipCounters {
    bed.world.switch().gauges().counters.dip
}

#[test]
fn a_call_goes_on_by_the_number_that_was_meant() {
    for (dialled, called) in [
        ("02071838750", "+442071838750"),
        ("0012125550123", "+12125550123"),
        ("2001", "2001"),
        ("alice", "alice"),
    ] {
        let mut bed = planned();
        let (mut a, _) = dial(&mut bed, dialled);
        let at_b = busy(&mut bed, &mut a);
        assert_eq!(at_b.uri(), format!("sip:{called}@127.0.0.20:5080"));
        let record = bed.settle_one();
        let kept = (dialled != called).then(|| dialled.to_owned());
        assert_eq!((record.called.as_str(), record.dialled), (called, kept));
        assert_eq!((record.routed, record.emergency), (None, false));
    }
}

#[test]
fn what_is_no_number_is_refused_with_the_reason_in_the_record() {
    for (dialled, status, said) in [
        ("101", 484, "dial plan \"uk\": 101 has too few digits"),
        ("118118", 484, "dial plan \"uk\": 118118 has no area code"),
        (
            "+99912345",
            404,
            "dial plan \"uk\": +99912345 begins with the code of no country",
        ),
    ] {
        let mut bed = planned();
        let (mut a, _) = dial(&mut bed, dialled);
        refused(&mut bed, &mut a, status);
        bed.quiet(B1, 100);
        assert_eq!(bed.world.switch().gauges().counters.refused_number, 1);
        let record = bed.settle_one();
        assert_eq!(
            (record.called.as_str(), record.cause.kind.as_str()),
            (dialled, "misdialled")
        );
        assert_eq!(record.cause.sip, status);
        assert!(
            record.decision.iter().any(|line| line.starts_with(said)),
            "{:?}",
            record.decision
        );
    }
}

#[test]
fn a_caller_is_read_by_the_plan_and_never_refused_for_it() {
    for (caller, read) in [
        ("02079460000", "+442079460000"),
        ("2001", "2001"),
        ("alice", "alice"),
    ] {
        let mut bed = planned();
        let mut a = bed.caller("02071838750");
        let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
        let from = invite.need("From").replace("+4930111", caller);
        let invite = invite.set("From", from.clone());
        a.local = from;
        bed.send(A, &invite);
        let at_b = busy(&mut bed, &mut a);
        assert!(
            at_b.need("From").contains(&format!("<sip:{read}@")),
            "{}",
            at_b.need("From")
        );
        assert_eq!(bed.settle_one().caller, read);
    }
}

#[test]
fn a_call_waits_for_who_serves_its_number_and_the_next_does_not() {
    let mut bed = dipped("");
    ported(&mut bed, "12125550123", "+12015550000");
    let (mut a, _) = dial(&mut bed, "+12125550123");
    bed.quiet(B1, 15);
    let at_b = busy(&mut bed, &mut a);
    assert_eq!(
        at_b.uri(),
        "sip:+12125550123@127.0.0.20:5080",
        "the number itself is dialled"
    );
    let (mut a, _) = dial(&mut bed, "+12125550123");
    busy_within(&mut bed, &mut a, 5);
    let counted = counters(&bed);
    assert_eq!((counted.asked, counted.cached, asked(&bed)), (1, 1, 1));
    let records = bed.settle();
    assert!(
        records
            .iter()
            .all(|record| record.routed.as_deref() == Some("+12015550000")),
        "{records:?}"
    );
    assert!(records[0].decision[0].starts_with("12125550123 (ported: 12015550000) from pbx"));
}

#[test]
fn what_is_not_ported_is_remembered_for_a_shorter_time() {
    let mut bed = dipped("cache_ttl = \"1h\"\ncache_negative = \"1m\"");
    says(&mut bed, "12125550123", 20, Said::Answer(404, String::new()));
    for (wait_s, asked_by_then) in [(0, 1), (50, 1), (20, 2)] {
        bed.wait(wait_s * 1000);
        let (mut a, _) = dial(&mut bed, "+12125550123");
        busy(&mut bed, &mut a);
        assert_eq!(asked(&bed), asked_by_then);
    }
    assert!(bed.settle().iter().all(|record| record.routed.is_none()));
}

#[test]
fn calls_to_one_number_ask_once() {
    let mut bed = dipped("");
    ported(&mut bed, "12125550123", "+12015550000");
    let mut callers: Vec<_> = (0..5).map(|_| dial(&mut bed, "+12125550123").0).collect();
    let invites: Vec<_> = callers.iter().map(|_| bed.expect(B1, "INVITE")).collect();
    for at_b in &invites {
        let b = bed.callee(B1, at_b);
        bed.send(B1, &b.reply(at_b, 486, None));
        bed.expect(B1, "ACK");
    }
    for a in &mut callers {
        refused(&mut bed, a, 486);
    }
    assert_eq!(asked(&bed), 1);
    assert_eq!(bed.settle().len(), 5);
}

#[test]
fn after_the_deadline_the_call_goes_on_undipped_and_a_late_answer_serves_the_next() {
    let mut bed = dipped("deadline = \"200ms\"");
    says(
        &mut bed,
        "12125550123",
        500,
        Said::Answer(200, "{\"rn\":\"+12015550000\"}".to_owned()),
    );
    let (mut a, _) = dial(&mut bed, "+12125550123");
    bed.quiet(B1, 195);
    busy_within(&mut bed, &mut a, 10);
    bed.wait(500);
    let counted = counters(&bed);
    assert_eq!((counted.late, counted.failures), (1, 1));
    let (mut a, _) = dial(&mut bed, "+12125550123");
    busy_within(&mut bed, &mut a, 5);
    assert_eq!(asked(&bed), 1);
    let records = bed.settle();
    assert_eq!(records[0].routed, None);
    let remark = "went on before it was known whether the number is ported";
    assert!(
        records[0].decision.iter().any(|line| line == remark),
        "{:?}",
        records[0].decision
    );
    assert_eq!(records[1].routed.as_deref(), Some("+12015550000"));
}

#[test]
fn whatever_the_server_says_no_call_fails_for_it() {
    for said in [
        Said::Answer(200, "<html>".to_owned()),
        Said::Answer(200, "{\"rn\":{}}".to_owned()),
        Said::Answer(200, "{\"rn\":\"call us\"}".to_owned()),
        Said::Answer(200, String::new()),
        Said::Answer(500, "{\"rn\":\"+12015550000\"}".to_owned()),
        Said::Answer(301, String::new()),
        Said::Unreachable,
    ] {
        let mut bed = dipped("");
        says(&mut bed, "12125550123", 20, said);
        let (mut a, _) = dial(&mut bed, "+12125550123");
        busy(&mut bed, &mut a);
        assert_eq!(counters(&bed).failures, 1);
        assert_eq!(bed.settle_one().routed, None);
    }
}

#[test]
fn a_server_that_fails_is_left_alone_and_tried_by_one_question() {
    let mut bed = dipped("failures = 3\nrest = \"10s\"\ndeadline = \"100ms\"");
    for n in 0..8 {
        let (mut a, _) = dial(&mut bed, &format!("+1212555010{n}"));
        busy(&mut bed, &mut a);
    }
    assert_eq!(asked(&bed), 3);
    let counted = counters(&bed);
    assert_eq!((counted.failures, counted.skipped, counted.opened), (3, 5, 1));
    bed.wait(11_000);
    ported(&mut bed, "12125550123", "+12015550000");
    for _ in 0..2 {
        let (mut a, _) = dial(&mut bed, "+12125550123");
        busy(&mut bed, &mut a);
    }
    ported(&mut bed, "12125550124", "+12015550000");
    let (mut a, _) = dial(&mut bed, "+12125550124");
    busy(&mut bed, &mut a);
    assert_eq!(asked(&bed), 5);
    let routed = bed
        .settle()
        .iter()
        .filter(|record| record.routed.is_some())
        .count();
    assert_eq!(routed, 3);
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_is_over() {
    let mut bed = dipped("deadline = \"5s\"");
    let (mut a, _) = dial(&mut bed, "+12125550123");
    bed.wait(100);
    let cancel = a.cancel();
    bed.send(A, &cancel);
    bed.expect(A, "200 CANCEL");
    refused(&mut bed, &mut a, 487);
    bed.quiet(B1, 10_000);
    assert_eq!(bed.settle_one().cause.kind, "cancelled");
}

#[test]
fn answers_that_are_lost_hold_nobody_up() {
    let mut bed = dipped("");
    bed.world.lookups.loses = true;
    let (mut a, _) = dial(&mut bed, "+12125550123");
    busy(&mut bed, &mut a);
    bed.wait(70_000);
    bed.world.lookups.loses = false;
    ported(&mut bed, "12125550123", "+12015550000");
    let (mut a, _) = dial(&mut bed, "+12125550123");
    busy(&mut bed, &mut a);
    let records = bed.settle();
    assert_eq!(records[1].routed.as_deref(), Some("+12015550000"));
}

#[test]
fn what_the_caller_knows_is_not_asked_for() {
    for (mode, parameters, routed, asks) in [
        ("", ";npdi;rn=+12015550000", Some("+12015550000"), false),
        ("", ";npdi", None, false),
        ("", "", Some("+13105550000"), true),
        (
            "portability = \"ask\"",
            ";npdi;rn=+12015550000",
            Some("+13105550000"),
            true,
        ),
        (
            "portability = \"given\"",
            ";npdi;rn=+12015550000",
            Some("+12015550000"),
            false,
        ),
        ("portability = \"given\"", "", None, false),
        ("portability = \"off\"", ";npdi;rn=+12015550000", None, false),
    ] {
        let mut bed = Bed::with(&format!("{}\n{DIP}", config(&[("name = \"pbx\"", mode)])));
        ported(&mut bed, "12125550123", "+13105550000");
        let (mut a, _) = dial(&mut bed, &format!("+12125550123{parameters}"));
        let at_b = busy(&mut bed, &mut a);
        assert_eq!(
            at_b.uri(),
            "sip:+12125550123@127.0.0.20:5080",
            "{mode} {parameters}"
        );
        assert_eq!(asked(&bed) == 1, asks, "{mode} {parameters}");
        assert_eq!(bed.settle_one().routed.as_deref(), routed, "{mode} {parameters}");
    }
}

#[test]
fn only_numbers_that_are_priced_are_asked_for() {
    let more = "countries = [\"US\"]\n[[number]]\nmatch = \"+12125550199\"\nto = \"b1\"\n";
    for (number, asks) in [
        ("+12125550123", 1),
        ("+14165550123", 0),
        ("+442071838750", 0),
        ("+12125550199", 0),
        ("2125550123", 0),
        ("alice", 0),
        ("+1", 0),
    ] {
        let mut bed = dipped(more);
        let (mut a, _) = dial(&mut bed, number);
        busy(&mut bed, &mut a);
        assert_eq!(asked(&bed), asks, "{number}");
        bed.settle_one();
    }
}

#[test]
fn another_server_is_asked_anew() {
    let mut bed = dipped("");
    ported(&mut bed, "12125550123", "+12015550000");
    for (reload, asks) in [
        (None, 1),
        (Some("deadline = \"1s\""), 1),
        (Some("routing_number = \"/lrn\""), 2),
    ] {
        if let Some(more) = reload {
            bed.reload(&format!("{}\n{DIP}{more}\n", config(&[])));
        }
        let (mut a, _) = dial(&mut bed, "+12125550123");
        busy(&mut bed, &mut a);
        assert_eq!(asked(&bed), asks, "{reload:?}");
    }
    bed.settle();
}
