//! What is believed of a carrier: from the whole of what it does down to one prefix.
//!
//! Three things are probabilities, each with a track of its own: that the network fails the attempt, that a call which was put through becomes a
//! conversation, that a conversation sounds well. Of each a track keeps what came and what was to be expected of the destination's carriers
//! together, so that who has the difficult destinations isn't taken for bad. Their proportion, as odds, is what a level hands down to
//! the next as its prior (empirical Bayes, with pseudo-counts): a carrier that fails everywhere fails where it has not been tried yet.

use serde::{Deserialize, Serialize};

/// Decayed sums of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Track {
    /// How often it came.
    pub(crate) hits: f32,
    /// Of how many.
    pub(crate) trials: f32,
    /// How often it would have come with the destination's usual carrier.
    pub(crate) expected: f32,
}

impl Track {
    pub(crate) fn add(&mut self, other: &Self, weight: f32) {
        self.hits = (self.hits + weight * other.hits).max(0.0);
        self.trials += weight * other.trials;
        self.expected += weight * other.expected;
    }

    pub(crate) fn scale(&mut self, by: f32) {
        self.hits *= by;
        self.trials *= by;
        self.expected *= by;
    }

    /// Keeps it from remembering more than `most` trials: of what is seen often only the latest counts.
    pub(crate) fn forget(&mut self, most: f32) {
        if self.trials > most {
            self.scale(most / self.trials);
        }
    }
}

/// What a level believes: the odds over those of the destination's usual carrier, and how many trials' worth is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Belief {
    pub(crate) odds: f32,
    pub(crate) known: f32,
}

impl Belief {
    /// As the usual carrier.
    pub(crate) const USUAL: Self = Self {
        odds: 1.0,
        known: 0.0,
    };

    /// The probability where the usual one is `base`.
    pub(crate) fn at(self, base: f32) -> f32 {
        let odds = self.odds * odds(base);
        odds / (1.0 + odds)
    }

    /// The variance of that.
    pub(crate) fn variance(self, base: f32) -> f32 {
        let p = self.at(base);
        p * (1.0 - p) / (self.known + 2.0)
    }
}

/// Probabilities are kept this far from 0 and 1, so that nothing is for ever.
const EDGE: f32 = 0.002;

fn odds(p: f32) -> f32 {
    let p = p.clamp(EDGE, 1.0 - EDGE);
    p / (1.0 - p)
}

/// What the next level believes: its own track (of sums with this weight) with `pseudo` trials of what its parent believes, where the usual carrier
/// has `base`.
pub(crate) fn shrink(track: &Track, weight: f32, parent: Belief, pseudo: f32, base: f32) -> Belief {
    let trials = track.trials / weight;
    let usual = (track.expected / weight + base) / (trials + 1.0);
    let prior = parent.at(usual);
    let p = (track.hits / weight + pseudo * prior) / (trials + pseudo);
    Belief {
        odds: odds(p) / odds(usual),
        known: trials + pseudo * parent.known / (parent.known + pseudo),
    }
}

/// What the usual carrier of a destination has: sums over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) hits: f32,
    pub(crate) trials: f32,
}

impl Pool {
    pub(crate) fn add(&mut self, hits: f32, trials: f32, weight: f32) {
        self.hits = (self.hits + weight * hits).max(0.0);
        self.trials += weight * trials;
    }

    pub(crate) fn scale(&mut self, by: f32) {
        self.hits *= by;
        self.trials *= by;
    }

    /// The mean, with `pseudo` trials of the wider one.
    pub(crate) fn mean(&self, weight: f32, wider: f32, pseudo: f32) -> f32 {
        (self.hits / weight + pseudo * wider) / (self.trials / weight + pseudo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(hits: f32, trials: f32, expected: f32) -> Track {
        Track {
            hits,
            trials,
            expected,
        }
    }

    #[test]
    fn what_is_seen_counts_for_more_than_what_is_handed_down_in_the_end() {
        let parent = Belief {
            odds: 1.0,
            known: 100.0,
        };
        let p =
            |trials: f32| shrink(&track(0.5 * trials, trials, 0.1 * trials), 1.0, parent, 10.0, 0.1).at(0.1);
        assert!((p(0.0) - 0.1).abs() < 1e-4, "{}", p(0.0));
        assert!(p(5.0) > 0.15 && p(5.0) < 0.3, "{}", p(5.0));
        assert!((p(1000.0) - 0.5).abs() < 0.01, "{}", p(1000.0));
        // The weight of the sums makes no difference.
        let scaled = shrink(&track(2.5 * 8.0, 5.0 * 8.0, 0.5 * 8.0), 8.0, parent, 10.0, 0.1);
        assert!((scaled.at(0.1) - p(5.0)).abs() < 1e-6);
    }

    #[test]
    fn who_has_the_difficult_destinations_is_not_taken_for_bad() {
        // Fails three times out of ten where that is usual; is believed to fail as seldom as others elsewhere.
        let belief = shrink(&track(300.0, 1000.0, 300.0), 1.0, Belief::USUAL, 10.0, 0.02);
        assert!((belief.at(0.02) - 0.02).abs() < 0.002, "{}", belief.at(0.02));
        // One that fails three times as often as usual there does so elsewhere.
        let belief = shrink(&track(60.0, 1000.0, 20.0), 1.0, Belief::USUAL, 10.0, 0.02);
        assert!((belief.at(0.05) - 0.139).abs() < 0.01, "{}", belief.at(0.05));
    }

    #[test]
    fn of_what_is_seen_often_only_the_latest_counts() {
        let mut often = track(0.0, 0.0, 0.0);
        for _ in 0..10_000 {
            often.add(&track(0.0, 1.0, 0.5), 1.0);
            often.forget(100.0);
        }
        for _ in 0..100 {
            often.add(&track(1.0, 1.0, 0.5), 1.0);
            often.forget(100.0);
        }
        assert!(often.hits / often.trials > 0.6, "{often:?}");
    }
}
