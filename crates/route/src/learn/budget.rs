//! What exploring may still spend.

use super::policy::Explore;
use crate::deck::Money;

/// Calls that may explore in a row after a time in which none did.
const BURST_CALLS: f64 = 20.0;

/// Part of a day's money that may be spent at once.
const BURST_MONEY: f64 = 0.05;

/// Calls that are kept for trying trunks that may be better than they look: with fewer left chance has no part.
const PLENTY: f64 = 4.0;

const DAY_S: f64 = 86_400.0;

/// Two buckets, both of which must have something in them. They begin empty and are never overdrawn by more than one call, so that at every
/// moment less has been spent than had come in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Budget {
    calls: f64,
    money: f64,
    filled_s: f64,
}

impl Budget {
    /// There is a budget from now on.
    pub(crate) fn begin(&mut self, now_s: f64) {
        self.filled_s = now_s;
    }

    /// A call of the class has come.
    pub(crate) fn note_call(&mut self, of: &Explore) {
        self.calls = (self.calls + f64::from(of.calls_ppm) / 1e6).min(BURST_CALLS);
    }

    /// Time has passed.
    pub(crate) fn fill(&mut self, of: &Explore, now_s: f64) {
        let passed = (now_s - self.filled_s).max(0.0);
        self.filled_s = now_s;
        if let Some(money) = of.money_per_day {
            let money = money.0 as f64;
            self.money = (self.money + money * passed / DAY_S).min(BURST_MONEY * money);
        }
    }

    /// A call explores, at so much more than the best would have cost.
    pub(crate) fn spend(&mut self, extra: Money) {
        self.calls -= 1.0;
        self.money -= extra.0 as f64;
    }

    /// It turned out to cost other than was thought.
    pub(crate) fn correct(&mut self, thought: Money, was: Money) {
        self.money += thought.0 as f64 - was.0 as f64;
    }

    /// Whether one more call may explore.
    pub(crate) fn has_some(&self, of: &Explore) -> bool {
        self.calls >= 1.0 && self.has_money(of)
    }

    /// Whether so many calls are left that not all of them have to be kept for trying trunks.
    pub(crate) fn has_plenty(&self) -> bool {
        self.calls >= PLENTY
    }

    /// Whether there is money left for it.
    pub(crate) fn has_money(&self, of: &Explore) -> bool {
        of.money_per_day.is_none() || self.money > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_calls_explore_than_may() {
        let of = Explore {
            calls_ppm: 30_000,
            money_per_day: None,
        };
        let mut budget = Budget::default();
        let mut explored = 0;
        for call in 1..=10_000 {
            budget.note_call(&of);
            if budget.has_some(&of) {
                budget.spend(Money(0));
                explored += 1;
            }
            assert!(f64::from(explored) <= 0.03 * f64::from(call) + 1e-9);
        }
        assert!(explored >= 299, "{explored}");
    }

    #[test]
    fn no_more_money_is_spent_than_may() {
        let of = Explore {
            calls_ppm: 1_000_000,
            money_per_day: Some(Money(86_400_000)),
        };
        let mut budget = Budget::default();
        let mut spent = 0;
        for second in 0..=86_400_u32 {
            budget.note_call(&of);
            budget.fill(&of, f64::from(second));
            if budget.has_some(&of) {
                budget.spend(Money(5_000));
                spent += 5_000;
            }
            assert!(spent <= u64::from(second) * 1000 + 5_000);
        }
        assert!(spent > 86_000_000, "{spent}");
        // A day without any leaves no more than a part of it.
        budget.fill(&of, 3.0 * DAY_S);
        budget.spend(Money(5_000_000));
        assert!(!budget.has_some(&of));
    }
}
