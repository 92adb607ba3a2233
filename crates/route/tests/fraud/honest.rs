//! Busy honest customers under the strictest rules: no call of theirs is refused, slowed down or ended, and nothing is told of them.

use crate::seeds;
use crate::world::{
    DAY, Dial, HOUR, MINUTE, Office, Random, SECOND, STRICT, Tale, WEEK, World, config, customers, work,
};

fn untouched(world: &World, what: &str) {
    let told = world.events.iter().map(|(at, event)| {
        let (week, day, hour) = (at / WEEK, at % WEEK / DAY, at % DAY / HOUR);
        format!("week {week} day {day} hour {hour}: {event}")
    });
    let told: Vec<String> = told.take(8).collect();
    let touched = |tale: &Tale| tale.refused + tale.cut > 0;
    let any = world.tales.values().any(touched);
    assert!(
        !any && told.is_empty(),
        "{what}: {:?}\n{}",
        world.tales,
        told.join("\n")
    );
}

#[test]
fn weeks_of_a_call_centre_and_of_a_small_office() {
    for seed in seeds(3, 60) {
        let mut world = World::new(&customers(STRICT, &["centre", "office"]));
        let mut offices = [
            Office::call_centre("centre", seed),
            Office::small("office", seed + 1_000),
        ];
        world.every = 10 * SECOND;
        work(&mut world, &mut offices, 4 * WEEK, 1.0);
        untouched(&world, &format!("seed {seed}"));
        assert!(world.tale("centre").begun > 20_000);
        world.finish();
    }
}

#[test]
fn a_flash_crowd_five_times_as_large() {
    for seed in seeds(3, 60) {
        let mut world = World::new(&customers(STRICT, &["centre", "office"]));
        let mut offices = [
            Office::call_centre("centre", seed),
            Office::small("office", seed + 1_000),
        ];
        world.every = MINUTE;
        // In its first week after the first day, or much later; out of nothing, at some hour of work.
        let weeks = [1, 3][seed as usize % 2];
        let mut random = Random(seed);
        let (day, hour) = (1 + random.below(4), 9 + random.below(7));
        work(
            &mut world,
            &mut offices,
            (weeks - 1) * WEEK + day * DAY + hour * HOUR,
            1.0,
        );
        world.every = SECOND;
        let end = world.now + 2 * HOUR;
        work(&mut world, &mut offices, end, 5.0);
        work(&mut world, &mut offices, end + DAY, 1.0);
        untouched(
            &world,
            &format!("seed {seed}, week {weeks} day {day} hour {hour}"),
        );
        world.finish();
    }
}

#[test]
fn a_campaign_through_a_range_that_it_has_leave_for() {
    for seed in seeds(1, 30) {
        let allowed = "fraud = { allow = [\"+4416*\"] }\n";
        let text = customers(STRICT, &["centre"]) + allowed;
        let mut world = World::new(&text);
        let mut offices = [Office::call_centre("centre", seed)];
        world.every = MINUTE;
        work(&mut world, &mut offices, WEEK + DAY + 10 * HOUR, 1.0);
        world.every = SECOND;
        let mut random = Random(seed);
        let start = world.now;
        for n in 0..7_200_u64 {
            // Two a second, number by number; who answers hears a message.
            let number = format!("+44161{:07}", 4_960_000 + n);
            let answered = random.chance(0.6);
            let dial = Dial {
                rings: 2 * SECOND + random.below(15 * SECOND),
                talks: answered.then_some(20 * SECOND),
                given_up: true,
                ..Dial::out("centre", &number, 0.009, 0)
            };
            let _ = world.dial(dial);
            world.run(start + (n + 1) * SECOND / 2);
        }
        work(&mut world, &mut offices, start + 3 * HOUR, 1.0);
        untouched(&world, &format!("seed {seed}"));
        assert!(world.tale("centre").begun > 7_000);
        world.finish();
        // Without leave it would have been found.
        let mut world = World::new(&customers(STRICT, &["centre"]));
        for n in 0..60 {
            world.run(n * SECOND / 2);
            let number = format!("+44161{:07}", 4_960_000 + n);
            let _ = world.dial(Dial::out("centre", &number, 0.009, 20 * SECOND));
        }
        assert!(world.tale("centre").refused > 30);
    }
}

#[test]
fn growth_new_countries_and_a_week_off() {
    for seed in seeds(1, 30) {
        let mut world = World::new(&customers(STRICT, &["centre"]));
        let mut offices = [Office::call_centre("centre", seed)];
        world.every = MINUTE;
        for week in 0..6 {
            match week {
                // It grows by half each week, opens a country that costs little, and has a holiday.
                3 => offices[0].places.push(("49", 0.25, 0.011)),
                4 => {
                    world.run(world.now + WEEK);
                    continue;
                }
                _ => offices[0].busiest *= 1.5,
            }
            let until = world.now + WEEK;
            work(&mut world, &mut offices, until, 1.0);
        }
        untouched(&world, &format!("seed {seed}"));
        world.finish();
    }
}

#[test]
fn a_reload_forgets_nothing_that_was_learned() {
    let text = customers(STRICT, &["centre", "office"]);
    let mut world = World::new(&text);
    let mut offices = [Office::call_centre("centre", 1), Office::small("office", 2)];
    world.every = MINUTE;
    for day in 1..15 {
        work(&mut world, &mut offices, day * DAY, 1.0);
        // In another order, and with another trunk.
        let names: &[&str] = if day % 2 == 0 {
            &["centre", "office"]
        } else {
            &["new", "office", "centre"]
        };
        world.guard.install(&config(&customers(STRICT, names)));
    }
    untouched(&world, "reloads");
    world.finish();
}

#[test]
fn what_is_kept_over_a_restart_lets_customers_go_on_as_before() {
    let text = customers(STRICT, &["centre", "office"]);
    let mut world = World::new(&text);
    let mut offices = [Office::call_centre("centre", 3), Office::small("office", 4)];
    world.every = MINUTE;
    work(&mut world, &mut offices, 2 * WEEK + DAY + 11 * HOUR, 1.0);
    let memory = world.guard.memory();
    let text_of = serde_json::to_string(&memory).unwrap();
    let memory = serde_json::from_str(&text_of).unwrap();
    world.finish();
    let now = world.now;
    let mut again = World::new(&text);
    again.run_idle(now);
    let moment = again.moment();
    assert!(again.guard.recall(moment, memory) >= 8);
    work(&mut again, &mut offices, now + WEEK, 1.0);
    untouched(&again, "after a restart");
    // And an attack is cut at once: nothing has to be learned anew.
    for n in 0..60 {
        let number = format!("+38161{:06}", n * 7_919);
        let _ = again.dial(Dial::out("office", &number, 0.45, 20 * MINUTE));
        let next = again.now + SECOND;
        again.run(next);
    }
    assert!(again.tale("office").cut >= 9, "{:?}", again.tale("office"));
    again.finish();
}
