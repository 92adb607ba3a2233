//! Entries side by side.

use super::Entry;
use super::memory::{Advise, reserve};
use super::terms::Span;

/// Runs in the making.
#[derive(Debug)]
pub(super) struct Runs {
    entries: Vec<Entry>,
    /// Where the last run begins.
    last: usize,
}

impl Runs {
    /// For about so many entries.
    pub(super) fn new(entries: usize, advise: Advise<'_>) -> Self {
        Self {
            entries: reserve(entries, advise),
            last: 0,
        }
    }

    /// The entry that stands for these: itself, if there is but one.
    pub(super) fn add(&mut self, mut says: impl ExactSizeIterator<Item = Entry>) -> Entry {
        let count = says.len();
        if count < 2 {
            return says.next().unwrap_or(Entry::NOTHING);
        }
        let start = self.entries.len();
        self.entries.extend(says);
        // Neighbours are often of one destination, for which each carrier asks the same.
        let (before, new) = self.entries.split_at(start);
        if before.get(self.last..) == Some(new) {
            self.entries.truncate(start);
        } else {
            self.last = start;
        }
        let run = self.entries.get(self.last..).unwrap_or_default();
        let span = run.first().map_or(Span::ALWAYS, |first| first.span);
        let is_same = run.iter().all(|entry| entry.span == span);
        Entry {
            seat: Entry::RUN,
            span: if is_same { span } else { Span::ELSEWHERE },
            price: self.last as u32,
            term: count as u32,
        }
    }

    /// All have come.
    pub(super) fn done(self) -> Box<[Entry]> {
        self.entries.into_boxed_slice()
    }
}
