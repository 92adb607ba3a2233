//! The same test on both engines of the media plane.

use std::cell::Cell;

use testbed::Setup;

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
