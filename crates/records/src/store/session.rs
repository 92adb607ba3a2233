//! One open connection and its prepared statements: turns a batch of jobs into one transaction.

use super::journal::{Journaled, Slots};
use super::stretches::{Row, Stretches};
use super::{Job, keeper};
use crate::accounts;
use crate::schema::{self, StoreError};
use rusqlite::{Connection, Error, ErrorCode, Statement, params};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use switch::record::{CallRecord, Money};

/// Void journal rows deleted per transaction.
const PURGE: usize = 64;

/// A connection with what is kept in memory about its file.
#[derive(Debug)]
pub(super) struct Opened {
    connection: Connection,
    slots: Slots,
    stretches: Stretches,
}

impl Opened {
    /// Opens the file; returns the calls that were never finished beside it.
    pub(super) fn open(
        path: &Path,
        stretch: usize,
        now: Instant,
    ) -> Result<(Self, Vec<Journaled>), StoreError> {
        let connection = schema::open(path)?;
        let load = || -> Result<_, Error> {
            Ok((
                Stretches::load(&connection, stretch)?,
                Slots::load(&connection, now)?,
            ))
        };
        let (stretches, (slots, unfinished)) =
            load().map_err(|error| StoreError::from_sqlite(path, &error))?;
        Ok((
            Self {
                connection,
                slots,
                stretches,
            },
            unfinished,
        ))
    }

    /// The connection, to prepare a session on.
    pub(super) fn split(self) -> (Connection, Slots, Stretches) {
        (self.connection, self.slots, self.stretches)
    }
}

/// Why a job wasn't stored though the store works.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the call has its final record already")]
    Duplicate,
    #[error("the record can't be written: {0}")]
    Unfit(String),
}

/// What became of a job in a transaction that was committed.
pub(super) type Verdict = Result<(), Refusal>;

/// The statements of a connection, and the state that its commits move on.
#[derive(Debug)]
pub(super) struct Session<'c> {
    connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    journal: Statement<'c>,
    interim: Statement<'c>,
    purge: Statement<'c>,
    insert: Statement<'c>,
    existing: Statement<'c>,
    charge: Statement<'c>,
    number: Statement<'c>,
    stretch: Statement<'c>,
    slots: Slots,
    stretches: Stretches,
    rows: Vec<Row>,
    /// What the records of this transaction take off customers' credit.
    charges: BTreeMap<String, i64>,
    json: Vec<u8>,
    tried: String,
}

impl<'c> Session<'c> {
    /// Prepares every statement.
    pub(super) fn new(connection: &'c Connection, slots: Slots, stretches: Stretches) -> Result<Self, Error> {
        Ok(Self {
            connection,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            journal: connection.prepare("INSERT OR REPLACE INTO journal (slot, id, record, dialogs) VALUES (?, ?, ?, ?)")?,
            interim: connection.prepare("UPDATE journal SET record = ? WHERE slot = ?")?,
            purge: connection.prepare("DELETE FROM journal WHERE slot = ?")?,
            insert: connection.prepare(
                "INSERT INTO records (id, started, caller, called, from_trunk, to_trunk, tried, cause, sip, record, cost, price)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?,
            existing: connection.prepare("SELECT record FROM records WHERE id = ?")?,
            charge: connection.prepare(accounts::ADD)?,
            number: connection.prepare("INSERT INTO numbers (stretch, number, seq) VALUES (?, ?, ?)")?,
            stretch: connection.prepare(
                "INSERT INTO stretches (stretch, first_seq, last_seq, min_started, max_started) VALUES (?, ?, ?, ?, ?)",
            )?,
            slots,
            stretches,
            rows: Vec::new(),
            charges: BTreeMap::new(),
            json: Vec::with_capacity(4096),
            tried: String::new(),
        })
    }

    /// Whether there is work that waits for a transaction to ride along with.
    pub(super) fn has_chores(&self) -> bool {
        self.stretches.is_building() || self.slots.has_void()
    }

    /// Carries out the jobs in one transaction. `Ok`: committed, with a verdict for each job. `Err`: nothing was changed.
    /// With `again`, a final record that stands in the file already, word for word, counts as stored: the commit that failed
    /// before may have gone through after all.
    pub(super) fn apply(
        &mut self,
        jobs: &[Job],
        again: bool,
        verdicts: &mut Vec<Verdict>,
        now: Instant,
    ) -> Result<(), Error> {
        verdicts.clear();
        self.rows.clear();
        self.charges.clear();
        self.begin.execute([])?;
        match self
            .fill(jobs, again, verdicts, now)
            .and_then(|chores| self.commit.execute([]).map(|_| chores))
        {
            Ok((purged, indexed)) => {
                self.settle(jobs, verdicts, purged, indexed, now);
                Ok(())
            }
            Err(error) => {
                if !self.connection.is_autocommit()
                    && let Err(rollback) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::debug!(error = %rollback, "rollback");
                }
                Err(error)
            }
        }
    }

    /// Copies what the keeper couldn't because the writer went on: the small rest of the log.
    pub(super) fn finish_checkpoint(&self) {
        if let Err(error) = keeper::checkpoint(self.connection, "PASSIVE") {
            tracing::debug!(%error, "finishing the copy of the log");
        }
    }

    /// Copies the whole log and empties it; tells whether it could.
    pub(super) fn drain_log(&self) -> bool {
        match keeper::checkpoint(self.connection, "TRUNCATE") {
            Ok(progress) => progress.is_complete(),
            Err(error) => {
                tracing::debug!(%error, "emptying the log");
                false
            }
        }
    }

    fn fill(
        &mut self,
        jobs: &[Job],
        again: bool,
        verdicts: &mut Vec<Verdict>,
        now: Instant,
    ) -> Result<(usize, usize), Error> {
        for job in jobs {
            let verdict = match job {
                Job::Journal { record, dialogs, .. } => self.write_journal(record, Some(dialogs)),
                Job::Interim { record, .. } => self.write_journal(record, None),
                Job::Final { record, .. } => self.write_final(record, again),
            }?;
            verdicts.push(verdict);
        }
        // Once for each customer: a row that is changed is a page of log.
        for (customer, charge) in &self.charges {
            self.charge.execute(params![customer, -charge])?;
        }
        let mut purged = 0;
        for slot in self.slots.purgeable(PURGE, now) {
            self.purge.execute([slot])?;
            purged += 1;
        }
        let indexed = self.stretches.write(&mut self.number, &mut self.stretch)?;
        Ok((purged, indexed))
    }

    /// The transaction is committed: what is kept in memory follows.
    fn settle(&mut self, jobs: &[Job], verdicts: &[Verdict], purged: usize, indexed: usize, now: Instant) {
        self.slots.purged(purged);
        for (job, verdict) in jobs.iter().zip(verdicts) {
            if let (Job::Final { record, .. }, Ok(()) | Err(Refusal::Duplicate)) = (job, verdict) {
                self.slots.release(&record.id, now);
            }
        }
        self.stretches.written(indexed);
        self.stretches.extend(&mut self.rows);
    }

    fn write_journal(&mut self, record: &CallRecord, dialogs: Option<&[u8]>) -> Result<Verdict, Error> {
        let known = self.slots.find(&record.id);
        if known.is_none() && dialogs.is_none() && self.existing.exists([&record.id])? {
            return Ok(Err(Refusal::Duplicate));
        }
        let json = match encode(&mut self.json, record) {
            Ok(json) => json,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let written = match (known, dialogs) {
            (Some(slot), None) => self.interim.execute(params![json, slot]),
            (_, dialogs) => {
                let slot = self.slots.take(&record.id);
                self.journal
                    .execute(params![slot, record.id, json, dialogs.unwrap_or_default()])
            }
        };
        verdict(written)
    }

    fn write_final(&mut self, record: &CallRecord, again: bool) -> Result<Verdict, Error> {
        let record = &*worked_out(record);
        let json = match encode(&mut self.json, record) {
            Ok(json) => json,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let started = i64::try_from(record.started_ms).unwrap_or(i64::MAX);
        let inserted = self.insert.execute(params![
            record.id,
            started,
            record.caller,
            record.called,
            record.from_trunk,
            record.to_trunk,
            tried(record, &mut self.tried),
            record.cause.kind,
            record.cause.sip,
            json,
            record.cost.map(billionths),
            record.price.map(billionths)
        ]);
        if let Err(error) = &inserted
            && error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        {
            let same = self
                .existing
                .query_row([&record.id], |row| Ok(row.get_ref(0)?.as_str()? == json))?;
            if again && same {
                return Ok(Ok(()));
            }
            metrics::counter!("tandem_records_refused_total").increment(1);
            tracing::error!(call = %record.id, "a second final record for a call was refused; the first one stands");
            return Ok(Err(Refusal::Duplicate));
        }
        let verdict = verdict(inserted)?;
        if verdict.is_ok() {
            for account in &record.accounts {
                let charge = self.charges.entry(account.customer.clone()).or_default();
                *charge = charge.saturating_add(billionths(account.price));
            }
            let (caller, called) = (record.caller.as_str().into(), record.called.as_str().into());
            self.rows.push(Row {
                seq: self.connection.last_insert_rowid(),
                started,
                caller,
                called,
            });
        }
        Ok(verdict)
    }
}

/// Tells a statement that fails because of what it was given, which the next job won't feel, from a store that fails.
fn verdict(executed: Result<usize, Error>) -> Result<Verdict, Error> {
    let Err(error) = executed else { return Ok(Ok(())) };
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
            Ok(Err(Refusal::Unfit(error.to_string())))
        }
        _ => Err(error),
    }
}

fn billionths(amount: Money) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX)
}

/// The record with what its decision leaves to be worked out: here nobody waits for it.
fn worked_out(record: &CallRecord) -> Cow<'_, CallRecord> {
    if record.route.as_ref().is_none_or(|route| route.chances.is_none()) {
        return Cow::Borrowed(record);
    }
    let mut record = record.clone();
    if let Some(route) = &mut record.route {
        route.work_out();
    }
    Cow::Owned(record)
}

/// The record as JSON, in a buffer that is used again.
fn encode<'b>(buffer: &'b mut Vec<u8>, record: &CallRecord) -> Result<&'b str, Refusal> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, record).map_err(|error| Refusal::Unfit(error.to_string()))?;
    std::str::from_utf8(buffer).map_err(|error| Refusal::Unfit(error.to_string()))
}

/// The trunks that were tried and aren't the record's own, each between newlines.
fn tried<'b>(record: &CallRecord, buffer: &'b mut String) -> Option<&'b str> {
    buffer.clear();
    for attempt in &record.attempts {
        if Some(&attempt.trunk) != record.to_trunk.as_ref() {
            if buffer.is_empty() {
                buffer.push('\n');
            }
            buffer.push_str(&attempt.trunk);
            buffer.push('\n');
        }
    }
    (!buffer.is_empty()).then_some(buffer.as_str())
}
