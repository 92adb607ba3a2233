//! Tandem's learner, called as the switch calls it.

use super::{Ask, Measured, Outcome, Policy, Saw, Seen};
use crate::world::{Ms, World};
use route::Quality;
use route::deck::Money;
use route::learn::{self, Explore, Offer, Picked, Weights, choose};
use route::quality::{AttemptResult, CallResult, Destination, Ending, Feedback, Settings, TestResult};
use route::{AttemptOutcome, learn::Floors};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Minutes over which prices are compared, as in plans.
const COMPARED_MIN: f64 = 3.0;

/// A call that explores: what that was thought to cost, and the prices of a minute of both carriers.
#[derive(Debug, Clone, Copy)]
struct Explored {
    thought: Money,
    carrier: usize,
    over_per_min: f64,
}

/// Picks by what it has learned.
#[derive(Debug)]
pub struct Learner {
    quality: Quality,
    epoch: Instant,
    explored: HashMap<usize, Explored>,
    offers: Vec<Offer>,
    scores: Vec<f32>,
}

impl Learner {
    /// Knows the classes and the names of the carriers, as a configuration has them, and no more.
    pub fn new(world: &World) -> Self {
        Self::with(world, Settings::default())
    }

    /// With settings of its own.
    pub fn with(world: &World, settings: Settings) -> Self {
        // The moment does not matter: only times since it count.
        let epoch = Instant::now();
        let mut quality = Quality::new(epoch);
        let classes: Vec<(&str, learn::Policy)> = world
            .classes
            .iter()
            .map(|class| {
                let policy = learn::Policy {
                    weights: Weights::of(class.quality, class.price),
                    floors: Floors::default(),
                    explore: Explore {
                        calls_ppm: (class.explore_calls * 1e6) as u32,
                        money_per_day: Some(money(class.explore_money)),
                    },
                    learns: true,
                };
                (class.name, policy)
            })
            .collect();
        quality.configure(epoch, settings, &classes);
        for (slot, carrier) in world.carriers.iter().enumerate() {
            quality.set_trunk(slot as u32, &carrier.name);
        }
        Self {
            quality,
            epoch,
            explored: HashMap::new(),
            offers: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// What it has learned.
    pub fn quality(&mut self) -> &mut Quality {
        &mut self.quality
    }

    fn at(&self, now: Ms) -> Instant {
        self.epoch + Duration::from_millis(now)
    }

    /// Tells what a choice explores, if it does, and gives the carrier that it is instead of.
    fn note_choice(&mut self, ask: &Ask<'_>, picked: &Picked) -> Option<usize> {
        let price = |index: usize| ask.offers[index].price;
        let over_per_min = (price(picked.first) - price(picked.best)).max(0.0);
        let thought = picked.explores().then(|| money(over_per_min * COMPARED_MIN));
        self.quality.note_choice(self.at(ask.now), ask.class, thought);
        let thought = thought?;
        let carrier = ask.offers[picked.first].carrier;
        let explored = Explored {
            thought,
            carrier,
            over_per_min,
        };
        self.explored.insert(ask.call, explored);
        Some(ask.offers[picked.best].carrier)
    }

    /// What exploring has cost, once that is known.
    fn settle(&mut self, seen: &Seen<'_>, talked: Ms) {
        let Some(explored) = self.explored.remove(&seen.call) else {
            return;
        };
        let was = if explored.carrier == seen.carrier {
            money(explored.over_per_min * talked as f64 / 60_000.0)
        } else {
            Money(0)
        };
        self.quality.note_cost(seen.class, explored.thought, was);
    }
}

fn money(units: f64) -> Money {
    Money((units * 1e9).round() as u64)
}

/// As the switch has it.
fn known(result: &Measured) -> CallResult {
    let heard = result.mos.is_some();
    CallResult {
        talk: Duration::from_millis(result.talked),
        mos: result.mos.map(|mos| mos as f32),
        loss: heard.then_some(result.loss as f32),
        jitter: heard.then(|| Duration::from_secs_f64(result.jitter_ms / 1000.0)),
        false_answer: result.false_answer,
        dead_air: result.dead_air,
    }
}

impl Policy for Learner {
    fn order(&mut self, ask: &Ask<'_>, order: &mut Vec<usize>) -> Option<usize> {
        self.offers.clear();
        self.offers.extend(ask.offers.iter().map(|offer| Offer {
            slot: offer.carrier as u32,
            relative_price: offer.extra as f32,
        }));
        self.scores.clear();
        self.scores.resize(self.offers.len(), 0.0);
        let policy = self.quality.policy(ask.class);
        let row = self.quality.row(Destination::of(ask.number), ask.class);
        let picked = choose(&policy, &row, ask.draw, &self.offers, &mut self.scores)?;
        let mut places: Vec<usize> = (0..self.offers.len()).collect();
        places.sort_by(|&a, &b| self.scores[b].total_cmp(&self.scores[a]).then(a.cmp(&b)));
        order.extend(places.into_iter().map(|place| ask.offers[place].carrier));
        self.note_choice(ask, &picked)
    }

    fn looks_closer(&mut self, carrier: usize, number: &str) -> bool {
        self.quality.looks_closer(carrier as u32, Destination::of(number))
    }

    fn is_down(&self, carrier: usize, number: &str) -> bool {
        self.quality.is_down(carrier as u32, Destination::of(number))
    }

    fn tested(&mut self, now: Ms, carrier: usize, number: &str, result: &TestResult) {
        let now = self.at(now);
        self.quality
            .note_test(now, carrier as u32, Destination::of(number), None, result);
    }

    fn note(&mut self, seen: &Seen<'_>) {
        let now = self.at(seen.now);
        let destination = Destination::of(seen.number);
        let slot = seen.carrier as u32;
        match seen.saw {
            Saw::Attempt { outcome, told, after } => {
                if outcome != Outcome::Answered && !outcome.advances() {
                    self.settle(seen, 0);
                }
                let (ending, pdd) = match outcome {
                    Outcome::Answered => (Some(Ending::Answered), told),
                    Outcome::Cancelled => (Some(Ending::cancelled(false)), Some(after)),
                    Outcome::Timeout => (Ending::of(AttemptOutcome::TimeoutTrying), None),
                    Outcome::Final { status, rang } => {
                        let q850 = None;
                        (Ending::of(AttemptOutcome::Final { status, q850, rang }), told)
                    }
                };
                if let Some(ending) = ending {
                    let pdd = pdd.map(Duration::from_millis);
                    let result = AttemptResult { ending, pdd };
                    self.quality
                        .note_attempt(now, slot, destination, seen.class, &result);
                }
            }
            Saw::BadAnswer(result) => {
                self.quality
                    .note_call(now, slot, destination, seen.class, &known(&result));
            }
            Saw::Sounds { mos } => {
                self.quality
                    .note_sound(now, slot, destination, seen.class, mos as f32);
            }
            Saw::Ended { result, told } => {
                self.settle(seen, result.talked);
                if !told {
                    self.quality
                        .note_call(now, slot, destination, seen.class, &known(&result));
                }
            }
            Saw::Feedback { score } => {
                let feedback = Feedback {
                    score: Some(score),
                    issue: score <= 2,
                };
                self.quality
                    .note_feedback(now, slot, destination, seen.class, &feedback);
            }
        }
    }

    fn tick(&mut self, now: Ms) {
        self.quality.tick(self.at(now));
        self.quality.events().for_each(drop);
    }
}
