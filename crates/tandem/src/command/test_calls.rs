//! `tandem test-calls`: test calls by the clock.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::show;

/// Lists the schedules, each with its last call.
pub(super) fn show(client: &Client, as_json: bool) -> Result<()> {
    let all = client.get("/v1/test-calls")?;
    if as_json {
        return show::lines(&all);
    }
    let rows: Vec<Value> = show::rows(&all).iter().flat_map(rows).collect();
    let columns = [
        ("NAME", "name"),
        ("EVERY s", "every"),
        ("NEXT s", "next"),
        ("CALLS", "calls"),
        ("COST", "cost"),
        ("TRUNK", "trunk"),
        ("NUMBER", "number"),
        ("LAST", "last"),
        ("PDD ms", "pdd"),
        ("CODEC", "codec"),
        ("MOS", "mos"),
        ("WHY", "why"),
    ];
    show::table(&columns, &rows)
}

/// A line for each trunk: its last call; one for a schedule without any.
fn rows(test: &Value) -> Vec<Value> {
    let field = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let results = test.get("results").map(show::rows).unwrap_or_default();
    let mut seen: Vec<Value> = Vec::new();
    let mut list = Vec::new();
    for result in &results {
        let trunk = field(result, "trunk");
        if seen.contains(&trunk) {
            continue;
        }
        let why: Vec<Value> = result.get("why").map(show::rows).unwrap_or_default();
        let why: Vec<&str> = why.iter().filter_map(Value::as_str).collect();
        let passed = result.get("passed").and_then(Value::as_bool) == Some(true);
        list.push(json!({
            "trunk": trunk,
            "number": field(result, "number"),
            "last": if passed { "passed" } else { "FAILED" },
            "pdd": field(result, "pdd_ms"),
            "codec": field(result, "codec"),
            "mos": field(result, "mos_in"),
            "why": if why.is_empty() { Value::Null } else { json!(why.join("; ")) },
        }));
        seen.push(trunk);
    }
    if list.is_empty() {
        list.push(json!({ "last": "none yet", "why": field(test, "held") }));
    }
    for row in &mut list {
        if let Some(row) = row.as_object_mut() {
            for (key, from) in [("name", "name"), ("every", "every_s"), ("next", "next_s")] {
                row.insert(key.to_owned(), field(test, from));
            }
            row.insert("calls".to_owned(), field(test, "calls"));
            row.insert("cost".to_owned(), field(test, "cost"));
        }
    }
    list
}

/// Makes one now.
pub(super) fn run(client: &Client, name: &str, trunk: Option<&str>, as_json: bool) -> Result<()> {
    let query = trunk.map_or(String::new(), |trunk| format!("?trunk={}", escaped(trunk)));
    let begun = client.post(&format!("/v1/test-calls/{}{query}", escaped(name)))?;
    if as_json {
        return show::value(&begun);
    }
    let text = |key: &str| begun.get(key).and_then(Value::as_str).unwrap_or_default();
    show::text(&format!("{} is called over {}\n", text("number"), text("trunk")))
}
