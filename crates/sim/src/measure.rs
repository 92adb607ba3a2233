//! What came of a day.

mod interval;
mod turns;

pub use interval::{Interval, median, percentile};
pub use turns::{Back, Turn, turns};

use crate::world::{Call, Ms, Party, World, worth};

/// What the calls of one class came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Calls that came.
    pub calls: u64,
    /// Calls that the called party answered.
    pub answered: u64,
    /// Calls that a carrier answered itself.
    pub false_answers: u64,
    /// Worth of all of them together.
    pub worth: f64,
    /// Relative extra prices together.
    pub extra: f64,
    /// `quality * worth - price * extra`, with the class's weights.
    pub utility: f64,
    /// What was paid.
    pub cost: f64,
    /// Calls whose first carrier was picked to learn of it.
    pub explored: u64,
    /// What these cost more than the carriers that would have been picked instead.
    pub explored_cost: f64,
}

/// Where a call was sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// When.
    pub at: u32,
    /// Index of its destination.
    pub destination: u8,
    /// Index of its class.
    pub class: u8,
    /// Index of the carrier; 255: none was to be had.
    pub carrier: u8,
}

/// A day under one policy.
#[derive(Debug, Clone)]
pub struct Day {
    /// By class.
    pub classes: Vec<Totals>,
    /// Where the calls went, in their order.
    pub firsts: Vec<First>,
    /// Test calls, and what they cost: in none of the other figures.
    pub tests: u64,
    /// Their cost.
    pub tests_cost: f64,
    weights: Vec<(f64, f64)>,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) by: Party,
    pub(crate) mos: Option<f64>,
    /// Seconds from the call's coming until it rang.
    pub(crate) waited: f64,
    /// Relative extra price of the carrier.
    pub(crate) extra: f64,
    /// Its price of a minute.
    pub(crate) price: f64,
    /// That of the carrier that would have been picked, if this one was picked to learn of it.
    pub(crate) instead: Option<f64>,
    /// How long the call lasts.
    pub(crate) talks: Ms,
}

impl Day {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            classes: vec![Totals::default(); world.classes.len()],
            firsts: Vec::new(),
            tests: 0,
            tests_cost: 0.0,
            weights: world
                .classes
                .iter()
                .map(|class| (class.quality, class.price))
                .collect(),
        }
    }

    pub(crate) fn comes(&mut self, call: &Call, first: Option<usize>, instead_of: Option<usize>) {
        let totals = &mut self.classes[call.class];
        totals.calls += 1;
        if instead_of.is_some_and(|other| Some(other) != first) {
            totals.explored += 1;
        }
        self.firsts.push(First {
            at: call.at as u32,
            destination: call.destination as u8,
            class: call.class as u8,
            carrier: first.map_or(u8::MAX, |carrier| carrier as u8),
        });
    }

    pub(crate) fn answered(&mut self, class: usize, answer: &Answer) {
        let totals = &mut self.classes[class];
        let minutes = answer.talks as f64 / 60_000.0;
        totals.cost += answer.price * minutes;
        if let Some(instead) = answer.instead {
            totals.explored_cost += (answer.price - instead).max(0.0) * minutes;
        }
        let worth = match (answer.by, answer.mos) {
            (Party::Called, Some(mos)) => {
                totals.answered += 1;
                worth::of_sound(mos) * worth::of_wait(answer.waited)
            }
            (Party::Called, None) => 0.0,
            (Party::Recording | Party::Nobody, _) => {
                totals.false_answers += 1;
                0.0
            }
        };
        let (quality, price) = self.weights[class];
        totals.worth += worth;
        totals.extra += answer.extra;
        totals.utility += quality * worth - price * answer.extra;
    }

    /// Calls that came.
    pub fn calls(&self) -> u64 {
        self.classes.iter().map(|class| class.calls).sum()
    }

    /// Utility of a call on the average.
    pub fn utility(&self) -> f64 {
        let sum: f64 = self.classes.iter().map(|class| class.utility).sum();
        sum / self.calls().max(1) as f64
    }

    /// Worth of a call on the average.
    pub fn worth(&self) -> f64 {
        let sum: f64 = self.classes.iter().map(|class| class.worth).sum();
        sum / self.calls().max(1) as f64
    }

    /// What all calls cost.
    pub fn cost(&self) -> f64 {
        self.classes.iter().map(|class| class.cost).sum()
    }
}
