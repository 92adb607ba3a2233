//! Test calls, as `[[test_call]]` makes them: the operator has a number in every destination that always answers, and a carrier that has got worse
//! is tested every twenty seconds until it is known to be well again, at the numbers towards which it is worse in turn.

use crate::policy::Policy;
use crate::rng::mix;
use crate::world::{Call, Fate, Ms, Party, Truth, World, fate};
use route::quality::{TestEnding, TestResult};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a carrier that has got worse is tested (`again`).
const AGAIN: Ms = 20_000;

/// How long a test talks.
const TALKS: Ms = 5_000;

/// Test calls of a day, made and under way.
#[derive(Debug)]
pub(super) struct Trials {
    numbers: Vec<String>,
    /// When each carrier is tested again at the earliest, and at which number it is looked first.
    next: Vec<(Ms, usize)>,
    /// By when they end: whom they test where, and what comes of them.
    under_way: BTreeMap<(Ms, usize, usize), TestResult>,
    /// How many there were, and what they cost.
    pub(super) made: u64,
    pub(super) cost: f64,
}

impl Trials {
    pub(super) fn new(world: &World) -> Self {
        let number = |prefix: &str| format!("+{prefix:0<11}");
        Self {
            numbers: world.destinations.iter().map(|to| number(to.prefix)).collect(),
            next: vec![(0, 0); world.carriers.len()],
            under_way: BTreeMap::new(),
            made: 0,
            cost: 0.0,
        }
    }

    /// Tells of those that are over by now, and makes those that are due.
    pub(super) fn make(
        &mut self,
        now: Ms,
        world: &World,
        truth: &mut Truth<'_>,
        policy: &mut dyn Policy,
        at_once: impl Fn(usize) -> u32,
    ) {
        while let Some(entry) = self.under_way.first_entry() {
            let &(_, carrier, destination) = entry.key();
            if entry.key().0 > now {
                break;
            }
            let result = entry.remove();
            policy.tested(now, carrier, &self.numbers[destination], &result);
        }
        for carrier in 0..world.carriers.len() {
            let (at, first) = self.next[carrier];
            let of = &world.carriers[carrier];
            let is_full = of.max_calls.is_some_and(|most| at_once(carrier) >= most);
            if now < at || is_full {
                continue;
            }
            let many = self.numbers.len();
            let worse =
                |to: &usize| of.price(*to, now).is_some() && policy.is_down(carrier, &self.numbers[*to]);
            let Some(destination) = (first..first + many).map(|to| to % many).find(worse) else {
                continue;
            };
            self.next[carrier] = (now + AGAIN, destination + 1);
            let full = of.hidden_calls.is_some_and(|most| at_once(carrier) >= most);
            let condition = truth.at(carrier, destination, now);
            let delay_s = world.destinations[destination].delay_s;
            let fate = fate(
                &self.call(world, now, destination),
                carrier,
                &condition,
                delay_s,
                full,
            );
            let (after, result) = result(fate);
            if matches!(fate, Fate::Answered { .. }) {
                self.cost += of.price(destination, now).unwrap_or(0.0) * TALKS as f64 / 60_000.0;
            }
            self.under_way.insert((now + after, carrier, destination), result);
        }
    }

    fn call(&mut self, world: &World, now: Ms, destination: usize) -> Call {
        self.made += 1;
        Call {
            seed: mix(world.seed ^ mix(self.made)),
            at: now,
            destination,
            class: 0,
            number: self.numbers[destination].clone(),
            unanswered: None,
            rings: 1_000,
            talks: TALKS,
            patience: 60_000,
        }
    }
}

/// When it is over, and what has come of it.
fn result(fate: Fate) -> (Ms, TestResult) {
    let ended = |ending, told: Option<Ms>, mos| TestResult {
        ending,
        pdd: told.map(Duration::from_millis),
        mos,
    };
    match fate {
        Fate::Refused { after, .. } | Fate::Silent { after } => {
            (after, ended(TestEnding::Failed, None, None))
        }
        Fate::Unanswered { after, told, .. } => (after, ended(TestEnding::Unanswered, Some(told), None)),
        Fate::Answered {
            by, told, after, mos, ..
        } => {
            let heard = mos.filter(|_| by == Party::Called).map(|mos| mos as f32);
            let ending = heard.map_or(TestEnding::FalseAnswer, |_| TestEnding::Passed);
            (after + TALKS, ended(ending, Some(told), heard))
        }
    }
}
