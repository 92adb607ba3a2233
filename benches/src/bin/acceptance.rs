//! The long runs that a release has to stand: many calls, much media, reloads under load. Each ends with the leak check.

#![allow(clippy::print_stdout, reason = "it says what it saw")]

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use testbed::bulk::{self, Held};
use testbed::load::{LoadReport, RtpLoad};
use testbed::rtp::{Comparison, End, RtpPeer, Stream, converse};
use testbed::{Bed, Setup, Stats};

/// Plays the long runs against the release daemon.
#[derive(Debug, Parser)]
struct Options {
    /// The daemon, built for release.
    #[arg(long)]
    daemon: PathBuf,
    /// Only this one.
    #[arg(long)]
    only: Option<Play>,
    /// Divides the number of calls and the time by this.
    #[arg(long, default_value_t = 1)]
    divide: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Play {
    /// 10,000 calls at 500 per second held 3 s, audio on 100 of them.
    Calls,
    /// 500 calls talk for a minute.
    Media,
    /// 2,000 calls talk for five minutes in the kernel (root).
    Kernel,
    /// 500 calls talk in the kernel while the process is killed (root).
    Killed,
    /// A reload every 100 ms for a minute under 200 calls per second.
    Reload,
}

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(
        options.daemon.exists(),
        "there is no daemon at {}",
        options.daemon.display()
    );
    for play in [Play::Calls, Play::Media, Play::Kernel, Play::Killed, Play::Reload] {
        if options.only.is_none_or(|only| only == play) {
            let divide = options.divide.max(1);
            match play {
                Play::Calls => calls(&options.daemon, divide),
                Play::Media => media(&options.daemon, divide),
                Play::Kernel => kernel(&options.daemon, divide),
                Play::Killed => killed(&options.daemon, divide),
                Play::Reload => reload(&options.daemon, divide),
            }
        }
    }
    Ok(())
}

/// SIPp calls through carrier B1; beside them a second customer at X, whose class leads to B2 alone, makes the calls that
/// carry audio.
fn with_second_customer() -> Setup {
    Setup::default()
        .impatient()
        .t1_ms(500)
        .media_ports(10_000, 19_999)
        .trunk("pbx2", &["role = \"customer\"", "sources = [\"{x}\"]", "class = \"audio\""])
        .key("pbx", "class = \"plain\"")
        .extra("[[class]]\nname = \"audio\"\ntrunks = [\"b2\"]\n\n[[class]]\nname = \"plain\"\ntrunks = [\"b1\"]\n")
}

fn calls(daemon: &Path, divide: u32) {
    const RATE: u32 = 500;
    let (plain, audio) = (9_900 / divide, 100 / divide);
    let bed = Bed::start(daemon, with_second_customer());
    let hold = Duration::from_secs(3);
    let deadline = Duration::from_secs(u64::from(plain / RATE) + 40);
    let shape = |scenario: testbed::Scenario| {
        scenario
            .calls(plain, RATE)
            .hold(hold)
            .limit(9_000)
            .deadline(deadline)
            .quiet()
    };
    let uas = bed.run(&shape(bed.uas_b1("uas_basic")));
    let uac = bed.run(&shape(bed.uac("uac_basic")));
    let compared = audio_calls(&bed, audio, hold);
    let (uac, uas) = (uac.wait(), uas.wait());
    let total = (plain + audio) as usize;
    verdict(&uac, &uas, plain);
    let lost = bed.drops();
    let records = bed.finish(total);
    println!(
        "calls: {plain} by SIPp, {compared} with audio compared, {} records, {lost} datagrams lost",
        records.len()
    );
    assert!(
        lost == 0 && compared == audio,
        "audio differed or datagrams were lost"
    );
}

fn verdict(uac: &Stats, uas: &Stats, calls: u32) {
    uac.assert_all(u64::from(calls));
    uas.assert_all(u64::from(calls));
    assert_eq!(
        uac.retransmissions + uas.retransmissions,
        0,
        "retransmissions: {uac:?} {uas:?}"
    );
}

/// `count` calls from X to B2, five begun per second, with audio both ways for most of `hold`. Gives how many heard each other clean.
fn audio_calls(bed: &Bed, count: u32, hold: Duration) -> u32 {
    let (alice, bob) = (bed.peer("X", bed.places.x), bed.peer("B2", bed.places.b2));
    let port = |base: SocketAddr, n: u32| SocketAddr::new(base.ip(), base.port() + 2 * n as u16);
    let packets = (hold.saturating_sub(Duration::from_millis(700)).as_millis() / 20) as usize;
    thread::scope(|scope| {
        let (start, mut talking, mut clean) = (Instant::now(), VecDeque::new(), 0);
        for n in 0..count {
            let due = start + Duration::from_millis(200) * n;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let ends = (port(bed.places.rtp_x, n), port(bed.places.rtp_b2, n));
            let peers = (RtpPeer::bind(ends.0), RtpPeer::bind(ends.1));
            let held = bulk::call(&alice, &bob, ends);
            let to = (held.a_to, held.b_to);
            let talk = scope.spawn(move || {
                let a = End {
                    peer: &peers.0,
                    to: to.0,
                    stream: Stream::speech(2 * n),
                };
                let b = End {
                    peer: &peers.1,
                    to: to.1,
                    stream: Stream::speech(2 * n + 1),
                };
                converse(&a, &b, packets)
            });
            talking.push_back((Instant::now() + hold, held, talk));
            while talking.front().is_some_and(|(end, _, _)| *end <= Instant::now()) {
                clean += talking
                    .pop_front()
                    .map_or(0, |(_, held, talk)| end_call(&held, talk));
            }
        }
        clean
            + talking
                .into_iter()
                .map(|(_, held, talk)| end_call(&held, talk))
                .sum::<u32>()
    })
}

fn end_call(held: &Held<'_>, talk: ScopedJoinHandle<'_, [Comparison; 2]>) -> u32 {
    let heard = talk.join().unwrap_or_default();
    held.hang_up();
    let clean = heard
        .iter()
        .all(|side| side.sent > 0 && side.identical == side.sent && side.reordered + side.foreign == 0);
    if !clean {
        println!("audio differs: {heard:?}");
    }
    u32::from(clean)
}

fn media(daemon: &Path, divide: u32) {
    let count = (500 / divide) as usize;
    let time = Duration::from_secs(u64::from(60 / divide).max(2));
    let setup = Setup::default()
        .impatient()
        .t1_ms(500)
        .media_ports(10_000, 19_999);
    let (bed, report) = talk(daemon, setup, count, time, |_| {});
    let lost = bed.drops();
    bed.finish(count);
    said("media", count, &report);
    assert!(
        lost == 0 && report.is_clean(),
        "media was lost, altered or out of order: {lost}"
    );
}

fn in_kernel() -> Setup {
    let setup = Setup::default()
        .impatient()
        .t1_ms(500)
        .media_ports(10_000, 29_999);
    setup.media("engine = \"kernel\"")
}

fn kernel(daemon: &Path, divide: u32) {
    let count = (2_000 / divide) as usize;
    let time = Duration::from_secs(u64::from(300 / divide).max(2));
    let (bed, report) = talk(daemon, in_kernel(), count, time, |_| {});
    let lost = bed.drops();
    let metrics = bed.metrics();
    let relayed = metrics
        .sum("tandem_media_kernel_packets_total")
        .unwrap_or_default();
    bed.finish(count);
    said("kernel", count, &report);
    println!("kernel: {relayed} of them never left it");
    assert!(
        lost == 0 && report.is_clean(),
        "media was lost, altered or out of order: {lost}"
    );
}

/// The process dies in the middle of the talk; its program does not.
fn killed(daemon: &Path, divide: u32) {
    let count = (500 / divide) as usize;
    let time = Duration::from_secs(u64::from(30 / divide).max(6));
    let half = time / 2;
    let (_bed, report) = talk(daemon, in_kernel(), count, time, |bed| {
        thread::sleep(half);
        testbed::proc::kill(bed.pid());
    });
    said("killed", count, &report);
    assert!(report.is_clean(), "media was lost, altered or out of order");
}

/// `count` calls talk for `time`, after two seconds in which they settle; meanwhile something happens to the daemon. If it lives,
/// they are hung up then.
fn talk(
    daemon: &Path,
    setup: Setup,
    count: usize,
    time: Duration,
    meanwhile: impl FnOnce(&Bed) + Send,
) -> (Bed, LoadReport) {
    let bed = Bed::start(daemon, setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, count);
    let rtp = RtpLoad::bind(&ends);
    let held: Vec<Held<'_>> = ends.iter().map(|rtp| bulk::call(&alice, &bob, *rtp)).collect();
    let to: Vec<_> = held.iter().map(|held| (held.a_to, held.b_to)).collect();
    let settled = rtp.run(&to, Duration::from_secs(2));
    let report = thread::scope(|scope| {
        scope.spawn(|| meanwhile(&bed));
        rtp.run(&to, time)
    });
    if bed.is_alive() {
        held.iter().for_each(Held::hang_up);
    }
    // A packet that waits in a socket while its stream moves into the kernel may be overtaken by the next.
    let whole = settled.identical == settled.sent && settled.altered + settled.misplaced == 0;
    assert!(whole, "while it settled: {settled:?}");
    (bed, report)
}

fn said(what: &str, count: usize, report: &LoadReport) {
    println!(
        "{what}: {count} calls, {} packets, {} lost, {} out of order, {} altered; p50 {} µs, p99 {} µs, p99.9 {} µs",
        report.sent,
        report.lost,
        report.reordered,
        report.altered,
        report.latency_us(0.5),
        report.latency_us(0.99),
        report.latency_us(0.999),
    );
}

/// Valid and invalid files in turn; the valid ones differ, so that each is a change.
fn reload(daemon: &Path, divide: u32) {
    const RATE: u32 = 200;
    let time = Duration::from_secs(u64::from(60 / divide).max(2));
    let calls = RATE * time.as_secs() as u32;
    let setup = Setup::default()
        .impatient()
        .t1_ms(500)
        .media_ports(10_000, 19_999);
    let bed = Bed::start(daemon, setup.clone());
    let deadline = time + Duration::from_secs(40);
    let shape = |scenario: testbed::Scenario| {
        scenario
            .calls(calls, RATE)
            .hold(Duration::from_secs(1))
            .limit(9_000)
            .deadline(deadline)
            .quiet()
    };
    let uas = bed.run(&shape(bed.uas_b1("uas_basic")));
    let uac = bed.run(&shape(bed.uac("uac_basic")));
    let start = Instant::now();
    let (mut taken, mut refused) = (0u32, 0u32);
    for turn in 0u32.. {
        if start.elapsed() >= time {
            break;
        }
        thread::sleep((start + Duration::from_millis(100) * turn).saturating_duration_since(Instant::now()));
        let text = match turn % 2 {
            0 => bed.toml(&setup.clone().key("b2", &format!("max_calls = {}", 1000 + turn))),
            _ => bed.toml(&setup.clone().key("b2", "max_calls = \"many\"")),
        };
        bed.write_config(&text);
        match bed.ask("POST", "/v1/reload").status {
            200..=299 => taken += 1,
            _ => refused += 1,
        }
    }
    bed.write_config(&bed.toml(&setup));
    verdict(&uac.wait(), &uas.wait(), calls);
    let lost = bed.drops();
    bed.finish(calls as usize);
    println!("reload: {taken} taken, {refused} refused under {calls} calls, {lost} datagrams lost");
    assert!(taken > 0 && refused > 0, "reloads were not judged");
}
