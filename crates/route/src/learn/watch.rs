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
    /// For a change to the worse.
    pub(crate) limit: f32,
    /// For one to the better: it is followed by a slow start, so that a wrong one costs little.
    pub(crate) limit_better: f32,
    /// Whether more is better.
    pub(crate) is_good: bool,
}

/// Evidence since a change may have begun, and what came since then.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Run {
    pub(crate) evidence: f32,
    pub(crate) since: Track,
}

impl Run {
    /// One more observation, `hit` of `trial` (either may be negative, to take back what was noted before), where `p` is believed and `usual` the
    /// destination's. Says whether the change is sure.
    fn note(&mut self, (hit, trial): (f32, f32), p: f32, usual: f32, (shift, limit): (f32, f32)) -> bool {
        // With p' the probability at odds e^shift times as high: ln(p'/p) = shift - ln(1 - p + p e^shift), and ln((1-p')/(1-p)) is
        // that without the shift.
        let norm = (1.0 - p + p * shift.exp()).ln();
        // Below 0 it goes so far only that what was noted as a hit and is taken back later cancels out.
        self.evidence = (self.evidence + hit * shift - trial * norm).max(-shift.abs());
        if self.evidence <= 0.0 {
            self.since = Track::default();
            return false;
        }
        let one = Track {
            hits: hit,
            trials: trial,
            expected: trial * usual,
        };
        self.since.add(&one, 1.0);
        self.evidence >= limit && self.since.trials >= 1.0
    }

    /// Takes out what belongs to another.
    pub(crate) fn less(&mut self, other: &Self) {
        self.evidence -= other.evidence;
        self.since.hits = (self.since.hits - other.since.hits).max(0.0);
        self.since.trials -= other.since.trials;
        self.since.expected -= other.since.expected;
        if self.evidence <= 0.0 || self.since.trials <= 0.0 {
            *self = Self::default();
        }
    }
}

/// Which way something has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It comes more often than was believed.
    More,
    /// Less often.
    Less,
}

/// Both ways of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Watch {
    more: Run,
    less: Run,
}

impl Watch {
    /// One more observation, as of [`Run::note`]; gives the way in which a change is sure, until its run is [taken](Self::take).
    pub(crate) fn note(&mut self, seen: (f32, f32), p: f32, usual: f32, of: Sensitivity) -> Option<Way> {
        let p = p.clamp(0.005, 0.995);
        let (up, down) = if of.is_good {
            (of.limit_better, of.limit)
        } else {
            (of.limit, of.limit_better)
        };
        let more = self.more.note(seen, p, usual, (of.shift, up));
        let less = self.less.note(seen, p, usual, (-of.shift, down));
        match (more, less) {
            (true, _) => Some(Way::More),
            (false, true) => Some(Way::Less),
            (false, false) => None,
        }
    }

    /// The evidence of a change this way.
    pub(crate) fn run(&mut self, way: Way) -> &mut Run {
        match way {
            Way::More => &mut self.more,
            Way::Less => &mut self.less,
        }
    }

    /// What came since a change, of which no more is thought then.
    pub(crate) fn take(&mut self, way: Way) -> Run {
        let run = *self.run(way);
        *self = Self::default();
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Sensitivity = Sensitivity {
        shift: 1.5,
        limit: 5.0,
        limit_better: 5.0,
        is_good: true,
    };

    /// After how many of these outcomes a change is found, and what came since.
    fn found(p: f32, outcomes: impl Iterator<Item = bool>) -> Option<(usize, Way, Track)> {
        let mut watch = Watch::default();
        for (index, hit) in outcomes.enumerate() {
            let hit = f32::from(u8::from(hit));
            if let Some(way) = watch.note((hit, 1.0), p, p, OF) {
                return Some((index + 1, way, watch.take(way).since));
            }
        }
        None
    }

    #[test]
    fn an_outage_is_seen_in_a_few_attempts_and_so_is_its_end() {
        let (after, way, since) = found(0.03, std::iter::repeat(true)).unwrap();
        assert!(after <= 4 && way == Way::More, "{after}");
        assert_eq!((since.hits, since.trials), (after as f32, after as f32));
        let (after, way, _) = found(0.97, std::iter::repeat(false)).unwrap();
        assert!(after <= 4 && way == Way::Less, "{after}");
    }

    #[test]
    fn half_of_the_answers_gone_is_seen_in_some_tens() {
        // 60 % before, 30 % now: 3 of 10.
        let outcomes = (0..).map(|n| n % 10 < 3);
        let (after, way, _) = found(0.6, outcomes).unwrap();
        assert!(after <= 50 && way == Way::Less, "{after}");
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
