//! What happens during the day.

use super::Scenario;
use crate::rng::Rng;
use crate::world::{Effect, Episode, HOUR, MINUTE, Ms, Scope, World, worth};

/// Puts into the world what the scenario has.
pub(super) fn happen(scenario: Scenario, rng: &mut Rng, world: &mut World) {
    match scenario {
        Scenario::Steady | Scenario::Thin => {}
        Scenario::Outages => outages(rng, world, 8),
        Scenario::Brownouts => brownouts(rng, world, 6),
        Scenario::Liars => liars(rng, world, 3, 3),
        Scenario::Crowded => crowd(rng, world, 0.8),
        Scenario::Newcomers => {
            newcomers(rng, world);
            price_changes(rng, world, 10);
        }
        Scenario::Everything => {
            outages(rng, world, 3);
            brownouts(rng, world, 2);
            liars(rng, world, 1, 1);
            crowd(rng, world, 0.3);
            newcomers(rng, world);
            price_changes(rng, world, 5);
        }
    }
}

/// Carriers by what a call of the first class to the busiest destination is truly worth there, the best first: those that have traffic to
/// lose.
fn by_worth(world: &World) -> Vec<usize> {
    let class = &world.classes[0];
    let prices = || world.carriers.iter().filter_map(|carrier| carrier.price(0, 0));
    let cheapest = prices().fold(f64::INFINITY, f64::min);
    let utility = |index: &usize| {
        let carrier = &world.carriers[*index];
        let usual = &carrier.usual[0];
        let quality = usual.passes()
            * (1.0 - usual.lose)
            * usual.sound()
            * worth::of_wait(world.destinations[0].delay_s + usual.delay_s);
        carrier.price(0, 0).map_or(f64::NEG_INFINITY, |price| {
            class.quality * quality - class.price * worth::extra(price, cheapest)
        })
    };
    let mut order: Vec<usize> = (0..world.carriers.len()).collect();
    order.sort_by(|a, b| utility(b).total_cmp(&utility(a)));
    order
}

/// One of the best three, seven times out of ten; anyone else.
fn victim(rng: &mut Rng, order: &[usize]) -> usize {
    if rng.chance(0.7) {
        order[rng.below(3)]
    } else {
        order[rng.below(order.len())]
    }
}

fn scope(rng: &mut Rng) -> Scope {
    if rng.chance(0.6) {
        Scope::All
    } else {
        Scope::Only(0)
    }
}

/// An episode of this effect at some time of the day, if the carrier has none about then.
fn put(rng: &mut Rng, world: &mut World, carrier: usize, lasts: Ms, effect: Effect) {
    let scope = scope(rng);
    let from = rng.between(4.0 * HOUR as f64, 22.0 * HOUR as f64) as Ms;
    let episode = Episode {
        from,
        until: from + lasts,
        scope,
        effect,
    };
    let rest = 30 * MINUTE;
    let episodes = &mut world.carriers[carrier].episodes;
    let free = episodes
        .iter()
        .all(|other| other.until + rest < episode.from || episode.until + rest < other.from);
    if free {
        episodes.push(episode);
    }
}

fn minutes(rng: &mut Rng, least: f64, most: f64) -> Ms {
    (rng.between(least, most) * MINUTE as f64) as Ms
}

fn outages(rng: &mut Rng, world: &mut World, many: usize) {
    let order = by_worth(world);
    for _ in 0..many {
        let carrier = victim(rng, &order);
        let lasts = minutes(rng, 15.0, 180.0);
        let part = if rng.chance(0.6) {
            1.0
        } else {
            rng.between(0.7, 1.0)
        };
        let effect = if rng.chance(0.6) {
            Effect::Refuses(part)
        } else {
            Effect::Silent(part)
        };
        put(rng, world, carrier, lasts, effect);
    }
}

fn brownouts(rng: &mut Rng, world: &mut World, many: usize) {
    let order = by_worth(world);
    for _ in 0..many {
        let carrier = victim(rng, &order);
        let lasts = minutes(rng, 60.0, 300.0);
        let effect = match rng.below(5) {
            0 | 1 => Effect::Loses(rng.between(0.45, 0.7)),
            2 | 3 => Effect::Sounds(rng.between(0.4, 0.6)),
            _ => Effect::Slow(rng.between(5.0, 10.0)),
        };
        put(rng, world, carrier, lasts, effect);
    }
}

/// `all_day` carriers that are cheap since they lie, and `for_hours` good ones that begin to.
fn liars(rng: &mut Rng, world: &mut World, all_day: usize, for_hours: usize) {
    let order = by_worth(world);
    for _ in 0..all_day {
        let carrier = &mut world.carriers[2 + rng.below(order.len() - 2)];
        let part = rng.between(0.2, 0.5);
        let cheap = rng.between(0.55, 0.75);
        for usual in &mut carrier.usual {
            usual.lie = part;
        }
        for steps in &mut carrier.prices {
            for (_, price) in steps {
                *price = (*price * cheap * 10_000.0).ceil() / 10_000.0;
            }
        }
    }
    for _ in 0..for_hours {
        let carrier = victim(rng, &order);
        let lasts = minutes(rng, 90.0, 360.0);
        let part = rng.between(0.3, 0.6);
        put(rng, world, carrier, lasts, Effect::Lies(part));
    }
}

/// Limits, such that the best carriers can't take all of the peak: `part` of the carriers has one, half of these have not told.
fn crowd(rng: &mut Rng, world: &mut World, part: f64) {
    let order = by_worth(world);
    let talk: f64 = world.destinations.iter().map(|to| to.part * to.talk_s).sum();
    let talk = talk / world.destinations.iter().map(|to| to.part).sum::<f64>();
    // Calls at once at the busiest time: arrivals by their mean duration (Little), ringing included.
    let at_once = world.calls_per_day / 86_400.0 * 2.0 * (0.6 * talk + 12.0);
    for carrier in order {
        if rng.chance(part) {
            let limit = (at_once * rng.between(0.1, 0.45)) as u32;
            if rng.chance(0.5) {
                world.carriers[carrier].max_calls = Some(limit.max(5));
            } else {
                world.carriers[carrier].hidden_calls = Some(limit.max(5));
            }
        }
    }
}

/// Three carriers are added during the day: a good offer, a cheap bad one, and one that comes as it may.
fn newcomers(rng: &mut Rng, world: &mut World) {
    let order = by_worth(world);
    let late = |rng: &mut Rng| (rng.between(3.0, 18.0) * HOUR as f64) as Ms;
    // The first carrier is the cheap bad one; one of the best two; anyone.
    world.carriers[0].enters = late(rng);
    let good = order[rng.below(2)];
    if good != 1 {
        world.carriers[good].enters = late(rng);
    }
    let any = 2 + rng.below(world.carriers.len() - 2);
    world.carriers[any].enters = late(rng);
    // Whoever enters may be left with no seller for a destination; the second carrier sells all and is always there.
    world.carriers[1].enters = 0;
}

/// So many times a carrier's prices change, by up to two fifths.
fn price_changes(rng: &mut Rng, world: &mut World, many: usize) {
    for _ in 0..many {
        let carrier = rng.below(world.carriers.len());
        let from = rng.between(2.0 * HOUR as f64, 22.0 * HOUR as f64) as Ms;
        let factor = rng.lognormal(1.0, 0.2).clamp(0.6, 1.6);
        for steps in &mut world.carriers[carrier].prices {
            let Some(&(_, last)) = steps.iter().rev().find(|(at, _)| *at <= from) else {
                continue;
            };
            let price = (last * factor * 10_000.0).ceil() / 10_000.0;
            steps.push((from, price));
            steps.sort_by_key(|(at, _)| *at);
        }
    }
}
