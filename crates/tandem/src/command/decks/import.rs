//! A carrier's deck as one of ours.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use route::deck::{Sheet, read_good};
use serde_json::json;

use super::{as_json, complain_of, format};
use crate::cli::ImportArgs;
use crate::command::{REFUSED, complain, show};
use crate::decks;

/// Reads the file, tells what is wrong with it, and writes what is not.
pub(super) fn run(config: Option<&Path>, args: &ImportArgs, json: bool) -> Result<ExitCode> {
    let format = format(config, &args.format)?;
    let path = args.file.as_path();
    let bytes = decks::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let (sheet, errors) = match read_good(&bytes, &format) {
        Ok(read) => read,
        Err(errors) => (Sheet::default(), errors),
    };
    let good = sheet.lines().count();
    let writes = good > 0 && (errors.is_empty() || args.skip_bad);
    if let Some(out) = args.out.as_deref().filter(|_| writes) {
        let text = sheet.to_csv();
        if out == Path::new("-") {
            show::text(&text)?;
        } else {
            std::fs::write(out, text).with_context(|| format!("{}", out.display()))?;
        }
    }
    let to_stdout = args.out.as_deref() == Some(Path::new("-"));
    match (json, to_stdout) {
        (_, true) => {}
        (true, false) => {
            let columns: serde_json::Map<_, _> = sheet
                .columns()
                .iter()
                .map(|(field, over)| ((*field).to_owned(), json!(over)))
                .collect();
            show::value(&json!({
                "rows": good, "columns": columns, "passed_over": sheet.passed_over(), "notes": sheet.notes(),
                "errors": as_json(&errors),
            }))?;
        }
        (false, false) => summary(&sheet, good)?,
    }
    if !json {
        complain_of(path, &errors);
    }
    if errors.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    match (args.skip_bad && writes, args.out.is_some()) {
        (true, _) => {
            complain(&format!("{} faults: their rows are left out", errors.len()));
            return Ok(ExitCode::SUCCESS);
        }
        (false, true) => complain(&format!("{} faults: nothing was written", errors.len())),
        (false, false) => {}
    }
    Ok(ExitCode::from(REFUSED))
}

fn summary(sheet: &Sheet, good: usize) -> Result<()> {
    let mut text = format!("{good} rows\n");
    for (field, over) in sheet.columns() {
        text.push_str(&format!("{field:<16} from {over:?}\n"));
    }
    if !sheet.passed_over().is_empty() {
        text.push_str(&format!("passed over      {}\n", sheet.passed_over().join(", ")));
    }
    for note in sheet.notes() {
        text.push_str(&format!("note: {note}\n"));
    }
    show::text(&text)
}
