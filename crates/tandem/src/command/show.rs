//! Prints answers: as tables for people, as JSON with one object per line for programs.

use std::borrow::Cow;
use std::io::{IsTerminal, Write, stdout};

use super::quality;
use anyhow::Result;
use serde_json::Value;
use switch::record::CallRecord;

/// Plain text, over several lines.
pub(crate) fn text(text: &str) -> Result<()> {
    let tame = tame(text, &['\n', '\r', '\t']);
    Ok(stdout().write_all(tame.as_bytes())?)
}

/// What others have written, for a terminal: numbers and headers may have characters in them that a terminal obeys. Those are
/// written as escapes, but for the ones in `kept`.
fn tame<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let is_wild = |c: char| c.is_control() && !kept.contains(&c);
    if !text.contains(is_wild) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_wild(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The same for what stands on one line.
pub(crate) fn word(text: &str) -> String {
    tame(text, &[]).into_owned()
}

/// One JSON value on a line.
pub(crate) fn value(value: &Value) -> Result<()> {
    Ok(writeln!(stdout(), "{value}")?)
}

pub(super) fn lines(values: &Value) -> Result<()> {
    values.as_array().into_iter().flatten().try_for_each(value)
}

/// A value at a path such as `to.trunk`, as text; `-` for none.
fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(row, |value, key| value.get(key));
    match found {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => word(text),
        Some(other) => other.to_string(),
    }
}

/// Columns wide enough for what is in them; a bold heading on a terminal.
pub(super) fn table(columns: &[(&str, &str)], rows: &[Value]) -> Result<()> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, path)| cell(row, path)).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, (title, _))| {
            let widest = cells
                .iter()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.chars().count())
                .max();
            widest.unwrap_or(0).max(title.len())
        })
        .collect();
    let line = |texts: &mut dyn Iterator<Item = &str>| -> String {
        let padded: Vec<String> = texts
            .zip(&widths)
            .map(|(text, width)| format!("{text:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = stdout().lock();
    let heading = line(&mut columns.iter().map(|(title, _)| *title));
    if out.is_terminal() {
        writeln!(out, "\x1b[1m{heading}\x1b[0m")?;
    } else {
        writeln!(out, "{heading}")?;
    }
    for row in &cells {
        writeln!(out, "{}", line(&mut row.iter().map(String::as_str)))?;
    }
    Ok(())
}

pub(super) fn rows(values: &Value) -> Vec<Value> {
    values.as_array().cloned().unwrap_or_default()
}

/// Calls that are up.
pub(crate) fn calls(calls: &Value, json: bool) -> Result<()> {
    if json {
        return lines(calls);
    }
    let columns = [
        ("ID", "id"),
        ("STATE", "state"),
        ("FROM", "from.trunk"),
        ("CALLER", "caller"),
        ("CALLED", "called"),
        ("TO", "to.trunk"),
        ("CODEC", "to.codec"),
        ("TALK s", "talk_s"),
    ];
    table(&columns, &rows(calls))
}

/// A test of a trunk: what works, what does not, and the key to set.
pub(crate) fn trial(report: &Value, json: bool) -> Result<()> {
    if json {
        return value(report);
    }
    for check in rows(report.get("checks").unwrap_or(&Value::Null)) {
        let mark = match &cell(&check, "verdict")[..] {
            "works" => "ok",
            "fails" => "FAILS",
            _ => "note",
        };
        text(&format!(
            "{mark:<6} {:<14} {}\n",
            cell(&check, "about"),
            cell(&check, "says")
        ))?;
        if check.get("key").is_some() {
            text(&format!("{:21} set {}\n", "", cell(&check, "key")))?;
        }
    }
    if report.get("call").is_some() {
        text(&format!("the call: tandem call {}\n", cell(report, "call")))?;
    }
    Ok(())
}

/// Trunks.
pub(crate) fn trunks(trunks: &Value, json: bool) -> Result<()> {
    if json {
        return lines(trunks);
    }
    let mut list = rows(trunks);
    for trunk in &mut list {
        let targets = trunk
            .get("targets")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let words: Vec<String> = targets.iter().map(target_words).collect();
        let takes = match (&cell(trunk, "enabled")[..], &cell(trunk, "draining")[..]) {
            ("false", _) => "disabled",
            (_, "true") => "draining",
            (_, _) => "yes",
        };
        let tests = tests_words(trunk);
        if let Some(object) = trunk.as_object_mut() {
            object.insert("tested".to_owned(), tests);
            object.insert("where".to_owned(), Value::String(words.join(", ")));
            object.insert("takes".to_owned(), Value::String(takes.to_owned()));
        }
    }
    let columns = [
        ("NAME", "name"),
        ("ROLE", "role"),
        ("CALLS TAKEN", "takes"),
        ("CALLS", "calls"),
        ("MAX CALLS", "max_calls"),
        ("MAX CPS", "max_cps"),
        ("REGISTERED", "registration.state"),
        ("TESTS", "tested"),
        ("TARGETS", "where"),
    ];
    table(&columns, &list)?;
    quality::learned(&list)
}

/// `9/10: why`: of a trunk's test calls those that passed, and what was wrong with the last one that did not.
fn tests_words(trunk: &Value) -> Value {
    let Some(tests) = trunk.get("tests") else {
        return Value::Null;
    };
    let mut words = format!("{}/{}", cell(tests, "passed"), cell(tests, "total"));
    let why = tests
        .get("last_failure")
        .and_then(|last| last.get("why"))
        .map(rows);
    if let Some(why) = why.as_deref().and_then(<[Value]>::first).and_then(Value::as_str) {
        words = format!("{words}: {why}");
    }
    Value::String(words)
}

/// Profiles, each with the first line of its text, which says what it is for.
pub(crate) fn profiles(profiles: &[(&str, &str)], json: bool) -> Result<()> {
    let row = |(name, text): &(&str, &str)| {
        let about = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches(['#', ' ']);
        serde_json::json!({ "name": name, "about": about })
    };
    let rows: Vec<Value> = profiles.iter().map(row).collect();
    if json {
        return rows.iter().try_for_each(value);
    }
    table(&[("NAME", "name"), ("ABOUT", "about")], &rows)
}

/// Where users are registered.
pub(crate) fn registrations(bindings: &Value, json: bool) -> Result<()> {
    if json {
        return lines(bindings);
    }
    let columns = [
        ("USER", "user"),
        ("TRUNK", "trunk"),
        ("CONTACT", "contact"),
        ("SOURCE", "source"),
        ("BY", "transport"),
        ("Q", "q"),
        ("EXPIRES s", "expires_s"),
        ("ANSWERS", "answers"),
        ("AGENT", "agent"),
    ];
    table(&columns, &rows(bindings))
}

/// Who is banned.
pub(crate) fn bans(bans: &Value, json: bool) -> Result<()> {
    if json {
        return lines(bans);
    }
    let columns = [
        ("ADDRESS", "address"),
        ("PORT", "port"),
        ("USER", "user"),
        ("WHY", "why"),
        ("LEFT s", "left_s"),
        ("DROPPED", "dropped"),
    ];
    table(&columns, &rows(bans))
}

/// What the fraud guard blocks, and what it has found.
pub(crate) fn fraud(view: &Value, json: bool) -> Result<()> {
    if json {
        return value(view);
    }
    let list = |name: &str| view.get(name).map(rows).unwrap_or_default();
    let columns = [
        ("ID", "id"),
        ("CUSTOMER", "customer"),
        ("WHICH CALLS", "scope"),
        ("RULE", "rule"),
        ("ACTION", "action"),
        ("LEFT s", "left_s"),
        ("REFUSED", "refused"),
    ];
    table(&columns, &list("blocks"))?;
    writeln!(stdout().lock())?;
    let columns = [
        ("EVENT", "id"),
        ("CUSTOMER", "customer"),
        ("PLACE", "place"),
        ("RULE", "rule"),
        ("SEEN", "seen"),
        ("OF WHAT", "figure"),
        ("USUAL", "usual"),
        ("LIMIT", "limit"),
        ("SPENT", "spent"),
        ("DONE", "done"),
        ("CUT", "cut"),
    ];
    let events = list("events").into_iter().take(MOST_EVENTS).map(event_row);
    table(&columns, &events.collect::<Vec<Value>>())
}

/// Events in a table: the latest.
const MOST_EVENTS: usize = 20;

/// An event as a row of a table: figures have no more than two decimals.
fn event_row(mut event: Value) -> Value {
    for key in ["seen", "usual", "limit"] {
        if let Some(figure) = event.get_mut(key)
            && let Some(number) = figure.as_f64()
        {
            *figure = serde_json::json!((number * 100.0).round() / 100.0);
        }
    }
    event
}

/// A target in a table: its URI and state, and the places that it leads to where there is something to say of them.
fn target_words(target: &Value) -> String {
    let mut words = cell(target, "uri");
    let state = cell(target, "state");
    if state != "up" && state != "-" {
        words = format!("{words} ({state})");
    }
    let places = target.get("places").map(rows).unwrap_or_default();
    let places: Vec<String> = places
        .iter()
        .filter(|place| cell(place, "state") != "unknown" || places.len() > 1)
        .map(|place| {
            let ping = match cell(place, "ping_ms") {
                none if none == "-" => String::new(),
                ms => format!(" {ms} ms"),
            };
            let answer = match cell(place, "last_answer") {
                none if none == "-" => String::new(),
                status => format!(" {status}"),
            };
            format!(
                "{} {}{answer}{ping}",
                cell(place, "address"),
                cell(place, "state")
            )
        })
        .collect();
    if places.is_empty() {
        words
    } else {
        format!("{words} [{}]", places.join("; "))
    }
}

/// A record as a row of a table: scores are as wide as each other.
fn record_row(mut record: Value) -> Value {
    if let Some(mos) = record.get_mut("mos")
        && let Some(score) = mos.as_f64()
    {
        *mos = Value::String(format!("{score:.2}"));
    }
    record
}

/// Records of finished calls.
pub(crate) fn records(records: &[CallRecord], json: bool) -> Result<()> {
    let values = records
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>()?;
    if json {
        return values.iter().try_for_each(value);
    }
    let values: Vec<Value> = values.into_iter().map(record_row).collect();
    let columns = [
        ("ID", "id"),
        ("FROM", "from_trunk"),
        ("CALLER", "caller"),
        ("CALLED", "called"),
        ("TO", "to_trunk"),
        ("SIP", "cause.sip"),
        ("CAUSE", "cause.kind"),
        ("BY", "hung_up_by"),
        ("PDD ms", "pdd_ms"),
        ("TALK ms", "talk_ms"),
        ("COST", "cost"),
        ("PRICE", "price"),
        ("MOS", "mos"),
    ];
    table(&columns, &values)
}

/// What a reload changed.
pub(crate) fn reload(report: &Value, json: bool) -> Result<()> {
    if json {
        return value(report);
    }
    let list = |name: &str| report.get(name).map(rows).unwrap_or_default();
    let mut out = stdout().lock();
    if list("changes").is_empty() {
        writeln!(out, "reloaded: no key has changed")?;
    }
    for change in list("changes") {
        writeln!(out, "{}", change.as_str().unwrap_or_default())?;
    }
    for change in list("needs_restart") {
        writeln!(out, "needs a restart: {}", change.as_str().unwrap_or_default())?;
    }
    for warning in list("warnings") {
        writeln!(out, "warning: {}", warning.as_str().unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_terminal_is_commanded_by_nobody_else() {
        let row = json!({ "from": "+44\u{1b}]0;x\u{7}\r\n\u{9b}2J ä" });
        assert_eq!(cell(&row, "from"), "+44\\u{1b}]0;x\\u{7}\\r\\n\\u{9b}2J ä");
        assert_eq!(tame("a\r\n\tb\u{1b}", &['\n', '\r', '\t']), "a\r\n\tb\\u{1b}");
    }

    #[test]
    fn a_score_has_two_decimals_in_a_table() {
        for (mos, shown) in [
            (json!(4.4), "4.40"),
            (json!(1), "1.00"),
            (json!(4.38), "4.38"),
            (Value::Null, "-"),
        ] {
            let row = record_row(json!({ "mos": mos, "pdd_ms": 12 }));
            assert_eq!(
                (cell(&row, "mos").as_str(), cell(&row, "pdd_ms").as_str()),
                (shown, "12")
            );
        }
        assert_eq!(cell(&record_row(json!({})), "mos"), "-");
    }
}
