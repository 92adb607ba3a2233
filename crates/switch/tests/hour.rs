//! An hour of calls over a bad network, with peers that fail in every way: nothing is left over, nobody rings for
//! nobody, and every call has its one record.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, too, and a run says what it saw"
)]

mod hour {
    mod behaviour;
    mod run;
    mod verdict;
    mod weather;
}
