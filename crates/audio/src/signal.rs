//! Signals for tests, and how to compare them.

use crate::noise::Bits;
use std::f64::consts::PI;

/// A seeded generator of noise.
pub(crate) struct Noise(Bits);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Bits::new(seed))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next()
    }

    /// Uniform in -1..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Uniform in 0..below.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.bits() % below
    }
}

/// A sine wave, its amplitude in sample units.
pub(crate) fn sine(rate: u32, hertz: f64, amplitude: f64, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| ((2.0 * PI * hertz * n as f64 / f64::from(rate)).sin() * amplitude).round() as i16)
        .collect()
}

/// White noise through a gentle low pass at about `hertz`.
pub(crate) fn noise(rate: u32, hertz: f64, amplitude: f64, samples: usize, seed: u64) -> Vec<i16> {
    let mut source = Noise::new(seed);
    let pole = (-2.0 * PI * hertz / f64::from(rate)).exp();
    let mut stages = [0.0; 4];
    (0..samples)
        .map(|_| {
            let mut value = source.unit() * amplitude;
            for stage in &mut stages {
                *stage = *stage * pole + value * (1.0 - pole);
                value = *stage;
            }
            (value * 4.0) as i16
        })
        .collect()
}

/// Something like speech: a wandering pitch through three wandering resonances, in syllables, some of them unvoiced.
pub(crate) fn speech(rate: u32, samples: usize, seed: u64) -> Vec<i16> {
    let mut source = Noise::new(seed);
    let fs = f64::from(rate);
    let mut phase = 0.0;
    let mut state = [[0.0_f64; 2]; 3];
    let shift = source.unit();
    (0..samples)
        .map(|n| {
            let t = n as f64 / fs + shift;
            phase += (140.0 + 40.0 * (t * 2.1).sin() + 12.0 * (t * 7.3).sin()) / fs;
            let mut drive = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= phase.floor();
            if (t * 1.3).sin() < -0.6 {
                drive = source.unit() * 0.15;
            }
            drive = drive * (t * 4.0 * PI).sin().max(0.0) + source.unit() * 0.0005;
            let formants = [
                500.0 + 200.0 * (t * 3.0).sin(),
                1500.0 + 500.0 * (t * 2.3).sin(),
                2600.0 + 200.0 * (t * 1.7).sin(),
            ];
            let mut value = 0.0;
            for (k, (formant, state)) in formants.iter().zip(&mut state).enumerate() {
                let radius = (-PI * (80.0 + 40.0 * k as f64) / fs).exp();
                let next = drive + 2.0 * radius * (2.0 * PI * formant / fs).cos() * state[0]
                    - radius * radius * state[1];
                *state = [next, state[0]];
                value += next * (1.0 - radius) * 3.0;
            }
            (value * 20_000.0).clamp(-30_000.0, 30_000.0) as i16
        })
        .collect()
}

/// Signal to noise ratio in dB of `heard` against `said`, at the delay (in samples, below `most`) and the gain that fit best; and that
/// delay. The first and last tenth are left out.
pub(crate) fn snr(said: &[i16], heard: &[i16], most: usize) -> (f64, usize) {
    // A prime stride through some thousand samples finds the delay; all of them tell the ratio.
    let stride = [1, 3, 7, 13, 29, 61, 127]
        .into_iter()
        .rfind(|s| said.len() / s >= 3_000)
        .unwrap_or(1);
    let best = |delays: std::ops::Range<usize>, stride: usize| {
        let ratios = delays.map(|delay| (ratio(said, heard, delay, stride), delay));
        ratios.max_by(|x, y| x.0.total_cmp(&y.0)).unwrap_or((f64::MIN, 0))
    };
    let (_, near) = best(0..most, stride);
    best(near.saturating_sub(2)..(near + 3).min(most), 1)
}

fn ratio(said: &[i16], heard: &[i16], delay: usize, stride: usize) -> f64 {
    let length = said.len().min(heard.len().saturating_sub(delay));
    let (from, to) = (length / 10, length * 9 / 10);
    let (mut cross, mut left, mut right) = (0.0, 1e-9, 1e-9);
    let pairs = said[from..to].iter().zip(&heard[from + delay..to + delay]);
    for (x, y) in pairs.step_by(stride) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        cross += x * y;
        left += x * x;
        right += y * y;
    }
    let explained: f64 = cross * cross / (left * right);
    if cross > 0.0 {
        -10.0 * (1.0 - explained).max(1e-12).log10()
    } else {
        f64::MIN
    }
}

/// Root mean square.
pub(crate) fn rms(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

/// The largest step between neighbours.
pub(crate) fn steepest(samples: &[i16]) -> i32 {
    let steps = samples
        .windows(2)
        .map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
    steps.max().unwrap_or(0)
}
