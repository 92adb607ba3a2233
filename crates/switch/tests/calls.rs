//! One call at a time, each message played by hand: what every side sees, and the record.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

mod calls {
    mod acks;
    mod announcements;
    mod bodies;
    mod cancel;
    mod challenge;
    mod codecs;
    mod connect;
    mod credit;
    mod digits;
    mod dtls;
    mod early_media;
    mod emergency;
    mod endings;
    mod failover;
    mod fax;
    mod flow;
    mod guard;
    mod hold;
    mod midcall;
    mod money;
    mod numbers;
    mod odd;
    mod offers;
    mod pickups;
    mod places;
    mod quality;
    mod reliable;
    mod routes;
    mod secure;
    mod sounds;
    mod supervise;
    mod timers;
    mod transactions;
    mod transfers;
    mod transfers_amid;
    mod transfers_forwarded;
    mod transfers_joined;
    mod unfit;
    mod updates;
    mod variants;
    mod variants_media;
}
