//! From decks to the table: all rows in the order of their prefixes, and who has the same prefix side by side.

use super::memory::Advise;
use super::pages::FEW;
use super::shelve::Shelver;
use super::terms::{Gathering, Short};
use super::{Entry, MAX_CARRIERS, MAX_ROWS_IN_ALL, Prices};
use crate::deck::{Deck, Key};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Decks don't fit into one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// There are too many carriers.
    #[error("there are {0} carriers; there may be {MAX_CARRIERS}")]
    Carriers(usize),
    /// They are too long.
    #[error("the decks have {0} rows together; there may be {MAX_ROWS_IN_ALL}")]
    Rows(usize),
}

/// A deck of which rows are yet to come.
struct Source<'a> {
    keys: &'a [Key],
    says: &'a [u32],
    /// What its rows say, by `says`.
    short: Vec<Short>,
}

pub(super) fn merge(decks: &[(Box<str>, Deck)], advise: Advise<'_>) -> Result<Prices, TooMuch> {
    if decks.len() > MAX_CARRIERS {
        return Err(TooMuch::Carriers(decks.len()));
    }
    let rows = decks.iter().map(|(_, deck)| deck.len()).sum();
    if rows > MAX_ROWS_IN_ALL {
        return Err(TooMuch::Rows(rows));
    }
    let mut gathering = Gathering::new();
    let mut sources: Vec<Source<'_>> = Vec::with_capacity(decks.len());
    for (_, deck) in decks {
        let places = gathering.places(deck.places());
        let short = deck.said().map(|row| gathering.short(&row, places)).collect();
        let (keys, says) = deck.columns();
        sources.push(Source { keys, says, short });
    }
    let (cells, elsewhere) = survey(&sources, rows);
    let mut shelver = Shelver::new(cells, elsewhere, advise);
    let first = |(seat, source): (usize, &Source<'_>)| source.keys.first().map(|key| Reverse((*key, seat)));
    let mut heads: BinaryHeap<Reverse<(Key, usize)>> = sources.iter().enumerate().filter_map(first).collect();
    let mut present = Key::EMPTY;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((key, seat)) = *head;
        if key != present {
            shelver.add(present, &entries);
            entries.clear();
            present = key;
        }
        let next = match sources.get_mut(seat) {
            Some(source) => source.take(key, seat, &mut entries),
            None => None,
        };
        match next {
            Some(next) => *head = Reverse((next, seat)),
            None => drop(PeekMut::pop(head)),
        }
    }
    shelver.add(present, &entries);
    let seats = decks
        .iter()
        .zip(0..)
        .map(|((name, _), seat)| (name.clone(), seat));
    let (pages, runs) = shelver.done();
    Ok(Prices {
        seats: seats.collect(),
        pages,
        runs,
        said: gathering.done(),
    })
}

/// Rows from which on a part of them tells about all.
const MANY: usize = 1 << 20;
/// That part of their prefixes.
const PART: usize = 64;

/// How many cells and how many entries elsewhere there will be, about.
fn survey(sources: &[Source<'_>], rows: usize) -> (usize, usize) {
    let part = if rows < MANY { 1 } else { PART };
    // Those that a multiplication scatters into the first part of all.
    let is_looked_at = |key: &&Key| {
        let scattered = key.packed().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        scattered <= u64::MAX / part as u64
    };
    let mut keys: Vec<Key> = sources
        .iter()
        .flat_map(|source| source.keys.iter().filter(is_looked_at).copied())
        .collect();
    keys.sort_unstable();
    let (mut cells, mut elsewhere) = (0, 0);
    for same in keys.chunk_by(|a, b| a == b) {
        if same.len() <= FEW {
            cells += same.len();
        } else {
            cells += 1;
            elsewhere += same.len();
        }
    }
    let all = |count: usize| match part {
        1 => count,
        _ => (count * part + count * part / 32 + PART * PART).min(rows),
    };
    (all(cells), all(elsewhere))
}

impl Source<'_> {
    /// Takes the rows of its next prefix, which is `key`. Gives the prefix behind it.
    fn take(&mut self, key: Key, seat: usize, entries: &mut Vec<Entry>) -> Option<Key> {
        loop {
            let (next, says) = (self.keys.first().copied()?, self.says.first().copied()?);
            if next != key {
                return Some(next);
            }
            let short = self.short.get(says as usize)?;
            entries.push(Entry {
                seat: seat as u16,
                span: short.span,
                price: short.price.bits(),
                term: short.term,
            });
            self.keys = self.keys.get(1..).unwrap_or_default();
            self.says = self.says.get(1..).unwrap_or_default();
        }
    }
}
