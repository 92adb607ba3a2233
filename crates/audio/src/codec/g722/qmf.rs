//! The quadrature mirror filters: 16 kHz into two bands of 8 kHz, and back.

use super::tables::QMF;

/// The last 24 values, the oldest first.
#[derive(Clone, Debug)]
struct Line([i32; 24]);

impl Line {
    fn push(&mut self, pair: [i32; 2]) {
        self.0.copy_within(2.., 0);
        [self.0[22], self.0[23]] = pair;
    }

    /// The sums over the older and the newer value of each pair.
    fn sums(&self) -> (i32, i32) {
        let pairs = self.0.as_chunks::<2>().0.iter();
        let taps = QMF.iter().zip(QMF.iter().rev());
        pairs
            .zip(taps)
            .fold((0, 0), |(older, newer), (pair, (up, down))| {
                (older + pair[0] * up, newer + pair[1] * down)
            })
    }
}

/// Transmit filter.
#[derive(Clone, Debug)]
pub(super) struct Split(Line);

impl Split {
    pub(super) fn new() -> Self {
        Self(Line([0; 24]))
    }

    /// Two samples to one value of the low and one of the high band.
    pub(super) fn next(&mut self, pair: [i16; 2]) -> (i32, i32) {
        self.0.push(pair.map(i32::from));
        let (odd, even) = self.0.sums();
        ((even + odd) >> 14, (even - odd) >> 14)
    }
}

/// Receive filter.
#[derive(Clone, Debug)]
pub(super) struct Join(Line);

impl Join {
    pub(super) fn new() -> Self {
        Self(Line([0; 24]))
    }

    /// One value of each band to two samples.
    pub(super) fn next(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.0.push([low + high, low - high]);
        let (second, first) = self.0.sums();
        [first, second].map(|sum| {
            let value = (sum >> 11).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            i16::try_from(value).unwrap_or(0)
        })
    }
}
