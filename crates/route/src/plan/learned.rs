//! What was learned of carriers, in their order.

use super::Standing;
use super::decide::Decision;
use super::order::{Keys, NO_KEY, Score};
use super::trace::Place;
use crate::deck::{self, Money, Rate};
use crate::learn::{self, Estimate, Offer, Picked, Policy, Why, relative_price};
use crate::prices::COMPARED_MS;
use crate::tables::TrunkIx;
use smallvec::SmallVec;

/// A call that is to find something out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explores {
    /// The carrier that is first.
    pub first: TrunkIx,
    /// What it asks, and what the one asks that looks the best.
    pub rates: [Option<Rate>; 2],
    /// What a call of three minutes costs more.
    pub extra: Money,
}

impl Explores {
    /// What a call has cost more, of which the first carrier had `talk_ms`; nothing where another had it.
    pub fn cost(&self, talk_ms: u64) -> Money {
        extra(self.rates, talk_ms)
    }
}

fn extra([first, best]: [Option<Rate>; 2], talk_ms: u64) -> Money {
    let cost = |rate: Option<Rate>| rate.map_or(0, |rate| deck::cost(rate, talk_ms).0);
    Money(cost(first).saturating_sub(cost(best)))
}

/// What a decision has read of what was learned, as it stood then.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    policy: Policy,
    noise: f32,
    probe: f32,
    min_attempts: f32,
    picked: Picked,
    /// The carriers among which it chose.
    known: Vec<Known>,
}

/// A carrier that could take the call, and what was believed of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Index of its standing.
    pub(super) standing: u32,
    pub(super) relative_price: f32,
    pub(super) estimate: Estimate,
}

impl Learned {
    /// Why the first is first.
    pub(super) fn why(&self) -> Why {
        self.picked.why
    }

    /// The standing of the one that looks the best.
    pub(super) fn best(&self) -> Option<u32> {
        self.known.get(self.picked.best).map(|known| known.standing)
    }

    /// Those among which it chose.
    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }

    /// What price and quality weigh.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How much chance there was, how often one was tried that may be better than it looks, and below how many attempts chance had no part.
    pub(super) fn chances(&self) -> [f32; 3] {
        [self.noise, self.probe, self.min_attempts]
    }
}

/// A lesser score is the better one.
fn score(utility: f32) -> Score {
    let bits = utility.to_bits();
    let rising = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    Score::of_bits(!rising)
}

impl Decision<'_> {
    /// Puts those that stand in order by what was learned of them, if anything was; others stay where price has put them.
    pub(super) fn learn(
        &self,
        standings: &mut [Standing],
        priced: usize,
        keys: &mut Keys,
    ) -> Option<Box<Learned>> {
        let class = self.class?.ix;
        let policy = self
            .tables
            .learning()
            .policy(class)
            .filter(|policy| policy.learns)?;
        let lesson = self.live.lesson(self.tables, self.request.called, class)?;
        let row = lesson.row;
        if row.estimates.is_empty() {
            return None;
        }
        let mut offers: SmallVec<[Offer; 64]> = SmallVec::new();
        let mut known = Vec::with_capacity(standings.len());
        // Who has no price stays behind those who have one.
        let usable = |standing: &Standing| standing.place == Place::InOrder;
        let (with, without) = standings.split_at(priced.min(standings.len()));
        let cheapest = with
            .iter()
            .filter(|standing| usable(standing))
            .map(|standing| standing.price)
            .min();
        let (from, field) = if cheapest.is_some() {
            (0, with)
        } else {
            (with.len(), without)
        };
        for (standing, index) in field.iter().zip(from..).filter(|(standing, _)| usable(standing)) {
            let slot = lesson.slot(index);
            let relative_price = cheapest.map_or(0.0, |cheapest| {
                relative_price(standing.price.amount(), cheapest.amount())
            });
            offers.push(Offer { slot, relative_price });
            known.push(Known {
                standing: index as u32,
                relative_price,
                estimate: row.estimate(slot),
            });
        }
        let mut scores: SmallVec<[f32; 64]> = SmallVec::from_elem(0.0, offers.len());
        let picked = learn::choose(policy, &row, self.request.draw, &offers, &mut scores)?;
        if picked.why != Why::Cheapest {
            for (known, utility) in known.iter().zip(&scores) {
                let index = known.standing as usize;
                if let (Some(standing), Some(key)) = (standings.get_mut(index), keys.get_mut(index)) {
                    standing.score = score(*utility);
                    *key = if *key == NO_KEY {
                        NO_KEY
                    } else {
                        standing.key_in_order()
                    };
                }
            }
        }
        Some(Box::new(Learned {
            policy: *policy,
            noise: row.noise,
            probe: row.probe,
            min_attempts: row.min_attempts,
            picked,
            known,
        }))
    }

    /// What is to be found out by this choice, if anything is.
    pub(super) fn explores(&self, learned: &Learned, standings: &[Standing]) -> Option<Box<Explores>> {
        if !learned.picked.explores() {
            return None;
        }
        let at = |index: usize| standings.get(learned.known.get(index)?.standing as usize);
        let rate = |standing: Option<&Standing>| {
            let standing = standing?;
            let terms = self.terms().get(standing.terms as usize)?;
            Some(terms.rate(standing.prefix_len))
        };
        let (first, best) = (at(learned.picked.first), at(learned.picked.best));
        let rates = [rate(first), rate(best)];
        Some(Box::new(Explores {
            first: first.map(|standing| standing.trunk)?,
            rates,
            extra: extra(rates, COMPARED_MS),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_utility_is_a_lesser_score() {
        let utilities = [f32::NEG_INFINITY, -300.0, -1.5, -0.0, 0.0, 0.25, 0.9, 300.0];
        let scores: Vec<Score> = utilities.iter().map(|utility| score(*utility)).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert!(score(0.25) < score(0.2));
    }
}
