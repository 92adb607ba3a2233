//! `tandem-sim`: how well carriers are picked, in simulated days of calls.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use sim::plot;
use sim::report::{Run, run_all, table};
use sim::scenario::{DAY, Scenario};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Days of calls over carriers that fail, lie, fade and come back: what part of the gain of one that knows the truth over plain least cost
/// other ways of picking carriers make.
#[derive(Debug, Parser)]
#[command(name = "tandem-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play days and print what came of them. Tune on seeds 0-99, report on 100-129.
    Run {
        /// Seeds, one or a range, such as 100-129.
        #[arg(long, default_value = "100-129")]
        seeds: String,
        /// Only this scenario; may be given several times.
        #[arg(long)]
        scenario: Vec<Scenario>,
        /// Hours that a day has.
        #[arg(long, default_value_t = 24)]
        hours: u32,
        /// Days that are played at once.
        #[arg(long)]
        jobs: Option<usize>,
        /// One JSON object per day instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Print the tables of days that `run --json` has played.
    Table {
        /// What it has written.
        runs: PathBuf,
    },
    /// Draw who gets the calls over a day with outages, and what each way of picking gains.
    Plot {
        /// The SVG file to write.
        #[arg(long, default_value = "docs/learner.svg")]
        out: PathBuf,
        /// Days whose gains are drawn: what `run --json` has written.
        runs: PathBuf,
        /// Scenario of the day that is drawn.
        #[arg(long, default_value = "outages")]
        scenario: Scenario,
        /// Seed of that day.
        #[arg(long, default_value_t = 100)]
        seed: u64,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Run {
            seeds,
            scenario,
            hours,
            jobs,
            json,
        } => {
            let scenarios = if scenario.is_empty() {
                Scenario::ALL.to_vec()
            } else {
                scenario
            };
            if !(1..=24).contains(&hours) {
                bail!("a day has {hours} hours; write 1 to 24");
            }
            let jobs = jobs.unwrap_or_else(at_once);
            let runs = run_all(&scenarios, range(&seeds)?, DAY / 24 * u64::from(hours), jobs);
            if json {
                for run in &runs {
                    println!("{}", serde_json::to_string(run)?);
                }
            } else {
                print!("{}", table(&runs));
            }
            Ok(())
        }
        Command::Table { runs } => {
            print!("{}", table(&read(&runs)?));
            Ok(())
        }
        Command::Plot {
            out,
            runs,
            scenario,
            seed,
        } => {
            let svg = plot::draw(scenario, seed, &read(&runs)?);
            std::fs::write(&out, svg).with_context(|| format!("can't write {}", out.display()))
        }
    }
}

/// Days that were played before.
fn read(path: &Path) -> Result<Vec<Run>> {
    let wrong = || format!("can't read {}", path.display());
    let text = std::fs::read_to_string(path).with_context(wrong)?;
    let run = |line| serde_json::from_str(line).with_context(wrong);
    text.lines().map(run).collect()
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn range(text: &str) -> Result<RangeInclusive<u64>> {
    let number = |text: &str| -> Result<u64> {
        let wrong = || format!("{text:?} is no seed; write a number such as 100, or a range such as 100-129");
        text.trim().parse().with_context(wrong)
    };
    match text.split_once('-') {
        Some((from, to)) => Ok(number(from)?..=number(to)?),
        None => {
            let only = number(text)?;
            Ok(only..=only)
        }
    }
}
