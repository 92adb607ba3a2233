//! Ceilings hold, whatever is usual.

use crate::world::{DAY, Dial, HOUR, MINUTE, SECOND, World, config, customers};
use route::fraud::{Done, Refused, Rule};

fn world(ceiling: &str) -> World {
    World::new(&customers(
        &format!("[[fraud.ceiling]]\n{ceiling}"),
        &["pbx", "other"],
    ))
}

fn call(n: u64, talks: u64) -> Dial {
    Dial::out(
        "pbx",
        &format!("+4420{:08}", n * 791_939 % 100_000_000),
        0.5,
        talks,
    )
}

fn dial(world: &mut World, count: u64, gap: u64, talks: u64) -> u64 {
    let start = world.now;
    let mut through = 0;
    for n in 0..count {
        world.run(start + n * gap);
        through += u64::from(world.dial(call(n, talks)).is_ok());
    }
    through
}

#[test]
fn so_many_calls_and_no_more() {
    for (ceiling, gap, talks, through) in [
        ("calls = 7", 100, HOUR, 7),
        ("attempts_per_minute = 12", 1_000, SECOND, 12),
        ("answered_per_minute = 12", 1_000, SECOND, 16),
        ("attempts_per_hour = 30", 60_000, SECOND, 30),
        ("answered_per_hour = 30", 60_000, SECOND, 30),
        ("match = \"+4420*\"\ncalls = 3", 100, HOUR, 3),
        ("match = \"+4930*\"\ncalls = 3", 100, HOUR, 50),
        ("each = \"country\"\ncalls = 5", 100, HOUR, 5),
        ("calls = 7\naction = \"alert\"", 100, HOUR, 50),
    ] {
        let mut world = world(ceiling);
        assert_eq!(dial(&mut world, 50, gap, talks), through, "{ceiling}");
        let told = world.told(Rule::Ceiling);
        assert_eq!(told.len(), usize::from(!ceiling.contains("+4930")), "{ceiling}");
        // Others are none the worse for it.
        let other = Dial {
            trunk: "other",
            ..call(1, MINUTE)
        };
        assert!(world.dial(other).is_ok());
        world.finish();
    }
}

#[test]
fn room_comes_back() {
    let mut world = world("calls = 2");
    dial(&mut world, 3, 100, MINUTE);
    assert_eq!(
        world.dial(call(9, MINUTE)).map_err(|why| why.to_string()),
        Err("ceiling of 2 calls at once to everywhere".into())
    );
    world.run(2 * MINUTE);
    assert!(world.dial(call(9, MINUTE)).is_ok());
    let mut world = self::world("attempts_per_minute = 5");
    assert_eq!(dial(&mut world, 10, 100, SECOND), 5);
    world.run(70 * SECOND);
    assert_eq!(dial(&mut world, 10, 100, SECOND), 5);
}

/// No window of a minute has more than it may, however calls are spread.
#[test]
fn a_minute_is_any_minute() {
    let mut world = world("attempts_per_minute = 20");
    let mut passed: Vec<u64> = Vec::new();
    for n in 0..3_000 {
        world.run(n * 137);
        if world.dial(call(n, SECOND)).is_ok() {
            passed.push(world.now);
        }
    }
    for (index, at) in passed.iter().enumerate() {
        let within = passed[index..]
            .iter()
            .take_while(|other| **other - at < MINUTE)
            .count();
        assert!(within <= 20, "{within} from {at}");
    }
    assert!(passed.len() > 100, "{}", passed.len());
}

#[test]
fn money_is_counted_while_calls_go_on() {
    let mut world = world("spend_per_hour = 10\naction = \"cut\"");
    // Ten lines at a half a minute each: ten after two minutes.
    assert_eq!(dial(&mut world, 10, 100, HOUR), 10);
    world.run(10 * MINUTE);
    let event = world.told(Rule::Ceiling)[0];
    assert_eq!((event.done, event.cut), (Done::Cut, 10));
    assert!((10.0..10.2).contains(&event.seen), "{}", event.seen);
    let at = world.tale("pbx").cut_last.unwrap();
    assert!((2 * MINUTE..2 * MINUTE + 10 * SECOND).contains(&at), "{at}");
    assert!(world.tale("pbx").spent < 10.5);
    assert!(matches!(
        world.dial(call(1, MINUTE)),
        Err(Refused::Ceiling { .. })
    ));
    // It is told of once, however many are refused.
    assert_eq!(dial(&mut world, 100, SECOND, MINUTE), 0);
    assert_eq!(world.told(Rule::Ceiling).len(), 1);
    world.run(2 * HOUR);
    assert!(world.dial(call(1, MINUTE)).is_ok());
    world.finish();
}

#[test]
fn a_days_money_lasts_a_day() {
    let mut world = world("spend_per_day = 6");
    for hour in 0..6 {
        world.run(hour * HOUR);
        let _ = world.dial(call(hour, 3 * MINUTE));
    }
    assert_eq!(world.tale("pbx").refused, 2, "four calls at 1.5");
    world.run(DAY + 2 * HOUR);
    assert!(world.dial(call(1, MINUTE)).is_ok());
}

#[test]
fn no_call_lasts_longer() {
    for (action, cut) in [("cut", 1), ("refuse", 0)] {
        let mut world = world(&format!("duration = \"10m\"\naction = \"{action}\""));
        world.dial(call(1, HOUR)).unwrap();
        world.run(9 * MINUTE);
        world.dial(call(2, MINUTE)).unwrap();
        world.run(11 * MINUTE);
        assert_eq!(world.tale("pbx").cut, cut, "{action}");
        assert_eq!(world.told(Rule::Ceiling).len(), 1);
    }
}

#[test]
fn a_customers_own_ceilings_are_in_place_of_the_others() {
    let text =
        customers("[[fraud.ceiling]]\ncalls = 2\n", &["pbx"]) + "fraud = { ceiling = [{ calls = 4 }] }\n";
    let mut world = World::new(&text);
    assert_eq!(dial(&mut world, 9, 100, HOUR), 4);
    // The same pattern keeps its count over a reload.
    world
        .guard
        .install(&config(&text.replace("calls = 4", "calls = 6")));
    assert_eq!(dial(&mut world, 9, 100, HOUR), 2);
    world.finish();
}
