//! Sudden changes, both ways: cumulated sums of log-likelihood ratios (Page's CUSUM) of what comes against what is believed.
//!
//! Decay alone takes its half-life to see what a person sees in ten calls. A sum grows while what comes is likelier under odds that are so much
//! worse (or better) than believed, and starts afresh when it is below 0, so it has the evidence since the change most likely began; above its limit
//! the belief is replaced by what came since then.

use super::track::Track;

/// How much other the odds are that are looked for, as their logarithm, and how much evidence is asked for, in nats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sensitivity {
    pub(crate) shift: f32,
    pub(crate) limit: f32,
}

/// Evidence since a change may have begun.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Run {
    evidence: f32,
    pub(crate) since: Track,
}

impl Run {
    /// One more observation, `hit` of `trial` (either may be negative, to take back what was noted before), where `p` is believed and `usual` the
    /// destination's. Gives what came since the change, once that is sure.
    fn note(&mut self, hit: f32, trial: f32, p: f32, usual: f32, of: Sensitivity) -> Option<Track> {
        // With p' the probability at odds e^shift times as high: ln(p'/p) = shift - ln(1 - p + p e^shift), and ln((1-p')/(1-p)) is
        // that without the shift.
        let norm = (1.0 - p + p * of.shift.exp()).ln();
        // Below 0 it goes so far only that what was noted as a hit and is taken back later cancels out.
        self.evidence = (self.evidence + hit * of.shift - trial * norm).max(-of.shift.abs());
        if self.evidence <= 0.0 {
            self.since = Track::default();
            return None;
        }
        let one = Track {
            hits: hit,
            trials: trial,
            expected: trial * usual,
        };
        self.since.add(&one, 1.0);
        if self.evidence < of.limit || self.since.trials < 1.0 {
            return None;
        }
        let since = self.since;
        *self = Self::default();
        Some(since)
    }
}

/// Both ways of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Watch {
    more: Run,
    less: Run,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Found {
    /// It comes more often than was believed: what came since then.
    More(Track),
    /// Less often.
    Less(Track),
}

impl Watch {
    /// One more observation, as of [`Run::note`].
    pub(crate) fn note(
        &mut self,
        (hit, trial): (f32, f32),
        p: f32,
        usual: f32,
        of: Sensitivity,
    ) -> Option<Found> {
        let p = p.clamp(0.005, 0.995);
        let down = Sensitivity {
            shift: -of.shift,
            ..of
        };
        if let Some(since) = self.more.note(hit, trial, p, usual, of) {
            self.less = Run::default();
            return Some(Found::More(since));
        }
        let since = self.less.note(hit, trial, p, usual, down)?;
        self.more = Run::default();
        Some(Found::Less(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Sensitivity = Sensitivity {
        shift: 1.5,
        limit: 5.0,
    };

    /// After how many of these outcomes a change is found, and what came since.
    fn found(p: f32, outcomes: impl Iterator<Item = bool>) -> Option<(usize, Found)> {
        let mut watch = Watch::default();
        for (index, hit) in outcomes.enumerate() {
            let hit = f32::from(u8::from(hit));
            if let Some(found) = watch.note((hit, 1.0), p, p, OF) {
                return Some((index + 1, found));
            }
        }
        None
    }

    #[test]
    fn an_outage_is_seen_in_a_few_attempts_and_so_is_its_end() {
        let (after, what) = found(0.03, std::iter::repeat(true)).unwrap();
        let Found::More(since) = what else {
            panic!("{what:?}")
        };
        assert!(after <= 4, "{after}");
        assert_eq!((since.hits, since.trials), (after as f32, after as f32));
        let (after, what) = found(0.97, std::iter::repeat(false)).unwrap();
        assert!(after <= 4 && matches!(what, Found::Less(_)), "{after}");
    }

    #[test]
    fn half_of_the_answers_gone_is_seen_in_some_tens() {
        // 60 % before, 30 % now: 3 of 10.
        let outcomes = (0..).map(|n| n % 10 < 3);
        let (after, what) = found(0.6, outcomes).unwrap();
        assert!(after <= 50 && matches!(what, Found::Less(_)), "{after}");
    }

    #[test]
    fn what_comes_as_believed_is_no_change() {
        for p in [0.02, 0.2, 0.5, 0.8] {
            // Evenly spread, so that only the mean can tell.
            let outcomes = (1..5_000).map(|n| (n as f32 * p).floor() > ((n - 1) as f32 * p).floor());
            assert_eq!(found(p, outcomes), None, "{p}");
        }
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let mut watch = Watch::default();
        for _ in 0..1000 {
            assert_eq!(watch.note((1.0, 1.0), 0.5, 0.5, OF), None);
            assert_eq!(watch.note((-1.0, -1.0), 0.5, 0.5, OF), None);
        }
    }
}
