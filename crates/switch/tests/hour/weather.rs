//! A worse hour: everything behind the switch fails now and then, the configuration changes all the time, and there are
//! too few ports and places.

use std::time::Duration;

use rtp_proto::control::Side;
use switch::Input;
use testkit::{Lookup, MediaMode, Rng, StoreMode, World, bed, snapshot};

/// A carrier with a name, and too little of everything.
const SCARCE: &str = r#"
[[trunk]]
name = "b3"
role = "carrier"
priority = 1
targets = [{ uri = "sip:b3.test:5082" }]
sources = ["127.0.0.23/32"]
auth = { username = "tandem", password = "secret" }
failover = { progress = "8s", answer = "20s" }
max_calls = 20
max_cps = 5
"#;

pub(super) fn config(base: &str) -> String {
    let scarce = base
        .replace("10000-13999", "10000-10199")
        .replace("max_calls = 300", "max_calls = 60");
    format!("{scarce}{SCARCE}")
}

const MINUTE: Duration = Duration::from_secs(60);

/// Plans the hour's weather.
pub(super) fn plan(world: &mut World, config: &str, minutes: u32) {
    // Trunks come and go, change places and limits.
    let configs = [
        config.to_owned(),
        config.replace("max_calls = 60", "max_calls = 30"),
        config.replace("name = \"b2\"", "name = \"b2\"\nenabled = false"),
        config.replace("priority = 2", "priority = 0"),
        config.replace("10000-10199", "10100-10299"),
    ];
    let snapshots: Vec<_> = configs.iter().map(|toml| snapshot(toml)).collect();
    for minute in 0..minutes {
        let mut rng = world.rng.fork();
        let snapshots = snapshots.clone();
        world.plan(MINUTE * minute, move |world| change(world, &mut rng, &snapshots));
    }
    // At the end it clears up.
    world.plan(MINUTE * minutes, |world| {
        world.store.mode = StoreMode::Stores(Duration::from_millis(1));
        world.media.mode = MediaMode::Works(Duration::from_millis(1));
        world.net.unreachable.clear();
        world.net.closed.clear();
        world.catch_up();
    });
}

fn change(world: &mut World, rng: &mut Rng, snapshots: &[std::sync::Arc<switch::Snapshot>]) {
    world.store.mode = match rng.below(6) {
        0 => StoreMode::Stuck,
        1 => StoreMode::Fails(rng.ms(0, 3000)),
        2 => StoreMode::Stores(rng.ms(0, 3000)),
        _ => StoreMode::Stores(rng.ms(0, 5)),
    };
    world.media.mode = match rng.below(12) {
        0 => MediaMode::Stuck,
        1 => MediaMode::Fails(rng.ms(0, 50)),
        2 => MediaMode::Works(rng.ms(0, 2000)),
        _ => MediaMode::Works(rng.ms(0, 5)),
    };
    if !matches!(world.store.mode, StoreMode::Stuck) || !matches!(world.media.mode, MediaMode::Stuck) {
        world.catch_up();
    }
    let lookup = match rng.below(5) {
        0 => Lookup::Never,
        1 => Lookup::After(rng.ms(0, 6000), Vec::new()),
        _ => Lookup::After(rng.ms(0, 6000), vec![bed::addr("127.0.0.23:5082").ip()]),
    };
    world.dns.names.insert("b3.test".into(), lookup);
    if rng.chance(0.5) {
        let snapshot = rng.pick(snapshots).clone();
        world.tell(Input::Reload(snapshot));
    }
    // Twenty seconds without a way to one of the peers, or with nobody at its port.
    let peers = [bed::A, "127.0.0.20:5080", "127.0.0.21:5081", "127.0.0.23:5082"];
    let peer = bed::addr(rng.pick::<&str>(&peers));
    match rng.below(3) {
        0 => {
            world.net.unreachable.insert(peer);
        }
        1 if peer != bed::addr(bed::A) => {
            world.net.closed.insert(peer);
            if let Some(index) = world.uas.iter().position(|ua| ua.addr == peer) {
                world.with_ua(index, |ua, cx| ua.restart(cx));
            }
        }
        _ => {}
    }
    world.plan(Duration::from_secs(20), |world| {
        world.net.unreachable.clear();
        world.net.closed.clear();
    });
    let ids: Vec<String> = world
        .switch()
        .calls(world.moment())
        .into_iter()
        .map(|call| call.id)
        .collect();
    if !ids.is_empty() && rng.chance(0.3) {
        let id = rng.pick(&ids).clone();
        world.hangup(&id);
    }
    // Something from the past, or from nowhere.
    for ticket in [0, rng.below(1000)] {
        world.tell(Input::Stored { ticket });
        world.tell(Input::StoreFailed {
            ticket: ticket + 1_000_000,
        });
        world.tell(Input::Resolved {
            query: ticket + 1_000_000,
            hops: Vec::new(),
        });
    }
    let id = rtp_proto::control::MediaId(u64::MAX);
    world.tell(Input::Media(rtp_proto::control::Event::Silent {
        id,
        side: Side::A,
        quiet: MINUTE,
    }));
}
