//! An RTP load generator and sink: call pairs of 20 ms G.711 both ways, everything that arrives checked.
//!
//! ```text
//! rtpload [options] FILE       one line per call: a_local a_remote b_local b_remote (address:port each); "-": standard input
//! rtpload [options] --calls N --a-local A --a-remote A --b-local A --b-remote A [--step 2]
//!                              N calls, each address's port rising by the step from call to call
//!   --seconds S  measured part (10)     --warmup S  sent before it, not measured (6: latching and connecting are over)
//!   --pid PID    also print that process's CPU time per packet; repeatable
//!   --json       one JSON object instead of the table
//! ```
//! Exits with 1 when a packet was lost, changed, doubled or out of order.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measuring tool: it prints, and its counts are small"
)]

mod cpu;
mod load;

use load::{Call, Load, Plan, Report};
use std::collections::HashMap;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

/// The command line.
#[derive(Default)]
struct Options {
    values: HashMap<String, String>,
    pids: Vec<String>,
    file: Option<String>,
    json: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rtpload: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<bool> {
    let options = options(std::env::args().skip(1))?;
    let calls = calls(&options)?;
    let seconds = |name, default| number(&options, name, default).map(Duration::from_secs_f64);
    let plan = Plan {
        warmup: seconds("--warmup", 6.0)?,
        measure: seconds("--seconds", 10.0)?,
    };
    let load = Load::bind(&calls)?;
    let errors = cpu::receive_buffer_errors();
    let (before, after) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let note = |times: &Mutex<Vec<u64>>| {
        let now = options
            .pids
            .iter()
            .map(|pid| cpu::nanoseconds(pid, "").unwrap_or(0))
            .collect();
        if let Ok(mut times) = times.lock() {
            *times = now;
        }
    };
    let report = load.run(plan, || note(&before), || note(&after))?;
    let times = |times: Mutex<Vec<u64>>| times.into_inner().unwrap_or_default();
    let spent = times(before)
        .into_iter()
        .zip(times(after))
        .map(|(before, after)| after.saturating_sub(before));
    let costs: Vec<_> = spent
        .map(|ns| ns as f64 / 1000.0 / report.measured.max(1) as f64)
        .collect();
    print(
        &options,
        &report,
        calls.len(),
        &costs,
        cpu::receive_buffer_errors() - errors,
    );
    Ok(report.is_clean())
}

fn print(options: &Options, report: &Report, calls: usize, costs: &[f64], buffer_errors: u64) {
    let (sent, received, lost) = (report.sent, report.received, report.lost());
    let (late, doubled, changed) = (report.out_of_order, report.duplicates, report.corrupted);
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| report.percentile(share));
    let processes: Vec<_> = options.pids.iter().zip(costs).collect();
    if options.json {
        let cpu: Vec<_> = processes
            .iter()
            .map(|(pid, cost)| format!(r#""{pid}":{cost:.3}"#))
            .collect();
        println!(
            r#"{{"calls":{calls},"sent":{sent},"received":{received},"lost":{lost},"out_of_order":{late},"duplicates":{doubled},"corrupted":{changed},"send_errors":{},"receive_buffer_errors":{buffer_errors},"latency_us":{{"p50":{p50},"p90":{p90},"p99":{p99},"p999":{p999}}},"measured":{},"cpu_us_per_packet":{{{}}}}}"#,
            report.send_errors,
            report.measured,
            cpu.join(",")
        );
        return;
    }
    println!("calls {calls}, packets sent {sent}, received {received}, lost {lost}");
    println!(
        "out of order {late}, duplicates {doubled}, changed {changed}, send errors {}",
        report.send_errors
    );
    println!("receive buffer errors on this machine meanwhile: {buffer_errors}");
    println!("latency in microseconds: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}");
    for (pid, cost) in processes {
        println!("process {pid}: {cost:.2} microseconds of CPU per packet");
    }
}

fn calls(options: &Options) -> io::Result<Vec<Call>> {
    match options.file.as_deref() {
        Some("-") => io::stdin()
            .lock()
            .lines()
            .filter_map(|line| call(line).transpose())
            .collect(),
        Some(path) => {
            let text = std::fs::read_to_string(path)?;
            text.lines()
                .filter_map(|line| call(Ok(line.to_owned())).transpose())
                .collect()
        }
        None => {
            let (count, step) = (
                number(options, "--calls", 0.0)? as u16,
                number(options, "--step", 2.0)? as u16,
            );
            let base = |name| {
                let text = options
                    .values
                    .get(name)
                    .ok_or_else(|| wrong(&format!("{name} is missing")))?;
                address(text)
            };
            let (a_local, a_remote) = (base("--a-local")?, base("--a-remote")?);
            let (b_local, b_remote) = (base("--b-local")?, base("--b-remote")?);
            let nth = |base: SocketAddr, n: u16| {
                let port = n
                    .checked_mul(step)
                    .and_then(|offset| base.port().checked_add(offset));
                port.map(|port| SocketAddr::new(base.ip(), port))
                    .ok_or_else(|| wrong("ports beyond 65535"))
            };
            (0..count)
                .map(|n| {
                    Ok(Call {
                        a_local: nth(a_local, n)?,
                        a_remote: nth(a_remote, n)?,
                        b_local: nth(b_local, n)?,
                        b_remote: nth(b_remote, n)?,
                    })
                })
                .collect()
        }
    }
}

/// One line; `None` for an empty one or a comment.
fn call(line: io::Result<String>) -> io::Result<Option<Call>> {
    let line = line?;
    let words: Vec<_> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => Ok(None),
        [first, ..] if first.starts_with('#') => Ok(None),
        [a_local, a_remote, b_local, b_remote] => Ok(Some(Call {
            a_local: address(a_local)?,
            a_remote: address(a_remote)?,
            b_local: address(b_local)?,
            b_remote: address(b_remote)?,
        })),
        _ => Err(wrong(&format!(
            "expected a_local a_remote b_local b_remote, not {line:?}"
        ))),
    }
}

fn options(arguments: impl Iterator<Item = String>) -> io::Result<Options> {
    let mut options = Options::default();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| wrong(&format!("{argument} wants a value")))
        };
        match argument.as_str() {
            "--json" => options.json = true,
            "--pid" => options.pids.push(value()?),
            "--calls" | "--step" | "--seconds" | "--warmup" | "--a-local" | "--a-remote" | "--b-local"
            | "--b-remote" => {
                let value = value()?;
                options.values.insert(argument, value);
            }
            _ if argument == "-" || !argument.starts_with('-') => options.file = Some(argument),
            _ => return Err(wrong(&format!("unknown option {argument}"))),
        }
    }
    Ok(options)
}

fn number(options: &Options, name: &str, default: f64) -> io::Result<f64> {
    options.values.get(name).map_or(Ok(default), |text| {
        text.parse()
            .ok()
            .filter(|n: &f64| *n >= 0.0)
            .ok_or_else(|| wrong(&format!("{name}: not a number: {text}")))
    })
}

fn address(text: &str) -> io::Result<SocketAddr> {
    text.parse()
        .map_err(|_| wrong(&format!("not address:port: {text}")))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}
