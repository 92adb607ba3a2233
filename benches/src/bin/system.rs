//! `system --daemon target/release/tandem`: Tandem, Kamailio and rtpengine under the same load, round by round in turn.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its figures"
)]

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tandem_benches::media::table::{Direct, Series};
use tandem_benches::media::{Engine, Row, Work};
use tandem_benches::report::{median, ratio, table};
use tandem_benches::{media, signalling};

/// Compares the release daemon with Debian's Kamailio and rtpengine on this machine.
#[derive(Debug, Parser)]
struct Options {
    /// The daemon, built for release.
    #[arg(long, default_value = "target/release/tandem")]
    daemon: PathBuf,
    /// Rounds that count; one more goes first and is dropped.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Calls of a signalling round.
    #[arg(long, default_value_t = 4000)]
    calls: u32,
    /// Calls begun per second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Calls held in a media round.
    #[arg(long, default_value_t = 500)]
    held: usize,
    /// Calls held in a media round whose audio is converted.
    #[arg(long, default_value_t = 50)]
    converted: usize,
    /// Only these rows of the media table.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Rows>,
    /// Seconds of talk in a media round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// After the media rounds: this many calls more at a time, until a packet is lost; 0: no. Converted ones as many fewer as
    /// fewer of them are held.
    #[arg(long, default_value_t = 0)]
    ramp: usize,
    /// The most calls of a ramp; of converted ones likewise.
    #[arg(long, default_value_t = 3000)]
    most: usize,
    /// Only this half.
    #[arg(long)]
    only: Option<Half>,
    /// Be the bare relay that the others are compared with.
    #[arg(long, hide = true)]
    bare: Option<String>,
    /// One short round of each, nothing dropped: whether it runs, not what it measures.
    #[arg(long)]
    quick: bool,
}

/// The two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    /// Cost per call, beside Kamailio.
    Signalling,
    /// Cost per packet, latency and memory, beside rtpengine.
    Media,
}

/// Rows of the media table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// Tandem relays in the kernel.
    Kernel,
    /// Tandem relays in its threads.
    Userspace,
    /// The least that a relay in userspace can do.
    Bare,
    /// rtpengine relays.
    Rtpengine,
    /// Tandem and rtpengine between SRTP and RTP.
    Srtp,
    /// Tandem and rtpengine between PCMU and G.722.
    G722,
    /// Tandem and rtpengine between PCMU and Opus.
    Opus,
}

impl Rows {
    fn each(self) -> Vec<Row> {
        let (engines, work): (&[Engine], Work) = match self {
            Self::Kernel => (&[Engine::Kernel], Work::Relay),
            Self::Userspace => (&[Engine::Userspace], Work::Relay),
            Self::Bare => (&[Engine::Bare], Work::Relay),
            Self::Rtpengine => (&[Engine::Rtpengine], Work::Relay),
            Self::Srtp => (&[Engine::Userspace, Engine::Rtpengine], Work::Srtp),
            Self::G722 => (&[Engine::Userspace, Engine::Rtpengine], Work::G722),
            Self::Opus => (&[Engine::Userspace, Engine::Rtpengine], Work::Opus),
        };
        engines
            .iter()
            .map(|engine| Row {
                engine: *engine,
                work,
            })
            .collect()
    }
}

impl Options {
    /// What is measured, in the order of a round.
    fn rows(&self) -> Vec<Row> {
        let chosen = |rows: &&Rows| self.rows.is_empty() || self.rows.contains(rows);
        let rows = Rows::value_variants().iter().filter(chosen);
        rows.flat_map(|rows| rows.each()).collect()
    }

    /// With how many calls.
    fn load(&self, row: Row) -> media::Load {
        let calls = if row.work.converts() {
            self.converted
        } else {
            self.held
        };
        let time = Duration::from_secs(self.seconds);
        media::Load { calls, time }
    }
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if let Some(order) = &options.bare {
        return media::bare::serve(order);
    }
    if options.quick {
        (
            options.rounds,
            options.calls,
            options.rate,
            options.held,
            options.converted,
            options.seconds,
        ) = (0, 200, 100, 20, 5, 2);
    }
    ensure!(
        options.daemon.exists(),
        "there is no daemon at {}",
        options.daemon.display()
    );
    let mut void = 0;
    if options.only != Some(Half::Media) {
        void += signalling_table(&options)?;
        println!();
    }
    if options.only != Some(Half::Signalling) {
        void += media_table(&options)?;
    }
    ensure!(
        void == 0,
        "{void} rounds were void: a call failed, a message or packet was lost or repeated"
    );
    Ok(())
}

/// Rounds of each in turn; those that don't count are said and left out of the medians. Gives how many of Tandem's were void.
fn signalling_table(options: &Options) -> Result<usize> {
    let load = signalling::Load {
        calls: options.calls,
        rate: options.rate,
        hold: Duration::from_secs(u64::from(!options.quick)),
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..=options.rounds {
        eprintln!("signalling, round {number} of {}", options.rounds);
        let pair = (
            signalling::tandem(&options.daemon, load)?,
            signalling::kamailio(load)?,
        );
        for (name, round) in [("Tandem", &pair.0), ("Kamailio", &pair.1)] {
            if !round.counts() {
                eprintln!(
                    "{name}: {} failed, {} repeated; {}",
                    round.failed, round.retransmissions, round.errors
                );
            }
        }
        if number > 0 || options.quick {
            ours.push(pair.0);
            theirs.push(pair.1);
        }
    }
    let row = |name: &str, rounds: &[signalling::Round]| {
        let good = rounds.iter().filter(|round| round.counts());
        let sum = |of: fn(&signalling::Round) -> u64| rounds.iter().map(of).sum::<u64>().to_string();
        vec![
            name.to_owned(),
            format!("{:.0}", median(good.clone().map(|round| round.cpu_us))),
            sum(|round| round.failed),
            sum(|round| round.retransmissions),
            sum(|round| round.drops),
            format!("{}/{}", good.count(), rounds.len()),
        ]
    };
    println!(
        "{} calls at {}/s, records on, media anchored (Tandem)",
        options.calls, options.rate
    );
    let head = [
        "",
        "CPU µs/call",
        "failed",
        "retransmitted",
        "buffer drops",
        "rounds that count",
    ];
    let head = head.map(str::to_owned).to_vec();
    table(&[
        head,
        row("Tandem", &ours),
        row("Kamailio, stateful proxy", &theirs),
    ]);
    let cpu = |rounds: &[signalling::Round]| {
        median(
            rounds
                .iter()
                .filter(|round| round.counts())
                .map(|round| round.cpu_us),
        )
    };
    println!(
        "Tandem / Kamailio: {} (at most 0.50, aim 0.20)",
        ratio(cpu(&ours), cpu(&theirs))
    );
    Ok(ours.iter().filter(|round| !round.counts()).count())
}

/// Rounds of each row in turn, and the ramps. Gives how many of Tandem's rounds were void.
fn media_table(options: &Options) -> Result<usize> {
    let kernel = options.rows().iter().any(|row| row.engine == Engine::Kernel);
    let times = kernel.then(media::ProgramTimes::keep).transpose();
    let _times = times.context("the eBPF program's time cannot be measured")?;
    let series = |row: Row| Series {
        row,
        calls: options.load(row).calls,
        rounds: Vec::new(),
    };
    let mut series: Vec<Series> = options.rows().into_iter().map(series).collect();
    let relayed = |work: &Work| series.iter().any(|series| series.row.work == *work);
    let works = [Work::Relay, Work::Srtp].into_iter().filter(relayed);
    let direct = |work| Direct {
        work,
        rounds: Vec::new(),
    };
    let mut direct: Vec<Direct> = works.map(direct).collect();
    for number in 0..=options.rounds {
        eprintln!("media, round {number} of {}", options.rounds);
        let kept = number > 0 || options.quick;
        for series in &mut series {
            let round = media::round(series.row, &options.daemon, options.load(series.row))?;
            if !round.counts() {
                let (name, report, drops) = (series.row.name(), &round.report, round.drops);
                let cpu_us = round.cpu_us;
                eprintln!("{name}: {cpu_us:.2} µs/packet, {drops} dropped for a full buffer; {report:?}");
            }
            series.rounds.extend(kept.then_some(round));
        }
        for direct in direct.iter_mut().filter(|_| kept) {
            let load = media::Load {
                calls: options.held,
                time: Duration::from_secs(options.seconds),
            };
            direct.rounds.push(media::direct(direct.work, load)?);
        }
    }
    media::table::print(Duration::from_secs(options.seconds), &series, &direct);
    for row in options.rows().into_iter().filter(|_| options.ramp > 0) {
        ramp(options, row)?;
    }
    let ours = series.iter().filter(|series| series.row.is_ours());
    Ok(ours.map(Series::void).sum())
}

/// Calls more and more, until a packet is lost.
fn ramp(options: &Options, row: Row) -> Result<()> {
    let load = options.load(row);
    let scaled = |calls: usize| (calls * load.calls / options.held.max(1)).max(1);
    let (step, most) = (scaled(options.ramp), scaled(options.most));
    let ramp = media::ramp(row, &options.daemon, step, most, load.time)?;
    let broke = ramp.broke.map_or("no more were tried".to_owned(), |calls| {
        format!("packets lost at {calls}")
    });
    println!("{}: {} calls without loss, {broke}", row.name(), ramp.clean);
    Ok(())
}
