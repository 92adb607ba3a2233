//! How loud it is: levels, the noise floor behind speech, and whether somebody speaks.

use crate::g711::Law;
use std::sync::OnceLock;
use std::time::Duration;

/// Level of total silence, in dBov.
pub const SILENT_DBOV: f32 = -127.0;

/// Squares of what each octet stands for, in units that let the longest packet's sum fit.
static MU_SQUARES: OnceLock<[u32; 256]> = OnceLock::new();
static A_SQUARES: OnceLock<[u32; 256]> = OnceLock::new();

fn squares(law: Law) -> &'static [u32; 256] {
    let table = match law {
        Law::Mu => &MU_SQUARES,
        Law::A => &A_SQUARES,
    };
    table.get_or_init(|| {
        let mut squares = [0; 256];
        for (slot, octet) in squares.iter_mut().zip(0..=u8::MAX) {
            let value = i32::from(law.expand(octet));
            *slot = (value * value).unsigned_abs();
        }
        squares
    })
}

/// Mean power of samples, in squares of sample units.
#[must_use]
pub fn power(samples: &[i16]) -> f32 {
    let sum: u64 = samples
        .iter()
        .map(|sample| u64::from(i32::from(*sample).pow(2).unsigned_abs()))
        .sum();
    sum as f32 / samples.len().max(1) as f32
}

/// Mean power of a G.711 payload, by a table and without decoding it.
#[must_use]
pub fn power_of_g711(law: Law, payload: &[u8]) -> f32 {
    let squares = squares(law);
    let sum: u64 = payload
        .iter()
        .filter_map(|octet| squares.get(usize::from(*octet)))
        .map(|square| u64::from(*square))
        .sum();
    sum as f32 / payload.len().max(1) as f32
}

/// A power as a level in dBov: 0 is the loudest square wave (RFC 6464 §3), [`SILENT_DBOV`] nothing at all.
#[must_use]
pub fn dbov(power: f32) -> f32 {
    if power <= 0.0 {
        return SILENT_DBOV;
    }
    (10.0 * (power / (32_768.0 * 32_768.0)).log10()).max(SILENT_DBOV)
}

/// The noise behind speech: the quietest that it was of late.
#[derive(Clone, Debug)]
pub struct NoiseFloor {
    /// Mean power; `None` before anything was heard.
    power: Option<f32>,
}

/// The floor is believed to rise by this factor at most in a second.
const RISE_PER_SECOND: f32 = 1.6;

impl NoiseFloor {
    /// Nothing heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { power: None }
    }

    /// A frame's mean power, and how long it was in milliseconds.
    pub fn heard(&mut self, power: f32, ms: u32) {
        let floor = self.power.unwrap_or(power).max(1.0);
        self.power = Some(if power < floor {
            // Down quickly, but not to a single quiet frame.
            floor + (power - floor) * 0.25
        } else {
            (floor * RISE_PER_SECOND.powf(ms as f32 / 1000.0)).min(power)
        });
    }

    /// Mean power of the floor; 0 before anything was heard.
    #[must_use]
    pub fn power(&self) -> f32 {
        self.power.unwrap_or(0.0)
    }
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells speech from silence, and for how long it has been silent.
#[derive(Clone, Debug)]
pub struct Activity {
    floor: NoiseFloor,
    /// What is left of the time that speech is taken to go on after its last loud frame, in milliseconds.
    hangover: u32,
    quiet_ms: u64,
    active_ms: u64,
    last_dbov: f32,
}

/// Nothing below this is speech, in dBov.
const LEAST_DBOV: f32 = -55.0;
/// Speech is this much above the floor, in dB.
const ABOVE_FLOOR_DB: f32 = 8.0;
/// Whatever the floor is thought to be, this loud is no silence, in dBov.
const SURELY_DBOV: f32 = -30.0;
const HANGOVER_MS: u32 = 200;

impl Activity {
    /// Nothing heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            floor: NoiseFloor::new(),
            hangover: 0,
            quiet_ms: 0,
            active_ms: 0,
            last_dbov: SILENT_DBOV,
        }
    }

    /// A frame of a mean power, `ms` milliseconds long. Whether it's speech, or close behind it.
    pub fn heard(&mut self, power: f32, ms: u32) -> bool {
        self.last_dbov = dbov(power);
        self.floor.heard(power, ms);
        let above = self.last_dbov - dbov(self.floor.power());
        let loud = self.last_dbov >= SURELY_DBOV || (self.last_dbov >= LEAST_DBOV && above >= ABOVE_FLOOR_DB);
        self.hangover = if loud {
            HANGOVER_MS
        } else {
            self.hangover.saturating_sub(ms)
        };
        if self.hangover > 0 {
            self.quiet_ms = 0;
            self.active_ms += u64::from(ms);
        } else {
            self.quiet_ms += u64::from(ms);
        }
        self.hangover > 0
    }

    /// Level of the last frame in dBov.
    #[must_use]
    pub fn level(&self) -> f32 {
        self.last_dbov
    }

    /// How long it has been silent, by the frames that came.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        Duration::from_millis(self.quiet_ms)
    }

    /// How long somebody has spoken altogether.
    #[must_use]
    pub fn active(&self) -> Duration {
        Duration::from_millis(self.active_ms)
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
