//! Customers' accounts: what they have, and the payments that they have made. What calls cost is taken off by the
//! [`Store`](crate::Store), with the records.

use crate::beside::Beside;
use crate::schema::StoreError;
use rusqlite::{Error, ErrorCode, params};
use serde::Serialize;
use std::path::Path;
use switch::record::Balance;

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
    beside: Beside,
}

impl Accounts {
    /// Opens the file of a store that is open, or was.
    ///
    /// # Errors
    /// It can't be used, or is of an older release and no switch has opened it since.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Beside::open(path).map(|beside| Self { beside })
    }

    fn error(&self, error: &Error) -> StoreError {
        self.beside.error(error)
    }

    /// What every customer has that ever paid or was charged.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn balances(&self) -> Result<Vec<(String, Balance)>, StoreError> {
        let read = || -> Result<Vec<_>, Error> {
            let mut statement = self
                .beside
                .connection
                .prepare("SELECT customer, balance FROM credit")?;
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
            let mut statement = self.beside.connection.prepare(
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
        self.beside.sync("the payment")?;
        Ok(booked)
    }

    fn write(&mut self, payment: &Payment) -> Result<Booked, Error> {
        let transaction = self
            .beside
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
