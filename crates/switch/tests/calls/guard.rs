//! Stolen calls: refused, slowed down, ended, and what is left of it in records; limits per destination, and who may exceed what.

use switch::Input;
use switch::record::CallRecord;
use testkit::bed::{A, B1, B2, Bed};
use testkit::{Party, Sip};

use super::transfers::{TO_B2, refer, target, told};

/// Somalia, which is of high risk and may be called here.
const DEAR: &str = "+25261000111";

fn guarded(keys: &str, more: &[(&str, &str)]) -> Bed {
    let guard = format!("[destinations]\ndeny = []\n\n[fraud]\nlearning = \"off\"\n{keys}");
    let changes: Vec<(&str, &str)> = more.iter().copied().chain([("", guard.as_str())]).collect();
    let mut bed = Bed::changed(&changes);
    bed.world.audit.hidden.clear();
    bed
}

/// Two dear calls are one too many.
fn irsf(action: &str) -> String {
    format!("[fraud.irsf]\ncalls = 2\naction = \"{action}\"\ntime = \"10m\"")
}

fn invite(bed: &mut Bed, number: &str) -> (Party, Sip) {
    let mut a = bed.caller(number);
    let invite = a.invite(Some(&Bed::caller_end().offer("sendrecv")));
    bed.send(A, &invite);
    (a, invite)
}

/// A call to `number` that is answered.
fn connect(bed: &mut Bed, number: &str) -> (Party, Party) {
    let (mut a, _) = invite(bed, number);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &Bed::answer_of(B1, &b, &at_b));
    bed.expect(B1, "ACK");
    let ok = bed.expect(A, "200 INVITE");
    let ack = a.ack(&ok);
    bed.send(A, &ack);
    bed.wait(50);
    (a, b)
}

/// A call that is refused; its answer.
fn refused(bed: &mut Bed, number: &str, status: u16) -> Sip {
    let (mut a, _) = invite(bed, number);
    let answer = bed.expect(A, &format!("{status} INVITE"));
    let ack = a.ack(&answer);
    bed.send(A, &ack);
    answer
}

fn kinds(records: &[CallRecord]) -> Vec<&str> {
    records.iter().map(|record| record.cause.kind.as_str()).collect()
}

fn says(record: &CallRecord, what: &str) {
    let said = record.decision.iter().any(|line| line.contains(what));
    assert!(said, "{what}: {:?}", record.decision);
}

#[test]
fn the_call_by_which_it_is_found_is_refused_and_those_before_it_are_ended_on_both_sides() {
    let mut bed = guarded(&irsf("cut"), &[]);
    let (a, b) = connect(&mut bed, DEAR);
    let (mut ringing, _) = invite(&mut bed, "+25261777222");
    // The second is one too many: it gets 403, and the first is hung up.
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, sip) = bed.next(A);
        seen.push(sip.title());
        match sip.title().as_str() {
            "403 INVITE" => {
                assert!(sip.need("Reason").starts_with("Q.850;cause=21"));
                let ack = ringing.ack(&sip);
                bed.send(A, &ack);
            }
            "BYE" => {
                assert!(sip.need("Reason").contains("cause=21"));
                bed.send(A, &a.reply(&sip, 200, None));
            }
            other => panic!("{other}"),
        }
    }
    seen.sort();
    assert_eq!(seen, ["403 INVITE", "BYE"]);
    bed.serve(B1, &b, "BYE", 200);
    // It stays so; elsewhere it may call.
    refused(&mut bed, "+25261333444", 403);
    let (mut a, b) = connect(&mut bed, "+442071838750");
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    let mut found = kinds(&records);
    found.sort_unstable();
    assert_eq!(found, ["fraud-blocked", "fraud-blocked", "fraud-cut", "normal"]);
    for record in &records {
        match record.cause.kind.as_str() {
            "fraud-cut" => {
                assert_eq!((record.cause.sip, record.cause.q850), (200, Some(21)));
                says(record, "ended for fraud (irsf)");
            }
            "fraud-blocked" => {
                assert_eq!((record.cause.sip, record.attempts.len()), (403, 0));
                says(record, "pbx: +252 (high risk) blocked for fraud (irsf, block 1)");
            }
            _ => {}
        }
    }
    let gauges = bed.world.switch().gauges();
    assert_eq!(
        (gauges.fraud.cut, gauges.fraud.blocked, gauges.watched),
        (1, 2, 0)
    );
}

#[test]
fn a_call_that_still_rings_is_cut_as_well() {
    let mut bed = guarded(&irsf("cut"), &[]);
    let (mut a, _) = invite(&mut bed, DEAR);
    let at_b = bed.expect(B1, "INVITE");
    let b = bed.callee(B1, &at_b);
    bed.send(B1, &b.reply(&at_b, 180, None));
    bed.expect(A, "180 INVITE");
    let (mut second, at_switch) = invite(&mut bed, "+25261777222");
    for _ in 0..2 {
        let answer = bed.expect(A, "403 INVITE");
        let own = answer.call_id() == at_switch.call_id();
        let ack = if own { second.ack(&answer) } else { a.ack(&answer) };
        bed.send(A, &ack);
    }
    bed.serve(B1, &b, "CANCEL", 200);
    bed.send(B1, &b.reply(&at_b, 487, None));
    bed.expect(B1, "ACK");
    assert_eq!(kinds(&bed.settle()), ["fraud-blocked", "fraud-cut"]);
}

#[test]
fn a_throttled_call_is_told_when_to_come_again() {
    let mut bed = guarded(&(irsf("throttle") + "\nrate = 0.05"), &[]);
    let (mut a, b) = connect(&mut bed, DEAR);
    // What was found bars nothing that is up; one call gets through at once, then one in twenty seconds.
    let (mut c, d) = connect(&mut bed, "+25261777222");
    let answer = refused(&mut bed, "+25261333444", 503);
    assert_eq!(answer.need("Retry-After"), "30");
    bed.wait(21_000);
    let (mut e, f) = connect(&mut bed, "+25261333444");
    for (caller, called) in [(&mut a, &b), (&mut c, &d), (&mut e, &f)] {
        bed.hang_up(caller, called);
    }
    let records = bed.settle();
    assert_eq!(kinds(&records), ["fraud-throttled", "normal", "normal", "normal"]);
}

#[test]
fn a_ceiling_ends_a_call_by_its_time() {
    let ceiling = "[[fraud.ceiling]]\nduration = \"10s\"\naction = \"cut\"\n[[fraud.ceiling]]\nmatch = \"+33*\"\ncalls = 1";
    let mut bed = guarded(ceiling, &[]);
    let (a, b) = connect(&mut bed, "+442071838750");
    let since = bed.world.elapsed();
    bed.serve(A, &a, "BYE", 200);
    let lasted = bed.world.elapsed() - since;
    assert!((9_800..11_500).contains(&lasted.as_millis()), "{lasted:?}");
    bed.serve(B1, &b, "BYE", 200);
    let (mut a, b) = connect(&mut bed, "+33140000000");
    refused(&mut bed, "+33140000001", 403);
    bed.hang_up(&mut a, &b);
    let (mut a, b) = connect(&mut bed, "+33140000001");
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    assert_eq!(
        kinds(&records),
        ["fraud-cut", "fraud-ceiling", "normal", "normal"]
    );
    says(&records[0], "ended for fraud (ceiling)");
    says(&records[1], "pbx: ceiling of 1 calls at once to +33*");
}

#[test]
fn blocks_outlive_a_reload_and_are_lifted_by_their_number() {
    let keys = irsf("block");
    let mut bed = guarded(&keys, &[]);
    let (mut a, b) = connect(&mut bed, DEAR);
    refused(&mut bed, "+25261777222", 403);
    let toml = format!(
        "{}\n[destinations]\ndeny = []\n[fraud]\nlearning = \"off\"\n{keys}\n",
        testkit::bed::CONFIG
    );
    bed.reload(&toml.replace("priority = 2", "priority = 3"));
    bed.wait(10);
    refused(&mut bed, "+25261777222", 403);
    let now = bed.world.moment();
    let view = bed.world.switch().fraud(now);
    let block = &view.blocks[0];
    assert_eq!(
        (block.customer.as_str(), block.scope.as_str(), block.refused),
        ("pbx", "+252 (high risk)", 2)
    );
    assert!((595..=600).contains(&block.left_s), "{}", block.left_s);
    let id = block.id;
    assert!(bed.world.lift_fraud(id));
    let (mut c, d) = connect(&mut bed, "+25261777222");
    bed.hang_up(&mut a, &b);
    bed.hang_up(&mut c, &d);
    bed.settle();
}

/// A transfer's new leg is a call of the transferor's: it is watched for as long as it lasts, and ended like one.
#[test]
fn a_transfer_is_a_call_of_whoever_asked_for_it() {
    let to_dear = ("", "[[number]]\nmatch = \"+252*\"\nto = \"b2\"");
    let mut bed = guarded(&irsf("cut"), &[TO_B2, to_dear]);
    let (mut a, b) = bed.connect();
    refer(&mut bed, A, &mut a, "<sip:+25261000111@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    let (mut c, at_c) = target(&mut bed);
    bed.send(B2, &Bed::answer_of(B2, &c, &at_c));
    bed.expect(B2, "ACK");
    told(&mut bed, A, &a, "200", true);
    bed.serve(A, &a, "BYE", 200);
    bed.wait(2_000);
    bed.drain(B1);
    c.learn(&at_c);
    assert_eq!(bed.world.switch().gauges().watched, 2);
    // Another one is one too many: the call that the target has come into is ended.
    refused(&mut bed, "+25261777222", 403);
    bed.serve(B2, &c, "BYE", 200);
    bed.serve(B1, &b, "BYE", 200);
    // And it may not transfer there either.
    let (mut a, b) = bed.connect();
    refer(&mut bed, A, &mut a, "<sip:+25261000111@127.0.0.1>", &[]);
    bed.expect(A, "403 REFER");
    bed.hang_up(&mut a, &b);
    let records = bed.settle();
    assert_eq!(kinds(&records), ["fraud-blocked", "fraud-cut", "normal"]);
    says(&records[2], "blocked for fraud");
}

#[test]
fn a_destinations_limit_is_free_again_when_its_call_is_over() {
    let limit = "[[limit]]\nmatch = \"+4420*\"\nmax_calls = 1\n[[limit]]\nmatch = \"200\"\nmax_calls = 1";
    let mut bed = guarded(limit, &[TO_B2]);
    let (mut a, b) = connect(&mut bed, "+442071838750");
    let answer = refused(&mut bed, "+442079460000", 503);
    assert_eq!(answer.need("Retry-After"), "5");
    let counted = |bed: &Bed, pattern: &str| {
        let limits = bed.world.switch().limits();
        limits
            .iter()
            .find(|limit| limit.pattern == pattern)
            .map(|limit| limit.calls)
    };
    assert_eq!(
        (counted(&bed, "+4420*"), counted(&bed, "200")),
        (Some(1), Some(0))
    );
    // A transfer's new leg counts for its own destination, beside the call's.
    refer(&mut bed, A, &mut a, "<sip:200@127.0.0.1>", &[]);
    bed.expect(A, "202 REFER");
    told(&mut bed, A, &a, "100", false);
    let (c, at_c) = target(&mut bed);
    bed.send(B2, &c.reply(&at_c, 180, None));
    told(&mut bed, A, &a, "180", false);
    assert_eq!(
        (counted(&bed, "+4420*"), counted(&bed, "200")),
        (Some(1), Some(1))
    );
    bed.send(B2, &c.reply(&at_c, 486, None));
    bed.expect(B2, "ACK");
    told(&mut bed, A, &a, "486", true);
    assert_eq!(
        (counted(&bed, "+4420*"), counted(&bed, "200")),
        (Some(1), Some(0))
    );
    bed.hang_up(&mut a, &b);
    bed.settle();
    assert_eq!(counted(&bed, "+4420*"), Some(0));
}

#[test]
fn the_last_places_are_for_classes_with_priority() {
    let classes = "[capacity]\nreserve = 0.5\n\n[[class]]\nname = \"care\"\npriority = true";
    for (class, through) in [("", false), ("class = \"care\"", true)] {
        let mut bed = guarded(
            classes,
            &[("name = \"pbx\"", class), ("", "[sip]\nmax_calls = 2")],
        );
        let (mut a, b) = connect(&mut bed, "+442071838750");
        if through {
            let (mut c, d) = connect(&mut bed, "+442071838750");
            bed.hang_up(&mut c, &d);
        } else {
            refused(&mut bed, "+442071838750", 503);
        }
        bed.hang_up(&mut a, &b);
        let records = bed.settle();
        let last = if through { "normal" } else { "switch-full" };
        assert_eq!(kinds(&records), [last, "normal"]);
    }
}

#[test]
fn what_is_usual_is_handed_out_to_be_kept() {
    let mut bed = Bed::changed(&[("", "[fraud]\nlearning = \"1m\"")]);
    for _ in 0..3 {
        let (mut a, b) = bed.connect();
        bed.hang_up(&mut a, &b);
        bed.wait(40_000);
    }
    bed.world.tell(Input::EndAll);
    let usual = bed.world.usual.clone().expect("the process ends");
    let text = String::from_utf8(usual).unwrap();
    assert!(text.contains("\"pbx\"") && text.contains("[44,false]"), "{text}");
    bed.settle();
}
