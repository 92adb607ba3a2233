//! Tones with a cadence: what a caller hears instead of a voice (ITU-T E.180 and its supplement 2; SIT: E.180 §7).

mod presets;

pub use presets::{Country, Signal};

use crate::round;
use std::f32::consts::TAU;

/// Frequencies that sound at once at most.
const MOST: usize = 2;
/// Length of the edges of a burst, in milliseconds: without them each would click.
const EDGE_MS: u32 = 4;

/// One part of a cadence: frequencies in Hz (0: none), the level of each in dBm0, and for how long in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    frequencies: [f32; MOST],
    level: f32,
    ms: u32,
}

impl Part {
    /// One frequency.
    #[must_use]
    pub const fn one(hertz: f32, level: f32, ms: u32) -> Self {
        Self {
            frequencies: [hertz, 0.0],
            level,
            ms,
        }
    }

    /// Two frequencies, each at this level.
    #[must_use]
    pub const fn two(first: f32, second: f32, level: f32, ms: u32) -> Self {
        Self {
            frequencies: [first, second],
            level,
            ms,
        }
    }

    /// Silence.
    #[must_use]
    pub const fn pause(ms: u32) -> Self {
        Self::one(0.0, 0.0, ms)
    }
}

/// The peak of a sine of this level: +3.15 dBm0 is the loudest that fits (G.711: 3.17 in µ-law, 3.14 in A-law).
pub(crate) fn peak(dbm0: f32) -> f32 {
    32_767.0 * 10.0_f32.powf((dbm0 - 3.15) / 20.0)
}

/// Plays a cadence over and over.
#[derive(Clone, Debug)]
pub struct ToneGenerator {
    cadence: &'static [Part],
    rate: u32,
    part: usize,
    /// Samples of the present part that were made.
    at: u32,
    /// How often the cadence has been played to its end.
    rounds: u32,
    oscillators: [Oscillator; MOST],
}

impl ToneGenerator {
    /// At a sample rate in Hz, from the beginning of the cadence.
    #[must_use]
    pub fn new(cadence: &'static [Part], rate: u32) -> Self {
        let mut generator = Self {
            cadence,
            rate,
            part: 0,
            at: 0,
            rounds: 0,
            oscillators: [Oscillator::default(); MOST],
        };
        generator.tune();
        generator
    }

    /// Fills a frame.
    pub fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            *sample = round(self.next());
        }
    }

    /// How often the cadence has been played to its end.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    fn tune(&mut self) {
        let Some(part) = self.cadence.get(self.part) else {
            return;
        };
        for (oscillator, hertz) in self.oscillators.iter_mut().zip(part.frequencies) {
            let amplitude = if hertz > 0.0 { peak(part.level) } else { 0.0 };
            oscillator.tune(hertz, amplitude, self.rate);
        }
    }

    fn next(&mut self) -> f32 {
        let Some(part) = self.cadence.get(self.part) else {
            return 0.0;
        };
        let length = u32::try_from(crate::samples_in(self.rate, part.ms)).unwrap_or(u32::MAX);
        let edge = self.rate * EDGE_MS / 1000;
        let inside = self.at.min(length.saturating_sub(self.at)).min(edge);
        // A tone that never stops has no edges but the first.
        let endless = self.cadence.len() == 1 && self.at >= edge;
        let gain = if endless {
            1.0
        } else {
            inside as f32 / edge.max(1) as f32
        };
        let sum: f32 = self.oscillators.iter_mut().map(Oscillator::next).sum();
        self.at += 1;
        if self.at >= length {
            self.at = if self.cadence.len() == 1 { edge } else { 0 };
            self.part += 1;
            if self.part >= self.cadence.len() {
                self.part = 0;
                self.rounds = self.rounds.saturating_add(1);
            }
            if self.cadence.len() > 1 {
                self.tune();
            }
        }
        sum * gain
    }
}

/// A sine wave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Oscillator {
    phase: f32,
    step: f32,
    amplitude: f32,
}

impl Oscillator {
    pub(crate) fn tune(&mut self, hertz: f32, amplitude: f32, rate: u32) {
        self.step = TAU * hertz / rate.max(1) as f32;
        self.amplitude = amplitude;
        self.phase = 0.0;
    }

    pub(crate) fn next(&mut self) -> f32 {
        if self.amplitude <= 0.0 {
            return 0.0;
        }
        let value = self.phase.sin() * self.amplitude;
        self.phase += self.step;
        if self.phase >= TAU {
            self.phase -= TAU;
        }
        value
    }
}

#[cfg(test)]
mod tests;
