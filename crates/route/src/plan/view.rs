//! A decision as data that outlives its tables: for the record, for whoever asks, and for replaying it.

mod made;
mod words;

use crate::learn::{self, Estimate, Offer, Policy, Row, Weights};
use serde::{Deserialize, Serialize};

/// What a decision saw and what it made of it, by names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The trunk that the call came from.
    pub from: String,
    /// The called number, without `+`.
    pub called: String,
    /// The number that decks were asked for, where that is another: the routing number of a ported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<String>,
    /// The class of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// By what the candidates were chosen: `carriers`, `number` (a rule), `emergency`, or `no-transit` (a carrier's call to a
    /// number without a rule).
    pub basis: String,
    /// The number rule, by its `match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The random number that decided among equals, in decimal digits: JSON's numbers have no room for all of them.
    pub draw: String,
    /// How the first was chosen where quality counts: `best` (it looks the best), `sampled` (chance put it before one that looks better,
    /// as unsure as both are), `probe` (it may be better than it looks, and is tried), or `cheapest` (too little is known).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// The one that looked the best, where another is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// What quality weighs there; price weighs the rest of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_weight: Option<f32>,
    /// How much chance there was there, how often one was tried that may be better than it looks, and below how many attempts chance had
    /// no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chances: Option<[f32; 3]>,
    /// Whether carriers in the region where the call came in stand before others of their price and priority.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_region: bool,
    /// What the customer pays for three minutes, where a carrier has to leave something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sell: Option<String>,
    /// What a carrier has to leave of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_margin: Option<String>,
    /// Every trunk that was looked at: those that stand in order, then those placed last, then those dropped.
    pub candidates: Vec<CandidateView>,
}

/// A trunk that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateView {
    /// The trunk.
    pub trunk: String,
    /// Its place among the attempts, from 1; absent: it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u16>,
    /// Why it is placed last, or was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The figures behind that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// Whether it is in the region where the call has come in; absent: it says nothing of regions, or the call came in where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_region: Option<bool>,
    /// Its targets that are behind others of it, because they are farther away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub farther: Vec<FartherView>,
    /// What was believed of it, where that was weighed against its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedView>,
    /// What its deck asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateView>,
    /// Its `priority`.
    pub priority: u16,
    /// Weight of its foremost targets together.
    pub weight: u32,
}

/// What was believed of a carrier for calls to the destination in the class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearnedView {
    /// Quality of its calls, 0 to 1.
    pub quality: f32,
    /// Standard deviation of that.
    pub deviation: f32,
    /// How many attempts' worth is known.
    pub attempts: f32,
    /// Part of the calls in which it may be the best: less than 1 while it is new or has recovered, 0 below a floor.
    pub share: f32,
    /// Its price over that of the cheapest, relative to that.
    pub relative_price: f32,
    /// What its quality was before it got worse, or may be as nothing is known yet.
    pub hope: f32,
    /// How often it has to be paid, over how often the usual carrier has.
    pub bills: f32,
    /// How likely it was to be the first, over all draws; absent: that was not [worked out](DecisionView::work_out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f32>,
}

/// A target that stands behind another of its trunk, because it is farther away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FartherView {
    /// The target.
    pub target: String,
    /// How long it takes to hear of it.
    pub ms: u64,
    /// How long it takes to hear of the nearest.
    pub nearest_ms: u64,
}

/// What a deck asks, in the base currency, amounts as decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateView {
    /// The prefix that has matched.
    pub prefix: String,
    /// Price of a minute.
    pub per_minute: String,
    /// Fee for an answered call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<String>,
    /// Least charge for an answered call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// Seconds charged at least.
    pub first_interval: u16,
    /// Steps of seconds by which a longer call is charged.
    pub increment: u16,
}

impl LearnedView {
    fn estimate(&self) -> Estimate {
        Estimate {
            mean: self.quality,
            bills: self.bills,
            deviation: self.deviation,
            weight: self.attempts,
            hope: self.hope,
            share: self.share,
        }
    }
}

impl DecisionView {
    /// Works out how likely each candidate was to be the first, where quality has chosen: that takes its time, and is nothing for the
    /// shard.
    pub fn work_out(&mut self) {
        let (Some(quality), Some([noise, probe, min_attempts])) = (self.quality_weight, self.chances) else {
            return;
        };
        let policy = Policy {
            weights: Weights {
                quality,
                price: 1.0 - quality,
            },
            ..Policy::default()
        };
        let known: Vec<&mut LearnedView> = self
            .candidates
            .iter_mut()
            .filter_map(|candidate| candidate.learned.as_mut())
            .collect();
        let estimates: Vec<Estimate> = known.iter().map(|known| known.estimate()).collect();
        let row = Row {
            estimates: &estimates,
            noise,
            probe,
            min_attempts,
        };
        let offer = |(known, slot): (&&mut LearnedView, u32)| Offer {
            slot,
            relative_price: known.relative_price,
        };
        let offers: Vec<Offer> = known.iter().zip(0..).map(offer).collect();
        for (known, propensity) in known.into_iter().zip(learn::propensities(&policy, &row, &offers)) {
            known.propensity = Some(propensity);
        }
    }
}
