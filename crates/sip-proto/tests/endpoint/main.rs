//! `Endpoint` as its user sees it: transcripts in virtual time.

mod cancel;
mod client;
mod limits;
mod matching;
mod screening;
mod server;
mod support;
