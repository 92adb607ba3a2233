//! Two decks compared, row by row: a row is known by its prefix and its condition.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use route::deck::{self, Condition, Currency, Exchange, Format, Key, Rate, Row, RowError, Sheet, read_bytes};
use serde_json::{Value, json};

use super::{complain_of, exchange, format};
use crate::cli::DiffArgs;
use crate::command::{REFUSED, show};
use crate::decks;

/// Talk time over which prices are compared, so that fees and increments count.
const COMPARED_MS: u64 = 180_000;

/// What has happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    New,
    Gone,
    Dearer,
    Cheaper,
    Blocked,
    Unblocked,
    /// It costs the same for three minutes, by other terms.
    Terms,
    /// Only when it is in force has changed.
    Dates,
}

impl Change {
    const ALL: [Self; 8] = [
        Self::New,
        Self::Gone,
        Self::Dearer,
        Self::Cheaper,
        Self::Blocked,
        Self::Unblocked,
        Self::Terms,
        Self::Dates,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Dearer => "dearer",
            Self::Cheaper => "cheaper",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Terms => "terms",
            Self::Dates => "dates",
        }
    }
}

/// What a row is known by.
type Known = (Key, Condition);

/// Compares the two files.
pub(super) fn run(config: Option<&Path>, args: &DiffArgs, json: bool) -> Result<ExitCode> {
    let format = format(config, &args.format)?;
    let (Ok(old), Ok(new)) = (sheet(&args.old, &format)?, sheet(&args.new, &format)?) else {
        return Ok(ExitCode::from(REFUSED));
    };
    let exchange = match exchange(config)? {
        Some(exchange) => exchange,
        None => only_currency(&[&old, &new]),
    };
    let rows = |sheet: Sheet, path: &Path| {
        sheet
            .rows(&exchange)
            .map(last_versions)
            .map_err(|errors| complain_of(path, &errors))
    };
    let (Ok(old), Ok(new)) = (rows(old, &args.old), rows(new, &args.new)) else {
        return Ok(ExitCode::from(REFUSED));
    };
    let changes = compare(&old, &new);
    let mut counts: BTreeMap<&str, usize> = Change::ALL.iter().map(|change| (change.word(), 0)).collect();
    for (_, change) in &changes {
        *counts.entry(change.word()).or_default() += 1;
    }
    let same = new.len()
        - changes
            .iter()
            .filter(|(_, change)| *change != Change::Gone)
            .count();
    if !args.summary {
        let values: Vec<Value> = changes
            .iter()
            .map(|(known, change)| value(known, *change, &old, &new))
            .collect();
        if json {
            values.iter().try_for_each(show::value)?;
        } else if !values.is_empty() {
            table(&values)?;
            show::text("\n")?;
        }
    }
    if json {
        show::value(&json!({ "summary": counts, "same": same, "old": old.len(), "new": new.len() }))?;
    } else {
        let words: Vec<String> = Change::ALL
            .iter()
            .filter_map(|change| Some((change.word(), counts.get(change.word())?)))
            .filter(|(_, count)| **count > 0)
            .map(|(word, count)| format!("{count} {word}"))
            .chain([format!("{same} the same")])
            .collect();
        show::text(&format!("{}\n", words.join(", ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sheet(path: &Path, format: &Format) -> Result<Result<Sheet, ()>> {
    let bytes = decks::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    Ok(read_bytes(&bytes, format).map_err(|errors: Vec<RowError>| complain_of(path, &errors)))
}

/// Without a configuration amounts are compared as they stand, if they are all in one currency.
fn only_currency(sheets: &[&Sheet]) -> Exchange {
    let all = sheets
        .iter()
        .flat_map(|sheet| sheet.lines().filter_map(|line| sheet.currency(line)));
    let named: BTreeSet<Currency> = all.collect();
    Exchange::new(named.first().copied().unwrap_or(Currency::USD), Vec::new())
}

/// Of each row the version that comes into force last.
fn last_versions(rows: Vec<Row>) -> BTreeMap<Known, Row> {
    let mut last: BTreeMap<Known, Row> = BTreeMap::new();
    for row in rows {
        let known = last.entry((row.key, row.condition)).or_insert(row);
        if row.from > known.from {
            *known = row;
        }
    }
    last
}

fn compare(old: &BTreeMap<Known, Row>, new: &BTreeMap<Known, Row>) -> Vec<(Known, Change)> {
    let all: BTreeSet<&Known> = old.keys().chain(new.keys()).collect();
    let change = |known: &Known| match (old.get(known), new.get(known)) {
        (None, Some(_)) => Some(Change::New),
        (Some(_), None) => Some(Change::Gone),
        (Some(old), Some(new)) => between(old, new),
        (None, None) => None,
    };
    all.into_iter()
        .filter_map(|known| Some((*known, change(known)?)))
        .collect()
}

fn between(old: &Row, new: &Row) -> Option<Change> {
    let price = |row: &Row| deck::cost(row.rate, COMPARED_MS);
    match (old.rate.blocked, new.rate.blocked) {
        (false, true) => return Some(Change::Blocked),
        (true, false) => return Some(Change::Unblocked),
        (true, true) | (false, false) => {}
    }
    if !new.rate.blocked && price(new) != price(old) {
        let dearer = price(new) > price(old);
        return Some(if dearer { Change::Dearer } else { Change::Cheaper });
    }
    if !new.rate.blocked && old.rate != new.rate {
        return Some(Change::Terms);
    }
    ((old.from, old.until) != (new.from, new.until)).then_some(Change::Dates)
}

fn value(known: &Known, change: Change, old: &BTreeMap<Known, Row>, new: &BTreeMap<Known, Row>) -> Value {
    let (before, after) = (old.get(known), new.get(known));
    // What a number of this prefix costs where the row itself is not there.
    let instead = |rows: &BTreeMap<Known, Row>| {
        let shorter = (1..known.0.digits())
            .rev()
            .map(|digits| (known.0.first(digits), known.1));
        shorter
            .into_iter()
            .find_map(|shorter| rows.get(&shorter))
            .map(|row| format!("{} by {}", row.rate, row.key))
    };
    let text = |row: Option<&Row>, rows| match row {
        Some(row) => Some(row.rate.to_string()),
        None => instead(rows),
    };
    let percent = before
        .zip(after)
        .and_then(|(before, after)| percent(before.rate, after.rate));
    let date = |row: Option<&Row>| {
        row.map(|row| row.from)
            .filter(|from| *from > 0)
            .map(deck::date_text)
    };
    json!({
        "change": change.word(), "prefix": known.0.to_string(), "condition": known.1.to_string(),
        "old": text(before, old), "new": text(after, new), "percent": percent,
        "old_line": before.map(|row| row.line), "new_line": after.map(|row| row.line),
        "from": date(after), "from_before": date(before),
    })
}

/// By how much three minutes became dearer, in percent with one decimal.
fn percent(before: Rate, after: Rate) -> Option<f64> {
    let [before, after] = [before, after].map(|rate| deck::cost(rate, COMPARED_MS).0 as f64);
    (before > 0.0).then(|| ((after - before) / before * 1000.0).round() / 10.0)
}

fn table(values: &[Value]) -> Result<()> {
    let columns = [
        ("CHANGE", "change"),
        ("PREFIX", "prefix"),
        ("OLD", "old"),
        ("NEW", "new"),
        ("%", "percent"),
        ("FROM", "from"),
        ("FOR CALLS", "condition"),
    ];
    show::table(&columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> BTreeMap<Known, Row> {
        let sheet = deck::read(text, &Format::default()).unwrap();
        last_versions(sheet.rows(&Exchange::default()).unwrap())
    }

    #[test]
    fn rows_are_compared_by_what_three_minutes_cost() {
        let old = rows(
            "prefix,rate,increment,effective from,blocked,jurisdiction\n\
             1,1,1,,,\n2,1,1,,,\n3,1,1,,,\n4,1,1,,,\n5,1,1,,,\n6,,,,yes,\n7,1,1,,,\n8,1,1,2026-01-01,,\n\
             9,1,1,,,intrastate\n10,1,1,2026-01-01,,\n10,2,1,2026-02-01,,\n",
        );
        let new = rows(
            "prefix,rate,increment,effective from,blocked,jurisdiction\n\
             1,1,1,,,\n2,1.1,1,,,\n3,0.9,1,,,\n5,,,,yes,\n6,1,1,,,\n7,1,179,,,\n8,1,1,2026-02-01,,\n\
             9,1,1,,,interstate\n11,1,1,,,\n10,2,1,2026-02-01,,\n",
        );
        let changes: Vec<(String, &str)> = compare(&old, &new)
            .into_iter()
            .map(|((key, condition), change)| (format!("{key} {condition}").trim().to_owned(), change.word()))
            .collect();
        let expected = [
            ("11", "new"),
            ("2", "dearer"),
            ("3", "cheaper"),
            ("4", "gone"),
            ("5", "blocked"),
            ("6", "unblocked"),
            ("7", "terms"),
            ("8", "dates"),
            ("9 interstate", "new"),
            ("9 intrastate", "gone"),
        ];
        assert_eq!(
            changes,
            expected.map(|(known, change)| (known.to_owned(), change))
        );
        let dearer = value(
            &(Key::new("2").unwrap(), Condition::ALWAYS),
            Change::Dearer,
            &old,
            &new,
        );
        assert_eq!(dearer["percent"], 10.0);
        let new_one = value(
            &(Key::new("11").unwrap(), Condition::ALWAYS),
            Change::New,
            &old,
            &new,
        );
        assert_eq!(new_one["old"], "1/min (1/1) by 1");
    }
}
