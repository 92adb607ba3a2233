//! The reading side: queries, on a connection of its own, beside a writer or without one.

mod conditions;

use crate::feedback;
use crate::schema::{self, StoreError};
use conditions::Conditions;
use rusqlite::{Connection, Error, OpenFlags, params_from_iter};
use std::path::{Path, PathBuf};
use std::time::Duration;
use switch::record::{CallRecord, RECORD_VERSION};

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
    /// There is no such file: no record was ever stored there, or the path is wrong.
    #[error("records: there is no record store at {}", .0.display())]
    Missing(PathBuf),
    /// The file can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record was written by a newer release.
    #[error(
        "records: record {seq} has version {found}, this release knows up to {RECORD_VERSION}; read it with the newer release"
    )]
    Newer {
        /// `records.seq` of its row.
        seq: i64,
        /// Its version.
        found: u32,
    },
    /// A record isn't what a record must be.
    #[error("records: record {seq} can't be read: {error}")]
    Unreadable {
        /// `records.seq` of its row.
        seq: i64,
        /// Where it goes wrong.
        error: serde_json::Error,
    },
}

/// A connection that reads records.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// A stretch of records and where it is indexed; the records after the last stretch have none.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    index: Option<i64>,
    first: i64,
    last: i64,
}

impl Reader {
    /// Opens an existing store for reading, whether or not a switch writes it.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if !path.exists() {
            return Err(ReadError::Missing(path.to_path_buf()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| StoreError::from_sqlite(path, &error))?;
        let reader = Self {
            connection,
            path: path.to_path_buf(),
        };
        if schema::check(&reader.connection, path)? == 0 {
            return Err(ReadError::Missing(path.to_path_buf()));
        }
        reader
            .connection
            .busy_timeout(Duration::from_secs(1))
            .map_err(|error| reader.error(&error))?;
        Ok(reader)
    }

    /// Final records that match, the ones that ended last first.
    pub fn query(&self, filter: &Filter) -> Result<Vec<CallRecord>, ReadError> {
        let snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(|error| self.error(&error))?;
        let found = self.find(filter).map_err(|error| self.error(&error))?;
        let said = self.is_anything_said().map_err(|error| self.error(&error))?;
        let mut records = found
            .into_iter()
            .map(|(seq, json)| decode(seq, &json))
            .collect::<Result<Vec<_>, _>>()?;
        for record in records.iter_mut().filter(|_| said) {
            let feedback = feedback::of(&self.connection, &record.id).map_err(|error| self.error(&error))?;
            record.feedback = feedback.map(Box::new);
        }
        drop(snapshot);
        Ok(records)
    }

    /// Shows each of the records that [`query`](Self::query) would give, without having them all in memory.
    ///
    /// # Errors
    /// Some may have been shown before.
    pub fn each(&self, filter: &Filter, mut show: impl FnMut(CallRecord)) -> Result<(), ReadError> {
        let of_sqlite = |error: Error| self.error(&error);
        let snapshot = self.connection.unchecked_transaction().map_err(of_sqlite)?;
        let mut left = match filter.limit {
            0 => Filter::DEFAULT_LIMIT,
            limit => limit,
        };
        for stretch in self.stretches(filter).map_err(of_sqlite)? {
            let mut conditions = Conditions::of(filter);
            conditions.within(stretch.first, stretch.last);
            if let Some(number) = &filter.number {
                conditions.number(number, stretch.index);
            }
            let sql = conditions.select(left);
            let mut statement = self.connection.prepare_cached(&sql).map_err(of_sqlite)?;
            let values = params_from_iter(conditions.values());
            let mut rows = statement.query(values).map_err(of_sqlite)?;
            while let Some(row) = rows.next().map_err(of_sqlite)? {
                let seq = row.get(0).map_err(of_sqlite)?;
                let json: String = row.get(1).map_err(of_sqlite)?;
                show(decode(seq, &json)?);
                left = left.saturating_sub(1);
            }
            if left == 0 {
                break;
            }
        }
        drop(snapshot);
        Ok(())
    }

    /// Final records in the store.
    pub fn count(&self) -> Result<u64, ReadError> {
        let count: Result<i64, _> = self
            .connection
            .query_row("SELECT count(*) FROM records", [], |row| row.get(0));
        Ok(count.map_err(|error| self.error(&error))?.unsigned_abs())
    }

    /// The last accounts of calls that were answered and have no final record, oldest first: the calls that are up, or were when
    /// the switch died.
    pub fn unfinished(&self) -> Result<Vec<CallRecord>, ReadError> {
        let sql = "SELECT slot, record FROM journal WHERE NOT EXISTS (SELECT 1 FROM records WHERE records.id = journal.id)";
        let mut calls = self
            .rows(sql, &[])
            .map_err(|error| self.error(&error))?
            .into_iter()
            .map(|(slot, json)| decode(slot, &json))
            .collect::<Result<Vec<_>, _>>()?;
        calls.sort_by_key(|call| call.started_ms);
        Ok(calls)
    }

    /// Whether there is any feedback; a file of an older release has no place for it.
    fn is_anything_said(&self) -> Result<bool, Error> {
        let table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'feedback')";
        let row = "SELECT EXISTS (SELECT 1 FROM feedback)";
        let holds = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        Ok(holds(table)? && holds(row)?)
    }

    fn error(&self, error: &Error) -> ReadError {
        StoreError::from_sqlite(&self.path, error).into()
    }

    /// Goes back through the stretches, newest first, until there are enough.
    fn find(&self, filter: &Filter) -> Result<Vec<(i64, String)>, Error> {
        let limit = if filter.limit == 0 {
            Filter::DEFAULT_LIMIT
        } else {
            filter.limit
        };
        let mut found = Vec::new();
        for stretch in self.stretches(filter)? {
            let mut conditions = Conditions::of(filter);
            conditions.within(stretch.first, stretch.last);
            if let Some(number) = &filter.number {
                conditions.number(number, stretch.index);
            }
            let sql = conditions.select(limit - found.len());
            found.extend(self.rows(&sql, conditions.values())?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The stretches in which a record may match, the last first. An id leads straight to its record.
    fn stretches(&self, filter: &Filter) -> Result<Vec<Stretch>, Error> {
        let whole = Stretch {
            index: None,
            first: 0,
            last: i64::MAX,
        };
        if filter.id.is_some() {
            return Ok(vec![whole]);
        }
        let (since, until) = conditions::times(filter);
        let mut statement = self.connection.prepare_cached(
            "SELECT stretch, first_seq, last_seq FROM stretches WHERE max_started >= ? AND min_started < ? ORDER BY stretch DESC",
        )?;
        let indexed = statement
            .query_map([since, until], |row| {
                Ok(Stretch {
                    index: row.get(0)?,
                    first: row.get(1)?,
                    last: row.get(2)?,
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let end: i64 =
            self.connection
                .query_row("SELECT coalesce(max(last_seq), 0) FROM stretches", [], |row| {
                    row.get(0)
                })?;
        Ok(std::iter::once(Stretch {
            first: end.saturating_add(1),
            ..whole
        })
        .chain(indexed)
        .collect())
    }

    fn rows(&self, sql: &str, values: &[rusqlite::types::Value]) -> Result<Vec<(i64, String)>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement
            .query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }
}

/// Reads a record, telling one from a newer release from one that is damaged.
fn decode(seq: i64, json: &str) -> Result<CallRecord, ReadError> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    match serde_json::from_str::<CallRecord>(json) {
        Ok(record) if record.version <= RECORD_VERSION => Ok(record),
        Ok(record) => Err(ReadError::Newer {
            seq,
            found: record.version,
        }),
        Err(error) => match serde_json::from_str::<Version>(json) {
            Ok(Version { version }) if version > RECORD_VERSION => {
                Err(ReadError::Newer { seq, found: version })
            }
            Ok(_) | Err(_) => Err(ReadError::Unreadable { seq, error }),
        },
    }
}
