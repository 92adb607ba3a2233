//! How likely each trunk was to be first, worked out afterwards from what a decision had recorded, so that another policy can be judged by the
//! same calls (inverse propensity weighting).

use super::choose::{Offer, Row, promise};
use super::estimate::{Estimate, noise_below, utility};
use super::policy::Policy;

/// Points at which the integral is taken, per trunk over the span of its noise.
const POINTS: u32 = 96;

/// Noise is never further from its mean.
const SPAN: f32 = 3.4642;

/// Most trunks whose being in or out of a call is looked at one by one; further ones that have a share of less than one half are taken for out, the
/// others for in.
const SHARED: usize = 4;

/// The probability that each offer is the first of [`choose`](super::choose::choose) over all draws. Deterministic; within 0.003 of it (the midpoint rule,
/// [`POINTS`] points), where no more than four trunks have a share below 1.
pub fn propensities(policy: &Policy, row: &Row<'_>, offers: &[Offer]) -> Vec<f32> {
    let estimates: Vec<Estimate> = offers.iter().map(|offer| row.estimate(offer.slot)).collect();
    let knows = |estimate: &Estimate| estimate.weight >= row.min_attempts;
    if !policy.learns || !estimates.iter().any(knows) {
        return cheapest(offers);
    }
    let mut all = vec![0.0; offers.len()];
    let partly = |index: &usize| {
        estimates
            .get(*index)
            .is_some_and(|estimate| estimate.share > 0.0 && estimate.share < 1.0)
    };
    let shared: Vec<usize> = (0..offers.len()).filter(partly).take(SHARED).collect();
    // Each way in which those with a share may be in or out.
    for way in 0..1_u32 << shared.len() {
        let mut chance = 1.0;
        let mut is_in: Vec<bool> = estimates.iter().map(|estimate| estimate.share >= 0.5).collect();
        for (bit, &index) in shared.iter().enumerate() {
            let share = estimates.get(index).map_or(1.0, |estimate| estimate.share);
            let inside = way >> bit & 1 == 1;
            chance *= if inside { share } else { 1.0 - share };
            if let Some(place) = is_in.get_mut(index) {
                *place = inside;
            }
        }
        if chance > 0.0 {
            let of = Case {
                policy,
                row,
                offers,
                estimates: &estimates,
                is_in: &is_in,
            };
            of.add(chance, &mut all);
        }
    }
    all
}

fn cheapest(offers: &[Offer]) -> Vec<f32> {
    let prices = offers.iter().enumerate();
    let first = prices.min_by(|(_, a), (_, b)| a.relative_price.total_cmp(&b.relative_price));
    let first = first.map(|(index, _)| index);
    (0..offers.len())
        .map(|index| if Some(index) == first { 1.0 } else { 0.0 })
        .collect()
}

/// One way in which trunks are in or out.
struct Case<'a> {
    policy: &'a Policy,
    row: &'a Row<'a>,
    offers: &'a [Offer],
    estimates: &'a [Estimate],
    is_in: &'a [bool],
}

impl Case<'_> {
    fn add(&self, chance: f32, all: &mut [f32]) {
        let nobody = !self.is_in.contains(&true);
        let competes = |index: &usize| nobody || self.is_in.get(*index) == Some(&true);
        let field: Vec<(usize, f32, f32)> = (0..self.offers.len())
            .filter(competes)
            .filter_map(|index| self.spread(index))
            .collect();
        let Some(best) = field.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }) else {
            return;
        };
        let behind = if nobody { super::choose::BEHIND } else { 0.0 };
        let tried: Vec<(usize, f32)> = (0..self.offers.len())
            .filter(|index| *index != best.0)
            .filter_map(|index| Some((index, self.promise(index, best.1 - behind)?)))
            .collect();
        let over: f32 = tried.iter().map(|(_, over)| over).sum();
        let probe = if tried.is_empty() {
            0.0
        } else {
            self.row.probe.clamp(0.0, 1.0)
        };
        for (index, its) in &tried {
            if let Some(of) = all.get_mut(*index) {
                *of += chance * probe * its / over;
            }
        }
        for (index, first) in firsts(&field) {
            if let Some(its) = all.get_mut(index) {
                *its += chance * (1.0 - probe) * first;
            }
        }
    }

    /// Index, mean utility and deviation of an offer.
    fn spread(&self, index: usize) -> Option<(usize, f32, f32)> {
        let (offer, estimate) = (self.offers.get(index)?, self.estimates.get(index)?);
        let mean = utility(self.policy.weights, estimate, offer.relative_price, 0.0);
        let samples = self.row.noise > 0.0 && estimate.weight >= self.row.min_attempts;
        let deviation = if samples {
            self.policy.weights.quality * self.row.noise * estimate.deviation
        } else {
            0.0
        };
        Some((index, mean, deviation))
    }

    fn promise(&self, index: usize, best: f32) -> Option<f32> {
        promise(
            self.policy,
            self.estimates.get(index)?,
            self.offers.get(index)?,
            best,
        )
    }
}

/// The probability that each of these has the highest draw.
fn firsts(field: &[(usize, f32, f32)]) -> Vec<(usize, f32)> {
    let chance = |&(index, mean, deviation): &(usize, f32, f32)| {
        let below = |x: f32| -> f32 {
            let others = field.iter().filter(|other| other.0 != index);
            others.map(|other| is_below(other, x, index)).product()
        };
        let step = 2.0 * SPAN / POINTS as f32;
        let integral = if deviation <= 0.0 {
            below(mean)
        } else {
            (0..POINTS)
                .map(|point| {
                    let z = -SPAN + step * (point as f32 + 0.5);
                    let mass = noise_below(z + step / 2.0) - noise_below(z - step / 2.0);
                    mass * below(mean + deviation * z)
                })
                .sum()
        };
        (index, integral)
    };
    let mut all: Vec<(usize, f32)> = field.iter().map(chance).collect();
    let sum: f32 = all.iter().map(|(_, chance)| chance).sum();
    if sum > 0.0 {
        for (_, chance) in &mut all {
            *chance /= sum;
        }
    }
    all
}

/// The probability that an offer draws less than `x`; of two that are certain and equal the first in order wins.
fn is_below(&(other, mean, deviation): &(usize, f32, f32), x: f32, index: usize) -> f32 {
    if deviation > 0.0 {
        return noise_below((x - mean) / deviation);
    }
    let less = mean < x || (mean <= x && index < other);
    if less { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{Weights, choose};

    /// Chance for a test, from a seed.
    fn unit(seed: &mut u64) -> f32 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 40) as f32 / (1_u32 << 24) as f32
    }

    #[test]
    fn propensities_are_how_often_each_is_first() {
        let mut seed = 7;
        for case in 0..24 {
            let many = 2 + case % 7;
            let estimates: Vec<Estimate> = (0..many)
                .map(|_| Estimate {
                    mean: 0.7 + 0.3 * unit(&mut seed),
                    bills: 1.0,
                    deviation: 0.15 * unit(&mut seed),
                    weight: 40.0 * unit(&mut seed),
                    hope: 0.95,
                    share: if unit(&mut seed) < 0.3 {
                        unit(&mut seed)
                    } else {
                        1.0
                    },
                })
                .collect();
            let offers: Vec<Offer> = (0..many)
                .map(|slot| Offer {
                    slot: slot as u32,
                    relative_price: unit(&mut seed),
                })
                .collect();
            let policy = Policy {
                weights: Weights::of(f64::from(unit(&mut seed)), 0.3),
                ..Policy::default()
            };
            let row = Row {
                estimates: &estimates,
                noise: 1.0,
                probe: if case % 2 == 0 { 0.1 } else { 0.0 },
                min_attempts: if case % 5 == 4 { 100.0 } else { 5.0 },
            };
            let rounds = 60_000;
            let mut firsts = vec![0.0; many];
            for draw in 0..rounds {
                let mut scores = vec![0.0; many];
                let picked = choose(&policy, &row, draw, &offers, &mut scores).unwrap();
                firsts[picked.first] += 1.0 / rounds as f32;
            }
            let worked_out = propensities(&policy, &row, &offers);
            assert!((worked_out.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            for (counted, worked_out) in firsts.iter().zip(&worked_out) {
                // Three deviations of the count are 0.006.
                assert!(
                    (counted - worked_out).abs() < 0.009,
                    "{case}: {firsts:?} {worked_out:?}"
                );
            }
        }
    }

    #[test]
    fn the_integral_is_as_exact_as_is_said() {
        // Two alike but for their means: the difference of two noises, by a fine sum.
        let field = [(0, 0.80, 0.05), (1, 0.82, 0.08)];
        let steps = 20_000;
        let width = 2.0 * SPAN / steps as f32;
        let exact: f64 = (0..steps)
            .map(|step| {
                let z = -SPAN + width * (step as f32 + 0.5);
                let mass = noise_below(z + width / 2.0) - noise_below(z - width / 2.0);
                f64::from(mass) * f64::from(noise_below((0.80 + 0.05 * z - 0.82) / 0.08))
            })
            .sum();
        let got = f64::from(firsts(&field)[0].1);
        assert!((got - exact).abs() < 0.003, "{got} {exact}");
    }
}
