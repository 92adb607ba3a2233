//! What a row wants of a call beside its called number.

use super::hours::Hours;
use super::key::Key;
use super::places::Places;
use std::fmt;

/// How a call within the United States is classed by where its two numbers belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Jurisdiction {
    /// Between two states.
    Interstate = 1,
    /// Within one state.
    Intrastate = 2,
    /// The state of one of the numbers is not known: it is no number of a state, or there is none.
    Indeterminate = 3,
}

impl Jurisdiction {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interstate => "interstate",
            Self::Intrastate => "intrastate",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A call as a deck is asked about it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Called number, with or without `+`; it ends at its first byte that is no digit.
    pub called: &'a str,
    /// Calling number, likewise; empty where there is none.
    pub caller: &'a str,
    /// The moment, seconds since 1970 (UTC).
    pub at_unix_s: u64,
}

/// What rows are held against: [`Asked`], read once for all decks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Called number.
    pub called: Key,
    /// Calling number.
    pub caller: Key,
    /// Where the two belong.
    pub jurisdiction: Jurisdiction,
    /// The moment, seconds since 1970 (UTC).
    pub at: u32,
}

impl Facts {
    /// Reads a question. `places` says which state a number belongs to.
    pub fn of(asked: &Asked<'_>, places: &Places) -> Self {
        let (called, caller) = (Key::of_number(asked.called), Key::of_number(asked.caller));
        Self {
            called,
            caller,
            jurisdiction: places.jurisdiction(caller, called),
            // The last second of them is never "until before".
            at: u32::try_from(asked.at_unix_s)
                .unwrap_or(u32::MAX - 1)
                .min(u32::MAX - 1),
        }
    }
}

/// What a row wants of a call beside its called number. All of it has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// Where the two numbers have to belong.
    pub jurisdiction: Option<Jurisdiction>,
    /// What the calling number has to begin with; [`Key::EMPTY`]: anything, and where there is none too.
    pub origin: Key,
    /// When.
    pub hours: Option<Hours>,
}

impl Condition {
    /// The usual row's: there is none.
    pub const ALWAYS: Self = Self {
        jurisdiction: None,
        origin: Key::EMPTY,
        hours: None,
    };

    /// Whether there is none.
    pub fn is_always(&self) -> bool {
        *self == Self::ALWAYS
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.jurisdiction
            .is_none_or(|wanted| wanted == facts.jurisdiction)
            && self.origin.begins(facts.caller)
            && self.hours.is_none_or(|hours| hours.contains(facts.at))
    }

    /// Of several rows for one prefix whose conditions hold, that with the greatest of these is the call's: the longest origin, then
    /// one for its jurisdiction, then one for the hour.
    pub fn precedence(&self) -> u8 {
        let origin = self.origin.digits() as u8;
        origin * 4 + 2 * u8::from(self.jurisdiction.is_some()) + u8::from(self.hours.is_some())
    }
}

impl fmt::Display for Condition {
    /// In words: `intrastate, from 4420, Mon-Fri 08:00-18:00 +01:00`; nothing for [`Condition::ALWAYS`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        if let Some(jurisdiction) = self.jurisdiction {
            write!(f, "{jurisdiction}")?;
            comma = ", ";
        }
        if self.origin != Key::EMPTY {
            write!(f, "{comma}from {}", self.origin)?;
            comma = ", ";
        }
        if let Some(hours) = self.hours {
            write!(f, "{comma}{hours}")?;
        }
        Ok(())
    }
}
