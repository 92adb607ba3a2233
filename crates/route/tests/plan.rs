//! Plans and their reasons.
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

use bed::{Bed, CALLED, NOW};
use route::{LeftOut, NoRouteReason, Place};
use std::collections::HashMap;
use std::time::Duration;
use support::{carrier, number, pbx, priced, tables};

#[test]
fn the_cheapest_carrier_comes_first_and_those_without_a_price_last_by_priority() {
    let decks = ["dear", "cheap", "middle"]
        .map(|name| carrier(name, &format!("deck = \"{name}.csv\"\npriority = 9")));
    let text = [
        decks.concat(),
        carrier("late", "priority = 5"),
        carrier("early", "priority = 2"),
        pbx(""),
    ]
    .concat();
    let bed = Bed::new(priced(
        &text,
        &[
            ("dear", "44,0.03,,,,,,"),
            ("cheap", "44,0.01,,,,,,"),
            ("middle", "4420,0.02,,,,,,"),
        ],
    ));
    assert_eq!(
        bed.order(CALLED),
        ["cheap/0", "middle/0", "dear/0", "early/0", "late/0"]
    );
    // 4416 is no price of `middle`.
    let plan = bed.plan("+44161");
    assert_eq!(bed.targets(&plan), ["cheap/0", "dear/0", "early/0", "late/0"]);
    assert_eq!(bed.places(&plan)["middle"], Place::Dropped(LeftOut::NoPrice));
    assert_eq!(
        plan.attempts[0]
            .rate
            .map(|rate| rate.per_minute.to_string())
            .as_deref(),
        Some("0.01")
    );
    assert_eq!(plan.attempts[2].rate, None);
}

#[test]
fn fees_and_increments_count_in_the_price() {
    let text = [
        carrier("fee", "deck = \"a.csv\""),
        carrier("minutes", "deck = \"b.csv\""),
        pbx(""),
    ]
    .concat();
    // Three minutes: 0.09 and 0.10; 0.09 and 0.0801 with a fee above.
    let bed = Bed::new(priced(
        &text,
        &[
            ("fee", "44,0.03,1,1,0.001,,,\n1,0.03,1,1,0,,,"),
            ("minutes", "44,0.03,1,1,0,,,\n1,0.02,240,240,0,,,"),
        ],
    ));
    assert_eq!(bed.order(CALLED), ["minutes/0", "fee/0"]);
    assert_eq!(bed.order("12125550100"), ["minutes/0", "fee/0"]);
}

#[test]
fn a_price_holds_from_its_date_to_its_date() {
    let text = [
        carrier("a", "deck = \"a.csv\""),
        carrier("b", "deck = \"b.csv\""),
        pbx(""),
    ]
    .concat();
    let mut bed = Bed::new(priced(
        &text,
        &[
            ("a", "44,0.01,,,,,,\n44,0.05,,,,2026-02-10,,"),
            ("b", "44,0.03,,,,,,"),
        ],
    ));
    assert_eq!(bed.order(CALLED), ["a/0", "b/0"]);
    bed.at = NOW + 9 * 86_400;
    assert_eq!(bed.order(CALLED), ["b/0", "a/0"]);
}

#[test]
fn a_blocked_destination_is_not_sold_even_where_a_shorter_prefix_is() {
    let text = [carrier("a", "deck = \"a.csv\""), carrier("b", ""), pbx("")].concat();
    let bed = Bed::new(priced(&text, &[("a", "44,0.01,,,,,,\n4420,,,,,,,true")]));
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["b/0"]);
    assert_eq!(bed.places(&plan)["a"], Place::Dropped(LeftOut::Blocked));
    assert_eq!(bed.order("44161"), ["a/0", "b/0"]);
}

#[test]
fn a_number_rule_goes_before_the_carriers_and_keeps_its_own_order() {
    let text = [
        carrier("a", "priority = 1"),
        carrier("b", "priority = 2"),
        pbx("targets = [{ uri = \"sip:127.0.0.10\" }]"),
        number("+4420*", &["pbx", "b", "a"]),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    assert_eq!(bed.order(CALLED), ["pbx/0", "b/0", "a/0"]);
    assert_eq!(bed.order("+33140"), ["a/0", "b/0"]);
    let inbound = bed.try_plan("a", "442071838750", 1).unwrap();
    assert_eq!(bed.targets(&inbound), ["pbx/0", "b/0", "a/0"]);
}

#[test]
fn a_carriers_call_goes_to_no_other_carrier() {
    let bed = Bed::new(tables(&(pbx("") + &carrier("a", "") + &carrier("b", ""))));
    let none = bed.try_plan("a", "+33140", 1).unwrap_err();
    assert_eq!((none.status, none.reason), (404, NoRouteReason::UnknownNumber));
    assert_eq!(
        none.trace.lines(),
        ["33140 from a: no number rule, and a carrier's call goes to no other carrier"]
    );
}

#[test]
fn a_route_without_a_usable_trunk_falls_back_to_nobody() {
    let off = "enabled = false";
    let text = [
        pbx(""),
        carrier("off", off),
        carrier("a", ""),
        number("+4420*", &["off"]),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let none = bed.try_plan("pbx", CALLED, 1).unwrap_err();
    assert_eq!((none.status, none.reason), (503, NoRouteReason::OutOfService));

    let bed = Bed::new(tables(&(pbx("") + &carrier("off", off))));
    assert_eq!(bed.try_plan("pbx", CALLED, 1).unwrap_err().status, 503);

    let bed = Bed::new(priced(
        &(pbx("") + &carrier("a", "deck = \"a.csv\"")),
        &[("a", "33,0.01,,,,,,")],
    ));
    let none = bed.try_plan("pbx", CALLED, 1).unwrap_err();
    assert_eq!((none.status, none.reason), (404, NoRouteReason::NoCarrier));

    let bed = Bed::new(tables(&pbx("")));
    assert_eq!(bed.try_plan("pbx", CALLED, 1).unwrap_err().status, 404);
}

#[test]
fn carriers_of_equal_price_and_priority_share_by_the_weight_of_their_targets() {
    let weighted = |name: &str, weight: u16| {
        format!(
            "[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\ntargets = [{{ uri = \"sip:{name}.example.com\", weight = {weight} }}, \
             {{ uri = \"sip:spare.example.com\", priority = 2, weight = 1000 }}]\n"
        )
    };
    let text = [
        weighted("small", 10),
        weighted("large", 30),
        carrier("second", "priority = 2"),
        pbx(""),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let rounds = 4000;
    let mut firsts: HashMap<String, u32> = HashMap::new();
    for draw in 0..rounds {
        let plan = bed.try_plan("pbx", CALLED, draw).unwrap();
        let order = bed.targets(&plan);
        assert_eq!(order.last().map(String::as_str), Some("second/0"));
        *firsts.entry(order[0].clone()).or_default() += 1;
    }
    // A quarter; 27 is one standard deviation.
    assert!(firsts["small/0"].abs_diff(1000) < 140, "{firsts:?}");
    assert_eq!(firsts["small/0"] + firsts["large/0"], rounds as u32);
}

#[test]
fn targets_stand_by_priority_and_share_by_weight() {
    let text = "[[trunk]]\nname = \"a\"\nrole = \"carrier\"\ntargets = [\
         { uri = \"sip:t0.example.com\", priority = 2 }, { uri = \"sip:t1.example.com\", priority = 1, weight = 10 }, \
         { uri = \"sip:t2.example.com\", priority = 1, weight = 30 }, { uri = \"sip:t3.example.com\", priority = 1, weight = 0 }]\n";
    let bed = Bed::new(tables(&(text.to_owned() + &pbx(""))));
    let mut first = 0u32;
    for draw in 0..4000 {
        let order = bed.targets(&bed.try_plan("pbx", CALLED, draw).unwrap());
        assert_eq!(order[2..], ["a/3", "a/0"]);
        first += u32::from(order[0] == "a/1");
    }
    assert!(first.abs_diff(1000) < 140, "{first}");
}

#[test]
fn the_same_draw_gives_the_same_plan() {
    let carriers: Vec<String> = (0..20).map(|i| carrier(&format!("c{i}"), "")).collect();
    let bed = Bed::new(tables(
        &(carriers.concat() + &pbx("failover = { attempts = 20 }")),
    ));
    let order = |draw| bed.targets(&bed.try_plan("pbx", CALLED, draw).unwrap());
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
}

#[test]
fn what_is_full_comes_last_with_the_reason() {
    let text = [
        carrier("full", "priority = 1\nmax_calls = 1"),
        carrier("fast", "priority = 2\nmax_cps = 1"),
        carrier("free", "priority = 3"),
        pbx(""),
    ]
    .concat();
    let mut bed = Bed::new(tables(&text));
    assert_eq!(bed.order(CALLED), ["full/0", "fast/0", "free/0"]);
    bed.occupy("full");
    bed.occupy("fast");
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["free/0", "full/0", "fast/0"]);
    assert_eq!(
        plan.trace.lines(),
        [
            "442071838750 from pbx: carriers by price, then priority, then weight (draw 1)",
            "1. free: no price, priority 3, weight 1",
            "2. full: no price, priority 1, weight 1; placed last: max_calls reached",
            "3. fast: no price, priority 2, weight 1; placed last: max_cps reached",
        ]
    );
    bed.now += Duration::from_secs(1);
    assert_eq!(bed.order(CALLED), ["fast/0", "free/0", "full/0"]);
}

#[test]
fn the_trace_says_in_words_what_the_plan_went_by() {
    let text = [
        carrier("a", "deck = \"a.csv\""),
        carrier("b", "deck = \"b.csv\""),
        carrier("c", "priority = 2"),
        carrier("d", "priority = 3\nenabled = false"),
        pbx("class = \"gold\""),
        "[[class]]\nname = \"gold\"\nexcluded = [\"c\"]\n".into(),
    ]
    .concat();
    let bed = Bed::new(priced(
        &text,
        &[("a", "4420,0.0125,30,6,0.002,,,"), ("b", "33,1,,,,,,")],
    ));
    assert_eq!(
        bed.plan(CALLED).trace.lines(),
        [
            "442071838750 from pbx, class gold: carriers by price, then priority, then weight (draw 1)",
            "1. a: 0.0125/min and 0.002 a call (30/6) for 4420, priority 1, weight 1",
            "not b: no price, priority 1, weight 1; its deck has no price for this number",
            "not c: no price, priority 2, weight 1; the class excludes it",
            "not d: no price, priority 3, weight 1; disabled",
        ]
    );
}
