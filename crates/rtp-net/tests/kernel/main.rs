//! The kernel path over real sockets on loopback. It needs what `docs/running.md` says; where the machine does not have it, the
//! tests fail and say what is missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    reason = "tests' helpers, which clippy does not take for tests"
)]

#[path = "../relay/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

mod cross;
mod kernel_support;
mod moves;
mod plain;
mod rebuild;
mod survive;
