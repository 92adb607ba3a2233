//! What really came of calls, weighed by how much more or less likely the new tables were to choose as was chosen.
//!
//! Where the learner has chosen, a record says how likely its choice was. A call whose first carrier the new tables would choose twice as
//! often stands for two calls, and one that they would not choose for none (inverse propensity weighting; self-normalised, with the weights
//! clipped). No model of carriers is in that, so it checks the other estimate; but it sees only what was chosen, so few calls may
//! be left.

use super::{Again, PastCall, units};
use crate::quality::{Bounds, mean_bounds, wilson};
use serde::Serialize;

/// No call stands for more than so many: a single unlikely one would decide.
const MOST: f64 = 10.0;

/// Of fewer calls' worth nothing is said.
const LEAST: f64 = 30.0;

/// What came of calls, weighed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Weighed {
    /// Calls whose first carrier the learner had chosen by chance.
    pub calls: u64,
    /// How many calls' worth is left of them: the fewer, the more the new tables differ.
    pub worth: f64,
    /// Part of calls that were answered.
    pub asr: Bounds,
    /// Cost of a call, answered or not, in units of the base currency; absent: not all have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Bounds>,
}

/// A sum in the making.
#[derive(Debug, Default)]
pub(super) struct Weighing {
    calls: u64,
    weights: f64,
    squares: f64,
    answered: f64,
    cost: f64,
    cost_squares: f64,
    unpriced: bool,
}

impl Weighing {
    pub(super) fn add(&mut self, call: &PastCall, again: &Again) {
        let (Some(then), Some(now)) = (call.chance, again.chance) else {
            return;
        };
        // What was tried first is what the chance is of: a carrier's limits may have refused the first.
        let tried = call.attempts.first().map(|first| &first.trunk);
        let chosen = call.order.first().map(|first| &first.trunk);
        if then <= 0.0 || tried != chosen {
            return;
        }
        let weight = (now / f64::from(then)).min(MOST);
        let cost = call.cost.map_or(0.0, units);
        self.calls += 1;
        self.weights += weight;
        self.squares += weight * weight;
        self.answered += weight * f64::from(u8::from(call.answered));
        self.unpriced |= call.answered && call.cost.is_none();
        self.cost += weight * cost;
        self.cost_squares += weight * cost * cost;
    }

    pub(super) fn weighed(&self) -> Option<Weighed> {
        let worth = self.weights * self.weights / self.squares;
        if worth.is_nan() || worth < LEAST {
            return None;
        }
        let of = |sum: f64| (sum / self.weights * worth) as f32;
        let cost = || mean_bounds(worth as f32, of(self.cost), of(self.cost_squares));
        Some(Weighed {
            calls: self.calls,
            worth,
            asr: wilson(of(self.answered), worth as f32)?,
            cost: if self.unpriced { None } else { cost() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::Money;
    use crate::replay::{Offer, PastAttempt};

    /// A call whose first carrier was chosen with this chance.
    fn call(trunk: &str, chance: f32, answered: bool, cost: u64) -> PastCall {
        PastCall {
            id: String::new(),
            at_ms: 0,
            after_ms: 0,
            from: String::new(),
            caller: String::new(),
            called: String::new(),
            routed: None,
            draw: 0,
            answered,
            talk_ms: 0,
            attempts: vec![PastAttempt {
                trunk: trunk.into(),
                after_ms: 0,
                pdd: None,
                ending: None,
            }],
            result: None,
            cost: answered.then_some(Money(cost * Money::UNIT)),
            price: None,
            currency: None,
            order: vec![Offer {
                trunk: trunk.into(),
                rate: None,
            }],
            chance: Some(chance),
        }
    }

    /// 800 calls by a, of which a half is answered, and 200 by b, of which nine tenths are: weighed for who takes each so often.
    fn weighed(a: f64, b: f64) -> Option<Weighed> {
        let mut weighing = Weighing::default();
        for number in 0..1000 {
            let (trunk, chance, now, answered, cost) = match number % 5 {
                0 => ("b", 0.2, b, number % 50 != 0, 2),
                _ => ("a", 0.8, a, number % 2 == 0, 1),
            };
            let again = Again {
                order: Vec::new(),
                limit: 0,
                sell: None,
                chance: Some(now),
                refused: false,
            };
            weighing.add(&call(trunk, chance, answered, cost), &again);
        }
        weighing.weighed()
    }

    #[test]
    fn calls_stand_for_what_another_policy_would_have_chosen() {
        for (a, b, asr, worth) in [
            (0.8, 0.2, 0.58, 1000.0),
            (0.0, 1.0, 0.9, 200.0),
            (1.0, 0.0, 0.5, 800.0),
            (0.5, 0.5, 0.7, 640.0),
        ] {
            let found = weighed(a, b).unwrap();
            assert!(
                (f64::from(found.asr.mean) - asr).abs() < 1e-3,
                "{a} {b}: {found:?}"
            );
            assert!((found.worth - worth).abs() < 1.0, "{a} {b}: {found:?}");
            assert!(found.asr.low < found.asr.mean && found.asr.mean < found.asr.high);
        }
        let cost = weighed(0.0, 1.0).unwrap().cost.unwrap();
        assert!((cost.mean - 1.8).abs() < 1e-3, "{cost:?}");
    }

    #[test]
    fn of_too_few_nothing_is_said() {
        assert_eq!(weighed(0.0, 0.0), None);
        assert_eq!(Weighing::default().weighed(), None);
    }
}
