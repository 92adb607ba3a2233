//! `tandem route replay`: past calls, planned again by another configuration.

mod past;
mod words;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use records::{Filter, Reader};
use route::replay::{Left, MAX_CALLS, PastCall, Settings, Skip, replay};
use switch::record::CallRecord;

use super::{place, show, since_ms};
use crate::cli::ReplayArgs;
use crate::snapshot;

/// The longest line that is a record, bytes.
const LONGEST: u64 = 4 << 20;

/// Records, as far as they can be replayed.
#[derive(Default)]
struct Gathered {
    calls: Vec<PastCall>,
    left: Left,
}

impl Gathered {
    fn add(&mut self, record: &CallRecord, since: u64) {
        if record.started_ms < since {
            return;
        }
        let full = self.calls.len() >= MAX_CALLS;
        match past::call(record) {
            Ok(_) if full => self.left.add(Skip::TooMany),
            Ok(call) => self.calls.push(call),
            Err(skip) => self.left.add(skip),
        }
    }
}

/// Replays, and prints what would have changed.
pub(super) fn run(config: Option<&Path>, args: &ReplayArgs, json: bool) -> Result<()> {
    let Some(new) = config else {
        bail!("by which configuration? tandem route replay FILE --config NEW")
    };
    let loaded = snapshot::load(Some(new)).map_err(|refused| {
        let errors: Vec<String> = refused.errors;
        anyhow!("{} is refused:\n  {}", new.display(), errors.join("\n  "))
    })?;
    let at = args.at.as_deref().map(|at| {
        let moment = route::deck::moment(at).map_err(|message| anyhow!("--at {message}"))?;
        anyhow::Ok(u64::from(moment))
    });
    let settings = Settings {
        epoch: Instant::now(),
        at_unix_s: at.transpose()?,
    };
    let since = args
        .since
        .as_deref()
        .map(since_ms)
        .transpose()?
        .unwrap_or_default();
    let gathered = match args.file.as_deref() {
        None => stored(new, since)?,
        Some(file) if file == Path::new("-") => lines(std::io::stdin().lock(), "standard input", since)?,
        Some(file) => {
            let name = file.display().to_string();
            let opened = std::fs::File::open(file).with_context(|| format!("the records in {name}"))?;
            lines(BufReader::new(opened), &name, since)?
        }
    };
    let report = replay(&loaded.snapshot.tables, settings, gathered.calls, gathered.left);
    if json {
        return show::value(&serde_json::to_value(&report)?);
    }
    show::text(&words::of(&report))
}

/// The records of the configuration's store.
fn stored(config: &Path, since: u64) -> Result<Gathered> {
    let path = place::records(Some(config))?;
    let filter = Filter {
        since_ms: Some(since),
        limit: MAX_CALLS,
        ..Filter::default()
    };
    let reader = Reader::open(&path).with_context(|| format!("the records in {}", path.display()))?;
    let mut gathered = Gathered::default();
    reader.each(&filter, |record| gathered.add(&record, since))?;
    Ok(gathered)
}

/// A record per line.
fn lines(mut from: impl BufRead, name: &str, since: u64) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = std::io::Read::take(&mut from, LONGEST).read_until(b'\n', &mut line);
        if read.with_context(|| format!("{name}, line {number}"))? == 0 {
            break;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let record: CallRecord = serde_json::from_slice(text).with_context(|| {
            format!("{name}, line {number} is no record as tandem records --json prints it")
        })?;
        gathered.add(&record, since);
    }
    Ok(gathered)
}
