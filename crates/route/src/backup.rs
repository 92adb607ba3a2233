//! Who gets a call when those whom its number rule names have not answered.

use crate::failover::AttemptOutcome;
use crate::tables::{Tables, TrunkIx};
use config::NumberRule;
use std::fmt;

/// In which way nobody has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unanswered {
    /// The called party is busy, or declines.
    Busy,
    /// It has rung, and nobody has answered.
    NoAnswer,
    /// Something went wrong on the way, or the called side can't take the call.
    Failure,
    /// The called user is nowhere to be reached.
    Unregistered,
}

impl Unanswered {
    /// What a failed attempt's outcome means for whoever has the number. `None`: the called party has said that nobody shall have
    /// this call (607, 608), or it was cancelled (487).
    ///
    /// A Q.850 cause for busy (17), no answer (18, 19) and an absent subscriber (20) decides for a status below 600, which gateways
    /// choose as they please.
    pub fn of(outcome: AttemptOutcome) -> Option<Self> {
        match outcome {
            AttemptOutcome::Final { status, q850, rang } => match (status, q850) {
                (487 | 607 | 608, _) => None,
                (486 | 600 | 603, _) | (..600, Some(17)) => Some(Self::Busy),
                (..600, Some(18 | 19)) => Some(Self::NoAnswer),
                (..600, Some(20)) => Some(Self::Unregistered),
                (408 | 480, _) if rang => Some(Self::NoAnswer),
                (480, Some(_)) => Some(Self::Failure),
                (480, None) => Some(Self::Unregistered),
                (_, _) => Some(Self::Failure),
            },
            AttemptOutcome::TimeoutAnswer { .. } => Some(Self::NoAnswer),
            AttemptOutcome::NotRegistered => Some(Self::Unregistered),
            AttemptOutcome::TimeoutTrying
            | AttemptOutcome::TimeoutProgress
            | AttemptOutcome::Unreachable
            | AttemptOutcome::Incompatible
            | AttemptOutcome::HeldBack => Some(Self::Failure),
        }
    }

    /// Its word, as records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failure => "failure",
            Self::Unregistered => "unregistered",
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A backup with its trunks resolved. It names a trunk, a number, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The trunk that gets the call; `None`: the number is planned as a call of `payer`'s.
    pub trunk: Option<TrunkIx>,
    /// The number that is called; `None`: the one that was.
    pub number: Option<Box<str>>,
    /// The first customer among the rule's trunks: the call is its own where it goes out.
    pub payer: Option<TrunkIx>,
}

/// The backups of one rule.
#[derive(Debug, Default)]
pub(crate) struct Backups {
    pub(crate) busy: Box<[Backup]>,
    pub(crate) no_answer: Box<[Backup]>,
    pub(crate) failure: Box<[Backup]>,
    pub(crate) unregistered: Box<[Backup]>,
}

impl Tables {
    /// The rule for calls to `called`, and its backups for this case. A rule without any for users that are not registered has those
    /// for failures then.
    pub fn backups(&self, called: &str, why: Unanswered) -> Option<(&NumberRule, &[Backup])> {
        let rule = self.rule(called)?;
        let backups = &rule.backups;
        let list = match why {
            Unanswered::Busy => &backups.busy,
            Unanswered::NoAnswer => &backups.no_answer,
            Unanswered::Failure => &backups.failure,
            Unanswered::Unregistered if backups.unregistered.is_empty() => &backups.failure,
            Unanswered::Unregistered => &backups.unregistered,
        };
        Some((&rule.rule, list))
    }
}

#[cfg(test)]
mod tests;
