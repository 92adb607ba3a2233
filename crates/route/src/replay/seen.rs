//! What records tell of carriers: per carrier and group of destinations, nearer groups leaning on those around them.

use super::PastCall;
use crate::quality::{Destination, Ending, Group};
use std::collections::HashMap;

/// A group's own figures count as much as what is believed without them when so many calls were offered there.
const LEAN: f64 = 10.0;

/// What became of the calls that a carrier was offered.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Calls that it was offered: attempts at several of its targets are one.
    offered: f64,
    answered: f64,
    /// Not answered, and another carrier was asked, or would have been if there had been one.
    passed_on: f64,
    /// Milliseconds of the answered ones.
    talk_ms: f64,
    /// Sum and number of scores.
    mos: f64,
    rated: f64,
}

/// What is to be expected of a carrier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expects {
    /// That it answers.
    pub(super) answers: f64,
    /// That the next is asked.
    pub(super) passes_on: f64,
    /// How long a call is.
    pub(super) talk_ms: f64,
    /// How a call sounds; `None`: no score was ever seen.
    pub(super) mos: Option<f64>,
    /// Whether it was ever offered a call to the country.
    pub(super) known: bool,
}

/// All that the records tell.
#[derive(Debug, Default)]
pub(super) struct Seen {
    all: HashMap<Group, Cell>,
    trunks: HashMap<Box<str>, HashMap<Group, Cell>>,
    /// Per customer, how many attempts have ended a hunt that could have gone on.
    limits: HashMap<Box<str>, usize>,
}

/// One carrier's part of a call.
struct Visit<'a> {
    trunk: &'a str,
    answered: bool,
    passed_on: bool,
}

impl Seen {
    pub(super) fn of(calls: &[PastCall]) -> Self {
        let mut seen = Self::default();
        for call in calls {
            let destination = Destination::of(call.routed.as_deref().unwrap_or(&call.called));
            for visit in visits(call) {
                seen.add(call, destination, &visit);
            }
            seen.note_limit(call);
        }
        seen
    }

    fn add(&mut self, call: &PastCall, destination: Destination, visit: &Visit<'_>) {
        let trunk = match self.trunks.get_mut(visit.trunk) {
            Some(trunk) => trunk,
            None => self.trunks.entry(visit.trunk.into()).or_default(),
        };
        let mut last = None;
        for group in destination.levels() {
            // A short number's groups are the same from some level on.
            if last.replace(group) == Some(group) {
                continue;
            }
            for cells in [&mut self.all, &mut *trunk] {
                cells.entry(group).or_default().add(call, visit);
            }
        }
    }

    /// A hunt that ended though its last carrier had failed on the way, and though others were left.
    fn note_limit(&mut self, call: &PastCall) {
        let failed = call.attempts.last().is_some_and(|last| is_network(last.ending));
        let tried: Vec<&str> = visits(call).iter().map(|visit| visit.trunk).collect();
        let left = call.order.iter().any(|offer| !tried.contains(&&*offer.trunk));
        if !call.answered && failed && left {
            let most = self.limits.entry(call.from.as_str().into()).or_default();
            *most = (*most).max(tried.len());
        }
    }

    /// How many carriers a customer's call was offered at most, if that was ever to be seen.
    pub(super) fn limit(&self, customer: &str) -> Option<usize> {
        self.limits.get(customer).copied()
    }

    /// What is to be expected of a carrier for a call to a number. Of one that is not known: what holds for all together.
    pub(super) fn expects(&self, trunk: &str, called: &str) -> Expects {
        let destination = Destination::of(called);
        let mut belief = Belief::default();
        belief.lean(&self.all, destination);
        let own = self.trunks.get(trunk);
        if let Some(own) = own {
            belief.lean(own, destination);
        }
        Expects {
            answers: belief.answers,
            passes_on: belief.passes_on,
            talk_ms: belief.talk_ms,
            mos: belief.mos,
            known: own.is_some_and(|own| own.contains_key(&destination.country)),
        }
    }
}

impl Cell {
    fn add(&mut self, call: &PastCall, visit: &Visit<'_>) {
        self.offered += 1.0;
        self.passed_on += f64::from(u8::from(visit.passed_on));
        if !visit.answered {
            return;
        }
        self.answered += 1.0;
        self.talk_ms += call.talk_ms as f64;
        if let Some(mos) = call.result.and_then(|result| result.mos) {
            self.mos += f64::from(mos);
            self.rated += 1.0;
        }
    }
}

#[derive(Debug, Default)]
struct Belief {
    answers: f64,
    passes_on: f64,
    talk_ms: f64,
    mos: Option<f64>,
}

impl Belief {
    /// From the world to the prefix.
    fn lean(&mut self, cells: &HashMap<Group, Cell>, destination: Destination) {
        let mut last = None;
        for group in destination.levels() {
            if last.replace(group) == Some(group) {
                continue;
            }
            let Some(cell) = cells.get(&group) else {
                return;
            };
            let mean = |sum: f64, many: f64, before: f64| (sum + LEAN * before) / (many + LEAN);
            self.answers = mean(cell.answered, cell.offered, self.answers);
            self.passes_on = mean(cell.passed_on, cell.offered, self.passes_on);
            if cell.answered > 0.0 {
                let before = if self.talk_ms == 0.0 {
                    cell.talk_ms / cell.answered
                } else {
                    self.talk_ms
                };
                self.talk_ms = mean(cell.talk_ms, cell.answered, before);
            }
            if cell.rated > 0.0 {
                let before = self.mos.unwrap_or(cell.mos / cell.rated);
                self.mos = Some(mean(cell.mos, cell.rated, before));
            }
        }
    }
}

/// Whether the next carrier is asked after this; what says nothing of a carrier leaves it to the next.
fn is_network(ending: Option<Ending>) -> bool {
    match ending {
        Some(Ending::Network(_) | Ending::Silent) | None => true,
        Some(Ending::Answered | Ending::User(_) | Ending::GivenUp) => false,
    }
}

/// A call's carriers, each once where its attempts follow each other.
fn visits(call: &PastCall) -> Vec<Visit<'_>> {
    let mut visits: Vec<Visit<'_>> = Vec::new();
    for attempt in &call.attempts {
        let answered = attempt.ending == Some(Ending::Answered);
        let passed_on = is_network(attempt.ending);
        match visits.last_mut() {
            Some(last) if *last.trunk == *attempt.trunk => {
                last.answered |= answered;
                last.passed_on = passed_on;
            }
            Some(_) | None => {
                if let Some(last) = visits.last_mut() {
                    last.passed_on = true;
                }
                visits.push(Visit {
                    trunk: &attempt.trunk,
                    answered,
                    passed_on,
                });
            }
        }
    }
    for visit in &mut visits {
        visit.passed_on &= !visit.answered;
    }
    visits
}
