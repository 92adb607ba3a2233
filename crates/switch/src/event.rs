//! What an operator wants to be told of as it happens: the log has it, and whoever follows `/v1/events`.
//!
//! Few things are events, and each is told once per change, never once per call: nothing that strangers can do at will makes them
//! pile up.

use serde::Serialize;

use crate::core::Core;
use crate::io::{Command, Now};

/// Something has changed that an operator may have to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// What kind of thing.
    pub kind: EventKind,
    /// What it is about: a trunk, a customer, an address.
    pub subject: String,
    /// What has happened and why, in a line.
    pub text: String,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A target of a trunk is held to be down.
    TargetDown,
    /// A target of a trunk is back.
    TargetUp,
    /// A place that a target's name leads to has failed, and is left for last.
    PlaceFailed,
    /// Such a place is back.
    PlaceBack,
    /// We are registered with a trunk.
    Registered,
    /// We are not registered with a trunk, or not anew.
    NotRegistered,
    /// An address, or a user at it, is kept out.
    Banned,
    /// A trunk takes no new calls, by an operator's word.
    Draining,
    /// A trunk takes new calls again.
    Resumed,
    /// The fraud guard has found something.
    Fraud,
    /// A trunk, or a limit for certain numbers, is so full that somebody wants to know.
    LoadHigh,
    /// It is so no longer.
    LoadNormal,
    /// An emergency call has begun.
    Emergency,
    /// An emergency call was not answered.
    EmergencyFailed,
    /// A carrier has got worse somewhere, or is below a floor of a class: it gets fewer calls.
    Demoted,
    /// A carrier is new somewhere, has recovered, or has grown into its share.
    Promoted,
    /// A carrier's share of calls has changed.
    Share,
    /// A class has spent what it may on finding out about carriers.
    BudgetSpent,
    /// Scheduled test calls fail that passed before, or were never made.
    TestFailed,
    /// They pass again.
    TestPassedAgain,
    /// A configuration is tried out beside the one in force, or is not any more.
    TryOut,
    /// A call is over. Made of its record by whoever tells of calls.
    Call,
}

impl EventKind {
    /// The kind in a word, as it stands in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TargetDown => "target-down",
            Self::TargetUp => "target-up",
            Self::PlaceFailed => "place-failed",
            Self::PlaceBack => "place-back",
            Self::Registered => "registered",
            Self::NotRegistered => "not-registered",
            Self::Banned => "banned",
            Self::Draining => "draining",
            Self::Resumed => "resumed",
            Self::Fraud => "fraud",
            Self::LoadHigh => "load-high",
            Self::LoadNormal => "load-normal",
            Self::Emergency => "emergency",
            Self::EmergencyFailed => "emergency-failed",
            Self::Demoted => "demoted",
            Self::Promoted => "promoted",
            Self::Share => "share",
            Self::BudgetSpent => "budget-spent",
            Self::TestFailed => "test-failed",
            Self::TestPassedAgain => "test-passed-again",
            Self::TryOut => "try-out",
            Self::Call => "call",
        }
    }

    /// Whether it is bad news.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        match self {
            Self::TargetDown
            | Self::PlaceFailed
            | Self::NotRegistered
            | Self::Banned
            | Self::Fraud
            | Self::LoadHigh
            | Self::Emergency
            | Self::EmergencyFailed
            | Self::Demoted
            | Self::TestFailed => true,
            Self::TargetUp
            | Self::PlaceBack
            | Self::Registered
            | Self::Draining
            | Self::Resumed
            | Self::LoadNormal
            | Self::Promoted
            | Self::Share
            | Self::BudgetSpent
            | Self::TestPassedAgain
            | Self::TryOut
            | Self::Call => false,
        }
    }
}

impl Core {
    /// Tells operators.
    pub(crate) fn tell(&mut self, now: Now, kind: EventKind, subject: &str, text: String) {
        self.commands.push(Command::Event(Box::new(Event {
            at_ms: now.unix_ms,
            kind,
            subject: subject.to_owned(),
            text,
        })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_kind_is_what_json_has() {
        for kind in [
            EventKind::TargetDown,
            EventKind::TargetUp,
            EventKind::PlaceFailed,
            EventKind::PlaceBack,
            EventKind::Registered,
            EventKind::NotRegistered,
            EventKind::Banned,
            EventKind::Draining,
            EventKind::Resumed,
            EventKind::Fraud,
            EventKind::LoadHigh,
            EventKind::LoadNormal,
            EventKind::Emergency,
            EventKind::EmergencyFailed,
            EventKind::Demoted,
            EventKind::Promoted,
            EventKind::Share,
            EventKind::BudgetSpent,
            EventKind::TestFailed,
            EventKind::TestPassedAgain,
            EventKind::TryOut,
            EventKind::Call,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
