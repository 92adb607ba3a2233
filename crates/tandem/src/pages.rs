//! Large pages for large tables: what a look-up in them costs is mostly the time to find out where their memory is.

#![allow(unsafe_code, reason = "madvise(2) takes an address")]

use std::ffi::c_void;

use rustix::mm::{Advice, madvise};

/// Asks for large pages for memory that nothing has been written to yet. That is a wish: where the system has none, it stays as it is.
pub(crate) fn advise(start: *const u8, bytes: usize) {
    let page = rustix::param::page_size();
    let (from, to) = (
        start.addr().next_multiple_of(page),
        (start.addr() + bytes) / page * page,
    );
    if from >= to {
        return;
    }
    let first = start.with_addr(from).cast_mut().cast::<c_void>();
    // SAFETY: the advice changes where the memory lies and nothing that can be read there, and the range is within what was reserved.
    let advised = unsafe { madvise(first, to - from, Advice::LinuxHugepage) };
    if let Err(error) = advised {
        tracing::debug!(%error, "no large pages for the prices");
    }
}
