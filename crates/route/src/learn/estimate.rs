//! What a plan reads of a carrier, and what it makes of it in a few nanoseconds.

/// What is believed of a trunk for calls to one destination in one class: worked out when results come in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Quality of the trunk's calls, 0 to 1: what one that is put through is worth, less what failures before that cost.
    pub mean: f32,
    /// How often it has to be paid, over how often the usual carrier has: less than 1 of who turns answers away, more of who answers himself.
    pub bills: f32,
    /// How unsure that is: its standard deviation.
    pub deviation: f32,
    /// How many attempts' worth is known: own ones, and those believed to tell of these. Below `min_attempts` chance has no part in it.
    pub weight: f32,
    /// What it was before it got worse, or may be as nothing is known yet; never below `mean`. A trunk that would be the best by this is
    /// worth a try.
    pub hope: f32,
    /// Part of the calls in which it may be the best: 1; less while it is new or has recovered; 0 while a floor is broken.
    pub share: f32,
}

impl Estimate {
    /// Nothing is known: it is taken for good, and begins with a tenth of the calls in which it would be the best.
    pub const UNKNOWN: Self = Self {
        mean: 0.9,
        bills: 1.0,
        deviation: 0.0,
        weight: 0.0,
        hope: 0.95,
        share: 0.1,
    };
}

/// Relative extra price above which a trunk is no dearer than at it.
pub const MOST_EXTRA: f32 = 2.0;

/// Weights of the objective; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of quality.
    pub quality: f32,
    /// Of price.
    pub price: f32,
}

impl Weights {
    /// Of which only the proportion matters.
    pub fn of(quality: f64, price: f64) -> Self {
        let sum = quality + price;
        if sum > 0.0 && sum.is_finite() {
            Self {
                quality: (quality / sum) as f32,
                price: (price / sum) as f32,
            }
        } else {
            Self {
                quality: 0.5,
                price: 0.5,
            }
        }
    }
}

/// What a trunk is worth to a call: its quality, `noise` deviations off, less its price over that of the cheapest usable one, relative to it
/// (0 to [`MOST_EXTRA`]), as often as it has to be paid.
pub fn utility(weights: Weights, estimate: &Estimate, relative_price: f32, noise: f32) -> f32 {
    weights.quality * (estimate.mean + noise * estimate.deviation)
        - weights.price * relative_price.clamp(0.0, MOST_EXTRA) * estimate.bills
}

/// A relative price: `(price - cheapest) / cheapest`, 0 where the cheapest costs nothing and this one does neither.
pub fn relative_price(price: u64, cheapest: u64) -> f32 {
    if price <= cheapest {
        return 0.0;
    }
    if cheapest == 0 {
        return MOST_EXTRA;
    }
    (((price - cheapest) as f64 / cheapest as f64) as f32).min(MOST_EXTRA)
}

/// The finaliser of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a call's chance is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chance {
    /// A trunk's noise.
    Noise(u32),
    /// Whether a trunk that has a share is in this call.
    Share(u32),
    /// Whether a trunk that was worse is tried.
    Probe,
    /// Which.
    Which,
}

impl Chance {
    /// 64 bits of its own, from a call's random number.
    pub(crate) fn bits(self, draw: u64) -> u64 {
        let salt = match self {
            Self::Noise(slot) => u64::from(slot) | 1 << 40,
            Self::Share(slot) => u64::from(slot) | 2 << 40,
            Self::Probe => 3 << 40,
            Self::Which => 4 << 40,
        };
        mix(draw ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// From 0 to 1, 1 excluded.
    pub(crate) fn unit(self, draw: u64) -> f32 {
        (self.bits(draw) >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// A trunk's noise in a call: mean 0, deviation 1, never beyond 3.47: the sum of four uniform numbers (Irwin and Hall), which costs one
/// multiplication chain and has a distribution function in closed form ([`noise_below`]).
pub fn noise(draw: u64, slot: u32) -> f32 {
    let bits = Chance::Noise(slot).bits(draw);
    let part = |shift: u32| f32::from((bits >> shift) as u16);
    let sum = (part(0) + part(16) + part(32) + part(48)) / 65_536.0;
    // Half a step each makes the mean 2; the variance of the sum is a third.
    (sum + 2.0 / 65_536.0 - 2.0) * 1.732_050_8
}

/// The probability that [`noise`] is below `z`.
pub fn noise_below(z: f32) -> f32 {
    let x = z / 1.732_050_8 + 2.0;
    let cube = |x: f32| x.max(0.0).powi(3) * x.max(0.0) / 24.0;
    if x >= 4.0 {
        return 1.0;
    }
    (cube(x) - 4.0 * cube(x - 1.0) + 6.0 * cube(x - 2.0) - 4.0 * cube(x - 3.0)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_what_its_distribution_says() {
        let many = 200_000_u64;
        let values: Vec<f32> = (0..many).map(|draw| noise(draw, (draw % 7) as u32)).collect();
        let mean = values.iter().sum::<f32>() / many as f32;
        let variance = values.iter().map(|z| z * z).sum::<f32>() / many as f32;
        assert!(
            mean.abs() < 0.01 && (variance - 1.0).abs() < 0.01,
            "{mean} {variance}"
        );
        for z in [-3.0, -1.5, -0.5, 0.0, 0.7, 2.0, 3.2] {
            let below = values.iter().filter(|value| **value < z).count() as f32 / many as f32;
            assert!(
                (below - noise_below(z)).abs() < 0.005,
                "{z}: {below} {}",
                noise_below(z)
            );
        }
        assert_eq!((noise_below(-4.0), noise_below(4.0)), (0.0, 1.0));
    }

    #[test]
    fn trunks_and_purposes_have_chances_of_their_own() {
        let draws = 0..20_000_u64;
        let product: f32 = draws
            .map(|draw| {
                noise(draw, 1) * noise(draw, 2) + noise(draw, 1) * (Chance::Share(1).unit(draw) - 0.5)
            })
            .sum();
        assert!((product / 20_000.0).abs() < 0.03, "{product}");
    }

    #[test]
    fn a_dearer_trunk_has_to_be_better() {
        let weights = Weights::of(3.0, 1.0);
        assert_eq!(weights, Weights::of(0.75, 0.25));
        let good = Estimate {
            mean: 0.9,
            ..Estimate::UNKNOWN
        };
        let bad = Estimate { mean: 0.8, ..good };
        assert!(utility(weights, &good, 0.2, 0.0) > utility(weights, &bad, 0.0, 0.0));
        assert!(utility(weights, &good, 0.4, 0.0) < utility(weights, &bad, 0.0, 0.0));
        assert_eq!(
            utility(weights, &good, 50.0, 0.0),
            utility(weights, &good, MOST_EXTRA, 0.0)
        );
        let seldom = Estimate { bills: 0.5, ..good };
        assert_eq!(
            utility(weights, &seldom, 0.4, 0.0),
            utility(weights, &good, 0.2, 0.0)
        );
        assert_eq!(Weights::of(0.0, 0.0), Weights::of(1.0, 1.0));
        for (price, cheapest, expected) in [(3, 2, 0.5), (2, 2, 0.0), (0, 0, 0.0), (1, 0, 2.0), (100, 1, 2.0)]
        {
            assert_eq!(relative_price(price, cheapest), expected);
        }
    }
}
