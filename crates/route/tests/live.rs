//! Calls, calls per second and health, through calls, reloads and everything in between.
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
use route::{HealthChange, Live, Outcome, Permit, Refusal, Tables};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use support::{carrier, ix, pbx, tables};

fn live(tables: &Tables) -> Live {
    let mut live = Live::new();
    live.install(tables);
    live
}

/// A trunk with two targets, `one` and `two`.
fn pair(name: &str) -> String {
    format!(
        "[[trunk]]\nname = \"{name}\"\nrole = \"carrier\"\n\
         targets = [{{ uri = \"sip:one.example.com\" }}, {{ uri = \"sip:two.example.com\" }}]\n"
    )
}

#[test]
fn max_calls_is_refused_above_and_room_comes_back_with_each_release() {
    let tables = tables(&(pbx("max_calls = 2") + &carrier("a", "")));
    let (mut live, now, pbx) = (live(&tables), Instant::now(), ix(&tables, "pbx"));
    let first = live.try_admit(now, &tables, pbx).unwrap();
    let second = live.try_admit(now, &tables, pbx).unwrap();
    assert_eq!(live.try_admit(now, &tables, pbx), Err(Refusal::Calls));
    let other = live.try_admit(now, &tables, ix(&tables, "a")).unwrap();
    assert_eq!(
        (
            live.calls("pbx"),
            live.calls("a"),
            live.calls("nobody"),
            live.permits()
        ),
        (2, 1, 0, 3)
    );
    live.release(first);
    assert_eq!(live.calls("pbx"), 1);
    let third = live.try_admit(now, &tables, pbx).unwrap();
    for permit in [second, third, other] {
        live.release(permit);
    }
    assert_eq!((live.calls("pbx"), live.calls("a"), live.permits()), (0, 0, 0));
}

#[test]
fn max_cps_holds_whether_calls_last_or_end_at_once() {
    let tables = tables(&carrier("a", "max_cps = 5"));
    let (mut live, start, a) = (live(&tables), Instant::now(), ix(&tables, "a"));
    let mut admitted = 0;
    for step in 0..300 {
        match live.try_admit(start + Duration::from_millis(10 * step), &tables, a) {
            Ok(permit) => {
                admitted += 1;
                live.release(permit);
            }
            Err(refusal) => assert_eq!(refusal, Refusal::Cps),
        }
    }
    assert!(
        (15..=20).contains(&admitted),
        "{admitted} calls in three seconds at five per second"
    );
}

#[test]
fn a_refused_call_uses_up_nothing() {
    let tables = tables(&carrier("a", "max_calls = 1\nmax_cps = 2"));
    let (mut live, now, a) = (live(&tables), Instant::now(), ix(&tables, "a"));
    let permit = live.try_admit(now, &tables, a).unwrap();
    for _ in 0..10 {
        assert_eq!(live.try_admit(now, &tables, a), Err(Refusal::Calls));
    }
    live.release(permit);
    let permit = live.try_admit(now, &tables, a).unwrap();
    live.release(permit);
    assert_eq!(live.try_admit(now, &tables, a), Err(Refusal::Cps));
}

#[test]
fn a_disabled_trunk_takes_no_call() {
    let tables = tables(&carrier("a", "enabled = false"));
    assert_eq!(
        live(&tables).try_admit(Instant::now(), &tables, ix(&tables, "a")),
        Err(Refusal::Disabled)
    );
}

#[test]
fn nothing_is_admitted_before_tables_are_installed() {
    let tables = tables(&carrier("a", ""));
    assert_eq!(
        Live::new().try_admit(Instant::now(), &tables, ix(&tables, "a")),
        Err(Refusal::Disabled)
    );
}

#[test]
fn counts_follow_a_trunk_by_name_when_a_reload_moves_it_and_changes_its_limit() {
    let before = tables(&(carrier("a", "max_calls = 2") + &carrier("b", "")));
    let after = tables(&[carrier("c", ""), carrier("b", ""), carrier("a", "max_calls = 1")].concat());
    let (mut live, now) = (live(&before), Instant::now());
    let permit = live.try_admit(now, &before, ix(&before, "a")).unwrap();
    live.install(&after);
    assert_eq!(live.calls("a"), 1);
    assert_eq!(live.try_admit(now, &after, ix(&after, "a")), Err(Refusal::Calls));
    // A call planned with the tables of before the reload is counted on the same trunk.
    assert_eq!(
        live.try_admit(now, &before, ix(&before, "a")),
        Err(Refusal::Calls)
    );
    live.release(permit);
    let permit = live.try_admit(now, &before, ix(&before, "a")).unwrap();
    assert_eq!((live.calls("a"), live.calls("c")), (1, 0));
    live.release(permit);
    assert_eq!(live.permits(), 0);
}

#[test]
fn a_removed_trunk_takes_no_call_but_keeps_its_count_until_its_calls_have_ended() {
    let before = tables(&(carrier("a", "") + &carrier("b", "")));
    let after = tables(&carrier("b", ""));
    let (mut live, now) = (live(&before), Instant::now());
    let permit = live.try_admit(now, &before, ix(&before, "a")).unwrap();
    live.install(&after);
    assert_eq!(
        live.try_admit(now, &before, ix(&before, "a")),
        Err(Refusal::Disabled)
    );
    assert_eq!(live.calls("a"), 1);
    // It comes back while the call is still on.
    live.install(&before);
    assert_eq!(live.calls("a"), 1);
    let second = live.try_admit(now, &before, ix(&before, "a")).unwrap();
    live.install(&after);
    live.release(permit);
    assert_eq!(live.calls("a"), 1);
    live.release(second);
    assert_eq!((live.calls("a"), live.permits()), (0, 0));
}

#[test]
fn a_target_goes_down_with_the_third_miss_in_a_row_and_up_with_one_answer() {
    let tables = tables(&pair("a"));
    let (mut live, now, a) = (live(&tables), Instant::now(), ix(&tables, "a"));
    let mut note = |outcome| live.note_target(now, &tables, a, 0, outcome);
    use Outcome::{Alive, DownCode, Miss};
    let table = [
        (Miss, None),
        (Miss, None),
        (Alive, None),
        (Miss, None),
        (Miss, None),
        (Miss, Some(HealthChange::Down)),
        (Miss, None),
        (Alive, Some(HealthChange::Up)),
        (Alive, None),
        (Miss, None),
        (DownCode, Some(HealthChange::Down)),
        (DownCode, None),
        (Alive, Some(HealthChange::Up)),
    ];
    for (step, (outcome, expected)) in table.into_iter().enumerate() {
        assert_eq!(note(outcome), expected, "step {step}: {outcome:?}");
    }
}

#[test]
fn each_target_has_its_own_health_and_keeps_it_by_uri_over_a_reload() {
    let before = tables(&pair("a"));
    let after = tables(
        "[[trunk]]\nname = \"a\"\nrole = \"carrier\"\n\
         targets = [{ uri = \"sip:two.example.com\" }, { uri = \"sip:three.example.com\" }, { uri = \"sip:one.example.com\" }]\n",
    );
    let (mut live, now, a) = (live(&before), Instant::now(), ix(&before, "a"));
    live.note_target(now, &before, a, 1, Outcome::DownCode);
    assert!(live.is_up(&before, a, 0) && !live.is_up(&before, a, 1));
    live.install(&after);
    assert_eq!(
        [0, 1, 2].map(|target| live.is_up(&after, a, target)),
        [false, true, true]
    );
    // The older tables' indices still mean the same targets.
    assert_eq!([0, 1].map(|target| live.is_up(&before, a, target)), [true, false]);
    assert_eq!(
        live.note_target(now, &before, a, 1, Outcome::Alive),
        Some(HealthChange::Up)
    );
    assert!(live.is_up(&after, a, 0));
    assert_eq!(live.note_target(now, &after, a, 9, Outcome::DownCode), None);
}

/// What may happen to a model of the whole.
#[derive(Debug, Clone)]
enum Step {
    Admit(usize),
    Release(usize),
    Reload(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..3).prop_map(Step::Admit),
        4 => (0usize..8).prop_map(Step::Release),
        1 => (0usize..3).prop_map(Step::Reload),
        1 => (0u64..400).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn counts_agree_with_the_permits_that_are_out_whatever_happens(steps in proptest::collection::vec(step(), 1..200)) {
        let configs = [
            tables(&[carrier("a", "max_calls = 2"), carrier("b", "max_cps = 3"), carrier("c", "")].concat()),
            tables(&[carrier("c", "max_calls = 1"), carrier("a", "")].concat()),
            tables(&carrier("b", "enabled = false")),
        ];
        let names = ["a", "b", "c"];
        let mut live = live(&configs[0]);
        let mut now = Instant::now();
        let mut current = 0;
        let mut out: Vec<(&str, Permit)> = Vec::new();
        for step in steps {
            match step {
                Step::Admit(trunk) => {
                    // Sometimes by tables that are no longer in force.
                    let tables = if trunk == 0 { &configs[0] } else { &configs[current] };
                    let name = names[trunk];
                    if let Some(ix) = tables.trunk_named(name)
                        && let Ok(permit) = live.try_admit(now, tables, ix)
                    {
                        let trunk = configs[current].trunk_named(name).map(|ix| configs[current].trunk(ix));
                        prop_assert!(trunk.is_some_and(|trunk| trunk.enabled));
                        out.push((name, permit));
                        let most = trunk.and_then(|trunk| trunk.max_calls).unwrap_or(u32::MAX);
                        prop_assert!(live.calls(name) <= most);
                    }
                }
                Step::Release(which) => {
                    if !out.is_empty() {
                        let (_, permit) = out.swap_remove(which % out.len());
                        live.release(permit);
                    }
                }
                Step::Reload(which) => {
                    current = which;
                    live.install(&configs[which]);
                }
                Step::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
            }
            let mut counts: HashMap<&str, u32> = HashMap::new();
            for (name, _) in &out {
                *counts.entry(name).or_default() += 1;
            }
            for name in names {
                prop_assert_eq!(live.calls(name), counts.get(name).copied().unwrap_or(0), "{}", name);
            }
            prop_assert_eq!(live.permits(), out.len() as u64);
        }
        for (_, permit) in out {
            live.release(permit);
        }
        prop_assert_eq!(live.permits(), 0);
    }
}
