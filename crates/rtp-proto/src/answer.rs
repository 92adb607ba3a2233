//! What is heard behind an answer: whether somebody speaks there, whether it goes on ringing as if nobody had answered, or nothing comes.

use serde::{Deserialize, Serialize};
use std::fmt;

mod cadence;
mod listen;

pub(crate) use listen::Supervisor;

/// Nothing is said of tones by less than this, in milliseconds: a period of ringing is up to six seconds.
const ENOUGH_MS: u32 = 4_000;
/// What sounds for less than this in all may be a click.
const CLICK_MS: u32 = 100;
/// Who is heard for so long speaks, however short the call was.
const SPEAKS_MS: u32 = 500;
/// So many times as long as anything else have tones to sound.
const TONES_TO_SOUND: u32 = 8;
/// No burst of a cadence is longer (E.180 supplement 2: ringing up to 2 s, seldom 4); what goes on is a modem's or a test line's.
const LONGEST_BURST_MS: u32 = 4_500;
/// A cadence has pauses: at least this part of the time in tenths.
const PAUSES_TENTHS: u32 = 1;
/// Several bursts are a cadence if they sound for this long together.
const BURSTS_MS: u32 = 500;
/// A single one is ringing if it is at least so long and at most so high; an answering machine's beep is shorter or higher.
const ONE_RING_MS: u32 = 800;
const RING_HERTZ: u16 = 500;

/// What was heard of a side from the answer on, as far as it was listened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AfterAnswer {
    /// For how long it was listened to, in milliseconds.
    pub listened_ms: u32,
    /// It was listened to for as long as it was to be; otherwise the call was over, or on hold, before.
    pub whole: bool,
    /// For how long something could be heard that is no tone of the network, in milliseconds.
    pub heard_ms: u32,
    /// For how long tones of the network sounded (ringback, busy, congestion, special information), in milliseconds.
    pub tone_ms: u32,
    /// The longest burst of them, in milliseconds.
    pub longest_tone_ms: u32,
    /// How many bursts there were.
    pub tones: u32,
    /// The lowest frequency of the first of them, in Hz; 0: there was none.
    pub hertz: u16,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadAnswer {
    /// It rings, or is busy, behind it: the called party has not answered.
    FalseAnswer,
    /// Nothing is heard.
    DeadAir,
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FalseAnswer => "false-answer",
            Self::DeadAir => "dead-air",
        })
    }
}

impl AfterAnswer {
    /// What is wrong with the answer, if that is known.
    #[must_use]
    pub fn verdict(&self) -> Option<BadAnswer> {
        match (self.false_answer(), self.dead_air()) {
            (Some(true), _) => Some(BadAnswer::FalseAnswer),
            (_, Some(true)) => Some(BadAnswer::DeadAir),
            (Some(false) | None, Some(false) | None) => None,
        }
    }

    /// Whether a tone with the cadence of ringing or of busy, and hardly anything else, went on behind the answer. `None`: it was not
    /// listened to for long enough.
    #[must_use]
    pub fn false_answer(&self) -> Option<bool> {
        if self.listened_ms < ENOUGH_MS {
            return (self.heard_ms >= SPEAKS_MS).then_some(false);
        }
        let alone = self.heard_ms.saturating_mul(TONES_TO_SOUND) <= self.tone_ms;
        let sounds = self.tone_ms.saturating_add(self.heard_ms);
        let pauses = self.listened_ms.saturating_sub(sounds);
        let has_pauses = pauses.saturating_mul(10) >= self.listened_ms.saturating_mul(PAUSES_TENTHS);
        let cadence = if self.tones >= 2 {
            self.tone_ms >= BURSTS_MS
        } else {
            self.tone_ms >= ONE_RING_MS && self.hertz <= RING_HERTZ
        };
        Some(alone && has_pauses && cadence && self.longest_tone_ms <= LONGEST_BURST_MS)
    }

    /// Whether nothing could be heard. `None`: it was not listened to for long enough.
    #[must_use]
    pub fn dead_air(&self) -> Option<bool> {
        let audible = self.heard_ms.saturating_add(self.tone_ms) >= CLICK_MS;
        (audible || self.whole).then_some(!audible)
    }
}

#[cfg(test)]
mod tests;
