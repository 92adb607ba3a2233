//! What rows say, apart from their prefixes: each thing that is said is kept once.

use super::price::Price;
use crate::deck::{Asked, Condition, Facts, Money, Places, Rate, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// What a row asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    per_minute: u64,
    fee: u64,
    minimum: u64,
    /// When it holds, for those rows whose entry has no room for that.
    span: u32,
    first_interval: u16,
    increment: u16,
    blocked: bool,
}

impl Terms {
    /// The rate of a call whose number the row matched with so many digits.
    pub(crate) fn rate(&self, prefix_len: u8) -> Rate {
        Rate {
            per_minute: Money(self.per_minute),
            fee: Money(self.fee),
            minimum: Money(self.minimum),
            first_interval: self.first_interval,
            increment: self.increment,
            blocked: self.blocked,
            prefix_len,
        }
    }

    pub(super) fn span(&self) -> u32 {
        self.span
    }
}

/// When a row holds, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) from: u32,
    pub(super) until: u32,
    /// Index of its condition; 0: none.
    pub(super) condition: u32,
}

impl Span {
    /// Index of the span of rows that always hold.
    pub(super) const ALWAYS: u16 = 0;
    /// In an entry: its terms say which it is.
    pub(super) const ELSEWHERE: u16 = u16::MAX;
}

/// A condition, and the map that tells where numbers belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wants {
    pub(super) condition: Condition,
    pub(super) places: u16,
}

/// All that rows say.
#[derive(Debug)]
pub(super) struct Said {
    /// Shared with those who outlive the table.
    pub(super) terms: Arc<[Terms]>,
    pub(super) spans: Box<[Span]>,
    pub(super) wants: Box<[Wants]>,
    pub(super) places: Box<[Places]>,
}

/// What a row says as an entry has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    pub(super) term: u32,
    pub(super) span: u16,
    pub(super) price: Price,
}

/// The same as it gathers.
#[derive(Debug)]
pub(super) struct Gathering {
    terms: Interned<Terms>,
    spans: Interned<Span>,
    wants: Interned<Wants>,
    places: Vec<Places>,
}

/// Values by index, each once.
#[derive(Debug)]
struct Interned<T> {
    all: Vec<T>,
    known: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + std::hash::Hash> Interned<T> {
    fn index(&mut self, value: T) -> u32 {
        *self.known.entry(value).or_insert_with(|| {
            self.all.push(value);
            (self.all.len() - 1) as u32
        })
    }
}

impl Gathering {
    pub(super) fn new() -> Self {
        let mut gathering = Self {
            terms: Interned::default(),
            spans: Interned::default(),
            wants: Interned::default(),
            places: vec![Places::default()],
        };
        let condition = gathering.wants.index(Wants {
            condition: Condition::ALWAYS,
            places: 0,
        });
        gathering.spans.index(Span {
            from: 0,
            until: u32::MAX,
            condition,
        });
        gathering
    }

    /// The index of a deck's map. There are no more of them than there may be carriers.
    pub(super) fn places(&mut self, places: &Places) -> u16 {
        let known = self.places.iter().position(|other| other.is(places));
        let index = known.unwrap_or_else(|| {
            self.places.push(places.clone());
            self.places.len() - 1
        });
        index as u16
    }

    /// What a row of a deck with this map says.
    pub(super) fn short(&mut self, row: &Row, places: u16) -> Short {
        let condition = if row.condition.is_always() {
            0
        } else {
            self.wants.index(Wants {
                condition: row.condition,
                places,
            })
        };
        let span = self.spans.index(Span {
            from: row.from,
            until: row.until,
            condition,
        });
        let rate = row.rate;
        let term = self.terms.index(Terms {
            per_minute: rate.per_minute.0,
            fee: rate.fee.0,
            minimum: rate.minimum.0,
            span,
            first_interval: rate.first_interval,
            increment: rate.increment,
            blocked: rate.blocked,
        });
        Short {
            term,
            span: u16::try_from(span).unwrap_or(Span::ELSEWHERE),
            price: if rate.blocked {
                Price::NONE
            } else {
                Price::of_rate(rate)
            },
        }
    }

    pub(super) fn done(self) -> Said {
        Said {
            terms: self.terms.all.into(),
            spans: self.spans.all.into(),
            wants: self.wants.all.into(),
            places: self.places.into(),
        }
    }
}

/// A call as rows are held against it. Where its numbers belong is worked out for the first row that asks.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    asked: Asked<'a>,
    at: u32,
    facts: Option<(u16, Facts)>,
}

impl<'a> Question<'a> {
    pub(crate) fn new(asked: Asked<'a>) -> Self {
        Self {
            asked,
            // The last second of them is never "until before".
            at: u32::try_from(asked.at_unix_s).map_or(u32::MAX - 1, |at| at.min(u32::MAX - 1)),
            facts: None,
        }
    }

    /// The called number, as it was written.
    pub(super) fn called(&self) -> &'a str {
        self.asked.called
    }

    fn facts(&mut self, places: u16, said: &Said) -> Option<Facts> {
        match self.facts {
            Some((known, facts)) if known == places => Some(facts),
            Some(_) | None => {
                let facts = Facts::of(&self.asked, said.places.get(usize::from(places))?);
                self.facts = Some((places, facts));
                Some(facts)
            }
        }
    }
}

impl Said {
    /// Whether a row with this span and these terms is the call's, if its prefix is.
    pub(super) fn holds(&self, span: u16, term: u32, question: &mut Question<'_>) -> bool {
        let index = match span {
            Span::ALWAYS => return true,
            Span::ELSEWHERE => self.terms.get(term as usize).map_or(0, Terms::span),
            near => u32::from(near),
        };
        let Some(span) = self.spans.get(index as usize) else {
            return false;
        };
        if question.at < span.from || span.until <= question.at {
            return false;
        }
        span.condition == 0 || self.meets(span.condition, question)
    }

    /// Heap memory that it takes, in bytes; not counted what decks share.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.terms) + size_of_val(&*self.spans) + size_of_val(&*self.wants)
    }

    fn meets(&self, condition: u32, question: &mut Question<'_>) -> bool {
        let Some(wants) = self.wants.get(condition as usize) else {
            return false;
        };
        let facts = question.facts(wants.places, self);
        facts.is_some_and(|facts| wants.condition.holds(&facts))
    }
}
