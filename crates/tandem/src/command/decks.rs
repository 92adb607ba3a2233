//! `tandem decks`: price decks read, compared and looked into, without a switch.

mod diff;
mod import;
mod show;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use config::Config;
use route::deck::{Currency, DateOrder, Exchange, Field, Format, Layout, RowError, Zone};

use super::complain;
use crate::cli::{DecksAction, FormatArgs};
use crate::files::SystemFiles;

/// Carries an action out.
pub(super) fn run(config: Option<&Path>, action: &DecksAction, json: bool) -> Result<ExitCode> {
    match action {
        DecksAction::Import(args) => import::run(config, args, json),
        DecksAction::Diff(args) => diff::run(config, args, json),
        DecksAction::Show(args) => show::run(config, args, json),
    }
}

/// The configuration, which has to be whole.
fn whole(path: Option<&Path>) -> Result<Config> {
    let Some(path) = path else {
        bail!("which configuration? --config FILE")
    };
    match config::check(path, &mut SystemFiles::default()) {
        (Some(config), _) => Ok(config),
        (None, report) => Err(anyhow!("{report}")),
    }
}

/// What currencies are worth: by the configuration, if there is one.
fn exchange(config: Option<&Path>) -> Result<Option<Exchange>> {
    config
        .map(|path| whole(Some(path)).map(|config| Exchange::of(&config.billing)))
        .transpose()
}

/// How a file is to be read.
fn format(config: Option<&Path>, args: &FormatArgs) -> Result<Format> {
    let mut format = match &args.trunk {
        Some(name) => {
            let config = whole(config)?;
            let trunk = config
                .trunk(name)
                .with_context(|| format!("there is no trunk {name:?}"))?;
            Format::of(&trunk.deck_format).map_err(|message| anyhow!("trunk.{name}.deck_format.{message}"))?
        }
        None => Format::default(),
    };
    if let Some(layout) = &args.layout {
        format.layout = match layout.as_str() {
            "auto" => Layout::Auto,
            "international" => Layout::International,
            "us" => Layout::UnitedStates,
            _ => bail!("--layout {layout:?}: it is auto, international or us"),
        };
    }
    for column in &args.columns {
        let (name, over) = column
            .split_once('=')
            .with_context(|| format!("--column {column:?}: write NAME=HEADER"))?;
        let field = Field::named(name.trim());
        let field = field.with_context(|| format!("--column {name:?}: there are {}", Field::names()))?;
        format.columns.retain(|(known, _)| *known != field);
        format.columns.push((field, over.trim().to_owned()));
    }
    match args.dates.as_deref() {
        None => {}
        Some("day-first") => format.dates = Some(DateOrder::DayFirst),
        Some("month-first") => format.dates = Some(DateOrder::MonthFirst),
        Some(other) => bail!("--dates {other:?}: it is day-first or month-first"),
    }
    match args.decimal.as_deref() {
        None => {}
        Some(mark @ ("." | ",")) => format.decimal = mark.bytes().next(),
        Some(other) => bail!("--decimal {other:?}: it is . or ,"),
    }
    if let Some(zone) = &args.timezone {
        format.zone = Zone::parse(zone).map_err(|message| anyhow!("--timezone {message}"))?;
    }
    if let Some(currency) = &args.currency {
        let known = Currency::new(currency);
        format.currency =
            Some(known.with_context(|| format!("--currency {currency:?}: write its three letters"))?);
    }
    Ok(format)
}

/// Tells of bad rows.
fn complain_of(path: &Path, errors: &[RowError]) {
    for error in errors {
        complain(&format!("{}:{error}", path.display()));
    }
}

/// Bad rows as JSON.
fn as_json(errors: &[RowError]) -> Vec<serde_json::Value> {
    let row = |error: &RowError| serde_json::json!({ "line": error.line, "column": error.column, "message": error.message });
    errors.iter().map(row).collect()
}
