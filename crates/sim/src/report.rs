//! Runs scenarios over seeds and tells what came of it.

mod table;

pub(crate) use table::scenarios;
pub use table::{gain, table};

use crate::engine::{Picker, play};
use crate::measure::{Day, Totals, Turn, turns};
use crate::policy::{Learner, LeastCost, Oracle, Policy, ThresholdLocking};
use crate::scenario::Scenario;
use crate::world::{Call, Ms, World, calls};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whose day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Knows the truth.
    Oracle,
    /// The cheapest that is up.
    LeastCost,
    /// The cheapest that is up and whose ASR is not below a threshold.
    ThresholdLocking,
    /// Learns.
    Learner,
}

impl Who {
    /// All that are measured against the oracle and plain least cost.
    pub const MEASURED: [Self; 2] = [Self::Learner, Self::ThresholdLocking];

    /// As it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::LeastCost => "plain least cost",
            Self::ThresholdLocking => "threshold locking",
            Self::Learner => "learner",
        }
    }

    /// Its day.
    pub fn day(self, world: &World, calls: &[Call]) -> Day {
        let blind = |policy: &mut dyn Policy| play(world, calls, Picker::Blind(policy));
        match self {
            Self::Oracle => play(world, calls, Picker::Oracle(Oracle::new(world))),
            Self::LeastCost => blind(&mut LeastCost),
            Self::ThresholdLocking => blind(&mut ThresholdLocking::new(ThresholdLocking::BEST)),
            Self::Learner => blind(&mut Learner::new(world)),
        }
    }
}

/// What one policy made of a day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// Whose.
    pub who: Who,
    /// Utility of a call on the average.
    pub utility: f64,
    /// Its part of what the oracle gains over plain least cost.
    pub gain: f64,
    /// Worth of a call on the average.
    pub worth: f64,
    /// What all calls cost.
    pub cost: f64,
    /// Carriers that went bad and came back.
    pub turns: Vec<Turn>,
    /// Calls that explored, of those that came, by class.
    pub explored: Vec<f64>,
    /// What exploring cost, of what it may, by class.
    pub explored_money: Vec<f64>,
    /// Test calls.
    #[serde(default)]
    pub tests: u64,
    /// What they cost, of what all calls cost.
    #[serde(default)]
    pub tests_cost: f64,
}

/// One day of one scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub scenario: Cow<'static, str>,
    /// From which seed.
    pub seed: u64,
    /// Calls that came.
    pub calls: u64,
    /// Utility of a call on the average: the oracle's.
    pub oracle: f64,
    /// Utility of a call on the average: of plain least cost.
    pub least_cost: f64,
    /// What plain least cost costs.
    pub least_cost_cost: f64,
    /// Worth of a call on the average: the oracle's and that of plain least cost.
    pub bounds: (f64, f64),
    /// Those that are measured.
    pub figures: Vec<Figures>,
}

/// Plays a scenario's day of this seed under every policy.
pub fn run(scenario: Scenario, seed: u64, length: Ms) -> Run {
    let world = scenario.world(seed, length);
    let calls = calls(&world);
    let oracle = Who::Oracle.day(&world, &calls);
    let least = Who::LeastCost.day(&world, &calls);
    let figures = Who::MEASURED
        .into_iter()
        .map(|who| figures(&world, &oracle, &least, &who.day(&world, &calls), who))
        .collect();
    Run {
        scenario: scenario.name().into(),
        seed,
        calls: oracle.calls(),
        oracle: oracle.utility(),
        least_cost: least.utility(),
        least_cost_cost: least.cost(),
        bounds: (oracle.worth(), least.worth()),
        figures,
    }
}

fn figures(world: &World, oracle: &Day, least: &Day, day: &Day, who: Who) -> Figures {
    let days = world.length as f64 / 86_400_000.0;
    let classes = || world.classes.iter().zip(&day.classes);
    let part = |totals: &Totals| totals.explored as f64 / totals.calls.max(1) as f64;
    Figures {
        who,
        utility: day.utility(),
        gain: (day.utility() - least.utility()) / (oracle.utility() - least.utility()),
        worth: day.worth(),
        cost: day.cost(),
        turns: turns(world, oracle, day),
        explored: day.classes.iter().map(part).collect(),
        explored_money: classes()
            .map(|(class, totals)| totals.explored_cost / (class.explore_money * days))
            .collect(),
        tests: day.tests,
        tests_cost: day.tests_cost / day.cost().max(f64::MIN_POSITIVE),
    }
}

/// Plays all of these, several at once, and gives them in their order.
pub fn run_all(
    scenarios: &[Scenario],
    seeds: std::ops::RangeInclusive<u64>,
    length: Ms,
    jobs: usize,
) -> Vec<Run> {
    let seeds: Vec<u64> = seeds.collect();
    let todo: Vec<(Scenario, u64)> = scenarios
        .iter()
        .flat_map(|&scenario| seeds.iter().map(move |&seed| (scenario, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::with_capacity(todo.len()));
    let work = || {
        while let Some(&(scenario, seed)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            let index = todo.iter().position(|of| *of == (scenario, seed)).unwrap_or(0);
            let run = run(scenario, seed, length);
            if let Ok(mut done) = done.lock() {
                done.push((index, run));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
    let mut runs = done.into_inner().unwrap_or_default();
    runs.sort_by_key(|(index, _)| *index);
    runs.into_iter().map(|(_, run)| run).collect()
}
