//! Prefixes in the order of their digits: a ten-way trie above, pages of neighbours below.
//!
//! A page has all prefixes under one beginning, where they are few, and is read from end to end: a few neighbouring lines of memory
//! in place of one line per further digit. So a look-up waits for memory once per level of the trie, which is small enough to stay in
//! the cache, and once for its page. Where a prefix says a few things, each has a cell of its own in the page; where it says more, they
//! are elsewhere.

use super::Entry;
use crate::deck::Key;
use smallvec::SmallVec;

/// Most cells that a page has beside its first.
pub(super) const PAGE: usize = 32;

/// Most cells that one prefix has there.
pub(super) const FEW: usize = 3;

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

/// A prefix in a page, or a part of what one says: the later part first.
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
    met: SmallVec<[(Entry, u8); 32]>,
}

impl Path {
    fn push(&mut self, entry: Entry, digits: usize, found: &mut impl FnMut(&Entry)) {
        if !entry.is_nothing() {
            found(&entry);
            self.met.push((entry, digits as u8));
        }
    }

    /// Them with their lengths, longest first.
    pub(super) fn longest_first(&self) -> impl Iterator<Item = (Entry, u8)> + '_ {
        self.met.iter().rev().copied()
    }
}

impl Pages {
    /// The prefixes that `number` begins with. Each is told as soon as it is found, while those behind it are yet to come from memory.
    pub(super) fn path(&self, number: Key, mut found: impl FnMut(&Entry)) -> Path {
        let mut path = Path { met: SmallVec::new() };
        let (mut at, mut depth) = (self.root, 0);
        while at & NODE != 0 {
            let Some(node) = self.nodes.get((at & !NODE) as usize) else {
                return path;
            };
            path.push(node.own, depth, &mut found);
            let Some(next) = number
                .at(depth)
                .and_then(|digit| node.next.get(usize::from(digit)))
            else {
                return path;
            };
            at = *next;
            depth += 1;
        }
        self.page(at, depth, number, &mut path, &mut found);
        path
    }

    fn page(&self, at: u32, depth: usize, number: Key, path: &mut Path, found: &mut impl FnMut(&Entry)) {
        let Some((first, rest)) = self.cells.get(at as usize..).and_then(<[Cell]>::split_first) else {
            return;
        };
        path.push(first.entry, depth, found);
        let wanted = suffix(number, depth);
        for cell in rest.iter().take(first.suffix as usize) {
            // They stand in order: no longer one that the number begins with lies behind it.
            if cell.suffix > wanted {
                break;
            }
            let idle = cell.suffix.trailing_zeros() & !3;
            if u64::from(cell.suffix ^ wanted) >> idle == 0 {
                path.push(cell.entry, depth + SUFFIX - (idle / 4) as usize, found);
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
