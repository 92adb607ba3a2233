//! The store of call records: one SQLite file, one thread that writes it, readers with connections of their own.
//!
//! [`Store`] takes [`Job`]s over a bounded queue and tells its [`OutcomeSink`] what became of each, a batch at a time.
//! `Stored` means that the record's bytes are with the kernel: the process may be killed that instant and nothing is lost;
//! a power cut loses at most [`StoreConfig::sync_every`]. A store that fails never delays a call: the sink hears `Failed` at
//! once, the job is kept in bounded memory and written, in order, when the store works again.
//! [`Reader`] answers queries, from this process or another. What operators need to know stands in `docs/records.md`.
#![cfg_attr(not(test), warn(missing_docs))]

mod accounts;
mod beside;
mod feedback;
mod reader;
#[cfg(test)]
mod samples;
mod schema;
mod store;

pub use accounts::{Accounts, Booked, Payment};
pub use feedback::Feedbacks;
pub use reader::{Filter, ReadError, Reader};
pub use schema::StoreError;
pub use store::{Health, Job, Journaled, Outcome, OutcomeSink, Store, StoreConfig};
pub use switch::record::CallRecord;
