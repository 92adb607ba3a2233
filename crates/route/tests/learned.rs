//! What was learned of carriers, in plans.
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
use route::quality::{AttemptResult, CallResult, Ending};
use route::{DecisionView, Of, Plan};
use std::time::Duration;
use support::{carrier, pbx, priced};

const CLASS: &str = "[[class]]\nname = \"gold\"\nobjective = { price = 0.3, quality = 0.7 }\n";

/// Carriers a, at one cent, and b, which asks a fiftieth more; calls of class gold.
fn bed(keys: &str) -> Bed {
    let text = [
        carrier("a", "deck = \"a.csv\""),
        carrier("b", "deck = \"b.csv\""),
        pbx("class = \"gold\""),
        CLASS.into(),
        keys.into(),
    ]
    .concat();
    let mut bed = Bed::new(priced(
        &text,
        &[("a", "44,0.0100,,,,,,"), ("b", "44,0.0102,,,,,,")],
    ));
    bed.live.learn(bed.now, &bed.tables);
    bed
}

/// So many attempts, of which each `n`th is answered; the others fail in the network.
fn attempts(bed: &mut Bed, trunk: &str, count: usize, nth: usize) {
    for call in 0..count {
        bed.now += Duration::from_millis(500);
        let of = Of {
            trunk,
            called: CALLED,
            class: Some("gold"),
        };
        let is_answered = call % nth == 0;
        let ending = if is_answered {
            Ending::Answered
        } else {
            Ending::Network(503)
        };
        let pdd = Some(Duration::from_secs(2));
        bed.live
            .note_attempt(bed.now, &of, &AttemptResult { ending, pdd });
        if is_answered {
            let result = CallResult {
                talk: Duration::from_secs(120),
                mos: Some(4.2),
                ..CallResult::default()
            };
            bed.live.note_call(bed.now, &of, &result);
        }
    }
    bed.live.tick_learner(bed.now);
}

/// The trunk that comes first, over so many draws: how often it is a.
fn share_of_a(bed: &Bed) -> usize {
    let plan = |draw: u64| {
        bed.try_plan("pbx", CALLED, draw.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .unwrap()
    };
    (0..200)
        .filter(|draw| bed.targets(&plan(*draw))[0] == "a/0")
        .count()
}

fn view(plan: &Plan) -> DecisionView {
    let mut view = plan.trace.view();
    view.work_out();
    view
}

#[test]
fn while_little_is_known_the_cheapest_comes_first() {
    let mut bed = bed("");
    assert_eq!(share_of_a(&bed), 200);
    attempts(&mut bed, "b", 5, 1);
    assert_eq!(share_of_a(&bed), 200);
    let view = view(&bed.plan(CALLED));
    assert!(view.candidates[0].learned.is_none());
    assert!(
        view.lines()[0].contains("carriers by price"),
        "{:?}",
        view.lines()
    );
}

#[test]
fn a_carrier_that_fails_loses_its_calls_to_a_dearer_one_that_does_not() {
    let mut bed = bed("");
    for _ in 0..40 {
        attempts(&mut bed, "a", 5, 1);
        attempts(&mut bed, "b", 5, 1);
    }
    let before = share_of_a(&bed);
    assert!(before > 50, "both are good, a is cheaper: {before}");
    for _ in 0..12 {
        attempts(&mut bed, "a", 5, 100);
        attempts(&mut bed, "b", 5, 1);
    }
    let after = share_of_a(&bed);
    assert!(after * 10 <= before, "{before}, then {after}");
    let plan = bed.plan(CALLED);
    let view = view(&plan);
    let [b, a] = [&view.candidates[0], &view.candidates[1]];
    assert_eq!((b.trunk.as_str(), a.trunk.as_str()), ("b", "a"));
    let (a, b) = (a.learned.unwrap(), b.learned.unwrap());
    assert!(
        a.quality < b.quality && a.propensity < b.propensity,
        "{a:?} {b:?}"
    );
    let sum = a.propensity.unwrap() + b.propensity.unwrap();
    assert!((sum - 1.0).abs() < 0.02, "{a:?} {b:?}");
    let lines = view.lines();
    assert!(
        lines[0].contains("by quality (70 %) and price (30 %)"),
        "{lines:?}"
    );
    assert!(lines[1].contains("quality 0."), "{lines:?}");
    let events = bed.live.take_lessons();
    let demoted = events.iter().any(|(event, class)| {
        &*event.trunk == "a"
            && event.to_string().contains("demoted")
            && class.as_deref().is_none_or(|class| class == "gold")
    });
    assert!(demoted, "{events:?}");
}

#[test]
fn where_learning_is_off_price_decides_whatever_is_known() {
    for off in ["[routing]\nlearn = false\n", ""] {
        let mut bed = bed(off);
        if off.is_empty() {
            // A call without a class: of a trunk that has none.
            bed = {
                let text = [
                    carrier("a", "deck = \"a.csv\""),
                    carrier("b", "deck = \"b.csv\""),
                    pbx(""),
                ]
                .concat();
                let mut bed = Bed::new(priced(
                    &text,
                    &[("a", "44,0.0100,,,,,,"), ("b", "44,0.0102,,,,,,")],
                ));
                bed.live.learn(bed.now, &bed.tables);
                bed
            };
        }
        for _ in 0..20 {
            attempts(&mut bed, "a", 5, 100);
            attempts(&mut bed, "b", 5, 1);
        }
        assert_eq!(share_of_a(&bed), 200, "{off:?}");
    }
}

#[test]
fn what_is_known_stays_when_other_tables_are_in_force_and_over_a_restart() {
    let mut bed = bed("");
    for _ in 0..40 {
        attempts(&mut bed, "a", 5, 100);
        attempts(&mut bed, "b", 5, 1);
    }
    let share = share_of_a(&bed);
    assert!(share < 30, "{share}");
    let saved = bed.live.learned(bed.now, 1_000).unwrap();
    // Carriers change their places: a third stands before them.
    let text = [
        carrier("new", "deck = \"n.csv\""),
        carrier("b", "deck = \"b.csv\""),
        carrier("a", "deck = \"a.csv\""),
        pbx("class = \"gold\""),
        CLASS.into(),
    ]
    .concat();
    let decks = [
        ("a", "44,0.0100,,,,,,"),
        ("b", "44,0.0102,,,,,,"),
        ("new", "49,0.1,,,,,,"),
    ];
    let tables = priced(&text, &decks);
    bed.live.install(&tables);
    bed.live.learn(bed.now, &tables);
    bed.tables = tables;
    assert!(share_of_a(&bed) < 30);
    // Another process.
    let now = bed.now;
    let mut other = Bed::new(priced(&text, &decks));
    other.now = now;
    other.live.learn(now, &other.tables);
    other.live.recall_learned(now, 1_010, &saved).unwrap();
    assert!(share_of_a(&other) < 30);
}

#[test]
fn figures_are_those_of_the_results() {
    let mut bed = bed("");
    attempts(&mut bed, "a", 100, 2);
    let a = support::ix(&bed.tables, "a");
    let figures = bed.live.figures(&bed.tables, a);
    let (group, everywhere) = &figures[0];
    assert_eq!(group.to_string(), "everywhere");
    let asr = everywhere.asr.unwrap();
    assert!((asr.mean - 0.5).abs() < 0.02, "{asr:?}");
    let ner = everywhere.ner.unwrap();
    assert!((ner.mean - 0.5).abs() < 0.02, "{ner:?}");
    assert!(everywhere.mos.unwrap().mean > 4.0);
}
