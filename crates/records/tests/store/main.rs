//! The store from outside: what it promises about jobs, and what it does when the file can't be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test program"
)]

#[path = "../common/mod.rs"]
mod common;
mod feedback;
mod files;
mod money;

use common::{Directory, Open, PATIENCE, config, failed, journal, last, open, samples, stored};
use records::{
    CallRecord, Filter, Job, Outcome, OutcomeSink, ReadError, Reader, Store, StoreConfig, StoreError,
};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, channel};
use switch::record::LossStructure;

fn all(directory: &Directory) -> Vec<CallRecord> {
    let filter = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let mut records = Reader::open(&directory.database())
        .unwrap()
        .query(&filter)
        .unwrap();
    records.reverse();
    records
}

fn samples(range: std::ops::Range<u64>) -> Vec<CallRecord> {
    range.map(samples::record).collect()
}

#[test]
fn a_call_gets_one_final_record_and_the_second_is_refused() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    assert_eq!(open.run(last(1)), stored(1));
    let second = CallRecord {
        talk_ms: 1,
        ..samples::record(1)
    };
    assert!(failed(&open.run(Job::Final {
        ticket: 2,
        record: Box::new(second)
    })));
    assert!(
        failed(&open.run(last(1))),
        "the same record again is a second one too"
    );
    assert_eq!(
        open.run(last(3)),
        stored(3),
        "the refusal is the record's, not the store's"
    );
    assert_eq!(open.store.health().failing_since, None);
    open.store.close();
    assert_eq!(all(&directory), [samples::record(1), samples::record(3)]);
}

#[test]
fn a_final_record_takes_its_call_off_the_journal() {
    let directory = Directory::new();
    let first = open(config(directory.database()));
    for n in 1..=3 {
        assert_eq!(first.run(journal(n)), stored(n));
    }
    assert_eq!(
        Reader::open(&directory.database()).unwrap().unfinished().unwrap(),
        samples(1..4)
    );
    assert_eq!(first.run(last(2)), stored(2));
    assert_eq!(
        Reader::open(&directory.database()).unwrap().unfinished().unwrap(),
        [samples::record(1), samples::record(3)]
    );
    first.store.close();
    let second = open(config(directory.database()));
    assert_eq!(
        second
            .unfinished
            .iter()
            .map(|call| call.record.clone())
            .collect::<Vec<_>>(),
        [samples::record(1), samples::record(3)]
    );
    assert_eq!(second.run(last(1)), stored(1));
    assert_eq!(second.run(last(3)), stored(3));
    second.store.close();
    assert!(open(config(directory.database())).unfinished.is_empty());
}

#[test]
fn an_unfinished_call_comes_back_with_its_last_account_and_its_resume_data() {
    let directory = Directory::new();
    let first = open(config(directory.database()));
    let interim = CallRecord {
        talk_ms: 3_600_000,
        ..samples::record(1)
    };
    let moved = Job::Journal {
        ticket: 4,
        record: Box::new(samples::record(2)),
        dialogs: vec![9; 5000],
    };
    first.run(journal(1));
    first.run(journal(2));
    assert_eq!(
        first.run(Job::Interim {
            ticket: 3,
            record: Box::new(interim.clone())
        }),
        stored(3)
    );
    assert_eq!(first.run(moved), stored(4));
    drop(first);
    let second = open(config(directory.database()));
    let [one, two] = second.unfinished.as_slice() else {
        panic!("{:?}", second.unfinished)
    };
    assert_eq!(
        (&one.record, one.dialogs.as_slice()),
        (&interim, 1u64.to_be_bytes().as_slice())
    );
    assert_eq!(
        (&two.record, two.dialogs.as_slice()),
        (&samples::record(2), [9; 5000].as_slice())
    );
}

#[test]
fn an_interim_account_after_the_final_record_is_refused() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    open.run(journal(1));
    open.run(last(1));
    assert!(failed(&open.run(Job::Interim {
        ticket: 2,
        record: Box::new(samples::record(1))
    })));
}

#[test]
fn journal_rows_are_used_again() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    for n in 0..200 {
        open.run(journal(n));
        open.run(last(n));
    }
    open.store.close();
    let rows: i64 = Connection::open(directory.database())
        .and_then(|file| {
            file.query_row("SELECT coalesce(max(slot), -1) + 1 FROM journal", [], |row| {
                row.get(0)
            })
        })
        .unwrap();
    assert!(rows <= 1, "{rows} rows for one call at a time");
}

/// Takes outcomes only when the test lets it.
struct Shy(Receiver<usize>, Sender<Outcome>);

impl OutcomeSink for Shy {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        let takes = self.0.try_recv().unwrap_or(0).min(outcomes.len());
        for outcome in outcomes.drain(..takes) {
            let _ = self.1.send(outcome);
        }
    }
}

#[test]
fn every_ticket_is_answered_once_however_little_the_sink_takes() {
    let directory = Directory::new();
    let (allow, allowed) = channel();
    let (tell, told) = channel();
    let (store, _) = Store::open(config(directory.database()), Shy(allowed, tell)).unwrap();
    for n in 0..300 {
        store.submit(last(n)).unwrap();
    }
    let mut tickets = Vec::new();
    for _ in 0..300 {
        allow.send(1).unwrap();
        tickets.push(told.recv_timeout(PATIENCE).unwrap());
    }
    assert_eq!(tickets, (0..300).map(stored).collect::<Vec<_>>());
}

#[test]
fn a_sink_that_takes_nothing_fills_the_queue_and_no_more() {
    let directory = Directory::new();
    let (_allow, allowed) = channel();
    let (tell, _told) = channel();
    let small = StoreConfig {
        queue: 4,
        ..config(directory.database())
    };
    let (store, _) = Store::open(small, Shy(allowed, tell)).unwrap();
    // Outcomes that wait are bounded by a queue's length and the batch that tips it over; then the queue itself stays full.
    let mut next = 0;
    let refused = std::iter::repeat_with(|| {
        let job = last(next);
        next += 1;
        store.submit(job)
    });
    let mut in_a_row = 0;
    for result in refused.take(10_000_000) {
        in_a_row = if result.is_err() { in_a_row + 1 } else { 0 };
        if in_a_row > 5000 {
            let accepted = u64::try_from(all(&directory).len()).unwrap() + 4;
            assert_eq!(store.close().dropped, 0);
            assert_eq!(
                u64::try_from(all(&directory).len()).unwrap(),
                accepted,
                "what was accepted is written all the same"
            );
            return;
        }
    }
    panic!("the queue never stayed full");
}

/// Holds the write lock of the file, as a person with a database shell would.
fn hold_lock(directory: &Directory) -> Connection {
    let other = Connection::open(directory.database()).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn while_the_store_is_locked_jobs_fail_at_once_and_are_written_in_order_afterwards() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    assert_eq!(open.run(last(0)), stored(0));
    let lock = hold_lock(&directory);
    for n in 1..600 {
        assert!(failed(&open.run(last(n))));
    }
    let health = open.store.health();
    assert!(health.failing_since.is_some());
    assert_eq!((health.spooled, health.dropped), (599, 0));
    lock.execute_batch("ROLLBACK").unwrap();
    let health = open.store.close();
    assert_eq!(
        (health.spooled, health.dropped, health.failing_since),
        (0, 0, None)
    );
    assert_eq!(all(&directory), samples(0..600));
}

#[test]
fn a_full_spool_loses_the_newest_and_counts_them() {
    let directory = Directory::new();
    let open = open(StoreConfig {
        spool: 4,
        ..config(directory.database())
    });
    let lock = hold_lock(&directory);
    for n in 0..10 {
        assert!(failed(&open.run(last(n))));
    }
    let health = open.store.health();
    assert_eq!((health.spooled, health.dropped), (4, 6));
    lock.execute_batch("ROLLBACK").unwrap();
    open.store.close();
    assert_eq!(all(&directory), samples(0..4));
}

#[test]
fn a_store_that_never_recovers_is_closed_all_the_same_and_says_what_was_lost() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    let _lock = hold_lock(&directory);
    assert!(failed(&open.run(last(1))));
    assert!(failed(&open.run(journal(2))));
    let health = open.store.close();
    assert_eq!((health.spooled, health.dropped), (0, 1));
    assert!(health.failing_since.is_some());
}

/// Submits final records until the store notices that it fails; returns the number of the next.
fn until_failed(open: &Open, mut n: u64) -> u64 {
    while open.run(last(n)) == stored(n) {
        n += 1;
    }
    n + 1
}

#[test]
fn a_directory_that_goes_away_and_comes_back_costs_no_record() {
    let directory = Directory::new();
    let (here, there) = (directory.path().join("here"), directory.path().join("there"));
    std::fs::create_dir(&here).unwrap();
    let open = open(config(here.join("records.db")));
    assert_eq!(open.run(last(0)), stored(0));
    std::fs::rename(&here, &there).unwrap();
    let next = until_failed(&open, 1);
    assert!(failed(&open.run(last(next))));
    std::fs::rename(&there, &here).unwrap();
    let health = open.store.close();
    assert_eq!((health.dropped, health.failing_since), (0, None));
    let filter = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let mut records = Reader::open(&here.join("records.db"))
        .unwrap()
        .query(&filter)
        .unwrap();
    records.reverse();
    assert_eq!(records, samples(0..next + 1));
}

#[test]
fn a_file_that_is_moved_away_keeps_its_records_and_a_new_one_takes_the_next() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    assert_eq!(open.run(last(0)), stored(0));
    std::fs::rename(directory.database(), directory.path().join("old.db")).unwrap();
    let next = until_failed(&open, 1);
    assert_eq!(open.store.close().dropped, 0);
    let new = all(&directory);
    let filter = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let mut records = Reader::open(&directory.path().join("old.db"))
        .unwrap()
        .query(&filter)
        .unwrap();
    records.reverse();
    assert_eq!(records, samples(0..next - 1));
    assert_eq!(new, samples(next - 1..next));
}

#[test]
fn readers_see_whole_prefixes_while_the_store_is_written() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    open.run(last(0));
    let path = directory.database();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let reader = Reader::open(&path).unwrap();
                let mut seen = 0;
                while seen < 2000 {
                    let records = reader
                        .query(&Filter {
                            limit: 1,
                            ..Filter::default()
                        })
                        .unwrap();
                    let count = reader.count().unwrap();
                    assert!(count >= seen);
                    let newest = records[0].started_ms / 1000 - 1_700_000_000;
                    assert!(count > newest, "{count} records, and number {newest} among them");
                    seen = count;
                }
            })
        })
        .collect();
    for n in 1..2000 {
        assert_eq!(open.run(last(n)), stored(n));
    }
    for reader in readers {
        reader.join().unwrap();
    }
}
