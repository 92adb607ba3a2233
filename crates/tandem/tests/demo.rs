//! `tandem demo` as a user runs it, on addresses of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests' helpers, which clippy does not take for tests"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

/// A demo's place: a loopback address and a temporary directory that no other test on this machine has.
struct Place {
    loopback: Ipv4Addr,
    directory: PathBuf,
}

impl Place {
    /// `number`: 2 to 15, another one for each test.
    fn new(number: u8) -> Self {
        let [.., high, low] = std::process::id().to_be_bytes();
        let loopback = Ipv4Addr::new(127, number, high, low.clamp(1, 254));
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{loopback}"));
        std::fs::create_dir_all(&directory).unwrap();
        Self { loopback, directory }
    }

    fn demo(&self, options: &[&str]) -> Command {
        let mut command = Command::new(TANDEM);
        command
            .arg("demo")
            .args(["--loopback", &self.loopback.to_string()])
            .args(options);
        command.env("TMPDIR", &self.directory).stdin(Stdio::null());
        command
    }

    /// The records of the demo that ran here.
    fn records(&self) -> Vec<Value> {
        let mut folders = std::fs::read_dir(&self.directory).unwrap();
        let config = folders.next().unwrap().unwrap().path().join("tandem.toml");
        let output = Command::new(TANDEM)
            .args(["records", "--json", "--config"])
            .arg(config)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Nobody holds the addresses any more.
    fn assert_free(&self) {
        for port in [5060, 5070, 5080, 5081] {
            drop(UdpSocket::bind((self.loopback, port)).unwrap());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn six_calls_end_well_with_failover_audio_and_a_record_each() {
    let place = Place::new(2);
    let output = place.demo(&["--calls", "6", "--talk", "1"]).output().unwrap();
    let (told, errors) = texts(&output);
    assert!(output.status.success(), "{told}\n{errors}");
    let summary = "6 calls: 5 answered, their audio identical; 1 busy; 0 cut short; 0 with a fault; 3 went to a second carrier.";
    for expected in [
        "carrier-a answers 503",
        "carrier-b hangs up (BYE)",
        "pbx hangs up (BYE)",
        summary,
    ] {
        assert!(told.contains(expected), "{expected}: {told}\n{errors}");
    }
    let identical = |way: &str| {
        told.lines()
            .filter(|line| line.contains(way) && line.ends_with("50 received, identical"))
            .count()
    };
    assert_eq!(identical("audio pbx → "), 5, "{told}");
    assert_eq!(identical(" → pbx: 50 packets sent"), 5, "{told}");
    let records = place.records();
    assert_eq!(records.len(), 6);
    let two_attempts = records
        .iter()
        .filter(|record| record["attempts"].as_array().unwrap().len() == 2);
    assert_eq!(two_attempts.count(), 3, "{records:#?}");
    place.assert_free();
}

/// Waits for the line of the story that has this in it.
fn read_until(child: &mut Child, text: &str) -> BufReader<std::process::ChildStdout> {
    let mut story = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(
            story.read_line(&mut line).unwrap() > 0,
            "the demo ended before {text:?}"
        );
    }
    story
}

#[test]
fn ctrl_c_hangs_up_and_ends_the_switch() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::new(3);
        let mut child = place.demo(&[]).stdout(Stdio::piped()).spawn().unwrap();
        let mut story = read_until(&mut child, "pbx hears the answer");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        story.read_to_string(&mut rest).unwrap();
        let status: ExitStatus = child.wait().unwrap();
        assert!(status.success(), "{status}: {rest}");
        assert!(
            rest.contains("; 0 with a fault;") && rest.contains("cut short"),
            "{rest}"
        );
        assert!(place.records().iter().all(|record| record["state"] == "final"));
        place.assert_free();
    }
}

#[test]
fn an_address_in_use_is_named_with_the_way_out() {
    let place = Place::new(4);
    for (port, who) in [
        (5060, "Tandem cannot have"),
        (5070, "pbx cannot have"),
        (5081, "carrier-b cannot have"),
    ] {
        let taken = UdpSocket::bind((place.loopback, port)).unwrap();
        let output = place.demo(&[]).output().unwrap();
        let (told, errors) = texts(&output);
        assert!(!output.status.success(), "{told}");
        assert!(errors.contains(who) && errors.contains("--loopback"), "{errors}");
        drop(taken);
    }
    place.assert_free();
}
