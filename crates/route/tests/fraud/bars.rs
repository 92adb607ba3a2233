//! Blocks and throttles: whom they keep away, for how long, and how they are lifted.

use crate::world::{Dial, HOUR, MINUTE, SECOND, World, config, customers};
use route::fraud::{Refused, Rule};

fn irsf(keys: &str) -> String {
    format!("[fraud]\nlearning = \"off\"\n[fraud.irsf]\n{keys}\n")
}

fn serbia(n: u64) -> Dial {
    Dial::out(
        "pbx",
        &format!("+38161{:06}", n * 7_919 % 1_000_000),
        0.45,
        20 * MINUTE,
    )
}

/// Eleven calls: the tenth is found.
fn flood(world: &mut World) {
    for n in 0..11 {
        let _ = world.dial(serbia(n));
        world.run(world.now + 500);
    }
}

fn elsewhere() -> Dial {
    Dial::out("pbx", "+442079460000", 0.01, MINUTE)
}

#[test]
fn a_block_is_of_one_country_and_leaves_calls_that_are_up_alone() {
    let mut world = World::new(&customers(
        &irsf("action = \"block\"\ntime = \"5m\""),
        &["pbx", "other"],
    ));
    flood(&mut world);
    let tale = world.tale("pbx");
    assert_eq!((tale.refused, tale.cut), (2, 0));
    assert!(world.dial(elsewhere()).is_ok());
    let other = Dial {
        trunk: "other",
        ..serbia(1)
    };
    assert!(world.dial(other).is_ok());
    let refused = world.dial(serbia(99)).unwrap_err();
    assert!(
        matches!(&refused, Refused::Blocked { rule: Rule::Irsf, .. }),
        "{refused}"
    );
    assert_eq!(refused.to_string(), "+381 blocked for fraud (irsf, block 1)");
    let view = world.guard.view(world.moment());
    let block = &view.blocks[0];
    assert_eq!(
        (
            block.customer.as_str(),
            block.scope.as_str(),
            block.action,
            block.refused
        ),
        ("pbx", "+381", "block", 3)
    );
    assert!((290..=300).contains(&block.left_s), "{}", block.left_s);
    assert_eq!((view.events.len(), view.events[0].done), (1, "blocked"));
    world.run(6 * MINUTE);
    assert!(world.guard.view(world.moment()).blocks.is_empty());
    world.finish();
}

#[test]
fn a_block_may_be_of_all_calls() {
    let mut world = World::new(&customers(
        &irsf("action = \"cut\"\nscope = \"customer\""),
        &["pbx"],
    ));
    let cheap = world.dial(Dial::out("pbx", "+442079460000", 0.01, HOUR));
    assert!(cheap.is_ok());
    flood(&mut world);
    assert_eq!(world.tale("pbx").cut, 10, "nine and the cheap one");
    assert!(world.dial(elsewhere()).is_err());
    world.finish();
}

#[test]
fn a_throttle_lets_some_through() {
    let keys = irsf("action = \"throttle\"\nrate = 0.1\ntime = \"10m\"");
    let mut world = World::new(&customers(&keys, &["pbx"]));
    flood(&mut world);
    let mut through = Vec::new();
    for n in 0..300 {
        if world.dial(serbia(n)).is_ok() {
            through.push(world.now);
        }
        world.run(world.now + SECOND);
    }
    assert!((29..=31).contains(&through.len()), "{}", through.len());
    assert!(through.windows(2).all(|pair| pair[1] - pair[0] >= 10 * SECOND));
    assert!(world.tale("pbx").throttled >= 260);
    assert_eq!(world.told(Rule::Irsf).len(), 1, "told of once");
    assert!(world.dial(elsewhere()).is_ok());
    world.finish();
}

#[test]
fn an_operator_lifts_a_block_and_hears_no_more_of_it_for_an_hour() {
    let mut world = World::new(&customers(&irsf("action = \"cut\""), &["pbx"]));
    flood(&mut world);
    let id = world.guard.view(world.moment()).blocks[0].id;
    assert!(!world.guard.lift(world.moment(), id + 1));
    assert!(world.guard.lift(world.moment(), id));
    assert!(!world.guard.lift(world.moment(), id));
    let start = world.now;
    for n in 0..300 {
        assert!(world.dial(serbia(n)).is_ok(), "{n}");
        world.run(start + n * 10 * SECOND);
    }
    assert_eq!(world.told(Rule::Irsf).len(), 1);
    world.run(start + HOUR + MINUTE);
    flood(&mut world);
    assert_eq!(world.told(Rule::Irsf).len(), 2);
    world.finish();
}

#[test]
fn blocks_survive_a_reload_and_go_with_their_trunk() {
    let text = customers(&irsf("action = \"block\""), &["pbx", "other"]);
    let mut world = World::new(&text);
    flood(&mut world);
    let reordered = customers(&irsf("action = \"alert\""), &["new", "other", "pbx"]);
    world.guard.install(&config(&reordered));
    assert!(world.dial(serbia(50)).is_err());
    assert!(
        world
            .dial(Dial {
                trunk: "new",
                ..serbia(50)
            })
            .is_ok()
    );
    // It still has calls: what is known of it goes when they have.
    world.guard.install(&config(&customers("", &["other", "new"])));
    world.run(HOUR);
    world.guard.install(&config(&customers("", &["other", "new"])));
    world.guard.install(&config(&text));
    assert!(world.dial(serbia(51)).is_ok());
    world.finish();
}

#[test]
fn numbers_that_are_allowed_are_in_no_block() {
    let keys = irsf("action = \"block\"").replace("[fraud]\n", "[fraud]\nallow = [\"+381619*\"]\n");
    let mut world = World::new(&customers(&keys, &["pbx"]));
    flood(&mut world);
    assert!(world.dial(serbia(77)).is_err());
    for n in 0..50 {
        let call = Dial::out("pbx", &format!("+381619{n:05}"), 0.45, MINUTE);
        assert!(world.dial(call).is_ok());
    }
    world.finish();
}

#[test]
fn a_call_that_has_moved_is_ended_where_it_is() {
    let mut world = World::new(&customers(&irsf("action = \"cut\""), &["pbx"]));
    let now = world.moment();
    let first = world.dial(serbia(500)).unwrap();
    world.guard.handed(first, 1_000_000);
    for n in 0..11 {
        let _ = world.dial(serbia(n));
    }
    // World::act asks for calls that it knows; the moved one it does not.
    assert_eq!(world.told(Rule::Irsf)[0].cut, 9);
    world.guard.ended(now, 1_000_000, false);
    world.finish();
}
