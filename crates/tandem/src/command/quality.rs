//! What was learned of trunks, as tables: each figure with its interval.

use std::io::{Write, stdout};

use anyhow::Result;
use serde_json::{Map, Value};

use super::client::{Client, escaped};
use super::show;

/// How a figure is written.
#[derive(Clone, Copy)]
enum Unit {
    /// A share, in percent.
    Percent,
    /// A number with so many decimals.
    Plain(usize),
}

/// The columns behind the name: heading, key, unit.
const COLUMNS: [(&str, &str, Unit); 15] = [
    ("ATTEMPTS", "attempts", Unit::Plain(1)),
    ("ASR %", "asr", Unit::Percent),
    ("NER %", "ner", Unit::Percent),
    ("SEER %", "seer", Unit::Percent),
    ("PDD s", "pdd_s", Unit::Plain(2)),
    ("ACD s", "acd_s", Unit::Plain(0)),
    ("MOS", "mos", Unit::Plain(2)),
    ("LOSS %", "loss", Unit::Percent),
    ("JITTER ms", "jitter_ms", Unit::Plain(1)),
    ("SHORT %", "short", Unit::Percent),
    ("FALSE %", "false_answers", Unit::Percent),
    ("DEAD %", "dead_air", Unit::Percent),
    ("SCORE", "score", Unit::Plain(2)),
    ("ISSUES %", "issues", Unit::Percent),
    ("TESTS %", "tests", Unit::Percent),
];

/// `tandem trunk quality NAME`: a line per group of destinations.
pub(super) fn show(client: &Client, name: &str, json: bool) -> Result<()> {
    let groups = client.get(&format!("/v1/trunks/{}/quality", escaped(name)))?;
    if json {
        return show::lines(&groups);
    }
    let rows: Vec<Value> = show::rows(&groups)
        .iter()
        .map(|group| row(group.get("group"), group))
        .collect();
    if rows.is_empty() {
        return show::text("nothing is known of it yet: no call of late\n");
    }
    table("TO", &rows)
}

/// The overall figures of those of the trunks that there are any of, below the list of trunks.
pub(super) fn learned(trunks: &[Value]) -> Result<()> {
    let known = |trunk: &Value| Some(row(trunk.get("name"), trunk.get("quality")?));
    let rows: Vec<Value> = trunks.iter().filter_map(known).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(stdout())?;
    table("NAME", &rows)
}

fn table(first: &str, rows: &[Value]) -> Result<()> {
    let columns = COLUMNS.iter().map(|(heading, key, _)| (*heading, *key));
    let columns: Vec<(&str, &str)> = std::iter::once((first, "name")).chain(columns).collect();
    show::table(&columns, rows)
}

fn row(name: Option<&Value>, figures: &Value) -> Value {
    let mut cells = Map::new();
    cells.insert("name".to_owned(), name.cloned().unwrap_or_default());
    for (_, key, unit) in COLUMNS {
        if let Some(words) = figures.get(key).and_then(|figure| words(figure, unit)) {
            cells.insert(key.to_owned(), Value::String(words));
        }
    }
    Value::Object(cells)
}

/// `47.1 (39.0-55.3)`: what was seen, and between what it lies with 95 %. Of too little there is no such interval.
fn words(figure: &Value, unit: Unit) -> Option<String> {
    let write = |value: f64| match unit {
        Unit::Percent => format!("{:.1}", value * 100.0),
        Unit::Plain(decimals) => format!("{value:.decimals$}"),
    };
    if let Some(plain) = figure.as_f64() {
        return Some(write(plain));
    }
    let part = |key: &str| figure.get(key).and_then(Value::as_f64);
    let mean = write(part("mean")?);
    Some(match (part("low"), part("high")) {
        (Some(low), Some(high)) => format!("{mean} ({}-{})", write(low.max(0.0)), write(high)),
        (_, _) => mean,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_written_with_their_intervals() {
        for (figure, unit, expected) in [
            (
                json!({ "mean": 0.5, "low": 0.4012, "high": 0.6 }),
                Unit::Percent,
                Some("50.0 (40.1-60.0)"),
            ),
            (
                json!({ "mean": 4.2, "low": null, "high": null }),
                Unit::Plain(2),
                Some("4.20"),
            ),
            (
                json!({ "mean": 0.5, "low": -0.5, "high": 1.5 }),
                Unit::Plain(1),
                Some("0.5 (0.0-1.5)"),
            ),
            (json!(0.01), Unit::Percent, Some("1.0")),
            (json!(null), Unit::Percent, None),
        ] {
            assert_eq!(words(&figure, unit).as_deref(), expected, "{figure}");
        }
    }
}
