//! What the fraud guard adds to a call, and a tick over calls in progress.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench reads nothing from outside, and prints what it found"
)]

use criterion::{BatchSize, Criterion};
use route::deck::{Money, Rate};
use route::fraud::{Asked, Guard, Moment, Way};
use std::time::{Duration, Instant};

const RATE: Rate = Rate {
    per_minute: Money(10_000_000),
    fee: Money(0),
    minimum: Money(0),
    first_interval: 1,
    increment: 1,
    blocked: false,
    prefix_len: 2,
};

fn guard() -> Guard {
    let text = "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"pbx\"\nrole = \"customer\"\n\
                sources = [\"127.0.0.10\"]\n";
    let config = match config::parse(text, "bench.toml") {
        Ok(config) => config,
        Err(report) => panic!("{report}"),
    };
    let mut guard = Guard::new();
    guard.install(&config);
    guard
}

fn begin(guard: &mut Guard, now: Moment, key: u64) {
    let called = format!("+4420{:08}", key * 7_919 % 100_000_000);
    let asked = Asked {
        trunk: "pbx",
        way: Way::Out,
        caller: "+442071838000",
        called: &called,
        exempt: false,
    };
    let _ = guard.attempt(now, key, &asked);
    let _ = guard.priced(now, key, Some(RATE));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let start = Instant::now();
    let at = |ms: u64| Moment {
        at: start + Duration::from_millis(ms),
        unix_ms: 1_769_990_400_000 + ms,
    };
    let mut busy = guard();
    let mut key = 0;
    criterion.bench_function("a call past the guard, from its INVITE to its BYE", |bencher| {
        bencher.iter(|| {
            key += 1;
            begin(&mut busy, at(key), key);
            busy.answered(at(key), key, Some(RATE));
            busy.ended(at(key), key, true);
        });
    });
    let mut full = guard();
    for key in 0..4_000 {
        begin(&mut full, at(0), key);
        full.answered(at(0), key, Some(RATE));
    }
    let mut ms = 0;
    criterion.bench_function("a tick over 4,000 calls", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                ms += 1_000;
                full.tick(at(ms))
            },
            BatchSize::SmallInput,
        );
    });
    criterion.final_summary();
}
