//! `overload --daemon target/release/tandem`: once, three times and ten times what the daemon can serve under a processor quota.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use tandem_benches::overload::{Run, SHARE, Stage};
use tandem_benches::report::table;

/// What the daemon still serves when it is offered more than it can.
#[derive(Debug, Parser)]
struct Options {
    /// The daemon, built for release.
    #[arg(long, default_value = "target/release/tandem")]
    daemon: PathBuf,
    /// Seconds at each rate, each time.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How often each rate comes, one after the other: a machine is not as fast all the time.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Calls per second to begin the search for the peak with.
    #[arg(long, default_value_t = 100.0)]
    from: f64,
    /// Print the figures, and say nothing of what they should be.
    #[arg(long)]
    no_check: bool,
}

/// For how long transactions linger, T1 being 500 ms (RFC 3261 §17).
const LINGER: Duration = Duration::from_secs(32);
/// Raised by so much until more is offered than is served.
const STEP: f64 = 1.25;
/// What is offered, in what the search found: the peak is what is served of somewhat more than that.
const TIMES: [f64; 3] = [1.1, 3.0, 10.0];
/// How much of the peak is to be served then.
const SHARES: [f64; 3] = [1.0, 0.9, 0.6];

fn main() -> Result<()> {
    let options = Options::parse();
    let stage = Stage::start(&options.daemon)?;
    let time = Duration::from_secs(options.seconds);
    let best = search(&stage, options.from, time)?;
    // What it can do for a moment, it can't for long: what ended calls leave behind for 32 s has to be there.
    stage.offer(best, LINGER)?;
    let mut runs = TIMES.map(|_| Run::default());
    for _ in 0..options.rounds {
        for (run, times) in runs.iter_mut().zip(TIMES) {
            run.add(stage.offer(best * times, time)?);
        }
    }
    let [peak, ..] = &runs;
    let best = peak.served();
    let cpu_per_call = peak.cpu_us / peak.outcome.served.max(1) as f64;
    println!(
        "\n{:.0} % of one processor, {} times {} s; the peak is {best:.0} calls/s, at {cpu_per_call:.0} µs each\n",
        SHARE * 100.0,
        options.rounds,
        options.seconds
    );
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, best, cpu_per_call)).collect();
    let head = [
        "offered/s",
        "served/s",
        "of peak",
        "refused",
        "silent",
        "unfinished",
        "refused in ms (50, 99, 100 %)",
        "µs per refused",
        "kB before, after",
    ];
    let head = head.map(str::to_owned).to_vec();
    table(&[vec![head], rows].concat());
    if options.no_check {
        return Ok(());
    }
    for (run, share) in runs.iter().zip(SHARES) {
        let (served, outcome) = (run.served() / best, &run.outcome);
        ensure!(
            served >= share,
            "{:.0}/s: {served:.2} of the peak is served",
            run.rate
        );
        ensure!(
            outcome.unfinished == 0,
            "{} calls were taken and not finished",
            outcome.unfinished
        );
        ensure!(
            outcome.unasked == 0,
            "{} refusals without Retry-After",
            outcome.unasked
        );
    }
    Ok(())
}

/// The most that was served, of more and more.
fn search(stage: &Stage, from: f64, time: Duration) -> Result<f64> {
    let (mut rate, mut best) = (from, 0.0_f64);
    loop {
        let run = stage.offer(rate, time)?;
        best = best.max(run.served());
        println!(
            "{rate:.0} calls/s offered: {:.0} served, {} refused",
            run.served(),
            run.outcome.refused
        );
        if run.served() < 0.95 * rate {
            return Ok(best);
        }
        rate *= STEP;
    }
}

fn row(run: &Run, best: f64, cpu_per_call: f64) -> Vec<String> {
    let outcome = &run.outcome;
    let for_refused = run.cpu_us - cpu_per_call * outcome.served as f64;
    let per_refused = for_refused / outcome.refused.max(1) as f64;
    let [median, most, longest] = outcome.refusal_ms();
    vec![
        format!("{:.0}", run.rate),
        format!("{:.0}", run.served()),
        format!("{:.0} %", 100.0 * run.served() / best),
        outcome.refused.to_string(),
        outcome.silent.to_string(),
        outcome.unfinished.to_string(),
        format!("{median:.0}, {most:.0}, {longest:.0}"),
        // Where few are refused the difference is of two large numbers.
        if outcome.refused > outcome.served {
            format!("{per_refused:.0}")
        } else {
            "-".to_owned()
        },
        format!("{}, {}", run.memory_kb.0, run.memory_kb.1),
    ]
}
