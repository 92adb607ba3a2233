//! From what is seen to what is believed.

use super::place::{Each, Known, Path, Places, Pools};
use super::result::{AttemptResult, CallResult, Ending, Feedback, TestResult, worth_of_mos, worth_of_pdd};
use super::sums::{SHORT_S, Sums, finite};
use super::{Changed, Quality};
use crate::learn::{Aspect, Belief, Estimate, Sensitivity, Track, shrink};
use std::time::Duration;

/// What a result says: how often something came of how many.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) sums: Sums,
    pub(super) fails: Option<(f32, f32)>,
    pub(super) talks: Option<(f32, f32)>,
    pub(super) sounds: Option<(f32, f32)>,
    pub(super) wait_s: Option<f32>,
    /// It takes back something that was noted so long ago.
    pub(super) earlier: Duration,
}

impl Sample {
    /// An answer counts as a conversation until it is known to be none.
    pub(super) fn of_attempt(result: &AttemptResult) -> Self {
        let (fails, talks) = match result.ending {
            Ending::Answered => (Some((0.0, 1.0)), Some((1.0, 1.0))),
            Ending::User(_) => (Some((0.0, 1.0)), Some((0.0, 1.0))),
            Ending::Network(_) | Ending::Silent => (Some((1.0, 1.0)), None),
            Ending::GivenUp => (None, None),
        };
        Self {
            sums: Sums::of_attempt(result),
            fails,
            talks,
            wait_s: result.pdd.map(|pdd| pdd.as_secs_f32().min(60.0)),
            ..Self::default()
        }
    }

    pub(super) fn of_call(result: &CallResult) -> Self {
        let none = result.false_answer || result.dead_air || result.talk.as_secs_f32() < SHORT_S;
        Self {
            sums: Sums::of_call(result),
            talks: none.then_some((-1.0, 0.0)),
            sounds: finite(result.mos).map(|mos| (worth_of_mos(mos), 1.0)),
            earlier: result.talk,
            ..Self::default()
        }
    }

    pub(super) fn of_feedback(feedback: &Feedback) -> Self {
        let score = feedback.score.map(|score| f32::from(score.clamp(1, 5) - 1) / 4.0);
        let worth = score.or(feedback.issue.then_some(0.25));
        Self {
            sums: Sums::of_feedback(feedback),
            sounds: worth.map(|worth| (worth, 1.0)),
            ..Self::default()
        }
    }

    /// A test call that did not pass counts as a failure of the network: to whom it went there is no doubt.
    pub(super) fn of_test(result: &TestResult) -> Self {
        Self {
            sums: Sums::of_test(result),
            fails: Some((if result.passed { 0.0 } else { 1.0 }, 1.0)),
            sounds: finite(result.mos).map(|mos| (worth_of_mos(mos), 1.0)),
            ..Self::default()
        }
    }
}

/// What the usual carrier has where nothing is known: probabilities of failing and of talking, worth of sound, delay in seconds.
const WORLD: Base = Base {
    each: Each {
        fails: 0.03,
        talks: 0.55,
        sounds: 0.92,
    },
    wait_s: 3.0,
};

/// Attempts' worth of the wider level in what the usual carrier of a level has.
const POOLED: f32 = 20.0;

/// Attempts' worth of what is handed down, by level: the usual carrier to the trunk as a whole, that to a country, to a range, to a prefix; and
/// from all classes to one.
const PSEUDO: Each<[f32; 4]> = Each {
    fails: [8.0, 8.0, 8.0, 15.0],
    talks: [25.0, 20.0, 20.0, 40.0],
    sounds: [4.0, 6.0, 6.0, 15.0],
};
const PSEUDO_CLASS: f32 = 60.0;
const PSEUDO_WAIT: f32 = 5.0;

/// What a failed attempt costs of a call's worth; one without a word takes longer.
const REFUSED_COSTS: f32 = 0.12;
const SILENT_COSTS: f32 = 0.25;

/// What is looked for in each aspect.
const SENSITIVITY: Each<Sensitivity> = Each {
    fails: Sensitivity {
        shift: 2.0,
        limit: 6.0,
    },
    talks: Sensitivity {
        shift: 1.2,
        limit: 6.0,
    },
    sounds: Sensitivity {
        shift: 2.0,
        limit: 6.0,
    },
};

/// The level at which trunks are tried so often as is said: the operator range.
const RATED: usize = 2;

/// The part of what a class may explore with that trying takes; the rest is chance's.
const PROBE_PART: f32 = 0.7;

/// The part of the calls that a trunk has as soon as it is new or has recovered.
const FIRST_SHARE: f32 = 0.1;

/// A quality that was seen is hoped for again for so long, at half (seconds); one that never was for so many attempts that tell otherwise.
const HOPE_S: f64 = 43_200.0;
const HOPE_ATTEMPTS: f32 = 12.0;

/// Attempts' worth from which on a quality was seen.
const PROVEN: f32 = 25.0;

/// What the usual carrier has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    pub(super) each: Each<f32>,
    pub(super) wait_s: f32,
}

/// That of each level of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bases {
    all: [Base; super::group::LEVELS],
    levels: usize,
}

impl Bases {
    pub(super) fn of(places: &Places, path: &Path, weight: f32) -> Self {
        let mut all = [WORLD; super::group::LEVELS];
        let mut wider = WORLD;
        for ((_, class), base) in path.pairs().zip(&mut all) {
            if let Some(place) = places.get(class) {
                wider = mean(&place.pools, &wider, weight);
            }
            *base = wider;
        }
        Self {
            all,
            levels: path.levels,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Base> {
        self.all.iter().take(self.levels)
    }

    /// That of the destination itself.
    pub(super) fn last(&self) -> Base {
        self.iter().last().copied().unwrap_or(WORLD)
    }
}

fn mean(pools: &Pools, wider: &Base, weight: f32) -> Base {
    let of = |pool: &crate::learn::Pool, wider: f32| pool.mean(weight, wider, POOLED);
    let (each, above) = (&pools.each, &wider.each);
    Base {
        each: Each {
            fails: of(&each.fails, above.fails),
            talks: of(&each.talks, above.talks),
            sounds: of(&each.sounds, above.sounds),
        },
        wait_s: of(&pools.wait, wider.wait_s),
    }
}

impl Quality {
    /// Adds a sample to what the usual carrier has. A trunk that is bad counts for little in it, or else who carries much would become the usual
    /// as he gets worse.
    pub(super) fn pool(&mut self, path: &Path, slot: u32, sample: &Sample, ago: f32) {
        let weight = self.weight();
        let Some((_, near)) = path.pairs().last() else {
            return;
        };
        let bases = Bases::of(&self.places, path, weight).last();
        let beliefs = self
            .places
            .get(near)
            .and_then(|place| place.known(slot))
            .map(|known| known.beliefs);
        let is = beliefs.unwrap_or_else(|| Known::default().beliefs);
        let fails = is.fails.at(bases.each.fails);
        let talks = (is.talks.at(bases.each.talks) / bases.each.talks).clamp(0.05, 1.0);
        let sounds = is.sounds.at(bases.each.sounds);
        for (_, class) in path.pairs() {
            let Some(place) = self.places.get_mut(class) else {
                continue;
            };
            let pools = &mut place.pools;
            if let Some((hits, trials)) = sample.fails {
                let counts = (1.0 - fails).max(0.05);
                pools.each.fails.add(counts * hits, counts * trials, weight);
            }
            if let Some((hits, trials)) = sample.talks {
                // What it has less than others is its own: so many of its calls are to be expected of the usual.
                pools.each.talks.add(hits, talks * trials, ago);
            }
            if let Some((hits, trials)) = sample.sounds {
                let counts = sounds.max(0.05);
                pools.each.sounds.add(counts * hits, counts * trials, weight);
            }
            if let Some(wait) = sample.wait_s.filter(|_| sample.fails.is_some()) {
                pools.wait.add(wait, 1.0, weight);
            }
        }
    }

    /// Adds a sample to what the trunk has, at every level; gives the sudden changes that were seen by it.
    pub(super) fn add(
        &mut self,
        path: &Path,
        slot: u32,
        sample: &Sample,
        ago: f32,
        base: Base,
    ) -> Vec<Changed> {
        let weight = self.weight();
        let memory = self.settings.memory as f32 * weight;
        let mut found = Vec::new();
        for (level, (any, class)) in path.pairs().enumerate() {
            for index in [any, class] {
                let Some(place) = self.places.get_mut(index) else {
                    continue;
                };
                place.attempts += weight * sample.sums.attempts;
                let Some(known) = place.known_mut(slot) else {
                    continue;
                };
                known.sums.add(&sample.sums, weight);
                let good_call = sample.fails.is_some_and(|(failed, _)| failed <= 0.0);
                known.grown += f32::from(u8::from(good_call));
                known.doubts += sample.sums.attempts;
                add_tracks(known, sample, (weight, ago), memory, base);
                if index == any {
                    watch(known, sample, base, |aspect, what| {
                        found.push((level, aspect, what))
                    });
                }
            }
        }
        found
    }

    /// Works out what is believed of a trunk on the whole path, and makes its estimates there; of the last place only, if `last`.
    pub(super) fn believe(&mut self, path: &Path, slot: u32, bases: &Bases, last: bool) {
        let weight = self.weight();
        let slow_start = self.settings.slow_start;
        let mut wider = Wider::default();
        for (level, ((any, class), base)) in path.pairs().zip(bases.iter()).enumerate() {
            let Some(place) = self.places.get_mut(any) else {
                return;
            };
            let attempts = place.attempts / weight;
            let Some(known) = place.known_mut(slot) else {
                return;
            };
            wider = wider.narrow(known, level, base, weight, slow_start);
            if level <= RATED {
                wider.attempts = attempts;
            }
            if !last || level + 1 == path.levels {
                self.estimate(class, slot, &wider, base);
                self.floors(path, level, slot);
            }
        }
    }

    /// Makes the estimate of a trunk for a class.
    fn estimate(&mut self, index: usize, slot: u32, wider: &Wider, base: &Base) {
        let (weight, now_s) = (self.weight(), self.now_s);
        let probe = self.probe(index, wider);
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        place.probe = probe;
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        let own = wider.for_class(known, base, weight);
        let (mean, deviation) = own.quality(base, silent_part(&known.sums));
        let estimate = Estimate {
            mean,
            deviation,
            weight: own.known(),
            hope: hope(known, mean, own.known(), now_s),
            share: wider.share.min(1.0),
        };
        if let Some(held) = place.estimates.get_mut(slot as usize) {
            *held = estimate;
        }
    }

    /// The probability that a call of a class tries a trunk: so often that one is tried every `probe_every`, and no more than most of what the
    /// class may explore with.
    fn probe(&self, index: usize, wider: &Wider) -> f32 {
        let class = self.places.get(index).map_or(0, |place| place.class);
        let of = self.classes.get(usize::from(class).saturating_sub(1));
        let may = of.map_or(0.0, |of| of.policy.explore.calls_ppm as f32 / 1e6);
        // A steady stream has a half-life and a half of its calls in its decayed sum.
        let per_second = wider.attempts / (self.half_life_s() as f32 * std::f32::consts::LOG2_E);
        let every = self.settings.probe_every.as_secs_f32().max(0.001);
        (PROBE_PART * may).min(1.0 / (per_second * every).max(1e-6))
    }
}

fn add_tracks(known: &mut Known, sample: &Sample, (weight, ago): (f32, f32), memory: f32, base: Base) {
    let track = |(hits, trials): (f32, f32), usual: f32| Track {
        hits,
        trials,
        expected: trials * usual,
    };
    if let Some(fails) = sample.fails {
        known.tracks.fails.add(&track(fails, base.each.fails), weight);
        known.tracks.fails.forget(memory);
    }
    if let Some(talks) = sample.talks {
        known.tracks.talks.add(&track(talks, base.each.talks), ago);
        known.tracks.talks.forget(memory);
    }
    if let Some(sounds) = sample.sounds {
        known.tracks.sounds.add(&track(sounds, base.each.sounds), weight);
        known.tracks.sounds.forget(memory / 2.0);
    }
    if let Some(wait_s) = sample.wait_s {
        // Of who gave up before it rang only the least is known: it counts if that is more than is believed.
        let extra = wait_s - base.wait_s;
        if sample.fails.is_some() || extra > known.wait_s {
            known.wait.extra_s += weight * extra;
            known.wait.many += weight;
            let most = memory / 8.0;
            if known.wait.many > most {
                known.wait.scale(most / known.wait.many);
            }
        }
    }
}

/// Looks for sudden changes.
fn watch(known: &mut Known, sample: &Sample, base: Base, mut tell: impl FnMut(Aspect, crate::learn::Found)) {
    let Each { fails, talks, sounds } = &mut known.watches;
    let aspects = [
        (
            Aspect::Fails,
            fails,
            sample.fails,
            known.beliefs.fails,
            base.each.fails,
            SENSITIVITY.fails,
        ),
        (
            Aspect::Talks,
            talks,
            sample.talks,
            known.beliefs.talks,
            base.each.talks,
            SENSITIVITY.talks,
        ),
        (
            Aspect::Sounds,
            sounds,
            sample.sounds,
            known.beliefs.sounds,
            base.each.sounds,
            SENSITIVITY.sounds,
        ),
    ];
    for (aspect, watch, seen, belief, usual, of) in aspects {
        if let Some(seen) = seen
            && let Some(found) = watch.note(seen, belief.at(usual), usual, of)
        {
            tell(aspect, found);
        }
    }
}

/// Of the failures those without a word.
fn silent_part(sums: &Sums) -> f32 {
    if sums.failed > 0.0 {
        (sums.silent / sums.failed).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// What is handed down from level to level.
#[derive(Debug, Clone, Copy)]
struct Wider {
    beliefs: Each<Belief>,
    wait_s: f32,
    share: f32,
    /// Attempts of all trunks at the range, decayed.
    attempts: f32,
}

impl Default for Wider {
    fn default() -> Self {
        let usual = Known::default();
        Self {
            beliefs: usual.beliefs,
            wait_s: 0.0,
            share: 1.0,
            attempts: 0.0,
        }
    }
}

impl Wider {
    /// One level nearer: works out and keeps what is believed there.
    fn narrow(self, known: &mut Known, level: usize, base: &Base, weight: f32, slow_start: u32) -> Self {
        let pseudo = |of: &[f32; 4]| of.get(level).copied().unwrap_or(10.0);
        let (tracks, above) = (&known.tracks, &self.beliefs);
        known.beliefs = Each {
            fails: shrink(
                &tracks.fails,
                weight,
                above.fails,
                pseudo(&PSEUDO.fails),
                base.each.fails,
            ),
            talks: shrink(
                &tracks.talks,
                weight,
                above.talks,
                pseudo(&PSEUDO.talks),
                base.each.talks,
            ),
            sounds: shrink(
                &tracks.sounds,
                weight,
                above.sounds,
                pseudo(&PSEUDO.sounds),
                base.each.sounds,
            ),
        };
        known.wait_s = (known.wait.extra_s / weight + PSEUDO_WAIT * self.wait_s)
            / (known.wait.many / weight + PSEUDO_WAIT);
        let grown = FIRST_SHARE + known.grown / (slow_start.max(1) as f32);
        Self {
            beliefs: known.beliefs,
            wait_s: known.wait_s,
            share: self.share.min(grown),
            ..self
        }
    }

    /// From all classes to one.
    fn for_class(&self, known: &mut Known, base: &Base, weight: f32) -> Self {
        let (tracks, above) = (&known.tracks, &self.beliefs);
        let of = |track: &Track, above: Belief, usual: f32| shrink(track, weight, above, PSEUDO_CLASS, usual);
        known.beliefs = Each {
            fails: of(&tracks.fails, above.fails, base.each.fails),
            talks: of(&tracks.talks, above.talks, base.each.talks),
            sounds: of(&tracks.sounds, above.sounds, base.each.sounds),
        };
        Self {
            beliefs: known.beliefs,
            ..*self
        }
    }

    /// How many attempts' worth is known.
    fn known(&self) -> f32 {
        self.beliefs.fails.known
    }

    /// The quality, as the module's documentation defines it, and its deviation by the propagation of the parts'.
    fn quality(&self, base: &Base, silent: f32) -> (f32, f32) {
        let fails = self.beliefs.fails.at(base.each.fails);
        let talks = (self.beliefs.talks.at(base.each.talks) / base.each.talks.max(0.01)).min(1.1);
        let sounds = self.beliefs.sounds.at(base.each.sounds);
        let wait = worth_of_pdd(base.wait_s + self.wait_s);
        let passed = talks * sounds * wait;
        let costs = REFUSED_COSTS + (SILENT_COSTS - REFUSED_COSTS) * silent;
        let through = (1.0 - fails).max(0.01);
        let mean = passed - costs * fails / through;
        let relative = |variance: f32, mean: f32| variance / (mean * mean).max(1e-4);
        let of_passed = passed
            * passed
            * (relative(
                self.beliefs.talks.variance(base.each.talks),
                base.each.talks * talks,
            ) + relative(self.beliefs.sounds.variance(base.each.sounds), sounds));
        let of_costs = costs * costs * self.beliefs.fails.variance(base.each.fails) / through.powi(4);
        (mean.clamp(0.0, 1.0), (of_passed + of_costs).sqrt().min(0.5))
    }
}

/// What the quality may be after all: what it was before it got worse, for a while; for one that was never seen to be better, what it was taken
/// for, until some attempts have told otherwise.
fn hope(known: &mut Known, mean: f32, weight: f32, now_s: f64) -> f32 {
    let passed = (now_s - known.looked_s).max(0.0);
    let doubts = std::mem::take(&mut known.doubts);
    known.looked_s = now_s;
    if mean >= known.former {
        known.former = mean;
        known.proven = weight >= PROVEN;
    } else {
        let kept = if known.proven {
            (-(passed / HOPE_S)).exp2() as f32
        } else {
            (-doubts / HOPE_ATTEMPTS).exp()
        };
        known.former = mean + (known.former - mean) * kept;
    }
    known.former
}
