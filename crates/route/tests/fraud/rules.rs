//! Each pattern at its edge: what is found, what is not.

use crate::world::{DAY, Dial, HOUR, MINUTE, Office, SECOND, STRICT, WEEK, World, customers, rate, work};
use route::fraud::{Done, Refused, Rule, Way};

/// Nothing is learned first: all is unusual.
fn strict() -> World {
    World::new(&customers(
        &format!("[fraud]\nlearning = \"off\"\n{STRICT}"),
        &["pbx"],
    ))
}

/// So many calls a second apart; how many were let through.
fn dial(world: &mut World, count: u64, each: impl Fn(u64) -> Dial) -> u64 {
    let start = world.now;
    let mut through = 0;
    for n in 0..count {
        world.run(start + n * SECOND);
        through += u64::from(world.dial(each(n)).is_ok());
    }
    world.run(start + count * SECOND);
    through
}

/// A number in Serbia, never beside another one.
fn serbia(n: u64) -> String {
    format!("+38161{:06}", n * 7_919 % 1_000_000)
}

fn london(n: u64) -> String {
    format!("+4420{:08}", n * 791_939 % 100_000_000)
}

#[test]
fn ten_dear_calls_are_found_and_cheap_ones_are_not() {
    for (price, calls, found) in [
        (0.45, 9, false),
        (0.45, 10, true),
        (0.15, 10, true),
        (0.149, 40, false),
    ] {
        let mut world = strict();
        dial(&mut world, calls, |n| Dial::out("pbx", &serbia(n), price, HOUR));
        let told = world.told(Rule::Irsf);
        assert_eq!(!told.is_empty(), found, "{price} {calls}: {told:?}");
        if let Some(event) = told.first() {
            assert_eq!(
                (event.place.as_str(), event.done, event.seen),
                ("+381", Done::Cut, 10.0)
            );
            // The tenth is refused, the nine before it are ended.
            assert_eq!(
                (event.cut, world.tale("pbx").cut, world.tale("pbx").refused),
                (9, 9, 1)
            );
            assert_eq!(event.numbers.len(), 8);
            assert_eq!(event.numbers[0], serbia(9));
            assert!((8..=12).contains(&event.called), "{}", event.called);
            assert_eq!(event.callers, 1);
            let line = event.to_string();
            assert!(
                line.starts_with("irsf: pbx to +381: 10 dear calls in ten minutes (usual 0, limit 10)"),
                "{line}"
            );
            assert!(line.contains("cut +381 for 3600 s"), "{line}");
        }
        world.finish();
    }
}

#[test]
fn calls_that_nobody_answers_cost_nothing_and_are_no_revenue() {
    let mut world = strict();
    let calls = dial(&mut world, 45, |n| Dial {
        rings: 8 * SECOND,
        talks: None,
        ..Dial::out("pbx", &serbia(n), 0.45, 0)
    });
    assert_eq!((calls, world.events.len()), (45, 0));
    // But as many as that ring at once may all be answered.
    let mut world = strict();
    dial(&mut world, 20, |n| Dial {
        rings: HOUR,
        talks: None,
        ..Dial::out("pbx", &serbia(n), 0.45, 0)
    });
    assert_eq!(world.told(Rule::Irsf).len(), 1);
}

#[test]
fn without_prices_high_risk_and_foreign_countries_are_dear() {
    let unpriced = |number: String| Dial::out("pbx", &number, -1.0, HOUR);
    let mut world = strict();
    dial(&mut world, 20, |n| unpriced(format!("+25261{:06}", n * 7_919)));
    assert_eq!(world.told(Rule::Irsf)[0].place, "+252 (high risk)");
    // Nothing is known of where the customer is at home.
    let mut world = strict();
    dial(&mut world, 20, |n| unpriced(serbia(n)));
    assert_eq!(world.told(Rule::Irsf).len(), 0);
    // Now it is.
    let mut world = strict();
    let mut office = Office::small("pbx", 1);
    office.places = vec![("44", 1.0, -1.0)];
    world.every = MINUTE;
    work(&mut world, &mut [office], 5 * DAY, 1.0);
    world.every = SECOND;
    dial(&mut world, 20, |n| unpriced(serbia(n)));
    assert_eq!(world.told(Rule::Irsf)[0].place, "+381");
    world.run(world.now + DAY);
    assert_eq!(dial(&mut world, 40, |n| unpriced(london(n))), 40);
}

#[test]
fn more_calls_than_are_usual() {
    // Answered at once and cheap: nothing but their number is remarkable.
    for (calls, found) in [(50, false), (51, true)] {
        let mut world = strict();
        dial(&mut world, calls, |n| {
            Dial::out("pbx", &london(n), 0.001, 2 * SECOND)
        });
        assert_eq!(!world.told(Rule::Velocity).is_empty(), found, "{calls}");
    }
    let mut world = strict();
    for n in 0..120 {
        world.run(n * 20 * SECOND);
        let _ = world.dial(Dial::out("pbx", &london(n), 0.001, 2 * SECOND));
    }
    let told = world.told(Rule::Velocity);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].figure, told[0].seen), ("calls in an hour", 101.0));
}

#[test]
fn more_money_than_is_usual_in_an_hour_and_in_a_day() {
    let mut world = World::new(&customers(
        "[fraud]\nlearning = \"off\"\ndear = 100\n[fraud.spend]\naction = \"cut\"",
        &["pbx"],
    ));
    // Four lines at 6 an hour each.
    for n in 0..4 {
        world.dial(Dial::out("pbx", &serbia(n), 0.1, 3 * HOUR)).unwrap();
    }
    world.run(2 * HOUR);
    let told = world.told(Rule::Spend);
    assert_eq!(
        (told.len(), told[0].figure, told[0].cut),
        (1, "money in an hour", 4)
    );
    let at = world.events[0].0;
    assert!((50 * MINUTE..51 * MINUTE).contains(&at), "{at}");
    assert!((20.0..20.1).contains(&told[0].seen), "{}", told[0].seen);
    // Three lines make 18 an hour, which nobody minds, and 60 within a day.
    let mut world = World::new(&customers(
        "[fraud]\nlearning = \"off\"\ndear = 100\n[fraud.spend]\naction = \"alert\"",
        &["pbx"],
    ));
    for hour in 0..6 {
        for n in 0..3 {
            world
                .dial(Dial::out("pbx", &serbia(n), 0.1, 58 * MINUTE))
                .unwrap();
        }
        world.run((hour + 1) * HOUR);
    }
    let told = world.told(Rule::Spend);
    assert_eq!((told.len(), told[0].figure), (1, "money in a day"));
}

#[test]
fn one_call_that_does_not_end() {
    let mut world = strict();
    let long = world.dial(Dial::out("pbx", &serbia(1), 0.2, 5 * HOUR)).unwrap();
    let cheap = world.dial(Dial::out("pbx", &london(1), 0.01, 5 * HOUR)).unwrap();
    world.run(2 * HOUR);
    let told = world.told(Rule::Duration);
    assert_eq!((told.len(), told[0].cut, told[0].done), (1, 1, Done::Cut));
    assert_eq!(world.tale("pbx").cut, 1, "{long} and not {cheap}");
    assert!(world.dial(Dial::out("pbx", &serbia(2), 0.2, MINUTE)).is_ok());
    // Who always talks for half an hour may talk for two and a half.
    let mut world = strict();
    for n in 0..6 {
        let _ = world.dial(Dial::out("pbx", &serbia(n), 0.15, 30 * MINUTE));
        world.run(world.now + 32 * MINUTE);
    }
    let start = world.now;
    world.dial(Dial::out("pbx", &serbia(99), 0.15, 5 * HOUR)).unwrap();
    world.run(start + 2 * HOUR + 29 * MINUTE);
    assert_eq!(world.told(Rule::Duration).len(), 0);
    world.run(start + 2 * HOUR + 31 * MINUTE);
    assert_eq!(world.told(Rule::Duration).len(), 1);
}

#[test]
fn calls_that_ring_once_from_a_customer_and_from_a_carrier() {
    let ring = |way: Way, far: String, near: String, rings: u64| {
        let (caller, called) = match way {
            Way::Out => (near, far),
            Way::In => (far, near),
        };
        Dial {
            way,
            caller,
            called,
            rings,
            talks: None,
            given_up: true,
            ..Dial::out("pbx", "", 0.01, 0)
        }
    };
    // To ever other numbers, given up after two seconds.
    let mut world = strict();
    let through = dial(&mut world, 45, |n| {
        ring(Way::Out, london(n), "+4930111".into(), 2 * SECOND)
    });
    assert_eq!((world.told(Rule::Wangiri).len(), through), (1, 31));
    // After twenty seconds it is a campaign that nobody answers.
    let mut world = strict();
    dial(&mut world, 45, |n| {
        ring(Way::Out, london(n), "+4930111".into(), 20 * SECOND)
    });
    assert_eq!(world.told(Rule::Wangiri).len(), 0);
    // The same number again and again is somebody impatient.
    let mut world = strict();
    dial(&mut world, 45, |_| {
        ring(Way::Out, london(0), "+4930111".into(), 2 * SECOND)
    });
    assert_eq!(world.told(Rule::Wangiri).len(), 0);
    // Half of the others are answered.
    let mut world = strict();
    dial(&mut world, 48, |n| {
        let mut call = ring(Way::Out, london(n), "+4930111".into(), 2 * SECOND);
        call.talks = (n % 2 == 0).then_some(SECOND);
        call
    });
    assert_eq!(world.told(Rule::Wangiri).len(), 0);
    // A carrier's: from one country to all our numbers. Calls from elsewhere go on.
    let text = "[fraud]\nlearning = \"off\"\n[fraud.wangiri]\naction = \"block\"\n[[trunk]]\nname = \"pbx\"\n\
                role = \"carrier\"\ntargets = [{ uri = \"sip:a.example.com\" }]\n";
    let mut world = World::new(text);
    let bait = |n: u64| ring(Way::In, format!("+2246{:07}", n % 3), london(n), SECOND);
    let through = dial(&mut world, 45, bait);
    let event = world.told(Rule::Wangiri)[0];
    assert_eq!((event.way, event.place.as_str()), (Way::In, "+224 (high risk)"));
    assert_eq!(through, 30);
    assert!(event.to_string().contains("pbx from +224"), "{event}");
    assert!(event.numbers[0].starts_with("+2246"), "{:?}", event.numbers);
    // To a single number of ours as well.
    let mut other = World::new(text);
    dial(&mut other, 45, |n| {
        ring(Way::In, format!("+2246{:07}", n % 3), london(0), SECOND)
    });
    assert_eq!(other.told(Rule::Wangiri).len(), 1);
    let elsewhere = ring(Way::In, "+33140000000".into(), london(1), SECOND);
    assert!(world.dial(elsewhere).is_ok());
    assert!(matches!(
        world.dial(bait(1)),
        Err(Refused::Blocked {
            rule: Rule::Wangiri,
            ..
        })
    ));
}

#[test]
fn numbers_in_a_row() {
    let mut world = strict();
    let through = dial(&mut world, 40, |n| {
        Dial::out("pbx", &format!("+4416149{:05}", 60_000 + n), 0.001, SECOND)
    });
    let told = world.told(Rule::Sequential);
    assert_eq!((told.len(), told[0].seen, through), (1, 20.0, 19));
}

#[test]
fn dear_calls_when_nobody_works() {
    let hours = "[fraud]\nlearning = \"off\"\nhours = [\"mon-fri 08:00-18:00\"]\n[fraud.off_hours]\naction = \"block\"";
    for (at, found) in [(12 * HOUR, false), (20 * HOUR, true), (5 * DAY + 12 * HOUR, true)] {
        let mut world = World::new(&customers(hours, &["pbx"]));
        world.run(at);
        dial(&mut world, 9, |n| Dial::out("pbx", &serbia(n), 0.2, HOUR));
        assert_eq!(!world.told(Rule::OffHours).is_empty(), found, "{at}");
        // What costs little goes on.
        assert!(world.dial(Dial::out("pbx", &london(1), 0.01, MINUTE)).is_ok());
    }
    // Learned: an office that has never worked at night.
    let mut world = World::new(&customers("[fraud.off_hours]\naction = \"block\"", &["pbx"]));
    let mut office = [Office::call_centre("pbx", 3)];
    world.every = MINUTE;
    work(&mut world, &mut office, 3 * WEEK, 1.0);
    for (at, found) in [(3 * WEEK + 12 * HOUR, false), (3 * WEEK + 26 * HOUR, true)] {
        world.run(at);
        dial(&mut world, 9, |n| {
            Dial::out("pbx", &format!("+37161{:06}", n * 7_919), 0.3, MINUTE)
        });
        assert_eq!(!world.told(Rule::OffHours).is_empty(), found, "{at}");
    }
}

#[test]
fn while_it_learns_what_goes_by_the_usual_is_only_told_of() {
    let mut world = World::new(&customers(STRICT, &["pbx"]));
    dial(&mut world, 80, |n| Dial::out("pbx", &serbia(n), 0.45, HOUR));
    assert!(!world.told(Rule::Irsf).is_empty());
    assert!(
        world.events.iter().all(|(_, event)| event.done == Done::Alerted),
        "{:?}",
        world.events
    );
    assert_eq!((world.tale("pbx").refused, world.tale("pbx").cut), (0, 0));
    // Not where numbers are known to be let for that.
    dial(&mut world, 20, |n| {
        Dial::out("pbx", &format!("+25261{:06}", n * 7_919), 0.45, HOUR)
    });
    assert!(world.tale("pbx").cut > 0);
}

#[test]
fn switched_off_means_off() {
    for keys in [
        "[fraud]\nenabled = false".to_owned(),
        STRICT.replace("\"cut\"", "\"off\""),
    ] {
        let mut world = World::new(&customers(&keys, &["pbx"]));
        world.run(2 * DAY);
        dial(&mut world, 120, |n| {
            Dial::out("pbx", &format!("+25261{:06}", n), 0.45, HOUR)
        });
        assert_eq!((world.events.len(), world.tale("pbx").refused), (0, 0), "{keys}");
    }
}

#[test]
fn emergency_calls_are_no_business_of_the_guards() {
    let mut world = strict();
    dial(&mut world, 20, |n| Dial::out("pbx", &serbia(n), 0.45, HOUR));
    assert!(world.dial(Dial::out("pbx", &serbia(1), 0.45, HOUR)).is_err());
    let exempt = |n| Dial {
        exempt: true,
        ..Dial::out("pbx", &serbia(n), 0.45, HOUR)
    };
    let before = world.guard.watched();
    assert_eq!(dial(&mut world, 50, exempt), 50);
    assert_eq!(world.guard.watched(), before);
    world.finish();
}

#[test]
fn what_a_call_costs_is_counted_to_the_end_and_no_more() {
    let mut world = World::new(&customers(
        "[[fraud.ceiling]]\nspend_per_day = 1000\naction = \"alert\"",
        &["pbx"],
    ));
    // A first minute that is charged whole, then begun minutes.
    let mut call = Dial::out("pbx", &london(1), 0.6, 61 * SECOND);
    let mut price = rate(0.6);
    (price.first_interval, price.increment) = (60, 60);
    call.rate = Some(price);
    let other = call.clone();
    world.dial(call).unwrap();
    world.run(10 * MINUTE);
    world.dial(other).unwrap();
    world.run(10 * MINUTE + 10 * SECOND);
    let spent = world.tale("pbx").spent;
    assert!((spent - 1.2).abs() < 1e-9, "{spent}");
    world.finish();
}
