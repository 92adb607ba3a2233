//! `tandem trunk test`: has a trunk tested and prints the report.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::client::{Client, escaped};
use super::show;
use crate::cli::TestArgs;

/// How often the switch is asked whether the test is over.
const POLL: Duration = Duration::from_millis(200);

/// Tests a trunk. The exit code tells whether everything works.
pub(super) fn test(client: &Client, args: &TestArgs, json: bool) -> Result<ExitCode> {
    let path = format!("/v1/trunks/{}/test", escaped(&args.name));
    let mut wishes = Vec::new();
    for (key, value) in [("number", &args.number), ("caller", &args.caller)] {
        if let Some(value) = value {
            wishes.push(format!("{key}={}", escaped(value)));
        }
    }
    if let Some(talk) = args.talk {
        wishes.push(format!("talk={talk}"));
    }
    client.post(&format!("{path}?{}", wishes.join("&")))?;
    let report = loop {
        let report = client.get(&path)?;
        if report.get("state").and_then(Value::as_str) != Some("running") {
            break report;
        }
        std::thread::sleep(POLL);
    };
    show::trial(&report, json)?;
    let checks = report.get("checks").and_then(Value::as_array);
    let fails = |check: &Value| check.get("verdict").and_then(Value::as_str) == Some("fails");
    let failed = checks.is_none_or(|checks| checks.iter().any(fails));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
