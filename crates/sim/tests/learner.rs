//! What the learner has to hold, on a few short days of the seeds that it was tuned on. How well it does on others: `docs/benchmarks.md`.

use sim::engine::{Picker, play};
use sim::measure::{Back, Day, turns};
use sim::policy::{Learner, LeastCost, Oracle};
use sim::report::{Run, Who, gain, run};
use sim::scenario::Scenario;
use sim::world::{Call, Effect, Episode, HOUR, MINUTE, Scope, World, calls};

fn learner(world: &World, calls: &[Call]) -> Day {
    play(world, calls, Picker::Blind(&mut Learner::new(world)))
}

fn oracle(world: &World, calls: &[Call]) -> Day {
    play(world, calls, Picker::Oracle(Oracle::new(world)))
}

#[test]
fn it_beats_plain_least_cost_and_threshold_locking_and_explores_within_its_budget() {
    let runs: Vec<Run> = [
        (Scenario::Steady, 0),
        (Scenario::Liars, 1),
        (Scenario::Everything, 0),
    ]
    .into_iter()
    .map(|(scenario, seed)| run(scenario, seed, 4 * HOUR))
    .collect();
    let all: Vec<&Run> = runs.iter().collect();
    let (ours, locking) = (gain(&all, Who::Learner), gain(&all, Who::ThresholdLocking));
    assert!(ours.mean > 0.7, "{ours}");
    assert!(ours.mean > locking.mean + 0.1, "{ours}, {locking}");
    for run in &runs {
        let figures = &run.figures[0];
        assert_eq!(figures.who, Who::Learner);
        assert!(figures.utility > run.least_cost, "{} {}", run.scenario, run.seed);
        assert!(figures.utility < run.oracle, "{} {}", run.scenario, run.seed);
        // Three calls of a hundred, as the classes say.
        assert!(
            figures.explored.iter().all(|part| (0.0..=0.0301).contains(part)),
            "{:?}",
            figures.explored
        );
        assert!(
            figures.explored_money.iter().all(|part| *part <= 1.0),
            "{:?}",
            figures.explored_money
        );
    }
}

#[test]
fn a_carrier_that_refuses_everything_loses_its_share_within_a_minute_and_is_back_in_ten() {
    let mut world = Scenario::Steady.world(2, 3 * HOUR);
    let all = calls(&world);
    let before = learner(&world, &all);
    // Whoever has the most of the calls when the first hour is over.
    let mut counts = vec![0; world.carriers.len()];
    let hour = HOUR as u32;
    for first in before
        .firsts
        .iter()
        .filter(|first| (hour / 2..hour).contains(&first.at))
    {
        counts[usize::from(first.carrier)] += 1;
    }
    let (victim, _) = counts
        .iter()
        .enumerate()
        .max_by_key(|(_, count)| **count)
        .unwrap();
    world.carriers[victim].episodes = vec![Episode {
        from: HOUR,
        until: HOUR + 40 * MINUTE,
        scope: Scope::All,
        effect: Effect::Refuses(1.0),
    }];
    let turns = turns(&world, &oracle(&world, &all), &learner(&world, &all));
    assert_eq!(turns.len(), 1, "the oracle minds it too");
    let turn = &turns[0];
    assert!(turn.lost_in_time(), "{turn:?}");
    let Back::After(back) = turn.back else {
        panic!("{turn:?}")
    };
    assert!(back <= 10 * MINUTE, "{turn:?}");
}

#[test]
fn switched_off_it_is_plain_least_cost() {
    let world = Scenario::Outages.world(3, HOUR);
    let all = calls(&world);
    let settings = route::quality::Settings {
        learns: false,
        ..Default::default()
    };
    let off = play(&world, &all, Picker::Blind(&mut Learner::with(&world, settings)));
    let plain = play(&world, &all, Picker::Blind(&mut LeastCost));
    let differ = off.firsts.iter().zip(&plain.firsts).find(|(a, b)| a != b);
    assert_eq!(differ, None);
}

#[test]
fn the_same_day_is_played_the_same_way() {
    let world = Scenario::Everything.world(4, HOUR / 2);
    let all = calls(&world);
    let (once, again) = (learner(&world, &all), learner(&world, &all));
    assert!(once.firsts == again.firsts);
    assert_eq!(once.classes, again.classes);
}
