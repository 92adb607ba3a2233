//! What the threads of the store tell each other, and what is reported as its health.

use super::Health;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Device and inode of a file.
pub(super) type FileId = (u64, u64);

/// Flags and counts; nothing here guards other data, so the orderings are the weakest that serve.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Jobs committed since the start.
    pub(super) committed: AtomicU64,
    /// The file at the path isn't the one that the writer has open.
    pub(super) moved: AtomicBool,
    /// The keeper wants the writer to finish the checkpoint between two transactions.
    pub(super) finish_checkpoint: AtomicBool,
    /// Nothing more will be submitted.
    pub(super) closing: AtomicBool,
    pub(super) spooled: AtomicUsize,
    pub(super) dropped: AtomicU64,
    failing_since: Mutex<Option<Instant>>,
    file: Mutex<Option<FileId>>,
}

impl Shared {
    pub(super) fn health(&self, queued: usize) -> Health {
        Health {
            queued,
            spooled: self.spooled.load(Ordering::Relaxed),
            failing_since: *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    pub(super) fn set_failing(&self, since: Option<Instant>) {
        *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
        metrics::gauge!("tandem_records_failing").set(if since.is_some() { 1.0 } else { 0.0 });
    }

    pub(super) fn set_spooled(&self, jobs: usize) {
        if self.spooled.swap(jobs, Ordering::Relaxed) != jobs {
            metrics::gauge!("tandem_records_spooled").set(jobs as f64);
        }
    }

    /// The writer has opened this file, or none.
    pub(super) fn set_file(&self, file: Option<FileId>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }

    /// The file that the writer has open.
    pub(super) fn file(&self) -> Option<FileId> {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which file is at a path now.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}
