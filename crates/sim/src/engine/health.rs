//! Which carriers are down, as every switch keeps it under any policy: by three attempts in a row without a word, and up again by any answer.
//! One that is down gets a call every half minute, or nobody would hear of its return.

use crate::policy::Outcome;
use crate::world::Ms;

const MISSES: u8 = 3;
const RETRY: Ms = 30_000;

#[derive(Debug, Clone, Copy, Default)]
struct State {
    misses: u8,
    last_try: Ms,
}

/// Of all carriers.
#[derive(Debug)]
pub(super) struct Health(Vec<State>);

impl Health {
    pub(super) fn new(carriers: usize) -> Self {
        Self(vec![State::default(); carriers])
    }

    /// Whether it is left for last now.
    pub(super) fn is_shunned(&self, carrier: usize, now: Ms) -> bool {
        let state = &self.0[carrier];
        state.misses >= MISSES && now < state.last_try + RETRY
    }

    pub(super) fn tried(&mut self, carrier: usize, now: Ms) {
        self.0[carrier].last_try = now;
    }

    pub(super) fn note(&mut self, carrier: usize, now: Ms, outcome: Outcome) {
        let state = &mut self.0[carrier];
        if outcome.is_alive() {
            state.misses = 0;
        } else if outcome == Outcome::Timeout {
            state.misses = state.misses.saturating_add(1);
            state.last_try = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_misses_in_a_row_put_a_carrier_last_until_it_is_tried_again() {
        let mut health = Health::new(2);
        for at in 0..3 {
            assert!(!health.is_shunned(1, at));
            health.note(1, at, Outcome::Timeout);
        }
        assert!(health.is_shunned(1, 3) && !health.is_shunned(0, 3));
        assert!(!health.is_shunned(1, 2 + RETRY));
        health.tried(1, 2 + RETRY);
        assert!(health.is_shunned(1, 3 + RETRY));
        health.note(1, 4 + RETRY, Outcome::Answered);
        assert!(!health.is_shunned(1, 5 + RETRY));
    }
}
