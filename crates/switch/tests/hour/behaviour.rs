//! How the peers of the hour behave: mostly well.

use std::time::Duration;

use testkit::Rng;
use testkit::ua::{Acks, Byes, Called, Calling, Cancels, Manners, Mid, Offering, Reinvites, Say};

fn s(rng: &mut Rng, least: u64, most: u64) -> Duration {
    rng.ms(least * 1000, most * 1000)
}

fn mid(rng: &mut Rng) -> Vec<(Duration, Mid)> {
    let mut list = Vec::new();
    match rng.below(12) {
        0 => {
            let hold = *rng.pick(&["sendonly", "inactive", "sendonly"]);
            list.push((s(rng, 1, 10), Mid::Direction(hold)));
            list.push((s(rng, 11, 30), Mid::Direction("sendrecv")));
        }
        1 => list.push((s(rng, 0, 20), Mid::Refresh)),
        2 => list.push((s(rng, 1, 20), Mid::Move)),
        3 => list.push((s(rng, 1, 20), Mid::Delayed)),
        4 => list.push((s(rng, 0, 20), Mid::Info)),
        5 => list.push((s(rng, 1, 20), Mid::Options)),
        // The same second on both sides: glare is likely.
        6 => list.push((Duration::from_secs(5), Mid::Direction("sendonly"))),
        _ => {}
    }
    list
}

fn manners(rng: &mut Rng, hangs_up: f64) -> Manners {
    let reinvites = match rng.below(20) {
        0 => Reinvites::Refuses(488),
        1 => Reinvites::Refuses(481),
        2 => Reinvites::Ignores,
        3 => Reinvites::Refuses(491),
        4 => Reinvites::Slowly(s(rng, 0, 50)),
        _ => Reinvites::Accepts,
    };
    let byes = match rng.below(30) {
        0 => Byes::Denies,
        1 => Byes::Ignores,
        2 => Byes::Challenges,
        _ => Byes::Accepts,
    };
    Manners {
        mid: mid(rng),
        hangs_up: rng.chance(hangs_up).then(|| s(rng, 0, 90)),
        dies: rng.chance(0.02).then(|| s(rng, 0, 60)),
        reinvites,
        byes,
    }
}

/// A call of the hour.
pub(super) fn calling(rng: &mut Rng) -> Calling {
    let mut calling = Calling::new(format!("+4420718{:05}", rng.below(100_000)));
    calling.offering = match rng.below(10) {
        0 => Offering::Delayed,
        1 => Offering::AudioAndVideo,
        _ => Offering::Audio,
    };
    calling.gives_up = rng.chance(0.25).then(|| rng.ms(0, 15_000));
    if calling.gives_up.is_none() && rng.chance(0.2) {
        calling.gives_up = Some(rng.ms(0, 300));
    }
    calling.by_bye = rng.chance(0.1);
    calling.acks = match rng.below(40) {
        0 => Acks::Never,
        1 => Acks::After(2),
        _ => Acks::All,
    };
    calling.manners = manners(rng, 0.6);
    if calling.manners.byes == Byes::Challenges {
        // Nobody has credentials for a customer.
        calling.manners.byes = Byes::Accepts;
    }
    calling
}

/// What becomes of a call at a carrier of the hour.
pub(super) fn called(rng: &mut Rng) -> Called {
    let mut called = Called::new(says(rng));
    called.cancels = match rng.below(10) {
        0 => Cancels::AnswersFirst,
        1 => Cancels::Denies,
        2 => Cancels::ForgetsInvite,
        _ => Cancels::Accepts,
    };
    called.challenges = rng.chance(0.1);
    called.forks = rng.chance(0.05).then(|| rng.ms(0, 10_000));
    called.deaf_to_acks = if rng.chance(0.05) { 2 } else { 0 };
    called.manners = manners(rng, 0.6);
    called
}

fn says(rng: &mut Rng) -> Vec<(Duration, Say)> {
    let trying = (rng.ms(0, 100), Say::Status(100));
    let ringing = match rng.below(4) {
        0 => Say::Status(183),
        1 => Say::RingingWithSdp,
        _ => Say::Status(180),
    };
    let ring = (rng.ms(100, 2000), ringing);
    let answer = ring.0 + rng.ms(0, 15_000);
    let refusal = *rng.pick(&[486, 404, 500, 503, 603, 480, 403, 408, 484, 488, 600, 502]);
    match rng.below(24) {
        0 => Vec::new(),
        1 => vec![trying],
        2 => vec![trying, ring],
        3 => vec![(trying.0, Say::Status(refusal))],
        4 => vec![trying, (ring.0, Say::Status(refusal))],
        5 => vec![trying, ring, (answer, Say::Status(refusal))],
        6 => vec![(trying.0, Say::Overloaded)],
        7 => vec![trying, (ring.0, Say::NoCircuit)],
        8 => vec![trying, (ring.0, Say::Redirect)],
        9 => vec![trying, ring, (answer, Say::BrokenOk)],
        10 => vec![(trying.0, Say::Status(200))],
        11 => vec![
            trying,
            (ring.0, Say::Status(183)),
            (ring.0 + rng.ms(10, 900), Say::Status(180)),
            (answer + Duration::from_secs(1), Say::Status(200)),
        ],
        12 => vec![trying, (ring.0, Say::RingingWithSdp), (answer, Say::BareOk)],
        13 => vec![trying, ring, (ring.0 + rng.ms(0, 20), Say::Status(200))],
        _ => vec![trying, ring, (answer, Say::Status(200))],
    }
}
