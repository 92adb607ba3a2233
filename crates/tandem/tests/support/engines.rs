//! The same test on both engines of the media plane.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Bed, Setup};

/// Figures are published once a second.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

thread_local! {
    static ENGINE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs a test whose beds relay with this engine. Where the kernel may not be used this says so; with
/// `TANDEM_KERNEL_TESTS=required` it fails.
#[allow(clippy::print_stderr, reason = "said loudly")]
pub fn with(engine: &'static str, test: fn()) {
    if engine == "kernel"
        && let Err(missing) = rtp_net::KernelConfig::default().check()
    {
        assert!(
            std::env::var_os("TANDEM_KERNEL_TESTS").is_none(),
            "the kernel path is not to be had here: {missing}"
        );
        return eprintln!("\n*** NOT TESTED: the kernel path is not to be had here: {missing}\n");
    }
    ENGINE.set(Some(engine));
    test();
}

/// The engine that this thread's test is about.
pub fn chosen(setup: Setup) -> Setup {
    match ENGINE.get() {
        Some(engine) => setup.media(&format!("engine = \"{engine}\"")),
        None => setup,
    }
}

/// Where the kernel is to relay, has `speak` send packets (its number is given, from 0 on) until the kernel has so many
/// directions of streams. What is sent from then on does not come up.
pub fn until_in_kernel(bed: &Bed, directions: usize, mut speak: impl FnMut(usize)) {
    if ENGINE.get() != Some("kernel") {
        return;
    }
    let (since, mut number) = (Instant::now(), 0);
    while bed.metrics().sum("tandem_media_kernel_flows") != Some(directions as f64) {
        assert!(
            since.elapsed() < PATIENCE,
            "the kernel does not relay {directions} directions:\n{}",
            bed.metrics().dump()
        );
        speak(number);
        number += 1;
        thread::sleep(PAUSE);
    }
}

/// Fails unless the kernel has relayed that many packets by itself: where it is asked to, at least, and elsewhere none.
pub fn assert_in_kernel(bed: &Bed, least: usize) {
    let relayed = || {
        bed.metrics()
            .sum("tandem_media_kernel_packets_total")
            .unwrap_or(0.0)
    };
    match ENGINE.get() {
        Some("kernel") => {
            let since = Instant::now();
            while relayed() < least as f64 {
                assert!(
                    since.elapsed() < PATIENCE,
                    "{} of {least} packets were relayed in the kernel:\n{}",
                    relayed(),
                    bed.metrics().dump()
                );
                thread::sleep(PAUSE);
            }
        }
        Some(_) => assert_eq!(relayed(), 0.0, "in userspace"),
        None => {}
    }
}

/// Makes tests of these functions, one for each engine.
#[allow(unused_macros, reason = "each test file uses a part of this")]
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod userspace {
            $(#[test] fn $test() { super::support::engines::with("userspace", super::$test); })*
        }
        mod kernel {
            $(#[test] fn $test() { super::support::engines::with("kernel", super::$test); })*
        }
    };
}
