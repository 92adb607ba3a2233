//! Which trunk of those that could take a call: constrained Thompson sampling.

use super::estimate::{Chance, Estimate, noise, utility};
use super::policy::Policy;

/// What is believed for calls to one destination in one class, as a plan reads it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// By live slot. A slot beyond the end is [`Estimate::UNKNOWN`].
    pub estimates: &'a [Estimate],
    /// How much chance there is: 1, less as the operator wishes, 0 where the class's budget is spent.
    pub noise: f32,
    /// The probability that a trunk which may be better than it looks is tried.
    pub probe: f32,
    /// Below so many attempts' worth of knowledge, chance has no part in a trunk's place.
    pub min_attempts: f32,
}

impl Row<'_> {
    /// Nothing is known of anybody.
    pub const EMPTY: Row<'static> = Row {
        estimates: &[],
        noise: 0.0,
        probe: 0.0,
        // Not even what nothing is known of has enough: the cheapest is first.
        min_attempts: f32::INFINITY,
    };

    /// What is believed of a trunk.
    pub fn estimate(&self, slot: u32) -> Estimate {
        self.estimates
            .get(slot as usize)
            .copied()
            .unwrap_or(Estimate::UNKNOWN)
    }
}

/// A trunk that could take a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Its live slot.
    pub slot: u32,
    /// Its price over that of the cheapest usable one, relative to it ([`relative_price`](super::relative_price)).
    pub relative_price: f32,
}

/// Why a trunk is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It looks the best.
    Best,
    /// Chance has put it before one that looks the best, as unsure as both are.
    Sampled,
    /// It may be better than it looks, and is tried.
    Probe,
    /// Too little is known of any, or nothing is to be learned: it is the cheapest.
    Cheapest,
}

/// Who is first, and whom it is first instead of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    /// Index of the first into the offers.
    pub first: usize,
    /// Index of the one that looks the best.
    pub best: usize,
    /// Why the first is.
    pub why: Why,
}

impl Picked {
    /// Whether the call explores: its first trunk is worse, as far as is known, than the best by more than [`ALIKE`].
    pub fn explores(&self) -> bool {
        match self.why {
            Why::Sampled | Why::Probe => true,
            Why::Best | Why::Cheapest => false,
        }
    }
}

/// Trunks whose utilities differ by no more are alike: to send a call to either is no exploring.
pub const ALIKE: f32 = 0.015;

/// A trunk is worth a try that would come so near the best, or above it, if it were as good as it may be.
const NEAR: f32 = 0.06;

/// One that is believed to be no more than so much worse than it may be is not tried: it is told from the best by chance, as all others are.
const IN_DOUBT: f32 = 0.06;

/// What puts a trunk behind all others that have a share, and before all of them.
pub(super) const BEHIND: f32 = 100.0;

/// Gives each offer its score, the higher the better, and says who is first and why. The same arguments give the same.
///
/// The score is the utility of a quality drawn from what is believed (Thompson sampling), so that a trunk is first as often as it is likely
/// to be the best. Trunks whose share is below 1 are among the others in that part of the calls, and behind them in the rest. A trunk that
/// would be the best, or nearly, if it were as good as it may be is put first in `row.probe` of the calls. Scores of fewer than `min_attempts` have no
/// chance in them; if no trunk has so many, the cheapest is first.
pub fn choose(
    policy: &Policy,
    row: &Row<'_>,
    draw: u64,
    offers: &[Offer],
    scores: &mut [f32],
) -> Option<Picked> {
    let knows = |offer: &Offer| row.estimate(offer.slot).weight >= row.min_attempts;
    if !policy.learns || !offers.iter().any(knows) {
        return cheapest(offers, scores);
    }
    let mut first = (0, f32::NEG_INFINITY);
    let mut best = (0, f32::NEG_INFINITY);
    let mut first_mean = 0.0;
    for (index, (offer, score)) in offers.iter().zip(scores.iter_mut()).enumerate() {
        let estimate = row.estimate(offer.slot);
        let mean = utility(policy.weights, &estimate, offer.relative_price, 0.0);
        let behind = if is_in(&estimate, draw, offer.slot) {
            0.0
        } else {
            BEHIND
        };
        let chance = sampled(row, &estimate, draw, offer.slot);
        let utility = mean + policy.weights.quality * chance - behind;
        *score = utility;
        if utility > first.1 {
            (first, first_mean) = ((index, utility), mean - behind);
        }
        if mean - behind > best.1 {
            best = (index, mean - behind);
        }
    }
    let why = if first_mean < best.1 - ALIKE {
        Why::Sampled
    } else {
        Why::Best
    };
    let mut picked = Picked {
        first: first.0,
        best: best.0,
        why,
    };
    if let Some(tried) = probed(policy, row, draw, offers, best) {
        picked.first = tried;
        picked.why = Why::Probe;
        if let Some(score) = scores.get_mut(tried) {
            *score += 3.0 * BEHIND;
        }
    }
    (!offers.is_empty()).then_some(picked)
}

fn cheapest(offers: &[Offer], scores: &mut [f32]) -> Option<Picked> {
    for (offer, score) in offers.iter().zip(scores) {
        *score = -offer.relative_price;
    }
    let prices = offers.iter().enumerate();
    let (first, _) = prices.min_by(|(_, a), (_, b)| a.relative_price.total_cmp(&b.relative_price))?;
    Some(Picked {
        first,
        best: first,
        why: Why::Cheapest,
    })
}

/// Whether a trunk is among the others in this call.
fn is_in(estimate: &Estimate, draw: u64, slot: u32) -> bool {
    estimate.share >= 1.0 || Chance::Share(slot).unit(draw) < estimate.share
}

/// How far off its mean a trunk's quality is drawn.
fn sampled(row: &Row<'_>, estimate: &Estimate, draw: u64, slot: u32) -> f32 {
    if row.noise > 0.0 && estimate.weight >= row.min_attempts {
        row.noise * estimate.deviation * noise(draw, slot)
    } else {
        0.0
    }
}

/// How much a try of a trunk promises: by how much it would be better than nearly the best, which is at this utility, if it were as good as it may
/// be, and how far it is from that. Who is a little worse than he may be is chance's affair.
pub(super) fn promise(policy: &Policy, estimate: &Estimate, offer: &Offer, best: f32) -> Option<f32> {
    let fallen = estimate.hope - estimate.mean;
    let hoped = Estimate {
        mean: estimate.hope,
        ..*estimate
    };
    let over = utility(policy.weights, &hoped, offer.relative_price, 0.0) - best + NEAR;
    (over > 0.0 && fallen > IN_DOUBT).then_some(over * fallen * fallen)
}

/// Which trunk is tried in this call, if one is: of those that may be better than the best each as often as it may be better.
fn probed(policy: &Policy, row: &Row<'_>, draw: u64, offers: &[Offer], best: (usize, f32)) -> Option<usize> {
    if row.probe <= 0.0 || Chance::Probe.unit(draw) >= row.probe {
        return None;
    }
    let promises = |(index, offer): (usize, &Offer)| {
        let over = promise(policy, &row.estimate(offer.slot), offer, best.1)?;
        (index != best.0).then_some((index, over))
    };
    let all = || offers.iter().enumerate().filter_map(promises);
    let mut which = Chance::Which.unit(draw) * all().map(|(_, over)| over).sum::<f32>();
    let found = all().find(|(_, over)| {
        which -= over;
        which < 0.0
    });
    found.or_else(|| all().next_back()).map(|(index, _)| index)
}

#[cfg(test)]
mod tests;
