//! The command line while the configuration file is half edited: the switch runs, and can be looked at and acted upon. Errors of its API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::process::Command;

use support::{check, ms, quick};
use testbed::{Bed, Setup, bulk};

/// What a command did: exit code, standard output, standard error.
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn tandem(bed: &Bed, words: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(words).arg("--config").arg(bed.config());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done {
        code: output.status.code().unwrap(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// The id of the only call.
fn only_call(bed: &Bed) -> String {
    let done = tandem(bed, &["calls", "--json"]);
    let call: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.err));
    call["id"].as_str().unwrap().to_owned()
}

/// OP-02. At night, with the file half edited: the operator looks, and hangs up; one line says what is wrong with the file.
#[test]
fn op_02_half_edited_file_keeps_nobody_from_hanging_up() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let held = bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]);
    let good = bed.toml(&Setup::default().t1_ms(25));
    bed.write_config(&good.replacen("name = \"b2\"", "name = \"b2", 1));
    for words in [
        ["calls", "--json"].as_slice(),
        &["calls"],
        &["trunks"],
        &["records"],
        &["call", &only_call(&bed)],
    ] {
        let done = tandem(&bed, words);
        assert_eq!(
            (done.code, done.err.lines().count()),
            (0, 1),
            "{words:?}: {}",
            done.err
        );
        assert!(
            done.err.contains("tandem.toml:") && done.err.contains("all the same"),
            "{words:?}: {}",
            done.err
        );
        assert!(!done.out.is_empty(), "{words:?}");
    }
    let reload = tandem(&bed, &["reload"]);
    assert_eq!(reload.code, 1, "{}", reload.out);
    assert!(reload.err.contains("configuration refused"), "{}", reload.err);
    let hangup = tandem(&bed, &["hangup", &only_call(&bed)]);
    assert_eq!(hangup.code, 0, "{}", hangup.err);
    held.call.ok("BYE");
    held.leg.ok("BYE");
    check(&bed.wait_records(1)[0], "operator", 200, "operator", 1);
    let drain = tandem(&bed, &["drain"]);
    assert_eq!(drain.code, 0, "{}", drain.err);
    alice.listen(ms(50));
    assert_eq!(bed.get("/readyz").status, 503);
    bed.finish(1);
}

/// A file that does not say where the API is, or says it wrongly, or is gone: `--api` says so. Nobody's service is ended on a guess.
#[test]
fn op_02_the_api_can_be_named_when_the_file_is_of_no_help() {
    let bed = quick(|setup| setup);
    let api = format!("--api={}", bed.places.api);
    let good = bed.toml(&Setup::default().t1_ms(25));
    let port = format!(":{}\"", bed.places.api.port());
    bed.write_config(&good.replacen(&port, ":70000\"", 1));
    let lost = tandem(&bed, &["calls"]);
    assert_eq!(lost.code, 1, "{}", lost.out);
    assert!(
        lost.err.contains("api.bind") && lost.err.contains("--api"),
        "{}",
        lost.err
    );
    std::fs::remove_file(bed.config()).unwrap();
    let guess = tandem(&bed, &["drain"]);
    assert_eq!(guess.code, 1, "{}", guess.out);
    assert!(
        guess.err.contains("cannot be read") && guess.err.contains("--api 127.0.0.1:8080"),
        "{}",
        guess.err
    );
    for words in [["trunks", &api], ["calls", &api], ["drain", &api]] {
        let done = tandem(&bed, &words);
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{words:?}");
    }
    bed.write_config(&good);
    assert_eq!(bed.get("/readyz").status, 503);
    bed.finish(0);
}

/// Every error of the API is a problem document (RFC 9457), also those that no command ever meets.
#[test]
fn errors_of_the_api_are_problem_documents() {
    let bed = quick(|setup| setup);
    for (method, path, status) in [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/calls/nobody", 404),
        ("DELETE", "/v1/calls/nobody", 404),
        ("PUT", "/v1/drain", 405),
        ("GET", "/v1/reload", 405),
        ("GET", "/v1/records?limit=many", 400),
    ] {
        let answer = bed.ask(method, path);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(body["status"], status, "{method} {path}: {}", answer.body);
        assert!(
            body["title"].is_string() && body["detail"].is_string(),
            "{}",
            answer.body
        );
    }
    bed.finish(0);
}

/// Lines that `tandem tail` prints, until it is dropped.
struct Tail {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Tail {
    fn start(bed: &Bed, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command.arg("tail").args(words).arg("--config").arg(bed.config());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap());
        let lines = std::io::BufRead::lines(lines);
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An operator sees what happens to trunks and, if they are wanted, calls as they end; whoever comes later sees what was.
#[test]
fn what_happens_is_followed() {
    let bed = quick(|setup| setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    assert_eq!(tandem(&bed, &["trunks", "drain", "b2"]).code, 0);
    let mut tail = Tail::start(&bed, &["--all", "--calls"]);
    let first = tail.next();
    assert!(
        first.contains(" draining ") && first.contains(" b2 no new calls"),
        "{first}"
    );
    bulk::call(&alice, &bob, bulk::ends(&bed, 1)[0]).hang_up();
    let call = tail.next();
    assert!(
        call.contains(" call ") && call.contains("pbx → b1: ") && call.ends_with(" s"),
        "{call}"
    );
    assert_eq!(tandem(&bed, &["trunks", "resume", "b2"]).code, 0);
    let mut json = Tail::start(&bed, &["--all", "--json"]);
    let kinds = [(); 2].map(|()| {
        let event: serde_json::Value = serde_json::from_str(&json.next()).unwrap();
        (
            event["number"].as_u64(),
            event["kind"].as_str().unwrap().to_owned(),
        )
    });
    assert_eq!(
        kinds,
        [(Some(1), "draining".to_owned()), (Some(2), "resumed".to_owned())]
    );
    assert!(
        tail.next().contains(" resumed "),
        "calls have no number of their own"
    );
    assert_eq!(bed.get("/v1/events?after=some").status, 400);
    drop((tail, json));
    bed.finish(1);
}
