use super::*;

const MINUTE: u64 = 60_000;

fn test_call(keys: &str) -> TestCall {
    let text = format!(
        "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"a\"\nrole = \"carrier\"\n\
         targets = [{{ uri = \"sip:192.0.2.1\" }}]\n[[test_call]]\nname = \"t\"\n{keys}\n"
    );
    let config = config::parse(&text, "test").unwrap();
    config.test_calls[0].clone()
}

/// A draw that is not random, but not even either.
fn draws() -> impl FnMut() -> u64 {
    let mut state = 7_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 20
    }
}

/// What is made in so much virtual time: when, over which trunk, to which number.
fn run(schedule: &mut Schedule, from: u64, time: u64, cost: u64) -> Vec<(u64, String, String)> {
    let mut draw = draws();
    let mut made = Vec::new();
    let mut now = from;
    while now < from + time {
        if let Some(lane) = schedule.due(now) {
            let due = schedule.what(lane).unwrap();
            let may = schedule.is_open(now) && schedule.may(now, cost).is_ok();
            if may {
                schedule.make(now, cost);
                made.push((now, due.trunk, due.number));
            }
            schedule.pass(lane, now, may, draw());
        } else {
            now += 500;
        }
    }
    made
}

fn trunks(many: usize) -> Vec<String> {
    (0..many).map(|n| format!("c{n}")).collect()
}

#[test]
fn tests_are_spread_evenly_and_every_trunk_has_its_numbers_in_turn() {
    let of = test_call(
        "numbers = [\"+442079460001\", \"+442079460002\"]\nown = [\"+442079460003\"]\nevery = \"15m\"",
    );
    let mut schedule = Schedule::new(0, &of, &trunks(5), &mut draws());
    let made = run(&mut schedule, 0, 24 * 60 * MINUTE, 0);
    assert!((475..=480).contains(&made.len()), "{}", made.len());
    for trunk in trunks(5) {
        let of: Vec<&(u64, String, String)> = made.iter().filter(|(_, name, _)| *name == trunk).collect();
        for pair in of.windows(2) {
            let gap = pair[1].0 - pair[0].0;
            assert!((13 * MINUTE..=17 * MINUTE).contains(&gap), "{gap}");
            assert_ne!(pair[0].2, pair[1].2);
        }
        let numbers: std::collections::BTreeSet<&str> = of.iter().map(|(.., n)| n.as_str()).collect();
        assert_eq!(numbers.len(), 3);
    }
    // Never in a heap, and never by the beat of a clock.
    let gaps: Vec<u64> = made.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(gaps.iter().all(|gap| *gap >= MINUTE), "{:?}", gaps.iter().min());
    let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(most - least > MINUTE / 2, "{least} {most}");
}

#[test]
fn no_more_is_made_in_any_day_than_the_budget_has() {
    let of = test_call(
        "numbers = [\"+442079460001\"]\nevery = \"1m\"\nbudget = { calls_per_day = 100, money_per_day = 0.5 }",
    );
    for (cost, most) in [(0, 100), (1_000_000, 100), (10_000_000, 50), (600_000_000, 0)] {
        let mut schedule = Schedule::new(0, &of, &trunks(3), &mut draws());
        let made = run(&mut schedule, 0, 3 * DAY_MS, cost);
        let within = |from: u64| {
            let calls = made.iter().filter(|(at, ..)| (from..from + DAY_MS).contains(at));
            calls.count()
        };
        let hours = (0..48).map(|hour| within(hour * 60 * MINUTE));
        assert_eq!(hours.max().unwrap(), most, "{cost}");
        assert!(most == 0 || made.len() >= 2 * most, "{cost}: {}", made.len());
    }
}

#[test]
fn nothing_is_made_outside_of_the_window_or_caught_up_with() {
    let of = test_call("numbers = [\"+442079460001\"]\nevery = \"10m\"\nwindow = [\"mon-sun 08:00-10:00\"]");
    let mut schedule = Schedule::new(0, &of, &trunks(2), &mut draws());
    let made = run(&mut schedule, 0, DAY_MS, 0);
    let hours = |at: &u64| at / (60 * MINUTE);
    assert!(made.iter().all(|(at, ..)| (8..10).contains(&hours(at))));
    assert!((22..=26).contains(&made.len()), "{}", made.len());
    // The process slept: one each, not all that was missed.
    let later = DAY_MS + 9 * 60 * MINUTE;
    let woken = run(&mut schedule, later, MINUTE / 2, 0);
    assert!(woken.len() <= 2, "{woken:?}");
}

#[test]
fn what_is_not_answered_costs_nothing_and_a_reload_forgives_nothing() {
    let mut of = test_call(
        "numbers = [\"+442079460001\"]\nbudget = { calls_per_day = 10, money_per_day = 0.000000002 }",
    );
    let mut draw = draws();
    let mut schedule = Schedule::new(0, &of, &trunks(1), &mut draw);
    schedule.make(10, 2);
    assert_eq!(schedule.may(20, 1), Err(Held::Money(2)));
    schedule.unanswered(10);
    assert_eq!(schedule.may(20, 1), Ok(()));
    of.budget.calls_per_day = 1;
    schedule.follow(30, &of, &trunks(2), &mut draw);
    assert_eq!(schedule.may(40, 0), Err(Held::Calls(1)));
    assert_eq!(schedule.may(10 + DAY_MS, 0), Ok(()));
}

#[test]
fn a_busy_trunk_is_tried_a_little_later() {
    let of = test_call("numbers = [\"+442079460001\"]\nevery = \"15m\"");
    let mut schedule = Schedule::new(0, &of, &trunks(1), &mut || 0);
    assert_eq!(schedule.due(0), Some(0));
    schedule.postpone(0, 0);
    // Even if it has got worse: callers go first.
    let (trunk, number) = schedule.pairs().next().unwrap();
    schedule.hasten(1_000, &HashSet::from([&(trunk, number)]));
    assert_eq!(schedule.due(AGAIN_MS - 1), None);
    assert_eq!(schedule.due(AGAIN_MS), Some(0));
}

#[test]
fn a_trunk_that_has_got_worse_is_tested_again_and_again_where_it_has_and_then_at_its_times() {
    let of = test_call(
        "numbers = [\"+442079460001\", \"+4930460002\"]\nevery = \"15m\"\nagain = \"20s\"\nbudget = { calls_per_day = 100 }",
    );
    let mut schedule = Schedule::new(0, &of, &trunks(2), &mut draws());
    run(&mut schedule, 0, 60 * MINUTE, 0);
    let worse = ("c1".to_owned(), "+4930460002".to_owned());
    let worse = HashSet::from([&worse]);
    let mut made = Vec::new();
    let start = 60 * MINUTE;
    for second in 0..300 {
        let now = start + second * 1_000;
        schedule.hasten(now, &worse);
        made.extend(run(&mut schedule, now, 1_000, 0));
    }
    let early: Vec<u64> = made
        .iter()
        .filter(|(_, trunk, number)| trunk == "c1" && number == "+4930460002")
        .map(|(at, ..)| *at)
        .collect();
    assert!((14..=16).contains(&early.len()), "{early:?}");
    assert!(
        early.windows(2).all(|pair| pair[1] - pair[0] >= 20_000),
        "{early:?}"
    );
    // Its places in time are what they were, and so are the other's.
    let after = run(&mut schedule, start + 300_000, 55 * MINUTE, 0);
    for trunk in trunks(2) {
        let its = after.iter().filter(|(_, name, _)| *name == trunk).count();
        assert!((3..=5).contains(&its), "{after:?}");
    }
    // Half of the budget is left for the others.
    for second in 0..3_600 {
        let now = start + 60 * MINUTE + second * 1_000;
        schedule.hasten(now, &worse);
        run(&mut schedule, now, 1_000, 0);
    }
    let (calls, _) = schedule.made();
    assert!((50..=60).contains(&calls), "{calls}");
}
