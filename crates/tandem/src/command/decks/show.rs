//! What a trunk's deck says of itself, and of a number.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use config::{Config, Trunk};
use route::deck::{self, Asked, Exchange, Facts, Format, Places, Row, Sheet, read_bytes, read_places};
use serde_json::{Value, json};

use super::{complain_of, whole};
use crate::cli::ShowArgs;
use crate::command::{REFUSED, show};
use crate::decks;

/// Shows a deck, or what it says of a number.
pub(super) fn run(config: Option<&Path>, args: &ShowArgs, json: bool) -> Result<ExitCode> {
    let config = whole(config)?;
    let name = &args.trunk;
    let trunk = config
        .trunk(name)
        .with_context(|| format!("there is no trunk {name:?}"))?;
    let exchange = Exchange::of(&config.billing);
    let sheet = match sheet(trunk)? {
        Ok(sheet) => sheet,
        Err(()) => return Ok(ExitCode::from(REFUSED)),
    };
    let Some(number) = &args.number else {
        summary(&sheet, json)?;
        return Ok(ExitCode::SUCCESS);
    };
    let asked = Asked {
        called: number,
        caller: args.from.as_deref().unwrap_or_default(),
        at_unix_s: moment(args.at.as_deref())?,
    };
    let places = places(&config)?;
    let facts = Facts::of(&asked, &places);
    let mut rows = match sheet.rows(&exchange) {
        Ok(rows) => rows,
        Err(errors) => bail!(
            "{}",
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        ),
    };
    // The longest prefix first, of one prefix in the order in which rows are looked at.
    rows.retain(|row| row.key.begins(facts.called));
    rows.sort_by_key(|row| std::cmp::Reverse(row.key.digits()));
    let taken = rows.iter().position(|row| row.holds(&facts));
    let currency = exchange.base();
    if json {
        let values: Vec<Value> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| row_value(row, taken == Some(at), &facts))
            .collect();
        let states =
            [facts.caller, facts.called].map(|number| places.state(number).map(|state| state.to_string()));
        show::value(&json!({
            "number": number, "currency": currency.to_string(), "jurisdiction": facts.jurisdiction.word(), "states": states,
            "rate": taken.and_then(|at| rows.get(at)).map(|row| row.rate.to_string()), "rows": values,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(row) = taken.and_then(|at| rows.get(at)) else {
        show::text(&format!("{name} has no price for {number}\n"))?;
        return table(&rows, taken, &facts).map(|()| ExitCode::SUCCESS);
    };
    let minutes = |minutes: u64| deck::cost(row.rate, minutes * 60_000);
    show::text(&format!(
        "{number} by {name}: {} {currency}, for {}\na call of one minute costs {}, of three minutes {}\n",
        row.rate,
        row.key,
        minutes(1),
        minutes(3)
    ))?;
    table(&rows, taken, &facts)?;
    Ok(ExitCode::SUCCESS)
}

fn row_value(row: &Row, taken: bool, facts: &Facts) -> Value {
    json!({
        "line": row.line, "prefix": row.key.to_string(), "rate": row.rate.to_string(),
        "condition": row.condition.to_string(), "in_force": in_force(row),
        "taken": if taken { "yes" } else { why_not(row, facts) },
    })
}

/// Why a row that fits the number is not the call's.
fn why_not(row: &Row, facts: &Facts) -> &'static str {
    if facts.at < row.from {
        "not yet in force"
    } else if facts.at >= row.until {
        "no longer in force"
    } else if !row.condition.holds(facts) {
        "another call's condition"
    } else {
        "another goes before it"
    }
}

fn in_force(row: &Row) -> String {
    let from = (row.from > 0).then(|| deck::date_text(row.from));
    let until = (row.until < u32::MAX).then(|| deck::date_text(row.until));
    match (from, until) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("before {until}"),
        (Some(from), Some(until)) => format!("from {from}, before {until}"),
    }
}

fn table(rows: &[Row], taken: Option<usize>, facts: &Facts) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    show::text("\n")?;
    let values: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| row_value(row, taken == Some(at), facts))
        .collect();
    let columns = [
        ("TAKEN", "taken"),
        ("LINE", "line"),
        ("PREFIX", "prefix"),
        ("RATE", "rate"),
        ("IN FORCE", "in_force"),
        ("FOR CALLS", "condition"),
    ];
    show::table(&columns, &values)
}

/// The deck of a trunk as it is written; faults are told.
fn sheet(trunk: &Trunk) -> Result<Result<Sheet, ()>> {
    let name = &trunk.name;
    let format =
        Format::of(&trunk.deck_format).map_err(|message| anyhow!("trunk.{name}.deck_format.{message}"))?;
    let file = trunk.deck.as_ref().or(trunk.sell_deck.as_ref());
    let rows = if trunk.rates.is_empty() {
        &trunk.sell_rates
    } else {
        &trunk.rates
    };
    let (read, path) = match file {
        Some(path) => {
            let bytes = decks::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
            (read_bytes(&bytes, &format), path.clone())
        }
        None if rows.is_empty() => bail!("trunk {name:?} has no deck"),
        None => (Sheet::inline(rows, &format), format!("trunk.{name}").into()),
    };
    Ok(read.map_err(|errors| complain_of(&path, &errors)))
}

fn places(config: &Config) -> Result<Places> {
    let Some(path) = &config.billing.npa_nxx else {
        return Ok(Places::default());
    };
    let bytes = decks::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let read = read_places(&String::from_utf8_lossy(&bytes));
    read.map_err(|errors| {
        anyhow!(
            "{}: {}",
            path.display(),
            errors.first().map(ToString::to_string).unwrap_or_default()
        )
    })
}

fn moment(at: Option<&str>) -> Result<u64> {
    match at {
        None => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
        Some(text) => deck::moment(text)
            .map(u64::from)
            .map_err(|message| anyhow!("--at {message}")),
    }
}

fn summary(sheet: &Sheet, json: bool) -> Result<()> {
    let lines: Vec<_> = sheet.lines().collect();
    let mut prefixes: Vec<_> = lines.iter().map(|line| line.row.key).collect();
    prefixes.dedup();
    let count = |what: fn(&Row) -> bool| lines.iter().filter(|line| what(&line.row)).count();
    let (blocked, conditional) = (
        count(|row| row.rate.blocked),
        count(|row| !row.condition.is_always()),
    );
    let (dated, surcharges) = (
        count(|row| row.from > 0 || row.until < u32::MAX),
        lines.iter().filter(|line| line.is_surcharge()).count(),
    );
    let prices = || {
        lines
            .iter()
            .filter(|line| !line.row.rate.blocked)
            .map(|line| line.row.rate.per_minute)
    };
    let mut currencies: Vec<String> = lines
        .iter()
        .filter_map(|line| sheet.currency(line))
        .map(|currency| currency.to_string())
        .collect();
    currencies.sort();
    currencies.dedup();
    let value = json!({
        "rows": lines.len(), "prefixes": prefixes.len(), "blocked": blocked, "with_conditions": conditional, "dated": dated,
        "surcharges": surcharges, "cheapest": prices().min(), "dearest": prices().max(), "currencies": currencies,
        "notes": sheet.notes(),
    });
    if json {
        return show::value(&value);
    }
    let mut text = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Array(list) => list
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join("; "),
            other => other.to_string(),
        };
        if !shown.is_empty() {
            text.push_str(&format!("{:<16} {shown}\n", key.replace('_', " ")));
        }
    }
    show::text(&text)
}
