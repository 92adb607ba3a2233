//! Policy: which trunks take a call, in which order, and why. Tables in, plan out; no I/O, no clock, no randomness.
//!
//! - [`Tables`] is immutable: trunks, sources, number rules and price decks, built off the shard from one config.
//! - [`Live`] is what changes under calls: calls and calls per second per trunk, health per target. A shard owns it.
//! - [`plan`](fn@plan) orders the attempts of one call and keeps the reasons ([`Trace`]).
//! - [`Quality`] keeps what came of attempts and calls, and works out what is believed of each trunk; [`learn`] weighs that against price.
//! - [`verdict`] says whether another attempt follows a failed one; [`cause`] maps SIP status to Q.850 and back.

pub mod cause;
pub mod deck;
pub mod destinations;
mod failover;
pub mod learn;
mod live;
mod number;
mod plan;
pub mod quality;
mod tables;

pub use failover::{AttemptOutcome, Verdict, most_telling, verdict};
pub use live::{
    Asked, HealthChange, HopFailure, HopView, Live, Outcome, Permit, Refusal, Setback, TargetState,
};
pub use plan::{
    Attempt, Basis, Candidate, Late, LeftOut, NoRoute, NoRouteReason, Place, Plan, Request, Score, Trace,
    plan,
};
pub use quality::Quality;
pub use tables::{BuildError, Called, NetworkIx, SourceMatch, Tables, TrunkIx, UserIx, WhyNot};
