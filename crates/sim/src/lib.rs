//! Days of calls over carriers that fail, lie, fade and come back, in virtual time, all of it from one seed: how well a policy picks
//! carriers, beside one that knows the truth.
//!
//! | file | what it is |
//! |---|---|
//! | `world.rs`, `world/` | the truth: carriers, prices, what becomes of them over the day; who calls where and when |
//! | `scenario.rs`, `scenario/` | how a world is made from a seed |
//! | `engine.rs` | plays one day under one policy: attempts, failover, limits, health, what the switch sees of it |
//! | `policy.rs`, `policy/` | who picks the carrier: the oracle, plain least cost, threshold locking, the learner |
//! | `measure.rs`, `measure/` | what came of it: utility, shares lost and won back, exploration and cost |
//! | `report.rs`, `plot.rs` | tables, JSON, the picture |
//!
//! Nobody but the oracle sees `world`: a policy gets what the switch would see, and its type has no way to more. Chance is of the call and
//! the carrier, not of the order of events, so that the same call meets the same fate at the same carrier whoever sends it there.
#![allow(
    clippy::indexing_slicing,
    reason = "a tool of ours: indexes are those of the world that it made itself"
)]

pub mod engine;
pub mod measure;
pub mod plot;
pub mod policy;
pub mod report;
mod rng;
pub mod scenario;
pub mod world;

pub use rng::Rng;
