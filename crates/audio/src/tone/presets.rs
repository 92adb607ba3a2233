//! Whose tones sound how (ITU-T E.180 supplement 2; Bellcore GR-674 for North America).

use super::Part;

/// Whose tones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Country {
    /// North America.
    Us,
    /// United Kingdom.
    Uk,
    /// Germany.
    De,
    /// France.
    Fr,
    /// Italy.
    It,
}

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The called party is being rung.
    Ringback,
    /// The called party is busy.
    Busy,
    /// No way through (reorder).
    Congestion,
    /// The number doesn't exist.
    Unobtainable,
}

#[cfg(test)]
impl Signal {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Ringback, Self::Busy, Self::Congestion, Self::Unobtainable];
}

impl Country {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [Self::Us, Self::Uk, Self::De, Self::Fr, Self::It];

    /// The cadence of a signal in this country.
    #[must_use]
    pub const fn cadence(self, signal: Signal) -> &'static [Part] {
        match (self, signal) {
            (Self::Us, signal) => us(signal),
            (Self::Uk, signal) => uk(signal),
            (Self::De, signal) => de(signal),
            (Self::Fr, signal) => fr(signal),
            (Self::It, signal) => it(signal),
        }
    }
}

const fn on(hertz: f32, ms: u32) -> Part {
    Part::one(hertz, -10.0, ms)
}

const fn off(ms: u32) -> Part {
    Part::pause(ms)
}

/// The special information tone of E.180: three tones of a third of a second, and a second of silence.
const SIT: &[Part] = &[on(950.0, 330), on(1_400.0, 330), on(1_800.0, 330), off(1_000)];

const fn us(signal: Signal) -> &'static [Part] {
    match signal {
        Signal::Ringback => const { &[Part::two(440.0, 480.0, -19.0, 2_000), off(4_000)] },
        Signal::Busy => const { &[Part::two(480.0, 620.0, -24.0, 500), off(500)] },
        Signal::Congestion => const { &[Part::two(480.0, 620.0, -24.0, 250), off(250)] },
        // Vacant code.
        Signal::Unobtainable => {
            const {
                &[
                    Part::one(985.2, -14.0, 380),
                    Part::one(1_370.6, -14.0, 274),
                    Part::one(1_776.7, -14.0, 380),
                    off(1_000),
                ]
            }
        }
    }
}

const fn uk(signal: Signal) -> &'static [Part] {
    match signal {
        Signal::Ringback => {
            const {
                &[
                    Part::two(400.0, 450.0, -16.0, 400),
                    off(200),
                    Part::two(400.0, 450.0, -16.0, 400),
                    off(2_000),
                ]
            }
        }
        Signal::Busy => const { &[on(400.0, 375), off(375)] },
        Signal::Congestion => const { &[on(400.0, 400), off(350), on(400.0, 225), off(525)] },
        Signal::Unobtainable => const { &[on(400.0, 1_000)] },
    }
}

const fn de(signal: Signal) -> &'static [Part] {
    match signal {
        Signal::Ringback => const { &[on(425.0, 1_000), off(4_000)] },
        Signal::Busy => const { &[on(425.0, 480), off(480)] },
        Signal::Congestion => const { &[on(425.0, 240), off(240)] },
        Signal::Unobtainable => SIT,
    }
}

const fn fr(signal: Signal) -> &'static [Part] {
    match signal {
        Signal::Ringback => const { &[on(440.0, 1_500), off(3_500)] },
        Signal::Busy => const { &[on(440.0, 500), off(500)] },
        Signal::Congestion => const { &[on(440.0, 250), off(250)] },
        Signal::Unobtainable => SIT,
    }
}

const fn it(signal: Signal) -> &'static [Part] {
    match signal {
        Signal::Ringback => const { &[on(425.0, 1_000), off(4_000)] },
        Signal::Busy => const { &[on(425.0, 500), off(500)] },
        Signal::Congestion => const { &[on(425.0, 200), off(200)] },
        Signal::Unobtainable => SIT,
    }
}
