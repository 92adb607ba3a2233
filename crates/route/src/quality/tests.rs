use super::*;
use crate::learn::{Change, Explore, Floor, Floors, Weights};

mod keeping;
mod learning;
mod turns;

const LONDON: &str = "+442079460000";
const BERLIN: &str = "+493012345678";

/// Two classes, some trunks, and time that passes.
struct Bed {
    quality: Quality,
    now: Instant,
    /// For outcomes that come by chance.
    seed: u64,
}

fn policy() -> Policy {
    Policy {
        weights: Weights::of(0.8, 0.2),
        explore: Explore {
            calls_ppm: 50_000,
            money_per_day: None,
        },
        ..Policy::default()
    }
}

impl Bed {
    fn new() -> Self {
        Self::with(&[("talk", policy()), ("notify", policy())])
    }

    fn with(classes: &[(&str, Policy)]) -> Self {
        let now = Instant::now();
        let mut quality = Quality::new(now);
        quality.configure(now, Settings::default(), classes);
        for (slot, name) in ["carrier-a", "carrier-b", "carrier-c"].into_iter().enumerate() {
            quality.set_trunk(slot as u32, name);
        }
        let seed = 1;
        Self { quality, now, seed }
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.quality.tick(self.now);
        }
    }

    fn chance(&mut self, of: f32) -> bool {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.seed >> 40) as f32 / (1_u32 << 24) as f32) < of
    }

    fn attempt(&mut self, slot: u32, number: &str, ending: Ending) {
        let pdd = match ending {
            Ending::Network(_) | Ending::Silent => None,
            Ending::Answered | Ending::User(_) | Ending::GivenUp => Some(Duration::from_secs(2)),
        };
        let result = AttemptResult { ending, pdd };
        self.quality
            .note_attempt(self.now, slot, Destination::of(number), 0, &result);
    }

    /// A second passes, and an attempt that comes through is answered with this probability.
    fn attempts(&mut self, slot: u32, number: &str, many: u32, answered: f32) {
        for _ in 0..many {
            self.pass(1);
            let ending = if self.chance(answered) {
                Ending::Answered
            } else {
                Ending::User(486)
            };
            self.attempt(slot, number, ending);
        }
    }

    /// An answered call is over.
    fn call(&mut self, slot: u32, number: &str, result: CallResult) {
        self.quality
            .note_call(self.now, slot, Destination::of(number), 0, &result);
    }

    fn estimate(&self, slot: u32, number: &str) -> crate::learn::Estimate {
        self.quality.row(Destination::of(number), 0).estimate(slot)
    }

    fn told(&mut self) -> Vec<String> {
        self.quality.events().map(|event| event.to_string()).collect()
    }
}

fn good_call() -> CallResult {
    CallResult {
        talk: Duration::from_secs(90),
        mos: Some(4.2),
        loss: Some(0.001),
        jitter: Some(Duration::from_millis(3)),
        false_answer: Some(false),
        dead_air: Some(false),
    }
}
