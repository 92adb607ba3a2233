//! What a decision costs: deck look-up, source matching, and a plan over fifty trunks.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads nothing from outside, and prints what it found"
)]

use criterion::{BatchSize, Criterion};
use route::deck::{Deck, parse_csv};
use route::{Live, Request, Tables, TrunkIx, plan};
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

const TRUNKS: usize = 50;
const PREFIXES: usize = 250_000;
/// 2026-02-01T00:00:00Z.
const NOW: u64 = 1_769_904_000;

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
fn prefixes(count: usize) -> Vec<String> {
    let mut random = Random(1);
    let mut all = std::collections::HashSet::new();
    while all.len() < count {
        let digits = 4 + random.next() % 6;
        let number = 10u64.pow(digits as u32 - 1) + random.next() % (9 * 10u64.pow(digits as u32 - 1));
        all.insert(number.to_string());
    }
    let mut all: Vec<String> = all.into_iter().collect();
    all.sort_unstable();
    all
}

/// A deck over `prefixes` with about a thousand different prices.
fn csv(prefixes: &[String], seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("prefix,rate,first_interval,increment,effective_from\n");
    for prefix in prefixes {
        let _ = writeln!(text, "{prefix},0.{:04},60,1,2026-01-01", random.next() % 1000);
    }
    text
}

fn tables(decks: Vec<Deck>) -> Tables {
    let mut text = String::from("[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n");
    let _ = writeln!(
        text,
        "[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]"
    );
    let mut named = Vec::new();
    for index in 0..TRUNKS {
        let _ = writeln!(
            text,
            "[[trunk]]\nname = \"carrier-{index}\"\nrole = \"carrier\"\nmax_calls = 1000\nmax_cps = 50\n\
             targets = [{{ uri = \"sip:192.0.2.{index}\" }}]\nsources = [\"192.0.2.{index}\", \"198.51.{index}.0/24\"]"
        );
        if !decks.is_empty() {
            let _ = writeln!(text, "deck = \"carrier-{index}.csv\"");
        }
    }
    for (index, deck) in decks.into_iter().enumerate() {
        named.push((format!("carrier-{index}"), deck));
    }
    match config::parse(&text, "bench.toml").map(|config| Tables::build(&config, named)) {
        Ok(Ok(tables)) => tables,
        Ok(Err(errors)) => panic!("{errors:?}"),
        Err(report) => panic!("{report}"),
    }
}

fn read(text: &str) -> Deck {
    parse_csv(text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn plans(criterion: &mut Criterion, name: &str, tables: &Tables, numbers: &[String]) {
    let mut live = Live::new();
    live.install(tables);
    let now = Instant::now();
    let mut random = Random(3);
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched(
            || (random.next(), &numbers[random.next() as usize % numbers.len()]),
            |(draw, called)| {
                let from = TrunkIx(0);
                let request = Request {
                    from,
                    caller: "441632960000",
                    called,
                    routed: None,
                    emergency: false,
                    at_unix_s: NOW,
                    draw,
                };
                black_box(plan(tables, &live, now, &request))
            },
            BatchSize::SmallInput,
        );
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let prefixes = prefixes(PREFIXES);
    let numbers: Vec<String> = prefixes
        .iter()
        .map(|prefix| format!("{prefix}{:0>6}", prefix.len() * 7919))
        .collect();

    let text = csv(&prefixes, 0);
    let begun = Instant::now();
    let deck = read(&text);
    println!(
        "deck of {} prefixes: read in {:?}, {} bytes",
        deck.prefixes(),
        begun.elapsed(),
        deck.bytes()
    );

    let mut random = Random(2);
    criterion.bench_function("deck look-up, 250k prefixes, random number", |bencher| {
        bencher.iter_batched(
            || &numbers[random.next() as usize % numbers.len()],
            |number| black_box(deck.lookup(number, NOW)),
            BatchSize::SmallInput,
        );
    });

    let flat = tables(Vec::new());
    let addresses = ["192.0.2.7:5060", "198.51.7.9:5060", "203.0.113.1:5060"]
        .map(|a| a.parse().unwrap_or_else(|_| panic!("{a}")));
    let mut turn = 0;
    criterion.bench_function("source, 50 trunks, 100 networks", |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % addresses.len();
            black_box(flat.source(route::NetworkIx(0), addresses[turn], "442071838750"))
        });
    });
    plans(&mut criterion, "plan, 50 trunks without decks", &flat, &numbers);

    let begun = Instant::now();
    let decks: Vec<Deck> = (0..TRUNKS as u64)
        .map(|seed| read(&csv(&prefixes, seed)))
        .collect();
    let bytes: usize = decks.iter().map(Deck::bytes).sum();
    println!(
        "{TRUNKS} decks: written and read in {:?}, {} MB",
        begun.elapsed(),
        bytes / 1_000_000
    );
    let full = tables(decks);
    plans(
        &mut criterion,
        "plan, 50 trunks with 250k prefixes each, random number",
        &full,
        &numbers,
    );
    criterion.final_summary();
}
