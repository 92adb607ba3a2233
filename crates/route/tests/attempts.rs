//! From candidates to attempts: targets that are down or come back, how many attempts, and tables of other configurations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/bed.rs"]
mod bed;
#[path = "support/tables.rs"]
mod support;

use bed::{Bed, CALLED};
use route::Outcome;
use std::time::Duration;
use support::{carrier, ix, pbx, priced, tables};

#[test]
fn what_is_down_comes_last_and_is_tried_all_the_same() {
    let pair = |name: &str, priority: u8| {
        let at = |n: u8| format!("{{ uri = \"sip:{name}{n}.example.com\", priority = {n} }}");
        let targets = format!("targets = [{}, {}]", at(1), at(2));
        format!("[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\npriority = {priority}\n{targets}\n")
    };
    let mut bed = Bed::new(tables(&(pair("a", 1) + &pair("b", 2) + &pbx(""))));
    assert_eq!(bed.order(CALLED), ["a/0", "a/1", "b/0", "b/1"]);
    bed.down("a", 0);
    assert_eq!(bed.order(CALLED), ["a/1", "b/0", "b/1", "a/0"]);
    bed.down("a", 1);
    assert_eq!(bed.order(CALLED), ["b/0", "b/1", "a/0", "a/1"]);
    bed.down("b", 0);
    bed.down("b", 1);
    assert_eq!(bed.order(CALLED), ["a/0", "a/1", "b/0", "b/1"]);
    let a = ix(&bed.tables, "a");
    bed.live.note_target(bed.now, &bed.tables, a, 1, Outcome::Alive);
    assert_eq!(bed.order(CALLED), ["a/1", "a/0", "b/0", "b/1"]);
}

/// LC-04: nothing stays down for want of somebody who looks.
#[test]
fn a_target_that_is_down_gets_a_call_now_and_then_unless_options_will_tell() {
    let mut bed = Bed::new(tables(
        &(carrier("a", "priority = 1")
            + &carrier("pinged", "priority = 2\noptions_interval = \"10s\"")
            + &carrier("c", "priority = 3")
            + &pbx("")),
    ));
    let (a, shunned) = (ix(&bed.tables, "a"), ["c/0", "a/0", "pinged/0"]);
    bed.down("a", 0);
    bed.down("pinged", 0);
    assert_eq!(bed.order(CALLED), shunned);
    bed.now += Duration::from_millis(29_999);
    assert_eq!(bed.order(CALLED), shunned);
    bed.now += Duration::from_millis(1);
    assert_eq!(bed.order(CALLED), ["a/0", "c/0", "pinged/0"]);
    // One call tries it; the others wait for what becomes of that.
    bed.live.note_tried(bed.now, &bed.tables, a, 0);
    assert_eq!(bed.order(CALLED), shunned);
    bed.live.note_target(bed.now, &bed.tables, a, 0, Outcome::Miss);
    bed.now += Duration::from_secs(29);
    assert_eq!(bed.order(CALLED), shunned);
    bed.live.note_target(bed.now, &bed.tables, a, 0, Outcome::Alive);
    assert_eq!(bed.order(CALLED), ["a/0", "c/0", "pinged/0"]);
}

#[test]
fn a_target_that_asked_to_be_left_alone_comes_last_until_its_time_is_over() {
    let mut bed = Bed::new(tables(
        &(carrier("a", "priority = 1") + &carrier("b", "priority = 2") + &pbx("")),
    ));
    let a = ix(&bed.tables, "a");
    bed.live
        .back_off(bed.now, &bed.tables, a, 0, Duration::from_secs(20));
    assert!(bed.live.is_up(&bed.tables, a, 0));
    assert_eq!(bed.order(CALLED), ["b/0", "a/0"]);
    bed.now += Duration::from_millis(19_999);
    assert_eq!(bed.order(CALLED), ["b/0", "a/0"]);
    bed.now += Duration::from_millis(1);
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
    bed.live.back_off(bed.now, &bed.tables, a, 0, Duration::MAX);
    bed.now += Duration::from_secs(3600);
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
}

#[test]
fn the_limit_on_attempts_is_the_lowest_that_anybody_wrote() {
    let attempts = |most: u16| {
        if most == 0 {
            String::new()
        } else {
            format!("failover = {{ attempts = {most} }}")
        }
    };
    // What the calling trunk, the first carrier and all other carriers have written (0: nothing).
    let table = [
        (0, 0, 0, 3),
        (1, 0, 0, 1),
        (5, 0, 0, 5),
        (32, 0, 0, 29),
        (0, 1, 0, 1),
        (0, 2, 0, 2),
        (0, 9, 0, 9),
        (0, 0, 9, 9),
        (5, 1, 9, 1),
        (5, 4, 2, 2),
        (5, 9, 9, 5),
        (4, 9, 1, 2),
        // The number that holds for all who write none, written: it counts like any other.
        (3, 0, 0, 3),
        (3, 5, 5, 3),
        (5, 3, 0, 3),
        (9, 9, 3, 3),
        (0, 3, 9, 3),
    ];
    for (calling, first, others, expected) in table {
        let one = |i: u16| {
            carrier(
                &format!("c{i}"),
                &format!(
                    "priority = {i}\n{}",
                    attempts(if i == 1 { first } else { others })
                ),
            )
        };
        let carriers: Vec<String> = (1..30).map(one).collect();
        let bed = Bed::new(tables(&(carriers.concat() + &pbx(&attempts(calling)))));
        let plan = bed.plan(CALLED);
        assert_eq!(
            plan.limit, expected,
            "calling {calling}, first {first}, others {others}"
        );
        assert!(plan.attempts.len() >= plan.limit && plan.attempts.len() <= 32 + 4);
    }
}

/// A call that began before a reload may ask for another plan, when it is transferred.
#[test]
fn older_tables_ask_for_the_prices_in_force_by_name() {
    let text = |order: [&str; 2]| {
        let carriers = order.map(|name| carrier(name, &format!("deck = \"{name}.csv\"")));
        carriers.concat() + &pbx("")
    };
    let mut bed = Bed::new(priced(
        &text(["a", "b"]),
        &[("a", "44,0.01,,,,,,"), ("b", "44,0.02,,,,,,")],
    ));
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
    // Dearer now, and the other way round.
    let newer = priced(
        &text(["b", "a"]),
        &[("a", "44,0.05,,,,,,"), ("b", "44,0.02,,,,,,")],
    );
    bed.live.install(&newer);
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"], "as long as there are its own");
    drop(bed.tables.retire());
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["b/0", "a/0"]);
    assert_eq!(
        plan.trace.lines()[1..],
        [
            "1. b: 0.02/min (1/1) for 44, priority 1, weight 1",
            "2. a: 0.05/min (1/1) for 44, priority 1, weight 1"
        ]
    );
    assert_eq!(
        plan.attempts[1]
            .rate
            .map(|rate| rate.per_minute.to_string())
            .as_deref(),
        Some("0.05")
    );
}

#[test]
fn tables_that_are_not_in_force_yet_go_by_their_own_prices() {
    let text = carrier("a", "deck = \"a.csv\"") + &carrier("b", "deck = \"b.csv\"") + &pbx("");
    let mut bed = Bed::new(priced(&text, &[("a", "44,0.01,,,,,,"), ("b", "44,0.02,,,,,,")]));
    let running = std::mem::replace(
        &mut bed.tables,
        priced(&text, &[("a", "44,0.03,,,,,,"), ("b", "44,0.02,,,,,,")]),
    );
    assert_eq!(bed.order(CALLED), ["b/0", "a/0"]);
    bed.tables = running;
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
}

#[test]
fn prices_that_are_in_force_outlive_their_tables() {
    let text = carrier("a", "deck = \"a.csv\"") + &carrier("b", "deck = \"b.csv\"") + &pbx("");
    let bed = Bed::new(priced(&text, &[("a", "44,0.03,,,,,,"), ("b", "44,0.02,,,,,,")]));
    assert!(bed.tables.price_bytes() > 0);
    drop(bed.tables.retire());
    assert_eq!(bed.tables.price_bytes(), 0);
    assert_eq!(bed.order(CALLED), ["b/0", "a/0"]);
}

#[test]
fn a_plan_of_older_tables_still_stands_after_a_reload() {
    let text = |more: &str| carrier("a", "priority = 1") + more + &carrier("b", "priority = 2") + &pbx("");
    let mut bed = Bed::new(tables(&text("")));
    bed.live.install(&tables(&text(&carrier("new", "priority = 3"))));
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
    // `b` is gone from the config in force: no call is to be sent there any more.
    bed.live.install(&tables(&(carrier("a", "") + &pbx(""))));
    assert_eq!(bed.order(CALLED), ["a/0"]);
}
