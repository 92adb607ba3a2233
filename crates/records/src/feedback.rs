//! What applications have said of calls: one row for each, in the store's file. It is kept beside the records, so that it can be said while a
//! call is up, and so that a record is written once.

use crate::beside::Beside;
use crate::schema::StoreError;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use std::path::Path;
use switch::record::FeedbackRecord;

/// A connection for feedback, beside the store's writer.
#[derive(Debug)]
pub struct Feedbacks {
    beside: Beside,
}

impl Feedbacks {
    /// Opens the file of a store that is open, or was.
    ///
    /// # Errors
    /// It can't be used, or is of an older release and no switch has opened it since.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Beside::open(path).map(|beside| Self { beside })
    }

    /// What was said of a call.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn get(&self, id: &str) -> Result<Option<FeedbackRecord>, StoreError> {
        of(&self.beside.connection, id).map_err(|error| self.beside.error(&error))
    }

    /// Keeps what is said of a call in place of what was said before, which is given back. It is on the disk when this returns.
    ///
    /// # Errors
    /// The file can't be written; nothing has changed, unless only the disk refused to say that it has it.
    pub fn put(&mut self, id: &str, said: &FeedbackRecord) -> Result<Option<FeedbackRecord>, StoreError> {
        let before = match write(&mut self.beside.connection, id, said) {
            Ok(before) => before,
            Err(error) => return Err(self.beside.error(&error)),
        };
        self.beside.sync("the feedback")?;
        Ok(before)
    }
}

fn write(
    connection: &mut Connection,
    id: &str,
    said: &FeedbackRecord,
) -> Result<Option<FeedbackRecord>, Error> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let before = of(&transaction, id)?;
    let issues = serde_json::to_string(&said.issues).unwrap_or_default();
    let given = i64::try_from(said.given_ms).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT OR REPLACE INTO feedback (id, given, score, issues, comment) VALUES (?, ?, ?, ?, ?)",
        params![id, given, said.score, issues, said.comment],
    )?;
    transaction.commit()?;
    Ok(before)
}

/// What was said of a call.
pub(crate) fn of(connection: &Connection, id: &str) -> Result<Option<FeedbackRecord>, Error> {
    connection
        .prepare_cached("SELECT given, score, issues, comment FROM feedback WHERE id = ?")?
        .query_row([id], read)
        .optional()
}

fn read(row: &Row<'_>) -> Result<FeedbackRecord, Error> {
    let issues: String = row.get(2)?;
    Ok(FeedbackRecord {
        given_ms: row.get::<_, i64>(0)?.unsigned_abs(),
        score: row.get(1)?,
        issues: serde_json::from_str(&issues).unwrap_or_default(),
        comment: row.get(3)?,
    })
}
