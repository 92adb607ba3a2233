//! One sample rate to another: a polyphase filter (windowed sinc), exact in the number of samples.
//!
//! The pass band is 0.85 of the lower Nyquist frequency, which at 8 kHz is the 3.4 kHz of telephony, and all that would
//! fold back into it is 70 dB down. The delay is half a filter: 3 ms between 8 kHz and anything else.

use crate::{gcd, round};
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

/// Filter taps for each sample of the slower of the two rates.
const TAPS: usize = 48;
/// Shape of the Kaiser window: 70 dB of stop band.
const BETA: f64 = 6.8;
/// Cut-off (-6 dB) as a part of the lower Nyquist frequency.
const CUT_OFF: f64 = 0.94;

/// Filters by their ratio: up, and down.
type Filters = BTreeMap<(usize, usize), Arc<[f32]>>;

/// The filters of all ratios that were needed so far: those between rates of codecs and of clips, so there are few. To design one
/// takes up to 10 ms, which no media thread has to spare for each call.
static FILTERS: Mutex<Filters> = Mutex::new(Filters::new());

/// Converts one stream.
#[derive(Clone, Debug)]
pub struct Resampler {
    /// Up by `up`, then down by `down`.
    up: usize,
    down: usize,
    /// One row of `taps` coefficients for each of `up` phases, in the order of the history: oldest first.
    rows: Arc<[f32]>,
    taps: usize,
    /// The last `taps - 1` samples, and behind them room for the next block.
    history: Vec<f32>,
    /// Phase of the next output sample, in steps of `1 / up` of an input sample.
    phase: usize,
}

impl Resampler {
    /// From one rate to another, both in Hz; `None` when they are equal or 0 and there is nothing to do. `longest` is the most samples
    /// that will be given at once.
    #[must_use]
    pub fn new(from: u32, to: u32, longest: usize) -> Option<Self> {
        if from == to || from == 0 || to == 0 {
            return None;
        }
        let (up, down) = ratio(from, to);
        let taps = taps(up, down);
        let mut history = Vec::with_capacity(taps - 1 + longest);
        history.resize(taps - 1, 0.0);
        Some(Self {
            up,
            down,
            rows: filter(up, down),
            taps,
            history,
            phase: 0,
        })
    }

    /// How many samples come out when `samples` go in next.
    #[must_use]
    pub fn output_len(&self, samples: usize) -> usize {
        (samples * self.up).saturating_sub(self.phase).div_ceil(self.down)
    }

    /// Converts samples into the front of `output` and says how many there are: [`Resampler::output_len`] of them, or what there is
    /// room for (the others are lost).
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        self.history.extend(input.iter().map(|sample| f32::from(*sample)));
        let end = input.len() * self.up;
        let mut written = 0;
        let mut room = output.iter_mut();
        while self.phase < end {
            let (at, phase) = (self.phase / self.up, self.phase % self.up);
            let window = self.history.get(at..at + self.taps);
            let row = self.rows.get(phase * self.taps..(phase + 1) * self.taps);
            if let (Some(window), Some(row), Some(slot)) = (window, row, room.next()) {
                *slot = round(dot(window, row));
                written += 1;
            }
            self.phase += self.down;
        }
        self.phase -= end;
        self.history.drain(..input.len());
        written
    }

    /// Forgets what went before, as for a new stream.
    pub fn reset(&mut self) {
        self.history.fill(0.0);
        self.phase = 0;
    }
}

/// Has the filter from one rate to another, both in Hz, ready for whoever needs it.
pub(crate) fn prepare(from: u32, to: u32) {
    if from != to && from != 0 && to != 0 {
        let (up, down) = ratio(from, to);
        filter(up, down);
    }
}

/// Up by the first, then down by the second.
fn ratio(from: u32, to: u32) -> (usize, usize) {
    let common = gcd(from, to).max(1);
    ((to / common) as usize, (from / common) as usize)
}

/// Coefficients of each phase.
const fn taps(up: usize, down: usize) -> usize {
    if down > up {
        (TAPS * down).div_ceil(up)
    } else {
        TAPS
    }
}

/// The filter of a ratio, which all share who convert by it.
fn filter(up: usize, down: usize) -> Arc<[f32]> {
    let known = || FILTERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rows) = known().get(&(up, down)) {
        return rows.clone();
    }
    // Nobody waits meanwhile; of two that were designed at a time the first stays.
    let rows = design(up, down);
    known().entry((up, down)).or_insert(rows).clone()
}

/// Whether a filter is ready.
#[cfg(test)]
pub(crate) fn is_ready(from: u32, to: u32) -> bool {
    let known = FILTERS.lock().unwrap_or_else(PoisonError::into_inner);
    known.contains_key(&ratio(from, to))
}

/// Sum of products, in eight lanes so that the compiler can use vector instructions.
fn dot(window: &[f32], row: &[f32]) -> f32 {
    let (left, left_rest) = window.as_chunks::<8>();
    let (right, right_rest) = row.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for (x, y) in left.iter().zip(right) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The prototype low pass, dealt out to its phases.
fn design(up: usize, down: usize) -> Arc<[f32]> {
    let taps = taps(up, down);
    let length = (up * taps) as f64;
    let middle = (length - 1.0) / 2.0;
    // Cycles for each step of the fast rate at which the prototype runs.
    let cut_off = CUT_OFF * 0.5 / up.max(down) as f64;
    let whole = bessel(BETA);
    let prototype = |index: usize| {
        let x = index as f64 - middle;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (2.0 * PI * cut_off * x).sin() / (2.0 * PI * cut_off * x)
        };
        let edge = 2.0 * x / length;
        2.0 * cut_off * sinc * bessel(BETA * (1.0 - edge * edge).max(0.0).sqrt()) / whole
    };
    let mut rows = Vec::with_capacity(up * taps);
    for phase in 0..up {
        let row: Vec<f64> = (0..taps).rev().map(|tap| prototype(tap * up + phase)).collect();
        // Each phase passes a constant unchanged.
        let sum: f64 = row.iter().sum();
        rows.extend(row.iter().map(|tap| (tap / sum) as f32));
    }
    rows.into()
}

/// Modified Bessel function of the first kind, order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut k = 1.0;
    while term > 1e-12 * sum {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests;
