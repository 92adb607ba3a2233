//! An hour of calls over a bad network, with peers that fail in every way: nothing is left over, nobody rings for
//! nobody, and every call has its one record.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

mod hour {
    mod behaviour;
    mod run;
    mod verdict;
}
