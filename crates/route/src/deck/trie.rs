//! A ten-way trie over digits in one array: 12 bytes a node, children side by side and counted by bits.

use super::{Money, Rate};
use std::collections::HashMap;

/// Longest prefix that a deck may have, in digits: E.164's fifteen and a carrier's own prefix before them.
pub const MAX_PREFIX: usize = 24;

/// One row of a deck on its way into the trie.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) rate: Rate,
    /// In force from this second on.
    pub(super) from: u32,
    /// In force until before this second.
    pub(super) until: u32,
    /// Where it stood in the file.
    pub(super) line: u32,
}

/// A prefix, one digit a nibble from the top, as digit + 1; sorts as its text does, shorter before longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(u128);

impl Key {
    /// Of 0 to [`MAX_PREFIX`] digits.
    pub(super) fn new(digits: &str) -> Option<Self> {
        if digits.len() > MAX_PREFIX {
            return None;
        }
        let mut key = 0u128;
        for (place, byte) in digits.bytes().enumerate() {
            let nibble = u128::from(digit(byte)?) + 1;
            key |= nibble << (124 - 4 * place);
        }
        Some(Self(key))
    }

    /// The digit at `place`, if the prefix is that long.
    fn at(self, place: usize) -> Option<u32> {
        let nibble = (self.0 >> (124 - 4 * place)) as u32 & 15;
        nibble.checked_sub(1)
    }
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// `Node::value` of a node that no row ends at.
const NOTHING: u32 = u32::MAX;
/// Set in a `Node::value` that counts in `runs`; otherwise it counts in `terms`.
const RUN: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Index of the first child.
    children: u32,
    value: u32,
    /// Bit d: there is a child for digit d.
    digits: u16,
}

/// What a row says, apart from its prefix; rows that say the same share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Terms {
    per_minute: u64,
    fee: u64,
    from: u32,
    until: u32,
    first_interval: u16,
    increment: u16,
    blocked: bool,
}

impl Terms {
    fn of(row: &Row) -> Self {
        Self {
            per_minute: row.rate.per_minute.0,
            fee: row.rate.fee.0,
            from: row.from,
            until: row.until,
            first_interval: row.rate.first_interval,
            increment: row.rate.increment,
            blocked: row.rate.blocked,
        }
    }

    fn rate(&self, at: u32, prefix_len: usize) -> Option<Rate> {
        (self.from <= at && at < self.until).then_some(Rate {
            per_minute: Money(self.per_minute),
            fee: Money(self.fee),
            first_interval: self.first_interval,
            increment: self.increment,
            blocked: self.blocked,
            prefix_len: prefix_len as u8,
        })
    }
}

/// The trie; node 0 is the root.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Box<[Node]>,
    terms: Box<[Terms]>,
    /// For prefixes with several rows: how many, then the index of each in `terms`, the latest first.
    runs: Box<[u32]>,
    prefixes: usize,
}

impl Trie {
    /// Of rows sorted by key and, for one key, with the latest `from` first.
    pub(super) fn build(rows: &[Row]) -> Self {
        let mut builder = Builder::default();
        let mut nodes = vec![Node {
            children: 0,
            value: NOTHING,
            digits: 0,
        }];
        // Breadth first: a node's rows are a range of the sorted rows, and its children get neighbouring
        // places.
        let mut level: Vec<(usize, &[Row])> = vec![(0, rows)];
        for depth in 0..=MAX_PREFIX {
            let mut below = Vec::new();
            for (index, range) in level {
                let ending = range.partition_point(|row| row.key.at(depth).is_none());
                let (own, mut rest) = range.split_at(ending);
                let mut node = Node {
                    children: nodes.len() as u32,
                    value: builder.value(own),
                    digits: 0,
                };
                while let Some(digit) = rest.first().and_then(|row| row.key.at(depth)) {
                    let (child, others) =
                        rest.split_at(rest.partition_point(|row| row.key.at(depth) == Some(digit)));
                    node.digits |= 1 << digit;
                    below.push((nodes.len(), child));
                    nodes.push(Node {
                        children: 0,
                        value: NOTHING,
                        digits: 0,
                    });
                    rest = others;
                }
                if let Some(place) = nodes.get_mut(index) {
                    *place = node;
                }
            }
            level = below;
        }
        Self {
            nodes: nodes.into_boxed_slice(),
            terms: builder.terms.into_boxed_slice(),
            runs: builder.runs.into_boxed_slice(),
            prefixes: builder.prefixes,
        }
    }

    pub(super) fn lookup(&self, digits: &str, at_unix_s: u64) -> Option<Rate> {
        let at = u32::try_from(at_unix_s).unwrap_or(u32::MAX - 1);
        // Values on the way down; a longer one that is not in force gives way to a shorter one.
        let mut met = [(NOTHING, 0usize); MAX_PREFIX + 1];
        let mut count = 0;
        let mut node = self.nodes.first()?;
        let mut depth = 0;
        let mut rest = digits.bytes();
        loop {
            if node.value != NOTHING
                && let Some(place) = met.get_mut(count)
            {
                *place = (node.value, depth);
                count += 1;
            }
            let Some(bit) = rest.next().and_then(digit) else {
                break;
            };
            if node.digits & (1 << bit) == 0 {
                break;
            }
            let before = node.digits & ((1 << bit) - 1);
            let Some(child) = self.nodes.get((node.children + before.count_ones()) as usize) else {
                break;
            };
            node = child;
            depth += 1;
        }
        met.iter()
            .take(count)
            .rev()
            .find_map(|&(value, depth)| self.in_force(value, at, depth))
    }

    /// The terms of a node's value that hold at `at`.
    fn in_force(&self, value: u32, at: u32, prefix_len: usize) -> Option<Rate> {
        if value & RUN == 0 {
            return self.terms.get(value as usize)?.rate(at, prefix_len);
        }
        let start = (value & !RUN) as usize;
        let length = *self.runs.get(start)? as usize;
        let run = self.runs.get(start + 1..start + 1 + length)?;
        run.iter()
            .find_map(|&index| self.terms.get(index as usize)?.rate(at, prefix_len))
    }

    pub(super) fn prefixes(&self) -> usize {
        self.prefixes
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.terms) + size_of_val(&*self.runs)
    }
}

/// Terms and runs as they gather.
#[derive(Default)]
struct Builder {
    terms: Vec<Terms>,
    known: HashMap<Terms, u32>,
    runs: Vec<u32>,
    prefixes: usize,
}

impl Builder {
    /// The node value for the rows of one prefix.
    fn value(&mut self, rows: &[Row]) -> u32 {
        match rows {
            [] => NOTHING,
            [row] => {
                self.prefixes += 1;
                self.term(row)
            }
            _ => {
                self.prefixes += 1;
                let start = self.runs.len() as u32;
                self.runs.push(rows.len() as u32);
                for row in rows {
                    let term = self.term(row);
                    self.runs.push(term);
                }
                start | RUN
            }
        }
    }

    fn term(&mut self, row: &Row) -> u32 {
        let terms = Terms::of(row);
        *self.known.entry(terms).or_insert_with(|| {
            self.terms.push(terms);
            (self.terms.len() - 1) as u32
        })
    }
}
