//! The reading side: queries, on a connection of its own, beside a writer or without one.

use std::path::Path;
use switch::record::CallRecord;

/// Which records to return; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Calling or called number, whole; a trailing `*` makes it a prefix.
    pub number: Option<String>,
    /// Trunk that the call came from, went to, or was tried over.
    pub trunk: Option<String>,
    /// Calls whose INVITE came at or after this, milliseconds since 1970 (UTC).
    pub since_ms: Option<u64>,
    /// Calls whose INVITE came before this, milliseconds since 1970 (UTC).
    pub until_ms: Option<u64>,
    /// Cause: its word (`normal`, `rtp-timeout` …), or the final SIP status in digits.
    pub cause: Option<String>,
    /// The call's id.
    pub id: Option<String>,
    /// At most so many records, the ones that ended last first; 0 means [`Filter::DEFAULT_LIMIT`].
    pub limit: usize,
}

impl Filter {
    /// Records returned where a query doesn't say how many.
    pub const DEFAULT_LIMIT: usize = 100;
}

/// Why records can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Something else.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A connection that reads records.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// Opens an existing store for reading.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let _ = path;
        todo!()
    }

    /// Final records that match, the ones that ended last first.
    pub fn query(&self, filter: &Filter) -> Result<Vec<CallRecord>, ReadError> {
        let _ = filter;
        todo!()
    }

    /// Final records in the store.
    pub fn count(&self) -> Result<u64, ReadError> {
        todo!()
    }
}
