//! `tandem tail`: events as they happen.

use std::io::{BufRead, BufReader, Write};

use anyhow::{Result, bail};
use serde_json::Value;

use super::client::Client;
use super::show;
use crate::cli::TailArgs;

/// The longest line of an event, bytes; a longer one is none.
const LONGEST: u64 = 65_536;

/// Prints a line for each event until the switch or the reader has gone.
pub(crate) fn follow(client: &Client, args: &TailArgs, json: bool) -> Result<()> {
    let mut path = format!("/v1/events?calls={}", args.calls);
    if args.all {
        path.push_str("&after=0");
    }
    let mut lines = BufReader::new(client.stream(&path)?);
    let mut out = std::io::stdout();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut lines, LONGEST).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            bail!("the switch has ended the connection");
        }
        // Of a frame of server-sent events only `data` matters here: it has all that the others say.
        let Some(data) = line.strip_prefix(b"data:") else {
            continue;
        };
        let Ok(event) = serde_json::from_slice::<Value>(data) else {
            continue;
        };
        if json {
            writeln!(out, "{event}")?;
        } else {
            writeln!(out, "{}", words(&event))?;
        }
        out.flush()?;
    }
}

/// An event in a line.
fn words(event: &Value) -> String {
    let text = |name: &str| show::word(event.get(name).and_then(Value::as_str).unwrap_or_default());
    if let Some(missed) = event.get("missed").and_then(Value::as_u64) {
        return format!("({missed} events came faster than they could be shown)");
    }
    let at_ms = event.get("at_ms").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{} {:<15} {} {}",
        clock(at_ms),
        text("kind"),
        text("subject"),
        text("text")
    )
}

/// The time of day, UTC.
fn clock(at_ms: u64) -> String {
    let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{ms:03}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_line() {
        let event = json!({
            "number": 3, "at_ms": 1_769_904_000_123_u64 + 3_723_000,
            "kind": "target-down", "subject": "carrier-a", "text": "sip:192.0.2.1\n does not answer"
        });
        let said = words(&event);
        assert!(
            said.starts_with("01:02:03.123 target-down     carrier-a sip:192.0.2.1"),
            "{said}"
        );
        assert!(!said.contains('\n'), "{said}");
        let missed = words(&json!({ "kind": "missed", "missed": 12 }));
        assert_eq!(missed, "(12 events came faster than they could be shown)");
    }
}
