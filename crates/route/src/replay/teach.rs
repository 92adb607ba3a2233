//! What the new tables' learner would have known.

use super::PastCall;
use crate::live::{Live, Of};
use crate::plan::Plan;
use crate::quality::{AttemptResult, Ending};
use crate::tables::Tables;
use std::time::{Duration, Instant};

/// The learner, and what it has not been shown yet.
pub(super) struct Pupil<'t> {
    tables: &'t Tables,
    live: Live,
    epoch: Instant,
    first_ms: u64,
    ticked: Instant,
    /// When what came of what was known: the moment, the call, and which of its attempts; behind the last, the call itself.
    outcomes: Vec<(u64, u32, u32)>,
    next: usize,
}

/// Time between two looks of a learner at what has faded.
const TICK: Duration = Duration::from_secs(1);

impl<'t> Pupil<'t> {
    pub(super) fn new(tables: &'t Tables, epoch: Instant, calls: &[PastCall]) -> Self {
        let mut live = Live::new();
        live.install(tables);
        live.learn(epoch, tables);
        let mut outcomes = Vec::new();
        for (call, index) in calls.iter().zip(0_u32..) {
            for (attempt, number) in call.attempts.iter().zip(0_u32..) {
                outcomes.push((call.at_ms.saturating_add(attempt.after_ms), index, number));
            }
            if call.answered && call.result.is_some() {
                let over = call.at_ms.saturating_add(call.after_ms);
                outcomes.push((over, index, call.attempts.len() as u32));
            }
        }
        outcomes.sort_unstable();
        Self {
            tables,
            live,
            epoch,
            first_ms: calls.first().map_or(0, |first| first.at_ms),
            ticked: epoch,
            outcomes,
            next: 0,
        }
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// The instant that stands for a moment.
    pub(super) fn now(&self, at_ms: u64) -> Instant {
        let since = Duration::from_millis(at_ms.saturating_sub(self.first_ms));
        self.epoch.checked_add(since).unwrap_or(self.epoch)
    }

    /// Shows what was known by then.
    pub(super) fn learn_until(&mut self, calls: &[PastCall], at_ms: u64) {
        while let Some((when, call, number)) = self.outcomes.get(self.next).copied()
            && when <= at_ms
        {
            self.next += 1;
            if let Some(call) = calls.get(call as usize) {
                self.note(call, number as usize, when);
            }
        }
        let now = self.now(at_ms);
        if now.saturating_duration_since(self.ticked) >= TICK {
            self.ticked = now;
            self.live.tick_learner(now);
            // Nobody is told.
            drop(self.live.take_lessons());
        }
    }

    fn note(&mut self, call: &PastCall, number: usize, when: u64) {
        let now = self.now(when);
        let from = self.tables.trunk_named(&call.from);
        let class = from.and_then(|ix| self.tables.trunk(ix).class.as_deref());
        let of = |trunk| Of {
            trunk,
            called: &call.called,
            class,
        };
        match (call.attempts.get(number), call.result) {
            (Some(attempt), _) => {
                if let Some(ending) = attempt.ending {
                    let pdd = attempt.pdd;
                    self.live
                        .note_attempt(now, &of(&attempt.trunk), &AttemptResult { ending, pdd });
                }
            }
            (None, Some(result)) => {
                let answered = |attempt: &&super::PastAttempt| attempt.ending == Some(Ending::Answered);
                if let Some(attempt) = call.attempts.iter().rfind(answered) {
                    self.live.note_call(now, &of(&attempt.trunk), &result);
                }
            }
            (None, None) => {}
        }
    }

    /// A call is planned: exploring goes on inside its budget.
    pub(super) fn chosen(&mut self, at_ms: u64, plan: &Plan) {
        if plan.trace.class().is_some() {
            let now = self.now(at_ms);
            self.live
                .note_choice(now, plan.trace.class(), plan.explores.as_deref());
        }
    }
}
