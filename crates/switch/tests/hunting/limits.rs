//! For how long and how often a call hunts, and what may follow once it has rung.

use std::time::Duration;

use testkit::bed::{A, B1, B2, Bed};

use super::common::{call, cancelled, invited, refuse, refused, talk, tried};

const NUMBER: &str = "+442071838750";

/// A call that rings nowhere has its time; then whatever is under way is given up.
#[test]
fn a_hunt_has_its_time() {
    for (keys, ends) in [
        ("failover = { time = \"5s\" }", 5_000),
        ("failover = { time = \"3s\" }", 3_000),
    ] {
        for behind in ["name = \"pbx\"", "name = \"b1\""] {
            let mut bed = Bed::changed(&[(behind, keys)]);
            let mut a = call(&mut bed, NUMBER);
            let begun = bed.world.elapsed();
            refused(&mut bed, &mut a, 408);
            let waited = (bed.world.elapsed() - begun).as_millis();
            assert!((ends..ends + 100).contains(&waited), "{keys} {behind}: {waited}");
            let asked = bed.drain(B2).len();
            assert_eq!(asked > 0, ends > 4_000, "{keys} {behind}");
            bed.drain(B1);
            let record = bed.settle_one();
            assert_eq!(record.attempts.len(), if asked > 0 { 2 } else { 1 });
            assert_eq!(record.cause.kind, "no-carrier");
            if asked == 0 {
                let line = "no other attempt: it has rung nowhere in the time that failover.time allows";
                assert!(record.decision.iter().any(|other| other == line));
            }
        }
    }
}

/// A target whose attempt was cut short has not failed: it is asked first again.
#[test]
fn whoever_had_no_time_is_not_to_blame() {
    let keys = "failover = { time = \"1s\" }";
    let mut bed = Bed::changed(&[("name = \"pbx\"", keys)]);
    for _ in 0..4 {
        let mut a = call(&mut bed, NUMBER);
        refused(&mut bed, &mut a, 408);
        bed.wait(40_000);
        bed.drain(B1);
        bed.drain(A);
    }
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    refuse(&mut bed, B1, &b1, 486);
    refused(&mut bed, &mut a, 486);
    bed.quiet(B2, 10);
    let records = bed.settle();
    assert_eq!(tried(&records[0]), [("b1", "timeout-progress", 408)]);
}

/// Who rings is not given up for it.
#[test]
fn a_call_that_rings_has_all_its_time() {
    let mut bed = Bed::changed(&[("name = \"b1\"", "failover = { time = \"3s\" }")]);
    let mut a = call(&mut bed, NUMBER);
    let b1 = invited(&mut bed, B1);
    bed.wait(2000);
    bed.send(B1, &b1.0.reply(&b1.1, 180, None));
    bed.expect(A, "180 INVITE");
    bed.quiet(B1, 60_000);
    talk(&mut bed, &mut a, B1, &b1);
    bed.settle_one();
}

/// By default a minute, however many attempts there may be.
#[test]
fn nobody_waits_for_more_than_a_minute_in_silence() {
    let keys = "failover = { attempts = 32, progress = \"5m\" }";
    let mut bed = Bed::changed(&[("name = \"b1\"", keys), ("name = \"b2\"", keys)]);
    let mut a = call(&mut bed, NUMBER);
    let begun = bed.world.elapsed();
    let b1 = invited(&mut bed, B1);
    cancelled(&mut bed, B1, &b1);
    refused(&mut bed, &mut a, 408);
    let waited = bed.world.elapsed() - begun;
    assert!((60_000..60_500).contains(&waited.as_millis()), "{waited:?}");
    bed.quiet(B2, 100);
    bed.settle_one();
}

/// LC-03: the status of ringing out is the operator's choice.
#[test]
fn ringing_out_is_told_as_the_keys_say() {
    for status in [480, 408, 486] {
        let keys = format!("failover = {{ answer = \"20s\", no_answer = {status} }}");
        let mut bed = Bed::changed(&[("name = \"b1\"", &keys)]);
        let mut a = call(&mut bed, NUMBER);
        let b1 = invited(&mut bed, B1);
        bed.send(B1, &b1.0.reply(&b1.1, 180, None));
        bed.expect(A, "180 INVITE");
        cancelled(&mut bed, B1, &b1);
        refused(&mut bed, &mut a, status);
        bed.quiet(B2, 1000);
        let record = bed.settle_one();
        assert_eq!(
            (record.cause.kind.as_str(), record.cause.sip),
            ("no-answer", status)
        );
    }
}

/// LC-03: "no B2 unless configured".
#[test]
fn after_ringing_the_next_is_asked_where_that_is_asked_for() {
    for (word, status, next) in [
        ("false", 503, false),
        ("\"failures\"", 503, true),
        ("true", 503, true),
        ("\"failures\"", 0, false),
        ("true", 0, true),
        ("true", 486, false),
    ] {
        let keys = format!("failover = {{ answer = \"20s\", after_ringing = {word} }}");
        let mut bed = Bed::changed(&[("name = \"b1\"", &keys)]);
        let mut a = call(&mut bed, NUMBER);
        let b1 = invited(&mut bed, B1);
        bed.send(B1, &b1.0.reply(&b1.1, 180, None));
        bed.expect(A, "180 INVITE");
        if status == 0 {
            cancelled(&mut bed, B1, &b1);
        } else {
            refuse(&mut bed, B1, &b1, status);
        }
        if next {
            let b2 = invited(&mut bed, B2);
            talk(&mut bed, &mut a, B2, &b2);
        } else {
            refused(&mut bed, &mut a, if status == 0 { 480 } else { status });
            bed.quiet(B2, 1000);
        }
        let record = bed.settle_one();
        assert_eq!(record.attempts.len(), if next { 2 } else { 1 }, "{word} {status}");
    }
}

/// A cause that the operator names decides whatever status it comes with.
#[test]
fn a_named_cause_decides() {
    for (status, cause, next) in [
        (503, 17, false),
        (403, 21, true),
        (503, 38, true),
        (403, 34, false),
    ] {
        let keys = "failover = { advance = [503, \"q850:21\"], stop = [\"q850:17\"] }";
        let mut bed = Bed::changed(&[("name = \"b1\"", keys)]);
        let mut a = call(&mut bed, NUMBER);
        let b1 = invited(&mut bed, B1);
        let reason = format!("Q.850;cause={cause}");
        bed.send(B1, &b1.0.reply(&b1.1, status, None).with("Reason", reason));
        bed.expect(B1, "ACK");
        if next {
            let b2 = invited(&mut bed, B2);
            talk(&mut bed, &mut a, B2, &b2);
        } else {
            refused(&mut bed, &mut a, status);
            bed.quiet(B2, 100);
        }
        let record = bed.settle_one();
        assert_eq!(tried(&record)[0], ("b1", "refused", status));
        assert_eq!(record.attempts[0].q850, Some(cause));
    }
}

/// The rule's `ring` holds for whoever rings first to last.
#[test]
fn a_number_rings_as_long_as_its_rule_says() {
    let mut bed = super::common::with_desk("ring = \"7s\"", "", "");
    let mut a = call(&mut bed, super::common::DESK);
    let desk = invited(&mut bed, testkit::bed::X);
    bed.send(testkit::bed::X, &desk.0.reply(&desk.1, 180, None));
    bed.expect(A, "180 INVITE");
    let begun = bed.world.elapsed();
    cancelled(&mut bed, testkit::bed::X, &desk);
    let waited = bed.world.elapsed() - begun;
    assert!(waited < Duration::from_millis(7200), "{waited:?}");
    refused(&mut bed, &mut a, 480);
    bed.settle_one();
}
