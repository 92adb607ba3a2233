//! Digits as pairs of tones (ITU-T Q.23, Q.24): made, and heard.

mod detect;

pub use detect::{DigitDetector, Heard};

use crate::round;
use crate::tone::{Oscillator, peak};

/// The low and the high group, in Hz.
pub(crate) const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Level of each group in dBm0: the high one is louder, since lines take more of it away.
const LOW_LEVEL: f32 = -10.0;
const HIGH_LEVEL: f32 = -8.0;
/// Soft edges, in milliseconds.
const EDGE_MS: u32 = 2;

/// A digit, by its event code (RFC 4733 §3.2): 0 to 9, 10 for `*`, 11 for `#`, 12 to 15 for A to D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

/// Event codes as they lie on the keypad, row by row.
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
const NAMES: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// The digit of an event code.
    #[must_use]
    pub const fn of_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The digit of a character, in any case.
    #[must_use]
    pub fn of_char(character: char) -> Option<Self> {
        let upper = character.to_ascii_uppercase();
        let code = NAMES.iter().position(|name| char::from(*name) == upper)?;
        u8::try_from(code).ok().map(Self)
    }

    /// Its event code, 0 to 15.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Its character.
    #[must_use]
    pub fn char(self) -> char {
        NAMES
            .get(usize::from(self.0))
            .map_or('?', |name| char::from(*name))
    }

    /// The digit of a row and a column.
    fn at(row: usize, column: usize) -> Option<Self> {
        KEYPAD.get(row)?.get(column).copied().map(Self)
    }

    /// Its two frequencies in Hz.
    fn frequencies(self) -> (f32, f32) {
        let pairs = KEYPAD.iter().zip(LOW);
        let mut all =
            pairs.flat_map(|(row, low)| row.iter().zip(HIGH).map(move |(code, high)| (*code, low, high)));
        all.find(|(code, _, _)| *code == self.0)
            .map_or((0.0, 0.0), |(_, low, high)| (low, high))
    }
}

/// Plays one digit, then silence.
#[derive(Clone, Debug)]
pub struct DigitGenerator {
    low: Oscillator,
    high: Oscillator,
    at: u32,
    length: u32,
    pause: u32,
    edge: u32,
}

impl DigitGenerator {
    /// A digit of `ms` milliseconds with `pause_ms` of silence behind it, at a sample rate in Hz. Shorter than 40 ms nobody has to hear
    /// (Q.24 §2.4), so it's no less.
    #[must_use]
    pub fn new(digit: Digit, ms: u32, pause_ms: u32, rate: u32) -> Self {
        let samples = |ms: u32| u32::try_from(crate::samples_in(rate, ms)).unwrap_or(u32::MAX);
        let (low_hertz, high_hertz) = digit.frequencies();
        let (mut low, mut high) = (Oscillator::default(), Oscillator::default());
        low.tune(low_hertz, peak(LOW_LEVEL), rate);
        high.tune(high_hertz, peak(HIGH_LEVEL), rate);
        Self {
            low,
            high,
            at: 0,
            length: samples(ms.max(40)),
            pause: samples(pause_ms),
            edge: samples(EDGE_MS).max(1),
        }
    }

    /// Fills a frame: with the digit, then its pause. Whether there is more to come.
    pub fn fill(&mut self, samples: &mut [i16]) -> bool {
        for sample in samples {
            let inside = self.at.min(self.length.saturating_sub(self.at)).min(self.edge);
            let gain = inside as f32 / self.edge as f32;
            *sample = round((self.low.next() + self.high.next()) * gain);
            self.at = self.at.saturating_add(1);
        }
        self.at < self.length.saturating_add(self.pause)
    }
}

#[cfg(test)]
mod tests;
