//! Chance, from one number per call: reproducible, and independent for every trunk and target.

use crate::tables::TrunkIx;

/// The random number of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u64);

/// A place among equals, smaller first: the order of these is a draw by weight without putting back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chance(u64);

impl Draw {
    pub(super) fn new(draw: u64) -> Self {
        Self(draw)
    }

    /// A number from 0 to 1 that is a target's own, and no part of its [chance](Self::chance).
    pub(super) fn unit(self, trunk: TrunkIx, target: usize) -> f64 {
        let place = (u64::from(trunk.0) << 32) | (target as u64 + 1);
        let bits = mix(!self.0 ^ mix(place)) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    /// The place of a trunk among others of its weight, which is not 0. In the order of [`Draw::chance`].
    pub(super) fn even_chance(self, trunk: TrunkIx) -> Chance {
        Chance(!self.bits(trunk, None))
    }

    fn bits(self, trunk: TrunkIx, target: Option<usize>) -> u64 {
        let place = (u64::from(trunk.0) << 32) | target.map_or(0, |target| target as u64 + 1);
        mix(self.0 ^ mix(place)) >> 11
    }

    /// The place of a trunk, or of one of its targets, with this weight. Weight 0 comes after every other
    /// (RFC 2782).
    pub(super) fn chance(self, trunk: TrunkIx, target: Option<usize>, weight: u32) -> Chance {
        if weight == 0 {
            return Chance(u64::MAX);
        }
        let bits = self.bits(trunk, target);
        // Exponentially distributed at a rate of the weight: of several, the first is each with its
        // weight's share of probability.
        let uniform = (bits as f64 + 1.0) / (1u64 << 53) as f64;
        let waited = -uniform.ln() / f64::from(weight);
        // Non-negative floats order as their bits do.
        Chance(waited.abs().to_bits())
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of `x`.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each trunk comes first out of `rounds` draws.
    fn firsts(weights: &[u32], rounds: u64) -> Vec<u64> {
        let mut firsts = vec![0; weights.len()];
        for round in 0..rounds {
            let draw = Draw::new(round);
            let first = (0..weights.len())
                .min_by_key(|&i| draw.chance(TrunkIx(i as u32), None, weights[i]))
                .unwrap();
            firsts[first] += 1;
        }
        firsts
    }

    #[test]
    fn each_comes_first_as_often_as_its_weight_says() {
        let rounds = 100_000;
        let weights = [10, 30, 60, 0];
        let got = firsts(&weights, rounds);
        for (weight, got) in weights.iter().zip(got) {
            let expected = u64::from(*weight) * rounds / 100;
            // Five standard deviations of a binomial count are below 800.
            assert!(got.abs_diff(expected) < 800, "weight {weight}: {got} of {rounds}");
        }
    }

    #[test]
    fn the_same_draw_gives_the_same_place_and_another_another() {
        let place = |draw| Draw::new(draw).chance(TrunkIx(3), Some(1), 10);
        assert_eq!(place(7), place(7));
        assert_ne!(place(7), place(8));
    }

    #[test]
    fn among_equal_weights_the_place_needs_no_logarithm() {
        for round in 0..1000 {
            let draw = Draw::new(round);
            let mut by_weight: Vec<u32> = (0..20).collect();
            let mut even = by_weight.clone();
            by_weight.sort_by_key(|&trunk| draw.chance(TrunkIx(trunk), None, 7));
            even.sort_by_key(|&trunk| draw.even_chance(TrunkIx(trunk)));
            assert_eq!(by_weight, even);
        }
    }

    #[test]
    fn of_those_without_weight_none_is_before_one_with() {
        for round in 0..1000 {
            let draw = Draw::new(round);
            assert!(draw.chance(TrunkIx(0), None, 1) < draw.chance(TrunkIx(1), None, 0));
        }
    }
}
