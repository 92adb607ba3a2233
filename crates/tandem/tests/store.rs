//! A record store that stalls or fails delays nobody, loses nothing and is seen in the metrics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use rusqlite::{Connection, TransactionBehavior};
use std::fs;
use std::time::{Duration, Instant};
use support::{check, ms, quick, until};
use testbed::bulk::{self, Held};
use testbed::{Bed, SipPeer};

/// Hangs up; how long the answer to the BYE took.
fn hang_up(held: &Held<'_>) -> Duration {
    let start = Instant::now();
    held.call.bye();
    held.call.expect(200);
    let took = start.elapsed();
    held.leg.ok("BYE");
    took
}

/// Calls come and go while the store doesn't work. `store_deadline` is 200 ms: what is left of 350 is the machine's.
fn calls_go_on(bed: &Bed, alice: &SipPeer, bob: &SipPeer, up: &[Held<'_>]) {
    for held in up {
        let took = hang_up(held);
        assert!(took < ms(350), "BYE answered after {took:?}");
    }
    for ends in bulk::ends(bed, 3) {
        let start = Instant::now();
        let held = bulk::call(alice, bob, ends);
        assert!(start.elapsed() < ms(200), "a new call took {:?}", start.elapsed());
        let took = hang_up(&held);
        assert!(took < ms(350), "BYE answered after {took:?}");
    }
}

fn metric(bed: &Bed, name: &str) -> f64 {
    bed.metrics().sum(name).unwrap_or_default()
}

/// Another process holds the database's lock.
#[test]
fn a_locked_store_holds_up_no_call() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 3);
    let up: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    alice.listen(ms(100));
    let mut database = Connection::open(bed.dir().join("data/records.db")).unwrap();
    let lock = database
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .unwrap();
    calls_go_on(&bed, &alice, &bob, &up);
    until("no alarm", || metric(&bed, "tandem_records_failing") > 0.0);
    assert!(
        metric(&bed, "tandem_records_spooled") > 0.0,
        "{}",
        bed.metrics().dump()
    );
    assert!(bed.records().is_empty(), "nothing can be stored yet");
    drop(lock);
    drop(database);
    for record in bed.wait_records(6) {
        check(&record, "normal", 200, "caller", 1);
    }
    until("the spool is not emptied", || {
        metric(&bed, "tandem_records_spooled") == 0.0
    });
    assert_eq!(metric(&bed, "tandem_records_dropped_total"), 0.0);
    bed.finish(6);
}

/// The directory with the database is taken away and comes back.
#[test]
fn a_store_that_is_gone_and_comes_back_loses_nothing() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 3);
    let up: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    alice.listen(ms(100));
    let (here, away) = (bed.dir().join("data"), bed.dir().join("away"));
    fs::rename(&here, &away).unwrap();
    calls_go_on(&bed, &alice, &bob, &up);
    until("no alarm", || bed.log().contains("call records can't be stored"));
    fs::rename(&away, &here).unwrap();
    // What was stored before the loss was noticed is in the file that went away, and that is back.
    until("the spool is not emptied", || {
        metric(&bed, "tandem_records_spooled") == 0.0
    });
    for record in bed.wait_records(6) {
        check(&record, "normal", 200, "caller", 1);
    }
    bed.finish(6);
}

/// A call is answered while the store is locked: its journal entry is made as soon as that is possible, so that a crash later on
/// finds it.
#[test]
fn a_journal_entry_that_came_late_serves_after_a_crash() {
    let mut bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut database = Connection::open(bed.dir().join("data/records.db")).unwrap();
    let lock = database
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .unwrap();
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    until("no alarm", || metric(&bed, "tandem_records_failing") > 0.0);
    drop(lock);
    until("it does not heal", || {
        metric(&bed, "tandem_records_failing") == 0.0
    });
    bed.crash_and_restart();
    held.call.ok("BYE");
    held.leg.ok("BYE");
    check(&bed.finish(1)[0], "restart", 200, "switch", 1);
}
