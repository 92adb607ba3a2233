//! `Endpoint` as its user sees it: transcripts in virtual time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking; clippy knows #[test] functions only"
)]

mod cancel;
mod client;
mod limits;
mod matching;
mod screening;
mod server;
mod support;
