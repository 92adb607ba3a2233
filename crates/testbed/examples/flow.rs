//! `flow DAEMON [NAME…]`: plays these flows, or all, sixteen at a time, against a daemon that is built already.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that says what it does"
)]

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// Flows mostly wait for timers; so many at once keep two cores busy.
const AT_ONCE: usize = 16;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(daemon) = arguments.next() else {
        eprintln!("flow DAEMON [NAME…]");
        return ExitCode::FAILURE;
    };
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = testbed::flows::names().map(str::to_owned).collect();
    }
    let (queue, failed) = (Mutex::new(names.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let start = Instant::now();
                    let good = catch_unwind(|| testbed::flows::run(&daemon, name)).is_ok();
                    println!(
                        "{} {name} ({} ms)",
                        if good { "ok  " } else { "FAIL" },
                        start.elapsed().as_millis()
                    );
                    if let (false, Ok(mut failed)) = (good, failed.lock()) {
                        failed.push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    println!("{} of {} failed: {failed:?}", failed.len(), names.len());
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
