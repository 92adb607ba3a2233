//! What a call costs the store: a journal entry at its answer and its final record, at a steady rate.
//!
//! `cargo bench -p tandem-records` prints, per batch delay, CPU time per call of the writer, the keeper and the submitting thread, and
//! how long a job waits for its outcome.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measuring program"
)]
#![allow(clippy::indexing_slicing, reason = "a measuring program")]

#[path = "../src/samples.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod samples;

use records::{Job, Outcome, OutcomeSink, Store, StoreConfig};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Bytes of resume data per call.
const DIALOGS: usize = 1200;

/// Calls before the measured ones: until the log has started over, and a stretch of numbers is written. The next stretch is due after
/// the measured calls; writing it costs 2 µs for each call in it.
const WARM: u64 = 20_000;

/// Passes outcomes on with the time at which they came.
struct Times(Sender<(u64, Instant)>);

impl OutcomeSink for Times {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        let now = Instant::now();
        for outcome in outcomes.drain(..) {
            match outcome {
                Outcome::Stored { ticket } => self.0.send((ticket, now)).expect("the bench listens"),
                Outcome::Failed { error, .. } => println!("failed: {error}"),
            }
        }
    }
}

/// CPU time of this process's threads by name, in microseconds.
fn threads() -> Vec<(String, f64)> {
    let mut all = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let read = |name: &str| std::fs::read_to_string(task.join(name)).unwrap_or_default();
        let ns: f64 = read("schedstat")
            .split(' ')
            .next()
            .and_then(|ns| ns.parse().ok())
            .unwrap_or(0.0);
        all.push((read("comm").trim().to_owned(), ns / 1000.0));
    }
    all
}

fn cost(before: &[(String, f64)], after: &[(String, f64)], name: &str, calls: u64) -> f64 {
    let of = |threads: &[(String, f64)]| {
        threads
            .iter()
            .filter(|t| t.0.starts_with(name))
            .map(|t| t.1)
            .sum::<f64>()
    };
    (of(after) - of(before)) / calls as f64
}

struct Load {
    rate: u64,
    calls: u64,
    hold: usize,
    delay: Duration,
    ordered: bool,
    journal: bool,
}

fn scramble(n: u64, ordered: bool) -> String {
    let mixed = (n ^ 0x5851_f42d)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    format!(
        "tandem-1-{:016x}",
        if ordered { 0x018f_0000_0000_0000 + n } else { mixed }
    )
}

fn run(directory: &Path, load: &Load) {
    let _ = std::fs::remove_dir_all(directory);
    std::fs::create_dir_all(directory).unwrap();
    let (times, came) = channel();
    let config = StoreConfig {
        path: directory.join("records.db"),
        queue: 4096,
        spool: 10_000,
        batch_delay: load.delay,
        sync_every: Duration::from_secs(1),
    };
    let (store, _) = Store::open(config, Times(times)).unwrap();
    let (mut live, mut sent, mut waits, mut measured) = (VecDeque::new(), Vec::new(), Vec::new(), 0);
    let (mut start, mut before) = (Instant::now(), threads());
    let mut building = Duration::ZERO;
    // First fast, until the log has started over: a log that grows costs more than one that is written over.
    for n in 0..load.calls + WARM {
        let rate = if n < WARM { 5000 } else { load.rate };
        if n == WARM {
            measured = sent.len();
            (start, before, building) = (Instant::now(), threads(), Duration::ZERO);
        }
        let due = start + Duration::from_micros((if n < WARM { n } else { n - WARM }) * 1_000_000 / rate);
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        let at = Instant::now();
        let mut record = Box::new(samples::record(n));
        record.id = scramble(n, load.ordered);
        record.called = format!("+1{:010}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_000_000_000);
        live.push_back(record.clone());
        let dialogs = vec![7; DIALOGS];
        building += at.elapsed();
        if load.journal {
            sent.push(Instant::now());
            store
                .submit(Job::Journal {
                    ticket: sent.len() as u64 - 1,
                    record,
                    dialogs,
                })
                .unwrap();
        }
        if live.len() > load.hold {
            let record = live.pop_front().unwrap();
            sent.push(Instant::now());
            store
                .submit(Job::Final {
                    ticket: sent.len() as u64 - 1,
                    record,
                })
                .unwrap();
        }
    }
    for _ in 0..sent.len() {
        let (ticket, at) = came.recv().unwrap();
        waits.push(at - sent[usize::try_from(ticket).unwrap()]);
    }
    let after = threads();
    let mut waits = waits.split_off(measured);
    waits.sort_unstable();
    let us = |name| cost(&before, &after, name, load.calls);
    println!(
        "{:5}/s  delay {:>4.0?}  ids {:7}  {}  writer {:5.1} us/call  keeper {:4.1}  submitter {:4.1}  wait p50 {:4.1} ms p99 {:5.1} max {:5.1}",
        load.rate,
        load.delay,
        if load.ordered { "ordered" } else { "random" },
        if load.journal {
            "journal+final"
        } else {
            "final        "
        },
        us("records-writer"),
        us("records-keeper"),
        us("store") - building.as_micros() as f64 / load.calls as f64,
        waits[waits.len() / 2].as_secs_f64() * 1e3,
        waits[waits.len() * 99 / 100].as_secs_f64() * 1e3,
        waits[waits.len() - 1].as_secs_f64() * 1e3,
    );
    store.close();
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let directory = std::env::var_os("RECORDS_BENCH_DIR")
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join("tandem-records-bench");
    let ms = Duration::from_millis;
    let usual = Load {
        rate: 500,
        calls: 5000,
        hold: 1500,
        delay: ms(5),
        ordered: true,
        journal: true,
    };
    for load in [
        Load {
            delay: ms(20),
            ..usual
        },
        Load { ..usual },
        Load {
            delay: ms(10),
            ..usual
        },
        Load {
            ordered: false,
            ..usual
        },
        Load {
            journal: false,
            ..usual
        },
        Load {
            rate: 5000,
            calls: 50_000,
            ..usual
        },
    ] {
        run(&directory, &load);
    }
    let _ = std::fs::remove_dir_all(&directory);
}
