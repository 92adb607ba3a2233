//! What becomes of one attempt.

use super::truth::MOS_SPREAD;
use super::{Call, Condition, Ms, TRYING, Unanswered};
use crate::rng::{mix, unit};

/// How one attempt ends. Times are since it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// A failure of the network.
    Refused {
        /// SIP status.
        status: u16,
        /// When.
        after: Ms,
    },
    /// Not a word until the timer of the attempt runs out.
    Silent {
        /// When.
        after: Ms,
    },
    /// It ends as if by the called party, and perhaps it is.
    Unanswered {
        /// SIP status; 487 where the caller has given up.
        status: u16,
        /// When it rang, or was known to be busy.
        told: Ms,
        /// Whether it rang.
        rang: bool,
        /// When it ended.
        after: Ms,
    },
    /// It is answered.
    Answered {
        /// By whom.
        by: Party,
        /// When it rang.
        told: Ms,
        /// When it was answered.
        after: Ms,
        /// How long the call lasts from then on.
        talks: Ms,
        /// How it sounds; `None`: nothing is heard.
        mos: Option<f64>,
    },
}

/// Who has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The called party.
    Called,
    /// The carrier, with a tone or a recording.
    Recording,
    /// The carrier, with nothing.
    Nobody,
}

/// The draws of a call at one carrier: the same whenever and after whatever it gets there.
struct Draws(u64);

impl Draws {
    fn unit(&self, which: u64) -> f64 {
        unit(mix(self.0 ^ mix(which)))
    }

    fn normal(&self, which: u64) -> f64 {
        // Twelve uniform numbers make a normal one, near enough for sound and delays.
        (0..12)
            .map(|part| self.unit(which * 64 + part + 1_000))
            .sum::<f64>()
            - 6.0
    }
}

/// What becomes of a call at a carrier that is in this condition; `full`: it has as many calls as it takes.
pub fn fate(call: &Call, carrier: usize, condition: &Condition, delay_s: f64, full: bool) -> Fate {
    let draws = Draws(call.seed ^ mix(carrier as u64 + 1));
    let network = draws.unit(0);
    if full || network < condition.refuse {
        return Fate::Refused {
            status: *pick(&[503, 503, 503, 500, 502, 504], draws.unit(1)),
            // It has asked others before.
            after: (2_000.0 * (0.6 * draws.normal(2)).exp()).clamp(50.0, 15_000.0) as Ms,
        };
    }
    if network < condition.refuse + condition.silent {
        return Fate::Silent { after: TRYING };
    }
    let own = condition.delay_s * (0.3 * draws.normal(3)).exp();
    if draws.unit(4) < condition.lie {
        return lie(&draws, own);
    }
    let told = ((delay_s * (0.2 * draws.normal(5)).exp() + own) * 1000.0) as Ms;
    if let Some(why) = call.unanswered {
        return unanswered(call, why, told);
    }
    if draws.unit(6) < condition.lose {
        let (status, rang) = *pick(
            &[(486, false), (480, false), (480, true), (404, false)],
            draws.unit(7),
        );
        let rings = if rang { (call.rings * 3).max(15_000) } else { 0 };
        return Fate::Unanswered {
            status,
            told,
            rang,
            after: told + rings,
        };
    }
    let dead = draws.unit(8) < condition.dead;
    let mos = (condition.mos + MOS_SPREAD * draws.normal(9)).clamp(1.0, 4.41);
    let talks = if dead {
        call.talks.min(3_000 + (12_000.0 * draws.unit(10)) as Ms)
    } else if mos < 2.5 {
        // They give up.
        call.talks / 2
    } else {
        call.talks
    };
    Fate::Answered {
        by: Party::Called,
        told,
        after: told + call.rings,
        talks,
        mos: (!dead).then_some(mos),
    }
}

/// A false answer: soon, and the caller hangs up when that is clear.
fn lie(draws: &Draws, own_s: f64) -> Fate {
    let told = ((1.0 + own_s) * 1000.0) as Ms;
    let recording = draws.unit(20) < 0.6;
    Fate::Answered {
        by: if recording {
            Party::Recording
        } else {
            Party::Nobody
        },
        told,
        after: told + 2_000 + (6_000.0 * draws.unit(21)) as Ms,
        talks: (7_000.0 * (0.5 * draws.normal(22)).exp()).clamp(2_000.0, 60_000.0) as Ms,
        mos: recording
            .then_some(4.0 + 0.2 * draws.normal(23))
            .map(|mos| mos.min(4.41)),
    }
}

fn unanswered(call: &Call, why: Unanswered, told: Ms) -> Fate {
    let (status, rang) = match why {
        Unanswered::Busy => (486, false),
        Unanswered::Unallocated => (404, false),
        Unanswered::Away => (480, false),
        Unanswered::NoAnswer => (487, true),
    };
    Fate::Unanswered {
        status,
        told,
        rang,
        after: told + call.rings,
    }
}

fn pick<T>(from: &[T], chance: f64) -> &T {
    &from[(chance * from.len() as f64) as usize]
}
