//! The kernel path as the operator meets it: asked for, refused, and after a `kill -9`. Where the machine does not allow it
//! (docs/running.md) the tests say so and do nothing; with `TANDEM_KERNEL_TESTS=required` they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::quick;
use testbed::bulk::{self, Held};
use testbed::load::RtpLoad;
use testbed::{Bed, Places, Setup};

/// The directory of the daemon's pins.
fn pinned(bed: &Bed) -> PathBuf {
    let pins = bed.pins();
    pins.unwrap_or_else(|| panic!("\n*** the kernel path is not tested here:\n{}", bed.log()))
}

#[test]
fn calls_are_relayed_in_the_kernel_and_what_a_dead_process_left_goes() {
    if let Err(missing) = rtp_net::KernelConfig::default().check()
        && std::env::var_os("TANDEM_KERNEL_TESTS").is_none()
    {
        return eprintln!("\n*** NOT TESTED: the kernel path is not to be had here: {missing}\n");
    }
    let mut bed = quick(|setup| setup.media("engine = \"kernel\""));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let ends = bulk::ends(&bed, 5);
    let rtp = RtpLoad::bind(&ends);
    let held: Vec<Held<'_>> = ends.iter().map(|ends| bulk::call(&alice, &bob, *ends)).collect();
    let to: Vec<_> = held.iter().map(|held| (held.a_to, held.b_to)).collect();
    let report = rtp.run(&to, Duration::from_secs(2));
    assert!(report.is_clean(), "{report:?}");
    // Half a second of two is the process's; figures are published once a second.
    let since = Instant::now();
    while bed
        .metrics()
        .sum("tandem_media_kernel_packets_total")
        .unwrap_or_default()
        < 0.6 * report.sent as f64
    {
        assert!(
            since.elapsed() < Duration::from_secs(10),
            "{}",
            bed.metrics().dump()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(bed.metrics().sum("tandem_media_kernel_flows"), Some(10.0));
    let before = pinned(&bed);

    bed.crash_and_restart();
    let since = Instant::now();
    while before.exists() {
        assert!(since.elapsed() < Duration::from_secs(10), "{}", bed.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        bed.log()
            .contains("flows of processes that ended are removed from the kernel")
    );
    let after = pinned(&bed);
    assert!(after.exists() && after != before, "{}", after.display());
    testbed::proc::terminate(bed.pid());
    let since = Instant::now();
    while after.exists() {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "pins are left behind: {}",
            after.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs the daemon without any capability.
fn powerless(engine: &str, dir: &Path) -> (Command, Places) {
    let setup = Setup::default().media(&format!("engine = \"{engine}\""));
    let places = setup.places();
    std::fs::create_dir_all(dir.join("data")).unwrap();
    std::fs::write(dir.join("tandem.toml"), setup.toml(&places, &dir.join("data"))).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]);
    command
        .arg(env!("CARGO_BIN_EXE_tandem"))
        .args(["run", "--config"]);
    command.arg(dir.join("tandem.toml")).stdin(Stdio::null());
    (command, places)
}

fn folder(name: &str) -> PathBuf {
    let prefix = format!("tandem-kernel-{name}-");
    tempfile::Builder::new().prefix(&prefix).tempdir().unwrap().keep()
}

#[test]
fn kernel_refuses_to_start_without_it() {
    let dir = folder("refused");
    let (mut command, _places) = powerless("kernel", &dir);
    let Output { status, stderr, .. } = command.output().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("media.engine") && said.contains("CAP_BPF"),
        "{said}"
    );
}

#[test]
fn auto_goes_on_in_userspace_and_says_why() {
    let dir = folder("auto");
    let log = dir.join("log");
    let (mut command, places) = powerless("auto", &dir);
    let mut child = command
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let since = Instant::now();
    let is_up = || std::fs::read_to_string(&log).unwrap().contains("tandem is up");
    while !is_up() && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let why = said
        .lines()
        .filter(|line| line.contains("media is relayed in userspace"));
    let why: Vec<_> = why.collect();
    assert!(said.contains("tandem is up"), "{places:?} {said}");
    assert!(why.len() == 1 && why[0].contains("CAP_BPF"), "{said}");
}
