//! `flow DAEMON [NAME…]`: plays these flows, or all, one after the other, against a daemon that is built already.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that says what it does"
)]

use std::panic::catch_unwind;
use std::process::ExitCode;

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
    let failed: Vec<&String> = names
        .iter()
        .filter(|name| {
            let start = std::time::Instant::now();
            let outcome = catch_unwind(|| testbed::flows::run(&daemon, name));
            println!(
                "{} {name} ({} ms)",
                if outcome.is_ok() { "ok  " } else { "FAIL" },
                start.elapsed().as_millis()
            );
            outcome.is_err()
        })
        .collect();
    println!("{} of {} failed: {failed:?}", failed.len(), names.len());
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
