//! Hearing that what comes is no voice but a tone of the network (ITU-T E.180): ringback, busy, congestion, the special information tone.
//!
//! Frames of 20 ms, each looked at together with the one before through a window of 40 ms (Hann), which tells two frequencies a few tens
//! of Hz apart from none. A frame is a tone's if nearly all of its energy lies in one or two narrow bands. One frame says little: a vowel may
//! look so. That a tone goes on as it is for a tenth of a second is for who listens to judge by [`Pitch::is_like`].

use crate::level::{dbov, power};
use std::f32::consts::TAU;

/// The rate of the samples that are listened to, in Hz.
pub const RATE: u32 = 8_000;
/// Length of a frame in milliseconds.
pub const FRAME_MS: u32 = 20;

/// Samples of a frame, and of the window.
const FRAME: usize = 160;
const WINDOW: usize = 2 * FRAME;
/// What is quieter is silence, in dBov: comfort noise lies below it (-50 and less), the tones of E.180 and voices 15 dB and more above.
const AUDIBLE: f32 = -48.0;
/// Distance of two bins of the window in Hz, the first that is looked at and how many: 275 to 1875 Hz. The tones of E.180 lie between 300 and
/// 1400 Hz but for the last third of the special information tone, 1800 Hz.
const BIN: f32 = RATE as f32 / WINDOW as f32;
const FIRST: usize = 11;
const BINS: usize = 65;
/// A band reaches so many bins to either side: the window's main lobe, and a pair such as 400 and 450 Hz.
const REACH: usize = 3;
/// The least share of the energy that the bands of a tone have: beside it are noise and edges.
const SHARE: f32 = 0.94;
/// A second band with less than this is none.
const SECOND: f32 = 0.04;
/// How far a steady tone wanders, in Hz: less than a voice within a tenth of a second.
const WANDERS: f32 = 15.0;

/// What a frame sounds like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sound {
    /// Nothing that could be heard.
    Silent,
    /// A tone of one or two frequencies.
    Tone(Pitch),
    /// Anything else: a voice, music, noise.
    Other,
}

/// The frequencies of a tone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    /// The lower one in Hz; of two that are too near to each other to be told apart what lies between them.
    pub low: f32,
    /// The higher one in Hz; 0: there is one only.
    pub high: f32,
}

impl Pitch {
    /// Whether this is the same tone.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.low - other.low).abs() <= WANDERS && (self.high - other.high).abs() <= WANDERS
    }

    /// Whether it is a part of the special information tone (E.180 §7, and North America's three variants of each part).
    #[must_use]
    pub fn is_special(&self) -> bool {
        let near = |from: f32, to: f32| (from - WANDERS..=to + WANDERS).contains(&self.low);
        self.high == 0.0 && (near(913.8, 985.2) || near(1_370.6, 1_428.5) || near(1_776.7, 1_800.0))
    }
}

/// Listens to one stream.
#[derive(Debug)]
pub struct ToneListener {
    /// The last two frames, the newer one as far as it has come.
    samples: [i16; WINDOW],
    filled: usize,
    hann: [f32; WINDOW],
    /// Twice the cosine of each bin's angle.
    factors: [f32; BINS],
}

impl Default for ToneListener {
    fn default() -> Self {
        let part = |n: usize| (TAU * n as f32 / WINDOW as f32).cos();
        Self {
            samples: [0; WINDOW],
            filled: FRAME,
            hann: std::array::from_fn(|n| 0.5 - 0.5 * part(n)),
            factors: std::array::from_fn(|k| 2.0 * part(FIRST + k)),
        }
    }
}

impl ToneListener {
    /// Listens to samples at [`RATE`], and tells what each frame sounds like once it is there.
    pub fn push(&mut self, samples: &[i16], mut tell: impl FnMut(Sound)) {
        for sample in samples {
            if let Some(place) = self.samples.get_mut(self.filled) {
                *place = *sample;
            }
            self.filled += 1;
            if self.filled == WINDOW {
                tell(self.look());
                self.samples.copy_within(FRAME.., 0);
                self.filled = FRAME;
            }
        }
    }

    /// There was silence that was not sent: what comes next does not follow what came last.
    pub fn pause(&mut self) {
        self.samples = [0; WINDOW];
        self.filled = FRAME;
    }

    fn look(&self) -> Sound {
        let newest = self.samples.get(FRAME..).unwrap_or_default();
        if dbov(power(newest)) < AUDIBLE {
            return Sound::Silent;
        }
        let mut windowed = [0.0; WINDOW];
        let mut energy = 0.0;
        for ((place, sample), weight) in windowed.iter_mut().zip(self.samples).zip(self.hann) {
            *place = f32::from(sample) * weight;
            energy += *place * *place;
        }
        // Parseval: so much is in all bins of one sign together.
        let total = energy * WINDOW as f32 / 2.0;
        let powers = bin_powers(&windowed, &self.factors);
        tone(&powers, total).map_or(Sound::Other, Sound::Tone)
    }
}

/// The squared magnitude of each bin (Goertzel). All bins go side by side, so that several are one instruction and none waits for another.
fn bin_powers(samples: &[f32; WINDOW], factors: &[f32; BINS]) -> [f32; BINS] {
    let (mut last, mut before) = ([0.0; BINS], [0.0; BINS]);
    for sample in samples {
        for ((last, before), factor) in last.iter_mut().zip(&mut before).zip(factors) {
            (*last, *before) = (factor * *last - *before + sample, *last);
        }
    }
    let mut powers = [0.0; BINS];
    for (((power, last), before), factor) in powers.iter_mut().zip(last).zip(before).zip(factors) {
        *power = (last * last + before * before - factor * last * before).max(0.0);
    }
    powers
}

/// The tone that these bins are, if they are one.
fn tone(powers: &[f32; BINS], total: f32) -> Option<Pitch> {
    let (first, at) = band(powers, None)?;
    let second = band(powers, Some(at)).filter(|(band, _)| band.power >= SECOND * total);
    let both = first.power + second.map_or(0.0, |(band, _)| band.power);
    if both < SHARE * total {
        return None;
    }
    let (low, high) = match second {
        None => (first.hertz, 0.0),
        Some((second, _)) => (first.hertz.min(second.hertz), first.hertz.max(second.hertz)),
    };
    Some(Pitch { low, high })
}

/// A narrow band: its power, and where the middle of it lies.
#[derive(Clone, Copy)]
struct Band {
    power: f32,
    hertz: f32,
}

/// The strongest band and its middle bin, beside the one around bin `taken`.
fn band(powers: &[f32; BINS], taken: Option<usize>) -> Option<(Band, usize)> {
    let free = |bin: usize| taken.is_none_or(|taken| bin.abs_diff(taken) > REACH);
    let bins = || powers.iter().copied().enumerate().filter(|(bin, _)| free(*bin));
    let (at, _) = bins().max_by(|x, y| x.1.total_cmp(&y.1))?;
    let within = bins().filter(|(bin, _)| bin.abs_diff(at) <= REACH);
    let (mut power, mut moment) = (0.0, 0.0);
    for (bin, one) in within {
        power += one;
        moment += one * (FIRST + bin) as f32 * BIN;
    }
    (power > 0.0).then_some((
        Band {
            power,
            hertz: moment / power,
        },
        at,
    ))
}

#[cfg(test)]
mod tests;
