//! Queries over a store whose stretches are short, against a plain search of the same records.

use super::*;
use crate::samples;
use crate::{Filter, Reader};
use std::io::Read;
use std::sync::mpsc::{Sender as Tell, channel};
use switch::record::{AttemptRecord, Cause};

struct Told(Tell<Outcome>);

impl OutcomeSink for Told {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        for outcome in outcomes.drain(..) {
            let _ = self.0.send(outcome);
        }
    }
}

/// A record with few values in each field, so that filters match some of them, started out of order.
fn varied(n: u64) -> CallRecord {
    let sample = samples::record(n);
    let pick = |of: &[&str], salt: u64| -> String {
        let index =
            (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).wrapping_add(salt * n / 7) as usize % of.len();
        of[index].to_owned()
    };
    let status = [200, 486, 503][n as usize % 3];
    CallRecord {
        started_ms: 1_700_000_000_000 + n * 1000 - (n % 5) * 7000,
        caller: pick(&["+441604000001", "+441604000002", "alice", "+15550100"], 1),
        called: pick(
            &["+442071838750", "+442071838751", "+4420", "alice", "+15550100"],
            2,
        ),
        from_trunk: pick(&["pbx", "pbx-2"], 3),
        to_trunk: [None, Some("carrier-a".to_owned()), Some("carrier-b".to_owned())][n as usize % 3].clone(),
        cause: Cause {
            kind: pick(&["normal", "refused", "rtp-timeout"], 5),
            sip: status,
            q850: None,
        },
        attempts: (0..n % 4)
            .map(|index| AttemptRecord {
                address: None,
                trunk: ["carrier-c", "carrier-a", "carrier-b"][index as usize].to_owned(),
                ..sample.attempts[0].clone()
            })
            .collect(),
        ..sample
    }
}

fn matches(filter: &Filter, record: &CallRecord) -> bool {
    let number = |number: &String| {
        let same = |own: &str| match number.strip_suffix('*') {
            Some(prefix) => own.starts_with(prefix),
            None => own == number,
        };
        same(&record.caller) || same(&record.called)
    };
    let trunk = |trunk: &String| {
        record.from_trunk == *trunk
            || record.to_trunk.as_ref() == Some(trunk)
            || record.attempts.iter().any(|attempt| attempt.trunk == *trunk)
    };
    filter.number.as_ref().is_none_or(number)
        && filter.trunk.as_ref().is_none_or(trunk)
        && filter.since_ms.is_none_or(|since| record.started_ms >= since)
        && filter.until_ms.is_none_or(|until| record.started_ms < until)
        && filter
            .cause
            .as_ref()
            .is_none_or(|cause| record.cause.kind == *cause || record.cause.sip.to_string() == *cause)
        && filter.id.as_ref().is_none_or(|id| record.id == *id)
}

fn filters() -> Vec<Filter> {
    let ms = |second: u64| Some(1_700_000_000_000 + second * 1000);
    let mut all = vec![Filter::default()];
    for number in [
        "+442071838750",
        "+4420*",
        "+4420",
        "alice",
        "ali*",
        "+15550100",
        "*",
        "+",
        "+999*",
    ] {
        all.push(Filter {
            number: Some(number.to_owned()),
            ..Filter::default()
        });
    }
    for trunk in ["pbx", "carrier-a", "carrier-c", "carrier"] {
        all.push(Filter {
            trunk: Some(trunk.to_owned()),
            ..Filter::default()
        });
        all.push(Filter {
            trunk: Some(trunk.to_owned()),
            number: Some("+4420*".to_owned()),
            ..Filter::default()
        });
    }
    for (since_ms, until_ms) in [
        (ms(100), None),
        (None, ms(40)),
        (ms(30), ms(60)),
        (ms(60), ms(30)),
        (None, Some(u64::MAX)),
    ] {
        all.push(Filter {
            since_ms,
            until_ms,
            ..Filter::default()
        });
        all.push(Filter {
            since_ms,
            until_ms,
            number: Some("alice".to_owned()),
            ..Filter::default()
        });
    }
    for cause in ["normal", "486", "486 "] {
        all.push(Filter {
            cause: Some(cause.to_owned()),
            ..Filter::default()
        });
    }
    for id in [varied(3).id, varied(190).id, "nobody".to_owned()] {
        all.push(Filter {
            id: Some(id.clone()),
            ..Filter::default()
        });
        all.push(Filter {
            id: Some(id),
            cause: Some("normal".to_owned()),
            ..Filter::default()
        });
    }
    all
}

#[test]
fn every_filter_finds_what_a_plain_search_finds_newest_first() {
    let (directory, config) = fresh("queries");
    let mut records: Vec<CallRecord> = Vec::new();
    // Reopened in the middle: the records after the last stretch are gathered again.
    for range in [0..45, 45..131, 131..200] {
        let (tell, told) = channel();
        let (store, _) =
            Store::open_with(config.clone(), Box::new(Told(tell)), 16, keeper::CHECKPOINT_JOBS).unwrap();
        for n in range {
            store
                .submit(Job::Final {
                    ticket: n,
                    record: Box::new(varied(n)),
                })
                .unwrap();
            assert_eq!(told.recv().unwrap(), Outcome::Stored { ticket: n });
            records.insert(0, varied(n));
        }
        store.close();
    }
    let reader = Reader::open(&config.path).unwrap();
    let stretches: i64 = rusqlite::Connection::open(&config.path)
        .and_then(|file| file.query_row("SELECT count(*) FROM stretches", [], |row| row.get(0)))
        .unwrap();
    assert!((8..=12).contains(&stretches), "{stretches} stretches");
    for filter in filters() {
        for limit in [1, 17, 1000] {
            let filter = Filter {
                limit,
                ..filter.clone()
            };
            let expected: Vec<&CallRecord> = records
                .iter()
                .filter(|record| matches(&filter, record))
                .take(limit)
                .collect();
            assert_eq!(
                reader.query(&filter).unwrap().iter().collect::<Vec<_>>(),
                expected,
                "{filter:?}"
            );
        }
    }
    assert_eq!(reader.count().unwrap(), 200);
    std::fs::remove_dir_all(&directory).unwrap();
}

fn fresh(name: &str) -> (PathBuf, StoreConfig) {
    let prefix = format!("tandem-records-{name}-");
    let directory = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap().keep();
    let config = StoreConfig {
        path: directory.join("records.db"),
        queue: 16,
        spool: 16,
        batch_delay: Duration::ZERO,
        sync_every: Duration::from_millis(1),
    };
    (directory, config)
}

#[test]
fn the_log_starts_over_while_the_store_is_written_without_a_pause() {
    let (directory, config) = fresh("log");
    let (tell, told) = channel();
    let (store, _) = Store::open_with(config, Box::new(Told(tell)), STRETCH, 64).unwrap();
    // The header has a new salt each time the log starts over.
    let salt = || {
        let mut header = [0; 24];
        let read = std::fs::File::open(directory.join("records.db-wal"))
            .and_then(|mut log| log.read_exact(&mut header));
        read.ok().map(|()| header[16..].to_vec())
    };
    let mut salts = std::collections::BTreeSet::new();
    for n in 0..200_000 {
        store
            .submit(Job::Final {
                ticket: n,
                record: Box::new(samples::record(n)),
            })
            .unwrap();
        assert_eq!(told.recv().unwrap(), Outcome::Stored { ticket: n });
        if n % 16 == 0 && salts.insert(salt()) && salts.len() == 3 {
            break;
        }
    }
    assert_eq!(salts.len(), 3, "the log never started over");
    store.close();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_record_that_a_failed_commit_has_stored_after_all_counts_as_stored_when_tried_again() {
    let (directory, config) = fresh("again");
    let now = Instant::now();
    let (connection, slots, stretches) = Opened::open(&config.path, STRETCH, now).unwrap().0.split();
    let mut session = session::Session::new(&connection, slots, stretches).unwrap();
    let job = |talk_ms| Job::Final {
        ticket: 1,
        record: Box::new(CallRecord {
            talk_ms,
            ..samples::record(1)
        }),
    };
    let mut verdicts = Vec::new();
    let mut apply = |job: Job, again| {
        session.apply(&[job], again, &mut verdicts, now).unwrap();
        verdicts.pop().unwrap()
    };
    assert!(apply(job(5), false).is_ok());
    assert!(apply(job(5), true).is_ok());
    assert!(
        matches!(apply(job(6), true), Err(session::Refusal::Duplicate)),
        "another record of the same call"
    );
    assert!(
        matches!(apply(job(5), false), Err(session::Refusal::Duplicate)),
        "nothing failed before"
    );
    std::fs::remove_dir_all(&directory).unwrap();
}
