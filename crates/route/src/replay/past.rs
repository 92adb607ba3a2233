//! What a record tells of a call.

use crate::deck::{Money, Rate};
use crate::plan::{DecisionView, RateView};
use crate::quality::{CallResult, Ending};
use serde::Serialize;
use std::time::Duration;

/// Carriers that are kept of an order: further ones hardly ever get a call.
const MAX_ORDER: usize = 12;

/// Attempts that are kept of a call.
const MAX_ATTEMPTS: usize = 32;

/// A call that was routed to carriers, as its record has it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCall {
    /// Its id.
    pub id: String,
    /// When it began, milliseconds since 1970.
    pub at_ms: u64,
    /// When it was over, milliseconds after that.
    pub after_ms: u64,
    /// The customer's trunk.
    pub from: String,
    /// Calling number.
    pub caller: String,
    /// Called number, as decks are asked.
    pub called: String,
    /// The routing number of a ported one.
    pub routed: Option<String>,
    /// The random number that decided among equals.
    pub draw: u64,
    /// Whether it was answered, and for how long it was, milliseconds.
    pub answered: bool,
    /// Milliseconds from answer to end.
    pub talk_ms: u64,
    /// The attempts that were made for it, in order.
    pub attempts: Vec<PastAttempt>,
    /// How it was, if it was answered and that is known.
    pub result: Option<CallResult>,
    /// What it has cost; `None`: no deck priced it.
    pub cost: Option<Money>,
    /// What the customer has paid.
    pub price: Option<Money>,
    /// The currency of both.
    pub currency: Option<String>,
    /// The carriers in the order in which they stood.
    pub order: Vec<Offer>,
    /// How likely the first of them was to be first, where the learner has chosen.
    pub chance: Option<f32>,
}

/// A carrier with what it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The carrier.
    pub trunk: Box<str>,
    /// What its deck asks; `None`: it has none.
    pub rate: Option<Rate>,
}

/// An attempt that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAttempt {
    /// The carrier.
    pub trunk: Box<str>,
    /// When it was known how it ended, milliseconds after the call's begin.
    pub after_ms: u64,
    /// From its INVITE to the first word of the called side.
    pub pdd: Option<Duration>,
    /// How it ended; `None`: that says nothing of the carrier.
    pub ending: Option<Ending>,
}

/// Why a record is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// A number rule, the emergency routes or nobody decided where it went, or it was refused before that.
    NotByCarriers,
    /// It was a test of a trunk.
    Test,
    /// The new configuration has no such customer.
    NoCustomer,
    /// Its amounts are in another currency than the new configuration's.
    OtherCurrency,
    /// There are more than [`MAX_CALLS`](super::MAX_CALLS).
    TooMany,
}

impl Skip {
    /// Why, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotByCarriers => "were not routed among carriers (number rules, emergency, refused before)",
            Self::Test => "were tests of trunks",
            Self::NoCustomer => "are of customers that the new configuration does not have",
            Self::OtherCurrency => {
                "have amounts in another currency than the new configuration's billing.currency"
            }
            Self::TooMany => "are more than fit into one replay; take a shorter time with --since",
        }
    }
}

impl PastCall {
    /// What there is of a decision; the rest is for whoever has the record.
    ///
    /// # Errors
    /// It is no decision among carriers.
    pub fn of(view: &DecisionView) -> Result<Self, Skip> {
        if view.basis != "carriers" {
            return Err(Skip::NotByCarriers);
        }
        let placed = view.candidates.iter().filter(|of| of.place.is_some());
        let first = placed.clone().next().and_then(|of| of.learned);
        let offer = |of: &crate::plan::CandidateView| Offer {
            trunk: of.trunk.as_str().into(),
            rate: of.rate.as_ref().and_then(rate),
        };
        Ok(Self {
            id: String::new(),
            at_ms: 0,
            after_ms: 0,
            from: view.from.clone(),
            caller: String::new(),
            called: view.called.clone(),
            routed: view.routed.clone(),
            draw: view.draw.parse().unwrap_or_default(),
            answered: false,
            talk_ms: 0,
            attempts: Vec::new(),
            result: None,
            cost: None,
            price: None,
            currency: None,
            order: placed.take(MAX_ORDER).map(offer).collect(),
            chance: first.and_then(|learned| learned.propensity),
        })
    }

    /// With what was tried for it.
    #[must_use]
    pub fn tried(mut self, attempts: impl Iterator<Item = PastAttempt>) -> Self {
        self.attempts = attempts.take(MAX_ATTEMPTS).collect();
        self
    }
}

/// What a record's words for a price mean.
fn rate(view: &RateView) -> Option<Rate> {
    let money = |text: &str| text.parse().ok().map(Money::from_units);
    let or_nothing = |text: &Option<String>| text.as_deref().map_or(Some(Money(0)), money);
    Some(Rate {
        per_minute: money(&view.per_minute)?,
        fee: or_nothing(&view.fee)?,
        minimum: or_nothing(&view.minimum)?,
        first_interval: view.first_interval,
        increment: view.increment,
        blocked: false,
        prefix_len: u8::try_from(view.prefix.len()).unwrap_or(u8::MAX),
    })
}
