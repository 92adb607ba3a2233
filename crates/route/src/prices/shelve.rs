//! Making pages of prefixes as they come, in their order.
//!
//! What lies below a beginning waits until all of it has come. Where it is little enough for a page it goes on waiting with what lies
//! beside it; where not, its parts become pages and it becomes a node. So a page is as full as it can be, and what waits is never
//! more than a page per digit.

use super::Entry;
use super::memory::{Advise, reserve};
use super::pages::{Cell, FEW, NODE, NOTHING, Node, PAGE, Pages, SUFFIX, suffix};
use super::run::Runs;
use crate::deck::Key;

/// A shelf in the making.
#[derive(Debug)]
pub(super) struct Shelver {
    nodes: Vec<Node>,
    cells: Vec<Cell>,
    runs: Runs,
    /// Prefixes that are on no page yet, in their order, once for each of the few things that one says: the last of these first.
    waiting: Vec<(Key, Entry)>,
    /// The beginnings of the last prefix, by length, and last itself.
    open: Vec<Beginning>,
    last: Key,
}

/// A beginning below which more may come.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    /// Where what lies below it begins to wait.
    start: usize,
    /// The parts that wait: where those of each next digit begin.
    starts: [usize; 10],
    /// The parts that don't.
    next: [u32; 10],
    /// Digits of the longest prefix that waits.
    longest: usize,
    is_node: bool,
}

/// In [`Beginning::starts`]: nothing waits.
const NONE: usize = usize::MAX;

impl Beginning {
    fn new(start: usize) -> Self {
        Self {
            start,
            starts: [NONE; 10],
            next: [NOTHING; 10],
            longest: 0,
            is_node: false,
        }
    }
}

impl Shelver {
    /// For about so many cells, and entries elsewhere.
    pub(super) fn new(cells: usize, entries: usize, advise: Advise<'_>) -> Self {
        Self {
            nodes: reserve(cells / 8, advise),
            // And one for each page.
            cells: reserve(cells + cells / 8, advise),
            runs: Runs::new(entries, advise),
            waiting: Vec::new(),
            open: vec![Beginning::new(0)],
            last: Key::EMPTY,
        }
    }

    /// The next prefix, behind the last and not the same, with what it says.
    pub(super) fn add(&mut self, key: Key, says: &[Entry]) {
        if says.is_empty() {
            return;
        }
        let differ = (key.packed() ^ self.last.packed()).leading_zeros() / 4;
        let common = (differ as usize).min(self.last.digits());
        self.close_to(common);
        while self.open.len() <= key.digits() {
            self.open.push(Beginning::new(self.waiting.len()));
        }
        if says.len() <= FEW {
            self.waiting.extend(says.iter().rev().map(|entry| (key, *entry)));
        } else {
            self.waiting.push((key, self.runs.add(says.iter().copied())));
        }
        if let Some(own) = self.open.last_mut() {
            own.longest = own.longest.max(key.digits());
        }
        self.last = key;
    }

    /// All have come.
    pub(super) fn done(mut self) -> (Pages, Box<[Entry]>) {
        self.close_to(0);
        let root = match self.open.pop() {
            Some(top) => match self.close(top, 0) {
                Some(root) => root,
                None => self.page(0, 0),
            },
            None => NOTHING,
        };
        let pages = Pages {
            root,
            nodes: self.nodes.into_boxed_slice(),
            cells: self.cells.into_boxed_slice(),
        };
        (pages, self.runs.done())
    }

    /// Nothing more comes below those beginnings of the last prefix that are longer than `digits`.
    fn close_to(&mut self, digits: usize) {
        while self.open.len() > digits + 1 {
            let length = self.open.len() - 1;
            let Some(closed) = self.open.pop() else { return };
            let node = self.close(closed, length);
            let (Some(above), Some(digit)) = (self.open.last_mut(), self.last.at(length - 1)) else {
                return;
            };
            let place = usize::from(digit);
            match node {
                Some(node) => {
                    above.is_node = true;
                    if let Some(next) = above.next.get_mut(place) {
                        *next = node;
                    }
                }
                None => {
                    above.longest = above.longest.max(closed.longest);
                    if let Some(start) = above.starts.get_mut(place) {
                        *start = closed.start;
                    }
                }
            }
        }
    }

    /// All of a beginning of so many digits has come. Gives its node; `None`: it goes on waiting.
    fn close(&mut self, beginning: Beginning, length: usize) -> Option<u32> {
        let count = self.waiting.len() - beginning.start;
        if !beginning.is_node && count <= PAGE && beginning.longest <= length + SUFFIX {
            return None;
        }
        let mut node = Node {
            own: Entry::NOTHING,
            next: beginning.next,
        };
        // From behind, so that what waits gets shorter.
        for (next, start) in node.next.iter_mut().zip(beginning.starts).rev() {
            if start != NONE {
                *next = self.page(start, length + 1);
            }
        }
        // What is left is its own.
        let own = self.waiting.drain(beginning.start..).map(|(_, entry)| entry);
        node.own = self.runs.add(own.rev());
        self.nodes.push(node);
        Some(NODE | (self.nodes.len() - 1) as u32)
    }

    /// What waits from `start` on becomes a page of a beginning of `length` digits.
    fn page(&mut self, start: usize, length: usize) -> u32 {
        let at = self.cells.len();
        self.cells.push(Cell {
            suffix: 0,
            entry: Entry::NOTHING,
        });
        for (key, entry) in self.waiting.drain(start..) {
            let suffix = suffix(key, length);
            match self.cells.get_mut(at) {
                Some(first) if suffix == 0 && first.entry.is_nothing() => first.entry = entry,
                Some(_) | None => self.cells.push(Cell { suffix, entry }),
            }
        }
        let count = self.cells.len() - at - 1;
        if let Some(first) = self.cells.get_mut(at) {
            first.suffix = count as u32;
        }
        at as u32
    }
}
