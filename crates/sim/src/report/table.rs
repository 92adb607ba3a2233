//! The tables that `tandem-sim run` prints.

use super::{Figures, Run, Who};
use crate::measure::{Back, Interval, Turn, median, percentile};
use crate::world::Ms;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Part of the oracle's gain per scenario and over all, then how soon shares went and came back, then what exploring took.
pub fn table(runs: &[Run]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = gains(&mut text, runs)
        .and_then(|()| shares(&mut text, runs))
        .and_then(|()| exploring(&mut text, runs));
    text
}

pub(crate) fn scenarios(runs: &[Run]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&&*run.scenario) {
            names.push(&run.scenario);
        }
    }
    names
}

fn of(run: &Run, who: Who) -> Option<&Figures> {
    run.figures.iter().find(|figures| figures.who == who)
}

/// Part of the oracle's gain over plain least cost, a seed being a sample: of several scenarios all their gains together.
pub fn gain(runs: &[&Run], who: Who) -> Interval {
    let mut by_seed: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for run in runs {
        if let Some(figures) = of(run, who) {
            let (its, most) = by_seed.entry(run.seed).or_default();
            *its += figures.utility - run.least_cost;
            *most += run.oracle - run.least_cost;
        }
    }
    let samples: Vec<(f64, f64)> = by_seed.into_values().collect();
    Interval::of_ratio(&samples)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, many) = values.fold((0.0, 0_u32), |(sum, many), value| (sum + value, many + 1));
    sum / f64::from(many.max(1))
}

fn gains(text: &mut String, runs: &[Run]) -> std::fmt::Result {
    write!(
        text,
        "{:<12} {:>7} {:>7} {:>7}",
        "scenario", "calls", "oracle", "plain"
    )?;
    for who in Who::MEASURED {
        write!(text, "  {:>18} {:>6} {:>6}", who.name(), "worth", "cost")?;
    }
    writeln!(text)?;
    let mut names = scenarios(runs);
    if names.len() > 1 {
        names.push("all");
    }
    for name in names {
        let its: Vec<&Run> = runs
            .iter()
            .filter(|run| name == "all" || run.scenario == name)
            .collect();
        let calls = mean(its.iter().map(|run| run.calls as f64));
        let oracle = mean(its.iter().map(|run| run.oracle));
        let plain = mean(its.iter().map(|run| run.least_cost));
        write!(text, "{name:<12} {calls:>7.0} {oracle:>7.4} {plain:>7.4}")?;
        for who in Who::MEASURED {
            let gain = gain(&its, who).to_string();
            let figures = || its.iter().filter_map(|run| Some((run, of(run, who)?)));
            let worth = mean(figures().map(|(_, figures)| figures.worth));
            let cost = mean(figures().map(|(run, figures)| figures.cost / run.least_cost_cost));
            write!(text, "  {gain:>18} {worth:>6.4} {cost:>6.3}")?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}

fn seconds(ms: Ms) -> f64 {
    ms as f64 / 1000.0
}

fn shares(text: &mut String, runs: &[Run]) -> std::fmt::Result {
    for who in Who::MEASURED {
        for name in scenarios(runs).into_iter().chain(["all"]) {
            let its = runs.iter().filter(|run| name == "all" || run.scenario == name);
            turned_line(text, who, name, &turns(its, who))?;
        }
        let all = turns(runs.iter(), who);
        let effects: BTreeSet<&str> = all.iter().map(|turn| &*turn.effect).collect();
        for effect in &effects {
            let its: Vec<Turn> = all
                .iter()
                .filter(|turn| turn.effect == *effect)
                .cloned()
                .collect();
            turned_line(text, who, effect, &its)?;
        }
    }
    writeln!(text)
}

fn turns<'a>(runs: impl Iterator<Item = &'a Run>, who: Who) -> Vec<Turn> {
    let figures = runs.filter_map(|run| of(run, who));
    figures
        .flat_map(|figures| figures.turns.iter().cloned())
        .collect()
}

fn turned_line(text: &mut String, who: Who, name: &str, turns: &[Turn]) -> std::fmt::Result {
    if turns.is_empty() {
        return Ok(());
    }
    writeln!(text, "{:<18} {name:<12} {}", who.name(), turned(turns))
}

/// How soon carriers lost their share and were back.
fn turned(turns: &[Turn]) -> String {
    let part = |of: usize, all: usize| 100.0 * of as f64 / all.max(1) as f64;
    let in_time = turns.iter().filter(|turn| turn.lost_in_time()).count();
    let lost: Vec<(usize, Ms)> = turns.iter().filter_map(|turn| turn.lost).collect();
    let attempts: Vec<f64> = lost.iter().map(|(attempts, _)| *attempts as f64).collect();
    let took: Vec<f64> = lost.iter().map(|(_, after)| seconds(*after)).collect();
    let asked: Vec<bool> = turns.iter().filter_map(Turn::back_in_time).collect();
    let returned = asked.iter().filter(|in_time| **in_time).count();
    let back: Vec<f64> = turns
        .iter()
        .filter_map(|turn| match turn.back {
            Back::After(after) => Some(seconds(after)),
            Back::Unasked | Back::Never => None,
        })
        .collect();
    let pair = |values: &[f64]| {
        let of = |part| percentile(values, part).unwrap_or(f64::NAN);
        format!("{:.0}/{:.0}", median(values).unwrap_or(f64::NAN), of(0.9))
    };
    format!(
        "{} went bad: {:.1} % lost their share in time, after {} attempts and {} s (median/90 %), {} never; {} came back: {:.1} % in time, after {} s",
        turns.len(),
        part(in_time, turns.len()),
        pair(&attempts),
        pair(&took),
        turns.len() - lost.len(),
        asked.len(),
        part(returned, asked.len()),
        pair(&back),
    )
}

fn exploring(text: &mut String, runs: &[Run]) -> std::fmt::Result {
    for who in Who::MEASURED {
        let all = |pick: fn(&Figures) -> &Vec<f64>| -> Vec<f64> {
            let figures = runs.iter().filter_map(|run| of(run, who));
            figures
                .flat_map(|figures| pick(figures).iter().copied())
                .collect()
        };
        let (calls, money) = (all(|of| &of.explored), all(|of| &of.explored_money));
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        writeln!(
            text,
            "{:<18} explored with {:.2} % of the calls on the average, at most {:.2} % of a class's; with {:.1} % of the money that it may, at most {:.1} %",
            who.name(),
            100.0 * mean(calls.iter().copied()),
            100.0 * most(&calls),
            100.0 * mean(money.iter().copied()),
            100.0 * most(&money),
        )?;
        let figures = || runs.iter().filter_map(|run| of(run, who));
        let tests: Vec<f64> = figures().map(|of| of.tests as f64).collect();
        if most(&tests) > 0.0 {
            writeln!(
                text,
                "{:<18} made {:.0} test calls a day on the average, at most {:.0}; they cost {:.2} % of what all calls did, at most {:.2} %",
                who.name(),
                mean(tests.iter().copied()),
                most(&tests),
                100.0 * mean(figures().map(|of| of.tests_cost)),
                100.0 * most(&figures().map(|of| of.tests_cost).collect::<Vec<f64>>()),
            )?;
        }
    }
    Ok(())
}
