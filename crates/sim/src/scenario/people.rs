//! Destinations and carriers, before anything happens.

use super::Scenario;
use super::places::PLACES;
use crate::rng::Rng;
use crate::world::{Carrier, Condition, Destination, Drift};

/// Where calls go, the busiest first.
pub(super) fn destinations(scenario: Scenario, rng: &mut Rng) -> Vec<Destination> {
    let many = match scenario {
        Scenario::Thin => PLACES.len(),
        Scenario::Steady
        | Scenario::Outages
        | Scenario::Brownouts
        | Scenario::Liars
        | Scenario::Crowded
        | Scenario::Newcomers
        | Scenario::Everything => 12,
    };
    let order = rng.shuffled(PLACES.len());
    let chosen = order.iter().take(many).enumerate();
    chosen
        .map(|(rank, &place)| {
            let (name, prefix, zone_h, price) = PLACES[place];
            // The busy one has a fifth to two fifths of the calls; the others follow Zipf's law.
            let part = match rank {
                0 => rng.between(0.9, 1.5),
                _ => 1.0 / (rank as f64 + 1.0),
            };
            Destination {
                name,
                prefix,
                part,
                zone_h,
                price,
                answered: rng.between(0.45, 0.75),
                talk_s: rng.between(60.0, 200.0),
                delay_s: rng.between(0.8, 3.0),
            }
        })
        .collect()
}

/// What a carrier is like as a whole.
struct Kind {
    price: f64,
    usual: Condition,
    sells_all: bool,
}

/// Eight to twenty carriers: the first is cheap and bad, the second dear and good.
pub(super) fn carriers(scenario: Scenario, rng: &mut Rng, destinations: &[Destination]) -> Vec<Carrier> {
    let many = match scenario {
        Scenario::Crowded => 12 + rng.below(9),
        Scenario::Steady
        | Scenario::Outages
        | Scenario::Brownouts
        | Scenario::Liars
        | Scenario::Thin
        | Scenario::Newcomers
        | Scenario::Everything => 8 + rng.below(9),
    };
    let weak = if scenario == Scenario::Thin { 0.3 } else { 0.12 };
    let height = if scenario == Scenario::Steady { 0.9 } else { 0.45 };
    (0..many)
        .map(|index| {
            let kind = kind(index, rng);
            let usual = destinations.iter().map(|_| route(&kind, weak, rng)).collect();
            let prices = destinations.iter().map(|to| {
                let sold = kind.sells_all || !rng.chance(0.08);
                let price = to.price * kind.price * rng.lognormal(1.0, 0.1);
                // Decks have prices of four decimals.
                let price = (price * 10_000.0).ceil() / 10_000.0;
                if sold { vec![(0, price)] } else { Vec::new() }
            });
            Carrier {
                name: format!("carrier-{index:02}"),
                prices: prices.collect(),
                usual,
                drift: drift(height, rng),
                episodes: Vec::new(),
                enters: 0,
                max_calls: None,
                hidden_calls: None,
            }
        })
        .collect()
}

fn kind(index: usize, rng: &mut Rng) -> Kind {
    match index {
        // Cheap and bad.
        0 => Kind {
            price: rng.between(0.60, 0.75),
            usual: Condition {
                refuse: rng.between(0.05, 0.15),
                silent: rng.between(0.0, 0.02),
                lose: rng.between(0.2, 0.4),
                lie: 0.0,
                dead: rng.between(0.01, 0.04),
                mos: rng.between(3.2, 3.7),
                delay_s: rng.between(1.0, 4.0),
            },
            sells_all: true,
        },
        // Dear and good.
        1 => Kind {
            price: rng.between(1.35, 1.7),
            usual: Condition {
                refuse: 0.003,
                silent: 0.0005,
                lose: rng.between(0.0, 0.01),
                lie: 0.0,
                dead: 0.002,
                mos: rng.between(4.2, 4.35),
                delay_s: rng.between(0.2, 0.6),
            },
            sells_all: true,
        },
        _ => usual_kind(rng),
    }
}

/// One in between: its quality goes with its price, loosely.
fn usual_kind(rng: &mut Rng) -> Kind {
    let dear = rng.normal();
    let skill = 0.4 * dear + 0.9 * rng.normal();
    Kind {
        price: (0.2 * dear).exp(),
        usual: Condition {
            refuse: 0.012 * (0.6 * rng.normal() - 0.4 * skill).exp(),
            silent: 0.002 * (0.8 * rng.normal() - 0.4 * skill).exp(),
            lose: (0.05 - 0.03 * skill + 0.03 * rng.normal()).clamp(0.0, 0.2),
            lie: 0.0,
            dead: 0.006 * (0.6 * rng.normal() - 0.4 * skill).exp(),
            mos: (4.05 + 0.12 * skill + 0.1 * rng.normal()).clamp(3.3, 4.35),
            delay_s: rng.lognormal(0.9, 0.5),
        },
        sells_all: rng.chance(0.5),
    }
}

/// One route of a carrier: as the carrier, more or less, and now and then far worse.
fn route(kind: &Kind, weak: f64, rng: &mut Rng) -> Condition {
    let mut route = kind.usual;
    route.refuse *= rng.lognormal(1.0, 0.3);
    route.lose = (route.lose + 0.015 * rng.normal()).max(0.0);
    route.mos += 0.05 * rng.normal();
    route.delay_s *= rng.lognormal(1.0, 0.2);
    if rng.chance(weak) {
        match rng.below(4) {
            0 => route.lose += rng.between(0.15, 0.45),
            1 => route.mos -= rng.between(0.6, 1.2),
            2 => route.refuse += rng.between(0.1, 0.5),
            _ => route.delay_s += rng.between(2.0, 6.0),
        }
    }
    route
}

fn drift(height: f64, rng: &mut Rng) -> Drift {
    let mut wave = || {
        (
            height * rng.unit(),
            rng.between(3.0, 20.0),
            rng.between(0.0, std::f64::consts::TAU),
        )
    };
    Drift {
        waves: [wave(), wave()],
    }
}
