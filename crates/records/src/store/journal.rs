//! Which row of the journal belongs to which live call.
//!
//! A final record voids its journal row by being there; the row itself is left for the next call to write over, or deleted when
//! nobody has wanted it for a while. Deleting it with every final record would cost a page more per call.

use rusqlite::{Connection, Error};
use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use switch::record::CallRecord;

/// A call that was answered and has no final record: it was up when the process died.
#[derive(Debug, Clone, PartialEq)]
pub struct Journaled {
    /// The last account of it, from its answer or a later interim.
    pub record: CallRecord,
    /// The resume data that came with it.
    pub dialogs: Vec<u8>,
}

/// How long a void row waits for another call before it is deleted.
const KEEP: Duration = Duration::from_secs(2);

/// The rows of the journal table, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Slots {
    live: HashMap<Box<str>, i64>,
    /// Rows of calls that have ended, still in the file; the oldest first.
    void: VecDeque<(i64, Instant)>,
    /// Slots below `next` that have no row.
    empty: Vec<i64>,
    next: i64,
}

impl Slots {
    /// Reads the journal: the calls that were never finished, and where the rows are.
    pub(super) fn load(connection: &Connection, now: Instant) -> Result<(Self, Vec<Journaled>), Error> {
        let mut slots = Self::default();
        let mut unfinished = Vec::new();
        let mut statement = connection.prepare(
            "SELECT slot, id, CASE WHEN done THEN NULL ELSE record END, dialogs FROM
               (SELECT *, EXISTS (SELECT 1 FROM records WHERE records.id = journal.id) AS done FROM journal)
             ORDER BY slot",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let slot: i64 = row.get(0)?;
            slots.next = slots.next.max(slot.saturating_add(1));
            let Some(json) = row.get::<_, Option<String>>(2)? else {
                slots.void.push_back((slot, now));
                continue;
            };
            let id: String = row.get(1)?;
            match serde_json::from_str(&json) {
                Ok(record) => unfinished.push(Journaled {
                    record,
                    dialogs: row.get(3)?,
                }),
                // Kept for whoever can read it; its slot stays taken.
                Err(error) => {
                    tracing::error!(call = %id, %error, "a journalled call can't be read; it stays in the journal")
                }
            }
            slots.live.insert(id.into(), slot);
        }
        unfinished.sort_by_key(|call| call.record.started_ms);
        Ok((slots, unfinished))
    }

    /// The slot of a live call.
    pub(super) fn find(&self, id: &str) -> Option<i64> {
        self.live.get(id).copied()
    }

    /// The slot of a call, a free one if it had none.
    pub(super) fn take(&mut self, id: &str) -> i64 {
        if let Some(slot) = self.live.get(id) {
            return *slot;
        }
        let freed = self
            .void
            .pop_back()
            .map(|(slot, _)| slot)
            .or_else(|| self.empty.pop());
        let slot = freed.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.live.insert(id.into(), slot);
        slot
    }

    /// The call's final record is committed: its row is void.
    pub(super) fn release(&mut self, id: &str, now: Instant) {
        if let Some(slot) = self.live.remove(id) {
            self.void.push_back((slot, now));
        }
    }

    /// Whether rows wait to be deleted.
    pub(super) fn has_void(&self) -> bool {
        !self.void.is_empty()
    }

    /// At most `limit` rows that have been void for long enough to delete.
    pub(super) fn purgeable(&self, limit: usize, now: Instant) -> impl Iterator<Item = i64> + '_ {
        let old = move |void: &&(i64, Instant)| now.saturating_duration_since(void.1) >= KEEP;
        self.void
            .iter()
            .take(limit)
            .take_while(old)
            .map(|(slot, _)| *slot)
    }

    /// The first `count` void rows are deleted and committed.
    pub(super) fn purged(&mut self, count: usize) {
        self.empty.extend(
            self.void
                .drain(..count.min(self.void.len()))
                .map(|(slot, _)| slot),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_slot_is_used_again_before_a_new_one() {
        let now = Instant::now();
        let mut slots = Slots::default();
        assert_eq!((slots.take("a"), slots.take("b"), slots.take("a")), (0, 1, 0));
        slots.release("a", now);
        assert_eq!((slots.find("a"), slots.take("c"), slots.take("d")), (None, 0, 2));
    }

    #[test]
    fn a_void_row_is_purged_only_after_its_time_and_its_slot_is_used_again() {
        let now = Instant::now();
        let mut slots = Slots::default();
        slots.take("a");
        slots.release("a", now);
        assert_eq!(slots.purgeable(9, now + KEEP / 2).count(), 0);
        assert_eq!(slots.purgeable(9, now + KEEP).collect::<Vec<_>>(), [0]);
        slots.purged(1);
        assert!(!slots.has_void());
        assert_eq!(slots.take("b"), 0);
    }
}
