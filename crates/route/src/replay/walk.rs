//! What an order of carriers comes to.

use super::seen::Seen;
use super::{Again, PastCall, cost, units};

/// A carrier that a call is as unlikely to get to counts as not asked.
const HARDLY: f64 = 0.01;

/// What is expected of a call by one order.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// That it is answered.
    pub(super) answers: f64,
    /// In units.
    pub(super) cost: f64,
    pub(super) price: f64,
    /// Scores, each with its part of the call.
    pub(super) mos: f64,
    pub(super) rated: f64,
    /// Whether all of its carriers have prices.
    pub(super) priced: bool,
    /// Whether the records know nothing of its first carrier for this country, or of one that may be asked.
    pub(super) first_unknown: bool,
    pub(super) unknown: bool,
    /// Per carrier of the order: that it answers, and what that costs.
    pub(super) parts: Vec<(f64, f64)>,
}

/// Walks an order. `was`: it is the one by which the call was made.
pub(super) fn walk(seen: &Seen, call: &PastCall, by: &Again, was: bool) -> Expected {
    let mut expected = Expected {
        priced: true,
        ..Expected::default()
    };
    let called = call.routed.as_deref().unwrap_or(&call.called);
    let mut reach = 1.0;
    for (offer, index) in by.order.iter().zip(0..) {
        if index >= by.limit {
            break;
        }
        let expects = seen.expects(&offer.trunk, called);
        let answers = reach * expects.answers;
        let talk_ms = if call.answered {
            call.talk_ms as f64
        } else {
            expects.talk_ms
        };
        let costs = answers * offer.rate.map_or(0.0, |rate| cost(rate, talk_ms));
        // What was paid was paid by the prices of then.
        let paid = call.price.filter(|_| was && call.answered).map(units);
        let price = paid.or_else(|| by.sell.map(|rate| cost(rate, talk_ms)));
        expected.answers += answers;
        expected.cost += costs;
        expected.price += answers * price.unwrap_or_default();
        if let Some(mos) = expects.mos {
            expected.mos += answers * mos;
            expected.rated += answers;
        }
        if reach > HARDLY {
            expected.priced &= offer.rate.is_some();
            expected.unknown |= !expects.known;
            expected.first_unknown |= index == 0 && !expects.known;
        }
        expected.parts.push((answers, costs));
        reach *= expects.passes_on;
    }
    expected
}
