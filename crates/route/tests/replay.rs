//! Past calls planned again: what stays the same, what changes, and what is not known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/tables.rs"]
mod support;

use proptest::prelude::*;
use route::deck::{self, Money};
use route::plan as plan_call;
use route::quality::{CallResult, Ending};
use route::replay::{Left, PastAttempt, PastCall, Report, Settings, Skip, replay};
use route::{Live, Request, Tables};
use std::time::{Duration, Instant};
use support::{carrier, ix, pbx, priced};

/// 2026-02-01T00:00:00Z.
const NOW_MS: u64 = 1_769_904_000_000;

/// What became of a carrier's turn.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Answers(u64),
    Busy,
    Fails,
}

fn settings() -> Settings {
    Settings {
        epoch: Instant::now(),
        at_unix_s: None,
    }
}

/// A call as it would have gone by `tables`, whose carriers take their turns as `turn` says.
fn call(tables: &Tables, number: u64, called: &str, turn: impl Fn(&str) -> Turn) -> PastCall {
    let mut live = Live::new();
    live.install(tables);
    let at_ms = NOW_MS + number * 1_000;
    let request = Request {
        from: ix(tables, "pbx"),
        caller: "+441632960000",
        called,
        class: None,
        sell: None,
        routed: None,
        emergency: false,
        at_unix_s: at_ms / 1000,
        draw: number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
    };
    let plan = plan_call(tables, &live, Instant::now(), &request).unwrap();
    let view = plan.trace.view();
    // As the record stores it and the reader gets it.
    let view = serde_json::from_str(&serde_json::to_string(&view).unwrap()).unwrap();
    let mut past = PastCall {
        id: format!("call-{number}"),
        at_ms,
        after_ms: 30_000,
        caller: "+441632960000".into(),
        called: called.into(),
        currency: Some("USD".into()),
        ..PastCall::of(&view).unwrap()
    };
    for attempt in plan.attempts.iter().take(plan.limit) {
        let trunk = tables.trunk(attempt.trunk).name.as_str();
        let turn = turn(trunk);
        let ending = match turn {
            Turn::Answers(_) => Ending::Answered,
            Turn::Busy => Ending::User(486),
            Turn::Fails => Ending::Network(503),
        };
        past.attempts.push(PastAttempt {
            trunk: trunk.into(),
            after_ms: 500,
            pdd: Some(Duration::from_millis(400)),
            ending: Some(ending),
        });
        match turn {
            Turn::Answers(talk_ms) => {
                past.answered = true;
                past.talk_ms = talk_ms;
                past.cost = attempt.rate.map(|rate| deck::cost(rate, talk_ms));
                past.result = Some(CallResult {
                    talk: Duration::from_millis(talk_ms),
                    mos: Some(4.0),
                    ..CallResult::default()
                });
                break;
            }
            Turn::Busy => break,
            Turn::Fails => {}
        }
    }
    past
}

fn three(rates: [&str; 3], keys: &str) -> Tables {
    let names = ["a", "b", "c"];
    let text: String = names
        .iter()
        .map(|name| carrier(name, &format!("deck = \"{name}.csv\"")))
        .collect();
    let rows: Vec<String> = rates.iter().map(|rate| format!("44,{rate},1,1,,,,")).collect();
    let decks: Vec<(&str, &str)> = names.into_iter().zip(rows.iter().map(String::as_str)).collect();
    priced(&format!("{text}{}", pbx(keys)), &decks)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn share(report: &Report, trunk: &str) -> [f64; 2] {
    let of = report.shares.iter().find(|of| of.trunk == trunk);
    of.map_or([0.0; 2], |of| of.first)
}

#[test]
fn a_cheaper_deck_takes_the_calls_and_the_cost_falls_by_its_price() {
    let before = three(["0.010", "0.020", "0.030"], "");
    let after = three(["0.010", "0.005", "0.030"], "");
    // a answers all; b is tried for a tenth, when a fails, and answers those.
    let calls: Vec<PastCall> = (0..200)
        .map(|number| {
            call(&before, number, "+442071838750", |trunk| match trunk {
                "a" if number.is_multiple_of(10) => Turn::Fails,
                _ => Turn::Answers(60_000),
            })
        })
        .collect();
    let report = replay(&after, settings(), calls, Left::default());
    assert_eq!(report.calls, 200);
    assert_eq!(share(&report, "a"), [1.0, 0.0]);
    assert_eq!(share(&report, "b"), [0.0, 1.0]);
    assert_eq!(report.moved, 200);
    assert_eq!(report.moves[0].from.as_deref(), Some("a"));
    assert_eq!(
        (report.moves[0].to.as_deref(), report.moves[0].calls),
        (Some("b"), 200)
    );
    assert!(close(report.recorded.asr, 1.0));
    // 180 minutes of a and 20 of b; then all of b but what it leaves for a.
    assert!((report.recorded.cost - 2.2).abs() < 1e-9, "{report:?}");
    assert!((report.before.cost - 2.2).abs() < 0.05, "{report:?}");
    assert!((report.after.cost - 1.0).abs() < 0.1, "{report:?}");
    assert!(
        report.changes.len() == 5
            && report
                .changes
                .iter()
                .all(|change| change.cost[1] < change.cost[0])
    );
    assert_eq!(report.unknown.calls, 0);
    assert_eq!(report.weighed, None, "nothing was left to chance");
}

#[test]
fn a_carrier_that_never_had_a_call_is_said_to_be_unknown() {
    let before = three(["0.010", "0.020", "0.030"], "");
    let after = three(["0.010", "0.020", "0.001"], "");
    let answers = |_: &str| Turn::Answers(60_000);
    let calls: Vec<PastCall> = (0..20)
        .map(|number| call(&before, number, "+442071838750", answers))
        .collect();
    let report = replay(&after, settings(), calls, Left::default());
    assert_eq!((report.unknown.calls, report.unknown.first), (20, 20));
    // It counts as all carriers together do.
    assert!((report.after.asr - report.before.asr).abs() < 0.05, "{report:?}");
}

#[test]
fn what_a_busy_subscriber_stops_is_no_reason_to_ask_another() {
    let before = three(["0.010", "0.020", "0.030"], "");
    // Of what a is offered a third is busy, which ends the call, and a third fails, which b then answers.
    let calls: Vec<PastCall> = (0..300)
        .map(|number| {
            call(&before, number, "+442071838750", |trunk| {
                match (trunk, number % 3) {
                    ("a", 0) => Turn::Busy,
                    ("a", 1) => Turn::Fails,
                    _ => Turn::Answers(60_000),
                }
            })
        })
        .collect();
    let report = replay(&before, settings(), calls, Left::default());
    assert!((report.recorded.asr - 2.0 / 3.0).abs() < 1e-9, "{report:?}");
    assert!((report.before.asr - 2.0 / 3.0).abs() < 0.03, "{report:?}");
}

#[test]
fn a_dropped_carrier_leaves_its_calls_to_the_next() {
    let before = three(["0.010", "0.020", "0.030"], "");
    let class = "[[class]]\nname = \"std\"\nexcluded = [\"a\"]\n";
    let after = three(["0.010", "0.020", "0.030"], &format!("class = \"std\"\n{class}"));
    let answers = |_: &str| Turn::Answers(60_000);
    let calls: Vec<PastCall> = (0..30)
        .map(|number| call(&before, number, "+442071838750", answers))
        .collect();
    let report = replay(&after, settings(), calls, Left::default());
    assert_eq!(
        (share(&report, "a"), share(&report, "b")),
        ([1.0, 0.0], [0.0, 1.0])
    );
    assert!(report.after.cost > report.before.cost);
}

#[test]
fn records_that_cannot_be_replayed_are_counted_by_their_reasons() {
    let tables = three(["0.010", "0.020", "0.030"], "");
    let answers = |_: &str| Turn::Answers(1_000);
    let mut gone = call(&tables, 1, "+442071838750", answers);
    gone.from = "elsewhere".into();
    let mut euros = call(&tables, 2, "+442071838750", answers);
    euros.currency = Some("EUR".into());
    let mut left = Left::default();
    left.add(Skip::Test);
    let report = replay(&tables, settings(), vec![gone, euros], left);
    assert_eq!(report.calls, 0);
    let counted: Vec<(Skip, u64)> = report.left_out.iter().collect();
    assert_eq!(
        counted,
        [(Skip::Test, 1), (Skip::NoCustomer, 1), (Skip::OtherCurrency, 1)]
    );
    assert_eq!(report.recorded.asr, 0.0);
    serde_json::to_string(&report).unwrap();
}

#[test]
fn the_learner_sees_only_what_had_happened_by_then() {
    // b is dearer by a hair and never fails; a fails always. Where quality counts b has to come first, once that is known.
    let keys = "class = \"std\"\n[[class]]\nname = \"std\"\nobjective = { quality = 9, price = 1 }\n[routing]\nmin_attempts = 10\n";
    let recorded = three(["0.0100", "0.0101", "0.030"], "");
    let new = three(["0.0100", "0.0101", "0.030"], keys);
    let calls: Vec<PastCall> = (0..400)
        .map(|number| {
            call(&recorded, number, "+442071838750", |trunk| match trunk {
                "a" => Turn::Fails,
                _ => Turn::Answers(60_000),
            })
        })
        .collect();
    let report = replay(&new, settings(), calls, Left::default());
    let [_, after] = share(&report, "a");
    assert!(
        after > 0.0 && after < 0.4,
        "it begins knowing nothing, and finds out: {report:?}"
    );
    assert!(share(&report, "b")[1] > 0.5, "{report:?}");
}

#[test]
fn prices_of_another_time_may_be_asked_for() {
    let deck = |rows: &str| {
        let text = format!(
            "{}{}{}",
            carrier("a", "deck = \"a.csv\""),
            carrier("b", "deck = \"b.csv\""),
            pbx("")
        );
        priced(&text, &[("a", rows), ("b", "44,0.02,1,1,,,,")])
    };
    let tables = deck("44,0.01,1,1,,,2026-03-01,\n44,0.05,1,1,,2026-03-01,,");
    let answers = |_: &str| Turn::Answers(60_000);
    let calls: Vec<PastCall> = (0..10)
        .map(|number| call(&tables, number, "+442071838750", answers))
        .collect();
    let now = replay(&tables, settings(), calls.clone(), Left::default());
    assert_eq!(share(&now, "a"), [1.0, 1.0]);
    let later = Settings {
        at_unix_s: Some(NOW_MS / 1000 + 60 * 86_400),
        ..settings()
    };
    assert_eq!(
        share(&replay(&tables, later, calls, Left::default()), "a"),
        [1.0, 0.0]
    );
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        (1..600_000_u64).prop_map(Turn::Answers),
        Just(Turn::Busy),
        Just(Turn::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same configuration changes nothing, whatever the calls were.
    #[test]
    fn the_same_configuration_changes_nothing(
        rates in proptest::array::uniform3(1..90_u32),
        calls in proptest::collection::vec(
            (proptest::array::uniform3(turn()), prop_oneof![Just("+442071838750"), Just("+447700900123")]),
            1..60,
        ),
    ) {
        let rates = rates.map(|rate| format!("0.{rate:03}"));
        let tables = three([&rates[0], &rates[1], &rates[2]], "");
        let calls: Vec<PastCall> = calls
            .iter()
            .zip(0..)
            .map(|((turns, called), number)| {
                let of = |trunk: &str| turns[usize::from(trunk.as_bytes()[0] - b'a')];
                call(&tables, number, called, of)
            })
            .collect();
        let answered = calls.iter().filter(|call| call.answered).count();
        let cost: u64 = calls.iter().filter_map(|call| call.cost).map(|cost| cost.0).sum();
        let many = calls.len();
        let report = replay(&tables, settings(), calls, Left::default());
        prop_assert_eq!(report.calls, many as u64);
        prop_assert_eq!(report.moved, 0);
        prop_assert_eq!(&report.changes, &Vec::new());
        prop_assert_eq!(report.before, report.after);
        prop_assert!(close(report.recorded.answered, answered as f64));
        prop_assert!(close(report.recorded.cost, cost as f64 / Money::UNIT as f64));
        for of in &report.shares {
            prop_assert_eq!(of.first[0], of.first[1]);
            prop_assert!(close(of.answered[0], of.answered[1]));
        }
        prop_assert!(report.after.asr <= 1.0 + 1e-9);
    }
}
