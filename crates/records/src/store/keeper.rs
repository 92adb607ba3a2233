//! The second thread: forces the log to the disk, copies it into the database, and notices when the file has been taken away.
//! All that waits for the disk happens here, so that the writer doesn't.

use super::StoreConfig;
use super::shared::{Shared, file_id};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rusqlite::{Connection, Error, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Jobs after which the log is copied into the database (about 25 MB of log); earlier when nothing is written.
pub(super) const CHECKPOINT_JOBS: u64 = 4096;

/// Tries to catch up with a writer that goes on, before it is asked to finish.
const ROUNDS: usize = 3;

/// A rest of the log, in pages, that the writer can copy itself without being missed.
const SMALL_REST: i64 = 2048;

/// Size of the log, in pages, over which something holds it: a reader that never ends, or a disk that can't follow. 256 MB.
const LARGE_LOG: i64 = 65_536;

/// The keeper's state.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    log: PathBuf,
    every: Duration,
    checkpoint_jobs: u64,
    shared: Arc<Shared>,
    stopped: Receiver<()>,
    /// Jobs that were committed when the log was last synced, and last copied.
    synced: u64,
    copied: u64,
    sync_fails: bool,
    log_is_large: bool,
}

impl Keeper {
    pub(super) fn new(
        config: &StoreConfig,
        checkpoint_jobs: u64,
        shared: Arc<Shared>,
        stopped: Receiver<()>,
    ) -> Self {
        let mut log = config.path.as_os_str().to_owned();
        log.push("-wal");
        Self {
            path: config.path.clone(),
            log: log.into(),
            every: config.sync_every,
            checkpoint_jobs,
            shared,
            stopped,
            synced: 0,
            copied: 0,
            sync_fails: false,
            log_is_large: false,
        }
    }

    /// Works until the store is closed; then syncs a last time.
    pub(super) fn run(mut self) {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let named =
            File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        self.report_sync(named);
        while self.stopped.recv_timeout(self.every) == Err(RecvTimeoutError::Timeout) {
            self.turn();
        }
        self.sync();
    }

    fn turn(&mut self) {
        let Some(open) = self.shared.file() else { return };
        if file_id(&self.path) != Some(open) {
            self.shared.moved.store(true, Ordering::Release);
            return;
        }
        let committed = self.shared.committed.load(Ordering::Acquire);
        let idle = committed == self.synced;
        if !idle {
            self.sync();
        }
        if committed != self.copied && (idle || committed - self.copied >= self.checkpoint_jobs) {
            match self.checkpoint() {
                Ok(()) => self.copied = committed,
                Err(error) => tracing::debug!(%error, "copying the log into the database"),
            }
        }
    }

    /// Forces what is in the log to the disk.
    fn sync(&mut self) {
        let committed = self.shared.committed.load(Ordering::Acquire);
        let synced = match File::open(&self.log) {
            Ok(log) => log.sync_data(),
            // The last connection to close copies the log, synced, into the database and removes it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        if self.report_sync(synced) {
            self.synced = committed;
        }
    }

    fn report_sync(&mut self, synced: std::io::Result<()>) -> bool {
        match synced {
            Ok(()) => {
                if self.sync_fails {
                    tracing::warn!("call records reach the disk again");
                }
                self.sync_fails = false;
                true
            }
            Err(error) => {
                metrics::counter!("tandem_records_sync_failed_total").increment(1);
                if !self.sync_fails {
                    tracing::error!(%error, "call records can't be forced to the disk; a power cut would lose them");
                }
                self.sync_fails = true;
                false
            }
        }
    }

    /// Copies the log into the database beside the writer. The log starts over only when all of it was copied while nothing was
    /// written, so what is written meanwhile is copied in turn, and the writer is asked for the last, small rest.
    fn checkpoint(&mut self) -> Result<(), Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;")?;
        let mut progress = Progress::default();
        for _ in 0..ROUNDS {
            progress = checkpoint(&connection, "PASSIVE")?;
            if progress.rest() == 0 {
                break;
            }
        }
        metrics::gauge!("tandem_records_log_pages").set(progress.log as f64);
        if (1..=SMALL_REST).contains(&progress.rest()) {
            self.shared.finish_checkpoint.store(true, Ordering::Release);
        }
        let large = progress.log > LARGE_LOG;
        if large && !self.log_is_large {
            tracing::error!(
                pages = progress.log,
                copied = progress.copied,
                "the write-ahead log of the record store grows: a reader keeps its snapshot open, or the disk can't follow"
            );
        }
        self.log_is_large = large;
        Ok(())
    }
}

/// How far the log is copied.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Progress {
    /// Another connection kept some of it from being copied or emptied.
    busy: bool,
    /// Pages in the log.
    log: i64,
    /// Pages of them that the database has.
    copied: i64,
}

impl Progress {
    fn rest(self) -> i64 {
        self.log - self.copied
    }

    /// Whether the database has all of it.
    pub(super) fn is_complete(self) -> bool {
        !self.busy && self.rest() == 0
    }
}

/// Copies the log: `PASSIVE` what doesn't wait for anybody, `TRUNCATE` all of it, and empties it.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Result<Progress, Error> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Progress {
            busy: row.get(0)?,
            log: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}
