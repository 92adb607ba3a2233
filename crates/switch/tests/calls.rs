//! One call at a time, each message played by hand: what every side sees, and the record.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

mod calls {
    mod flow;
}
