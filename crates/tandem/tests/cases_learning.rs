//! What calls tell of their carriers, and what comes of it: through the daemon, with SIPp carriers under load.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::engines;
use testbed::{Bed, Record, Setup};

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

/// Calls per second, and how many.
const RATE: u32 = 10;
const CALLS: u32 = 320;

/// Ten seconds make a conversation.
const HOLD: Duration = Duration::from_millis(10_500);

/// Two carriers, the first of them a little cheaper, and a class that weighs what comes of its calls.
fn learning(setup: Setup) -> Setup {
    setup
        .t1_ms(100)
        .extra(
            "[routing]\nmin_attempts = 10\nprobe_every = \"1s\"\nslow_start = 10\n\
             [[class]]\nname = \"learned\"\nobjective = { price = 0.3, quality = 0.7 }\nexplore = { calls = 0.1, money = 100 }\n",
        )
        .key("pbx", "class = \"learned\"")
        .key("b1", "rates = [{ prefix = \"44\", rate = 0.010 }]")
        .key("b2", "rates = [{ prefix = \"44\", rate = 0.0102 }]")
        .key("b1", "options_interval = \"1s\"")
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// The calls that began between two moments, and those of them that were first sent to b1.
fn share_of_b1(records: &[Record], from_ms: u64, to_ms: u64) -> (usize, usize) {
    let began = |record: &&Record| (from_ms..to_ms).contains(&record.number("started_ms"));
    let calls: Vec<&Record> = records.iter().filter(began).collect();
    let first = |record: &&&Record| record.0["attempts"][0]["trunk"] == "b1";
    (calls.iter().filter(first).count(), calls.len())
}

/// A carrier dies in mid-load: no caller hears of it, and within seconds it gets no calls. It returns, and gets some again; each change is told
/// with its cause, and each decision says what was believed.
#[test]
fn lc_a_carrier_that_dies_costs_no_call_and_is_back_when_it_is_back() {
    let bed = Bed::start_with(TANDEM, |_, setup| engines::chosen(learning(setup)));
    let many = |name: &str| {
        bed.uas_b1(name)
            .calls(100_000, 1)
            .quiet()
            .answers_pings()
            .deadline(Duration::from_secs(120))
    };
    let b1 = bed.run(&many("uas_basic"));
    let b2 = bed.run(
        &bed.uas_b2("uas_basic")
            .calls(100_000, 1)
            .quiet()
            .deadline(Duration::from_secs(120)),
    );
    let callers = bed.run(
        &bed.uac("uac_basic")
            .calls(CALLS, RATE)
            .hold(HOLD)
            .quiet()
            .deadline(Duration::from_secs(90)),
    );
    let began = now_ms();
    std::thread::sleep(Duration::from_secs(8));
    let died = now_ms();
    let _ = b1.stop();
    std::thread::sleep(Duration::from_secs(8));
    let b1 = bed.run(&many("uas_basic"));
    let returned = now_ms();
    callers.wait().assert_all(u64::from(CALLS));
    let _ = (b1.stop(), b2.stop());
    let records = bed.wait_records(CALLS as usize);
    assert_eq!(records.len(), CALLS as usize);
    for record in &records {
        assert_eq!(record.number("cause.sip"), 200, "{record:#?}");
    }
    let (before, all) = share_of_b1(&records, began, died);
    assert!(before * 3 > all, "the cheaper one had {before} of {all}");
    let (dead, all) = share_of_b1(&records, died + 3_000, returned);
    assert!(dead * 10 <= all, "the dead one had {dead} of {all}");
    let (again, all) = share_of_b1(&records, returned + 2_000, u64::MAX);
    assert!(again > 0, "it has none of {all} though it is back");
    let learned = |record: &Record| -> Option<f64> {
        record.0["route"]["candidates"][0]["learned"]["propensity"].as_f64()
    };
    let last = records.iter().filter_map(learned).count();
    assert!(last > all / 2, "decisions say what was believed");
    let log = bed.log();
    for told in ["target-down", "target-up", "share: to +44"] {
        assert!(log.contains(told), "{told}: {log}");
    }
}

/// Without a class, or where learning is off, price alone decides.
#[test]
fn lc_where_learning_is_off_the_cheapest_gets_every_call() {
    const FEW: u32 = 80;
    let bed = Bed::start_with(TANDEM, |_, setup| engines::chosen(learning(setup)));
    let config = std::fs::read_to_string(bed.config()).unwrap();
    std::fs::write(
        bed.config(),
        config.replace("[routing]\n", "[routing]\nlearn = false\n"),
    )
    .unwrap();
    let reload = bed.ask("POST", "/v1/reload");
    assert_eq!(reload.status, 200, "{}", reload.body);
    let b1 = bed.run(&bed.uas_b1("uas_basic").calls(100_000, 1).quiet().answers_pings());
    let callers = bed.run(&bed.uac("uac_basic").calls(FEW, 20).quiet());
    callers.wait().assert_all(u64::from(FEW));
    let _ = b1.stop();
    for record in bed.finish_lingering(FEW as usize, FEW as usize) {
        let first: &Value = &record.0["route"]["candidates"][0];
        assert_eq!(
            (&first["trunk"], &first["learned"]),
            (&Value::from("b1"), &Value::Null)
        );
    }
}
