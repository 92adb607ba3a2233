//! Hearing digits in audio (ITU-T Q.24).
//!
//! Blocks of 12.75 ms, a Goertzel filter for each of the eight frequencies. A block shows a digit if one frequency of each group
//! stands out, the two are about as loud (twist), and they are nearly all that there is. Two blocks in a row have to show the same, and
//! the phases of the two tell each frequency to a few Hz: a voice rarely holds two that well, and has harmonics where a digit has none.

use super::{Digit, HIGH, LOW};
use crate::{Resampler, samples_in};
use std::f32::consts::{PI, TAU};

/// Samples of a block, at 8000 Hz.
const BLOCK: usize = 102;
const RATE: f32 = 8_000.0;
/// The least power of each tone: -36 dBm0.
const LEAST: f32 = 87_000.0;
/// How much louder the low group may be than the high one, and the other way round, in power: 8 dB and 4 dB, with what one tone
/// leaks into the other's filter.
const TWIST_LOW: f32 = 11.0;
const TWIST_HIGH: f32 = 4.0;
/// How far the strongest of a group stands out from the others, in power: 6 dB.
const STANDS_OUT: f32 = 4.0;
/// The least share of the block's power that the two tones have.
const SHARE: f32 = 0.76;
/// The most of the high tone's power that its second harmonic may have. (The low tone's is too near to the high group.)
const HARMONIC: f32 = 0.06;
/// Each quarter of a block has at least this share of a quarter of its energy: the tones are there all the time.
const QUARTERS: usize = 4;
const WHOLE: f32 = 0.35;
/// How far a frequency may be off: within 1.5 % it has to be heard, beyond 3.5 % it must not be.
const OFF: f32 = 0.025;
/// Blocks without the digit that end it: an interruption of 10 ms does not, a pause of 40 ms does.
const ENDS: u32 = 2;

/// What was heard. Times are from the first sample that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A digit has begun.
    Began {
        /// Which.
        digit: Digit,
        /// When, in milliseconds, within a block.
        at_ms: u64,
    },
    /// It's over.
    Ended {
        /// Which.
        digit: Digit,
        /// When it began.
        at_ms: u64,
        /// How long it was, in milliseconds, within two blocks.
        ms: u32,
    },
}

/// A filter for one frequency.
#[derive(Clone, Copy, Debug)]
struct Goertzel {
    angle: f32,
    factor: f32,
    before: [f32; 2],
}

impl Goertzel {
    fn new(hertz: f32) -> Self {
        let angle = TAU * hertz / RATE;
        Self {
            angle,
            factor: 2.0 * angle.cos(),
            before: [0.0; 2],
        }
    }

    fn push(&mut self, sample: f32) {
        let [last, before] = self.before;
        self.before = [self.factor * last - before + sample, last];
    }

    /// Real and imaginary part of the block, its phase counted from the block's last sample; and on to the next.
    fn take(&mut self) -> (f32, f32) {
        let [last, before] = std::mem::take(&mut self.before);
        (last - before * self.angle.cos(), before * self.angle.sin())
    }
}

/// The power of a tone as the mean square of its sine.
fn power((real, imaginary): (f32, f32)) -> f32 {
    let block = BLOCK as f32;
    2.0 * (real * real + imaginary * imaginary) / (block * block)
}

/// What one block shows.
#[derive(Clone, Copy, Debug)]
struct Sight {
    row: usize,
    column: usize,
    /// Phases of the two tones.
    low: f32,
    high: f32,
}

/// A digit that is being heard.
#[derive(Clone, Copy, Debug)]
struct Running {
    digit: Digit,
    first: u64,
    last: u64,
    missed: u32,
}

/// Hears digits in one stream.
#[derive(Debug)]
pub struct DigitDetector {
    resampler: Option<Resampler>,
    converted: Vec<i16>,
    low: [Goertzel; 4],
    high: [Goertzel; 4],
    harmonics: [Goertzel; 4],
    /// Energy of each quarter of the block.
    energy: [f32; QUARTERS],
    filled: usize,
    /// Blocks so far.
    block: u64,
    sight: Option<Sight>,
    running: Option<Running>,
}

impl DigitDetector {
    /// For samples at `rate` Hz, given up to `longest` at a time.
    #[must_use]
    pub fn new(rate: u32, longest: usize) -> Self {
        let resampler = Resampler::new(rate, 8_000, longest);
        let room = resampler
            .as_ref()
            .map_or(0, |resampler| resampler.output_len(longest) + 1);
        Self {
            resampler,
            converted: vec![0; room],
            low: LOW.map(Goertzel::new),
            high: HIGH.map(Goertzel::new),
            harmonics: HIGH.map(|hertz| Goertzel::new(2.0 * hertz)),
            energy: [0.0; QUARTERS],
            filled: 0,
            block: 0,
            sight: None,
            running: None,
        }
    }

    /// Listens to samples, and tells what it hears.
    pub fn push(&mut self, samples: &[i16], mut tell: impl FnMut(Heard)) {
        let Some(mut resampler) = self.resampler.take() else {
            return self.listen(samples, &mut tell);
        };
        let mut converted = std::mem::take(&mut self.converted);
        let n = resampler.process(samples, &mut converted);
        self.listen(converted.get(..n).unwrap_or_default(), &mut tell);
        (self.converted, self.resampler) = (converted, Some(resampler));
    }

    /// Whether a digit is being heard.
    #[must_use]
    pub fn is_hearing(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a digit is being heard, or may be about to be: the last block showed one.
    #[must_use]
    pub fn suspects(&self) -> bool {
        self.running.is_some() || self.sight.is_some()
    }

    fn listen(&mut self, samples: &[i16], tell: &mut impl FnMut(Heard)) {
        for sample in samples {
            let sample = f32::from(*sample);
            if let Some(energy) = self.energy.get_mut(self.filled * QUARTERS / BLOCK) {
                *energy += sample * sample;
            }
            for filter in self
                .low
                .iter_mut()
                .chain(&mut self.high)
                .chain(&mut self.harmonics)
            {
                filter.push(sample);
            }
            self.filled += 1;
            if self.filled == BLOCK {
                self.end_block(tell);
            }
        }
    }

    fn end_block(&mut self, tell: &mut impl FnMut(Heard)) {
        let sight = self.look();
        let before = std::mem::replace(&mut self.sight, sight);
        let seen = sight.and_then(|sight| Digit::at(sight.row, sight.column));
        let confirmed = before
            .zip(sight)
            .is_some_and(|(before, sight)| same_and_steady(&before, &sight));
        match &mut self.running {
            Some(running) if seen == Some(running.digit) => {
                (running.last, running.missed) = (self.block, 0);
            }
            Some(running) => {
                running.missed += 1;
                let (over, ended) = (running.missed >= ENDS || (confirmed && seen.is_some()), *running);
                if over {
                    self.running = None;
                    tell(ended.ended());
                }
            }
            None => {}
        }
        if self.running.is_none()
            && confirmed
            && let Some(digit) = seen
        {
            let first = self.block - 1;
            self.running = Some(Running {
                digit,
                first,
                last: self.block,
                missed: 0,
            });
            tell(Heard::Began {
                digit,
                at_ms: millis(first),
            });
        }
        self.filled = 0;
        self.block += 1;
    }

    /// Which digit the block shows, if any.
    fn look(&mut self) -> Option<Sight> {
        let low = self.low.each_mut().map(Goertzel::take);
        let high = self.high.each_mut().map(Goertzel::take);
        let harmonics = self.harmonics.each_mut().map(Goertzel::take);
        let quarters = std::mem::take(&mut self.energy);
        let energy: f32 = quarters.iter().sum();
        let total = energy / BLOCK as f32;
        if total < 2.0 * LEAST {
            return None;
        }
        let (row, low_power, low_phase) = strongest(&low)?;
        let (column, high_power, high_phase) = strongest(&high)?;
        let levels = low_power >= LEAST && high_power >= LEAST;
        let twist = low_power <= high_power * TWIST_LOW && high_power <= low_power * TWIST_HIGH;
        let share = low_power + high_power >= total * SHARE;
        let harmonic = harmonics.get(column).map_or(0.0, |harmonic| power(*harmonic));
        let pure = harmonic <= high_power * HARMONIC;
        let whole = quarters
            .iter()
            .all(|quarter| quarter * QUARTERS as f32 >= energy * WHOLE);
        (levels && twist && share && pure && whole).then_some(Sight {
            row,
            column,
            low: low_phase,
            high: high_phase,
        })
    }
}

/// The strongest of a group, with its power and phase, if it stands out.
fn strongest(group: &[(f32, f32); 4]) -> Option<(usize, f32, f32)> {
    let powers = group.map(power);
    let (index, strongest) = powers
        .iter()
        .copied()
        .enumerate()
        .max_by(|x, y| x.1.total_cmp(&y.1))?;
    let others = powers.iter().enumerate().filter(|(other, _)| *other != index);
    let stands_out = others
        .into_iter()
        .all(|(_, power)| power * STANDS_OUT <= strongest);
    let (real, imaginary) = *group.get(index)?;
    stands_out.then(|| (index, strongest, imaginary.atan2(real)))
}

/// Two blocks in a row show the same digit, and the phase went on as its frequencies would have it.
fn same_and_steady(before: &Sight, now: &Sight) -> bool {
    let steady = |hertz: Option<&f32>, from: f32, to: f32| {
        let Some(hertz) = hertz else { return false };
        let expected = TAU * hertz * BLOCK as f32 / RATE;
        let off = (to - from - expected + PI).rem_euclid(TAU) - PI;
        let off_hertz = off * RATE / (TAU * BLOCK as f32);
        off_hertz.abs() <= hertz * OFF
    };
    before.row == now.row
        && before.column == now.column
        && steady(LOW.get(now.row), before.low, now.low)
        && steady(HIGH.get(now.column), before.high, now.high)
}

impl Running {
    fn ended(&self) -> Heard {
        Heard::Ended {
            digit: self.digit,
            at_ms: millis(self.first),
            ms: u32::try_from(millis(self.last + 1) - millis(self.first)).unwrap_or(u32::MAX),
        }
    }
}

/// When a block began.
fn millis(block: u64) -> u64 {
    let samples = block * BLOCK as u64;
    samples / samples_in(8_000, 1) as u64
}
