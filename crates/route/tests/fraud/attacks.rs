//! Attacks, replayed: when they are cut, and what is lost until then.

use crate::seeds;
use crate::world::{DAY, Dial, HOUR, MINUTE, Office, Random, SECOND, STRICT, WEEK, World, customers, work};
use route::fraud::Rule;

/// An hour of revenue share fraud: who has a PBX's password dials one country, `pace` milliseconds apart, in ranges that pay, and
/// holds each call for as long as it can.
fn irsf(seed: u64, country: &str, pace: u64, price: f64) -> Vec<(u64, Dial)> {
    let mut random = Random(seed ^ 0xf4a0d);
    let ranges: Vec<u64> = (0..3).map(|_| 10_000 + random.below(50_000)).collect();
    let mut at = 0;
    let mut trace = Vec::new();
    while at < HOUR {
        let range = ranges[random.below(3) as usize];
        let number = format!("+{country}{range}{:03}", random.below(1000));
        let talks = 10 * MINUTE + random.below(30 * MINUTE);
        let answered = random.chance(0.9);
        let dial = Dial {
            caller: format!("+4420718380{:02}", random.below(3)),
            rings: SECOND + random.below(3 * SECOND),
            talks: answered.then_some(talks),
            ..Dial::out("pbx", &number, price, 0)
        };
        trace.push((at, dial));
        at += pace / 2 + random.below(pace);
    }
    trace
}

/// Weeks that are learned.
const WEEKS: u64 = 2;

/// A PBX that has worked for some weeks, with another customer beside it.
fn learned(seed: u64, keys: &str) -> (World, Vec<Office>) {
    let mut world = World::new(&customers(keys, &["pbx", "centre"]));
    let mut offices = vec![
        Office::small("pbx", seed),
        Office::call_centre("centre", seed + 1),
    ];
    offices[1].busiest = 60.0;
    world.every = MINUTE;
    work(&mut world, &mut offices, WEEKS * WEEK, 1.0);
    world.every = SECOND;
    (world, offices)
}

/// Replays a trace from now on, with the offices at work: after each minute of theirs its calls come at once.
fn replay(world: &mut World, offices: &mut [Office], trace: &[(u64, Dial)], time: u64) {
    let start = world.now;
    let mut trace = trace.iter().peekable();
    while world.now < start + time {
        work(world, offices, (world.now + MINUTE).min(start + time), 1.0);
        while let Some((_, dial)) = trace.next_if(|(at, _)| start + at <= world.now) {
            let _ = world.dial(dial.clone());
        }
    }
}

/// Replays a trace alone.
fn attack(world: &mut World, trace: &[(u64, Dial)]) {
    let start = world.now;
    for (at, dial) in trace {
        world.run(start + at);
        let _ = world.dial(dial.clone());
    }
    world.run(world.now + MINUTE);
}

#[test]
fn a_replayed_irsf_attack_is_cut_within_ten_seconds_and_costs_little() {
    for seed in seeds(4, 60) {
        let (ready, _) = learned(seed, STRICT);
        assert_eq!(ready.events, []);
        for (country, pace, price) in [
            ("381", 500, 0.45),
            ("371", 400, 0.60),
            ("252", 1_000, 0.90),
            ("881", 300, 5.0),
        ] {
            let mut world = ready.clone();
            let (before, honest) = (world.tale("pbx"), world.tale("centre"));
            // Tuesday, ten past two at night, or noon: it makes no difference.
            let hour = if seed % 2 == 0 { 26 } else { 36 };
            world.run(WEEKS * WEEK + hour * HOUR + 10 * MINUTE);
            let start = world.now;
            attack(&mut world, &irsf(seed, country, pace, price));
            let tale = world.tale("pbx");
            let last = tale
                .cut_last
                .unwrap_or_else(|| panic!("{seed} {country}: {tale:?}"));
            // The tenth dear call crosses the line; two seconds more for those that are slow.
            assert!(
                last - start <= 10 * pace + 10 * SECOND,
                "{seed} {country}: {}",
                last - start
            );
            let up = tale.begun - tale.refused;
            assert!(up - before.begun <= 24, "{seed} {country}: {up} {before:?}");
            // What ten calls cost in ten seconds, and not in an hour.
            let lost = tale.spent - before.spent;
            assert!(lost <= 12.0 * price * 0.4, "{seed} {country}: lost {lost}");
            let worth = irsf(seed, country, pace, price).len() as f64 * price * 20.0;
            assert!(lost < worth / 1_000.0, "{lost} of {worth}");
            assert_eq!(world.tale("centre"), honest);
            assert!(!world.told(Rule::Irsf).is_empty() || !world.told(Rule::OffHours).is_empty());
            world.finish();
        }
    }
}

#[test]
fn an_attack_amid_work_is_cut_and_the_work_goes_on() {
    for seed in seeds(2, 40) {
        let (mut world, mut offices) = learned(seed, STRICT);
        // Wednesday noon: both are busy.
        let noon = WEEKS * WEEK + 2 * DAY + 12 * HOUR;
        work(&mut world, &mut offices, noon, 1.0);
        let honest = world.tale("centre");
        assert_eq!((honest.refused, honest.cut), (0, 0));
        let trace = irsf(seed, "381", 600, 0.45);
        replay(&mut world, &mut offices, &trace, HOUR);
        let (pbx, centre) = (world.tale("pbx"), world.tale("centre"));
        assert!(pbx.cut > 0, "{pbx:?}");
        assert_eq!((centre.refused, centre.cut), (0, 0), "{:?}", world.events);
        // Only that country was blocked.
        let other = world.dial(Dial::out("pbx", "+442079460000", 0.008, MINUTE));
        assert!(other.is_ok(), "{other:?}");
        assert!(
            world
                .dial(Dial::out("pbx", "+38161123456", 0.45, MINUTE))
                .is_err()
        );
        world.finish();
    }
}

#[test]
fn calls_spread_over_many_countries_are_found_too() {
    let (mut world, _) = learned(7, STRICT);
    let countries = [
        "381", "382", "383", "385", "386", "387", "389", "355", "359", "370", "372", "373", "374", "375",
        "376", "977", "992", "993", "994", "995", "996", "998",
    ];
    world.run(WEEKS * WEEK + DAY + 12 * HOUR);
    let start = world.now;
    let mut let_through = 0;
    for n in 0..600_u64 {
        let number = format!("+{}9{:07}", countries[n as usize % countries.len()], n * 7_919);
        let_through += usize::from(world.dial(Dial::out("pbx", &number, 0.4, 30 * MINUTE)).is_ok());
        world.run(start + (n + 1) * SECOND);
    }
    let event = world.told(Rule::Irsf)[0];
    assert_eq!(event.place, "everywhere");
    assert!(let_through <= 20, "{let_through}");
    assert!(world.tale("pbx").cut >= 15);
    // What it usually calls, dear places too, goes on.
    for number in ["+442079460000", "+37161234567", "+2348012345678"] {
        assert!(
            world.dial(Dial::out("pbx", number, 0.3, MINUTE)).is_ok(),
            "{number}"
        );
    }
    world.finish();
}

#[test]
fn slow_theft_is_found_by_what_it_costs() {
    let (mut world, _) = learned(8, STRICT);
    let before = world.tale("pbx").spent;
    world.run(WEEKS * WEEK + 5 * DAY);
    let start = world.now;
    // Two lines, day and night, to somewhere dear: never ten calls in ten minutes.
    for n in 0..48 {
        world.run(start + n * 30 * MINUTE);
        for line in 0..2 {
            let number = format!("+3816112{:02}{line}5", n % 90);
            let _ = world.dial(Dial::out("pbx", &number, 0.45, 29 * MINUTE));
        }
    }
    let told = world.told(Rule::Spend);
    assert!(!told.is_empty(), "{:?}", world.events);
    let lost = world.tale("pbx").spent;
    let (found_at, _) = world
        .events
        .iter()
        .find(|(_, event)| event.rule == Rule::Spend)
        .unwrap();
    assert!(found_at - start < HOUR, "{}", found_at - start);
    // Of more than a thousand that a day of it is worth.
    assert!(lost - before < 80.0, "{lost} {before}");
    world.finish();
}

#[test]
fn after_its_block_an_attack_is_cut_again_and_blocked_for_twice_as_long() {
    let (mut world, _) = learned(9, "[fraud.irsf]\naction = \"cut\"");
    world.run(WEEKS * WEEK + DAY + 2 * HOUR);
    let trace = irsf(9, "381", 500, 0.45);
    let mut lasted = Vec::new();
    for _ in 0..6 {
        attack(&mut world, &trace[..100]);
        lasted.extend(world.told(Rule::Irsf).last().and_then(|event| event.seconds));
        let view = world.guard.view(world.moment());
        let left = view
            .blocks
            .iter()
            .map(|block| block.left_s)
            .max()
            .unwrap_or_default();
        world.run(world.now + left * SECOND);
    }
    assert_eq!(lasted, [3_600, 7_200, 14_400, 28_800, 57_600, 86_400]);
    world.finish();
}

#[test]
fn nothing_is_learned_from_a_flood() {
    let keys = STRICT.replace("action = \"cut\"", "action = \"alert\"");
    let (mut world, _) = learned(10, &keys);
    world.every = 10 * SECOND;
    world.run(WEEKS * WEEK + 2 * HOUR);
    // Every night for two weeks, and only told of.
    for night in 0..14 {
        world.run(WEEKS * WEEK + night * DAY + 2 * HOUR);
        attack(&mut world, &irsf(night, "381", 4_000, 0.45)[..300]);
    }
    let nights = world.told(Rule::Irsf).len();
    assert_eq!(nights, 14, "told of each night");
    world.finish();
}
