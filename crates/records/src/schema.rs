//! The file's schema: how it is created, brought up to date, recognised and refused.

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The schema that this build writes; kept in `PRAGMA user_version`.
pub(crate) const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// Marks the file as ours in `PRAGMA application_id`: `TNDM`.
const APPLICATION_ID: i64 = 0x544e_444d;

/// The statements that lead from each version to the next; the first makes an empty file version 1.
/// A version that was released is never edited, only followed.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
];

/// How long opening waits for another process that holds the file.
const OPEN_WAIT: Duration = Duration::from_secs(2);

/// Why a file can't be used as the store. Nothing on the disk is changed by a refusal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory of the file isn't there.
    #[error("records: directory {} of the record store doesn't exist; create it, owned by the user that runs the switch", .0.display())]
    NoDirectory(PathBuf),
    /// Another process keeps records in this file.
    #[error("records: {} is in use by another running switch; two can't keep records in one file", .0.display())]
    InUse(PathBuf),
    /// The file was written by a newer release.
    #[error(
        "records: {} has schema version {found}, this release knows up to {known}; run the newer release, or point \
         the store at another file", .path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The file is a database of something else.
    #[error("records: {} is an SQLite database, but not one of call records; point the store at another file", .0.display())]
    Foreign(PathBuf),
    /// The file is damaged, or no database at all.
    #[error(
        "records: {} is damaged ({detail}). Nothing was changed. To save what it holds: stop the switch, copy the file \
         with its -wal beside it, and run `sqlite3 COPY .recover | sqlite3 saved.db`. To go on with an empty store: move \
         the file, its -wal and its -shm aside together", .path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// The system refused: permissions, a read-only or full disk, a lock that isn't let go.
    #[error("records: can't open {}: {detail}", .path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
}

impl StoreError {
    /// Names the file in an SQLite error and tells damage from trouble.
    pub(crate) fn from_sqlite(path: &Path, error: &Error) -> Self {
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path,
                detail: error.to_string(),
            },
            _ => Self::System {
                path,
                detail: error.to_string(),
            },
        }
    }
}

/// Opens the file for writing, creating it (mode 0640: it holds personal data) and bringing its schema up to date.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        return Err(StoreError::NoDirectory(directory.to_path_buf()));
    }
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)
    {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(StoreError::System {
                path: path.to_path_buf(),
                detail: error.to_string(),
            });
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| StoreError::from_sqlite(path, &error))?;
    check(&connection, path)?;
    prepare(&connection).map_err(|error| StoreError::from_sqlite(path, &error))?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(|error| StoreError::from_sqlite(path, &error))?;
    if mode != "wal" {
        let detail =
            "its filesystem can't share memory between processes (a network mount?); use a local disk"
                .to_owned();
        return Err(StoreError::System {
            path: path.to_path_buf(),
            detail,
        });
    }
    Ok(connection)
}

/// Refuses what isn't ours or is newer than we are. Reads only. Returns the file's version, 0 for an empty file.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let look = || -> Result<(i64, u32, i64), Error> {
        connection.busy_timeout(OPEN_WAIT)?;
        Ok((
            connection.query_row("PRAGMA application_id", [], |row| row.get(0))?,
            connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let (application, version, objects) = look().map_err(|error| StoreError::from_sqlite(path, &error))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || objects != 0) {
        return Err(StoreError::Foreign(path.to_path_buf()));
    }
    if version > SCHEMA {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found: version,
            known: SCHEMA,
        });
    }
    Ok(version)
}

/// Sets the connection up and carries out the migrations that the file lacks, each in a transaction of its own.
fn prepare(connection: &Connection) -> Result<(), Error> {
    // NORMAL: a checkpoint syncs the log before it touches the database, so a power cut never leaves a damaged file;
    // commits themselves don't wait for the disk. Checkpoints are the keeper's, never a commit's. The cache is small: rows are
    // written at the end of their tables, and the pages of the indices are in the operating system's.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -1024;
         PRAGMA temp_store = MEMORY;",
    )?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (from, statements) in MIGRATIONS.iter().enumerate().skip(version as usize) {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {statements} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT;",
            from + 1
        ))?;
    }
    Ok(())
}
