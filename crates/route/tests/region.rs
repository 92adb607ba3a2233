//! Regions, and measured distance.
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

/// Carriers and a customer that enters in `eu`.
fn regional(carriers: &str) -> Bed {
    let text = format!(
        "[node]\nregion = \"us\"\n[[network]]\nname = \"outside\"\nbind = \"127.0.0.1\"\nregion = \"eu\"\n\
         [[listen]]\nbind = \"127.0.0.2:5060\"\nnetwork = \"outside\"\n{carriers}{}",
        pbx("network = \"outside\"\nfailover = { attempts = 9 }")
    );
    Bed::new(tables(&text))
}

#[test]
fn among_equals_carriers_of_the_region_that_a_call_has_entered_in_come_first() {
    let bed = regional(
        &[
            carrier("us", "region = \"us\"\nnetwork = \"outside\""),
            carrier("anywhere", ""),
            carrier("eu", "region = \"eu\""),
            carrier("first", "region = \"us\"\npriority = 0"),
        ]
        .concat(),
    );
    for draw in 0..20 {
        let plan = bed.try_plan("pbx", CALLED, draw).unwrap();
        assert_eq!(
            bed.targets(&plan),
            ["first/0", "eu/0", "anywhere/0", "us/0"],
            "draw {draw}"
        );
    }
    assert_eq!(
        bed.plan(CALLED).trace.lines(),
        [
            "442071838750 from pbx: carriers by price, then priority, then region, then weight (draw 1)",
            "1. first: no price, priority 0, weight 1, in another region",
            "2. eu: no price, priority 1, weight 1, in the call's region",
            "3. anywhere: no price, priority 1, weight 1",
            "4. us: no price, priority 1, weight 1, in another region",
        ]
    );
    // By the network without a name it enters where the node is.
    let text = carrier("us", "region = \"us\"") + &carrier("eu", "region = \"eu\"") + &pbx("");
    let bed = Bed::new(tables(&format!("[node]\nregion = \"us\"\n{text}")));
    assert_eq!(bed.order(CALLED), ["us/0", "eu/0"]);
}

#[test]
fn price_goes_before_region() {
    let text = [
        "[node]\nregion = \"eu\"\n".to_owned(),
        carrier("near", "region = \"eu\"\ndeck = \"a.csv\""),
        carrier("far", "region = \"us\"\ndeck = \"b.csv\""),
        carrier("equal", "region = \"us\"\ndeck = \"c.csv\""),
        pbx(""),
    ]
    .concat();
    let decks = [
        ("near", "44,0.02,,,,,,"),
        ("far", "44,0.019,,,,,,"),
        ("equal", "44,0.02,,,,,,"),
    ];
    let bed = Bed::new(priced(&text, &decks));
    for draw in 0..20 {
        let plan = bed.try_plan("pbx", CALLED, draw).unwrap();
        assert_eq!(bed.targets(&plan), ["far/0", "near/0", "equal/0"]);
    }
}

/// Targets of one carrier, each with more keys.
fn with_targets(keys: &[&str]) -> String {
    let target = |(index, keys): (usize, &&str)| format!("{{ uri = \"sip:t{index}.example.com\"{keys} }}");
    let targets: Vec<String> = keys.iter().enumerate().map(target).collect();
    format!(
        "[[trunk]]\nname = \"a\"\nrole = \"carrier\"\nregion = \"us\"\ntargets = [{}]\n",
        targets.join(", ")
    )
}

#[test]
fn targets_of_the_calls_region_come_first_within_their_priority() {
    let bed = regional(&with_targets(&[
        "",
        ", region = \"eu\", priority = 2",
        ", region = \"eu\"",
        ", priority = 2",
    ]));
    for draw in 0..20 {
        let plan = bed.try_plan("pbx", CALLED, draw).unwrap();
        assert_eq!(bed.targets(&plan), ["a/2", "a/0", "a/1", "a/3"]);
    }
}

#[test]
fn a_target_that_is_measured_to_be_far_away_comes_behind_those_that_are_near() {
    let mut bed = regional(&with_targets(&[", region = \"eu\"", "", ", priority = 2"]));
    let a = ix(&bed.tables, "a");
    let measure = |bed: &mut Bed, target, milliseconds| {
        let took = Duration::from_millis(milliseconds);
        bed.live.note_round_trip(bed.now, &bed.tables, a, target, took);
    };
    assert_eq!(bed.order(CALLED), ["a/0", "a/1", "a/2"]);
    measure(&mut bed, 0, 70);
    assert_eq!(
        bed.order(CALLED),
        ["a/0", "a/1", "a/2"],
        "nothing is known of the other"
    );
    measure(&mut bed, 1, 40);
    assert_eq!(bed.order(CALLED), ["a/0", "a/1", "a/2"], "no more than 30 ms");
    measure(&mut bed, 1, 39);
    assert_eq!(
        bed.order(CALLED),
        ["a/1", "a/0", "a/2"],
        "and never behind another priority"
    );
    let plan = bed.plan(CALLED);
    assert_eq!(
        plan.trace.lines()[1],
        "1. a: no price, priority 1, weight 2, in the call's region; sip:t0.example.com behind its others: 70 ms away, \
         the nearest 39 ms"
    );
    // One that is down is no measure.
    bed.down("a", 1);
    assert_eq!(bed.order(CALLED), ["a/0", "a/2", "a/1"]);
    bed.live.note_target(bed.now, &bed.tables, a, 1, Outcome::Alive);
    assert_eq!(bed.order(CALLED), ["a/1", "a/0", "a/2"]);
    bed.now += Duration::from_secs(600);
    assert_eq!(bed.order(CALLED), ["a/0", "a/1", "a/2"], "that was long ago");
}
