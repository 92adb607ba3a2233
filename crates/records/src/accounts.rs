//! Customers' accounts: what they have, and the payments that they have made. What calls cost is taken off by the
//! [`Store`](crate::Store), with the records.

use crate::schema::{self, StoreError};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, params};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use switch::record::Balance;

/// How long a payment waits for what the switch is writing.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Payments in one answer.
const MOST_PAYMENTS: usize = 1000;

/// A payment of a customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// The customer's trunk.
    pub customer: String,
    /// When it was booked, milliseconds since 1970 (UTC).
    pub booked_ms: u64,
    /// The amount, in the base currency; less than nothing: it is taken back.
    pub amount: Balance,
    /// What tells it from others: it is booked once, however often it is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// It is on the disk.
    Now,
    /// One with its reference was there already, over the same amount; nothing was changed.
    Before,
    /// One with its reference was there already, over another amount; nothing was changed.
    Otherwise(Balance),
}

/// A connection for accounts, beside the store's writer.
#[derive(Debug)]
pub struct Accounts {
    connection: Connection,
    path: PathBuf,
}

impl Accounts {
    /// Opens the file of a store that is open, or was.
    ///
    /// # Errors
    /// It can't be used, or is of an older release and no switch has opened it since.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| StoreError::from_sqlite(path, &error))?;
        let accounts = Self {
            connection,
            path: path.to_path_buf(),
        };
        if schema::check(&accounts.connection, path)? < schema::SCHEMA {
            return Err(StoreError::System {
                path: path.to_path_buf(),
                detail: "it is of an older release; start the switch, which brings it up to date".to_owned(),
            });
        }
        let set_up = || {
            accounts.connection.busy_timeout(LOCK_WAIT)?;
            accounts
                .connection
                .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;")
        };
        set_up().map_err(|error| accounts.error(&error))?;
        Ok(accounts)
    }

    fn error(&self, error: &Error) -> StoreError {
        StoreError::from_sqlite(&self.path, error)
    }

    /// What every customer has that ever paid or was charged.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn balances(&self) -> Result<Vec<(String, Balance)>, StoreError> {
        let read = || -> Result<Vec<_>, Error> {
            let mut statement = self.connection.prepare("SELECT customer, balance FROM credit")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, Balance(row.get(1)?))))?;
            rows.collect()
        };
        read().map_err(|error| self.error(&error))
    }

    /// A customer's payments, the last first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn payments(&self, customer: &str) -> Result<Vec<Payment>, StoreError> {
        let read = || -> Result<Vec<_>, Error> {
            let mut statement = self.connection.prepare(
                "SELECT customer, booked, amount, reference, note FROM payments WHERE customer = ? ORDER BY seq DESC LIMIT ?",
            )?;
            let limit = i64::try_from(MOST_PAYMENTS).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![customer, limit], |row| {
                Ok(Payment {
                    customer: row.get(0)?,
                    booked_ms: row.get::<_, i64>(1)?.unsigned_abs(),
                    amount: Balance(row.get(2)?),
                    reference: row.get(3)?,
                    note: row.get(4)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(|error| self.error(&error))
    }

    /// Books a payment: it is on the disk when this returns.
    ///
    /// # Errors
    /// The file can't be written; nothing was booked, unless only the disk refused to say that it has it.
    pub fn book(&mut self, payment: &Payment) -> Result<Booked, StoreError> {
        let booked = self.write(payment).map_err(|error| self.error(&error))?;
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
            detail: format!("the payment is booked, but not on the disk yet: {error}"),
        })?;
        Ok(booked)
    }

    fn write(&mut self, payment: &Payment) -> Result<Booked, Error> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let at = i64::try_from(payment.booked_ms).unwrap_or(i64::MAX);
        let inserted = transaction.execute(
            "INSERT INTO payments (customer, booked, amount, reference, note) VALUES (?, ?, ?, ?, ?)",
            params![
                payment.customer,
                at,
                payment.amount.0,
                payment.reference,
                payment.note
            ],
        );
        if let Err(error) = inserted {
            if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
                return Err(error);
            }
            let before = transaction.query_row(
                "SELECT amount FROM payments WHERE customer = ? AND reference = ?",
                params![payment.customer, payment.reference],
                |row| Ok(Balance(row.get(0)?)),
            )?;
            return Ok(if before == payment.amount {
                Booked::Before
            } else {
                Booked::Otherwise(before)
            });
        }
        transaction.execute(ADD, params![payment.customer, payment.amount.0])?;
        transaction.commit()?;
        Ok(Booked::Now)
    }
}

/// Adds to a customer's balance.
pub(crate) const ADD: &str = "INSERT INTO credit (customer, balance) VALUES (?1, ?2)
  ON CONFLICT (customer) DO UPDATE SET balance = balance + ?2";
