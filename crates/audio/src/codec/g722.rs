//! G.722 at 64 kbit/s (mode 1): 16 kHz in two bands, each an adaptive differential coder. One octet is two samples.
//!
//! Names in capitals are the Recommendation's blocks and variables (ITU-T G.722 §3 and §5, fixed point).

mod band;
mod qmf;
mod tables;

use band::Band;
use qmf::{Join, Split};
use tables::{pick, quantise_high, quantise_low};

/// Highest scale factors (log): NBL and NBH.
const LIMIT_LOW: i32 = 18_432;
const LIMIT_HIGH: i32 = 22_528;

/// Samples to octets.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    split: Split,
    low: Band,
    high: Band,
}

impl G722Encoder {
    pub(super) fn new() -> Self {
        Self {
            split: Split::new(),
            low: Band::new(32),
            high: Band::new(8),
        }
    }

    /// Encodes pairs of samples, as many as both slices have room for.
    pub(super) fn encode(&mut self, samples: &[i16], octets: &mut [u8]) {
        for (octet, pair) in octets.iter_mut().zip(samples.as_chunks().0) {
            let (low, high) = self.split.next(*pair);
            *octet = self.code(low, high);
        }
    }

    /// One value of each band to an octet: two bits of the high band, six of the low.
    fn code(&mut self, low: i32, high: i32) -> u8 {
        let code_low = quantise_low(self.low.error(low), self.low.scale());
        let four = code_low >> 2;
        let difference = self.low.scaled(pick(&tables::QM4, four));
        self.low
            .adapt_scale(pick(&tables::WL_BY_CODE, four), LIMIT_LOW, 8);
        self.low.update(difference);

        let code_high = quantise_high(self.high.error(high), self.high.scale());
        let difference = self.high.scaled(pick(&tables::QM2, code_high));
        self.high
            .adapt_scale(pick(&tables::WH_BY_CODE, code_high), LIMIT_HIGH, 10);
        self.high.update(difference);
        u8::try_from(code_high << 6 | code_low).unwrap_or(0)
    }
}

/// Octets to samples.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    join: Join,
    low: Band,
    high: Band,
}

impl G722Decoder {
    pub(super) fn new() -> Self {
        Self {
            join: Join::new(),
            low: Band::new(32),
            high: Band::new(8),
        }
    }

    /// Decodes octets into pairs of samples, as many as both slices have room for.
    pub(super) fn decode(&mut self, octets: &[u8], samples: &mut [i16]) {
        for (pair, octet) in samples.as_chunks_mut().0.iter_mut().zip(octets) {
            let (low, high) = self.bands(*octet);
            *pair = self.join.next(low, high);
        }
    }

    /// An octet to one value of each band.
    fn bands(&mut self, octet: u8) -> (i32, i32) {
        let code_low = usize::from(octet & 0x3f);
        let code_high = usize::from(octet >> 6);
        let low = self.low.reconstruct(pick(&tables::QM6, code_low));
        let four = code_low >> 2;
        let difference = self.low.scaled(pick(&tables::QM4, four));
        self.low
            .adapt_scale(pick(&tables::WL_BY_CODE, four), LIMIT_LOW, 8);
        self.low.update(difference);

        let quantum = pick(&tables::QM2, code_high);
        let high = self.high.reconstruct(quantum);
        let difference = self.high.scaled(quantum);
        self.high
            .adapt_scale(pick(&tables::WH_BY_CODE, code_high), LIMIT_HIGH, 10);
        self.high.update(difference);
        (low, high)
    }
}

#[cfg(test)]
mod tests;
