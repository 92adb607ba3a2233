//! A plan allocates what it consists of, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unsafe_code, reason = "a counting allocator has to be a GlobalAlloc")]

#[path = "support/counting.rs"]
mod counting;
#[path = "support/tables.rs"]
mod support;

use counting::{Counting, allocations};
use route::{Live, Request, plan};
use std::alloc::System;
use std::time::Instant;
use support::{carrier, ix, pbx, priced};

#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// Its attempts, where there are more than fit into it, and its candidates.
#[test]
fn a_plan_over_many_carriers_is_two_allocations() {
    let name = |index: usize| format!("c{index}");
    let carriers: String = (0..50)
        .map(|index| carrier(&name(index), "deck = \"d.csv\""))
        .collect();
    let gold = "[[class]]\nname = \"gold\"\nmax_price = 2\nexcluded = [\"c7\"]\n";
    let text = carriers + &pbx("class = \"gold\"") + gold;
    let names: Vec<String> = (0..50).map(name).collect();
    // Nested prefixes, dates, equal prices.
    let rows = "44,0.02,,,,,,\n4420,0.01,,,,2026-01-01,,\n44207,0.03,,,,,2026-01-31,\n33,0.01,,,,,,true";
    let decks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), rows)).collect();
    let tables = priced(&text, &decks);
    let mut live = Live::new();
    live.install(&tables);
    let request = Request {
        from: ix(&tables, "pbx"),
        caller: "+441632960000",
        called: "+442071838750",
        class: None,
        sell: None,
        routed: None,
        emergency: false,
        at_unix_s: 1_769_904_000,
        draw: 7,
    };
    let now = Instant::now();
    let before = allocations();
    let plan = plan(&tables, &live, now, &request).unwrap();
    let made = allocations() - before;
    assert_eq!(plan.attempts.len(), 7);
    assert_eq!(plan.trace.candidates().len(), 50);
    assert!(made <= 2, "{made} allocations");
}
