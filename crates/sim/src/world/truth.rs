//! How a carrier truly is, at each moment.

use super::worth;
use super::{MINUTE, Ms, World};
use std::f64::consts::TAU;

/// How a carrier treats calls to one destination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Probability that it refuses: 503 and the like, after a while.
    pub refuse: f64,
    /// Probability that it says nothing at all.
    pub silent: f64,
    /// Probability that a call which the called party would have answered ends as if that were busy or away.
    pub lose: f64,
    /// Probability that it answers a call itself.
    pub lie: f64,
    /// Probability that of an answered call nothing is heard.
    pub dead: f64,
    /// Mean MOS of its sound.
    pub mos: f64,
    /// Seconds that it adds until it rings.
    pub delay_s: f64,
}

/// Deviation of a call's MOS around the carrier's mean.
pub(super) const MOS_SPREAD: f64 = 0.25;

impl Condition {
    /// The probability that an attempt comes to an end that is the call's.
    pub fn passes(&self) -> f64 {
        (1.0 - self.refuse - self.silent).max(0.0)
    }

    /// The mean worth of its sound (five-point Gauss-Hermite over the spread).
    pub fn sound(&self) -> f64 {
        const NODES: [(f64, f64); 5] = [
            (-2.856_970, 0.011_257),
            (-1.355_626, 0.222_076),
            (0.0, 0.533_333),
            (1.355_626, 0.222_076),
            (2.856_970, 0.011_257),
        ];
        let at = |(z, weight): &(f64, f64)| weight * worth::of_sound(self.mos + z * MOS_SPREAD);
        NODES.iter().map(at).sum()
    }

    fn wavered(mut self, by: f64) -> Self {
        self.refuse *= 1.0 + 0.5 * by;
        self.silent *= 1.0 + 0.5 * by;
        self.lose += 0.04 * by;
        self.mos -= 0.15 * by;
        self.delay_s *= 1.0 + 0.2 * by;
        self
    }

    fn bounded(mut self) -> Self {
        self.silent = self.silent.clamp(0.0, 1.0);
        self.refuse = self.refuse.clamp(0.0, 1.0 - self.silent);
        for probability in [&mut self.lose, &mut self.lie, &mut self.dead] {
            *probability = probability.clamp(0.0, 1.0);
        }
        self.mos = self.mos.clamp(1.0, 4.41);
        self.delay_s = self.delay_s.max(0.0);
        self
    }
}

/// Slow ups and downs: two waves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drift {
    /// Height, period in hours and phase of each wave.
    pub waves: [(f64, f64, f64); 2],
}

impl Drift {
    /// Between minus and plus the sum of the heights; above 0 is worse.
    pub fn at(&self, at: Ms) -> f64 {
        let hours = at as f64 / super::HOUR as f64;
        let wave = |(height, period, phase): &(f64, f64, f64)| {
            if *period > 0.0 {
                height * (TAU * hours / period + phase).sin()
            } else {
                0.0
            }
        };
        self.waves.iter().map(wave).sum()
    }
}

/// What an episode touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that the carrier does.
    All,
    /// One destination.
    Only(usize),
}

impl Scope {
    /// Whether calls to this destination are touched.
    pub fn has(self, destination: usize) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == destination,
        }
    }
}

/// What becomes of a carrier for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// It refuses this part of all calls (503).
    Refuses(f64),
    /// It says nothing to this part of all calls.
    Silent(f64),
    /// This part of the calls that would have been answered is lost: 0.5 halves its ASR.
    Loses(f64),
    /// Its MOS is this part of the usual one.
    Sounds(f64),
    /// It answers this part of all calls itself.
    Lies(f64),
    /// It takes so many seconds longer.
    Slow(f64),
}

impl Effect {
    /// What it is, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuses(_) => "refuses",
            Self::Silent(_) => "silent",
            Self::Loses(_) => "loses",
            Self::Sounds(_) => "sounds bad",
            Self::Lies(_) => "lies",
            Self::Slow(_) => "slow",
        }
    }
}

/// An effect, for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// Begins.
    pub from: Ms,
    /// Is over.
    pub until: Ms,
    /// Where.
    pub scope: Scope,
    /// What.
    pub effect: Effect,
}

impl Episode {
    fn apply(&self, condition: &mut Condition) {
        match self.effect {
            Effect::Refuses(part) => condition.refuse = part + (1.0 - part) * condition.refuse,
            Effect::Silent(part) => condition.silent = part + (1.0 - part) * condition.silent,
            Effect::Loses(part) => condition.lose = part + (1.0 - part) * condition.lose,
            Effect::Sounds(part) => condition.mos *= part,
            Effect::Lies(part) => condition.lie = part + (1.0 - part) * condition.lie,
            Effect::Slow(seconds) => condition.delay_s += seconds,
        }
    }
}

/// How often the slow waves move.
const STEP: Ms = MINUTE;

#[derive(Debug, Clone, Copy)]
struct Kept {
    until: Ms,
    condition: Condition,
    sound: f64,
}

/// The condition of every carrier towards every destination, as time goes on.
#[derive(Debug)]
pub struct Truth<'w> {
    world: &'w World,
    kept: Vec<Kept>,
}

impl<'w> Truth<'w> {
    /// Of a world.
    pub fn new(world: &'w World) -> Self {
        let nothing = Kept {
            until: 0,
            condition: Condition {
                refuse: 1.0,
                silent: 0.0,
                lose: 0.0,
                lie: 0.0,
                dead: 0.0,
                mos: 1.0,
                delay_s: 0.0,
            },
            sound: 0.0,
        };
        Self {
            world,
            kept: vec![nothing; world.carriers.len() * world.destinations.len()],
        }
    }

    /// How a carrier is towards a destination now. Time does not go back.
    pub fn at(&mut self, carrier: usize, destination: usize, now: Ms) -> Condition {
        self.kept(carrier, destination, now).condition
    }

    /// The same, and the mean worth of its sound.
    pub fn with_sound(&mut self, carrier: usize, destination: usize, now: Ms) -> (Condition, f64) {
        let kept = self.kept(carrier, destination, now);
        (kept.condition, kept.sound)
    }

    fn kept(&mut self, carrier: usize, destination: usize, now: Ms) -> Kept {
        let place = carrier * self.world.destinations.len() + destination;
        if self.kept[place].until <= now {
            self.kept[place] = self.look(carrier, destination, now);
        }
        self.kept[place]
    }

    fn look(&self, carrier: usize, destination: usize, now: Ms) -> Kept {
        let carrier = &self.world.carriers[carrier];
        let step = now / STEP * STEP;
        let mut until = step + STEP;
        let mut condition = carrier.usual[destination].wavered(carrier.drift.at(step));
        for episode in carrier
            .episodes
            .iter()
            .filter(|episode| episode.scope.has(destination))
        {
            for edge in [episode.from, episode.until] {
                if edge > now {
                    until = until.min(edge);
                }
            }
            if (episode.from..episode.until).contains(&now) {
                episode.apply(&mut condition);
            }
        }
        let condition = condition.bounded();
        Kept {
            until,
            condition,
            sound: condition.sound(),
        }
    }
}
