//! Quality in the loop: what came of attempts and calls, per trunk, destination and class, and what is believed of it.
//!
//! Every result is kept for its destination's country, operator range and prefix and for the whole world, for its class and for all classes
//! together; all sums decay. Two things come of them: [`Figures`] for people (ASR, NER, SEER, PDD, ACD, MOS and the like, with
//! intervals), and [`Estimate`](crate::learn::Estimate)s for plans, which are worked out when a result comes in and lie in one piece per
//! destination and class ([`Quality::row`]).
//!
//! An estimate's quality is the probability that a call which could have been good is good: `talks * sounds * wait`, less what failures on the way to
//! it cost.
//! - `talks`: of the calls that the trunk puts through, how many become conversations (answered, ten seconds at least, neither false
//!   answer nor dead air), over what the better quarter of the destination's trunks has. Busy subscribers condemn nobody; who turns answers
//!   into "busy", or answers himself, is found by comparison with his peers, each of which counts as one however many calls it has, or
//!   else a cheap liar that gets most of them would be the measure.
//! - `sounds`: mean worth of the MOS, and of what applications say.
//! - `wait`: what the post-dial delay leaves.
//! - A failure of the network is followed by another attempt, so it costs its delay and not the call: with probability f of it the order of
//!   attempts that makes the most of a hunt is by `quality - cost * f / (1 - f)` (interchange of neighbours: two trunks are in the right order if
//!   swapping them gains nothing). As f nears 1 that is beyond any quality, and the estimate is 0.
//!
//! Price is weighed by how often it has to be paid: who turns answers away costs less, who answers himself more.

mod amend;
mod believe;
mod changes;
mod each;
mod group;
mod interval;
mod known;
mod place;
mod result;
mod sample;
mod saved;
mod settings;
mod sums;
mod suspicion;
mod worth;

use crate::deck::Money;
use crate::learn::{Aspect, Budget, LearnEvent, Policy, Row, Way};
use believe::Bases;
use place::Places;
use sample::Sample;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use suspicion::Suspicion;

pub use group::{Destination, Group};
pub use interval::{Bounds, mean_bounds, wilson};
pub use place::{MAX_CELLS, MAX_PLACES, MAX_SLOTS};
pub use result::{
    AttemptResult, CallResult, Ending, Feedback, TestEnding, TestResult, worth_of_mos, worth_of_pdd,
};
pub use saved::{LoadError, Saved};
pub use settings::Settings;
pub use sums::{Figures, SHORT_S};

/// Classes that are told apart; further ones are taken together with the last of these.
pub const MAX_CLASSES: usize = 32;

/// Events that wait to be fetched; of more the oldest are lost.
pub const MAX_EVENTS: usize = 256;

/// Places whose estimates are made anew each second, though nothing came in, in turn: what is known fades.
const FADE: usize = 4;

/// Attempts from which on plans go by what is known of a prefix, and not of its range: a range tells most of what there is to tell.
const NEAR_ENOUGH: f32 = 200.0;

/// Groups without a place are forgotten by half in so many seconds.
const SEEN_FOR_S: f64 = 600.0;

/// A class of service as the statistics know it.
#[derive(Debug, Clone)]
struct Class {
    name: Box<str>,
    policy: Policy,
    budget: Budget,
    told_spent: bool,
}

/// What is known of all trunks everywhere. A shard owns it.
#[derive(Debug)]
pub struct Quality {
    settings: Settings,
    classes: Vec<Class>,
    /// Name of the trunk in each live slot.
    trunks: Vec<Box<str>>,
    /// What each of them is suspected by.
    suspicions: Vec<Suspicion>,
    places: Places,
    epoch: Instant,
    /// When sums had the weight 1, in seconds since the epoch. What comes later weighs more: so nothing has to be made less all the time.
    base_s: f64,
    now_s: f64,
    events: VecDeque<LearnEvent>,
    next_faded: usize,
    /// When groups without a place are next forgotten, by half.
    forget_s: f64,
}

impl Quality {
    /// Nothing is known.
    pub fn new(now: Instant) -> Self {
        Self {
            settings: Settings::default(),
            classes: Vec::new(),
            trunks: Vec::new(),
            suspicions: Vec::new(),
            places: Places::default(),
            epoch: now,
            base_s: 0.0,
            now_s: 0.0,
            events: VecDeque::new(),
            next_faded: 0,
            forget_s: SEEN_FOR_S,
        }
    }

    /// Puts settings and classes in force, by their places in the configuration. What exploring may still spend stays with a class of the same
    /// name.
    pub fn configure(&mut self, now: Instant, settings: Settings, classes: &[(&str, Policy)]) {
        self.advance(now);
        self.rebase();
        self.settings = settings;
        let old = std::mem::take(&mut self.classes);
        let now_s = self.now_s;
        let class = |(name, policy): &(&str, Policy)| {
            let same = old.iter().find(|class| *class.name == **name);
            let mut budget = same.map(|class| class.budget).unwrap_or_default();
            if same.is_none() {
                budget.begin(now_s);
            }
            Class {
                name: (*name).into(),
                policy: *policy,
                budget,
                told_spent: false,
            }
        };
        let mut classes: Vec<Class> = classes.iter().take(MAX_CLASSES).map(class).collect();
        std::mem::swap(&mut self.classes, &mut classes);
        self.renumber(&old);
    }

    /// A class keeps what is known of it though its place in the configuration changes; what was known of one that is gone is forgotten.
    fn renumber(&mut self, old: &[Class]) {
        let place = |class: u8| -> Option<u8> {
            let Some(index) = usize::from(class).checked_sub(1) else {
                return Some(0);
            };
            let name = &old.get(index)?.name;
            let new = self.classes.iter().position(|class| class.name == *name)?;
            u8::try_from(new + 1).ok()
        };
        let moved: Vec<Option<u8>> = (0..=MAX_CLASSES as u8).map(place).collect();
        self.places
            .renumber(|class| moved.get(usize::from(class)).copied().flatten());
    }

    /// The trunks in the live slots. A slot that has another trunk now is unknown again.
    pub fn set_trunk(&mut self, slot: u32, name: &str) {
        let index = slot as usize;
        if slot >= MAX_SLOTS {
            return;
        }
        if index >= self.trunks.len() {
            self.trunks.resize(index + 1, Box::default());
            self.suspicions.resize(index + 1, Suspicion::default());
        }
        let Some(held) = self.trunks.get_mut(index) else {
            return;
        };
        if **held == *name {
            return;
        }
        let was_free = held.is_empty();
        *held = name.into();
        if !was_free {
            self.places.forget(slot);
            if let Some(suspicion) = self.suspicions.get_mut(index) {
                *suspicion = Suspicion::default();
            }
        }
    }

    fn name(&self, slot: u32) -> Box<str> {
        self.trunks.get(slot as usize).cloned().unwrap_or_default()
    }

    /// What plans read for calls to a destination in a class (its place in the configuration): of the nearest level that enough is known of.
    pub fn row(&self, destination: Destination, class: usize) -> Row<'_> {
        let Some(of) = self.classes.get(class.min(MAX_CLASSES - 1)) else {
            return Row::EMPTY;
        };
        if !self.settings.learns {
            return Row::EMPTY;
        }
        let enough = self.settings.min_attempts as f32 * self.weight();
        let key = class_key(class);
        let near_enough = NEAR_ENOUGH * self.weight();
        let mut levels = destination.levels().into_iter().rev();
        let near = levels.find_map(|group| {
            let place = self.places.get(self.places.find(group, key)?)?;
            let is_prefix = group == destination.prefix && group != destination.range;
            (place.attempts >= if is_prefix { near_enough } else { enough }).then_some(place)
        });
        let Some(place) = near else { return Row::EMPTY };
        let may_explore = of.budget.has_some(&of.policy.explore);
        let may_sample = may_explore && of.budget.has_plenty();
        Row {
            estimates: &place.estimates,
            noise: if may_sample { self.settings.noise } else { 0.0 },
            probe: if may_explore { place.probe } else { 0.0 },
            min_attempts: self.settings.min_attempts as f32,
        }
    }

    /// What a class asks.
    pub fn policy(&self, class: usize) -> Policy {
        self.classes
            .get(class.min(MAX_CLASSES - 1))
            .map(|class| class.policy)
            .unwrap_or_default()
    }

    /// A call of the class was given its first trunk. If it explores, that costs so much more than the trunk that looks the best would have.
    pub fn note_choice(&mut self, now: Instant, class: usize, explores: Option<Money>) {
        self.advance(now);
        let now_s = self.now_s;
        let Some(of) = self.classes.get_mut(class.min(MAX_CLASSES - 1)) else {
            return;
        };
        of.budget.fill(&of.policy.explore, now_s);
        of.budget.note_call(&of.policy.explore);
        if let Some(extra) = explores {
            of.budget.spend(extra);
        }
        let spent = !of.budget.has_money(&of.policy.explore);
        let news = spent && !of.told_spent;
        of.told_spent = spent;
        if news {
            self.tell_spent(class);
        }
    }

    /// A call that explored cost other than was thought when it was chosen.
    pub fn note_cost(&mut self, class: usize, thought: Money, was: Money) {
        if let Some(of) = self.classes.get_mut(class.min(MAX_CLASSES - 1)) {
            of.budget.correct(thought, was);
        }
    }

    /// An attempt has ended, or was answered.
    pub fn note_attempt(
        &mut self,
        now: Instant,
        slot: u32,
        destination: Destination,
        class: usize,
        result: &AttemptResult,
    ) {
        self.note(now, slot, destination, class, &Sample::of_attempt(result));
    }

    /// An answered call has ended, or is known to be bad. Once per call.
    pub fn note_call(
        &mut self,
        now: Instant,
        slot: u32,
        destination: Destination,
        class: usize,
        result: &CallResult,
    ) {
        if let Some(suspicion) = self.suspicions.get_mut(slot as usize) {
            suspicion.note(result);
        }
        self.note(now, slot, destination, class, &Sample::of_call(result));
    }

    /// An answered call goes on, and does not sound well. Once per call, whose [result](Self::note_call) then has no MOS.
    pub fn note_sound(&mut self, now: Instant, slot: u32, destination: Destination, class: usize, mos: f32) {
        self.note(now, slot, destination, class, &Sample::of_sound(mos));
    }

    /// Whether a trunk has got worse for calls to a destination, and nobody has seen yet that it is better again.
    pub fn is_down(&self, slot: u32, destination: Destination) -> bool {
        self.has_got_worse(slot, destination, &Aspect::ALL)
    }

    fn has_got_worse(&self, slot: u32, destination: Destination, aspects: &[Aspect]) -> bool {
        let mut levels = destination.levels().into_iter();
        levels.any(|group| {
            let place = self
                .places
                .find(group, 0)
                .and_then(|index| self.places.get(index));
            let known = place.and_then(|place| place.known(slot));
            known.is_some_and(|known| aspects.iter().any(|aspect| known.kept.of(*aspect).trials > 0.0))
        })
    }

    /// Whether this answer of a trunk is to be listened behind whatever share of them is: it is suspected of false ones, or has been found out and may
    /// be better again. To be asked once per answer.
    pub fn looks_closer(&mut self, slot: u32, destination: Destination) -> bool {
        let suspicion = self.suspicions.get_mut(slot as usize);
        suspicion.is_some_and(Suspicion::listens) || self.has_got_worse(slot, destination, &[Aspect::Cheats])
    }

    /// The application says how a call was.
    pub fn note_feedback(
        &mut self,
        now: Instant,
        slot: u32,
        destination: Destination,
        class: usize,
        feedback: &Feedback,
    ) {
        self.note(now, slot, destination, class, &Sample::of_feedback(feedback));
    }

    /// A test call is over. `class`: whose statistics it counts for; `None`: those of the class that has the most calls.
    pub fn note_test(
        &mut self,
        now: Instant,
        slot: u32,
        destination: Destination,
        class: Option<usize>,
        result: &TestResult,
    ) {
        let class = class.unwrap_or_else(|| self.busiest());
        self.note(now, slot, destination, class, &Sample::of_test(result));
    }

    fn note(&mut self, now: Instant, slot: u32, destination: Destination, class: usize, sample: &Sample) {
        if slot >= MAX_SLOTS {
            return;
        }
        self.advance(now);
        let weight = self.weight();
        let path = self.places.path(destination, class_key(class));
        let bases = Bases::of(&self.places, &path, weight);
        let ago = self.back(sample.earlier);
        self.pool(&path, slot, sample, ago, bases.last());
        let found = self.add(&path, slot, sample, ago, bases.last());
        for (level, aspect, way) in found {
            self.changed(&path, level, slot, (aspect, way), &bases);
        }
        self.believe(&path, slot, &bases, false);
        self.shares(&path, slot, sample);
    }

    /// The class that has the most calls.
    fn busiest(&self) -> usize {
        let attempts = |class: usize| {
            let place = self.places.find(Group::EVERYWHERE, class_key(class));
            place
                .and_then(|index| self.places.get(index))
                .map_or(0.0, |place| place.attempts)
        };
        let all = 0..self.classes.len();
        all.max_by(|&a, &b| attempts(a).total_cmp(&attempts(b)))
            .unwrap_or(0)
    }

    /// The weight of what was noted so long ago.
    fn back(&self, ago: Duration) -> f32 {
        self.weight() * (-(ago.as_secs_f64() / self.half_life_s())).exp2() as f32
    }

    /// Time passes: to be called every second or so. What is known fades a little, place by place.
    pub fn tick(&mut self, now: Instant) {
        self.advance(now);
        let now_s = self.now_s;
        for class in &mut self.classes {
            class.budget.fill(&class.policy.explore, now_s);
        }
        if now_s >= self.forget_s {
            self.forget_s = now_s + SEEN_FOR_S;
            self.places.forget_seen();
        }
        for _ in 0..FADE.min(self.places.len()) {
            self.next_faded = (self.next_faded + 1) % self.places.len();
            let Some(place) = self.places.get(self.next_faded).filter(|place| place.class > 0) else {
                continue;
            };
            let slots = place.trunks.len() as u32;
            let path = self.places.path_of(place.group, place.class);
            let bases = Bases::of(&self.places, &path, self.weight());
            for slot in 0..slots {
                self.believe(&path, slot, &bases, true);
            }
        }
    }

    /// The events since they were last fetched.
    pub fn events(&mut self) -> impl Iterator<Item = LearnEvent> + '_ {
        self.events.drain(..)
    }

    /// What is known of a trunk in a group, in a class or in all together; `None`: nothing was seen.
    pub fn figures(&self, slot: u32, group: Group, class: Option<usize>) -> Option<Figures> {
        let place = self
            .places
            .get(self.places.find(group, class.map_or(0, class_key))?)?;
        let sums = place.known(slot)?.sums;
        let figures = sums.figures(self.weight());
        let seen = figures.attempts > 0.01 || figures.tests.is_some() || figures.issues.is_some();
        seen.then_some(figures)
    }

    /// The groups that are told apart now.
    pub fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        let all = self.places.iter().filter(|place| place.class == 0);
        all.map(|place| place.group)
    }

    fn half_life_s(&self) -> f64 {
        self.settings.half_life.as_secs_f64().max(1.0)
    }

    /// The weight of what comes now.
    fn weight(&self) -> f32 {
        ((self.now_s - self.base_s) / self.half_life_s()).exp2() as f32
    }

    fn advance(&mut self, now: Instant) {
        let now_s = now.saturating_duration_since(self.epoch).as_secs_f64();
        self.now_s = self.now_s.max(now_s);
        if self.now_s - self.base_s > 20.0 * self.half_life_s() {
            self.rebase();
        }
    }

    /// Makes 1 the weight of what comes now.
    fn rebase(&mut self) {
        let by = (-(self.now_s - self.base_s) / self.half_life_s()).exp2() as f32;
        self.base_s = self.now_s;
        for place in self.places.iter_mut() {
            place.scale(by);
        }
    }

    fn tell(&mut self, event: LearnEvent) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// How places know a class: 0 is for all together.
fn class_key(class: usize) -> u8 {
    class.min(MAX_CLASSES - 1) as u8 + 1
}

/// A sudden change of an aspect that a level is sure of, and which way it goes.
type Changed = (usize, Aspect, Way);

#[cfg(test)]
mod tests;
