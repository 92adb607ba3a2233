//! Prefixes in the order of their digits: a ten-way trie above, pages of neighbours below.
//!
//! A page has all prefixes under one beginning, where they are few, and is read from end to end: a few neighbouring lines of memory
//! in place of one line per further digit. So a look-up waits for memory once per level of the trie, which is small enough to stay in
//! the cache, and once for its page.

use super::Entry;
use crate::deck::{Key, MAX_PREFIX};

/// Most prefixes that a page has.
pub(super) const PAGE: usize = 32;

/// Most digits that a prefix has beyond its page's beginning.
pub(super) const SUFFIX: usize = 8;

/// In a reference: it is the index of a node. Otherwise it is that of a page's first cell.
pub(super) const NODE: u32 = 1 << 31;
/// A reference to nothing.
pub(super) const NOTHING: u32 = u32::MAX;

/// A beginning that many prefixes have. One to a line of memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Node {
    /// What the prefix that is this beginning says.
    pub(super) own: Entry,
    /// References, by the next digit.
    pub(super) next: [u32; 10],
}

/// A prefix in a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Its digits beyond the page's beginning, packed as in a [`Key`]. Of a page's first cell: how many follow.
    pub(super) suffix: u32,
    /// What it says. Of a page's first cell: what the prefix that is the beginning says.
    pub(super) entry: Entry,
}

/// All prefixes.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) root: u32,
    pub(super) nodes: Box<[Node]>,
    pub(super) cells: Box<[Cell]>,
}

/// The prefixes that a number has, shortest first.
#[derive(Debug)]
pub(super) struct Path {
    met: [(Entry, u8); MAX_PREFIX + 1],
    count: usize,
}

impl Path {
    fn push(&mut self, entry: Entry, digits: usize) {
        if !entry.is_nothing()
            && let Some(place) = self.met.get_mut(self.count)
        {
            *place = (entry, digits as u8);
            self.count += 1;
        }
    }

    /// Them with their lengths, longest first.
    pub(super) fn longest_first(&self) -> impl Iterator<Item = (Entry, u8)> + '_ {
        self.met
            .get(..self.count)
            .unwrap_or_default()
            .iter()
            .rev()
            .copied()
    }
}

impl Pages {
    /// The prefixes that `number` begins with.
    pub(super) fn path(&self, number: Key) -> Path {
        let mut path = Path {
            met: [(Entry::NOTHING, 0); MAX_PREFIX + 1],
            count: 0,
        };
        let (mut at, mut depth) = (self.root, 0);
        while at & NODE != 0 {
            let Some(node) = self.nodes.get((at & !NODE) as usize) else {
                return path;
            };
            path.push(node.own, depth);
            let Some(next) = number
                .at(depth)
                .and_then(|digit| node.next.get(usize::from(digit)))
            else {
                return path;
            };
            at = *next;
            depth += 1;
        }
        self.page(at, depth, number, &mut path);
        path
    }

    fn page(&self, at: u32, depth: usize, number: Key, path: &mut Path) {
        let Some((first, rest)) = self.cells.get(at as usize..).and_then(<[Cell]>::split_first) else {
            return;
        };
        path.push(first.entry, depth);
        let wanted = suffix(number, depth);
        for cell in rest.iter().take(first.suffix as usize) {
            // They stand in order: no longer one that the number begins with lies behind it.
            if cell.suffix > wanted {
                break;
            }
            let idle = cell.suffix.trailing_zeros() & !3;
            if u64::from(cell.suffix ^ wanted) >> idle == 0 {
                path.push(cell.entry, depth + SUFFIX - (idle / 4) as usize);
            }
        }
    }

    /// Heap memory that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.cells)
    }
}

/// The digits of a number or prefix beyond the first `depth`, as many as fit.
pub(super) fn suffix(key: Key, depth: usize) -> u32 {
    let packed = key.packed().checked_shl(4 * depth as u32).unwrap_or(0);
    (packed >> 32) as u32
}
