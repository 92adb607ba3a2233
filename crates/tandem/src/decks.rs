//! The decks of a configuration: read from their files, on all cores, and kept while nothing about them has changed.

mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use config::{Config, DeckFormat, DeckRow, Trunk};
use route::deck::{Deck, Exchange, Format, Places, RowError, Sheet, read_bytes, read_places};

pub(crate) use file::{Stamp, read};

/// Faults that are told of each deck; `tandem decks import` tells all.
const FAULTS: usize = 100;

/// How much less the threads that read decks get of a core than those that carry calls (nice).
const NICENESS: i32 = 10;

/// The decks of a configuration, by trunk.
pub(crate) struct Decks {
    /// What carriers ask.
    pub(crate) bought: Vec<(String, Deck)>,
    /// What customers pay.
    pub(crate) sold: Vec<(String, Deck)>,
    /// The currency that both are in.
    pub(crate) exchange: Exchange,
}

/// One deck to be read.
#[derive(Clone, Copy)]
struct Task<'c> {
    trunk: &'c Trunk,
    path: Option<&'c Path>,
    rows: &'c [DeckRow],
    sold: bool,
}

impl Task<'_> {
    /// The key that names it.
    fn key(&self) -> &'static str {
        match (self.path, self.sold) {
            (Some(_), false) => "deck",
            (None, false) => "rates",
            (Some(_), true) => "sell_deck",
            (None, true) => "sell_rates",
        }
    }
}

/// Reads every deck of a configuration. `seen` gets the files.
///
/// # Errors
/// Everything that is wrong with any of them.
pub(crate) fn load(config: &Config, seen: &mut Vec<PathBuf>) -> Result<Decks, Vec<String>> {
    load_knowing(config, seen, &KNOWN)
}

/// The same; `memory` has the decks of the last time.
fn load_knowing(
    config: &Config,
    seen: &mut Vec<PathBuf>,
    memory: &Mutex<Option<Known>>,
) -> Result<Decks, Vec<String>> {
    let tasks = tasks(config);
    seen.extend(tasks.iter().filter_map(|task| task.path).map(Path::to_path_buf));
    let exchange = Exchange::of(&config.billing);
    let places = places(config, seen)?;
    let known = memory.lock().map(|known| known.clone()).unwrap_or_default();
    let basis = Basis {
        exchange: &exchange,
        places: &places,
        // What an earlier configuration made of the same files holds as long as these say the same.
        known: known
            .filter(|known| known.billing == config.billing)
            .map(|known| known.decks)
            .unwrap_or_default(),
    };
    let mut read = on_all_cores(&tasks, &basis);
    read.sort_by_key(|(index, _)| *index);
    let mut errors = Vec::new();
    let mut decks = Decks {
        bought: Vec::new(),
        sold: Vec::new(),
        exchange: exchange.clone(),
    };
    let mut fresh = HashMap::new();
    for ((_, deck), task) in read.into_iter().zip(&tasks) {
        match deck {
            Ok((deck, origin)) => {
                if let Some((path, stamp)) = task.path.zip(origin) {
                    fresh.insert(
                        (path.to_path_buf(), task.trunk.deck_format.clone().into()),
                        (stamp, deck.clone()),
                    );
                }
                let side = if task.sold {
                    &mut decks.sold
                } else {
                    &mut decks.bought
                };
                side.push((task.trunk.name.clone(), deck));
            }
            Err(faults) => errors.extend(faults),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if let Ok(mut known) = memory.lock() {
        *known = (!fresh.is_empty()).then(|| Known {
            billing: config.billing.clone(),
            decks: fresh,
        });
    }
    Ok(decks)
}

fn tasks(config: &Config) -> Vec<Task<'_>> {
    let mut tasks = Vec::new();
    for trunk in &config.trunks {
        let bought = (trunk.deck.as_deref(), trunk.rates.as_slice(), false);
        let sold = (trunk.sell_deck.as_deref(), trunk.sell_rates.as_slice(), true);
        for (path, rows, sold) in [bought, sold] {
            if path.is_some() || !rows.is_empty() {
                tasks.push(Task {
                    trunk,
                    path,
                    rows,
                    sold,
                });
            }
        }
    }
    tasks
}

/// What all decks of a configuration are read by.
struct Basis<'c> {
    exchange: &'c Exchange,
    places: &'c Places,
    known: KnownDecks,
}

/// A deck, and of a file when it was how.
type Made = Result<(Deck, Option<Stamp>), Vec<String>>;

/// Carries the tasks out, each core one after the other.
fn on_all_cores(tasks: &[Task<'_>], basis: &Basis<'_>) -> Vec<(usize, Made)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(index) else { return done };
            done.push((index, basis.make(task)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let modest = || {
            // Calls come first. Where that is not to be had, it is as it is.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            work()
        };
        let spawn = |_| {
            std::thread::Builder::new()
                .name("decks".into())
                .spawn_scoped(scope, modest)
        };
        let workers: Vec<_> = (0..cores.min(tasks.len()))
            .map_while(|index| spawn(index).ok())
            .collect();
        if workers.is_empty() {
            return work();
        }
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    })
}

impl Basis<'_> {
    fn make(&self, task: &Task<'_>) -> Made {
        let name = &task.trunk.name;
        let format = match Format::of(&task.trunk.deck_format) {
            Ok(format) => format,
            Err(message) => return Err(vec![format!("trunk.{name}.deck_format.{message}")]),
        };
        match task.path {
            Some(path) => self.of_file(task, path, &format),
            None => {
                let rows = Sheet::inline(task.rows, &format);
                let deck = rows.and_then(|sheet| sheet.deck(self.exchange, self.places.clone()));
                let place = |error: &RowError| {
                    let (key, index) = (task.key(), error.line.saturating_sub(1));
                    format!("trunk.{name}.{key}[{index}].{}: {}", error.column, error.message)
                };
                deck.map(|deck| (deck, None))
                    .map_err(|errors| told(&errors, place, String::new))
            }
        }
    }

    fn of_file(&self, task: &Task<'_>, path: &Path, format: &Format) -> Made {
        let fault = |error: String| {
            vec![format!(
                "{}: {} of trunk {:?}: {error}",
                path.display(),
                task.key(),
                task.trunk.name
            )]
        };
        let stamp = Stamp::of(path).map_err(fault)?;
        let key = (path.to_path_buf(), task.trunk.deck_format.clone().into());
        if let Some((known, deck)) = self.known.get(&key)
            && *known == stamp
        {
            return Ok((deck.clone(), Some(stamp)));
        }
        let bytes = read(path).map_err(fault)?;
        let deck =
            read_bytes(&bytes, format).and_then(|sheet| sheet.deck(self.exchange, self.places.clone()));
        let place = |error: &RowError| format!("{}:{error}", path.display());
        let all = || format!(" (tandem decks import {} tells all)", path.display());
        deck.map(|deck| (deck, Some(stamp)))
            .map_err(|errors| told(&errors, place, all))
    }
}

/// Faults in words, the first of them.
fn told(errors: &[RowError], place: impl Fn(&RowError) -> String, all: impl Fn() -> String) -> Vec<String> {
    let mut lines: Vec<String> = errors.iter().take(FAULTS).map(&place).collect();
    if let (Some(next), more @ 1..) = (errors.get(FAULTS), errors.len().saturating_sub(FAULTS)) {
        lines.push(format!("{}; and {} more{}", place(next), more - 1, all()));
    }
    lines
}

fn places(config: &Config, seen: &mut Vec<PathBuf>) -> Result<Places, Vec<String>> {
    let Some(path) = &config.billing.npa_nxx else {
        return Ok(Places::default());
    };
    seen.push(path.clone());
    let bytes = read(path).map_err(|error| vec![format!("{}: billing.npa_nxx: {error}", path.display())])?;
    read_places(&String::from_utf8_lossy(&bytes)).map_err(|errors| {
        told(
            &errors,
            |error| format!("{}:{error}", path.display()),
            String::new,
        )
    })
}

/// How a deck's file was read, in the words of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Words(String);

impl From<DeckFormat> for Words {
    fn from(format: DeckFormat) -> Self {
        Self(format!("{format:?}"))
    }
}

type KnownDecks = HashMap<(PathBuf, Words), (Stamp, Deck)>;

/// The decks that the last configuration was made of.
#[derive(Debug, Clone)]
struct Known {
    billing: config::Billing,
    decks: KnownDecks,
}

/// A deck that has not changed is not read again.
static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

#[cfg(test)]
mod tests;
