//! Comfort noise (RFC 3389): its payload, and the noise itself.

use std::f32::consts::SQRT_2;

/// Reflection coefficients that are kept; more in a payload are passed over.
const MAX_ORDER: usize = 12;

/// The quietest level of a payload, in -dBov.
pub(crate) const SILENCE_LEVEL: u8 = 127;

/// What a comfort noise payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseParameters {
    /// Level in -dBov, 0..=127: how far below the loudest square wave.
    pub level: u8,
    /// Quantised reflection coefficients and how many there are.
    order: u8,
    coefficients: [u8; MAX_ORDER],
}

impl NoiseParameters {
    /// White noise at a level in -dBov.
    #[must_use]
    pub fn white(level: u8) -> Self {
        Self {
            level: level.min(SILENCE_LEVEL),
            order: 0,
            coefficients: [0; MAX_ORDER],
        }
    }

    /// White noise of a root mean square in sample units.
    #[must_use]
    pub fn of_rms(rms: f32) -> Self {
        let below = -20.0 * (rms.max(0.001) / 32_768.0).log10();
        Self::white(below.round().clamp(0.0, f32::from(SILENCE_LEVEL)) as u8)
    }

    /// Reads a payload; `None` when it's empty.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (level, rest) = payload.split_first()?;
        let mut read = Self::white(level & 0x7f);
        for (slot, octet) in read.coefficients.iter_mut().zip(rest) {
            *slot = *octet;
            read.order += 1;
        }
        Some(read)
    }

    /// Writes the payload and gives its length; 0 when there is no room.
    pub fn write(&self, payload: &mut [u8]) -> usize {
        let Some((level, rest)) = payload.split_first_mut() else {
            return 0;
        };
        *level = self.level;
        let used = self.coefficients.iter().take(usize::from(self.order));
        let written = rest.iter_mut().zip(used).map(|(slot, octet)| *slot = *octet);
        1 + written.count()
    }

    /// Root mean square in sample units.
    #[must_use]
    pub fn rms(&self) -> f32 {
        32_768.0 * 10.0_f32.powf(-f32::from(self.level) / 20.0)
    }

    /// The same level without a spectrum.
    #[must_use]
    pub fn flat(self) -> Self {
        Self::white(self.level)
    }
}

/// Bits that look like chance (xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Bits(u64);

impl Bits {
    /// `seed`: any number.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A source of noise.
#[derive(Clone, Debug)]
pub(crate) struct ComfortNoise {
    bits: Bits,
    parameters: NoiseParameters,
    /// Reflection coefficients, and the delay line of the lattice.
    reflection: [f32; MAX_ORDER],
    line: [f32; MAX_ORDER],
    /// Peak of the uniform noise that drives the filter.
    drive: f32,
}

impl ComfortNoise {
    /// Silence until it's told otherwise. `seed`: any number.
    pub(crate) fn new(seed: u64) -> Self {
        let mut noise = Self {
            bits: Bits::new(seed),
            parameters: NoiseParameters::white(SILENCE_LEVEL),
            reflection: [0.0; MAX_ORDER],
            line: [0.0; MAX_ORDER],
            drive: 0.0,
        };
        noise.set(NoiseParameters::white(SILENCE_LEVEL));
        noise
    }

    /// Goes on with these parameters.
    pub(crate) fn set(&mut self, parameters: NoiseParameters) {
        self.parameters = parameters;
        self.reflection = [0.0; MAX_ORDER];
        let used = parameters.coefficients.iter().take(usize::from(parameters.order));
        for (slot, octet) in self.reflection.iter_mut().zip(used) {
            // RFC 3389 §3.2: the index is offset by 127, in steps of 258 / 32768.
            *slot = (f32::from(*octet) - 127.0) * 258.0 / 32_768.0;
            // 255 is reserved, and a filter at the edge would ring for ever.
            *slot = slot.clamp(-0.98, 0.98);
        }
        // What the filter adds in power is taken from what drives it; uniform noise has a third of its peak's power.
        let passes: f32 = self.reflection.iter().map(|k| 1.0 - k * k).product();
        let rms = if parameters.level >= SILENCE_LEVEL {
            0.0
        } else {
            parameters.rms()
        };
        self.drive = rms * passes.sqrt() * 3.0_f32.sqrt();
    }

    /// What it goes by.
    pub(crate) fn parameters(&self) -> NoiseParameters {
        self.parameters
    }

    /// The next sample.
    pub(crate) fn sample(&mut self) -> f32 {
        let unit = (self.bits.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
        let mut forward = unit * self.drive;
        if self.parameters.order == 0 {
            return forward;
        }
        // All-pole lattice, from the last stage to the first.
        let mut above: Option<&mut f32> = None;
        for (k, cell) in self.reflection.iter().zip(self.line.iter_mut()).rev() {
            forward -= k * *cell;
            let backward = *cell + k * forward;
            if let Some(above) = above.replace(cell) {
                *above = backward;
            }
        }
        if let Some(first) = above {
            *first = forward;
        }
        forward.clamp(-32_768.0 / SQRT_2, 32_768.0 / SQRT_2)
    }
}

#[cfg(test)]
mod tests;
