//! What operators and machines do to a switch in the middle of calls: reloads, drains, crashes, slow stores.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

mod operations {
    mod crash;
    mod emergency;
    mod phones;
    mod pings;
    mod registrations;
    mod reload;
    mod senders;
    mod sift;
    mod store;
}
