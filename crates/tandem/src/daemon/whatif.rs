//! Configurations that are tried out beside the one in force: read and checked as a reload would, then held until they are put in force
//! or given up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::{Problem, Promotion, TryReport, TryWish};
use config::Config;
use switch::{Candidate, Snapshot, Trying};

use super::attic;
use super::backend::Daemon;
use super::shard::Ask;
use crate::snapshot::{self, Refused};
use crate::streams::LoadedStreams;

/// What is tried out, each way.
pub(crate) type Beside = BTreeMap<Trying, Held>;

/// A configuration that may come into force.
pub(crate) struct Held {
    path: PathBuf,
    snapshot: Arc<Snapshot>,
    streams: LoadedStreams,
    warnings: Vec<String>,
}

fn refused(errors: Vec<String>) -> Problem {
    Problem {
        errors,
        ..Problem::new(
            422,
            "configuration refused",
            "it is not tried out; mend the file and try again",
        )
    }
}

impl Daemon {
    /// Reads a configuration and tries it out. One that was tried out this way before is given up.
    pub(super) async fn try_out_now(&self, way: Trying, wish: TryWish) -> Result<TryReport, Problem> {
        // Nothing else comes into force meanwhile.
        let running = self.running.lock().await;
        let path = wish.config.clone();
        let loaded = tokio::task::spawn_blocking(move || snapshot::load(Some(&path))).await;
        let loaded = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(Refused { errors, files: _ })) => return Err(refused(errors)),
            Err(error) => return Err(refused(vec![error.to_string()])),
        };
        let mut next = loaded.snapshot;
        let differs = switch::differs(way, &running.config, &next.config);
        if !differs.is_empty() {
            return Err(refused(differs));
        }
        next.stay_bound(&running);
        let changes = running.config.diff(&next.config);
        let held = Held {
            path: wish.config,
            snapshot: Arc::new(next),
            streams: loaded.streams,
            warnings: loaded.warnings,
        };
        let report = TryReport {
            changes: changes.iter().map(ToString::to_string).collect(),
            warnings: held.warnings.clone(),
        };
        let candidate = Candidate {
            name: held.path.display().to_string(),
            snapshot: Arc::clone(&held.snapshot),
            share: wish.percent.unwrap_or_default() / 100.0,
        };
        let mut beside = self.beside.lock().await;
        self.tell_shard(way, Some(candidate), "another is tried out")
            .await?;
        beside.insert(way, held);
        Ok(report)
    }

    /// Gives up what is tried out; whether anything was.
    pub(super) async fn stop_trying_now(&self, way: Trying, why: &str) -> Result<bool, Problem> {
        let mut beside = self.beside.lock().await;
        if !beside.contains_key(&way) {
            return Ok(false);
        }
        self.tell_shard(way, None, why).await?;
        beside.remove(&way);
        Ok(true)
    }

    /// What was tried out before is freed where nobody waits.
    async fn tell_shard(&self, way: Trying, candidate: Option<Candidate>, why: &str) -> Result<(), Problem> {
        let why = why.to_owned();
        let candidate = candidate.map(Box::new);
        let before = self.ask(|reply| Ask::TryOut(way, candidate, why, reply)).await?;
        if let Some(before) = before {
            attic::put(before);
        }
        Ok(())
    }

    /// Another configuration comes into force: what may not be tried out beside that one is given up.
    pub(super) async fn end_what_differs(&self, next: &Config) -> Result<(), Problem> {
        for way in [Trying::Shadow, Trying::Canary] {
            let beside = self.beside.lock().await;
            let differs = beside
                .get(&way)
                .map(|held| switch::differs(way, next, &held.snapshot.config));
            drop(beside);
            if let Some(first) = differs.as_ref().and_then(|differs| differs.first()) {
                let why = format!("what comes into force differs in more than routing: {first}");
                self.stop_trying_now(way, &why).await?;
            }
        }
        Ok(())
    }

    /// Puts what is tried out in force, as it was read then.
    pub(super) async fn promote_now(&self, which: Option<Trying>) -> Result<Promotion, Problem> {
        let mut running = self.running.lock().await;
        let ways: Vec<Trying> = self.beside.lock().await.keys().copied().collect();
        let way = match (which, ways.as_slice()) {
            (Some(way), ways) if ways.contains(&way) => way,
            (None, [only]) => *only,
            (None, [_, ..]) => {
                let why = "there is a shadow and a canary; say which one (which=shadow, which=canary)";
                return Err(Problem::new(409, "which one", why));
            }
            (Some(_) | None, _) => {
                let why =
                    "nothing of the kind is tried out; begin with tandem route shadow FILE or canary FILE";
                return Err(Problem::new(404, "not found", why));
            }
        };
        let Some(held) = self.beside.lock().await.remove(&way) else {
            return Err(Problem::busy());
        };
        let missing = held.snapshot.out_of_reach();
        if !missing.is_empty() {
            self.beside.lock().await.insert(way, held);
            return Err(refused(missing));
        }
        // The other one may go on if it could have been begun beside this one.
        self.end_what_differs(&held.snapshot.config).await?;
        let next = Arc::clone(&held.snapshot);
        let warnings = held.warnings.clone();
        let outcome = self
            .put_in_force(&mut running, next, &held.streams, warnings)
            .await;
        let report = match outcome {
            Ok(report) => report,
            Err(problem) => {
                self.beside.lock().await.insert(way, held);
                return Err(problem);
            }
        };
        // A change of what was read before would bring that back. Only the file that a reload reads counts: that it is
        // replaced is what is waited for.
        if let Ok(mut files) = self.files.lock() {
            *files = self.config.iter().cloned().collect();
        }
        self.rewatch.notify_one();
        tracing::info!(config = %held.path.display(), way = way.word(), "promoted: it is in force");
        Ok(Promotion {
            config: held.path,
            reload_reads: self.config.clone(),
            report,
        })
    }
}
