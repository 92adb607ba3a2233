//! The media table and its ratios.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use super::{Engine, Round, Row, Work};
use crate::report::{self, median, ratio};
use std::time::Duration;
use testbed::load::LoadReport;

/// What was measured of one row.
#[derive(Debug)]
pub struct Series {
    /// Whose it is.
    pub row: Row,
    /// With how many calls.
    pub calls: usize,
    /// Round by round.
    pub rounds: Vec<Round>,
}

impl Series {
    /// The rounds that count.
    fn good(&self) -> impl Iterator<Item = &Round> + Clone {
        self.rounds.iter().filter(|round| round.counts())
    }

    /// How many don't.
    #[must_use]
    pub fn void(&self) -> usize {
        self.rounds.len() - self.good().count()
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.good().map(of))
    }
}

/// The same loads with nothing between, for one kind of work.
#[derive(Debug)]
pub struct Direct {
    /// Which.
    pub work: Work,
    /// Round by round.
    pub rounds: Vec<LoadReport>,
}

impl Direct {
    fn latency_us(&self, share: f64) -> f64 {
        median(self.rounds.iter().map(|report| report.latency_us(share) as f64))
    }
}

/// Prints all of it.
pub fn print(time: Duration, series: &[Series], direct: &[Direct]) {
    println!("20 ms packets both ways for {} s", time.as_secs());
    let head = [
        "",
        "calls",
        "CPU µs/packet",
        "of it the program's",
        "added p50 µs",
        "p99 µs",
        "p99.9 µs",
        "kB/call",
        "sockets/call",
        "with sockets kB/call",
        "lost",
        "reordered",
        "rounds that count",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(series.iter().map(|series| line(series, direct)));
    report::table(&rows);
    if series.iter().any(|series| series.row.work.converts()) {
        println!(
            "converted: the way of a sound's onset from Opus or G.722 to PCMU, jitter buffer and codecs' own delay included, nothing subtracted"
        );
    }
    for direct in direct {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| direct.latency_us(share));
        let name = match direct.work {
            Work::Srtp => "without a relay, SRTP",
            Work::Relay | Work::G722 | Work::Opus => "without a relay",
        };
        println!("{name}: p50 {p50:.0} µs, p99 {p99:.0} µs, p99.9 {p999:.0} µs");
    }
    ratios(series);
}

fn line(series: &Series, direct: &[Direct]) -> Vec<String> {
    let base = direct.iter().find(|direct| direct.work == series.row.work);
    let added = |share: f64| {
        let base = base.map_or(0.0, |direct| direct.latency_us(share));
        let added = series.median(|round| round.report.latency_us(share) as f64 - base);
        format!("{:.0}", added.max(0.0))
    };
    let sum = |of: fn(&LoadReport) -> u64| -> String {
        let rounds = series.rounds.iter();
        rounds.map(|round| of(&round.report)).sum::<u64>().to_string()
    };
    vec![
        series.row.name(),
        series.calls.to_string(),
        format!("{:.2}", series.median(|round| round.cpu_us)),
        format!("{:.2}", series.median(|round| round.program_us)),
        added(0.5),
        added(0.99),
        added(0.999),
        format!("{:.1}", series.median(|round| round.memory_kb)),
        format!("{:.1}", series.median(|round| round.sockets)),
        format!("{:.1}", series.median(Round::total_kb)),
        sum(|report| report.lost),
        sum(|report| report.reordered),
        format!("{}/{}", series.good().count(), series.rounds.len()),
    ]
}

/// Tandem's rows beside rtpengine's at the same work, and beside the bare relay.
fn ratios(series: &[Series]) {
    for ours in series.iter().filter(|series| series.row.is_ours()) {
        let row = ours.row;
        for theirs in series.iter().filter(|series| series.row.work == row.work) {
            let limit = match (row.engine, row.work, theirs.row.engine) {
                (Engine::Kernel, _, Engine::Rtpengine) => " (at most 0.10)",
                (Engine::Userspace, Work::Relay, Engine::Rtpengine) => " (at most 0.70)",
                (Engine::Userspace, Work::Relay, Engine::Bare) => " (at most 1.20)",
                (Engine::Userspace, _, Engine::Rtpengine) => "",
                (_, _, _) => continue,
            };
            let ratio = ratio(
                ours.median(|round| round.cpu_us),
                theirs.median(|round| round.cpu_us),
            );
            println!("{} / {}: {ratio}{limit}", row.name(), theirs.row.name());
        }
    }
}
