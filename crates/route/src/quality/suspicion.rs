//! Whose answers are listened behind more closely than a share of them.
//!
//! To listen costs, so of most carriers a few answers in a hundred are listened behind, and a carrier that begins to answer calls himself has had many by
//! the time that one is found. Two things make it suspect, and then its next answers are all listened behind: a bad answer, and calls that are over
//! sooner than they used to be, since callers hang up on a recording. That alone condemns nobody: calls may be short for other reasons.

use super::result::CallResult;
use super::sums::SHORT_S;
use crate::learn::{Sensitivity, Watch, Way};

/// So many answers are listened behind once a carrier is suspect, and so many at most where it becomes so again meanwhile.
const CLOSER: u32 = 50;
const MOST: u32 = 2 * CLOSER;

/// Part of a carrier's calls that are short before anything is known of it, and the calls that this counts for.
const USUALLY_SHORT: f32 = 0.1;
const PSEUDO: f32 = 20.0;

/// Calls of a carrier that are remembered.
const MEMORY: f32 = 500.0;

/// Short calls are looked for at odds of four times the usual. Little evidence is enough: a wrong suspicion costs no more than that
/// some answers are listened behind.
const SHORTER: Sensitivity = Sensitivity {
    shift: 1.5,
    limit: 4.5,
    limit_better: f32::INFINITY,
    is_good: false,
};

/// What a trunk is suspected by, over all its calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Suspicion {
    /// Answers that are yet to be listened behind.
    left: u32,
    ended: f32,
    short: f32,
    watch: Watch,
}

impl Suspicion {
    /// An answered call is over, or known to be bad.
    pub(super) fn note(&mut self, result: &CallResult) {
        let short = f32::from(u8::from(result.talk.as_secs_f32() < SHORT_S));
        let usual = (self.short + PSEUDO * USUALLY_SHORT) / (self.ended + PSEUDO);
        let shorter = self.watch.note((short, 1.0), usual, usual, SHORTER) == Some(Way::More);
        if shorter {
            self.watch.take(Way::More);
        }
        if self.ended >= MEMORY {
            let by = 1.0 - 1.0 / MEMORY;
            (self.ended, self.short) = (self.ended * by, self.short * by);
        }
        (self.ended, self.short) = (self.ended + 1.0, self.short + short);
        let is_bad = result.cheats().is_some_and(|(bad, _)| bad);
        if shorter || is_bad {
            self.left = (self.left + CLOSER).min(MOST);
        }
    }

    /// Whether the answer that has come is one of those that are listened behind.
    pub(super) fn listens(&mut self) -> bool {
        let listens = self.left > 0;
        self.left = self.left.saturating_sub(1);
        listens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn call(seconds: u64) -> CallResult {
        CallResult {
            talk: Duration::from_secs(seconds),
            ..CallResult::default()
        }
    }

    fn usual(suspicion: &mut Suspicion, calls: u64) {
        for call in 0..calls {
            suspicion.note(&self::call(if call % 12 == 0 { 4 } else { 90 }));
        }
    }

    #[test]
    fn behind_a_bad_answer_the_next_ones_are_all_listened_behind() {
        let mut suspicion = Suspicion::default();
        usual(&mut suspicion, 600);
        assert!(!suspicion.listens());
        let bad = CallResult {
            false_answer: Some(true),
            ..call(6)
        };
        suspicion.note(&bad);
        assert_eq!((0..200).filter(|_| suspicion.listens()).count(), CLOSER as usize);
        for _ in 0..5 {
            suspicion.note(&bad);
        }
        assert_eq!((0..200).filter(|_| suspicion.listens()).count(), MOST as usize);
    }

    #[test]
    fn calls_that_are_shorter_than_they_were_make_it_suspect_soon() {
        let mut suspicion = Suspicion::default();
        usual(&mut suspicion, 600);
        let after = (1..=14_u64).find(|n| {
            suspicion.note(&call(if n % 2 == 0 { 80 } else { 6 }));
            suspicion.listens()
        });
        assert!(after.is_some(), "{suspicion:?}");
    }

    #[test]
    fn whose_calls_have_always_been_short_is_not_suspect() {
        let mut suspicion = Suspicion::default();
        // Codes that are read out: every second call is short.
        for n in 0..MEMORY as u64 {
            suspicion.note(&call(5 + n % 2 * 15));
        }
        while suspicion.listens() {}
        for n in 0..2_000 {
            suspicion.note(&call(5 + n % 2 * 15));
            assert!(!suspicion.listens(), "{n}");
        }
    }
}
