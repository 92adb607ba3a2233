//! A connection that writes beside the store's writer, for what is not said in the hurry of a call: payments, feedback.

use crate::schema::{self, StoreError};
use rusqlite::{Connection, Error, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it waits for what the switch is writing.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The connection.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) connection: Connection,
    path: PathBuf,
}

impl Beside {
    /// Opens the file of a store that is open, or was.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| StoreError::from_sqlite(path, &error))?;
        let beside = Self {
            connection,
            path: path.to_path_buf(),
        };
        if schema::check(&beside.connection, path)? < schema::SCHEMA {
            return Err(StoreError::System {
                path: path.to_path_buf(),
                detail: "it is of an older release; start the switch, which brings it up to date".to_owned(),
            });
        }
        let set_up = || {
            beside.connection.busy_timeout(LOCK_WAIT)?;
            beside
                .connection
                .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;")
        };
        set_up().map_err(|error| beside.error(&error))?;
        Ok(beside)
    }

    pub(crate) fn error(&self, error: &Error) -> StoreError {
        StoreError::from_sqlite(&self.path, error)
    }

    /// Waits until what was committed is on the disk.
    pub(crate) fn sync(&self, what: &str) -> Result<(), StoreError> {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let synced = match File::open(PathBuf::from(log)) {
            Ok(log) => log.sync_data(),
            // It was copied into the database, synced.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        synced.map_err(|error| StoreError::System {
            path: self.path.clone(),
            detail: format!("{what} is written, but not on the disk yet: {error}"),
        })
    }
}
