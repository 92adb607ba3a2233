//! Making up for samples that never came, at any rate: the last pitch periods go on and fade (after ITU-T G.711 Appendix I), comfort
//! noise takes their place, and what comes next is blended in. Unlike the appendix it adds no delay: the step at the start is
//! bridged by a ramp instead of an overlap with samples held back.

use crate::noise::{ComfortNoise, NoiseParameters};
use crate::round;
use pitch::Range;

mod pitch;

pub(crate) use pitch::best_lag;

/// Full level for this long, in milliseconds, then down to nothing by the other.
const HOLD_MS: usize = 10;
const GONE_MS: usize = 60;
/// One period is repeated for this long, in milliseconds, then the last two, then the last three: less of a buzz.
const MORE_PERIODS_MS: [usize; 2] = [10, 20];
/// Overlap with what comes after a gap, in milliseconds: for a short gap, and at most.
const BLEND_MS: usize = 4;
const BLEND_MOST_MS: usize = 10;

/// Concealment of one stream of samples.
#[derive(Clone, Debug)]
pub struct Concealer {
    per_ms: usize,
    range: Range,
    /// The last samples that were heard, oldest first: three of the longest periods and a quarter.
    history: Vec<i16>,
    /// What is behind speech, and what is left when it has faded.
    noise: ComfortNoise,
    gap: Option<Gap>,
}

/// Where the concealment of a gap is.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// Samples made up so far.
    made: usize,
    period: usize,
    /// How many periods are repeated.
    periods: usize,
    /// Position in them.
    at: usize,
    /// The step that is being bridged, and samples of the ramp that are left.
    step: f32,
    ramp: usize,
    last: f32,
}

impl Concealer {
    /// For samples at `rate` Hz. `seed`: any number, for the noise.
    #[must_use]
    pub fn new(rate: u32, seed: u64) -> Self {
        let per_ms = (rate as usize / 1000).max(1);
        let range = Range::of(per_ms);
        Self {
            per_ms,
            range,
            history: vec![0; range.longest * 3 + range.longest / 4 + 2],
            noise: ComfortNoise::new(seed),
            gap: None,
        }
    }

    /// The noise behind speech, from now on.
    pub fn set_noise(&mut self, parameters: NoiseParameters) {
        self.noise.set(parameters);
    }

    /// The noise that it makes.
    #[must_use]
    pub fn noise(&self) -> NoiseParameters {
        self.noise.parameters()
    }

    /// Whether nothing is left of what was heard but noise.
    #[must_use]
    pub fn has_faded(&self) -> bool {
        self.gap.is_some_and(|gap| gap.made >= GONE_MS * self.per_ms)
    }

    /// Samples that did come. After a gap their beginning is blended with what was made up.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            let more = BLEND_MS * gap.made / (10 * self.per_ms).max(1);
            let blend = (BLEND_MS + more).min(BLEND_MOST_MS) * self.per_ms;
            let blend = blend.min(samples.len());
            for (n, sample) in samples.iter_mut().take(blend).enumerate() {
                let weight = (n + 1) as f32 / (blend + 1) as f32;
                *sample = round(self.next(&mut gap) * (1.0 - weight) + f32::from(*sample) * weight);
            }
        }
        self.remember(samples);
    }

    /// Makes up samples.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        let mut gap = self.gap.unwrap_or_else(|| self.begin());
        for sample in samples {
            *sample = round(self.next(&mut gap));
        }
        self.gap = Some(gap);
    }

    /// Forgets what was heard: what is made up from now on is noise.
    pub fn reset(&mut self) {
        self.history.fill(0);
        self.gap = None;
    }

    fn remember(&mut self, samples: &[i16]) {
        let keep = self.history.len();
        let new = samples
            .get(samples.len().saturating_sub(keep)..)
            .unwrap_or_default();
        self.history.copy_within(new.len().., 0);
        if let Some(end) = self.history.get_mut(keep - new.len()..) {
            end.copy_from_slice(new);
        }
    }

    fn begin(&self) -> Gap {
        let period = pitch::of_end(&self.history, self.range, self.per_ms);
        let mut gap = Gap {
            made: 0,
            period,
            periods: 1,
            at: 0,
            step: 0.0,
            ramp: 0,
            last: self.back(1),
        };
        self.bridge(&mut gap);
        gap
    }

    /// The sample that was heard so many before the end; 1 is the last.
    fn back(&self, before: usize) -> f32 {
        let at = self.history.len().checked_sub(before);
        at.and_then(|at| self.history.get(at))
            .map_or(0.0, |sample| f32::from(*sample))
    }

    /// Starts the ramp from the last sample to where the repetition begins.
    fn bridge(&self, gap: &mut Gap) {
        gap.step = gap.last - self.back(gap.period * gap.periods + 1);
        gap.ramp = gap.period / 4;
    }

    /// The repetition at a position: the last quarter period passes into what was before the first.
    fn repeated(&self, gap: &Gap) -> f32 {
        let length = gap.period * gap.periods;
        let quarter = gap.period / 4;
        let sample = self.back(length - gap.at);
        match (gap.at + quarter).checked_sub(length) {
            None => sample,
            Some(n) => {
                let weight = (n + 1) as f32 / quarter.max(1) as f32;
                sample * (1.0 - weight) + self.back(2 * length - gap.at) * weight
            }
        }
    }

    fn next(&mut self, gap: &mut Gap) -> f32 {
        let gain = self.gain(gap.made);
        if gain <= 0.0 {
            return self.noise.sample();
        }
        if gap.at >= gap.period * gap.periods {
            gap.at = 0;
            let due = 1 + MORE_PERIODS_MS
                .iter()
                .filter(|ms| gap.made >= **ms * self.per_ms)
                .count();
            if due > gap.periods {
                gap.periods = due;
                self.bridge(gap);
            }
        }
        let mut value = self.repeated(gap);
        if gap.ramp > 0 {
            value += gap.step * gap.ramp as f32 / (gap.period / 4 + 1) as f32;
            gap.ramp -= 1;
        }
        gap.last = value;
        gap.at += 1;
        gap.made += 1;
        value * gain + self.noise.sample() * (1.0 - gain)
    }

    fn gain(&self, made: usize) -> f32 {
        let (hold, gone) = (HOLD_MS * self.per_ms, GONE_MS * self.per_ms);
        1.0 - made.saturating_sub(hold) as f32 / (gone - hold) as f32
    }
}

#[cfg(test)]
mod tests;
