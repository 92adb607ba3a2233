//! What can be pressed on a telephone.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the sixteen DTMF digits, or a hook flash, as its event code (RFC 4733 §3.2, §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(u8);

/// Not a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of 0-9, *, #, A-D and ! (flash)")]
pub struct DigitError(char);

/// Characters in the order of their event codes.
const CHARACTERS: [char; 17] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D', '!',
];

impl Digit {
    /// The hook flash, event 16.
    pub const FLASH: Self = Self(16);

    /// The digit of an event code; `None` for events that are none.
    #[must_use]
    pub fn of_event(event: u8) -> Option<Self> {
        (usize::from(event) < CHARACTERS.len()).then_some(Self(event))
    }

    /// Its event code, 0..=16.
    #[must_use]
    pub fn event(self) -> u8 {
        self.0
    }

    /// As it is written: `0`..`9`, `*`, `#`, `A`..`D`, `!` for the flash.
    #[must_use]
    pub fn character(self) -> char {
        CHARACTERS.get(usize::from(self.0)).copied().unwrap_or('?')
    }
}

impl TryFrom<char> for Digit {
    type Error = DigitError;

    fn try_from(character: char) -> Result<Self, DigitError> {
        let upper = character.to_ascii_uppercase();
        let place = CHARACTERS.iter().position(|known| *known == upper);
        place
            .and_then(|place| u8::try_from(place).ok())
            .map(Self)
            .ok_or(DigitError(character))
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> Self {
        digit.character()
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.character())
    }
}
