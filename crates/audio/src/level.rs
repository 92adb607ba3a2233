//! How loud it is: levels, and the noise floor behind speech.

/// Level of total silence, in dBov.
pub(crate) const SILENT_DBOV: f32 = -127.0;

/// Mean power of samples, in squares of sample units.
pub(crate) fn power(samples: &[i16]) -> f32 {
    let sum: u64 = samples
        .iter()
        .map(|sample| u64::from(i32::from(*sample).pow(2).unsigned_abs()))
        .sum();
    sum as f32 / samples.len().max(1) as f32
}

/// A power as a level in dBov: 0 is the loudest square wave (RFC 6464 §3), [`SILENT_DBOV`] nothing at all.
pub(crate) fn dbov(power: f32) -> f32 {
    if power <= 0.0 {
        return SILENT_DBOV;
    }
    (10.0 * (power / (32_768.0 * 32_768.0)).log10()).max(SILENT_DBOV)
}

/// The noise behind speech: the quietest that it was of late.
#[derive(Clone, Debug)]
pub(crate) struct NoiseFloor {
    /// Mean power; `None` before anything was heard.
    power: Option<f32>,
}

/// The floor is believed to rise by this factor at most in a second.
const RISE_PER_SECOND: f32 = 1.6;

impl NoiseFloor {
    /// Nothing heard yet.
    pub(crate) const fn new() -> Self {
        Self { power: None }
    }

    /// A frame's mean power, and how long it was in milliseconds.
    pub(crate) fn heard(&mut self, power: f32, ms: u32) {
        let floor = self.power.unwrap_or(power).max(1.0);
        self.power = Some(if power < floor {
            // Down quickly, but not to a single quiet frame.
            floor + (power - floor) * 0.25
        } else {
            (floor * RISE_PER_SECOND.powf(ms as f32 / 1000.0)).min(power)
        });
    }

    /// Mean power of the floor; 0 before anything was heard.
    pub(crate) fn power(&self) -> f32 {
        self.power.unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests;
