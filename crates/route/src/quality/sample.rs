//! What one result says.

use super::each::Each;
use super::result::{
    AttemptResult, CallResult, Ending, Feedback, TestEnding, TestResult, worth_of_mos, worth_of_pdd,
};
use super::sums::{SHORT_S, Sums, finite};
use std::time::Duration;

/// What a result says: of each aspect how often it came, of how many.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub(super) sums: Sums,
    pub(super) each: Each<Option<(f32, f32)>>,
    /// What is said of talking takes back something that was noted so long ago.
    pub(super) earlier: Duration,
    /// The wait would have gone on.
    pub(super) given_up: bool,
    /// Whoever was called answers always.
    pub(super) is_test: bool,
}

impl Sample {
    /// An answer counts as a conversation until it is known to be none.
    pub(super) fn of_attempt(result: &AttemptResult) -> Self {
        let (fails, talks) = match result.ending {
            Ending::Answered => (Some((0.0, 1.0)), Some((1.0, 1.0))),
            Ending::User(_) => (Some((0.0, 1.0)), Some((0.0, 1.0))),
            Ending::Network(_) | Ending::Silent => (Some((1.0, 1.0)), None),
            Ending::GivenUp => (None, None),
        };
        Self {
            sums: Sums::of_attempt(result),
            each: Each {
                fails,
                talks,
                waits: of_pdd(result.pdd),
                ..Each::default()
            },
            given_up: result.ending == Ending::GivenUp,
            ..Self::default()
        }
    }

    pub(super) fn of_call(result: &CallResult) -> Self {
        let cheats = result.cheats();
        let bad = cheats.is_some_and(|(bad, _)| bad);
        let none = bad || result.talk.as_secs_f32() < SHORT_S;
        Self {
            sums: Sums::of_call(result),
            each: Each {
                talks: none.then_some((-1.0, 0.0)),
                cheats: cheats.map(|(bad, weight)| (weight * f32::from(u8::from(bad)), weight)),
                sounds: of_mos(result.mos),
                ..Each::default()
            },
            earlier: result.talk,
            ..Self::default()
        }
    }

    /// Of a call that goes on, and has had this MOS so far.
    pub(super) fn of_sound(mos: f32) -> Self {
        Self {
            sums: Sums::of_sound(Some(mos)),
            each: Each {
                sounds: of_mos(Some(mos)),
                ..Each::default()
            },
            ..Self::default()
        }
    }

    pub(super) fn of_feedback(feedback: &Feedback) -> Self {
        let score = feedback.score.map(|score| f32::from(score.clamp(1, 5) - 1) / 4.0);
        let worth = score.or(feedback.issue.then_some(0.25));
        Self {
            sums: Sums::of_feedback(feedback),
            each: Each {
                sounds: worth.map(|worth| (worth, 1.0)),
                ..Each::default()
            },
            ..Self::default()
        }
    }

    pub(super) fn of_test(result: &TestResult) -> Self {
        let is = |ending| f32::from(u8::from(result.ending == ending));
        let put_through = result.ending != TestEnding::Failed;
        Self {
            sums: Sums::of_test(result),
            each: Each {
                fails: Some((is(TestEnding::Failed), 1.0)),
                talks: put_through.then_some((is(TestEnding::Passed), 1.0)),
                cheats: match result.ending {
                    TestEnding::Passed | TestEnding::FalseAnswer => Some((is(TestEnding::FalseAnswer), 1.0)),
                    TestEnding::Failed | TestEnding::Unanswered => None,
                },
                sounds: of_mos(result.mos),
                waits: of_pdd(result.pdd),
            },
            is_test: true,
            ..Self::default()
        }
    }
}

fn of_mos(mos: Option<f32>) -> Option<(f32, f32)> {
    finite(mos).map(|mos| (worth_of_mos(mos), 1.0))
}

fn of_pdd(pdd: Option<Duration>) -> Option<(f32, f32)> {
    pdd.map(|pdd| (worth_of_pdd(pdd.as_secs_f32()), 1.0))
}
