//! Who calls where and when.

use super::{Ms, World};
use crate::rng::{Rng, mix};
use std::f64::consts::TAU;

/// Why a call that is put through is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// 486.
    Busy,
    /// It rings until the caller gives up.
    NoAnswer,
    /// 404: nobody has the number.
    Unallocated,
    /// 480: switched off.
    Away,
}

/// A call, as the caller makes it and the called party takes it: the same under every policy.
#[derive(Debug, Clone)]
pub struct Call {
    /// What its chance comes from.
    pub seed: u64,
    /// When it comes.
    pub at: Ms,
    /// Index into the world's destinations.
    pub destination: usize,
    /// Index into the world's classes.
    pub class: usize,
    /// The called number in E.164 with `+`.
    pub number: String,
    /// `None`: the called party answers.
    pub unanswered: Option<Unanswered>,
    /// How long it rings.
    pub rings: Ms,
    /// How long they talk, if nothing is the matter.
    pub talks: Ms,
    /// How long the caller waits for it to ring.
    pub patience: Ms,
}

/// From 0 in the small hours to 1 at the busiest time of the day there.
pub(super) fn daylight(zone_h: f64, at: Ms) -> f64 {
    let hour = at as f64 / super::HOUR as f64 + zone_h;
    // Lowest at 3:30, highest at 15:30.
    let wave = 0.5 - 0.5 * (TAU * (hour - 3.5) / 24.0).cos();
    wave.powf(1.5)
}

/// Traffic by the hour there: a day's mean is 1.
fn load(zone_h: f64, at: Ms) -> f64 {
    // The mean of `daylight` is 0.4244.
    (0.08 + daylight(zone_h, at)) / 0.5044
}

/// The most that [`load`] comes to.
const PEAK: f64 = 1.08 / 0.5044;

/// All calls of the day, in order: a Poisson process per destination, by the hour there.
pub fn calls(world: &World) -> Vec<Call> {
    let mut rng = Rng::of(world.seed, 0x0ca1_15ed);
    let whole: f64 = world.destinations.iter().map(|to| to.part).sum();
    let gap_ms = 86_400_000.0 / (world.calls_per_day * PEAK);
    let mut calls = Vec::with_capacity((world.calls_per_day * 1.1) as usize);
    let mut at = 0.0;
    loop {
        at += rng.exponential(gap_ms);
        let now = at as Ms;
        if now >= world.length {
            return calls;
        }
        let mut pick = rng.unit() * whole;
        let chosen = world.destinations.iter().position(|to| {
            pick -= to.part;
            pick < 0.0
        });
        let destination = chosen.unwrap_or(0);
        if rng.chance(load(world.destinations[destination].zone_h, now) / PEAK) {
            calls.push(call(world, &mut rng, now, destination));
        }
    }
}

fn call(world: &World, rng: &mut Rng, at: Ms, destination: usize) -> Call {
    let to = &world.destinations[destination];
    let mut pick = rng.unit();
    let class = world.classes.iter().position(|class| {
        pick -= class.part;
        pick < 0.0
    });
    let unanswered = (!rng.chance(world.answered(destination, at))).then(|| match rng.unit() {
        p if p < 0.30 => Unanswered::Busy,
        p if p < 0.80 => Unanswered::NoAnswer,
        p if p < 0.90 => Unanswered::Unallocated,
        _ => Unanswered::Away,
    });
    let rings = match unanswered {
        None => rng.lognormal(7_000.0, 0.6).min(45_000.0),
        Some(Unanswered::NoAnswer) => rng.between(20_000.0, 45_000.0),
        Some(Unanswered::Busy | Unanswered::Unallocated | Unanswered::Away) => 0.0,
    };
    // Some conversations are short by themselves: a machine answers, a wrong number.
    let talks = if rng.chance(0.06) {
        rng.between(2.0, 10.0)
    } else {
        10.0 + rng.exponential(to.talk_s - 10.0)
    };
    let missing = 11_usize.saturating_sub(to.prefix.len());
    let rest: String = (0..missing)
        .map(|_| char::from(b'0' + rng.below(10) as u8))
        .collect();
    Call {
        seed: mix(rng.bits()),
        at,
        destination,
        class: class.unwrap_or(0),
        number: format!("+{}{rest}", to.prefix),
        unanswered,
        rings: rings as Ms,
        talks: (talks * 1000.0) as Ms,
        patience: rng.lognormal(20_000.0, 0.4).max(6_000.0) as Ms,
    }
}
