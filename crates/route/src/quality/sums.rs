//! Decayed sums, and the figures that come of them.

use super::interval::{Bounds, mean_bounds, wilson};
use super::result::{AttemptResult, CallResult, Ending, Feedback, TestEnding, TestResult};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A call that was shorter than this may have been none (seconds).
pub const SHORT_S: f32 = 10.0;

/// Declares the sums, and what is done to each of them alike.
macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Sums over what was seen of a carrier somewhere, the older counting less.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub(crate) struct Sums {
            $($(#[$doc])* pub(crate) $name: f32,)+
        }

        impl Sums {
            /// Adds others with a weight.
            pub(crate) fn add(&mut self, other: &Self, weight: f32) {
                $(self.$name += weight * other.$name;)+
            }

            /// Puts right those that more was taken off than they had.
            pub(crate) fn at_least_nothing(&mut self) {
                $(self.$name = self.$name.max(0.0);)+
            }

            /// Makes all of them so much less.
            pub(crate) fn scale(&mut self, by: f32) {
                $(self.$name *= by;)+
            }
        }
    };
}

sums! {
    /// Attempts that say something of the carrier.
    attempts,
    answered,
    /// Refused by the network, or not a word.
    failed,
    silent,
    seer_all,
    seer_good,
    pdd_n,
    pdd_s,
    pdd_s2,
    /// Answered calls that have ended.
    ended,
    talk_s,
    short,
    mos_n,
    mos,
    mos2,
    loss_n,
    loss,
    jitter_n,
    jitter_s,
    /// Calls of which it is known whether somebody else answered, and those where one did; the same of dead air.
    answers_n,
    false_answers,
    dead_n,
    dead_air,
    feedback,
    score_n,
    score,
    issues,
    tests,
    tests_passed,
}

impl Sums {
    pub(crate) fn of_attempt(result: &AttemptResult) -> Self {
        let mut sums = Self::default();
        let counts = result.ending != Ending::GivenUp;
        sums.attempts = one(counts);
        sums.answered = one(result.ending == Ending::Answered);
        sums.silent = one(result.ending == Ending::Silent);
        sums.failed = one(matches!(result.ending, Ending::Network(_) | Ending::Silent));
        if let Some(good) = result.ending.is_effective_session() {
            sums.seer_all = 1.0;
            sums.seer_good = one(good);
        }
        sums.waited(result.pdd.filter(|_| counts));
        sums
    }

    fn waited(&mut self, pdd: Option<Duration>) {
        if let Some(pdd) = pdd {
            let pdd = pdd.as_secs_f32();
            (self.pdd_n, self.pdd_s, self.pdd_s2) = (1.0, pdd, pdd * pdd);
        }
    }

    /// Of what sounds so.
    pub(crate) fn of_sound(mos: Option<f32>) -> Self {
        let mut sums = Self::default();
        if let Some(mos) = finite(mos).map(|mos| mos.clamp(1.0, 5.0)) {
            (sums.mos_n, sums.mos, sums.mos2) = (1.0, mos, mos * mos);
        }
        sums
    }

    pub(crate) fn of_call(result: &CallResult) -> Self {
        let mut sums = Self::of_sound(result.mos);
        let talk = result.talk.as_secs_f32();
        sums.ended = 1.0;
        sums.talk_s = talk;
        sums.short = one(talk < SHORT_S);
        if let Some(is_false) = result.false_answer {
            (sums.answers_n, sums.false_answers) = (1.0, one(is_false));
        }
        if let Some((is_dead, weight)) = result.is_dead() {
            (sums.dead_n, sums.dead_air) = (weight, weight * one(is_dead));
        }
        if let Some(loss) = finite(result.loss) {
            (sums.loss_n, sums.loss) = (1.0, loss.clamp(0.0, 1.0));
        }
        if let Some(jitter) = result.jitter {
            (sums.jitter_n, sums.jitter_s) = (1.0, jitter.as_secs_f32().min(60.0));
        }
        sums
    }

    pub(crate) fn of_feedback(feedback: &Feedback) -> Self {
        let mut sums = Self {
            feedback: 1.0,
            issues: one(feedback.issue),
            ..Self::default()
        };
        if let Some(score) = feedback.score {
            (sums.score_n, sums.score) = (1.0, f32::from(score.clamp(1, 5)));
        }
        sums
    }

    pub(crate) fn of_test(result: &TestResult) -> Self {
        let mut sums = Self {
            tests: 1.0,
            tests_passed: one(result.ending == TestEnding::Passed),
            ..Self::of_sound(result.mos)
        };
        sums.waited(result.pdd);
        sums
    }
}

fn one(whether: bool) -> f32 {
    f32::from(u8::from(whether))
}

/// A measured value, unless it is none.
pub(crate) fn finite(value: Option<f32>) -> Option<f32> {
    value.filter(|value| value.is_finite())
}

/// What is known of a carrier somewhere. Counts are decayed: with a steady stream they are about what the last half-life and a half brought.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// Attempts.
    pub attempts: f32,
    /// Answer-seizure ratio: answered of all attempts.
    pub asr: Option<Bounds>,
    /// Network effectiveness ratio (ITU-T E.411): not failed by the network, of all attempts.
    pub ner: Option<Bounds>,
    /// Session establishment effectiveness ratio (RFC 6076 §4.7).
    pub seer: Option<Bounds>,
    /// Post-dial delay in seconds.
    pub pdd_s: Option<Bounds>,
    /// Mean length of answered calls in seconds.
    pub acd_s: Option<f32>,
    /// Mean opinion score.
    pub mos: Option<Bounds>,
    /// Fraction of packets lost.
    pub loss: Option<f32>,
    /// Jitter in milliseconds.
    pub jitter_ms: Option<f32>,
    /// Of answered calls those shorter than ten seconds.
    pub short: Option<Bounds>,
    /// Of answered calls that were listened to those that somebody else answered.
    pub false_answers: Option<Bounds>,
    /// Of the same those on which nothing was heard; such as were not listened to count a little too when they are found to be so.
    pub dead_air: Option<Bounds>,
    /// What applications said: mean score from 1 to 5.
    pub score: Option<f32>,
    /// Of what applications said, how often something was wrong.
    pub issues: Option<Bounds>,
    /// Test calls that passed.
    pub tests: Option<Bounds>,
}

impl Figures {
    /// With four decimals: more says nothing, and changes with every second that passes.
    #[must_use]
    pub fn rounded(self) -> Self {
        let round = |value: f32| (value * 10_000.0).round() / 10_000.0;
        let bounds = |bounds: Option<Bounds>| {
            bounds.map(|bounds| Bounds {
                mean: round(bounds.mean),
                low: round(bounds.low),
                high: round(bounds.high),
            })
        };
        Self {
            attempts: round(self.attempts),
            asr: bounds(self.asr),
            ner: bounds(self.ner),
            seer: bounds(self.seer),
            pdd_s: bounds(self.pdd_s),
            acd_s: self.acd_s.map(round),
            mos: bounds(self.mos),
            loss: self.loss.map(round),
            jitter_ms: self.jitter_ms.map(round),
            short: bounds(self.short),
            false_answers: bounds(self.false_answers),
            dead_air: bounds(self.dead_air),
            score: self.score.map(round),
            issues: bounds(self.issues),
            tests: bounds(self.tests),
        }
    }
}

impl Sums {
    /// The figures of sums that all carry this weight.
    pub(crate) fn figures(&self, weight: f32) -> Figures {
        let mut sums = *self;
        sums.scale(1.0 / weight);
        let s = &sums;
        Figures {
            attempts: s.attempts,
            asr: wilson(s.answered, s.attempts),
            ner: wilson(s.attempts - s.failed, s.attempts),
            seer: wilson(s.seer_good, s.seer_all),
            pdd_s: mean_bounds(s.pdd_n, s.pdd_s, s.pdd_s2),
            acd_s: mean(s.talk_s, s.ended),
            mos: mean_bounds(s.mos_n, s.mos, s.mos2),
            loss: mean(s.loss, s.loss_n),
            jitter_ms: mean(s.jitter_s, s.jitter_n).map(|jitter| jitter * 1000.0),
            short: wilson(s.short, s.ended),
            false_answers: wilson(s.false_answers, s.answers_n),
            dead_air: wilson(s.dead_air, s.dead_n),
            score: mean(s.score, s.score_n),
            issues: wilson(s.issues, s.feedback),
            tests: wilson(s.tests_passed, s.tests),
        }
    }
}

/// Below this much of one observation nothing is known.
const NOTHING: f32 = 0.05;

fn mean(sum: f32, many: f32) -> Option<f32> {
    (many > NOTHING).then(|| sum / many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_are_those_of_their_definitions() {
        let mut sums = Sums::default();
        let pdd = Some(Duration::from_secs(2));
        for ending in [
            Ending::Answered,
            Ending::Answered,
            Ending::User(486),
            Ending::User(404),
            Ending::Network(503),
            Ending::Silent,
            Ending::Network(407),
            Ending::GivenUp,
        ] {
            sums.add(&Sums::of_attempt(&AttemptResult { ending, pdd }), 4.0);
        }
        let call = CallResult {
            talk: Duration::from_secs(5),
            mos: Some(4.0),
            loss: Some(0.01),
            jitter: Some(Duration::from_millis(20)),
            false_answer: Some(false),
            dead_air: Some(true),
        };
        sums.add(&Sums::of_call(&call), 4.0);
        let longer = CallResult {
            talk: Duration::from_secs(55),
            mos: Some(f32::NAN),
            dead_air: Some(false),
            ..call
        };
        sums.add(&Sums::of_call(&longer), 4.0);
        let unheard = CallResult {
            talk: Duration::from_secs(30),
            mos: None,
            false_answer: None,
            dead_air: None,
            ..call
        };
        sums.add(&Sums::of_call(&unheard), 4.0);
        let feedback = Feedback {
            score: Some(9),
            issue: true,
        };
        sums.add(&Sums::of_feedback(&feedback), 4.0);
        let figures = sums.figures(4.0);
        let near = |bounds: Option<Bounds>, expected: f32| {
            let mean = bounds.unwrap().mean;
            assert!((mean - expected).abs() < 1e-5, "{mean} {expected}");
        };
        assert_eq!(figures.attempts, 7.0);
        near(figures.asr, 2.0 / 7.0);
        near(figures.ner, 4.0 / 7.0);
        near(figures.seer, 3.0 / 6.0);
        near(figures.pdd_s, 2.0);
        near(figures.mos, 4.0);
        near(figures.short, 1.0 / 3.0);
        near(figures.dead_air, 0.5);
        near(figures.false_answers, 0.0);
        near(figures.issues, 1.0);
        assert_eq!(figures.acd_s, Some(30.0));
        assert_eq!(figures.score, Some(5.0));
        assert_eq!(figures.tests, None);
    }
}
