//! What a decision costs: deck look-up, source matching, and a plan over fifty trunks with a quarter of a million prefixes each, be
//! those the same for all or every trunk's own.
//!
//! Beside criterion's figures it prints the median and the 99th percentile of plans timed one by one over uniformly random prefixes,
//! how many allocations a plan makes, the memory of the table, and how long it takes to make one; and what the machine's memory takes.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads nothing from outside, and prints what it found"
)]
#![allow(unsafe_code, reason = "a counting allocator has to be a GlobalAlloc")]

#[path = "../tests/support/counting.rs"]
mod counting;

use counting::{Counting, allocations};
use criterion::{BatchSize, Criterion};
use route::deck::{Asked, Condition, Deck, Key, Money, Places, Rate, Row, parse_csv};
use route::quality::{AttemptResult, Ending};
use route::{Live, Of, Request, Tables, TrunkIx, plan};
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tikv_jemallocator::Jemalloc;

const TRUNKS: usize = 50;
const PREFIXES: usize = 250_000;
/// 2026-02-01T00:00:00Z, and a month before.
const NOW: u64 = 1_769_904_000;
const BEFORE: u32 = 1_767_225_600;
/// Attempts that the learner has seen where there is one.
const LEARNED: usize = 200_000;
/// Plans that are timed one by one.
const TIMED: usize = 200_000;

#[global_allocator]
static ALLOCATOR: Counting<Jemalloc> = Counting(Jemalloc);

unsafe extern "C" {
    fn madvise(address: *mut std::ffi::c_void, length: usize, advice: i32) -> i32;
}

/// As the daemon does. It is a wish: what comes of it does not matter.
fn ask_for_large_pages(start: *const u8, bytes: usize) {
    const HUGE_PAGE: i32 = 14;
    let first = (start as usize).next_multiple_of(4096);
    let length = (start as usize + bytes).saturating_sub(first) & !4095;
    // SAFETY: it changes nothing that can be read.
    let _ = unsafe { madvise(first as *mut std::ffi::c_void, length, HUGE_PAGE) };
}

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
fn prefixes(count: usize, seed: u64) -> Vec<u64> {
    let mut random = Random(seed);
    let mut all = std::collections::HashSet::new();
    while all.len() < count {
        let digits = 4 + random.next() % 6;
        let number = 10u64.pow(digits as u32 - 1) + random.next() % (9 * 10u64.pow(digits as u32 - 1));
        all.insert(number);
    }
    let mut all: Vec<u64> = all.into_iter().collect();
    all.sort_unstable();
    all
}

/// For each trunk as many prefixes of four to nine digits, none of which another trunk has: all there are of four to six digits, and
/// equally many of seven, eight and nine.
fn prefixes_apart() -> Vec<Vec<u64>> {
    let mut of_trunks: Vec<Vec<u64>> = (0..TRUNKS).map(|_| Vec::with_capacity(PREFIXES)).collect();
    let (mut next, mut left) = (0, TRUNKS * PREFIXES);
    for digits in 4..=9u32 {
        let (first, all) = (10u64.pow(digits - 1), 9 * 10usize.pow(digits - 1));
        let count = all.min(left / (10 - digits as usize));
        left -= count;
        // A step that has no factor in common with how many there are comes by each of them once.
        let step = 7_919 * 7_907;
        for index in 0..count {
            let number = first + (index as u64 * step) % all as u64;
            let trunk: &mut Vec<u64> = &mut of_trunks[next % TRUNKS];
            trunk.push(number);
            next += 1;
        }
    }
    of_trunks
}

/// A deck with about a thousand different prices.
fn csv(prefixes: &[u64], seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("prefix,rate,first_interval,increment,effective_from\n");
    for prefix in prefixes {
        let _ = writeln!(text, "{prefix},0.{:04},60,1,2026-01-01", random.next() % 1000);
    }
    text
}

/// The same, without the text.
fn deck(prefixes: &[u64], seed: u64) -> Deck {
    let mut random = Random(seed);
    let row = |prefix: &u64| {
        let key = Key::new(&prefix.to_string()).unwrap_or_default();
        Row {
            key,
            rate: Rate {
                per_minute: Money(random.next() % 1000 * 100_000),
                fee: Money(0),
                minimum: Money(0),
                first_interval: 60,
                increment: 1,
                blocked: false,
                prefix_len: key.digits() as u8,
            },
            from: BEFORE,
            until: u32::MAX,
            condition: Condition::ALWAYS,
            line: 0,
        }
    };
    Deck::new(prefixes.iter().map(row).collect(), Places::default())
}

fn config(with_decks: bool) -> config::Config {
    let mut text = String::from("[[listen]]\ntransport = \"udp\"\nbind = \"127.0.0.1:5060\"\n");
    let _ = writeln!(
        text,
        "[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\nsources = [\"127.0.0.10\"]\nclass = \"gold\"\n\
         [[class]]\nname = \"gold\"\nmax_price = 1.0"
    );
    for index in 0..TRUNKS {
        let _ = writeln!(
            text,
            "[[trunk]]\nname = \"carrier-{index}\"\nrole = \"carrier\"\nmax_calls = 1000\nmax_cps = 50\n\
             targets = [{{ uri = \"sip:192.0.2.{index}\" }}]\nsources = [\"192.0.2.{index}\", \"198.51.{index}.0/24\"]"
        );
        if with_decks {
            let _ = writeln!(text, "deck = \"carrier-{index}.csv\"");
        }
    }
    config::parse(&text, "bench.toml").unwrap_or_else(|report| panic!("{report}"))
}

fn tables(decks: Vec<Deck>) -> Tables {
    let config = config(!decks.is_empty());
    let named = |(index, deck)| (format!("carrier-{index}"), deck);
    let named = decks.into_iter().enumerate().map(named).collect();
    Tables::build_in(&config, named, &ask_for_large_pages).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Live state of a busy time: calls are up, and each trunk has had as many within a second as it may, a second ago.
fn busy(tables: &Tables) -> (Live, Instant) {
    let mut live = Live::new();
    live.install(tables);
    let now = Instant::now();
    for (trunk, _) in tables.trunks() {
        for _ in 0..50 {
            let _permit = live.try_admit(now, tables, trunk);
        }
    }
    (live, now + Duration::from_secs(1))
}

/// A number that is called, in memory that has been looked at: the switch has just read it out of a message.
struct Called {
    text: [u8; 15],
}

impl Called {
    fn of(prefix: u64) -> Self {
        let mut text = *b"000000000000000";
        for (place, digit) in text.iter_mut().zip(prefix.to_string().bytes()) {
            *place = digit;
        }
        Self { text }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

/// One plan, made and dropped.
fn one(tables: &Tables, live: &Live, now: Instant, called: &Called, draw: u64) -> usize {
    let request = Request {
        from: TrunkIx(0),
        caller: "441632960000",
        called: called.text(),
        class: None,
        sell: None,
        routed: None,
        emergency: false,
        at_unix_s: NOW,
        draw,
    };
    match black_box(plan(tables, live, now, &request)) {
        Ok(plan) => plan.attempts.len(),
        Err(none) => panic!("{none}"),
    }
}

/// Median and 99th percentile, in nanoseconds.
fn percentiles(mut times: Vec<u64>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("p50 {} ns, p99 {} ns", at(0.5), at(0.99))
}

/// A busy time in which quality has a say: every trunk was tried and measured in the places that these prefixes lie in.
fn learned(tables: &Tables, prefixes: &[u64]) -> (Live, Instant) {
    let (mut live, now) = busy(tables);
    live.learn(now, tables);
    let mut random = Random(6);
    for _ in 0..LEARNED {
        let trunk = format!("carrier-{}", random.next() as usize % TRUNKS);
        let called = Called::of(prefixes[random.next() as usize % prefixes.len()]);
        let of = Of {
            trunk: &trunk,
            called: called.text(),
            class: Some("gold"),
        };
        let ending = match random.next() % 10 {
            0 => Ending::Network(503),
            1..=5 => Ending::Answered,
            _ => Ending::User(486),
        };
        let pdd = Some(Duration::from_millis(500 + random.next() % 4_000));
        live.note_attempt(now, &of, &AttemptResult { ending, pdd });
    }
    (live, now)
}

/// Times plans one by one.
fn timed(name: &str, tables: &Tables, prefixes: &[u64], (live, now): (Live, Instant)) {
    let mut random = Random(4);
    let mut next = || {
        (
            Called::of(prefixes[random.next() as usize % prefixes.len()]),
            random.next(),
        )
    };
    let (called, draw) = next();
    one(tables, &live, now, &called, draw);
    let before = allocations();
    one(tables, &live, now, &called, draw);
    println!("{name}: {} allocations per plan", allocations() - before);
    let time = |(called, draw): (Called, u64)| {
        let begun = Instant::now();
        let attempts = one(tables, &live, now, &called, draw);
        let took = begun.elapsed().as_nanos() as u64;
        black_box(attempts);
        took
    };
    let times: Vec<u64> = (0..TIMED).map(|_| time(next())).collect();
    println!("{name}: {}", percentiles(times));
}

fn plans(criterion: &mut Criterion, name: &str, tables: &Tables, prefixes: &[u64]) {
    let (live, now) = busy(tables);
    let mut random = Random(3);
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched(
            || {
                (
                    random.next(),
                    Called::of(prefixes[random.next() as usize % prefixes.len()]),
                )
            },
            |(draw, called)| one(tables, &live, now, &called, draw),
            BatchSize::SmallInput,
        );
    });
}

/// A plan over decks: all that is to be said of it.
fn over(criterion: &mut Criterion, name: &str, decks: Vec<Deck>, prefixes: &[u64]) {
    let begun = Instant::now();
    let tables = tables(decks);
    println!(
        "{name}: table made in {:?}, {} MB; process {} MB at most so far, {} MB in large pages now",
        begun.elapsed(),
        tables.price_bytes() / 1_000_000,
        told_mb("/proc/self/status", "VmHWM:"),
        told_mb("/proc/self/smaps_rollup", "AnonHugePages:")
    );
    timed(name, &tables, prefixes, busy(&tables));
    let by_quality = format!("{name}, by quality and price");
    timed(&by_quality, &tables, prefixes, learned(&tables, prefixes));
    plans(criterion, &format!("plan, {name}"), &tables, prefixes);
    let begun = Instant::now();
    drop(tables.retire());
    println!("{name}: table dropped in {:?}", begun.elapsed());
}

/// What the system says of the process's memory in this file, in megabytes; 0 where it does not say.
fn told_mb(file: &str, name: &str) -> u64 {
    let status = std::fs::read_to_string(file).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1000
}

/// How long it takes to read a line of memory that lies anywhere in as much as a table of prices has, in nanoseconds: a plan waits for some
/// of these one after the other, whatever it does.
fn memory_ns() -> u128 {
    const LINES: usize = 200_000_000 / 64;
    const READ: usize = 1_000_000;
    let mut lines: Vec<[u64; 8]> = Vec::with_capacity(LINES);
    ask_for_large_pages(lines.as_ptr().cast(), LINES * 64);
    lines.extend((0..LINES as u64).map(|line| [line; 8]));
    // Sattolo's shuffle: one round through all of them.
    let mut random = Random(5);
    for line in (1..LINES).rev() {
        let other = random.next() as usize % line;
        let next = lines[line][0];
        lines[line][0] = lines[other][0];
        lines[other][0] = next;
    }
    let begun = Instant::now();
    let last = (0..READ).fold(0, |line: usize, _| lines[line][0] as usize);
    let took = begun.elapsed().as_nanos() / READ as u128;
    black_box(last);
    took
}

fn main() {
    println!("a line of memory at random: {} ns", memory_ns());
    let mut criterion = Criterion::default().configure_from_args();
    let same = prefixes(PREFIXES, 1);

    let text = csv(&same, 0);
    let begun = Instant::now();
    let single = parse_csv(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let (count, bytes) = (single.prefixes(), single.bytes());
    println!(
        "deck of {count} prefixes: read in {:?}, {bytes} bytes",
        begun.elapsed()
    );
    let mut random = Random(2);
    criterion.bench_function("deck look-up, 250k prefixes, random number", |bencher| {
        bencher.iter_batched(
            || Called::of(same[random.next() as usize % same.len()]),
            |called| {
                black_box(single.lookup(&Asked {
                    called: called.text(),
                    caller: "441632960000",
                    at_unix_s: NOW,
                }))
            },
            BatchSize::SmallInput,
        );
    });
    drop(single);

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
    plans(&mut criterion, "plan, 50 trunks without decks", &flat, &same);

    let seeds = 0..TRUNKS as u64;
    let decks = seeds.clone().map(|seed| deck(&same, seed)).collect();
    over(&mut criterion, "50 decks of the same 250k prefixes", decks, &same);

    let apart = prefixes_apart();
    let decks = apart
        .iter()
        .zip(0..)
        .map(|(prefixes, seed)| deck(prefixes, seed))
        .collect();
    let all = apart.concat();
    drop(apart);
    over(
        &mut criterion,
        "50 decks of 250k prefixes each, none in two",
        decks,
        &all,
    );

    let random: Vec<Vec<u64>> = seeds.map(|seed| prefixes(PREFIXES, 100 + seed)).collect();
    let decks = random
        .iter()
        .zip(0..)
        .map(|(prefixes, seed)| deck(prefixes, seed))
        .collect();
    let all = random.concat();
    drop(random);
    over(
        &mut criterion,
        "50 decks of 250k prefixes each, drawn at random",
        decks,
        &all,
    );
    criterion.final_summary();
}
