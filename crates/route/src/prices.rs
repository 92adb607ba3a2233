//! The prices of all carriers in one table: what each of them asks for a number, found in one walk.
//!
//! Fifty decks looked into one after the other are fifty walks through memory that no cache holds. Here the decks' prefixes are one
//! set ([`pages`]), and what all carriers ask for one prefix stands side by side: a walk finds the prefixes that a number has, and
//! then the carriers' entries are read from the longest on, until each has one that holds. An entry is twelve bytes: whose it is, what
//! it is compared by, and where the rest is told, which only those few need that a call is offered to.
//!
//! The table is made of whole decks, off the shard, and never changes. It is by far the largest thing that a configuration has, so
//! it is not kept for calls of older configurations: they ask the one in force, by the names of their trunks.

mod memory;
mod merge;
mod pages;
mod price;
mod run;
mod shelve;
mod terms;

pub use memory::Advise;
pub use merge::TooMuch;
pub(crate) use price::{COMPARED_MINUTES, COMPARED_MS, Price};
pub(crate) use terms::{Question, Terms};

use crate::deck::{Deck, Key};
use pages::{Pages, Path};
use std::collections::HashMap;
use std::sync::Arc;
use terms::{Said, Span};

/// Most carriers.
pub(crate) const MAX_CARRIERS: usize = 8_000;

/// Most rows that all decks have together.
pub(crate) const MAX_ROWS_IN_ALL: usize = 1_000_000_000;

/// What one carrier asks for one prefix; or where that is told, if there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Entry {
    /// Whose it is.
    seat: u16,
    /// When it holds: [`terms::Span`]. Of a run: when all of it holds; [`Span::ELSEWHERE`] where that differs.
    span: u16,
    /// What it is compared by. Of a run: where it begins.
    price: u32,
    /// What it asks. Of a run: how many entries it has.
    term: u32,
}

impl Entry {
    /// In the place of a seat: there is no row.
    const NO_SEAT: u16 = u16::MAX;
    /// In the place of a seat: there are several, elsewhere.
    const RUN: u16 = u16::MAX - 1;

    /// No row has the prefix.
    const NOTHING: Self = Self {
        seat: Self::NO_SEAT,
        span: 0,
        price: 0,
        term: 0,
    };

    fn is_nothing(self) -> bool {
        self.seat == Self::NO_SEAT
    }
}

/// What a carrier asks for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What it is compared by; [`Price::NONE`] where it asks nothing, or does not sell.
    pub(crate) price: Price,
    /// Index of its terms; [`Offer::NO_TERMS`] where it asks nothing.
    pub(crate) terms: u32,
    /// How many digits of the number its row has.
    pub(crate) prefix_len: u8,
}

impl Offer {
    /// In the place of terms: none.
    const NO_TERMS: u32 = u32::MAX;

    /// It has no price.
    pub(crate) const NONE: Self = Self {
        terms: Self::NO_TERMS,
        price: Price::NONE,
        prefix_len: 0,
    };

    /// Whether there is a row for the call, be it one that says that it isn't sold.
    pub(crate) fn is_some(self) -> bool {
        self.terms != Self::NO_TERMS
    }

    /// Whether the carrier says that it does not sell the destination.
    pub(crate) fn is_blocked(self) -> bool {
        self.is_some() && self.price == Price::NONE
    }
}

/// The prices of all carriers that have decks.
#[derive(Debug)]
pub(crate) struct Prices {
    seats: HashMap<Box<str>, u16>,
    pages: Pages,
    runs: Box<[Entry]>,
    said: Said,
}

impl Prices {
    /// Of these carriers, by name; the place of each among them is its seat.
    ///
    /// # Errors
    /// There is more than one table holds.
    pub(crate) fn build(decks: &[(Box<str>, Deck)], advise: Advise<'_>) -> Result<Self, TooMuch> {
        merge::merge(decks, advise)
    }

    /// The seat of the carrier of this name.
    pub(crate) fn seat(&self, name: &str) -> Option<u16> {
        self.seats.get(name).copied()
    }

    /// How many seats there are.
    pub(crate) fn seats(&self) -> usize {
        self.seats.len()
    }

    /// What offers ask, by [`Offer::terms`].
    pub(crate) fn terms(&self) -> &Arc<[Terms]> {
        &self.said.terms
    }

    /// Heap memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.bytes() + size_of_val(&*self.runs) + self.said.bytes()
    }

    /// The prefixes that the called number has.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Answer<'_> {
        let mut seats = 0;
        // Their entries are asked of memory at once, and not one line after the other when they are read.
        let found = |entry: &Entry| {
            let lines = self.entries(entry).iter().step_by(LINE);
            seats = lines.fold(seats, |seats, entry| seats ^ entry.seat);
        };
        let path = self.pages.path(Key::of_number(question.called()), found);
        std::hint::black_box(seats);
        Answer { prices: self, path }
    }

    /// The entries that one stands for.
    fn entries<'a>(&'a self, entry: &'a Entry) -> &'a [Entry] {
        if entry.seat != Entry::RUN {
            return std::slice::from_ref(entry);
        }
        let start = entry.price as usize;
        self.runs
            .get(start..start + entry.term as usize)
            .unwrap_or_default()
    }
}

/// What carriers ask for one number.
pub(crate) struct Answer<'a> {
    prices: &'a Prices,
    path: Path,
}

/// Entries in a line of memory, or a little less.
const LINE: usize = 64 / size_of::<Entry>();

impl Answer<'_> {
    /// Tells each seat what its carrier asks. Who has been told already is not told again.
    pub(crate) fn tell<T: Seat>(&self, question: &mut Question<'_>, seats: &mut [T]) {
        let said = &self.prices.said;
        let mut missing = seats.len().min(self.prices.seats());
        for (entry, prefix_len) in self.path.longest_first() {
            let entries = self.prices.entries(&entry);
            if entry.span == Span::ELSEWHERE {
                let hold = entries
                    .iter()
                    .filter(|entry| said.holds(entry.span, entry.term, question));
                missing -= hold.map(|entry| entry.tell(prefix_len, seats)).sum::<usize>();
            } else if said.holds(entry.span, entry.term, question) {
                let told = entries.iter().map(|entry| entry.tell(prefix_len, seats));
                missing -= told.sum::<usize>();
            }
            if missing == 0 {
                break;
            }
        }
    }

    /// What one carrier asks.
    pub(crate) fn of(&self, question: &mut Question<'_>, seat: u16) -> Offer {
        let said = &self.prices.said;
        for (entry, prefix_len) in self.path.longest_first() {
            for entry in self.prices.entries(&entry) {
                if entry.seat == seat && said.holds(entry.span, entry.term, question) {
                    return entry.offer(prefix_len);
                }
            }
        }
        Offer::NONE
    }
}

/// Where it is kept what a carrier asks.
pub(crate) trait Seat {
    /// Whether that is known.
    fn is_told(&self) -> bool;
    /// It is known now if `is_new`; otherwise it stays as it is.
    fn tell_if(&mut self, is_new: bool, offer: Offer);
    /// It is known now.
    fn tell(&mut self, offer: Offer) {
        self.tell_if(true, offer);
    }
}

impl Seat for Offer {
    fn is_told(&self) -> bool {
        self.is_some()
    }

    fn tell_if(&mut self, is_new: bool, offer: Offer) {
        *self = std::hint::select_unpredictable(is_new, offer, *self);
    }
}

impl Entry {
    /// Tells its seat. Gives how many seats are told thereby: one, or none.
    fn tell<T: Seat>(self, prefix_len: u8, seats: &mut [T]) -> usize {
        let Some(seat) = seats.get_mut(usize::from(self.seat)) else {
            return 0;
        };
        // Who has been told is not to be foretold, so nothing branches here.
        let is_new = !seat.is_told();
        seat.tell_if(is_new, self.offer(prefix_len));
        usize::from(is_new)
    }

    fn offer(self, prefix_len: u8) -> Offer {
        Offer {
            terms: self.term,
            price: Price::of_bits(self.price),
            prefix_len,
        }
    }
}

#[cfg(test)]
mod tests;
