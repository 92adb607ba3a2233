//! The oracle: knows how every carrier truly is at this moment, but not what will become of the single call.

use super::Ask;
use crate::world::{Ms, TRYING, Truth, World, worth};

/// How long a refusal takes on the average, in seconds.
const REFUSAL_S: f64 = 2.0;

/// Picks the carriers that make the most of a call: the first by what comes of it and, where it fails, of the best that follow.
#[derive(Debug)]
pub struct Oracle<'w> {
    world: &'w World,
    truth: Truth<'w>,
    views: Vec<View>,
}

/// A carrier towards the destination of a call.
#[derive(Debug, Clone, Copy)]
struct View {
    carrier: usize,
    passes: f64,
    /// Seconds that a failure takes, times its probability.
    failing_s: f64,
    /// Worth of a call that passes, its wait not counted.
    worth: f64,
    delay_s: f64,
    /// What a call that passes costs of utility.
    costs: f64,
}

impl View {
    /// Utility of an attempt that passes, made after so many seconds.
    fn utility(&self, quality: f64, after_s: f64) -> f64 {
        quality * self.worth * worth::of_wait(after_s + self.delay_s) - self.costs
    }

    /// Of an attempt made then, if what follows a failure is worth `next`.
    fn hunt(&self, quality: f64, after_s: f64, next: f64) -> f64 {
        self.passes * self.utility(quality, after_s) + (1.0 - self.passes) * next
    }

    /// Seconds until a failure is known.
    fn fails_in(&self) -> f64 {
        let fails = 1.0 - self.passes;
        if fails > 0.0 { self.failing_s / fails } else { 0.0 }
    }
}

impl<'w> Oracle<'w> {
    /// Of a world.
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            truth: Truth::new(world),
            views: Vec::new(),
        }
    }

    /// Puts the carriers into their order, best first. `at_once`: calls that each has now.
    pub fn order(&mut self, ask: &Ask<'_>, at_once: &[u32], order: &mut Vec<usize>) {
        let quality = self.world.classes[ask.class].quality;
        self.look(ask, at_once);
        let mut after_s = 0.0;
        // The first by looking ahead; those that follow likewise, each as if it were the first.
        for _ in 0..2 {
            let Some(best) = self.best(quality, after_s) else {
                break;
            };
            let view = self.views.swap_remove(best);
            after_s += view.fails_in();
            order.push(view.carrier);
        }
        self.views.sort_by(|a, b| {
            let at = |view: &View| view.hunt(quality, after_s, 0.0);
            at(b).total_cmp(&at(a)).then(a.carrier.cmp(&b.carrier))
        });
        order.extend(self.views.iter().map(|view| view.carrier));
    }

    /// Which to ask first, if the best single one follows.
    fn best(&self, quality: f64, after_s: f64) -> Option<usize> {
        let value = |index: usize, view: &View| {
            let then_s = after_s + view.fails_in();
            let rest = self.views.iter().enumerate().filter(|(other, _)| *other != index);
            let next = if view.passes < 0.9999 {
                rest.map(|(_, other)| other.hunt(quality, then_s, 0.0))
                    .fold(0.0, f64::max)
            } else {
                0.0
            };
            view.hunt(quality, after_s, next)
        };
        let values = self
            .views
            .iter()
            .enumerate()
            .map(|(index, view)| (index, view.carrier, value(index, view)));
        let best = values.max_by(|a, b| a.2.total_cmp(&b.2).then(b.1.cmp(&a.1)));
        best.map(|(index, _, _)| index)
    }

    fn look(&mut self, ask: &Ask<'_>, at_once: &[u32]) {
        let class = &self.world.classes[ask.class];
        let to = &self.world.destinations[ask.destination];
        let answered = self.world.answered(ask.destination, ask.now);
        self.views.clear();
        for offer in ask.offers {
            let (condition, sound) = self.truth.with_sound(offer.carrier, ask.destination, ask.now);
            let hidden = self.world.carriers[offer.carrier].hidden_calls;
            let full = hidden.is_some_and(|most| at_once[offer.carrier] >= most);
            let passes = if full { 0.0 } else { condition.passes() };
            let failing_s = if full {
                REFUSAL_S
            } else {
                condition.refuse * REFUSAL_S + condition.silent * seconds(TRYING)
            };
            let truly = (1.0 - condition.lie) * answered * (1.0 - condition.lose);
            self.views.push(View {
                carrier: offer.carrier,
                passes,
                failing_s,
                worth: truly * (1.0 - condition.dead) * sound,
                delay_s: to.delay_s + condition.delay_s,
                costs: class.price * offer.extra * (truly + condition.lie),
            });
        }
    }
}

fn seconds(ms: Ms) -> f64 {
    ms as f64 / 1000.0
}
