//! What was learned of carriers, by their names: plans number them by their place in a configuration, and what is known outlives that.

use super::Live;
use crate::deck::Money;
use crate::learn::{LearnEvent, Row};
use crate::plan::Explores;
use crate::quality::{AttemptResult, CallResult, Destination, Feedback, Figures, Group, Quality, TestResult};
use crate::quality::{LoadError, Saved};
use crate::tables::{Tables, TrunkIx};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The statistics, and which of their places is whose.
#[derive(Debug)]
pub(super) struct Learner {
    quality: Quality,
    /// Every carrier that there ever was in this process, by name.
    numbers: HashMap<Box<str>, u32>,
    /// Those of the carriers in force, in their order.
    carriers: Box<[u32]>,
    /// The classes in force, and behind them the one of calls without.
    classes: Box<[Box<str>]>,
}

/// Whose result it is.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The carrier.
    pub trunk: &'a str,
    /// The called number by which it was chosen.
    pub called: &'a str,
    /// The call's class of service.
    pub class: Option<&'a str>,
}

/// What a plan reads of what was learned.
pub(crate) struct Lesson<'a> {
    pub(crate) row: Row<'a>,
    carriers: &'a [u32],
}

impl<'a> Lesson<'a> {
    pub(super) fn new(row: Row<'a>, carriers: &'a [u32]) -> Self {
        Self { row, carriers }
    }

    /// The number under which a carrier is known, by its place among those in force.
    pub(crate) fn slot(&self, carrier: usize) -> u32 {
        self.carriers.get(carrier).copied().unwrap_or(u32::MAX)
    }
}

impl Learner {
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        self.quality.set_trunk(number, name);
        number
    }

    /// A class by its name; what has none, or one that is gone, is as calls without.
    pub(super) fn class(&self, name: Option<&str>) -> usize {
        let last = self.classes.len().saturating_sub(1);
        let named = name.and_then(|name| self.classes.iter().take(last).position(|class| **class == *name));
        named.unwrap_or(last)
    }

    pub(super) fn has_class(&self, name: &str) -> bool {
        self.class(Some(name)) != self.class(None)
    }

    pub(super) fn row(&self, destination: Destination, class: usize) -> Row<'_> {
        self.quality.row(destination, class)
    }

    fn place(&self, of: &Of<'_>) -> Option<(u32, Destination, usize)> {
        let number = *self.numbers.get(of.trunk)?;
        Some((number, Destination::of(of.called), self.class(of.class)))
    }
}

impl Live {
    /// Learning goes by the classes and keys of these tables, which are those in force, from now on. What is known stays.
    pub fn learn(&mut self, now: Instant, tables: &Tables) {
        let mut learner = self.learner.take().unwrap_or_else(|| {
            Box::new(Learner {
                quality: Quality::new(now),
                numbers: HashMap::new(),
                carriers: Box::default(),
                classes: Box::default(),
            })
        });
        let classes = tables.learning();
        learner
            .quality
            .configure(now, classes.settings, &classes.policies());
        learner.classes = classes.names();
        let all = tables.carriers().all().iter();
        let numbers: Vec<u32> = all
            .map(|standing| learner.number(&tables.trunk(standing.trunk).name))
            .collect();
        learner.carriers = numbers.into();
        self.learner = Some(learner);
        self.meet_all();
    }

    /// What is known for calls to a number in a class, by its place; `None`: nothing was ever learned, or these are neither the tables in
    /// force nor beside them.
    pub(crate) fn lesson(&self, tables: &Tables, called: &str, class: u16) -> Option<Lesson<'_>> {
        let learner = self.learner.as_ref()?;
        if self.has_installed(tables) {
            let row = learner.row(Destination::of(called), usize::from(class));
            return Some(Lesson::new(row, &learner.carriers));
        }
        self.beside(tables)?.lesson(learner, called, class)
    }

    /// A call of this class is planned; `explores`: to find something out.
    pub fn note_choice(&mut self, now: Instant, class: Option<&str>, explores: Option<&Explores>) {
        if let Some(learner) = &mut self.learner {
            let class = learner.class(class);
            learner
                .quality
                .note_choice(now, class, explores.map(|explores| explores.extra));
        }
    }

    /// What a call that explored has cost over the one that looked the best: other than was thought.
    pub fn note_cost(&mut self, class: Option<&str>, explores: &Explores, was: Money) {
        if let Some(learner) = &mut self.learner {
            let class = learner.class(class);
            learner.quality.note_cost(class, explores.extra, was);
        }
    }

    /// An attempt has ended, or was answered.
    pub fn note_attempt(&mut self, now: Instant, of: &Of<'_>, result: &AttemptResult) {
        self.note(of, |quality, (slot, destination, class)| {
            quality.note_attempt(now, slot, destination, class, result);
        });
    }

    /// An answered call has ended.
    pub fn note_call(&mut self, now: Instant, of: &Of<'_>, result: &CallResult) {
        self.note(of, |quality, (slot, destination, class)| {
            quality.note_call(now, slot, destination, class, result);
        });
    }

    /// An answered call goes on, and sounds bad. Once per call, whose result then has no MOS.
    pub fn note_sound(&mut self, now: Instant, of: &Of<'_>, mos: f32) {
        self.note(of, |quality, (slot, destination, class)| {
            quality.note_sound(now, slot, destination, class, mos);
        });
    }

    /// Whether this answer of a trunk is to be listened behind, whatever share of them is. To be asked once per answer.
    pub fn looks_closer(&mut self, of: &Of<'_>) -> bool {
        let mut looks = false;
        self.note(of, |quality, (slot, destination, _)| {
            looks = quality.looks_closer(slot, destination)
        });
        looks
    }

    /// Whether a trunk has got worse for calls to a number, and nobody has seen yet that it is better again.
    pub fn is_down(&self, of: &Of<'_>) -> bool {
        let learner = self.learner.as_ref();
        learner.is_some_and(|learner| {
            let place = learner.place(of);
            place.is_some_and(|(slot, destination, _)| learner.quality.is_down(slot, destination))
        })
    }

    /// An application has said how a call was.
    pub fn note_feedback(&mut self, now: Instant, of: &Of<'_>, feedback: &Feedback) {
        self.note(of, |quality, (slot, destination, class)| {
            quality.note_feedback(now, slot, destination, class, feedback);
        });
    }

    /// An application says otherwise than it did so long ago.
    pub fn replace_feedback(
        &mut self,
        now: Instant,
        of: &Of<'_>,
        before: (&Feedback, Duration),
        feedback: &Feedback,
    ) {
        self.note(of, |quality, (slot, destination, class)| {
            quality.replace_feedback(now, slot, destination, class, before, feedback);
        });
    }

    /// A test call is over.
    pub fn note_test(&mut self, now: Instant, of: &Of<'_>, result: &TestResult) {
        self.note(of, |quality, (slot, destination, class)| {
            let class = of.class.map(|_| class);
            quality.note_test(now, slot, destination, class, result);
        });
    }

    fn note(&mut self, of: &Of<'_>, with: impl FnOnce(&mut Quality, (u32, Destination, usize))) {
        if let Some(learner) = &mut self.learner
            && let Some(place) = learner.place(of)
        {
            with(&mut learner.quality, place);
        }
    }

    /// Time passes: to be called once a second.
    pub fn tick_learner(&mut self, now: Instant) {
        if let Some(learner) = &mut self.learner {
            learner.quality.tick(now);
        }
    }

    /// What has changed in carriers' standing since this was asked last, each with the name of its class.
    pub fn take_lessons(&mut self) -> Vec<(LearnEvent, Option<Box<str>>)> {
        let Some(learner) = &mut self.learner else {
            return Vec::new();
        };
        let last = learner.classes.len().saturating_sub(1);
        let classes = &learner.classes;
        let named = |event: LearnEvent| {
            let class = event.class.filter(|class| *class < last);
            let name = class.and_then(|class| classes.get(class)).cloned();
            (event, name)
        };
        learner.quality.events().map(named).collect()
    }

    /// What is known of a trunk: for each group of destinations that is told apart, over all classes.
    pub fn figures(&self, tables: &Tables, trunk: TrunkIx) -> Vec<(Group, Figures)> {
        let Some(learner) = &self.learner else {
            return Vec::new();
        };
        let Some(&number) = learner.numbers.get(tables.trunk(trunk).name.as_str()) else {
            return Vec::new();
        };
        let of = |group: Group| Some((group, learner.quality.figures(number, group, None)?));
        let mut figures: Vec<(Group, Figures)> = learner.quality.groups().filter_map(of).collect();
        figures.sort_by_key(|(group, _)| *group);
        figures
    }

    /// What is known of a trunk over all destinations and classes; `None`: nothing was seen.
    pub fn overall(&self, trunk: &str) -> Option<Figures> {
        let learner = self.learner.as_ref()?;
        let number = *learner.numbers.get(trunk)?;
        learner.quality.figures(number, Group::EVERYWHERE, None)
    }

    /// What was learned, to be kept over a restart.
    pub fn learned(&self, now: Instant, unix_s: u64) -> Option<Saved> {
        let learner = self.learner.as_ref()?;
        Some(learner.quality.save(now, unix_s))
    }

    /// Takes back what was learned before a restart; to be called once the tables are in force.
    ///
    /// # Errors
    /// It can't be used: nothing is taken back.
    pub fn recall_learned(&mut self, now: Instant, unix_s: u64, saved: &Saved) -> Result<(), LoadError> {
        match &mut self.learner {
            Some(learner) => learner.quality.load(now, unix_s, saved),
            None => Ok(()),
        }
    }
}
