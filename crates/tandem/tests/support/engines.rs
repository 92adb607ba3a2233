//! The same test on both engines of the media plane.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use testbed::rtp::End;
use testbed::{Bed, Setup};

/// Figures are published once a second.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Packets each way of which it is known who relays them.
const KNOWN: usize = 25;

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

/// Whether this thread's test is about the kernel's engine.
#[allow(dead_code, reason = "each test file uses a part of this")]
pub fn is_kernel() -> bool {
    ENGINE.get() == Some("kernel")
}

/// The engine that this thread's test is about.
pub fn chosen(setup: Setup) -> Setup {
    match ENGINE.get() {
        Some(engine) => setup.media(&format!("engine = \"{engine}\"")),
        None => setup,
    }
}

/// Where the kernel is to relay, has `speak` send packets (its number is given, from 0 on) until the kernel has so many
/// directions of streams. What is sent from then on does not come up. How often it has spoken.
pub fn until_in_kernel(bed: &Bed, directions: usize, mut speak: impl FnMut(usize)) -> usize {
    if ENGINE.get() != Some("kernel") {
        return 0;
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
    number
}

/// Both ends speak, from packet `first` of their streams on, until all of it is relayed by whom the test is about, and then some
/// packets that have to arrive as they are. The number of the next packet.
pub fn settle(bed: &Bed, ends: [&End<'_>; 2], first: usize) -> usize {
    let mut next = first;
    let mut speak = || {
        for end in ends {
            end.peer.send(end.to, &end.stream.packet(next));
        }
        next += 1;
    };
    until_in_kernel(bed, 2, |_| speak());
    // What was under way meanwhile.
    ends.iter()
        .for_each(|end| drop(end.peer.collect(usize::MAX, PAUSE)));
    for _ in 0..KNOWN {
        speak();
        thread::sleep(PAUSE / 10);
    }
    let [a, b] = ends;
    for (hears, speaks) in [(a, b), (b, a)] {
        let heard = hears.peer.collect(KNOWN, PATIENCE / 20);
        let heard: Vec<_> = heard.iter().map(|heard| heard.packet.as_slice()).collect();
        let said: Vec<_> = (next - KNOWN..next).map(|n| speaks.stream.packet(n)).collect();
        assert!(heard == said, "{} of {KNOWN} arrived as they were", heard.len());
    }
    assert_in_kernel(bed, 2 * KNOWN);
    next
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
