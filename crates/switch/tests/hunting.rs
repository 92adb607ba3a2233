//! Hunts in virtual time: carriers asked at once, backups of numbers, redirections, limits; and any number of them at random.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

mod hunting {
    mod backups;
    mod common;
    mod limits;
    mod parallel;
    mod random;
    mod redirects;
}
