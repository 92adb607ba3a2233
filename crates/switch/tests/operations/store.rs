//! Stores and media planes that are slow, fail or hang: nobody who hangs up waits for them.

use std::time::Duration;

use switch::record::CallRecord;
use testkit::bed::{A, B1, Bed};
use testkit::{MediaMode, Party, StoreMode};

/// How long the caller waited for the answer to its BYE, milliseconds.
fn bye(bed: &mut Bed, a: &mut Party, b: &Party) -> u128 {
    let begun = bed.world.elapsed();
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.serve(B1, b, "BYE", 200);
    let (when, ok) = bed.next(A);
    assert_eq!(ok.title(), "200 BYE", "{}", bed.story());
    (when - begun).as_millis()
}

fn check(record: &CallRecord) {
    assert_eq!(record.cause.kind, "normal");
    assert!(record.talk_ms.abs_diff(5000) < 100, "{}", record.talk_ms);
}

#[test]
fn a_good_store_has_the_record_before_the_bye_is_answered() {
    let mut bed = Bed::new();
    bed.world.store.mode = StoreMode::Stores(Duration::from_millis(20));
    let (mut a, b) = bed.connect();
    assert_eq!(bed.world.store.journal.len(), 1);
    bed.wait(5000);
    let waited = bye(&mut bed, &mut a, &b);
    assert_eq!(bed.world.store.finals.len(), 1);
    assert!((20..30).contains(&waited), "{waited}");
    check(&bed.settle_one());
}

#[test]
fn a_slow_stuck_or_failing_store_delays_no_bye_by_more_than_200_ms() {
    for (mode, most) in [
        (StoreMode::Stores(Duration::from_millis(150)), 160),
        (StoreMode::Stores(Duration::from_secs(30)), 205),
        (StoreMode::Stuck, 205),
        (StoreMode::Fails(Duration::from_millis(10)), 15),
        (StoreMode::Fails(Duration::from_secs(5)), 205),
    ] {
        let mut bed = Bed::new();
        let (mut a, b) = bed.connect();
        bed.wait(5000);
        bed.world.store.mode = mode;
        let waited = bye(&mut bed, &mut a, &b);
        assert!(waited <= most, "{mode:?}: {waited} ms");
        bed.wait(60_000);
        let gauges = bed.world.switch().gauges();
        assert_eq!(gauges.ports + gauges.permits, 0, "{mode:?}");
        bed.world.catch_up();
        check(&bed.settle_one());
    }
}

#[test]
fn calls_are_set_up_while_the_store_is_stuck() {
    let mut bed = Bed::new();
    bed.world.store.mode = StoreMode::Stuck;
    let (mut a, b) = bed.connect();
    bed.wait(5000);
    bye(&mut bed, &mut a, &b);
    bed.wait(10);
    let (mut a, b) = bed.connect();
    bed.world.catch_up();
    bed.wait(5000);
    bye(&mut bed, &mut a, &b);
    bed.world.store.mode = StoreMode::Stores(Duration::ZERO);
    bed.wait(1000);
    bed.world.catch_up();
    assert_eq!(bed.settle().len(), 2);
}

#[test]
fn a_called_sides_bye_waits_no_longer_either() {
    let mut bed = Bed::new();
    let (a, mut b) = bed.connect();
    bed.world.store.mode = StoreMode::Stuck;
    let begun = bed.world.elapsed();
    let bye = b.request("BYE");
    bed.send(B1, &bye);
    bed.serve(A, &a, "BYE", 200);
    let (when, ok) = bed.next(B1);
    assert_eq!(ok.title(), "200 BYE");
    assert!((when - begun).as_millis() <= 205);
    bed.wait(1000);
    bed.world.catch_up();
    bed.settle_one();
}

#[test]
fn a_media_plane_that_says_nothing_delays_no_bye_and_its_figures_are_done_without() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    bed.wait(5000);
    bed.world.media.mode = MediaMode::Stuck;
    let waited = bye(&mut bed, &mut a, &b);
    assert!(waited <= 205, "{waited}");
    bed.wait(10_000);
    // The ports are not given out again before the plane has let go of them.
    assert_eq!(bed.world.switch().gauges().ports, 2);
    bed.world.catch_up();
    let record = bed.settle_one();
    assert_eq!(record.caller_media.packets, 0);
}

#[test]
fn a_bye_that_comes_again_while_the_record_is_written_is_answered_once() {
    let mut bed = Bed::new();
    let (mut a, b) = bed.connect();
    bed.world.store.mode = StoreMode::Stores(Duration::from_millis(100));
    let bye = a.request("BYE");
    bed.send(A, &bye);
    bed.wait(20);
    bed.send(A, &bye);
    bed.serve(B1, &b, "BYE", 200);
    bed.expect(A, "200 BYE");
    bed.quiet(A, 1000);
    bed.settle_one();
}

#[test]
fn a_refused_call_is_recorded_though_the_store_is_stuck() {
    let mut bed = Bed::new();
    bed.world.store.mode = StoreMode::Stuck;
    let (mut a, b, at_b) = bed.dial();
    bed.send(B1, &b.reply(&at_b, 486, None));
    bed.expect(B1, "ACK");
    let refusal = bed.expect_within(A, "486 INVITE", 10);
    let ack = a.ack(&refusal);
    bed.send(A, &ack);
    bed.wait(5000);
    bed.world.catch_up();
    assert_eq!(bed.settle_one().cause.kind, "busy");
}
