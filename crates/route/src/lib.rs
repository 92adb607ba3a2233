//! Policy: which trunks take a call, in which order, and why. Tables in, plan out; no I/O, no clock, no randomness.
//!
//! - [`Tables`] is immutable: trunks, sources, number rules and price decks, built off the shard from one config.
//! - [`Live`] is what changes under calls: calls and calls per second per trunk, health per target. A shard owns it.
//! - [`plan`](fn@plan) orders the attempts of one call and keeps the reasons ([`Trace`]).
//! - [`Unanswered`] and [`Tables::backups`] say who gets a call that nobody has answered.
//! - [`Quality`] keeps what came of attempts and calls, and works out what is believed of each trunk; [`learn`] weighs that against price.
//! - [`replay`] plans past calls again by other tables, and says what that would have changed.
//! - [`verdict`] says whether another attempt follows a failed one; [`cause`] maps SIP status to Q.850 and back.

mod backup;
pub mod cause;
pub mod deck;
pub mod destinations;
mod failover;
pub mod fraud;
pub mod learn;
mod live;
mod margin;
pub mod number;
mod plan;
mod prices;
pub mod quality;
pub mod replay;
mod tables;

pub use backup::{Backup, Unanswered};
pub use failover::{AttemptOutcome, Redirection, Verdict, most_telling, redirection, verdict};
pub use live::{
    Asked, HealthChange, HopFailure, HopView, LimitView, Live, LoadChange, Of, Outcome, Permit, Refusal,
    Setback, TargetState, Wish,
};
pub use margin::Margin;
pub use plan::{
    Attempt, Basis, Candidate, CandidateView, DecisionView, Explores, FartherView, Late, LearnedView,
    LeftOut, NoRoute, NoRouteReason, Place, Plan, RateView, Request, Score, Trace, plan, plan_only,
};
pub use prices::{Advise, TooMuch};
pub use quality::Quality;
pub use tables::{
    BuildError, Called, Dialled, Near, NetworkIx, Retired, Sale, SourceMatch, Tables, TrunkIx, UserIx, WhyNot,
};
