//! What the tests of the store share.
#![allow(clippy::unwrap_used, reason = "for tests")]
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

#[path = "../../src/samples.rs"]
pub mod samples;

use records::{Job, Journaled, Outcome, OutcomeSink, Store, StoreConfig};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of a test's own, removed when it is done.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tandem-records-")
            .tempdir()
            .unwrap();
        Self(folder.keep())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("records.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn config(path: PathBuf) -> StoreConfig {
    StoreConfig {
        path,
        queue: 4096,
        spool: 4096,
        batch_delay: Duration::from_millis(1),
        sync_every: Duration::from_millis(20),
    }
}

/// Passes every outcome on.
pub struct Told(Sender<Outcome>);

impl OutcomeSink for Told {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        for outcome in outcomes.drain(..) {
            let _ = self.0.send(outcome);
        }
    }
}

/// A store and what it told.
pub struct Open {
    pub store: Store,
    pub told: Receiver<Outcome>,
    pub unfinished: Vec<Journaled>,
}

pub fn open(config: StoreConfig) -> Open {
    let (tell, told) = channel();
    let (store, unfinished) = Store::open(config, Told(tell)).unwrap();
    Open {
        store,
        told,
        unfinished,
    }
}

impl Open {
    /// Submits a job and waits for what becomes of it.
    pub fn run(&self, job: Job) -> Outcome {
        let ticket = job.ticket();
        self.store.submit(job).unwrap();
        let outcome = self.told.recv_timeout(PATIENCE).unwrap();
        let (Outcome::Stored { ticket: answered } | Outcome::Failed { ticket: answered, .. }) = &outcome;
        assert_eq!(*answered, ticket);
        outcome
    }
}

pub fn journal(n: u64) -> Job {
    Job::Journal {
        ticket: n,
        record: Box::new(samples::record(n)),
        dialogs: n.to_be_bytes().to_vec(),
    }
}

pub fn last(n: u64) -> Job {
    Job::Final {
        ticket: n,
        record: Box::new(samples::record(n)),
    }
}

pub fn stored(n: u64) -> Outcome {
    Outcome::Stored { ticket: n }
}

pub fn failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { .. })
}
