//! What is seen of a carrier.

use crate::cause;
use crate::failover::AttemptOutcome;
use std::time::Duration;

/// How an attempt to set up a call ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttemptResult {
    /// How.
    pub ending: Ending,
    /// Post-dial delay: from the INVITE to the first word of the called side (18x, or the final answer that is its own). Of a caller who gave
    /// up before, how long that took.
    pub pdd: Option<Duration>,
}

/// Whose doing an ending is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// 200.
    Answered,
    /// Busy, away, no answer, no such number: the called side's, as far as that can be told from one call. That a carrier has more of them
    /// than its peers tells otherwise.
    User(u16),
    /// The network's: refused on the way.
    Network(u16),
    /// The network's: not a word, or none but 100.
    Silent,
    /// The caller gave up before anything rang.
    GivenUp,
}

impl Ending {
    /// Of an attempt that was not answered; `None`: it says nothing of the carrier.
    ///
    /// The network's are timeouts before it rang, 5xx, refusals to us (401, 402, 403, 407), loops and whatever says so by its Q.850 cause; 4xx and 6xx
    /// otherwise are the called side's, so that NER is that of ITU-T E.411. What could not be offered there, and redirections, say nothing.
    pub fn of(outcome: AttemptOutcome) -> Option<Self> {
        match outcome {
            AttemptOutcome::Final { status, q850, rang } => of_status(status, q850, rang),
            AttemptOutcome::TimeoutTrying | AttemptOutcome::TimeoutProgress => Some(Self::Silent),
            AttemptOutcome::TimeoutAnswer { .. } => Some(Self::User(480)),
            AttemptOutcome::Unreachable => Some(Self::Network(503)),
            AttemptOutcome::Incompatible | AttemptOutcome::NotRegistered | AttemptOutcome::HeldBack => None,
        }
    }

    /// Of a caller who gave up.
    pub fn cancelled(rang: bool) -> Self {
        if rang { Self::User(487) } else { Self::GivenUp }
    }

    /// Whether RFC 6076 §4.7 counts it as an effective session: `None`: not at all.
    pub(crate) fn is_effective_session(self) -> Option<bool> {
        match self {
            Self::Answered => Some(true),
            Self::User(status) => Some(matches!(status, 480 | 486 | 600 | 603)),
            Self::Network(401 | 402 | 407) | Self::GivenUp => None,
            Self::Network(_) | Self::Silent => Some(false),
        }
    }
}

fn of_status(status: u16, q850: Option<u8>, rang: bool) -> Option<Ending> {
    let network = q850.is_some_and(cause::is_network) && !rang;
    match status {
        200..=299 => Some(Ending::Answered),
        300..=399 | 406 | 415 | 488 | 606 => None,
        401..=403 | 407 | 482 | 483 => Some(Ending::Network(status)),
        408 if !rang => Some(Ending::Network(status)),
        400..=499 | 600..=699 if network => Some(Ending::Network(status)),
        404 | 408 | 410 | 480 | 484 | 486 | 487 | 600..=699 => Some(Ending::User(status)),
        400..=499 if rang => Some(Ending::User(status)),
        400..=599 => Some(Ending::Network(status)),
        _ => None,
    }
}

/// What is known of an answered call, once: when it ends, or as soon as it is known to be bad (dead air, false answer).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CallResult {
    /// Time since it was answered.
    pub talk: Duration,
    /// Mean opinion score of what the carrier sent, 1 to 4.5; `None`: no media came, or none that has a score.
    pub mos: Option<f32>,
    /// Fraction of packets lost, 0 to 1.
    pub loss: Option<f32>,
    /// Interarrival jitter.
    pub jitter: Option<Duration>,
    /// By its media somebody else than the called party had answered: ringing or an announcement goes on. `None`: it was not listened to.
    pub false_answer: Option<bool>,
    /// Nothing was heard of the called side. `None`: it was not listened to, and nothing else tells.
    pub dead_air: Option<bool>,
}

/// What counts of a call that was found bad without having been listened to. Of those nobody listens to, the good ones are not counted as
/// good; did the bad ones count in full, a carrier would look the worse the more calls it has.
const UNHEARD: f32 = 0.05;

impl CallResult {
    /// Whether somebody else than the called party, or nobody, was behind the answer, and how much that counts. `None`: not known. A call
    /// that nobody listened to says nothing for its carrier.
    pub(crate) fn cheats(&self) -> Option<(bool, f32)> {
        match (self.false_answer, self.dead_air) {
            (Some(true), _) | (Some(false), Some(true)) => Some((true, 1.0)),
            (Some(false), Some(false)) => Some((false, 1.0)),
            (None, Some(true)) => Some((true, UNHEARD)),
            (None, Some(false) | None) | (Some(false), None) => None,
        }
    }

    /// Whether it was dead air, and how much that counts.
    pub(crate) fn is_dead(&self) -> Option<(bool, f32)> {
        let weight = if self.false_answer.is_some() { 1.0 } else { UNHEARD };
        match self.dead_air {
            Some(true) => Some((true, weight)),
            Some(false) => Some((false, 1.0)),
            None => None,
        }
    }
}

/// What an application says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feedback {
    /// From 1, bad, to 5.
    pub score: Option<u8>,
    /// It names something that was wrong with the call.
    pub issue: bool,
}

/// What a test call came to: one to a number that always answers, with what is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// How it ended.
    pub ending: TestEnding,
    /// Post-dial delay.
    pub pdd: Option<Duration>,
    /// Mean opinion score, measured end to end.
    pub mos: Option<f32>,
}

/// How a test call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestEnding {
    /// It was put through, and showed all that it was to show.
    Passed,
    /// The network has failed it, or it lacked something: to whom it went there is no doubt.
    Failed,
    /// The carrier says that the called side is busy, away or none: that is not so.
    Unanswered,
    /// It was answered, and not by the number: what is to be heard there was not.
    FalseAnswer,
}

/// What sound of this MOS leaves of a call's worth: all from 4.0 on, nothing at 2.0 and below.
pub fn worth_of_mos(mos: f32) -> f32 {
    ((mos - 2.0) / 2.0).clamp(0.0, 1.0)
}

/// What a post-dial delay leaves of it: all up to 3 s, a twentieth less per second from then on, 0.3 at least.
pub fn worth_of_pdd(seconds: f32) -> f32 {
    (1.0 - 0.05 * (seconds - 3.0).max(0.0)).max(0.3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_the_called_sides_or_the_networks() {
        let of = |status, q850, rang| of_status(status, q850, rang);
        for (status, q850, rang, expected) in [
            (200, None, false, Some(Ending::Answered)),
            (302, None, false, None),
            (403, None, false, Some(Ending::Network(403))),
            (404, None, false, Some(Ending::User(404))),
            (404, Some(3), false, Some(Ending::Network(404))),
            (404, Some(1), false, Some(Ending::User(404))),
            (408, None, false, Some(Ending::Network(408))),
            (408, None, true, Some(Ending::User(408))),
            (480, None, true, Some(Ending::User(480))),
            (480, Some(34), false, Some(Ending::Network(480))),
            (480, Some(34), true, Some(Ending::User(480))),
            (486, None, false, Some(Ending::User(486))),
            (488, None, false, None),
            (482, None, false, Some(Ending::Network(482))),
            (499, None, false, Some(Ending::Network(499))),
            (500, None, false, Some(Ending::Network(500))),
            (503, None, true, Some(Ending::Network(503))),
            (603, None, false, Some(Ending::User(603))),
            (700, None, false, None),
        ] {
            assert_eq!(of(status, q850, rang), expected, "{status} {q850:?} {rang}");
        }
        assert_eq!(Ending::of(AttemptOutcome::TimeoutTrying), Some(Ending::Silent));
        assert_eq!(
            Ending::of(AttemptOutcome::TimeoutAnswer { status: 480 }),
            Some(Ending::User(480))
        );
        assert_eq!(
            Ending::of(AttemptOutcome::Unreachable),
            Some(Ending::Network(503))
        );
        assert_eq!(Ending::of(AttemptOutcome::HeldBack), None);
        assert_eq!(Ending::cancelled(true), Ending::User(487));
    }

    #[test]
    fn effective_sessions_are_those_of_the_rfc() {
        for (ending, expected) in [
            (Ending::Answered, Some(true)),
            (Ending::User(486), Some(true)),
            (Ending::User(480), Some(true)),
            (Ending::User(603), Some(true)),
            (Ending::User(404), Some(false)),
            (Ending::Network(503), Some(false)),
            (Ending::Network(407), None),
            (Ending::Silent, Some(false)),
        ] {
            assert_eq!(ending.is_effective_session(), expected, "{ending:?}");
        }
    }
}
