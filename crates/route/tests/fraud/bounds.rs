//! Whatever comes: nothing panics, nothing grows without end, and nothing is left over.

use crate::world::{Dial, Random, SECOND, STRICT, World, config, customers};
use proptest::prelude::*;
use route::fraud::{Asked, Guard, MAX_EVENTS, Moment, Rule, Way};
use std::time::{Duration, Instant};

fn asked<'a>(trunk: &'a str, way: Way, caller: &'a str, called: &'a str) -> Asked<'a> {
    Asked {
        trunk,
        way,
        caller,
        called,
        exempt: false,
    }
}

proptest! {
    /// Calls with any numbers, in any order of what may happen to them, by any clock.
    #[test]
    fn anything_may_come_in_any_order(
        steps in proptest::collection::vec(
            (0_u8..9, 0_u64..12, "[+0-9a-z*# ]{0,24}|\\+381[0-9]{6}|\\+44207[0-9]{7}", 0_u64..100_000, any::<u64>()),
            1..200,
        ),
    ) {
        let keys = format!("[fraud]\nlearning = \"off\"\n{STRICT}\n[[fraud.ceiling]]\ncalls = 3\nmatch = \"+44*\"");
        let texts = [customers(&keys, &["pbx", "other"]), customers("", &["other"]), customers(STRICT, &["pbx"])];
        let mut guard = Guard::new();
        guard.install(&config(&texts[0]));
        let start = Instant::now();
        let mut at = 0;
        for (step, key, number, wait, unix) in steps {
            at += wait;
            let now = Moment { at: start + Duration::from_millis(at), unix_ms: unix >> 16 };
            let dear = crate::world::rate(0.5);
            match step {
                0..=2 => {
                    let way = if key % 3 == 0 { Way::In } else { Way::Out };
                    let trunk = ["pbx", "other", "nobody"][key as usize % 3];
                    if guard.attempt(now, key, &asked(trunk, way, &number, &number)).is_ok() {
                        let _ = guard.priced(now, key, Some(dear).filter(|_| wait % 2 == 0));
                    }
                }
                3 => guard.answered(now, key, Some(dear)),
                4 => guard.ended(now, key, wait % 2 == 0),
                5 => drop(guard.tick(now)),
                6 => guard.handed(key, wait % 12),
                7 => guard.install(&config(&texts[wait as usize % 3])),
                _ => drop(guard.lift(now, wait % 5)),
            }
            prop_assert!(guard.view(now).events.len() <= MAX_EVENTS);
            guard.take_events();
            for (key, _) in guard.take_cuts() {
                guard.ended(now, key, false);
            }
        }
        let end = Moment { at: start + Duration::from_millis(at), unix_ms: 0 };
        for key in 0..12 {
            guard.ended(end, key, false);
        }
        prop_assert_eq!(guard.watched(), 0);
        prop_assert_eq!(guard.tick(end), None);
    }

    /// The same calls give the same answers.
    #[test]
    fn it_decides_by_what_it_is_told(seed in any::<u64>()) {
        let run = || {
            let keys = format!("[fraud]\nlearning = \"off\"\n{STRICT}");
            let mut world = World::new(&customers(&keys, &["pbx", "other"]));
            let mut random = Random(seed);
            let mut answers = Vec::new();
            for _ in 0..120 {
                let trunk = if random.chance(0.5) { "pbx" } else { "other" };
                let country = [381, 44, 252][random.below(3) as usize];
                let number = format!("+{country}{:07}", random.below(10_000_000));
                let price = random.unit();
                let talks = random.below(600 * SECOND);
                answers.push(world.dial(Dial::out(trunk, &number, price, talks)).is_ok());
                let next = world.now + random.below(3 * SECOND);
                world.run(next);
            }
            let events: Vec<String> = world.events.iter().map(|(_, event)| event.to_string()).collect();
            (answers, events, world.tales.clone())
        };
        prop_assert_eq!(run(), run());
    }
}

/// Who dials every number there is takes no memory of the guard's beyond its share, and makes nobody forgotten who is at work.
#[test]
fn a_flood_of_countries_and_names_has_its_place() {
    let mut world = World::new(&customers("", &["pbx", "other"]));
    let mut random = Random(5);
    for n in 0..30_000_u64 {
        let number = match n % 4 {
            0 => format!("+{}", random.next()),
            1 => format!("user{}", random.next()),
            2 => format!("{}", random.below(1_000_000_000)),
            _ => format!("+1{}", 2_000_000_000 + random.below(7_999_999_999)),
        };
        let _ = world.dial(Dial::out("other", &number, 0.01, SECOND));
        if n % 100 == 0 {
            world.run(world.now + SECOND);
        }
    }
    world.run(world.now + 100 * SECOND);
    let told = world.events.len();
    assert!((1..=20).contains(&told), "{told}");
    world.finish();
}

#[test]
fn an_alarm_is_told_of_once_for_a_million_calls() {
    let mut world = World::new(&customers("[fraud]\nlearning = \"off\"", &["pbx"]));
    for n in 0..20_000_u64 {
        let number = format!("+38161{:06}", n * 7_919 % 1_000_000);
        world.dial(Dial::out("pbx", &number, 0.45, 20 * SECOND)).unwrap();
        world.run(world.now + 50);
    }
    let irsf = world.told(Rule::Irsf).len();
    assert_eq!(irsf, 1);
    world.run(world.now + 1_300 * SECOND);
    for n in 0..20 {
        let number = format!("+38161{:06}", n * 7_919);
        world.dial(Dial::out("pbx", &number, 0.45, 20 * SECOND)).unwrap();
    }
    assert_eq!(
        world.told(Rule::Irsf).len(),
        2,
        "it was over, and has begun again"
    );
    world.finish();
}
