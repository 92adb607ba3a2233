//! Files that are refused, missing, of another schema or in use.

use super::*;

fn refusal(directory: &Directory) -> StoreError {
    struct Deaf;
    impl OutcomeSink for Deaf {
        fn deliver(&self, outcomes: &mut Vec<Outcome>) {
            outcomes.clear();
        }
    }
    Store::open(config(directory.database()), Deaf).expect_err("the store should refuse")
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    open(config(directory.database())).store.close();
    let file = Connection::open(directory.database()).unwrap();
    file.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(file);
    assert!(matches!(
        refusal(&directory),
        StoreError::Newer { found: 999, .. }
    ));
    let read = Reader::open(&directory.database());
    assert!(matches!(
        read,
        Err(ReadError::Store(StoreError::Newer { found: 999, .. }))
    ));
    let file = Connection::open(directory.database()).unwrap();
    let version: i64 = file
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 999);
}

#[test]
fn a_database_of_something_else_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    Connection::open(directory.database())
        .unwrap()
        .execute_batch("CREATE TABLE accounts (id)")
        .unwrap();
    let before = std::fs::read(directory.database()).unwrap();
    assert!(matches!(refusal(&directory), StoreError::Foreign(_)));
    assert_eq!(std::fs::read(directory.database()).unwrap(), before);
}

#[test]
fn a_damaged_file_is_refused_with_what_to_do_and_left_as_it_is() {
    for (place, garbage) in [(0, "not a database, "), (100, "a page that is none")] {
        let directory = Directory::new();
        open(config(directory.database())).store.close();
        let mut bytes = std::fs::read(directory.database()).unwrap();
        let garbage: Vec<u8> = garbage.bytes().cycle().take(3000).collect();
        bytes[place..place + garbage.len()].copy_from_slice(&garbage);
        std::fs::write(directory.database(), &bytes).unwrap();
        let error = refusal(&directory);
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(".recover") && text.contains("records.db") && text.contains("aside"),
            "{text}"
        );
        assert_eq!(std::fs::read(directory.database()).unwrap(), bytes);
    }
}

#[test]
fn a_missing_directory_is_named() {
    let directory = Directory::new();
    let error =
        Store::open(config(directory.path().join("nowhere/records.db")), Nothing).expect_err("no directory");
    assert!(
        matches!(&error, StoreError::NoDirectory(path) if path.ends_with("nowhere")),
        "{error:?}"
    );
}

struct Nothing;

impl OutcomeSink for Nothing {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        outcomes.clear();
    }
}

#[test]
fn two_switches_cannot_keep_records_in_one_file() {
    let directory = Directory::new();
    let first = open(config(directory.database()));
    assert!(matches!(refusal(&directory), StoreError::InUse(_)));
    first.store.close();
    open(config(directory.database())).store.close();
}

#[test]
fn reading_where_nothing_was_stored_says_so() {
    let directory = Directory::new();
    assert!(matches!(
        Reader::open(&directory.database()),
        Err(ReadError::Missing(_))
    ));
    assert!(!directory.database().exists());
}

#[test]
fn a_record_of_a_newer_release_is_told_from_a_damaged_one() {
    let directory = Directory::new();
    let open = open(config(directory.database()));
    open.run(Job::Final {
        ticket: 1,
        record: Box::new(CallRecord {
            version: 2,
            ..samples::record(1)
        }),
    });
    open.run(last(2));
    open.store.close();
    let reader = Reader::open(&directory.database()).unwrap();
    let by_id = |n| Filter {
        id: Some(samples::record(n).id),
        ..Filter::default()
    };
    assert!(matches!(
        reader.query(&by_id(1)),
        Err(ReadError::Newer { found: 2, .. })
    ));
    assert_eq!(reader.query(&by_id(2)).unwrap(), [samples::record(2)]);
    Connection::open(directory.database())
        .unwrap()
        .execute("UPDATE records SET record = '{\"id\": 4}'", [])
        .unwrap();
    assert!(matches!(
        reader.query(&by_id(2)),
        Err(ReadError::Unreadable { .. })
    ));
}

#[test]
fn the_file_is_closed_to_strangers() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let open = open(config(directory.database()));
    open.run(last(1));
    for name in ["records.db", "records.db-wal"] {
        let mode = std::fs::metadata(directory.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o007, 0, "{name}: {mode:o}");
    }
}

/// A record as it was written before there were figures of quality in it, or a count of digits.
fn before_quality(n: u64) -> CallRecord {
    let mut record = samples::record(n);
    (record.cost, record.price, record.margin, record.currency) = (None, None, None, None);
    record.accounts.clear();
    (record.mos, record.mos_min) = (None, None);
    for media in [&mut record.caller_media, &mut record.called_media] {
        (media.loss, media.quality, media.rtt_us, media.heard) = (LossStructure::default(), None, None, None);
        media.digits = 0;
        (media.answer, media.after_answer) = (None, None);
    }
    record
}

#[test]
fn a_file_of_schema_version_1_opens_with_its_records_and_its_journal() {
    let directory = Directory::new();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/records-v1.db");
    std::fs::copy(fixture, directory.database()).unwrap();
    let open = open(config(directory.database()));
    assert_eq!(
        open.unfinished
            .iter()
            .map(|call| (call.record.clone(), call.dialogs.clone()))
            .collect::<Vec<_>>(),
        [(before_quality(3), 3u64.to_be_bytes().to_vec())]
    );
    assert_eq!(open.run(last(3)), stored(3));
    open.store.close();
    assert_eq!(
        all(&directory),
        [before_quality(1), before_quality(2), samples::record(3)]
    );
}
