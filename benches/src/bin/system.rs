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
use tandem_benches::media::Engine;
use tandem_benches::report::{median, table};
use tandem_benches::{media, signalling};
use testbed::load::LoadReport;

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
    /// Seconds of talk in a media round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// After the media rounds: this many calls more at a time, until a packet is lost; 0: no.
    #[arg(long, default_value_t = 0)]
    ramp: usize,
    /// The most calls of a ramp.
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
            options.seconds,
        ) = (0, 200, 100, 20, 2);
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

fn media_table(options: &Options) -> Result<usize> {
    let load = media::Load {
        calls: options.held,
        time: Duration::from_secs(options.seconds),
    };
    let _times = media::ProgramTimes::keep().context("the eBPF program's time cannot be measured")?;
    let (mut rounds, mut direct) = (Engine::ALL.map(|_| Vec::new()), Vec::new());
    for number in 0..=options.rounds {
        eprintln!("media, round {number} of {}", options.rounds);
        for (engine, rounds) in Engine::ALL.into_iter().zip(&mut rounds) {
            let round = media::round(engine, &options.daemon, load)?;
            if number > 0 || options.quick {
                rounds.push(round);
            }
        }
        if number > 0 || options.quick {
            direct.push(media::direct(load));
        }
    }
    print_media(options, &rounds, &direct);
    for engine in Engine::ALL.into_iter().filter(|_| options.ramp > 0) {
        let time = Duration::from_secs(options.seconds);
        let ramp = media::ramp(engine, &options.daemon, options.ramp, options.most, time)?;
        let broke = ramp.broke.map_or("no more were tried".to_owned(), |calls| {
            format!("packets lost at {calls}")
        });
        println!("{}: {} calls without loss, {broke}", engine.name(), ramp.clean);
    }
    let [kernel, ours, ..] = &rounds;
    Ok(kernel.iter().chain(ours).filter(|round| !round.counts()).count())
}

fn print_media(options: &Options, rounds: &[Vec<media::Round>; 4], direct: &[LoadReport]) {
    let base = |share: f64| median(direct.iter().map(|report| report.latency_us(share) as f64));
    println!(
        "{} calls held, G.711 20 ms both ways for {} s",
        options.held, options.seconds
    );
    let head = [
        "",
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
    for (engine, rounds) in Engine::ALL.into_iter().zip(rounds) {
        rows.push(media_row(engine.name(), rounds, base));
    }
    table(&rows);
    println!(
        "without a relay: p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs",
        base(0.5),
        base(0.99),
        base(0.999)
    );
    let cpu = |rounds: &[media::Round]| {
        median(
            rounds
                .iter()
                .filter(|round| round.counts())
                .map(|round| round.cpu_us),
        )
    };
    let [kernel, ours, bare, theirs] = rounds;
    for (name, ours, other, theirs, limit) in [
        ("Tandem in the kernel", kernel, "rtpengine", theirs, "0.10"),
        ("Tandem in userspace", ours, "rtpengine", theirs, "0.70"),
        ("Tandem in userspace", ours, "bare relay", bare, "1.20"),
    ] {
        let ratio = ratio(cpu(ours), cpu(theirs));
        println!("{name} / {other}: {ratio} (at most {limit})");
    }
}

/// 0 is what no round that counts gives.
fn ratio(ours: f64, theirs: f64) -> String {
    if ours > 0.0 && theirs > 0.0 {
        format!("{:.3}", ours / theirs)
    } else {
        "not measured, no round counts".to_owned()
    }
}

/// One line of the media table; `base` is the latency without a relay, µs, for a share of packets.
fn media_row(name: &str, rounds: &[media::Round], base: impl Fn(f64) -> f64) -> Vec<String> {
    let good = rounds.iter().filter(|round| round.counts());
    let figure = |of: &dyn Fn(&media::Round) -> f64| median(good.clone().map(of));
    let added = |share: f64| figure(&|round| round.report.latency_us(share) as f64 - base(share)).max(0.0);
    vec![
        name.to_owned(),
        format!("{:.2}", figure(&|round| round.cpu_us)),
        format!("{:.2}", figure(&|round| round.program_us)),
        format!("{:.0}", added(0.5)),
        format!("{:.0}", added(0.99)),
        format!("{:.0}", added(0.999)),
        format!("{:.1}", figure(&|round| round.memory_kb)),
        format!("{:.1}", figure(&|round| round.sockets)),
        format!("{:.1}", figure(&media::Round::total_kb)),
        rounds
            .iter()
            .map(|round| round.report.lost)
            .sum::<u64>()
            .to_string(),
        rounds
            .iter()
            .map(|round| round.report.reordered)
            .sum::<u64>()
            .to_string(),
        format!("{}/{}", good.clone().count(), rounds.len()),
    ]
}
