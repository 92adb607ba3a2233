//! Plays one day under one policy.

mod flight;
mod health;
mod trials;

use crate::measure::{Answer, Day};
use crate::policy::{Ask, Measured, Offer, Oracle, Outcome, Policy, Saw, Seen};
use crate::rng::{Rng, mix};
use crate::world::{ATTEMPTS, Call, Fate, Ms, Truth, World, fate, worth};
use flight::{Flight, Flights};
use health::Health;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trials::Trials;

/// Who picks: one that knows the truth, or one that knows what a switch knows.
pub enum Picker<'a> {
    /// Knows everything but the single call's luck.
    Oracle(Oracle<'a>),
    /// Knows what it has seen.
    Blind(&'a mut dyn Policy),
}

/// How often [`Policy::tick`] is called.
const TICK: Ms = 5_000;

/// Part of the answered calls that a switch listens to, as `media.supervise.share` says where nobody has written it.
const LISTENS: f64 = 0.05;

/// How long it listens, as `media.supervise.time` says, before it tells of a bad answer.
const LISTENED: Ms = 6_000;

/// After how long it tells of a call that sounds bad, and what is bad: two windows of a stream's meter.
const RATED: Ms = 10_000;
const SOUNDS_BAD: f64 = 3.0;

/// How well it notices: of calls listened to that a recording has answered, those whose media give it away; of all calls that are dead, those
/// that are seen to be; and of good ones listened to, those taken for bad.
const TELLS_RECORDING: f64 = 0.5;
const TELLS_DEAD: f64 = 0.8;
const TAKEN_FOR_BAD: f64 = 0.003;

/// Part of the answered calls of which an application says how they were.
const FEEDBACK: f64 = 0.02;

/// When something happens, in which order where at once, and what.
type Due = Reverse<(Ms, u64, u32, What)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The attempt under way ends or is answered.
    AttemptEnds,
    /// What was heard behind the answer is known to be bad, or how it sounds is.
    Heard,
    /// The call ends.
    CallEnds,
    /// The application tells.
    Feedback(u8),
}

struct Engine<'a> {
    world: &'a World,
    calls: &'a [Call],
    picker: Picker<'a>,
    truth: Truth<'a>,
    due: BinaryHeap<Due>,
    count: u64,
    flights: Flights,
    at_once: Vec<u32>,
    health: Health,
    trials: Trials,
    day: Day,
    offers: Vec<Offer>,
    order: Vec<usize>,
}

/// Plays the calls of a world under a policy.
pub fn play<'a>(world: &'a World, calls: &'a [Call], picker: Picker<'a>) -> Day {
    let engine = Engine {
        world,
        calls,
        picker,
        truth: Truth::new(world),
        due: BinaryHeap::new(),
        count: 0,
        flights: Flights::default(),
        at_once: vec![0; world.carriers.len()],
        health: Health::new(world.carriers.len()),
        trials: Trials::new(world),
        day: Day::new(world),
        offers: Vec::new(),
        order: Vec::new(),
    };
    engine.run()
}

impl Engine<'_> {
    fn run(mut self) -> Day {
        let calls = self.calls;
        let mut next_tick = 0;
        for (index, call) in calls.iter().enumerate() {
            self.until(call.at, &mut next_tick);
            self.begin(index);
        }
        self.until(Ms::MAX, &mut next_tick);
        (self.day.tests, self.day.tests_cost) = (self.trials.made, self.trials.cost);
        self.day
    }

    /// Everything that is due before a moment.
    fn until(&mut self, end: Ms, next_tick: &mut Ms) {
        loop {
            let next = self.due.peek().map_or(Ms::MAX, |Reverse(due)| due.0);
            let now = next.min(end);
            if now == Ms::MAX {
                return;
            }
            while *next_tick <= now {
                if let Picker::Blind(policy) = &mut self.picker {
                    policy.tick(*next_tick);
                    let at_once = |carrier: usize| self.at_once[carrier];
                    self.trials
                        .make(*next_tick, self.world, &mut self.truth, *policy, at_once);
                }
                *next_tick += TICK;
            }
            if next >= end {
                return;
            }
            if let Some(Reverse((now, _, flight, what))) = self.due.pop() {
                match what {
                    What::AttemptEnds => self.attempt_ends(now, flight),
                    What::Heard => self.heard(now, flight),
                    What::CallEnds => self.call_ends(now, flight),
                    What::Feedback(score) => {
                        self.tell(now, flight, Saw::Feedback { score });
                        self.flights.end(flight);
                    }
                }
            }
        }
    }

    fn later(&mut self, at: Ms, flight: u32, what: What) {
        self.count += 1;
        self.due.push(Reverse((at, self.count, flight, what)));
    }

    /// A call comes.
    fn begin(&mut self, index: usize) {
        let call = &self.calls[index];
        let now = call.at;
        let cheapest = self.offers(call);
        let offers = std::mem::take(&mut self.offers);
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        let ask = Ask {
            now,
            call: index,
            number: &call.number,
            destination: call.destination,
            class: call.class,
            draw: mix(call.seed ^ 0x0d7a),
            offers: &offers,
        };
        let instead_of = match &mut self.picker {
            Picker::Oracle(oracle) => {
                oracle.order(&ask, &self.at_once, &mut order);
                None
            }
            Picker::Blind(policy) => {
                let instead_of = policy.order(&ask, &mut order);
                // Every switch leaves a carrier that is down for last, whatever its policy.
                order.sort_by_key(|&carrier| self.health.is_shunned(carrier, now));
                instead_of
            }
        };
        self.day.comes(call, order.first().copied(), instead_of);
        if !order.is_empty() {
            let flight = self
                .flights
                .begin(Flight::new(index, cheapest, &order, instead_of));
            self.attempt(now, flight);
        }
        (self.offers, self.order) = (offers, order);
    }

    /// Who could take a call; the lowest price that anybody sells it at.
    fn offers(&mut self, call: &Call) -> f64 {
        self.offers.clear();
        let carriers = self.world.carriers.iter().enumerate();
        let priced = carriers.filter_map(|(index, carrier)| {
            let price = carrier.price(call.destination, call.at)?;
            Some((index, carrier, price))
        });
        let mut cheapest = f64::INFINITY;
        for (index, carrier, price) in priced {
            cheapest = cheapest.min(price);
            if carrier.max_calls.is_none_or(|most| self.at_once[index] < most) {
                self.offers.push(Offer {
                    carrier: index,
                    price,
                    extra: 0.0,
                });
            }
        }
        for offer in &mut self.offers {
            offer.extra = worth::extra(offer.price, cheapest);
        }
        cheapest
    }

    /// The next attempt of a call, if any carrier is left.
    fn attempt(&mut self, now: Ms, index: u32) {
        let Some(flight) = self.flights.get_mut(index) else {
            return;
        };
        let call = &self.calls[flight.call];
        let carriers = &self.world.carriers;
        let has_room = |carrier: usize| {
            carriers[carrier]
                .max_calls
                .is_none_or(|most| self.at_once[carrier] < most)
        };
        let Some(carrier) = (flight.made < ATTEMPTS).then(|| flight.next(has_room)).flatten() else {
            self.flights.end(index);
            return;
        };
        flight.made += 1;
        let full = carriers[carrier]
            .hidden_calls
            .is_some_and(|most| self.at_once[carrier] >= most);
        let condition = self.truth.at(carrier, call.destination, now);
        let delay_s = self.world.destinations[call.destination].delay_s;
        let fate = fate(call, carrier, &condition, delay_s, full);
        let waits = call.patience.saturating_sub(now - call.at);
        flight.fate = flight::patient(fate, waits);
        flight.began = now;
        let after = flight::ends_after(flight.fate, waits);
        self.at_once[carrier] += 1;
        self.health.tried(carrier, now);
        self.later(now + after, index, What::AttemptEnds);
    }

    fn attempt_ends(&mut self, now: Ms, index: u32) {
        let Some(flight) = self.flights.get_mut(index).copied() else {
            return;
        };
        let Some(carrier) = flight.carrier() else { return };
        let (outcome, told) = flight::seen(flight.fate);
        let saw = Saw::Attempt {
            outcome,
            told,
            after: now - flight.began,
        };
        self.health.note(carrier, now, outcome);
        self.tell(now, index, saw);
        match flight.fate {
            Some(Fate::Answered {
                by, told, talks, mos, ..
            }) => {
                let call = &self.calls[flight.call];
                let waited = (flight.began - call.at + told) as f64 / 1000.0;
                let price = |of: usize| self.world.carriers[of].price(call.destination, call.at);
                let asks = price(carrier).unwrap_or(0.0);
                let answer = Answer {
                    by,
                    mos,
                    waited,
                    extra: worth::extra(asks, flight.cheapest),
                    price: asks,
                    instead: flight.instead_of.filter(|_| flight.made == 1).and_then(price),
                    talks,
                };
                self.day.answered(call.class, &answer);
                self.listen(now, index, talks);
                self.later(now + talks, index, What::CallEnds);
            }
            Some(Fate::Refused { .. } | Fate::Silent { .. }) => {
                self.at_once[carrier] -= 1;
                self.attempt(now, index);
            }
            Some(Fate::Unanswered { .. }) | None => {
                self.at_once[carrier] -= 1;
                self.flights.end(index);
            }
        }
    }

    /// A call is answered, and may be listened to.
    fn listen(&mut self, now: Ms, index: u32, talks: Ms) {
        let Some(flight) = self.flights.get_mut(index) else {
            return;
        };
        let Some(carrier) = flight.carrier() else { return };
        let closer = match &mut self.picker {
            Picker::Oracle(_) => false,
            Picker::Blind(policy) => policy.looks_closer(carrier, &self.calls[flight.call].number),
        };
        let mut rng = Rng::new(self.calls[flight.call].seed ^ mix(!(carrier as u64)));
        flight.result = flight::result(&mut rng, flight.fate, closer);
        let soon = if flight.result.is_bad() {
            Some(LISTENED.min(talks))
        } else {
            let sounds_bad = flight.result.mos.is_some_and(|mos| mos < SOUNDS_BAD);
            (sounds_bad && talks > RATED).then_some(RATED)
        };
        if let Some(after) = soon {
            self.later(now + after, index, What::Heard);
        }
    }

    /// It need not be waited for a call's end to tell that it is bad.
    fn heard(&mut self, now: Ms, index: u32) {
        let Some(flight) = self.flights.get_mut(index) else {
            return;
        };
        let result = &mut flight.result;
        let saw = if result.is_bad() {
            flight.told = true;
            Saw::BadAnswer(Measured {
                talked: result.talked.min(LISTENED),
                ..*result
            })
        } else {
            Saw::Sounds {
                mos: result.mos.take().unwrap_or(1.0),
            }
        };
        self.tell(now, index, saw);
    }

    fn call_ends(&mut self, now: Ms, index: u32) {
        let Some(flight) = self.flights.get_mut(index).copied() else {
            return;
        };
        let Some(carrier) = flight.carrier() else { return };
        self.at_once[carrier] -= 1;
        let call = &self.calls[flight.call];
        let mut rng = Rng::new(call.seed ^ mix(0x0feed ^ !(carrier as u64)));
        let (result, told) = (flight.result, flight.told);
        self.tell(now, index, Saw::Ended { result, told });
        if rng.chance(FEEDBACK) {
            let score = flight::opinion(&mut rng, flight.fate);
            self.later(now + 60_000, index, What::Feedback(score));
        } else {
            self.flights.end(index);
        }
    }

    fn tell(&mut self, now: Ms, index: u32, saw: Saw) {
        let Some(flight) = self.flights.get_mut(index).copied() else {
            return;
        };
        let (Some(carrier), Picker::Blind(policy)) = (flight.carrier(), &mut self.picker) else {
            return;
        };
        let call = &self.calls[flight.call];
        policy.note(&Seen {
            now,
            call: flight.call,
            number: &call.number,
            destination: call.destination,
            class: call.class,
            carrier,
            attempt: flight.made - 1,
            saw,
        });
    }
}

impl Outcome {
    /// Whether the carrier has said anything.
    pub(crate) fn is_alive(self) -> bool {
        match self {
            Self::Answered | Self::Final { .. } => true,
            Self::Timeout | Self::Cancelled => false,
        }
    }
}
