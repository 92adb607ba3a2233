//! The kernel path over real sockets, on loopback and in network namespaces. It needs what `docs/running.md` says, and root.
//! Where that is not to be had the tests say so and do nothing; with `TANDEM_KERNEL_TESTS=required` they fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::print_stderr,
    reason = "tests' helpers, which clippy does not take for tests"
)]

#[path = "../relay/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

mod cross;
mod digits;
mod kernel_support;
mod moves;
mod plain;
mod rebuild;
mod survive;
