//! What classes and the operator ask of the learner.

use crate::deck::Money;
use crate::learn::{Explore, Floors, Policy, Weights};
use crate::quality::Settings;
use config::{Class, Config, Routing};

/// Settings, and every class with its policy.
#[derive(Debug)]
pub(crate) struct Learning {
    pub(crate) settings: Settings,
    classes: Box<[(Box<str>, Policy)]>,
}

/// Calls without a class go by price; what comes of them is kept.
const CLASSLESS: &str = "";

impl Learning {
    pub(super) fn build(config: &Config) -> Self {
        let of = |class: &Class| (class.name.as_str().into(), policy(class));
        let none = Policy {
            learns: false,
            ..Policy::default()
        };
        Self {
            settings: settings(&config.routing),
            classes: config
                .classes
                .iter()
                .map(of)
                .chain([(CLASSLESS.into(), none)])
                .collect(),
        }
    }

    /// What each class asks, in their order; the last is that of calls without one.
    pub(crate) fn policies(&self) -> Vec<(&str, Policy)> {
        self.classes
            .iter()
            .map(|(name, policy)| (&**name, *policy))
            .collect()
    }

    pub(crate) fn names(&self) -> Box<[Box<str>]> {
        self.classes.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What a class asks, by its place.
    pub(crate) fn policy(&self, class: u16) -> Option<&Policy> {
        self.classes.get(usize::from(class)).map(|(_, policy)| policy)
    }
}

fn settings(keys: &Routing) -> Settings {
    Settings {
        learns: keys.learn,
        half_life: keys.half_life,
        min_attempts: keys.min_attempts,
        memory: keys.memory,
        noise: keys.noise as f32,
        probe_every: keys.probe_every,
        slow_start: keys.slow_start,
    }
}

fn policy(class: &Class) -> Policy {
    let share = |part: Option<f64>| part.map(|part| part as f32);
    Policy {
        weights: Weights::of(class.objective.quality, class.objective.price),
        floors: Floors {
            asr: share(class.floors.asr),
            ner: share(class.floors.ner),
            mos: share(class.floors.mos),
            pdd_s: class.floors.pdd.map(|pdd| pdd.as_secs_f32()),
        },
        explore: Explore {
            // At most a million of them.
            calls_ppm: (class.explore.calls * 1e6) as u32,
            money_per_day: Some(Money::from_units(class.explore.money)),
        },
        learns: class.learn,
    }
}
