//! Samples that wait to be played, and the two ways to have more or fewer of them without a click.

use crate::conceal::best_lag;
use crate::round;

/// Shortest and longest piece that is cut out or put in, in milliseconds.
const SHORTEST_MS: usize = 2;
const LONGEST_MS: usize = 12;
/// How alike the two pieces have to be.
const ALIKE: f32 = 0.6;

/// Samples in order, at one rate.
#[derive(Clone, Debug)]
pub(crate) struct Fifo {
    samples: Vec<i16>,
    per_ms: usize,
}

impl Fifo {
    /// At a rate in Hz, with room for so many samples before it has to grow.
    pub(crate) fn new(rate: u32, room: usize) -> Self {
        Self {
            samples: Vec::with_capacity(room),
            per_ms: (rate as usize / 1000).max(1),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn push(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
    }

    /// Takes the oldest samples, as many as `out` has; where there are too few, the rest is silence.
    pub(crate) fn take(&mut self, out: &mut [i16]) {
        let n = out.len().min(self.samples.len());
        for (slot, sample) in out.iter_mut().zip(self.samples.drain(..n)) {
            *slot = sample;
        }
        if let Some(rest) = out.get_mut(n..) {
            rest.fill(0);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
    }

    /// Cuts out one period, blending its ends, if what waits is long and regular enough (or `anyway`); `keep` samples are left at the
    /// least. Gives the samples cut.
    pub(crate) fn shorten(&mut self, anyway: bool, keep: usize) -> usize {
        let Some(lag) = self.period(anyway, self.len().saturating_sub(keep)) else {
            return 0;
        };
        // From the first period to the second, over the length of one; then the second goes.
        let (first, rest) = self.samples.split_at_mut(lag);
        blend(first, rest, false);
        self.samples.drain(lag..2 * lag);
        lag
    }

    /// Puts in one period, blending its ends, if what waits is long and regular enough. Gives the samples put in.
    pub(crate) fn lengthen(&mut self) -> usize {
        let Some(lag) = self.period(false, usize::MAX) else {
            return 0;
        };
        // The first period, then from the second back to the first, then on with the second.
        self.samples.extend_from_within(..lag);
        if let Some(shifted) = self.samples.get_mut(lag..) {
            shifted.rotate_right(lag);
        }
        if let Some((first, rest)) = self
            .samples
            .get_mut(lag..)
            .and_then(|rest| rest.split_at_mut_checked(lag))
        {
            // `first` is a copy of the first period: what it's blended from is the second, which follows.
            blend(first, rest, true);
        }
        lag
    }

    /// The length of a period in samples, `most` at the most.
    fn period(&self, anyway: bool, most: usize) -> Option<usize> {
        let longest = (LONGEST_MS * self.per_ms).min(self.samples.len() / 2).min(most);
        let shortest = SHORTEST_MS * self.per_ms;
        if longest < shortest {
            return None;
        }
        let (lag, alike) = best_lag(&self.samples, shortest..=longest, self.per_ms);
        let silent = || self.samples.iter().all(|sample| sample.unsigned_abs() < 64);
        (alike >= ALIKE || anyway || silent()).then_some(lag)
    }
}

/// Passes from `first` to `second` (or, `back`, from `second` to `first`) over the length of `first`, in `first`.
fn blend(first: &mut [i16], second: &[i16], back: bool) {
    let length = first.len() as f32;
    for (n, (x, y)) in first.iter_mut().zip(second).enumerate() {
        let weight = (n + 1) as f32 / (length + 1.0);
        let weight = if back { 1.0 - weight } else { weight };
        *x = round(f32::from(*x) * (1.0 - weight) + f32::from(*y) * weight);
    }
}

#[cfg(test)]
mod tests;
