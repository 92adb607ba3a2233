//! What a choice among carriers takes.
#![allow(missing_docs, reason = "the macro's main has none")]

use criterion::{Criterion, criterion_group, criterion_main};
use route::learn::{Estimate, Offer, Policy, Row, choose};
use std::hint::black_box;

fn choices(c: &mut Criterion) {
    for many in [4_u32, 16, 64] {
        let estimates: Vec<Estimate> = (0..many)
            .map(|slot| Estimate {
                mean: 0.95 - 0.01 * slot as f32,
                bills: 1.0,
                deviation: 0.05,
                weight: 100.0,
                hope: 0.95,
                share: if slot % 5 == 4 { 0.5 } else { 1.0 },
            })
            .collect();
        let offers: Vec<Offer> = (0..many)
            .map(|slot| Offer {
                slot,
                relative_price: 0.02 * (many - slot) as f32,
            })
            .collect();
        let row = Row {
            estimates: &estimates,
            noise: 0.35,
            probe: 0.02,
            min_attempts: 20.0,
        };
        let (policy, mut scores, mut draw) = (Policy::default(), vec![0.0; offers.len()], 0_u64);
        c.bench_function(&format!("choose of {many}"), |b| {
            b.iter(|| {
                draw = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
                choose(&policy, &row, black_box(draw), &offers, &mut scores)
            });
        });
    }
}

criterion_group!(benches, choices);
criterion_main!(benches);
