//! `tandem call ID`: a call, up or over, and the ladder of its messages.

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result, bail};
use records::{Filter, Reader};
use serde_json::Value;

use super::client::{Client, escaped};
use super::{place, show};
use crate::cli::CallArgs;

/// Columns between two lines of a ladder.
const GAP: usize = 30;
/// Columns in front of the first line.
const CLOCK: usize = 12;

/// Prints the call, or writes its capture file.
pub(super) fn show(client: &Client, config: Option<&Path>, args: &CallArgs, json: bool) -> Result<()> {
    let id = escaped(&args.id);
    if let Some(file) = &args.pcap {
        let bytes = client.fetch(&format!("/v1/calls/{id}/pcap"))?;
        return std::fs::write(file, bytes).with_context(|| format!("{}", file.display()));
    }
    let call = match client.find(&format!("/v1/calls/{id}"))? {
        Some(call) => call,
        None => record(config, &args.id)?,
    };
    if json && !args.messages {
        return show::value(&call);
    }
    let ladder = match client.find(&format!("/v1/calls/{id}/ladder")) {
        Ok(ladder) => ladder.unwrap_or_default(),
        // What is known of the call is worth showing all the same.
        Err(_) if !args.messages => Value::Null,
        Err(error) => return Err(error),
    };
    let messages = ladder.as_array().map(Vec::as_slice).unwrap_or_default();
    if json {
        return messages.iter().try_for_each(show::value);
    }
    if !args.messages {
        facts(&call, 0)?;
    }
    if messages.is_empty() {
        return show::text("\n(its messages are not, or no longer, in memory)\n");
    }
    if args.messages {
        return show::text(&whole(messages));
    }
    show::text(&format!("\n{}", draw(messages)))
}

/// The record of a call that is over, from the store itself.
fn record(config: Option<&Path>, id: &str) -> Result<Value> {
    let path = place::records(config)?;
    let filter = Filter {
        id: Some(id.to_owned()),
        limit: 1,
        ..Filter::default()
    };
    let reader = Reader::open(&path).with_context(|| format!("the records in {}", path.display()))?;
    match reader.query(&filter)?.first() {
        Some(record) => Ok(serde_json::to_value(record)?),
        None => bail!("no call {id:?} is up, or was"),
    }
}

/// Every field on a line of its own, as `key: value`, what belongs together indented; what is not there is left out.
fn facts(value: &Value, depth: usize) -> Result<()> {
    let Some(fields) = value.as_object() else {
        return Ok(());
    };
    let indent = "  ".repeat(depth);
    for (key, value) in fields {
        match value {
            Value::Null => {}
            Value::Object(_) => {
                writeln!(stdout(), "{indent}{key}:")?;
                facts(value, depth + 1)?;
            }
            Value::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    match entry {
                        Value::Object(_) => {
                            writeln!(stdout(), "{indent}{key} {}:", index + 1)?;
                            facts(entry, depth + 1)?;
                        }
                        entry => writeln!(stdout(), "{indent}{key}: {}", plain(entry))?,
                    }
                }
            }
            value => writeln!(stdout(), "{indent}{key}: {}", plain(value))?,
        }
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), show::word)
}

fn text_of<'a>(message: &'a Value, key: &str) -> &'a str {
    message.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn micros(message: &Value) -> u64 {
    message.get("at_us").and_then(Value::as_u64).unwrap_or_default()
}

fn outgoing(message: &Value) -> bool {
    message
        .get("outgoing")
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// Seconds since the first message.
fn since(first: u64, message: &Value) -> String {
    let micros = micros(message).saturating_sub(first);
    format!("{:4}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Messages one after the other, each with its time and its way.
fn whole(messages: &[Value]) -> String {
    let first = messages.first().map(micros).unwrap_or_default();
    let each = messages.iter().map(|message| {
        let arrow = if outgoing(message) { "->" } else { "<-" };
        format!(
            "--- {} s  {} {arrow} {}\n{}\n",
            since(first, message),
            text_of(message, "local"),
            text_of(message, "remote"),
            text_of(message, "text").replace('\r', "").trim_end_matches('\n')
        )
    });
    each.collect()
}

/// A ladder: the first peer on the left, we beside it, the other peers to the right in the order in which they come.
fn draw(messages: &[Value]) -> String {
    let mut peers: Vec<&str> = Vec::new();
    for message in messages {
        let peer = text_of(message, "remote");
        if !peers.contains(&peer) {
            peers.push(peer);
        }
    }
    let columns: Vec<&str> = peers
        .iter()
        .take(1)
        .copied()
        .chain(["tandem"])
        .chain(peers.iter().skip(1).copied())
        .collect();
    let mut text = heading(&columns);
    let first = messages.first().map(micros).unwrap_or_default();
    for message in messages {
        let peer = peers.iter().position(|peer| *peer == text_of(message, "remote"));
        // We are the second column.
        let column = match peer.unwrap_or_default() {
            0 => 0,
            other => other + 1,
        };
        let to_the_right = (column > 1) == outgoing(message);
        let label = label(message);
        text.push_str(&rung(
            &since(first, message),
            columns.len(),
            column,
            to_the_right,
            &label,
        ));
    }
    text
}

fn label(message: &Value) -> String {
    let (summary, method) = (text_of(message, "summary"), text_of(message, "method"));
    if summary.starts_with(|c: char| c.is_ascii_digit()) && method != "INVITE" {
        format!("{summary} {method}")
    } else {
        summary.to_owned()
    }
}

fn heading(columns: &[&str]) -> String {
    let mut line = " ".repeat(CLOCK);
    for (index, name) in columns.iter().enumerate() {
        let at = CLOCK + index * GAP;
        let width = line.chars().count();
        line.push_str(&" ".repeat(at.saturating_sub(width)));
        line.push_str(name);
        line.push(' ');
    }
    format!("{}\n", line.trim_end())
}

/// One message between us (the second line) and the peer in a column.
fn rung(clock: &str, columns: usize, column: usize, to_the_right: bool, label: &str) -> String {
    let (left, right) = (column.min(1), column.max(1));
    let span = (right - left) * GAP - 1;
    let room = span.saturating_sub(4);
    let label: String = label.chars().take(room).collect();
    let fill = "-".repeat(room.saturating_sub(label.chars().count()));
    let arrow = if to_the_right {
        format!("- {label} {fill}>")
    } else {
        format!("<{fill} {label} -")
    };
    let mut line = format!("{clock:<CLOCK$}");
    for index in 0..columns {
        if index < left || index > right {
            line.push_str(&format!("{:<GAP$}", "|"));
        } else if index == left {
            line.push('|');
            line.push_str(&arrow);
        } else if index == right {
            line.push_str(&format!("{:<GAP$}", "|"));
        }
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(at_us: u64, outgoing: bool, remote: &str, summary: &str, method: &str) -> Value {
        json!({
            "at_us": at_us, "outgoing": outgoing, "local": "192.0.2.1:5060", "remote": remote,
            "summary": summary, "method": method, "text": format!("{summary}\r\nX: y\r\n\r\n"),
        })
    }

    #[test]
    fn a_ladder_has_the_caller_left_of_us_and_everybody_else_right() {
        let (a, b, c) = ("192.0.2.9:5070", "192.0.2.20:5080", "192.0.2.21:5081");
        let ladder = draw(&[
            message(5_000_000, false, a, "INVITE (SDP)", "INVITE"),
            message(5_001_000, true, a, "100 Trying", "INVITE"),
            message(5_002_000, true, b, "INVITE (SDP)", "INVITE"),
            message(5_003_000, false, b, "503 Service Unavailable", "INVITE"),
            message(6_500_000, true, c, "BYE", "BYE"),
            message(6_500_001, false, c, "200 OK", "BYE"),
        ]);
        let expected = "            192.0.2.9:5070                tandem                        192.0.2.20:5080               192.0.2.21:5081
   0.000000 |- INVITE (SDP) ------------->|                             |                             |
   0.001000 |<--------------- 100 Trying -|                             |                             |
   0.002000 |                             |- INVITE (SDP) ------------->|                             |
   0.003000 |                             |<-- 503 Service Unavailable -|                             |
   1.500000 |                             |- BYE ---------------------------------------------------->|
   1.500001 |                             |<--------------------------------------------- 200 OK BYE -|
";
        assert_eq!(ladder, expected);
    }

    #[test]
    fn whole_messages_have_their_time_and_way() {
        let text = whole(&[
            message(1, false, "192.0.2.9:5070", "BYE", "BYE"),
            message(2, true, "192.0.2.9:5070", "200 OK", "BYE"),
        ]);
        assert_eq!(
            text,
            "---    0.000000 s  192.0.2.1:5060 <- 192.0.2.9:5070\nBYE\nX: y\n\
             ---    0.000001 s  192.0.2.1:5060 -> 192.0.2.9:5070\n200 OK\nX: y\n"
        );
    }
}
