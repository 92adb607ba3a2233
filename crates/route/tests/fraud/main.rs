//! The fraud guard in virtual time: attacks that are cut, and busy honest customers that nobody touches.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attacks;
mod bars;
mod bounds;
mod ceilings;
mod honest;
mod rules;
mod world;

/// Seeds that a simulation is run with: more before a release.
pub(crate) fn seeds(few: u64, many: u64) -> std::ops::Range<u64> {
    let many = std::env::var_os("TANDEM_ACCEPT").map(|_| many);
    0..many.unwrap_or(few)
}
