//! Scenarios: how a world is made from a seed. They were committed before the learner was written, so that it could not be the other way
//! round.
//!
//! Every world has a cheap carrier that is bad and a dear one that is good, carriers in between whose quality goes with their price loosely,
//! routes that are worse than their carrier, slow drift, one destination that is busy and many that are thin, three classes that weigh
//! price and quality differently, and traffic by the hour there. What else happens is the scenario's.

mod events;
mod people;
mod places;

use crate::rng::Rng;
use crate::world::{Class, HOUR, Ms, World};
use std::fmt;
use std::str::FromStr;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Nothing in particular: quality drifts.
    Steady,
    /// Carriers fail from one moment to the next, refusing calls or saying nothing, and come back.
    Outages,
    /// Carriers lose half of the calls that would be answered, or half of their MOS, for hours.
    Brownouts,
    /// Cheap carriers answer calls themselves, all day or for some hours.
    Liars,
    /// Forty destinations, most of them with few calls, and many routes worse than their carrier.
    Thin,
    /// Carriers take fewer calls than there are: some have said how many, some have not.
    Crowded,
    /// Carriers are added during the day, and prices change.
    Newcomers,
    /// Some of all of that.
    Everything,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::Outages,
        Self::Brownouts,
        Self::Liars,
        Self::Thin,
        Self::Crowded,
        Self::Newcomers,
        Self::Everything,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Outages => "outages",
            Self::Brownouts => "brownouts",
            Self::Liars => "liars",
            Self::Thin => "thin",
            Self::Crowded => "crowded",
            Self::Newcomers => "newcomers",
            Self::Everything => "everything",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no scenario of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoScenario(String);

impl fmt::Display for NoScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        write!(
            f,
            "there is no scenario {:?}; there are {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for NoScenario {}

impl FromStr for Scenario {
    type Err = NoScenario;
    fn from_str(name: &str) -> Result<Self, NoScenario> {
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| NoScenario(name.to_owned()))
    }
}

/// A whole day.
pub const DAY: Ms = 24 * HOUR;

/// The classes of service of all worlds.
fn classes() -> Vec<Class> {
    let class = |name, part, quality, explore_money| Class {
        name,
        part,
        quality,
        price: 1.0 - quality,
        explore_calls: 0.03,
        explore_money,
    };
    // A day of calls costs some thousands; all exploring together about a hundredth of that.
    vec![
        class("conversational", 0.5, 0.80, 40.0),
        class("verification", 0.3, 0.65, 24.0),
        class("notification", 0.2, 0.45, 16.0),
    ]
}

impl Scenario {
    /// Its world of this seed, the first `length` of a day long (what happens is the same in a shorter one, as far as it goes).
    pub fn world(self, seed: u64, length: Ms) -> World {
        let mut rng = Rng::of(seed, self as u64 + 1);
        let calls_per_day = match self {
            Self::Thin => 160_000.0,
            Self::Crowded => 260_000.0,
            Self::Steady
            | Self::Outages
            | Self::Brownouts
            | Self::Liars
            | Self::Newcomers
            | Self::Everything => 200_000.0,
        };
        let destinations = people::destinations(self, &mut rng);
        let carriers = people::carriers(self, &mut rng, &destinations);
        let mut world = World {
            seed: seed ^ ((self as u64 + 1) << 32),
            length,
            calls_per_day,
            classes: classes(),
            destinations,
            carriers,
        };
        events::happen(self, &mut rng, &mut world);
        world
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calls;

    #[test]
    fn every_scenario_has_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse(), Ok(scenario));
        }
        let unknown = "stormy".parse::<Scenario>().unwrap_err().to_string();
        assert!(unknown.contains("outages, brownouts"), "{unknown}");
    }

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_another() {
        for scenario in Scenario::ALL {
            let describe = |seed| format!("{:?}", scenario.world(seed, DAY));
            assert_eq!(describe(3), describe(3));
            assert_ne!(describe(3), describe(4));
        }
    }

    #[test]
    fn worlds_have_what_is_said_of_them() {
        for scenario in Scenario::ALL {
            for seed in 0..20 {
                let world = scenario.world(seed, DAY);
                assert!((8..=20).contains(&world.carriers.len()), "{scenario} {seed}");
                let first = &world.destinations[0];
                let busy = first.part / world.destinations.iter().map(|to| to.part).sum::<f64>();
                assert!(busy > 0.2, "{scenario} {seed}: {busy}");
                let parts: f64 = world.classes.iter().map(|class| class.part).sum();
                assert!((parts - 1.0).abs() < 1e-9);
                for destination in 0..world.destinations.len() {
                    let sellers = world
                        .carriers
                        .iter()
                        .filter(|carrier| carrier.price(destination, 0).is_some());
                    assert!(sellers.count() >= 3, "{scenario} {seed}");
                }
            }
        }
    }

    #[test]
    fn a_day_has_its_calls_in_order_and_fewer_at_night() {
        let world = Scenario::Steady.world(1, DAY);
        let calls = calls(&world);
        let off = calls.len() as f64 / world.calls_per_day;
        assert!((0.97..1.03).contains(&off), "{off}");
        assert!(calls.is_sorted_by_key(|call| call.at));
        let busy = calls.iter().filter(|call| call.destination == 0);
        let zone = world.destinations[0].zone_h;
        let by_hour = busy.fold([0_u32; 24], |mut hours, call| {
            let hour = (call.at as f64 / HOUR as f64 + zone).rem_euclid(24.0);
            hours[hour as usize] += 1;
            hours
        });
        assert!(by_hour[3] * 5 < by_hour[15], "{by_hour:?}");
    }
}
