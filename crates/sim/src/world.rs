//! The truth about a day: carriers, their prices, what becomes of them, and who calls where and when.

mod fate;
mod traffic;
mod truth;
pub mod worth;

pub use fate::{Fate, Party, fate};
pub use traffic::{Call, Unanswered, calls};
pub use truth::{Condition, Drift, Effect, Episode, Scope, Truth};

/// Milliseconds since the day began, at midnight UTC.
pub type Ms = u64;

/// Milliseconds in an hour.
pub const HOUR: Ms = 3_600_000;

/// Milliseconds in a minute.
pub const MINUTE: Ms = 60_000;

/// INVITEs that are sent for one call at most, as where no trunk has written `failover.attempts`.
pub const ATTEMPTS: usize = 3;

/// How long an attempt is given for a 100 (`failover.trying`).
pub const TRYING: Ms = 4_000;

/// A class of service: what its calls weigh.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: &'static str,
    /// Its part of all calls.
    pub part: f64,
    /// Weight of quality; with that of price 1.
    pub quality: f64,
    /// Weight of price.
    pub price: f64,
    /// Part of its calls that may explore.
    pub explore_calls: f64,
    /// What exploring may cost over what would have been paid otherwise, per day.
    pub explore_money: f64,
}

/// A destination: a range of one operator or region.
#[derive(Debug, Clone)]
pub struct Destination {
    /// What it is.
    pub name: &'static str,
    /// The digits that its numbers begin with, in E.164 without `+`.
    pub prefix: &'static str,
    /// Its part of all calls.
    pub part: f64,
    /// Hours that its clocks are ahead of UTC.
    pub zone_h: f64,
    /// Market price of a minute.
    pub price: f64,
    /// Probability that a call which is put through is answered by the called party, at the best hour.
    pub answered: f64,
    /// Mean conversation in seconds.
    pub talk_s: f64,
    /// Seconds until it rings, the carrier's own delay not counted.
    pub delay_s: f64,
}

/// A carrier.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// Its name.
    pub name: String,
    /// Price of a minute per destination over time: from when, how much; the first from 0. Empty: not sold.
    pub prices: Vec<Vec<(Ms, f64)>>,
    /// How it is per destination when nothing special is the matter.
    pub usual: Vec<Condition>,
    /// How that wavers.
    pub drift: Drift,
    /// What is the matter, and when.
    pub episodes: Vec<Episode>,
    /// When it is put into the configuration; 0: it always was there.
    pub enters: Ms,
    /// Calls at once that we agreed on: known to the switch (`max_calls`).
    pub max_calls: Option<u32>,
    /// Calls of ours at once above which it refuses: known to itself only.
    pub hidden_calls: Option<u32>,
}

impl Carrier {
    /// What it asks for a minute to a destination; `None`: it doesn't sell it, or isn't there yet.
    pub fn price(&self, destination: usize, at: Ms) -> Option<f64> {
        if at < self.enters {
            return None;
        }
        let steps = self.prices.get(destination)?;
        let current = steps.iter().rev().find(|(from, _)| *from <= at);
        current.map(|(_, price)| *price)
    }
}

/// A day.
#[derive(Debug, Clone)]
pub struct World {
    /// The seed that it was made from.
    pub seed: u64,
    /// How long it is.
    pub length: Ms,
    /// Calls over 24 hours.
    pub calls_per_day: f64,
    /// Classes of service.
    pub classes: Vec<Class>,
    /// Destinations, the busiest first.
    pub destinations: Vec<Destination>,
    /// Carriers.
    pub carriers: Vec<Carrier>,
}

impl World {
    /// The probability that the called party answers a call which is put through, by the hour there: less at night.
    pub fn answered(&self, destination: usize, at: Ms) -> f64 {
        let to = &self.destinations[destination];
        to.answered * (0.8 + 0.2 * traffic::daylight(to.zone_h, at))
    }
}
