//! Another configuration under calls: put in force whole or not at all, and no call notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::{NUMBER, check, ms, quick, text};
use testbed::bulk::{self, Held};
use testbed::rtp::{Heard, RtpPeer, Stream};
use testbed::{Bed, Setup, SipPeer, proc, sdp};

/// Writes `toml` and has it put in force; the answer's status and body.
fn reload(bed: &Bed, toml: &str) -> (u16, String) {
    bed.write_config(toml);
    let answer = bed.ask("POST", "/v1/reload");
    (answer.status, answer.body)
}

/// A call from A that the carrier at `to` takes, answers and ends.
fn call_reaches(bed: &Bed, alice: &SipPeer, to: &SipPeer) {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = to.incoming();
    leg.answer(&sdp::offer(bed.places.rtp_b2));
    call.expect(200);
    call.ack();
    leg.expect_request("ACK");
    leg.bye();
    call.ok("BYE");
    leg.expect(200);
}

fn longest_gap(heard: &[Heard]) -> Duration {
    heard
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .max()
        .unwrap_or_default()
}

/// OP-01. Ten calls through B1 talk while B1 is taken out of the configuration and the way goes to B2: their media has no gap,
/// nobody is hung up; re-INVITE and BYE of old calls work from both sides, and every new call goes to B2.
#[test]
fn op_01_calls_keep_what_they_began_with() {
    const CALLS: usize = 10;
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let ends = bulk::ends(&bed, CALLS);
    let calls: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    let peers: Vec<[RtpPeer; 2]> = ends.iter().map(|(a, b)| [*a, *b].map(RtpPeer::bind)).collect();
    let toml = bed.toml(&Setup::default().t1_ms(25).without("b1"));
    thread::scope(|scope| {
        let mut ears = Vec::new();
        for (held, [at_a, at_b]) in calls.iter().zip(&peers) {
            let (a_to, b_to) = (held.a_to, held.b_to);
            let (words_a, words_b) = (Stream::mark(0xa1), Stream::mark(0xb2));
            scope.spawn(move || at_a.stream(a_to, &words_a, 75, ms(20)));
            scope.spawn(move || at_b.stream(b_to, &words_b, 75, ms(20)));
            ears.extend([at_a, at_b].map(|peer| scope.spawn(|| peer.collect(75, ms(500)))));
        }
        thread::sleep(ms(400));
        let (status, body) = reload(&bed, &toml);
        assert_eq!(status, 200, "{body}");
        for _ in 0..3 {
            call_reaches(&bed, &alice, &carol);
        }
        for ear in ears {
            let heard = ear.join().unwrap();
            assert_eq!(heard.len(), 75);
            // 60 ms on a machine that has nothing else to do; other tests may run beside this one.
            let limit = ms(if support::is_acceptance() { 60 } else { 250 });
            assert!(longest_gap(&heard) < limit, "{:?}", longest_gap(&heard));
        }
    });
    alice.expect_silence(ms(1));
    bob.expect_silence(ms(1));
    for (n, (held, ends)) in calls.iter().zip(&ends).enumerate() {
        let (by, with, from, to) = if n % 2 == 0 {
            (&held.call, &held.leg, ends.0, ends.1)
        } else {
            (&held.leg, &held.call, ends.1, ends.0)
        };
        by.reinvite(Some(&sdp::session(from, 1, "sendonly")));
        with.expect_request("INVITE");
        with.answer(&sdp::session(to, 1, "recvonly"));
        by.expect(200);
        by.ack();
        with.expect_request("ACK");
        by.bye();
        with.ok("BYE");
        by.expect(200);
    }
    let records = bed.finish(CALLS + 3);
    assert_eq!(
        records
            .iter()
            .filter(|record| record.text("to_trunk") == "b1")
            .count(),
        CALLS
    );
    assert_eq!(
        records
            .iter()
            .filter(|record| record.text("to_trunk") == "b2")
            .count(),
        3
    );
}

/// A file that is wrong, and what has to stand in the message about it.
fn wrong_files(good: &str) -> Vec<(&'static str, String, &'static str)> {
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} is not in\n{good}");
        good.replacen(from, to, 1)
    };
    let plus = |text: &str| format!("{good}\n{text}\n");
    vec![
        ("syntax", with("[sip]", "[sip"), "tandem.toml:"),
        ("duplicate key", with("[sip]\n", "[sip]\nt1 = \"1s\"\n"), "t1"),
        (
            "unknown key",
            with("[sip]\n", "[sip]\nmax_cals = 7\n"),
            "max_calls",
        ),
        (
            "wrong type",
            with("[sip]\n", "[sip]\nmax_calls = \"many\"\n"),
            "sip.max_calls",
        ),
        ("port 70000", with(":5060\"", ":70000\""), "70000"),
        (
            "inverted range",
            with("10000-11999", "11999-10000"),
            "media.ports",
        ),
        (
            "bad CIDR",
            with("sources = [\"", "sources = [\"10.0.0.0/33\", \""),
            "trunk.pbx.sources",
        ),
        (
            "missing trunk",
            plus("[[number]]\nmatch = \"+44*\"\nto = \"nobody\""),
            "nobody",
        ),
        (
            "missing class",
            with("role = \"customer\"", "role = \"customer\"\nclass = \"none\""),
            "none",
        ),
        ("two of a name", with("name = \"b2\"", "name = \"b1\""), "b1"),
        (
            "bad pattern",
            plus("[[number]]\nmatch = \"+44(\"\nto = \"pbx\""),
            "+44(",
        ),
        (
            "minimum too small",
            with("[sip]\n", "[sip]\nmax_call_duration = \"1ms\"\n"),
            "max_call_duration",
        ),
        (
            "key of a later version",
            with("[media]\n", "[media]\nudp_only = true\n"),
            "udp_only",
        ),
        ("empty", String::new(), "listen"),
        ("torn", good[..good.len() / 2].to_owned(), "tandem.toml"),
        ("not text", format!("{good}\n# \u{0}"), "tandem.toml:"),
    ]
}

/// The trunks, without what is measured of them: that fades as time passes.
fn trunks(bed: &Bed) -> serde_json::Value {
    let mut trunks: serde_json::Value = serde_json::from_str(&bed.get("/v1/trunks").body).unwrap();
    for trunk in trunks.as_array_mut().unwrap() {
        trunk.as_object_mut().unwrap().remove("quality");
    }
    trunks
}

fn refused(bed: &Bed, what: &str, names: &str) {
    let before = bed
        .metrics()
        .sum("tandem_config_reload_failed_total")
        .unwrap_or_default();
    let named = trunks(bed);
    let answer = bed.ask("POST", "/v1/reload");
    assert_eq!(answer.status, 422, "{what}: {}", answer.body);
    assert!(
        answer.body.contains(names),
        "{what}: {names:?} is not in {}",
        answer.body
    );
    let after = bed.metrics().sum("tandem_config_reload_failed_total");
    let more = after.unwrap_or_default() - before;
    // The file watch may have met it as well.
    assert!((1.0..=2.0).contains(&more), "{what}: {more} refused");
    assert!(bed.log().contains("configuration refused"), "{what}");
    assert_eq!(trunks(bed), named, "{what}");
    for command in ["check", "run"] {
        let mut tandem = Command::new(env!("CARGO_BIN_EXE_tandem"));
        let output = tandem
            .arg(command)
            .arg("--config")
            .arg(bed.config())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{what}: tandem {command}");
        assert!(
            text(&output.stderr).contains(names),
            "{what}: tandem {command}: {}",
            text(&output.stderr)
        );
    }
}

/// OP-02. Every kind of wrong file is refused as a whole, with the place, by reload, check and start alike; what is in force stays
/// in force; a good file is taken afterwards.
#[test]
fn op_02_wrong_files_change_nothing() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    let setup = Setup::default().t1_ms(25);
    let good = bed.toml(&setup);
    let wrong = wrong_files(&good);
    for (what, toml, names) in &wrong {
        bed.write_config(toml);
        refused(&bed, what, names);
    }
    // The file itself: gone, a directory, a link to nowhere.
    fs::remove_file(bed.config()).unwrap();
    refused(&bed, "deleted", "tandem.toml");
    fs::create_dir(bed.config()).unwrap();
    refused(&bed, "a directory", "tandem.toml");
    fs::remove_dir(bed.config()).unwrap();
    symlink("/nonexistent/tandem.toml", bed.config()).unwrap();
    refused(&bed, "a link to nowhere", "tandem.toml");
    call_reaches(&bed, &alice, &bob);
    held.hang_up();
    // A byte-order mark is no fault.
    let (status, body) = reload(&bed, &format!("\u{feff}{}", bed.toml(&setup.without("b1"))));
    assert_eq!(status, 200, "{body}");
    call_reaches(&bed, &alice, &carol);
    let records = bed.finish(2 + 1);
    check(&records[0], "normal", 200, "caller", 1);
}

/// Waits until so many reloads have been made by themselves.
fn wait_reloads(bed: &Bed, count: f64) {
    let reloads = || {
        bed.metrics()
            .sum("tandem_config_reloads_total")
            .unwrap_or_default()
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while reloads() < count {
        assert!(
            Instant::now() < deadline,
            "{} reloads, not {count}:\n{}",
            reloads(),
            bed.log()
        );
        thread::sleep(ms(10));
    }
}

/// SIGHUP and a changed file do what the API does.
#[test]
fn op_01_signal_and_file_watch_reload_too() {
    let bed = quick(|setup| setup);
    let (alice, bob, carol) = (bed.peer_a(), bed.peer_b1(), bed.peer_b2());
    let setup = Setup::default().t1_ms(25);
    bed.write_config(&bed.toml(&setup.clone().without("b1")));
    wait_reloads(&bed, 1.0);
    call_reaches(&bed, &alice, &carol);
    bed.write_config(&bed.toml(&setup.without("b2")));
    proc::hang_up(bed.pid());
    wait_reloads(&bed, 2.0);
    call_reaches(&bed, &alice, &bob);
    let pause = bed.metrics().sum("tandem_config_reload_pause_seconds");
    assert!(pause.is_some_and(|pause| pause > 0.0), "{pause:?}");
    bed.finish(2);
}

/// The first file that fits the pattern of an include is noticed, and so is a change behind a link.
#[test]
fn op_01_new_includes_and_files_behind_links_are_noticed() {
    let bed = quick(|setup| setup);
    let (more, aside) = (bed.dir().join("more"), bed.dir().join("aside"));
    for folder in [&more, &aside] {
        fs::create_dir(folder).unwrap();
    }
    let toml = bed.toml(&Setup::default().t1_ms(25).without("b2"));
    bed.write_config(&format!("include = [\"more/*.part\"]\n{toml}"));
    wait_reloads(&bed, 1.0);
    let b2 = |limit: u32| {
        let lines = "role = \"carrier\"\ntargets = [{ uri = \"sip:127.0.0.1:9\" }]";
        format!("[[trunk]]\nname = \"b2\"\n{lines}\nmax_calls = {limit}\n")
    };
    let limit = |limit: u32| {
        let trunks = bed.get("/v1/trunks").body;
        assert!(trunks.contains(&format!("\"max_calls\":{limit}")), "{trunks}");
    };
    fs::write(aside.join("b2"), b2(7)).unwrap();
    symlink(aside.join("b2"), more.join("b2.part")).unwrap();
    wait_reloads(&bed, 2.0);
    limit(7);
    fs::write(aside.join("b2"), b2(8)).unwrap();
    wait_reloads(&bed, 3.0);
    limit(8);
    bed.finish(0);
}

/// What a file lacked that was refused is noticed once it is there.
#[test]
fn op_02_a_refused_file_is_read_again_when_what_it_lacked_has_come() {
    let bed = quick(|setup| setup);
    let folder = bed.dir().join("decks");
    fs::create_dir(&folder).unwrap();
    let good = bed.toml(&Setup::default().t1_ms(25));
    let priced = good.replacen("name = \"b1\"", "name = \"b1\"\ndeck = \"decks/b1.csv\"", 1);
    let (status, body) = reload(&bed, &priced);
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("decks/b1.csv"), "{body}");
    thread::sleep(ms(700));
    let before = bed
        .metrics()
        .sum("tandem_config_reloads_total")
        .unwrap_or_default();
    let rates = include_str!("../../../configs/decks/carrier-a.csv");
    fs::write(folder.join("b1.csv"), rates).unwrap();
    wait_reloads(&bed, before + 1.0);
    // A trunk's test does not ask what a call would cost.
    let answer = bed.ask("POST", "/v1/trunks/b1/test");
    assert_eq!(answer.status, 202, "{}", answer.body);
    bed.finish(0);
}

/// A new listener is bound by a new start: trunks that would need it stay as they are until then.
#[test]
fn op_02_what_would_need_another_socket_is_refused() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let good = bed.toml(&Setup::default().t1_ms(25));
    let target = format!("sip:{}", bed.places.b1);
    assert!(good.contains(&target), "{good}");
    let over_tcp = good.replacen(&target, &format!("{target};transport=tcp"), 1);
    let bind = bed.places.sut;
    let (status, body) = reload(
        &bed,
        &format!("{over_tcp}\n[[listen]]\nbind = \"{bind}\"\ntransport = \"tcp\"\n"),
    );
    assert_eq!(status, 422, "{body}");
    assert!(
        body.contains("\\\"b1\\\": no TCP listener") && body.contains("new start"),
        "{body}"
    );
    call_reaches(&bed, &alice, &bob);
    // What needs one alone is said for as long as it does.
    let other = format!("{good}\n[[listen]]\nbind = \"{bind}\"\ntransport = \"tcp\"\n");
    for _ in 0..2 {
        let (status, body) = reload(&bed, &other);
        assert_eq!(status, 200, "{body}");
        let pending = body.split("\"needs_restart\":").nth(1).unwrap();
        assert!(pending.starts_with("[\"listen"), "{body}");
    }
    let (_, body) = reload(&bed, &good);
    assert!(body.contains("\"needs_restart\":[]"), "{body}");
    bed.finish(1);
}

/// A trunk that is gone is neither up nor down; its last call is counted until it is over.
#[test]
fn op_01_a_trunk_that_is_gone_is_in_no_alarm() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    let of_b1 = |name: &str| bed.metrics().sum_where(name, "trunk=\"b1\"");
    assert_eq!(of_b1("tandem_target_up"), Some(1.0));
    assert_eq!(of_b1("tandem_trunk_calls"), Some(1.0));
    let toml = bed.toml(&Setup::default().t1_ms(25).without("b1"));
    let (status, body) = reload(&bed, &toml);
    assert_eq!(status, 200, "{body}");
    assert_eq!(of_b1("tandem_target_up"), None);
    assert_eq!(of_b1("tandem_trunk_calls"), Some(1.0));
    let targets = bed
        .metrics()
        .sum_where("tandem_target_up", "trunk=\"b2\",target=\"0\"");
    assert_eq!(targets, Some(1.0));
    held.hang_up();
    bed.finish(1);
}

/// A file that something rewrites again and again, faster than it could come to rest, is read within a second or two.
#[test]
fn op_01_a_file_that_never_rests_is_read_all_the_same() {
    let bed = quick(|setup| setup);
    let setup = Setup::default().t1_ms(25);
    let files = [7, 8].map(|limit| bed.toml(&setup.clone().key("b2", &format!("max_calls = {limit}"))));
    let start = Instant::now();
    for toml in files.iter().cycle() {
        bed.write_config(toml);
        thread::sleep(ms(50));
        let metrics = bed.metrics();
        if metrics.sum("tandem_config_reloads_total") > Some(0.0) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{}", bed.log());
    }
    bed.write_config(&bed.toml(&setup));
    bed.finish(0);
}

/// Calls from A to B1 at `rate` per second, each held 500 ms, for `time`; every 100 ms a reload: a file that changes what does not
/// matter to them, one that is wrong, one that is as it was. No call fails, nothing is sent twice, each call has its record.
fn storm(setup: Setup, rate: u32, time: Duration) {
    let bed = Bed::start(env!("CARGO_BIN_EXE_tandem"), setup.clone());
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

/// Five seconds under 60 calls per second; with `TANDEM_ACCEPT` in the environment a minute under 200.
#[test]
fn a_reload_every_100_ms_harms_no_call() {
    if support::is_acceptance() {
        storm(Setup::default().t1_ms(500), 200, Duration::from_secs(60));
    } else {
        storm(Setup::default(), 60, Duration::from_secs(5));
    }
}
