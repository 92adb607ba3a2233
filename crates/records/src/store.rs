//! The writing side: what callers see of it.

mod journal;
mod keeper;
mod session;
mod shared;
mod spool;
mod stretches;
#[cfg(test)]
mod tests;
mod writer;

use crate::schema::StoreError;
use crossbeam_channel::{Sender, TrySendError};
pub use journal::Journaled;
use session::Opened;
use shared::Shared;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
pub(crate) use stretches::STRETCH;
use switch::record::CallRecord;
use writer::Writer;

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

impl Job {
    /// The caller's name for this job.
    pub fn ticket(&self) -> u64 {
        match self {
            Self::Journal { ticket, .. } | Self::Interim { ticket, .. } | Self::Final { ticket, .. } => {
                *ticket
            }
        }
    }

    /// The record that it carries.
    pub fn record(&self) -> &CallRecord {
        match self {
            Self::Journal { record, .. } | Self::Interim { record, .. } | Self::Final { record, .. } => {
                record
            }
        }
    }
}

/// How the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Jobs in the queue to the writer.
    pub queued: usize,
    /// Jobs kept in memory because the store fails.
    pub spooled: usize,
    /// Since when it has been failing; `None` while it works.
    pub failing_since: Option<Instant>,
    /// Final records lost because the spool was full, or because the store still failed when it was closed; since the start.
    pub dropped: u64,
}

/// The open store. Dropping it does what [`Store::close`] does.
#[derive(Debug)]
pub struct Store {
    jobs: Option<Sender<Job>>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// Held locked for as long as the store is open.
    _lock: File,
}

impl Store {
    /// Opens or creates the file, brings an older schema up to date and starts the writer.
    /// Returns the calls that were answered and never finished, oldest first.
    pub fn open(config: StoreConfig, sink: impl OutcomeSink) -> Result<(Self, Vec<Journaled>), StoreError> {
        Self::open_with(config, Box::new(sink), STRETCH, keeper::CHECKPOINT_JOBS)
    }

    fn open_with(
        config: StoreConfig,
        sink: Box<dyn OutcomeSink>,
        stretch: usize,
        checkpoint_jobs: u64,
    ) -> Result<(Self, Vec<Journaled>), StoreError> {
        let lock = lock(&config.path)?;
        let (opened, unfinished) = Opened::open(&config.path, stretch, Instant::now())?;
        let shared = Arc::new(Shared::default());
        let (jobs, queue) = crossbeam_channel::bounded(config.queue.max(1));
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let path = config.path.clone();
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
            thread.map_err(|error| StoreError::System {
                path: path.clone(),
                detail: error.to_string(),
            })
        };
        let keeper = keeper::Keeper::new(&config, checkpoint_jobs, Arc::clone(&shared), stopped);
        let writer = Writer::new(config, stretch, queue, sink, Arc::clone(&shared));
        let threads = vec![
            spawn("records-writer", Box::new(move || writer.run(opened)))?,
            spawn("records-keeper", Box::new(move || keeper.run()))?,
        ];
        Ok((
            Self {
                jobs: Some(jobs),
                stop: Some(stop),
                threads,
                shared,
                _lock: lock,
            },
            unfinished,
        ))
    }

    /// Hands a job to the writer without blocking; gives it back when the queue is full.
    pub fn submit(&self, job: Job) -> Result<(), Job> {
        let Some(jobs) = &self.jobs else { return Err(job) };
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// How the store does at this moment.
    pub fn health(&self) -> Health {
        self.shared.health(self.jobs.as_ref().map_or(0, Sender::len))
    }

    /// Writes everything that was submitted, forces it to the disk and ends the threads. A store that fails is tried for about two
    /// more seconds; [`Health::dropped`] tells how many final records were lost.
    pub fn close(mut self) -> Health {
        self.finish();
        self.health()
    }

    fn finish(&mut self) {
        // The writer ends when the queue is closed and empty, the keeper, with a last sync, after it.
        self.shared.closing.store(true, Ordering::Release);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the record store panicked");
            }
            self.stop = None;
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Takes the lock that keeps a second switch away from the file. Not on the database file itself: closing any other descriptor of
/// that would drop SQLite's own locks.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let system = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            StoreError::NoDirectory(path.parent().map(Path::to_path_buf).unwrap_or_default())
        }
        _ => StoreError::System {
            path: path.to_path_buf(),
            detail: error.to_string(),
        },
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(name)
        .map_err(system)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(system(error)),
    }
}
