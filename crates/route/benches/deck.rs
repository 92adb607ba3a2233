//! What decks cost: reading, and looking a price up.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads nothing from outside, and prints what it found"
)]

use route::deck::{Asked, Deck, Exchange, Format, Places, read};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const DECKS: usize = 50;
const PREFIXES: usize = 250_000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Distinct prefixes of four to nine digits, as wholesale decks have them.
fn prefixes() -> Vec<String> {
    let mut random = Random(1);
    let mut all = BTreeSet::new();
    while all.len() < PREFIXES {
        let digits = 4 + random.next() % 6;
        let number = 10u64.pow(digits as u32 - 1) + random.next() % (9 * 10u64.pow(digits as u32 - 1));
        all.insert(number.to_string());
    }
    all.into_iter().collect()
}

fn international(prefixes: &[String], seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("prefix,rate,first_interval,increment,effective_from\n");
    for prefix in prefixes {
        let _ = writeln!(text, "{prefix},0.{:04},60,1,2026-01-01", random.next() % 1000);
    }
    text
}

fn carriers(prefixes: &[String], seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("Destination,Dial Code,Rate (USD),Billing Increment,Effective Date,Status\n");
    for prefix in prefixes {
        let price = random.next() % 1000;
        let _ = writeln!(
            text,
            "\"Somewhere, Mobile\",{prefix},$0.{price:04},60/1,02/13/2026,Open"
        );
    }
    text
}

fn us(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("NPANXX,Interstate,Intrastate,Indeterminate,Effective Date\n");
    for npa in 200..512 {
        for nxx in 200..1000 {
            let mut price = || random.next() % 100;
            let _ = writeln!(
                text,
                "{npa}{nxx},0.00{:02},0.00{:02},0.01{:02},3/25/2026",
                price(),
                price(),
                price()
            );
        }
    }
    text
}

fn deck(text: &str) -> Deck {
    let sheet = read(text, &Format::default()).unwrap_or_else(|errors| panic!("{:?}", errors.first()));
    sheet
        .deck(&Exchange::default(), Places::default())
        .unwrap_or_else(|errors| panic!("{:?}", errors.first()))
}

/// Time that this thread has had of a core: whatever else the machine does.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn shortest(mut what: impl FnMut()) -> Duration {
    let one = |_| {
        let begun = cpu();
        what();
        cpu() - begun
    };
    (0..5).map(one).min().unwrap_or_default()
}

fn main() {
    let prefixes = prefixes();
    let shuffled = {
        let mut random = Random(9);
        let mut shuffled = prefixes.clone();
        for index in (1..shuffled.len()).rev() {
            shuffled.swap(index, random.next() as usize % (index + 1));
        }
        shuffled
    };
    for (name, text) in [
        ("our own columns", international(&prefixes, 1)),
        ("our own columns, rows in any order", international(&shuffled, 1)),
        ("a carrier's columns", carriers(&prefixes, 1)),
        ("three prices for the United States", us(1)),
    ] {
        let rows = deck(&text);
        let took = shortest(|| drop(black_box(deck(&text))));
        println!(
            "{name}: {} rows, {} MB of text read in {took:?} ({} ns a row), {} kB in memory",
            rows.len(),
            text.len() / 1_000_000,
            took.as_nanos() / rows.len() as u128,
            rows.bytes() / 1000,
        );
    }

    let text = international(&prefixes, 1);
    let one = deck(&text);
    let mut random = Random(3);
    let asked = 2_000_000u32;
    let begun = cpu();
    for _ in 0..asked {
        let called = &prefixes[random.next() as usize % prefixes.len()];
        black_box(one.lookup(&Asked {
            called,
            caller: "442071838750",
            at_unix_s: 1_800_000_000,
        }));
    }
    println!(
        "a price of {} prefixes looked up in {:?}",
        one.prefixes(),
        (cpu() - begun) / asked
    );

    let texts: Vec<String> = (0..DECKS as u64)
        .map(|seed| international(&prefixes, seed))
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, threads] {
        let next = AtomicUsize::new(0);
        let used = AtomicU64::new(0);
        let begun = Instant::now();
        let bytes: usize = std::thread::scope(|scope| {
            let work = || {
                let begun = cpu();
                let mut decks = Vec::new();
                while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    decks.push(deck(text));
                }
                used.fetch_add((cpu() - begun).as_micros() as u64, Ordering::Relaxed);
                decks
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let decks = workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_default());
            decks.collect::<Vec<_>>().iter().map(Deck::bytes).sum()
        });
        println!(
            "{DECKS} decks of {PREFIXES} rows read on {threads} threads in {:?}, {:?} of processor, {} MB in memory",
            begun.elapsed(),
            Duration::from_micros(used.load(Ordering::Relaxed)),
            bytes / 1_000_000
        );
    }
}
