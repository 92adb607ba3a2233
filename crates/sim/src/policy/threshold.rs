//! Threshold locking, as least-cost routing is usually made to mind quality: a carrier whose ASR towards a destination falls below a threshold gets
//! no calls there for a while.

use super::plain::by_price;
use super::{Ask, Offer, Outcome, Policy, Saw, Seen};
use crate::world::{MINUTE, Ms};
use std::collections::{HashMap, VecDeque};

/// Attempts that the ASR is taken over.
const WINDOW: usize = 50;

/// How long a carrier is locked out.
const LOCKED: Ms = 15 * MINUTE;

#[derive(Debug, Default)]
struct Route {
    last: VecDeque<bool>,
    answered: usize,
    locked_until: Ms,
}

/// The cheapest that is up and not locked. One whose ASR over the last [`WINDOW`] attempts to a destination is below the threshold is locked
/// there for [`LOCKED`], and starts afresh after that.
#[derive(Debug)]
pub struct ThresholdLocking {
    threshold: f64,
    routes: HashMap<(usize, usize), Route>,
}

impl ThresholdLocking {
    /// With the threshold that did best on the seeds that were tuned on.
    pub const BEST: f64 = 0.35;

    /// With an ASR below which a carrier is locked.
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            routes: HashMap::new(),
        }
    }
}

impl Policy for ThresholdLocking {
    fn order(&mut self, ask: &Ask<'_>, order: &mut Vec<usize>) -> Option<usize> {
        let locked = |offer: &Offer| {
            let route = self.routes.get(&(offer.carrier, ask.destination));
            route.is_some_and(|route| ask.now < route.locked_until)
        };
        let (out, open): (Vec<Offer>, Vec<Offer>) = ask.offers.iter().copied().partition(locked);
        by_price(&open, order);
        by_price(&out, order);
        None
    }

    fn note(&mut self, seen: &Seen<'_>) {
        let Saw::Attempt { outcome, .. } = seen.saw else {
            return;
        };
        if outcome == Outcome::Cancelled {
            return;
        }
        let route = self.routes.entry((seen.carrier, seen.destination)).or_default();
        if seen.now < route.locked_until {
            return;
        }
        let answered = outcome == Outcome::Answered;
        route.last.push_back(answered);
        route.answered += usize::from(answered);
        if route.last.len() > WINDOW {
            route.answered -= usize::from(route.last.pop_front() == Some(true));
        }
        if route.last.len() == WINDOW && (route.answered as f64) < self.threshold * WINDOW as f64 {
            *route = Route {
                locked_until: seen.now + LOCKED,
                ..Route::default()
            };
        }
    }

    fn tick(&mut self, _: Ms) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(now: Ms, carrier: usize, outcome: Outcome) -> Seen<'a> {
        Seen {
            now,
            call: 0,
            number: "+442079460000",
            destination: 0,
            class: 0,
            carrier,
            attempt: 0,
            saw: Saw::Attempt {
                outcome,
                told: None,
                after: 100,
            },
        }
    }

    fn order(policy: &mut dyn Policy, now: Ms) -> Vec<usize> {
        let offer = |carrier, price| Offer {
            carrier,
            price,
            extra: 0.0,
        };
        let ask = Ask {
            now,
            call: 0,
            number: "+442079460000",
            destination: 0,
            class: 0,
            draw: 0,
            offers: &[offer(0, 2.0), offer(1, 1.0), offer(2, 3.0)],
        };
        let mut order = Vec::new();
        policy.order(&ask, &mut order);
        order
    }

    #[test]
    fn the_cheapest_is_first() {
        assert_eq!(order(&mut super::super::LeastCost, 0), [1, 0, 2]);
    }

    #[test]
    fn a_carrier_below_the_threshold_is_locked_for_a_while() {
        let mut policy = ThresholdLocking::new(0.5);
        let busy = Outcome::Final {
            status: 486,
            rang: false,
        };
        for at in 0..WINDOW as Ms {
            assert_eq!(order(&mut policy, at), [1, 0, 2]);
            let outcome = if at % 3 == 0 { Outcome::Answered } else { busy };
            policy.note(&seen(at, 1, outcome));
        }
        let locked = WINDOW as Ms - 1;
        assert_eq!(order(&mut policy, locked), [0, 2, 1]);
        assert_eq!(order(&mut policy, locked + LOCKED - 1), [0, 2, 1]);
        assert_eq!(order(&mut policy, locked + LOCKED), [1, 0, 2]);
    }
}
