//! A plan allocates what it consists of, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unsafe_code, reason = "a counting allocator has to be a GlobalAlloc")]

#[path = "support/tables.rs"]
mod support;

use route::{Live, Request, plan};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;
use support::{carrier, ix, pbx, priced};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches a thread's own cell and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let before = ALLOCATIONS.get();
    let plan = plan(&tables, &live, now, &request).unwrap();
    let made = ALLOCATIONS.get() - before;
    assert_eq!(plan.attempts.len(), 7);
    assert_eq!(plan.trace.candidates().len(), 50);
    assert!(made <= 2, "{made} allocations");
}
