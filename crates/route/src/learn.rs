//! Which trunk is worth a call: what is believed of each, and how that is weighed against price.
//!
//! - [`choose`] puts those that could take a call into order: constrained Thompson sampling over a [`Row`] of [`Estimate`]s.
//! - [`Quality`](crate::Quality) keeps the rows: it is told what came of attempts and calls, and works the estimates out when it is.
//! - [`propensities`] says afterwards how likely each trunk was to be first.
//!
//! How an estimate comes about: `track.rs` (posterior by levels), `watch.rs` (sudden changes), `budget.rs` (what exploring may spend).

mod budget;
mod choose;
mod estimate;
mod event;
mod policy;
mod propensity;
mod track;
mod watch;

pub(crate) use budget::Budget;
pub use choose::{ALIKE, Offer, Picked, Row, Why, choose};
pub use estimate::{Estimate, MOST_EXTRA, Weights, noise, noise_below, relative_price, utility};
pub use event::{Aspect, Change, LearnEvent};
pub use policy::{Explore, Floor, Floors, Policy};
pub use propensity::propensities;
pub(crate) use track::{Belief, Pool, Track, shrink};
pub(crate) use watch::{Run, Sensitivity, Watch, Way};
