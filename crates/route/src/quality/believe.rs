//! From what is seen to what is believed.

use super::each::Each;
use super::place::{Known, Path, Places};
use super::result::{AttemptResult, CallResult, Ending, Feedback, TestResult, worth_of_mos, worth_of_pdd};
use super::sums::{SHORT_S, Sums, finite};
use super::{Changed, Quality};
use crate::learn::{Aspect, Belief, Estimate, Sensitivity, Track, shrink};
use crate::tune::t;
use std::time::Duration;

/// What a result says: of each aspect how often it came, of how many.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) sums: Sums,
    pub(super) each: Each<Option<(f32, f32)>>,
    /// What is said of talking takes back something that was noted so long ago.
    pub(super) earlier: Duration,
    /// The wait would have gone on.
    given_up: bool,
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
        let waits = result.pdd.map(|pdd| (worth_of_pdd(pdd.as_secs_f32()), 1.0));
        Self {
            sums: Sums::of_attempt(result),
            each: Each {
                fails,
                talks,
                waits,
                ..Each::default()
            },
            given_up: result.ending == Ending::GivenUp,
            ..Self::default()
        }
    }

    pub(super) fn of_call(result: &CallResult) -> Self {
        let cheats = result.false_answer || result.dead_air;
        let none = cheats || result.talk.as_secs_f32() < SHORT_S;
        Self {
            sums: Sums::of_call(result),
            each: Each {
                talks: none.then_some((-1.0, 0.0)),
                cheats: Some((f32::from(u8::from(cheats)), 1.0)),
                sounds: finite(result.mos).map(|mos| (worth_of_mos(mos), 1.0)),
                ..Each::default()
            },
            earlier: result.talk,
            ..Self::default()
        }
    }

    pub(super) fn of_feedback(feedback: &Feedback) -> Self {
        let score = feedback.score.map(|score| f32::from(score.clamp(1, 5) - 1) / 4.0);
        let worth = score.or(feedback.issue.then_some(0.25));
        Self {
            sums: Sums::of_feedback(feedback),
            each: Each {
                sounds: worth.map(|worth| (worth, 1.0)),
                ..Each::default()
            },
            ..Self::default()
        }
    }

    /// A test call that did not pass counts as a failure of the network: to whom it went there is no doubt.
    pub(super) fn of_test(result: &TestResult) -> Self {
        Self {
            sums: Sums::of_test(result),
            each: Each {
                fails: Some((if result.passed { 0.0 } else { 1.0 }, 1.0)),
                sounds: finite(result.mos).map(|mos| (worth_of_mos(mos), 1.0)),
                ..Each::default()
            },
            ..Self::default()
        }
    }
}

/// What the usual carrier has where nothing is known.
const WORLD: Each<f32> = Each {
    fails: 0.03,
    talks: 0.55,
    cheats: 0.01,
    sounds: 0.92,
    waits: 0.95,
};

/// Attempts' worth of what is handed down, by level: the usual carrier to the trunk as a whole, that to a country, to a range, to a prefix; and
/// from all classes to one.
const PSEUDO: Each<[f32; 4]> = Each {
    fails: [8.0, 8.0, 8.0, 15.0],
    talks: [25.0, 20.0, 20.0, 40.0],
    cheats: [20.0, 20.0, 20.0, 40.0],
    sounds: [4.0, 6.0, 6.0, 15.0],
    waits: [4.0, 6.0, 6.0, 15.0],
};

/// How much of the settings' memory each aspect has: those that hardly vary from call to call need less.
const MEMORY: Each<f32> = Each {
    fails: 1.0,
    talks: 1.0,
    cheats: 1.0,
    sounds: 0.5,
    waits: 0.5,
};

fn sens(aspect: Aspect, fallen: bool) -> Sensitivity {
    let t = t();
    let (shift, limit, limit_better) = match aspect {
        Aspect::Fails => (t.sh_fails, t.li_fails, t.up_fails),
        Aspect::Talks => (t.sh_talks, t.li_talks, t.up_talks),
        Aspect::Cheats => (t.sh_cheats, t.li_cheats, t.up_cheats),
        Aspect::Sounds => (t.sh_sounds, t.li_sounds, t.up_sounds),
        Aspect::Waits => (t.sh_waits, t.li_waits, t.up_waits),
    };
    Sensitivity {
        shift,
        limit,
        limit_better: if fallen { limit_better } else { limit },
        is_good: aspect.is_good(),
    }
}
fn ps(aspect: Aspect) -> f32 {
    let t = t();
    match aspect {
        Aspect::Fails => t.ps_fails,
        Aspect::Talks => t.ps_talks,
        Aspect::Cheats => t.ps_cheats,
        Aspect::Sounds => t.ps_sounds,
        Aspect::Waits => t.ps_waits,
    }
}

/// A change of quality that nearer places hear of at once; of a lesser one as their turn comes.
const NEWS: f32 = 0.03;

/// The level at which trunks are tried so often as is said: the operator range.
const RATED: usize = 2;

/// What the usual carrier has, at each level of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bases {
    all: [Each<f32>; super::group::LEVELS],
    levels: usize,
}

impl Bases {
    pub(super) fn of(places: &Places, path: &Path, weight: f32) -> Self {
        let mut all = [WORLD; super::group::LEVELS];
        let mut wider = WORLD;
        for ((_, class), base) in path.pairs().zip(&mut all) {
            if let Some(place) = places.get(class) {
                wider = Each::make(|aspect| {
                    if aspect == Aspect::Cheats {
                        WORLD.cheats
                    } else {
                        place.pools.of(aspect).mean(weight, *wider.of(aspect), t().pooled)
                    }
                });
            }
            *base = wider;
        }
        Self {
            all,
            levels: path.levels,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Each<f32>> {
        self.all.iter().take(self.levels)
    }

    /// That of the destination itself.
    pub(super) fn last(&self) -> Each<f32> {
        self.iter().last().copied().unwrap_or(WORLD)
    }
}

impl Quality {
    /// Adds a sample to what the usual carrier has. A trunk that is bad counts for little in it, or else who carries much would become the usual
    /// as he gets worse.
    pub(super) fn pool(&mut self, path: &Path, slot: u32, sample: &Sample, ago: f32, base: Each<f32>) {
        let weight = self.weight();
        let near = path.pairs().last().and_then(|(_, class)| self.places.get(class));
        let known = near.and_then(|place| place.known(slot));
        let is = |aspect: Aspect| {
            let belief = known.map_or(Belief::USUAL, |known| *known.beliefs.of(aspect));
            belief.at(*base.of(aspect))
        };
        let counts = Each::make(|aspect| match aspect {
            Aspect::Fails | Aspect::Cheats => (1.0 - is(aspect)).max(0.05),
            Aspect::Sounds | Aspect::Waits => is(aspect).max(0.05),
            // What it has less than others is its own: so many of its calls are to be expected of the usual.
            Aspect::Talks => (is(aspect)
                / near.map_or(base.talks, |place| {
                    if t().pin > 0.0 && place.top > 0.0 {
                        place.top
                    } else {
                        base.talks
                    }
                }))
            .min(if t().hon > 0.0 {
                (1.0 - is(Aspect::Cheats)) * 1.01
            } else {
                1.0
            })
            .clamp(0.05, 1.0),
        });
        for (_, class) in path.pairs() {
            let Some(place) = self.places.get_mut(class) else {
                continue;
            };
            for aspect in Aspect::ALL {
                let Some((hits, trials)) = *sample.each.of(aspect) else {
                    continue;
                };
                let counts = *counts.of(aspect);
                let pool = place.pools.of_mut(aspect);
                if aspect == Aspect::Talks {
                    pool.add(hits, counts * trials, ago);
                } else if !sample.given_up {
                    pool.add(counts * hits, counts * trials, weight);
                }
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
        base: Each<f32>,
    ) -> Vec<Changed> {
        let weight = self.weight();
        let memory = self.settings.memory as f32 * weight;
        let put_through = sample.each.fails.is_some_and(|(failed, _)| failed <= 0.0);
        let mut found = Vec::new();
        for (level, (any, class)) in path.pairs().enumerate() {
            let fallen = self.has_fallen(class, slot);
            for index in [any, class] {
                let Some(place) = self.places.get_mut(index) else {
                    continue;
                };
                place.attempts += weight * sample.sums.attempts;
                let Some(known) = place.known_mut(slot) else {
                    continue;
                };
                known.sums.add(&sample.sums, weight);
                known.grown += f32::from(u8::from(put_through));
                known.doubts += sample.sums.attempts;
                for aspect in Aspect::ALL {
                    let Some(seen) = *sample.each.of(aspect) else {
                        continue;
                    };
                    let usual = *base.of(aspect);
                    let believed = known.beliefs.of(aspect).at(usual);
                    // Of who gave up before it rang only the least is known.
                    if sample.given_up && seen.0 > believed {
                        continue;
                    }
                    let track = known.tracks.of_mut(aspect);
                    let one = Track {
                        hits: seen.0,
                        trials: seen.1,
                        expected: seen.1 * usual,
                    };
                    track.add(&one, if aspect == Aspect::Talks { ago } else { weight });
                    track.forget(memory * MEMORY.of(aspect));
                    if index == any {
                        let watch = known.watches.of_mut(aspect);
                        let what = watch.note(seen, believed, usual, sens(aspect, fallen));
                        found.extend(what.map(|way| (level, aspect, way)));
                    }
                }
            }
        }
        found
    }

    /// Whether a trunk was so much better before, or may be.
    pub(super) fn has_fallen(&self, index: usize, slot: u32) -> bool {
        let estimate = self
            .places
            .get(index)
            .and_then(|place| place.estimates.get(slot as usize));
        estimate.is_some_and(|estimate| estimate.hope - estimate.mean > t().fallen)
    }

    /// Works out what is believed of a trunk on the whole path, and makes its estimates there; of the last place only, if `last`.
    pub(super) fn believe(&mut self, path: &Path, slot: u32, bases: &Bases, last: bool) {
        let weight = self.weight();
        let slow_start = self.settings.slow_start;
        let mut wider = Wider::default();
        let mut news = None;
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
            if !last && self.is_news(class, slot) {
                news = news.or(Some(class));
            }
        }
        let group = news
            .and_then(|index| self.places.get(index))
            .map(|place| place.group);
        if let Some(group) = group {
            self.believe_within(group, slot, path);
        }
    }

    /// Whether the estimate at a place has changed so much that nearer places have to hear of it.
    fn is_news(&mut self, index: usize, slot: u32) -> bool {
        let Some(place) = self.places.get_mut(index) else {
            return false;
        };
        let mean = place
            .estimates
            .get(slot as usize)
            .map_or(0.0, |estimate| estimate.mean);
        let Some(known) = place.known_mut(slot) else {
            return false;
        };
        let news = (mean - known.spread).abs() > NEWS;
        if news {
            known.spread = mean;
        }
        news
    }

    /// Makes the estimate of a trunk for a class.
    fn estimate(&mut self, index: usize, slot: u32, wider: &Wider, base: &Each<f32>) {
        let (weight, now_s) = (self.weight(), self.now_s);
        let probe = self.probe(index, wider);
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        place.probe = probe;
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        let above = &wider.beliefs;
        known.beliefs = Each::make(|aspect| {
            let track = known.tracks.of(aspect);
            shrink(track, weight, *above.of(aspect), t().ps_class, *base.of(aspect))
        });
        let (beliefs, silent) = (known.beliefs, silent_part(&known.sums));
        let top = place.best_talks(base);
        place.top = top;
        let (mean, deviation) = quality(&beliefs, base, top, silent);
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        let attempts = known.beliefs.fails.known;
        let bills = bills(&beliefs, base, top);
        let estimate = Estimate {
            mean,
            bills,
            deviation,
            weight: attempts,
            hope: hope(known, mean, attempts, now_s),
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
        (t().probe_part * may).min(1.0 / (per_second * every).max(1e-6))
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
    share: f32,
    /// Attempts of all trunks at the range, decayed.
    attempts: f32,
}

impl Default for Wider {
    fn default() -> Self {
        Self {
            beliefs: Each::make(|_| Belief::USUAL),
            share: 1.0,
            attempts: 0.0,
        }
    }
}

impl Wider {
    /// One level nearer: works out and keeps what is believed there.
    fn narrow(self, known: &mut Known, level: usize, base: &Each<f32>, weight: f32, slow_start: u32) -> Self {
        let above = &self.beliefs;
        known.beliefs = Each::make(|aspect| {
            let pseudo = ps(aspect) * PSEUDO.of(aspect).get(level).copied().unwrap_or(10.0);
            shrink(
                known.tracks.of(aspect),
                weight,
                *above.of(aspect),
                pseudo,
                *base.of(aspect),
            )
        });
        let grown = t().first + known.grown / (slow_start.max(1) as f32);
        Self {
            beliefs: known.beliefs,
            share: self.share.min(grown),
            ..self
        }
    }
}

/// The quality, as the module's documentation defines it, and its deviation by the propagation of the parts'.
fn quality(beliefs: &Each<Belief>, base: &Each<f32>, top: f32, silent: f32) -> (f32, f32) {
    let is = |aspect: Aspect| beliefs.of(aspect).at(*base.of(aspect));
    let fails = is(Aspect::Fails);
    let honest = if t().abs > 0.0 {
        1.0 - is(Aspect::Cheats)
    } else {
        (1.0 - is(Aspect::Cheats)) / (1.0 - base.cheats).max(0.5)
    };
    let top = if t().top > 0.0 { top } else { base.talks };
    let talks = (is(Aspect::Talks) / top.max(0.01)).min(t().talk_cap * honest);
    let sounds = is(Aspect::Sounds);
    let passed = talks * sounds * is(Aspect::Waits);
    let costs = t().refused + (t().silent - t().refused) * silent;
    let through = (1.0 - fails).max(0.01);
    let mean = passed - costs * fails / through;
    let variance = |aspect: Aspect| beliefs.of(aspect).variance(*base.of(aspect));
    let relative = |variance: f32, mean: f32| variance / (mean * mean).max(1e-4);
    let of_passed = passed
        * passed
        * (relative(variance(Aspect::Talks), top * talks) + relative(variance(Aspect::Sounds), sounds));
    let of_costs = costs * costs * variance(Aspect::Fails) / through.powi(4);
    (
        mean.clamp(0.0, 1.0),
        (of_passed + of_costs).sqrt().min(t().max_dev),
    )
}

/// How often a trunk's calls have to be paid, over those of the better ones.
fn bills(beliefs: &Each<Belief>, base: &Each<f32>, top: f32) -> f32 {
    if t().bills <= 0.0 {
        return 1.0;
    }
    let talks = beliefs.talks.at(base.talks) / top.max(0.01);
    let cheats = (t().bills * beliefs.cheats.at(base.cheats)).min(0.8);
    (talks / (1.0 - cheats)).clamp(0.2, 2.0)
}

/// What the quality may be after all: what it was before it got worse, for a while; for one that was never seen to be better, what it was taken
/// for, until some attempts have told otherwise.
fn hope(known: &mut Known, mean: f32, weight: f32, now_s: f64) -> f32 {
    let passed = (now_s - known.looked_s).max(0.0);
    let doubts = std::mem::take(&mut known.doubts);
    known.looked_s = now_s;
    if mean >= known.former {
        known.former = mean;
        known.proven = weight >= t().proven;
    } else {
        let kept = if known.proven {
            (-(passed / f64::from(t().hope_s))).exp2() as f32
        } else {
            (-doubts / t().hope_n).exp()
        };
        known.former = mean + (known.former - mean) * kept;
    }
    known.former
}
