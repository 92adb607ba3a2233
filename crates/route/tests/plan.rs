//! Plans and their reasons.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use route::{
    HealthChange, LeftOut, Live, NoRoute, NoRouteReason, Outcome, Place, Plan, Request, Tables, plan,
};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use support::{carrier, ix, number, pbx, priced, tables};

/// 2026-02-01T00:00:00Z.
const NOW: u64 = 1_769_904_000;
const CALLED: &str = "+442071838750";

struct Bed {
    tables: Tables,
    live: Live,
    now: Instant,
    at: u64,
}

impl Bed {
    fn new(tables: Tables) -> Self {
        let mut live = Live::new();
        live.install(&tables);
        Self {
            tables,
            live,
            now: Instant::now(),
            at: NOW,
        }
    }

    fn try_plan(&self, from: &str, called: &str, draw: u64) -> Result<Plan, NoRoute> {
        let request = Request {
            from: ix(&self.tables, from),
            caller: "+441632960000",
            called,
            routed: None,
            emergency: false,
            at_unix_s: self.at,
            draw,
        };
        plan(&self.tables, &self.live, self.now, &request)
    }

    fn plan(&self, called: &str) -> Plan {
        self.try_plan("pbx", called, 1).unwrap()
    }

    /// The attempts of a call from `pbx`, as `trunk/target`.
    fn order(&self, called: &str) -> Vec<String> {
        self.targets(&self.plan(called))
    }

    fn targets(&self, plan: &Plan) -> Vec<String> {
        let name = |attempt: &route::Attempt| {
            format!("{}/{}", self.tables.trunk(attempt.trunk).name, attempt.target)
        };
        plan.attempts.iter().map(name).collect()
    }

    fn down(&mut self, trunk: &str, target: usize) {
        let trunk = ix(&self.tables, trunk);
        let change = self
            .live
            .note_target(self.now, &self.tables, trunk, target, Outcome::DownCode);
        assert_eq!(change, Some(HealthChange::Down));
    }

    /// Takes a place for a call that lasts: a permit that is only dropped is not given back.
    fn occupy(&mut self, trunk: &str) {
        let trunk = ix(&self.tables, trunk);
        let _permit = self.live.try_admit(self.now, &self.tables, trunk).unwrap();
    }

    fn places(&self, plan: &Plan) -> HashMap<String, Place> {
        let name = |c: &route::Candidate| (self.tables.trunk(c.trunk).name.clone(), c.place);
        plan.trace.candidates.iter().map(name).collect()
    }
}

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
fn the_class_of_the_customer_says_which_carriers_may_be_used() {
    let gold = "[[class]]\nname = \"gold\"\ntrunks = [\"a\", \"dear\"]\nmax_price = 0.02\n";
    let text = [
        carrier("a", ""),
        carrier("c", ""),
        carrier("dear", "deck = \"d.csv\""),
        pbx("class = \"gold\""),
        gold.into(),
    ]
    .concat();
    let bed = Bed::new(priced(&text, &[("dear", "44,0.03,,,,,,\n1,0.02,,,,,,")]));
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["a/0"]);
    let places = bed.places(&plan);
    assert_eq!(places["c"], Place::Dropped(LeftOut::NotListed));
    assert!(matches!(places["dear"], Place::Dropped(LeftOut::TooDear(most)) if most.to_string() == "0.02"));
    assert_eq!(bed.order("12125550100"), ["dear/0", "a/0"]);
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

#[test]
fn numbers_are_written_as_each_trunk_wants_them() {
    let text = [
        carrier("a", "priority = 1\nnumber_format = \"digits\""),
        carrier(
            "b",
            "priority = 2\nnumber_format = { style = \"digits\", prepend = \"9\", strip = 2 }",
        ),
        carrier("c", "priority = 3\nnumber_format = \"e164\""),
        pbx(""),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let plan = bed.plan("442071838750");
    let written: Vec<_> = plan
        .attempts
        .iter()
        .map(|attempt| (&*attempt.called, &*attempt.caller))
        .collect();
    assert_eq!(
        written,
        [
            ("442071838750", "441632960000"),
            ("92071838750", "441632960000"),
            ("+442071838750", "+441632960000")
        ]
    );
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
