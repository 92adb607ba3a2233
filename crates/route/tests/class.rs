//! What a class of service wants of carriers.
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
use route::deck::{Money, Rate};
use route::{LeftOut, Place};
use support::{carrier, pbx, priced, tables};

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
    assert_eq!(places["dear"], Place::Dropped(LeftOut::TooDear));
    let lines = plan.trace.lines();
    let why = lines.iter().find(|line| line.starts_with("not dear")).unwrap();
    assert!(why.ends_with("; above the class's max_price of 0.02"), "{why}");
    assert_eq!(bed.order("12125550100"), ["dear/0", "a/0"]);
}

#[test]
fn a_class_that_keeps_the_callers_number_chooses_no_carrier_that_drops_it() {
    let text = [
        carrier("mute", "priority = 1\ncaller_id = false"),
        carrier("a", "priority = 2"),
        pbx("class = \"gold\""),
        "[[class]]\nname = \"gold\"\nkeep_caller_id = true\n".into(),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["a/0"]);
    assert_eq!(bed.places(&plan)["mute"], Place::Dropped(LeftOut::NoCallerId));
    assert_eq!(
        plan.trace.lines()[2],
        "not mute: no price, priority 1, weight 1; it does not pass the caller's number on"
    );
    let bed = Bed::new(tables(&text.replace("keep_caller_id = true", "")));
    assert_eq!(bed.order(CALLED), ["mute/0", "a/0"]);
}

#[test]
fn a_class_with_jurisdictions_chooses_carriers_in_one_of_them() {
    let text = [
        carrier("nowhere", ""),
        carrier("us", "jurisdictions = [\"us\"]"),
        carrier("both", "jurisdictions = [\"us\", \"eu\"]"),
        pbx("class = \"gold\""),
        "[[class]]\nname = \"gold\"\njurisdictions = [\"ch\", \"eu\"]\n".into(),
    ]
    .concat();
    let bed = Bed::new(tables(&text));
    let plan = bed.plan(CALLED);
    assert_eq!(bed.targets(&plan), ["both/0"]);
    let places = bed.places(&plan);
    assert_eq!(places["nowhere"], Place::Dropped(LeftOut::Jurisdiction));
    assert_eq!(places["us"], Place::Dropped(LeftOut::Jurisdiction));
    // No class, and one that asks for none, take all.
    let bed = Bed::new(tables(&text.replace("jurisdictions = [\"ch\", \"eu\"]", "")));
    assert_eq!(bed.order(CALLED).len(), 3);
}

/// A rate of so many thousandths a minute, by the second.
fn sold_at(thousandths: u64) -> Option<Rate> {
    Some(Rate {
        per_minute: Money(thousandths * 1_000_000),
        fee: Money(0),
        minimum: Money(0),
        first_interval: 1,
        increment: 1,
        blocked: false,
        prefix_len: 2,
    })
}

#[test]
fn a_carrier_has_to_leave_the_margin_that_the_class_wants() {
    let text = |least: &str| {
        [
            carrier("cheap", "deck = \"a.csv\""),
            carrier("middle", "deck = \"b.csv\""),
            // Dearer by its minutes alone.
            carrier("coarse", "deck = \"c.csv\""),
            carrier("unpriced", ""),
            pbx("class = \"gold\""),
            format!("[[class]]\nname = \"gold\"\nmin_margin = {least}\n"),
        ]
        .concat()
    };
    let decks = [
        ("cheap", "44,0.01,,,,,,"),
        ("middle", "44,0.018,,,,,,"),
        ("coarse", "44,0.017,240,60,,,,"),
    ];
    for (least, sell, expected) in [
        ("0.1", 20, &["cheap/0", "middle/0", "unpriced/0"][..]),
        ("0.11", 20, &["cheap/0", "unpriced/0"]),
        ("0", 20, &["cheap/0", "middle/0", "unpriced/0"]),
        ("-0.14", 20, &["cheap/0", "middle/0", "coarse/0", "unpriced/0"]),
        ("-1", 9, &["cheap/0", "middle/0", "unpriced/0"]),
        ("-1", 12, &["cheap/0", "middle/0", "coarse/0", "unpriced/0"]),
        ("0.5", 0, &["unpriced/0"]),
    ] {
        let mut bed = Bed::new(priced(&text(least), &decks));
        bed.sell = sold_at(sell);
        assert_eq!(bed.order(CALLED), expected, "{least} of {sell}");
        // Nobody knows what is left of an unknown price.
        bed.sell = None;
        assert_eq!(bed.order(CALLED).len(), 4);
    }
    let mut bed = Bed::new(priced(&text("0.11"), &decks));
    let headline = bed.plan(CALLED).trace.lines().swap_remove(0);
    assert!(
        headline.ends_with("; whatever they leave: no price of the customer's is known"),
        "{headline}"
    );
    bed.sell = sold_at(20);
    let plan = bed.plan(CALLED);
    assert_eq!(bed.places(&plan)["middle"], Place::Dropped(LeftOut::ThinMargin));
    assert_eq!(
        plan.trace.lines()[3],
        "not middle: 0.018/min (1/1) for 44, priority 1, weight 1; it leaves less than the class's min_margin of 11 %: \
         10 %, of 0.06 for three minutes it takes 0.054"
    );
}
