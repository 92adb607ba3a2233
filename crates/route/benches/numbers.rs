//! What it costs to read a number: each call does that twice or more.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench stops at what it did not expect"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use route::number::{DialPlan, country, emergency};
use std::hint::black_box;

fn plan(keys: &str) -> DialPlan {
    let file = format!(
        "[[listen]]\nbind = \"127.0.0.1:5060\"\n[[trunk]]\nname = \"t\"\nrole = \"carrier\"\n\
         targets = [{{ uri = \"sip:127.0.0.2\" }}]\n[[dial_plan]]\nname = \"p\"\n{keys}\n"
    );
    let config = config::parse(&file, "t").unwrap_or_else(|report| panic!("{report}"));
    DialPlan::new(config.dial_plans.first().unwrap())
}

fn reading(criterion: &mut Criterion) {
    let uk = plan("country = \"GB\"\nkeep = [\"2XXX\"]\nrules = [{ match = \"9*\", strip = 1 }]");
    let us = plan("country = \"US\"");
    let br = plan("country = \"BR\"");
    for (name, plan, number) in [
        ("number/e164", &uk, "+442071838750"),
        ("number/international GB", &uk, "0012125550123"),
        ("number/national GB", &uk, "02071838750"),
        ("number/national US", &us, "2125550123"),
        ("number/national BR", &br, "01511987654321"),
        ("number/extension", &uk, "2001"),
        ("number/refused", &uk, "101"),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| plan.called(black_box(number)).is_ok())
        });
    }
    criterion.bench_function("number/country GB", |bencher| {
        bencher.iter(|| country(black_box("+442071838750")));
    });
    criterion.bench_function("number/country CA", |bencher| {
        bencher.iter(|| country(black_box("+14165550123")));
    });
    let home = "GB".parse().unwrap();
    criterion.bench_function("number/emergency", |bencher| {
        bencher.iter(|| emergency(home, black_box("+442071838750")));
    });
}

criterion_group!(benches, reading);
criterion_main!(benches);
