//! One band's adaptive predictor and scale: blocks 1 to 4 of the coder, 1 to 6 of the decoder.

use super::tables::{ILB, pick};

/// The state of one band.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// DET: the quantiser's scale.
    scale: i32,
    /// NB: its logarithm.
    log_scale: i32,
    /// S: what the predictor expects next, and SZ, its part from the zeros.
    expected: i32,
    from_zeros: i32,
    /// P: the last two partly reconstructed signals.
    partial: [i32; 2],
    /// R: the last reconstructed signal.
    last: i32,
    /// A1, A2: the poles.
    poles: [i32; 2],
    /// D: the last six quantised differences, the newest first, and B, the zeros that weigh them.
    differences: [i32; 6],
    zeros: [i32; 6],
}

fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

impl Band {
    pub(super) fn new(scale: i32) -> Self {
        Self {
            scale,
            log_scale: 0,
            expected: 0,
            from_zeros: 0,
            partial: [0; 2],
            last: 0,
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
        }
    }

    pub(super) fn scale(&self) -> i32 {
        self.scale
    }

    /// SUBTRA: how far a value is from what was expected.
    pub(super) fn error(&self, value: i32) -> i32 {
        saturate(value - self.expected)
    }

    /// INVQ: a quantiser's output under the present scale.
    pub(super) fn scaled(&self, quantum: i32) -> i32 {
        (self.scale * quantum) >> 15
    }

    /// RECONS and LIMIT: the value that a quantiser's output stands for.
    pub(super) fn reconstruct(&self, quantum: i32) -> i32 {
        (self.expected + self.scaled(quantum)).clamp(-16_384, 16_383)
    }

    /// LOGSC and SCALE: the next scale.
    pub(super) fn adapt_scale(&mut self, change: i32, limit: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + change).clamp(0, limit);
        let mantissa = pick(&ILB, usize::try_from(self.log_scale >> 6 & 31).unwrap_or(0));
        let down = shift - (self.log_scale >> 11);
        self.scale = if down < 0 {
            mantissa << -down
        } else {
            mantissa >> down
        } << 2;
    }

    /// Block 4: takes in a quantised difference, and predicts.
    pub(super) fn update(&mut self, difference: i32) {
        let reconstructed = saturate(self.expected + difference);
        let partial = saturate(self.from_zeros + difference);
        self.update_poles(partial);
        self.update_zeros(difference);

        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.partial = [partial, self.partial[0]];
        let before = std::mem::replace(&mut self.last, reconstructed);

        // FILTEP, FILTEZ, PREDIC.
        let from_poles = saturate(
            ((self.poles[0] * saturate(2 * reconstructed)) >> 15)
                + ((self.poles[1] * saturate(2 * before)) >> 15),
        );
        let products = self.zeros.iter().zip(&self.differences);
        self.from_zeros = saturate(products.map(|(b, d)| (b * saturate(2 * d)) >> 15).sum());
        self.expected = saturate(from_poles + self.from_zeros);
    }

    /// UPPOL2 and UPPOL1.
    fn update_poles(&mut self, partial: i32) {
        let alike = |before: i32| (partial < 0) == (before < 0);
        let [first, second] = self.poles;
        let push = saturate(first << 2);
        let push = if alike(self.partial[0]) {
            (-push).min(32_767)
        } else {
            push
        };
        let lean = if alike(self.partial[1]) { 128 } else { -128 };
        let second = ((push >> 7) + lean + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);

        let step = if alike(self.partial[0]) { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(step + ((first * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn update_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let step = if (*before < 0) == (difference < 0) {
                step
            } else {
                -step
            };
            *zero = saturate(step + ((*zero * 32_640) >> 15));
        }
    }
}
