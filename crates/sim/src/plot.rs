//! The picture: who gets the calls over a day with outages, and what part of the oracle's gain each way of picking makes.

mod bars;
mod shares;
mod svg;

pub use bars::Bar;

use crate::report::{Run, Who, gain, scenarios};
use crate::scenario::{DAY, Scenario};
use crate::world::calls;
use shares::{Panel, panels};
use svg::Svg;

/// Width of the whole, in pixels.
const WIDTH: f64 = 960.0;

/// Whose shares are drawn, from top to bottom.
const SHOWN: [Who; 4] = [Who::Oracle, Who::Learner, Who::ThresholdLocking, Who::LeastCost];

/// The bars: per scenario and over all, for each that is measured.
pub fn bars(runs: &[Run]) -> Vec<Bar<'_>> {
    let of = |name| {
        let its: Vec<&Run> = runs
            .iter()
            .filter(|run| name == "all" || run.scenario == name)
            .collect();
        let parts = Who::MEASURED.map(|who| gain(&its, who));
        Bar { name, parts }
    };
    scenarios(runs).into_iter().chain(["all"]).map(of).collect()
}

/// Draws a day of a scenario from this seed, and the bars of these runs.
pub fn draw(scenario: Scenario, seed: u64, runs: &[Run]) -> String {
    let world = scenario.world(seed, DAY);
    let calls = calls(&world);
    let days: Vec<_> = SHOWN.map(|who| (who.name(), who.day(&world, &calls))).into();
    let Panel { height, draw } = panels(&world, &days, scenario.name(), seed);
    let bars = bars(runs);
    let mut svg = Svg::new(WIDTH, height + bars::HEIGHT);
    svg.put(&draw);
    let seeds = || runs.iter().map(|run| run.seed);
    let seeds = format!("{}-{}", seeds().min().unwrap_or(0), seeds().max().unwrap_or(0));
    bars::draw(&mut svg, height, &bars, &seeds);
    svg.end()
}
