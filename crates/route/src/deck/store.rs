//! A deck in memory: its rows in the order of their prefixes, sixteen bytes each at most.

use super::condition::{Asked, Condition, Facts};
use super::hours::Hours;
use super::key::Key;
use super::places::Places;
use super::{Money, Rate};
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One row of a deck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What called numbers begin with.
    pub key: Key,
    /// What it asks. `prefix_len` is that of `key`.
    pub rate: Rate,
    /// In force from this second on (since 1970).
    pub from: u32,
    /// In force until before this second; `u32::MAX`: for good.
    pub until: u32,
    /// What it wants of the call beside its number.
    pub condition: Condition,
    /// The line of its file, from 1; 0 where that is not known any more.
    pub line: u32,
}

impl Row {
    /// Whether it is a call's, if its prefix is.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.from <= facts.at && facts.at < self.until && self.condition.holds(facts)
    }

    /// The order of rows: by prefix; of one prefix, that which is a call's if several hold comes first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then_with(|| {
            let rank = |row: &Self| {
                (
                    Reverse(row.condition.precedence()),
                    Reverse(row.from),
                    row.condition,
                )
            };
            rank(self).cmp(&rank(other)).then(self.line.cmp(&other.line))
        })
    }
}

/// What a row says, apart from its prefix; rows that say the same share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terms {
    per_minute: u64,
    fee: u64,
    minimum: u64,
    from: u32,
    until: u32,
    first_interval: u16,
    increment: u16,
    blocked: bool,
    condition: Condition,
}

impl Hash for Terms {
    /// Of one number into which all of them are mixed: reading a deck is looking each row up among its terms.
    fn hash<H: Hasher>(&self, state: &mut H) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let hours = self.condition.hours.map_or(0, Hours::packed);
        let jurisdiction = self
            .condition
            .jurisdiction
            .map_or(0, |jurisdiction| jurisdiction as u64);
        let small = u64::from(self.first_interval) << 24
            | u64::from(self.increment) << 8
            | u64::from(self.blocked) << 2;
        let mixed = [
            self.per_minute,
            self.fee,
            self.minimum,
            u64::from(self.from) << 32 | u64::from(self.until),
            small | jurisdiction,
            self.condition.origin.packed(),
            hours,
        ];
        let mix = |sum: u64, part: u64| (sum.rotate_left(5) ^ part).wrapping_mul(ODD);
        state.write_u64(mixed.into_iter().fold(0, mix));
    }
}

impl Terms {
    fn of(row: &Row) -> Self {
        Self {
            per_minute: row.rate.per_minute.0,
            fee: row.rate.fee.0,
            minimum: row.rate.minimum.0,
            from: row.from,
            until: row.until,
            first_interval: row.rate.first_interval,
            increment: row.rate.increment,
            blocked: row.rate.blocked,
            condition: row.condition,
        }
    }

    fn row(&self, key: Key) -> Row {
        Row {
            key,
            rate: Rate {
                per_minute: Money(self.per_minute),
                fee: Money(self.fee),
                minimum: Money(self.minimum),
                first_interval: self.first_interval,
                increment: self.increment,
                blocked: self.blocked,
                prefix_len: key.digits() as u8,
            },
            from: self.from,
            until: self.until,
            condition: self.condition,
            line: 0,
        }
    }
}

/// A trunk's prices, in the base currency: immutable, and cheap to clone.
#[derive(Clone, Default)]
pub struct Deck {
    rows: Arc<Rows>,
    places: Places,
}

/// The rows, by [`Row::order`].
#[derive(Default)]
struct Rows {
    keys: Box<[Key]>,
    /// For each of `keys`, its index in `terms`.
    says: Box<[u32]>,
    terms: Box<[Terms]>,
    prefixes: usize,
}

impl fmt::Debug for Deck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deck")
            .field("rows", &self.len())
            .field("bytes", &self.bytes())
            .finish()
    }
}

impl Deck {
    /// Of rows in any order. `places` tells the state of a number.
    pub fn new(mut rows: Vec<Row>, places: Places) -> Self {
        if !rows.is_sorted_by(|a, b| a.order(b).is_le()) {
            rows.sort_unstable_by(Row::order);
        }
        Self::of_sorted(rows.into_iter(), places)
    }

    pub(super) fn of_sorted(rows: impl ExactSizeIterator<Item = Row>, places: Places) -> Self {
        let mut known: HashMap<Terms, u32> = HashMap::new();
        let mut terms: Vec<Terms> = Vec::new();
        let mut last: Option<(Terms, u32)> = None;
        let (mut keys, mut says) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let mut prefixes = 0;
        for row in rows {
            let wanted = Terms::of(&row);
            let index = match last {
                Some((terms, index)) if terms == wanted => index,
                Some(_) | None => *known.entry(wanted).or_insert_with(|| {
                    terms.push(wanted);
                    (terms.len() - 1) as u32
                }),
            };
            last = Some((wanted, index));
            prefixes += usize::from(keys.last() != Some(&row.key));
            keys.push(row.key);
            says.push(index);
        }
        let rows = Rows {
            keys: keys.into(),
            says: says.into(),
            terms: terms.into(),
            prefixes,
        };
        Self {
            rows: Arc::new(rows),
            places,
        }
    }

    /// The rate of a call: of the rows in force whose condition holds that with the longest prefix; of several for one prefix that
    /// with the greatest [`Condition::precedence`], then that which came into force last. A row that does not hold leaves the
    /// number to the next shorter prefix.
    pub fn lookup(&self, asked: &Asked<'_>) -> Option<Rate> {
        self.find(&Facts::of(asked, &self.places)).map(|row| row.rate)
    }

    /// The row of a call, as [`Deck::lookup`] finds it.
    pub fn find(&self, facts: &Facts) -> Option<Row> {
        let keys = &self.rows.keys;
        let mut wanted = facts.called;
        loop {
            // The last row whose prefix comes before the number, or is it: no longer prefix of the number lies behind.
            let end = keys.partition_point(|key| *key <= wanted);
            let key = *keys.get(end.checked_sub(1)?)?;
            if key.begins(wanted) {
                let start = keys.partition_point(|other| *other < key);
                let held = (start..end)
                    .filter_map(|at| self.row(at))
                    .find(|row| row.holds(facts));
                if held.is_some() {
                    return held;
                }
                wanted = key.first(key.digits().checked_sub(1)?);
            } else {
                // What the two have in common is the longest that can still be a prefix.
                let common = ((key.packed() ^ wanted.packed()).leading_zeros() / 4) as usize;
                wanted = wanted.first(common);
            }
        }
    }

    fn row(&self, at: usize) -> Option<Row> {
        let key = *self.rows.keys.get(at)?;
        let terms = self.rows.terms.get(*self.rows.says.get(at)? as usize)?;
        Some(terms.row(key))
    }

    /// All rows: by prefix, as texts sort (a shorter one before those that it begins); of one prefix in the order in which they are
    /// looked at. Their `line` is 0.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        let terms = &self.rows.terms;
        let row = |(key, says): (&Key, &u32)| {
            let nothing = || Terms::of(&Row::NOTHING);
            terms
                .get(*says as usize)
                .copied()
                .unwrap_or_else(nothing)
                .row(*key)
        };
        self.rows.keys.iter().zip(&self.rows.says).map(row)
    }

    /// The prefixes of all rows, as [`Deck::rows`] has them, and for each the place in [`Deck::said`] of what it says.
    pub(crate) fn columns(&self) -> (&[Key], &[u32]) {
        (&self.rows.keys, &self.rows.says)
    }

    /// What rows say, each thing once, with no prefix.
    pub(crate) fn said(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        self.rows.terms.iter().map(|terms| terms.row(Key::EMPTY))
    }

    /// Whether it is the very same, and not only says the same.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
    }

    /// Which state a number belongs to, as this deck has it.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.rows.keys.len()
    }

    /// Whether it prices nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distinct prefixes.
    pub fn prefixes(&self) -> usize {
        self.rows.prefixes
    }

    /// Heap memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.rows.keys) + size_of_val(&*self.rows.says) + size_of_val(&*self.rows.terms)
    }
}

impl Row {
    /// A row that sells nothing.
    pub(super) const NOTHING: Self = Self {
        key: Key::EMPTY,
        rate: Rate {
            per_minute: Money(0),
            fee: Money(0),
            minimum: Money(0),
            first_interval: 1,
            increment: 1,
            blocked: true,
            prefix_len: 0,
        },
        from: 0,
        until: u32::MAX,
        condition: Condition::ALWAYS,
        line: 0,
    };
}
