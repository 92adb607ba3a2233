//! What only another process can show: being killed in the middle, and a disk that is full.
//!
//! This program is its own child: a test starts it again with a role in the environment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]
#![allow(
    clippy::print_stdout,
    reason = "this is how the child tells what was acknowledged"
)]

mod common;

use common::{Directory, Open, config, failed, journal, last, open, samples, stored};
use records::{CallRecord, Filter, Outcome, Reader};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const ROLE: &str = "TANDEM_RECORDS_TEST_ROLE";
const DATABASE: &str = "TANDEM_RECORDS_TEST_DATABASE";

fn main() {
    let database = || PathBuf::from(std::env::var_os(DATABASE).expect("the parent names the file"));
    match std::env::var(ROLE).as_deref() {
        Ok("write") => return write(database()),
        Ok("fill") => return fill(database()),
        Ok(role) => panic!("no such role: {role}"),
        Err(_) => {}
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    type Test = (&'static str, fn());
    let tests: [Test; 3] = [
        (
            "killed_at_any_moment_the_store_has_all_that_it_acknowledged",
            killed,
        ),
        (
            "killed_twice_the_journal_still_leads_to_one_record_per_call",
            killed_twice,
        ),
        (
            "a_full_disk_fails_jobs_at_once_and_takes_them_in_order_when_there_is_room",
            full_disk,
        ),
    ];
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
}

/// A child, killed when the test ends in whatever way.
struct Reaped(Child);

impl Reaped {
    fn start(role: &str, database: &Path, command: &mut Command) -> Self {
        let command = command
            .env(ROLE, role)
            .env(DATABASE, database)
            .stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
    }

    /// SIGKILL: no destructor, no flush, nothing.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn records(database: &Path) -> Vec<CallRecord> {
    let filter = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let mut records = Reader::open(database).unwrap().query(&filter).unwrap();
    records.reverse();
    records
}

/// The child: journals a call, ends the call that was journalled ten before, as fast as it can; says what was acknowledged.
fn write(database: PathBuf) {
    let Open { store, told, .. } = open(config(database));
    let mut out = std::io::stdout().lock();
    let mut say = |outcome: Outcome| match outcome {
        Outcome::Stored { ticket } => writeln!(out, "{ticket}").unwrap(),
        Outcome::Failed { ticket, error } => panic!("{ticket}: {error}"),
    };
    for n in 10_000.. {
        let mut jobs = vec![journal(n)];
        if n >= 10_010 {
            let mut ending = last(n - 10);
            if let records::Job::Final { ticket, .. } = &mut ending {
                *ticket += 1_000_000;
            }
            jobs.push(ending);
        }
        for mut job in jobs {
            while let Err(full) = store.submit(job) {
                say(told.recv().unwrap());
                job = full;
            }
        }
        told.try_iter().for_each(&mut say);
    }
}

/// Runs the writing child until it has acknowledged so many jobs, kills it, and returns the calls acknowledged as answered and as ended.
fn write_and_kill(database: &Path, jobs: usize) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let mut child = Reaped::start("write", database, &mut Command::new(program()));
    let mut lines = child.lines();
    let mut told: Vec<u64> = lines
        .by_ref()
        .take(jobs)
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(told.len(), jobs);
    child.kill();
    // What was in the pipe was acknowledged too; its last line may be cut.
    let rest: Vec<String> = lines.collect();
    told.extend(
        rest.iter()
            .take(rest.len().saturating_sub(1))
            .map(|line| line.parse::<u64>().unwrap()),
    );
    let (answered, ended): (BTreeSet<u64>, BTreeSet<u64>) =
        told.into_iter().partition(|ticket| *ticket < 1_000_000);
    (
        answered,
        ended.into_iter().map(|ticket| ticket - 1_000_000).collect(),
    )
}

fn killed() {
    for jobs in [1, 40, 1000, 6000] {
        let directory = Directory::new();
        let (answered, ended) = write_and_kill(&directory.database(), jobs);
        let stored: BTreeSet<String> = records(&directory.database())
            .into_iter()
            .map(|record| record.id)
            .collect();
        let open = open(config(directory.database()));
        let unfinished: BTreeSet<String> = open
            .unfinished
            .iter()
            .map(|call| call.record.id.clone())
            .collect();
        for n in &ended {
            assert!(
                stored.contains(&samples::record(*n).id),
                "record {n} was acknowledged and is lost"
            );
        }
        for n in &answered {
            let id = samples::record(*n).id;
            assert!(
                stored.contains(&id) != unfinished.contains(&id),
                "call {n} must be ended or journalled, not both or none"
            );
        }
        for call in &open.unfinished {
            let n = (call.record.started_ms - 1_700_000_000_000) / 1000;
            assert_eq!(
                (&call.record, call.dialogs.as_slice()),
                (&samples::record(n), n.to_be_bytes().as_slice())
            );
        }
        assert_eq!(
            records(&directory.database()).len(),
            stored.len(),
            "no call has two records"
        );
    }
}

fn killed_twice() {
    let directory = Directory::new();
    write_and_kill(&directory.database(), 500);
    let first = open(config(directory.database()));
    assert!(!first.unfinished.is_empty());
    let unfinished: Vec<u64> = first
        .unfinished
        .iter()
        .map(|call| (call.record.started_ms - 1_700_000_000_000) / 1000)
        .collect();
    assert_eq!(first.run(last(unfinished[0])), stored(unfinished[0]));
    drop(first);
    let second = open(config(directory.database()));
    assert_eq!(second.unfinished.len(), unfinished.len() - 1);
    for n in &unfinished[1..] {
        assert_eq!(second.run(last(*n)), stored(*n));
    }
    assert!(failed(&second.run(last(unfinished[0]))));
    second.store.close();
    assert!(open(config(directory.database())).unfinished.is_empty());
    let all = records(&directory.database());
    let ids: BTreeSet<&String> = all.iter().map(|record| &record.id).collect();
    assert_eq!(ids.len(), all.len());
}

/// The child on a full disk: stores until that fails, stores on while it does, then gets room.
fn fill(database: PathBuf) {
    let open = open(config(database));
    let mut n = 0;
    while open.run(last(n)) == stored(n) {
        n += 1;
    }
    let first_failed = n;
    for _ in 0..50 {
        n += 1;
        assert!(failed(&open.run(last(n))));
    }
    let health = open.store.health();
    assert_eq!((health.spooled, health.dropped), (51, 0));
    let limit = rustix::process::Resource::Fsize;
    let maximum = rustix::process::getrlimit(limit).maximum;
    rustix::process::setrlimit(
        limit,
        rustix::process::Rlimit {
            current: maximum,
            maximum,
        },
    )
    .unwrap();
    let health = open.store.close();
    assert_eq!(
        (health.spooled, health.dropped, health.failing_since),
        (0, 0, None)
    );
    println!("{first_failed} {n}");
}

fn full_disk() {
    let directory = Directory::new();
    // No file may grow over 512 kB; writing more is an error instead of a signal. Works for every user, root too.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -S -f 1024; exec \"$0\""])
        .arg(program());
    let mut child = Reaped::start("fill", &directory.database(), &mut shell);
    let told = child.lines().last().expect("the child tells how far it came");
    assert!(child.0.wait().unwrap().success());
    let numbers: Vec<u64> = told.split(' ').map(|number| number.parse().unwrap()).collect();
    let [first_failed, last] = numbers.as_slice() else {
        panic!("{told}")
    };
    assert!(*first_failed > 10 && last > first_failed);
    assert_eq!(
        records(&directory.database()),
        (0..*last + 1).map(samples::record).collect::<Vec<_>>()
    );
}
