//! The index of numbers, built behind the writing: records gather in memory by the stretch, are sorted, and go into the file in
//! slices that ride along with other transactions.

use rusqlite::{Connection, Error, Statement, params};

/// Records in a stretch. A query looks into each stretch once per number and scans what follows the last.
pub(crate) const STRETCH: usize = 16_384;

/// Numbers written per transaction.
const SLICE: usize = 512;

/// What the index needs of a record.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) started: i64,
    pub(super) caller: Box<str>,
    pub(super) called: Box<str>,
}

/// A stretch that is being written.
#[derive(Debug)]
struct Build {
    stretch: i64,
    first: i64,
    last: i64,
    min_started: i64,
    max_started: i64,
    numbers: Vec<(Box<str>, i64)>,
    written: usize,
}

/// Records that aren't indexed yet, and the stretch that is being written.
#[derive(Debug)]
pub(super) struct Stretches {
    tail: Vec<Row>,
    build: Option<Build>,
    next: i64,
    size: usize,
}

impl Stretches {
    /// Reads where the index ends, throws away a stretch that was never completed, and gathers the records after the last.
    pub(super) fn load(connection: &Connection, size: usize) -> Result<Self, Error> {
        let (next, last): (i64, i64) = connection.query_row(
            "SELECT coalesce(max(stretch), 0) + 1, coalesce(max(last_seq), 0) FROM stretches",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        connection.execute("DELETE FROM numbers WHERE stretch >= ?", [next])?;
        let tail = connection
            .prepare("SELECT seq, started, caller, called FROM records WHERE seq > ? ORDER BY seq")?
            .query_map([last], |row| {
                let (caller, called): (String, String) = (row.get(2)?, row.get(3)?);
                Ok(Row {
                    seq: row.get(0)?,
                    started: row.get(1)?,
                    caller: caller.into(),
                    called: called.into(),
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            tail,
            build: None,
            next,
            size,
        })
    }

    /// Takes over records that are committed; starts a stretch when enough have gathered.
    pub(super) fn extend(&mut self, rows: &mut Vec<Row>) {
        self.tail.append(rows);
        if self.build.is_some() || self.tail.len() < self.size {
            return;
        }
        let rows: Vec<Row> = self.tail.drain(..self.size).collect();
        let started = || rows.iter().map(|row| row.started);
        let seqs = || rows.iter().map(|row| row.seq);
        let (Some(first), Some(last)) = (seqs().min(), seqs().max()) else {
            return;
        };
        let (min_started, max_started) = (started().min().unwrap_or(0), started().max().unwrap_or(i64::MAX));
        let mut numbers: Vec<(Box<str>, i64)> = rows
            .into_iter()
            .flat_map(|row| [(row.caller, row.seq), (row.called, row.seq)])
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.build = Some(Build {
            stretch: self.next,
            first,
            last,
            min_started,
            max_started,
            numbers,
            written: 0,
        });
        self.next += 1;
    }

    /// Whether a stretch is being written.
    pub(super) fn is_building(&self) -> bool {
        self.build.is_some()
    }

    /// Writes the next slice within the caller's transaction; returns how many numbers it wrote.
    pub(super) fn write(
        &self,
        number: &mut Statement<'_>,
        stretch: &mut Statement<'_>,
    ) -> Result<usize, Error> {
        let Some(build) = &self.build else { return Ok(0) };
        let slice = build.numbers.get(build.written..).unwrap_or_default();
        let slice = slice.get(..SLICE).unwrap_or(slice);
        for (text, seq) in slice {
            number.execute(params![build.stretch, text, seq])?;
        }
        if build.written + slice.len() == build.numbers.len() {
            stretch.execute(params![
                build.stretch,
                build.first,
                build.last,
                build.min_started,
                build.max_started
            ])?;
        }
        Ok(slice.len())
    }

    /// The transaction that wrote `count` numbers is committed.
    pub(super) fn written(&mut self, count: usize) {
        if let Some(build) = &mut self.build {
            build.written += count;
            if build.written >= build.numbers.len() {
                self.build = None;
            }
        }
    }
}
