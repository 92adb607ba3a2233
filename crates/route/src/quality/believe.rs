//! From what is seen to what is believed.

use super::each::Each;
use super::known::Known;
use super::place::{Path, Places};
use super::sample::Sample;
use super::worth;
use super::{Changed, Quality};
use crate::learn::{Aspect, Belief, Estimate, Sensitivity, Track, shrink};

/// What the usual carrier has where nothing is known.
const WORLD: Each<f32> = Each {
    fails: 0.03,
    talks: 0.55,
    cheats: 0.01,
    sounds: 0.92,
    waits: 0.95,
};

/// Attempts' worth of what is handed down, by level: the usual carrier to the trunk as a whole, that to a country, to a range, to a prefix. The more
/// an aspect is a matter of luck in the single call, the more of them.
const PSEUDO: Each<[f32; 4]> = Each {
    fails: [8.0, 8.0, 8.0, 15.0],
    talks: [75.0, 60.0, 60.0, 120.0],
    cheats: [8.0, 8.0, 8.0, 20.0],
    sounds: [4.0, 6.0, 6.0, 15.0],
    waits: [4.0, 6.0, 6.0, 15.0],
};

/// The same from all classes to one.
const PSEUDO_CLASS: f32 = 60.0;

/// The same from the wider place's usual carrier to the nearer one's.
const PSEUDO_USUAL: f32 = 20.0;

/// Part of what a class may explore with that goes to trunks which may be better than they look; the rest is left to chance.
const PROBE_PART: f32 = 0.7;

/// Part of the calls in which it would be the best that a trunk begins with, when it is new or has recovered.
const FIRST_SHARE: f32 = 0.1;

/// A trunk that may be so much better than it looks has fallen.
const FALLEN: f32 = 0.1;

/// How much of the settings' memory each aspect has: those that hardly vary from call to call need less.
const MEMORY: Each<f32> = Each {
    fails: 1.0,
    talks: 1.0,
    cheats: 1.0,
    sounds: 0.5,
    waits: 0.5,
};

/// What an aspect's changes are looked for by: how much other the odds are (as a logarithm), the evidence in nats for one to the worse, and for one
/// to the better of a trunk that has fallen. Of what is sure from call to call, as refusals are, little is enough.
fn sensitivity(aspect: Aspect, has_fallen: bool) -> Sensitivity {
    let (shift, limit, again) = match aspect {
        Aspect::Fails => (2.0, 9.0, 5.0),
        Aspect::Talks => (1.2, 10.0, 6.0),
        Aspect::Cheats => (2.5, 7.0, 3.0),
        Aspect::Sounds => (2.0, 9.0, 3.0),
        Aspect::Waits => (2.0, 9.0, 3.0),
    };
    Sensitivity {
        shift,
        limit,
        limit_better: if has_fallen { again } else { limit },
        is_good: aspect.is_good(),
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
                wider = Each::make(|aspect| match aspect {
                    // That is the carrier's doing, not the destination's: who is not known to cheat is not taken for one who does since
                    // those do that get the calls.
                    Aspect::Cheats => WORLD.cheats,
                    Aspect::Fails | Aspect::Talks | Aspect::Sounds | Aspect::Waits => {
                        let pool = place.pools.of(aspect);
                        pool.mean(weight, *wider.of(aspect), PSEUDO_USUAL)
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
        // Who is tested the more since he is worse is not the usual, and that machines answer says nothing of how often people do.
        if sample.is_test {
            return;
        }
        let weight = self.weight();
        let near = path.pairs().last().and_then(|(_, class)| self.places.get(class));
        let known = near.and_then(|place| place.known(slot));
        let top = self.top(path, base.talks);
        let is = |aspect: Aspect| {
            let belief = known.map_or(Belief::USUAL, |known| *known.beliefs.of(aspect));
            belief.at(*base.of(aspect))
        };
        let counts = Each::make(|aspect| match aspect {
            Aspect::Fails | Aspect::Cheats => (1.0 - is(aspect)).max(0.05),
            Aspect::Sounds | Aspect::Waits => is(aspect).max(0.05),
            // What it has less than others is its own: so many of its calls are to be expected of the usual.
            Aspect::Talks => (is(aspect) / top).clamp(0.05, 1.0),
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

    /// The probability of a conversation that the better trunks of a path's end have.
    fn top(&self, path: &Path, usual: f32) -> f32 {
        let near = path.pairs().last().and_then(|(_, class)| self.places.get(class));
        near.and_then(|place| place.top).unwrap_or(usual).max(0.01)
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
        let top = self.top(path, base.talks);
        let put_through = sample.each.fails.is_some_and(|(failed, _)| failed <= 0.0);
        let began_s = (self.now_s - sample.earlier.as_secs_f64()) as f32;
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
                    let is_better = (seen.0 > believed * seen.1) == aspect.is_good();
                    if is_better && began_s < *known.fell_s.of(aspect) {
                        continue;
                    }
                    // Of who gave up before it rang only the least is known.
                    if sample.given_up && seen.0 > believed {
                        continue;
                    }
                    // Who loses no answer has all of a test's, and as many of the people's as the best.
                    let part = if sample.is_test && aspect == Aspect::Talks {
                        top
                    } else {
                        1.0
                    };
                    let track = known.tracks.of_mut(aspect);
                    let one = Track {
                        hits: seen.0 * part,
                        trials: seen.1,
                        expected: seen.1 * usual,
                    };
                    track.add(&one, if aspect == Aspect::Talks { ago } else { weight });
                    track.forget(memory * MEMORY.of(aspect));
                    if index == any {
                        let fallen = known.is_down(aspect, usual, fallen);
                        let watch = known.watches.of_mut(aspect);
                        let (believed, usual) = ((believed / part).min(1.0), (usual / part).min(1.0));
                        let what = watch.note(seen, believed, usual, sensitivity(aspect, fallen));
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
        estimate.is_some_and(|estimate| estimate.hope - estimate.mean > FALLEN)
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
            shrink(track, weight, *above.of(aspect), PSEUDO_CLASS, *base.of(aspect))
        });
        let beliefs = known.beliefs;
        let silent = worth::silent_part(&known.sums);
        let top = worth::best_talks(&place.trunks, base);
        place.top = Some(top);
        let (mean, deviation) = worth::quality(&beliefs, base, top, silent);
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        let attempts = beliefs.fails.known;
        let estimate = Estimate {
            mean,
            bills: worth::bills(&beliefs, base, top),
            deviation,
            weight: attempts,
            hope: worth::hope(known, mean, attempts, now_s),
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
            let pseudo = PSEUDO.of(aspect).get(level).copied().unwrap_or(10.0);
            shrink(
                known.tracks.of(aspect),
                weight,
                *above.of(aspect),
                pseudo,
                *base.of(aspect),
            )
        });
        let grown = FIRST_SHARE + known.grown / (slow_start.max(1) as f32);
        Self {
            beliefs: known.beliefs,
            share: self.share.min(grown),
            ..self
        }
    }
}
