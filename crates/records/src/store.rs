//! The writing side: what callers see of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use switch::record::CallRecord;

/// How a store is kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database file. Its directory must exist; SQLite puts `-wal` and `-shm` beside it.
    pub path: PathBuf,
    /// Jobs that may wait in the queue to the writer; over it [`Store::submit`] gives the job back.
    pub queue: usize,
    /// Jobs kept in memory while the store fails.
    pub spool: usize,
    /// How long the writer lets jobs gather before it commits them together; also the longest that a job waits for that.
    pub batch_delay: Duration,
    /// How often what was committed is forced to the disk: the most that a power cut may lose.
    pub sync_every: Duration,
}

/// Where the writer says what became of each job.
pub trait OutcomeSink: Send + 'static {
    /// Takes outcomes off the list, as many as it can, without blocking; what it leaves is offered again shortly.
    fn deliver(&self, outcomes: &mut Vec<Outcome>);
}

/// What became of one job. There is exactly one for each job that [`Store::submit`] took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The job is in the write-ahead log; a killed process doesn't lose it.
    Stored {
        /// The job's ticket.
        ticket: u64,
    },
    /// The job isn't stored now. If the store is at fault it is kept in memory and tried again without another outcome.
    Failed {
        /// The job's ticket.
        ticket: u64,
        /// Why, for the log.
        error: String,
    },
}

/// Something to store. Jobs are carried out in the order in which they were submitted.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A call was answered, or its resume data changed: remember it until its final record. Replaces an earlier one of the same id.
    Journal {
        /// The caller's name for this job.
        ticket: u64,
        /// The call so far.
        record: Box<CallRecord>,
        /// What it takes to end or resume both legs after a crash; opaque here.
        dialogs: Vec<u8>,
    },
    /// A newer account of a journalled call that goes on; its resume data stays.
    Interim {
        /// The caller's name for this job.
        ticket: u64,
        /// The call so far.
        record: Box<CallRecord>,
    },
    /// The call has ended. Stores its one record and takes it off the journal in one transaction; a second for the same id is refused.
    Final {
        /// The caller's name for this job.
        ticket: u64,
        /// The whole call.
        record: Box<CallRecord>,
    },
}

/// A call that was answered and has no final record: it was up when the process died.
#[derive(Debug, Clone, PartialEq)]
pub struct Journaled {
    /// The last account of it, from its answer or a later interim.
    pub record: CallRecord,
    /// The resume data that came with it.
    pub dialogs: Vec<u8>,
}

/// How the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Jobs kept in memory because the store fails.
    pub spooled: usize,
    /// Since when it has been failing; `None` while it works.
    pub failing_since: Option<Instant>,
    /// Jobs lost because the spool was full, since the start.
    pub dropped: u64,
}

/// Why a store can't be opened. Nothing on the disk is changed by a refusal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something else.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The open store. Dropping it does what [`Store::close`] does.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens or creates the file, brings an older schema up to date and starts the writer.
    /// Returns the calls that were answered and never finished, oldest first.
    pub fn open(config: StoreConfig, sink: impl OutcomeSink) -> Result<(Self, Vec<Journaled>), StoreError> {
        let _ = (config, sink);
        todo!()
    }

    /// Hands a job to the writer without blocking; gives it back when the queue is full or the store is closed.
    pub fn submit(&self, job: Job) -> Result<(), Job> {
        Err(job)
    }

    /// How the store does at this moment.
    pub fn health(&self) -> Health {
        todo!()
    }

    /// Writes everything that was submitted, forces it to the disk and ends the threads.
    pub fn close(self) {}
}
