//! Reading an ordinary message allocates nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(unsafe_code, reason = "a counting allocator has to be a GlobalAlloc")]

#[path = "support/messages.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use common::{BYE, INVITE, OK};
use sip_msg::{Edits, HeaderId, Limits};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches a thread's own cell and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.get();
    let done = work();
    (COUNT.get() - before, done)
}

#[test]
fn reading_allocates_nothing() {
    let limits = Limits::default();
    for bytes in [INVITE, OK, BYE] {
        // As it comes from a socket: in a Vec of its own.
        let datagram = Bytes::from(bytes.to_vec());
        let (count, message) = allocations(|| sip_msg::parse(datagram, &limits).unwrap());
        assert_eq!(count, 0, "parse");
        let (count, _) = allocations(|| {
            let via = message.top_via();
            let _ = (
                via.branch(),
                via.rport(),
                via.received_ip(),
                message.call_id(),
                message.cseq(),
            );
            let _ = (
                message.from_tag(),
                message.to_tag(),
                message.from(),
                message.to(),
                message.contact(),
            );
            let _ = message.values(HeaderId::Via).count() + message.values(HeaderId::Allow).count();
            message.has_token(HeaderId::Supported, "timer")
        });
        assert_eq!(count, 0, "views");
    }
}

#[test]
fn an_edited_copy_costs_few_allocations() {
    let message = sip_msg::parse(Bytes::from_static(INVITE), &Limits::default()).unwrap();
    let (count, _) = allocations(|| {
        let mut edits = Edits::new();
        edits.append(HeaderId::Via, b"SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1");
        edits
            .replace(HeaderId::MaxForwards, b"69")
            .replace(HeaderId::Contact, b"<sip:198.51.100.1>");
        message.write(&edits)
    });
    // The values, growing, and the message.
    assert!(count <= 3, "{count}");
}
