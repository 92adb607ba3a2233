//! Reloads under load, short in `make test`, long in `make accept`.

use std::thread;
use std::time::{Duration, Instant};
use testbed::{Bed, Setup};

/// Calls from A to B1 at `rate` per second, each held 500 ms, for `time`; every 100 ms a reload: a file that changes what does not
/// matter to them, one that is wrong, one that is as it was. No call fails, nothing is sent twice, each call has its record.
pub fn reloads(daemon: &str, setup: Setup, rate: u32, time: Duration) {
    let bed = Bed::start(daemon, setup.clone());
    let calls = rate * u32::try_from(time.as_secs()).expect("seconds");
    let deadline = time + Duration::from_secs(30);
    let shape = |scenario: testbed::Scenario| {
        scenario
            .calls(calls, rate)
            .hold(Duration::from_millis(500))
            .deadline(deadline)
            .quiet()
    };
    let uas = bed.run(&shape(bed.uas_b1("uas_basic")));
    let uac = bed.run(&shape(bed.uac("uac_basic")));
    let files = [
        (
            bed.toml(&setup.clone().key("b2", "max_calls = 7").sip("max_calls = 4000")),
            200,
        ),
        (bed.toml(&setup.clone().key("b1", "max_cals = 7")), 422),
        (bed.toml(&setup.clone().without("b2")), 200),
        (String::new(), 422),
        (bed.toml(&setup), 200),
    ];
    let (start, mut done) = (Instant::now(), 0);
    for (n, (toml, status)) in (0u32..).zip(files.iter().cycle()) {
        let due = start + Duration::from_millis(100) * n;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if start.elapsed() > time {
            break;
        }
        bed.write_config(toml);
        assert_eq!(bed.ask("POST", "/v1/reload").status, *status, "reload {n}");
        done += 1;
    }
    assert!(done > time.as_millis() / 200, "{done} reloads in {time:?}");
    let (uac, uas) = (uac.wait(), uas.wait());
    uac.assert_all(u64::from(calls));
    uas.assert_all(u64::from(calls));
    assert_eq!(
        (uac.retransmissions, uas.retransmissions),
        (0, 0),
        "{uac:?} {uas:?}"
    );
    bed.write_config(&files[4].0);
    let records = bed.finish(calls as usize);
    assert!(records.iter().all(|record| record.text("cause.kind") == "normal"));
}
