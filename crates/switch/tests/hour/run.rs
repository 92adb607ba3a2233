//! The hour itself.

use std::collections::BTreeSet;
use std::time::Duration;

use switch::record::CallRecord;
use testkit::ua::Ua;
use testkit::{Quality, World, bed, seed, snapshot};

use super::behaviour;
use super::verdict;
use super::weather;

/// 5 s without media ends a call; nobody talks longer than 5 minutes.
const CONFIG: &str = r#"
[[listen]]
transport = "udp"
bind = "127.0.0.1:5060"

[sip]
max_call_duration = "5m"

[media]
bind = "127.0.0.1"
ports = "10000-13999"
rtp_timeout = "20s"
hold_timeout = "60s"

[records]
interim_interval = "60s"

[[trunk]]
name = "pbx"
role = "customer"
sources = ["127.0.0.10/32"]
max_calls = 300

[[trunk]]
name = "b1"
role = "carrier"
priority = 1
targets = [{ uri = "sip:127.0.0.20:5080" }, { uri = "sip:127.0.0.22:5080" }]
sources = ["127.0.0.20/32", "127.0.0.22/32"]
auth = { username = "tandem", password = "secret" }
failover = { progress = "8s", answer = "20s" }
max_calls = 100
options_interval = "30s"

[[trunk]]
name = "b2"
role = "carrier"
priority = 2
targets = [{ uri = "sip:127.0.0.21:5081" }]
sources = ["127.0.0.21/32"]
auth = { username = "tandem", password = "secret" }
failover = { progress = "8s", answer = "20s" }
"#;

/// Who signals from where; the first one calls.
const PEERS: [&str; 5] = [
    bed::A,
    "127.0.0.20:5080",
    "127.0.0.21:5081",
    "127.0.0.22:5080",
    "127.0.0.23:5082",
];

/// Where other weather is said.
const WEATHER: &str = "TANDEM_WEATHER";

/// The peers of the hour: who calls, and who is called.
fn peopled(seed: u64, config: &str) -> World {
    let mut world = World::new(seed, snapshot(config));
    // Hundreds of megabytes, but a fault comes with every message of its call.
    world.keeps_log = std::env::var_os("TANDEM_TRACE").is_some();
    world.media.logs = false;
    for address in PEERS {
        let rng = world.rng.fork();
        world
            .uas
            .push(Ua::new(bed::addr(address), rng, |rng, _| behaviour::called(rng)));
    }
    world
}

/// Calls at random moments of this time.
fn call(world: &mut World, calls: usize, time: Duration) {
    for _ in 0..calls {
        let at = world.rng.between(Duration::ZERO, time);
        let mut rng = world.rng.fork();
        world.plan(at, move |world| {
            let calling = behaviour::calling(&mut rng);
            world.with_ua(0, |ua, cx| ua.call(cx, calling));
        });
    }
}

/// A network that loses this share of the datagrams and doubles one in a hundred, unless `TANDEM_WEATHER` says otherwise: what share
/// is doubled, the jitter in milliseconds, and what share is lost if it is not this one; as in `0.2,1500`.
fn bad(loss: f64) -> Quality {
    let weather = std::env::var(WEATHER).unwrap_or_default();
    let mut said = weather.split(',').map_while(|text| text.trim().parse().ok());
    let mut say = |usual: f64| said.next().unwrap_or(usual);
    Quality {
        duplication: say(0.01),
        delay: Duration::from_millis(5),
        jitter: Duration::from_secs_f64(say(40.0) / 1000.0),
        loss: say(loss),
    }
}

/// By how much the caller's account of a call may differ from its record: in weather of one's own by what a transaction takes.
fn slack_ms(usual: u64) -> u64 {
    if std::env::var_os(WEATHER).is_some() {
        usual.max(45_000)
    } else {
        usual
    }
}

#[test]
fn an_hour_of_calls_over_a_bad_network_leaves_nothing_over() {
    let seed = seed(20_260_101);
    println!("seed {seed} (TANDEM_SEED)");
    let mut world = peopled(seed, CONFIG);
    world.net.quality = bad(0.02);
    world.net.by_peer.insert(bed::addr("127.0.0.22:5080"), bad(0.05));
    let hour = Duration::from_secs(3600);
    call(&mut world, 4000, hour);
    world.run(hour + Duration::from_secs(420));
    verdict::check(&world, slack_ms(12_000));
    verdict::saw(
        &world,
        &[
            "normal",
            "cancelled",
            "busy",
            "refused",
            "no-answer",
            "ack-timeout",
            "rtp-timeout",
            "no-carrier",
            "max-duration",
            "dialog-lost",
            "redirected",
        ],
    );
}

#[test]
fn an_hour_in_which_everything_fails_now_and_then_leaves_nothing_over() {
    let seed = seed(20_260_102);
    println!("seed {seed} (TANDEM_SEED)");
    let config = weather::config(CONFIG);
    let mut world = peopled(seed, &config);
    world.net.quality = bad(0.01);
    weather::plan(&mut world, &config, 60);
    call(&mut world, 3000, Duration::from_secs(3600));
    world.run(Duration::from_secs(3600 + 420));
    verdict::check(&world, slack_ms(60_000));
    verdict::saw(
        &world,
        &[
            "normal",
            "cancelled",
            "media-failed",
            "max-calls",
            "operator",
            "no-carrier",
        ],
    );
}

/// Answers take up to three seconds, six times T1 (what RFC 3261 takes for a round trip), and every fifth message comes twice.
#[test]
fn an_hour_on_slow_paths_that_repeat_and_reorder_leaves_nothing_over() {
    let seed = seed(20_260_105);
    println!("seed {seed} (TANDEM_SEED)");
    let config = weather::config(CONFIG);
    let mut world = peopled(seed, &config);
    world.net.quality = Quality {
        duplication: 0.2,
        jitter: Duration::from_millis(1500),
        ..bad(0.01)
    };
    weather::plan(&mut world, &config, 20);
    call(&mut world, 1000, Duration::from_secs(1200));
    world.run(Duration::from_secs(1200 + 420));
    verdict::check(&world, slack_ms(60_000));
    verdict::saw(&world, &["normal", "cancelled", "media-failed"]);
}

/// RFC 3261 §21.5.4: what is too much is refused, and what was taken is brought to its end.
#[test]
fn a_switch_with_too_few_transactions_refuses_and_leaves_nothing_over() {
    let seed = seed(20_260_103);
    println!("seed {seed} (TANDEM_SEED)");
    let config = CONFIG
        .replace("[sip]", "[sip]\nmax_transactions = 150")
        .replace("max_calls = 300", "max_calls = 1000");
    let mut world = peopled(seed, &config);
    world.net.quality = bad(0.01);
    call(&mut world, 1500, Duration::from_secs(120));
    world.run(Duration::from_secs(120 + 420));
    verdict::check(&world, slack_ms(12_000));
    verdict::saw(&world, &["normal", "cancelled"]);
    let overloads = world
        .switch()
        .drops()
        .find(|(name, _)| *name == "overload")
        .map(|(_, count)| count);
    assert!(overloads.is_some_and(|count| count > 100), "{overloads:?}");
}

#[test]
fn crashes_end_every_call_that_was_up_on_both_legs_with_one_record() {
    let seed = seed(20_260_104);
    println!("seed {seed} (TANDEM_SEED)");
    let mut world = peopled(seed, CONFIG);
    world.net.quality = bad(0.02);
    let half = Duration::from_secs(1800);
    call(&mut world, 2000, half);
    for crash in 1..10 {
        let down = world.rng.ms(0, 8000);
        let at = Duration::from_secs(180 * crash);
        world.plan(at, move |world| {
            world.crash();
            let legs = |record: &CallRecord| {
                let attempts = record.attempts.iter().map(|attempt| attempt.call_id.clone());
                attempts.chain([record.call_id.clone()]).collect::<Vec<_>>()
            };
            let finished: BTreeSet<String> = world.store.finals.iter().flat_map(legs).collect();
            for ua in &mut world.uas {
                ua.loses(&finished);
            }
        });
        world.plan(at + down, World::restart);
    }
    world.run(half + Duration::from_secs(420));
    verdict::check(&world, slack_ms(60_000));
    verdict::saw(&world, &["normal", "cancelled", "restart"]);
}

/// Carriers asked at once, numbers with backups, redirections that are followed.
const HUNTING: &str = r#"
[[trunk]]
name = "b3"
role = "carrier"
priority = 3
targets = [{ uri = "sip:127.0.0.24:5084" }]
auth = { username = "tandem", password = "secret" }
failover = { progress = "8s", answer = "20s", after_ringing = true, time = "20s" }

[[trunk]]
name = "desk"
role = "customer"
class = "fast"
sources = ["127.0.0.23/32"]
targets = [{ uri = "sip:127.0.0.23:5082" }]
auth = { username = "tandem", password = "secret" }
max_calls = 40

[[number]]
match = "+44207180*"
to = "desk"
ring = "6s"
on_busy = [{ trunk = "b2", number = "200" }, "b1"]
on_no_answer = "+4420999"
on_failure = ["b3", "+44207181"]

[[number]]
match = "+44207181*"
to = ["desk", "b3"]
on_busy = "+44207180"

[[class]]
name = "fast"
parallel = { attempts = 2, after = "400ms", until = "progress" }
"#;

#[test]
fn hunts_over_a_bad_network_leave_nothing_over() {
    for (n, until) in ["progress", "answer"].into_iter().enumerate() {
        let seed = seed(20_260_105) + n as u64;
        println!("seed {seed} (TANDEM_SEED)");
        let config = CONFIG.replacen("name = \"pbx\"", "name = \"pbx\"\nclass = \"fast\"", 1);
        let hunting = HUNTING.replace("until = \"progress\"", &format!("until = \"{until}\""));
        let mut world = peopled(seed, &format!("{config}{hunting}"));
        let rng = world.rng.fork();
        let last = bed::addr("127.0.0.24:5084");
        world
            .uas
            .push(Ua::new(last, rng, |rng, _| behaviour::called(rng)));
        world.net.quality = bad(0.02);
        let time = Duration::from_secs(1200);
        call(&mut world, 1200, time);
        world.run(time + Duration::from_secs(420));
        verdict::check(&world, slack_ms(12_000));
        verdict::saw(
            &world,
            &["normal", "cancelled", "busy", "no-answer", "no-carrier"],
        );
        let tried = || world.store.finals.iter().flat_map(|record| &record.attempts);
        for why in ["busy", "no-answer", "failure", "redirected"] {
            assert!(tried().any(|one| one.why.as_deref() == Some(why)), "none {why}");
        }
        let overtaken = tried().filter(|one| one.outcome == "overtaken").count();
        assert!(overtaken > 0 || until == "answer");
    }
}
