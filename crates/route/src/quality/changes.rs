//! What changes of a sudden, and what is told of it.

use super::place::Path;
use super::sample::Sample;
use super::{Quality, believe};
use crate::learn::{Aspect, Change, Floor, Floors, LearnEvent, Run, Track, Way};
use believe::Bases;

/// Attempts at a country that shares are taken over.
const WINDOW: u16 = 200;

/// A share that has changed by so much is told of.
const NOTABLE: f32 = 0.2;

/// A trunk is told of once in so many seconds per group.
const TOLD_EVERY_S: f64 = 3.0;

/// The narrowest place that has this part of the evidence of a change is where it is.
const MOST_OF_IT: f32 = 0.7;

/// A rise or fall by less than this is none to tell of.
const TELLING: f32 = 0.1;

impl Quality {
    /// A change was seen at a level. What was believed of the aspect where the change is, and within that, is replaced by what came since.
    pub(super) fn changed(
        &mut self,
        path: &Path,
        level: usize,
        slot: u32,
        (aspect, way): (Aspect, Way),
        bases: &Bases,
    ) {
        let better = (way == Way::More) == aspect.is_good();
        let whose = if better {
            self.seen_at(path, level, slot, aspect, way)
        } else {
            self.blamed(path, level, slot, aspect, way)
        };
        let Some((level, since)) = whose else { return };
        let Some((any, class)) = path.pairs().nth(level) else {
            return;
        };
        let usual = *bases.last().of(aspect);
        let Some(place) = self.places.get(any) else { return };
        let group = place.group;
        let known = place.known(slot);
        let before = known.map_or(usual, |known| known.beliefs.of(aspect).at(usual));
        let has_fallen = self.has_fallen(class, slot);
        let had_fallen = known.is_some_and(|known| known.is_down(aspect, usual, has_fallen));
        self.forget_within(any, slot, aspect, better);
        let (weight, slow_start) = (self.weight(), self.settings.slow_start as f32);
        if let Some(known) = self.places.get_mut(any).and_then(|place| place.known_mut(slot)) {
            let track = known.tracks.of_mut(aspect);
            track.add(&since, weight);
            *known.own.of_mut(aspect) = !better;
            if better && had_fallen && known.grown > slow_start {
                known.grown = 0.0;
            }
        }
        self.believe_within(group, slot, path);
        let now = since.hits / since.trials.max(1.0);
        let seen = since.trials.round() as u32;
        let what = match better {
            true if had_fallen => Change::Recovered {
                aspect,
                now,
                before,
                seen,
            },
            false if (now - before).abs() >= TELLING => Change::Demoted {
                aspect,
                now,
                before,
                seen,
            },
            true | false => return,
        };
        self.tell_of(any, slot, None, what);
    }

    /// Forgets an aspect of a trunk within a place, or believes again what it was before it got worse. What has got worse by itself is not better since the whole is.
    fn forget_within(&mut self, any: usize, slot: u32, aspect: Aspect, better: bool) {
        let Some(group) = self.places.get(any).map(|place| place.group) else {
            return;
        };
        let own: Vec<super::Group> = self
            .places
            .iter()
            .filter(|place| place.class == 0 && place.group != group && group.has(place.group))
            .filter(|place| place.known(slot).is_some_and(|known| *known.own.of(aspect)))
            .map(|place| place.group)
            .collect();
        let (weight, now_s) = (self.weight(), self.now_s);
        for place in self.places.iter_mut().filter(|place| group.has(place.group)) {
            if better && own.iter().any(|own| own.has(place.group)) {
                continue;
            }
            if let Some(known) = place.trunks.get_mut(slot as usize) {
                known.change(aspect, better, weight, now_s);
                *known.own.of_mut(aspect) = false;
            }
        }
    }

    /// A change for the better: wherever it is seen.
    fn seen_at(
        &mut self,
        path: &Path,
        level: usize,
        slot: u32,
        aspect: Aspect,
        way: Way,
    ) -> Option<(usize, Track)> {
        let (any, _) = path.pairs().nth(level)?;
        let watch = self.places.get_mut(any)?.known_mut(slot)?.watches.of_mut(aspect);
        let taken = watch.take(way);
        (taken.since.trials >= 1.0).then_some((level, taken.since))
    }

    /// Where a change is that a level has seen: at the narrowest level within it that has most of the evidence; what came there since then. One
    /// destination that fails does not tell of the whole trunk, nor does its recovery.
    fn blamed(
        &mut self,
        path: &Path,
        level: usize,
        slot: u32,
        aspect: Aspect,
        way: Way,
    ) -> Option<(usize, Track)> {
        let run = |places: &mut super::Places, any: usize| {
            let known = places.get_mut(any)?.known_mut(slot)?;
            Some(*known.watches.of_mut(aspect).run(way))
        };
        let all: Vec<(usize, Option<Run>)> = path
            .pairs()
            .map(|(any, _)| (any, run(&mut self.places, any)))
            .collect();
        let (_, widest) = all.get(level)?;
        let enough = MOST_OF_IT * (*widest)?.evidence;
        let has_most = |(_, run): &&(usize, Option<Run>)| {
            run.is_some_and(|run| run.evidence > 0.0 && run.evidence >= enough && run.since.trials >= 1.0)
        };
        let narrowest = all.iter().rposition(|of| has_most(&of))?.max(level);
        let (any, _) = *all.get(narrowest)?;
        let taken = self
            .places
            .get_mut(any)?
            .known_mut(slot)?
            .watches
            .of_mut(aspect)
            .take(way);
        for (wider, _) in all.iter().take(narrowest) {
            if let Some(known) = self
                .places
                .get_mut(*wider)
                .and_then(|place| place.known_mut(slot))
            {
                known.watches.of_mut(aspect).run(way).less(&taken);
            }
        }
        Some((narrowest, taken.since))
    }

    /// Makes the estimates of a trunk anew in all classes' places within a group, those on the path excepted, whose turn comes anyway.
    pub(super) fn believe_within(&mut self, group: super::Group, slot: u32, path: &Path) {
        for index in 0..self.places.len() {
            let Some(place) = self.places.get(index) else {
                continue;
            };
            let is_there = place.class > 0 && group.has(place.group) && place.known(slot).is_some();
            if !is_there || path.pairs().any(|(_, class)| class == index) {
                continue;
            }
            let path = self.places.path_of(place.group, place.class);
            let bases = Bases::of(&self.places, &path, self.weight());
            self.believe(&path, slot, &bases, true);
        }
    }

    /// Puts a trunk last that is surely below a floor of its class: by what the nearest place knows that has seen enough of it.
    pub(super) fn floors(&mut self, path: &Path, level: usize, slot: u32) {
        let Some((_, index)) = path.pairs().nth(level) else {
            return;
        };
        let class = self.places.get(index).map_or(0, |place| place.class);
        let class = usize::from(class).saturating_sub(1);
        let floors = self.classes.get(class).map(|class| class.policy.floors);
        let floors = floors.unwrap_or_default();
        let is_any = floors != Floors::default();
        let broken = if is_any {
            self.broken(path, level, slot, &floors)
        } else {
            None
        };
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        if broken.is_some()
            && let Some(estimate) = place.estimates.get_mut(slot as usize)
        {
            estimate.share = 0.0;
        }
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        if known.below_floor == broken.is_some() {
            return;
        }
        known.below_floor = broken.is_some();
        let what = broken.map_or(Change::FloorsMet, |(floor, now, floor_at)| Change::FloorBroken {
            floor,
            now,
            floor_at,
        });
        self.tell_of(index, slot, Some(class), what);
    }

    /// The first floor that a trunk is surely below: its figure's whole interval is.
    fn broken(&self, path: &Path, level: usize, slot: u32, floors: &Floors) -> Option<(Floor, f32, f32)> {
        let enough = self.settings.min_attempts as f32;
        let weight = self.weight();
        let places = path.pairs().take(level + 1);
        let sums = places.filter_map(|(_, class)| Some(self.places.get(class)?.known(slot)?.sums));
        let figures = sums
            .filter(|sums| sums.attempts >= enough * weight)
            .last()?
            .figures(weight);
        let below = |floor, bounds: Option<super::Bounds>, at: Option<f32>| {
            let (bounds, at) = (bounds?, at?);
            (bounds.high < at).then_some((floor, bounds.mean, at))
        };
        let above = |floor, bounds: Option<super::Bounds>, at: Option<f32>| {
            let (bounds, at) = (bounds?, at?);
            (bounds.low > at).then_some((floor, bounds.mean, at))
        };
        below(Floor::Asr, figures.asr, floors.asr)
            .or_else(|| below(Floor::Ner, figures.ner, floors.ner))
            .or_else(|| below(Floor::Mos, figures.mos, floors.mos))
            .or_else(|| above(Floor::Pdd, figures.pdd_s, floors.pdd_s))
    }

    /// Counts who gets the attempts at a country, and tells when that has changed.
    pub(super) fn shares(&mut self, path: &Path, slot: u32, sample: &Sample) {
        if sample.sums.attempts <= 0.0 {
            return;
        }
        let Some((any, class)) = path.pairs().take(2).last() else {
            return;
        };
        let slow_start = self.settings.slow_start as f32;
        let Some(place) = self.places.get_mut(any) else {
            return;
        };
        place.window += 1;
        let over = place.window >= WINDOW;
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        known.window = known.window.saturating_add(1);
        self.grown(path, slot, slow_start);
        if over {
            self.window_over(any, class);
        }
    }

    /// Tells of a trunk that begins to grow, or has grown.
    fn grown(&mut self, path: &Path, slot: u32, slow_start: f32) {
        for (any, _) in path.pairs() {
            let Some(known) = self.places.get_mut(any).and_then(|place| place.known_mut(slot)) else {
                continue;
            };
            let new = known.told_s == f64::NEG_INFINITY && known.grown <= 1.0;
            if new {
                self.tell_of(any, slot, None, Change::SlowStart);
            } else if known.grown.is_finite() && known.grown >= slow_start {
                known.grown = f32::INFINITY;
                self.tell_of(any, slot, None, Change::FullShare);
            }
        }
    }

    fn window_over(&mut self, any: usize, class: usize) {
        let qualities: Vec<f32> = self.places.get(class).map_or_else(Vec::new, |place| {
            place.estimates.iter().map(|estimate| estimate.mean).collect()
        });
        let Some(place) = self.places.get_mut(any) else {
            return;
        };
        let whole = f32::from(std::mem::take(&mut place.window).max(1));
        let mut changes = Vec::new();
        for (slot, known) in place.trunks.iter_mut().enumerate() {
            let to = f32::from(std::mem::take(&mut known.window)) / whole;
            if (to - known.share).abs() >= NOTABLE {
                let from = std::mem::replace(&mut known.share, to);
                let quality = qualities.get(slot).copied().unwrap_or(0.0);
                changes.push((slot as u32, Change::Share { from, to, quality }));
            }
        }
        for (slot, what) in changes {
            self.tell_of(any, slot, None, what);
        }
    }

    /// Tells of a trunk at a place, if nothing was told of it there just now.
    fn tell_of(&mut self, index: usize, slot: u32, class: Option<usize>, what: Change) {
        let (now_s, trunk) = (self.now_s, self.name(slot));
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        let group = place.group;
        let Some(known) = place.known_mut(slot) else {
            return;
        };
        if now_s - known.told_s < TOLD_EVERY_S {
            return;
        }
        known.told_s = now_s;
        self.tell(LearnEvent {
            trunk,
            group,
            class,
            what,
        });
    }

    /// Tells that a class has no money left to explore with.
    pub(super) fn tell_spent(&mut self, class: usize) {
        self.tell(LearnEvent {
            trunk: Box::default(),
            group: super::Group::EVERYWHERE,
            class: Some(class),
            what: Change::BudgetSpent,
        });
    }
}
