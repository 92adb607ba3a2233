//! Calls in progress, as the guard sees them.

use super::group::{Cost, Priced, Way};
use super::lru::Handle;
use crate::deck::{self, Rate};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Calls that are watched at once. One that comes on top goes on unwatched.
const MOST: usize = 1_048_576;

/// No watch.
const NONE: u32 = u32::MAX;

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// Which call is to be ended.
    pub(super) key: u64,
    next: u32,
    pub(super) customer: u32,
    pub(super) way: Way,
    /// Its country, and everywhere.
    pub(super) groups: [Handle; 2],
    /// The ceilings that it counts for, with their places among the customer's.
    pub(super) ceilings: SmallVec<[(Handle, u64); 2]>,
    pub(super) begun: Instant,
    pub(super) answered: Option<Instant>,
    /// What a minute costs, as far as is known.
    pub(super) rate: Option<Rate>,
    /// The price of a minute in units of money; supposed, where there is no rate.
    pub(super) price: f32,
    pub(super) dear: bool,
    /// Its country is unusual for the customer.
    pub(super) odd: bool,
    /// What it costs was foreseen from calls before it.
    pub(super) foreseen: bool,
    /// It is counted as one that may still be answered.
    pub(super) pending: bool,
    /// It is no part of any pattern.
    pub(super) allowed: bool,
    /// What it has been counted with so far.
    pub(super) charged: Cost,
}

impl Watch {
    pub(super) fn priced(&self) -> Priced {
        Priced {
            calls: 1,
            price: self.price,
        }
    }

    /// How long it has talked.
    pub(super) fn talk(&self, now: Instant) -> Duration {
        let talk = self.answered.map(|at| now.saturating_duration_since(at));
        talk.unwrap_or_default()
    }

    /// What it costs so far, begun intervals included.
    fn cost(&self, now: Instant) -> Cost {
        if self.answered.is_none() {
            return 0;
        }
        // A call that has just been answered costs its first interval.
        let ms = u64::try_from(self.talk(now).as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        match self.rate {
            Some(rate) => deck::cost(rate, ms).0,
            None => (f64::from(self.price) * ms as f64 / 60_000.0 * 1e9) as u64,
        }
    }

    /// What has to be counted on top of what has been.
    pub(super) fn charge(&mut self, now: Instant) -> Cost {
        let cost = self.cost(now);
        let more = cost.saturating_sub(self.charged);
        self.charged = self.charged.max(cost);
        more
    }
}

/// All calls in progress, by the keys that their switch gave them. Several may be parts of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Watches {
    slots: Vec<Option<Watch>>,
    free: Vec<u32>,
    first: HashMap<u64, u32>,
}

impl Watches {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many places there are to look at, taken or free.
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut Watch> {
        self.slots.get_mut(place)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Watch> {
        self.slots.iter().flatten()
    }

    /// Begins to watch a call of which nothing is known but this.
    pub(super) fn insert(&mut self, watch: Watch) {
        if self.len() >= MOST {
            return;
        }
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        let next = self.first.insert(watch.key, index).unwrap_or(NONE);
        let watch = Some(Watch { next, ..watch });
        match self.slots.get_mut(index as usize) {
            Some(slot) => *slot = watch,
            None => self.slots.push(watch),
        }
    }

    /// The call that has begun last under this key.
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Watch> {
        let index = self.first.get(&key)?;
        self.slots.get_mut(*index as usize)?.as_mut()
    }

    /// Takes all calls out that are part of this one.
    pub(super) fn take(&mut self, key: u64) -> SmallVec<[Watch; 1]> {
        let mut taken = SmallVec::new();
        let mut index = self.first.remove(&key).unwrap_or(NONE);
        while let Some(watch) = self.slots.get_mut(index as usize).and_then(Option::take) {
            self.free.push(index);
            index = watch.next;
            taken.push(watch);
        }
        // A peak leaves no table behind that every tick goes through.
        if taken.len() + self.free.len() > 0 && self.first.is_empty() {
            self.slots.clear();
            self.free.clear();
            self.slots.shrink_to(1024);
            self.free.shrink_to(1024);
        }
        taken
    }

    /// What belonged to one call belongs to another one from now on.
    pub(super) fn hand(&mut self, from: u64, to: u64) {
        for watch in self.take(from) {
            self.insert(Watch { key: to, ..watch });
        }
    }
}

impl Watch {
    /// A call that begins.
    pub(super) fn new(
        key: u64,
        customer: u32,
        way: Way,
        groups: [Handle; 2],
        begun: Instant,
        allowed: bool,
    ) -> Self {
        Self {
            key,
            next: NONE,
            customer,
            way,
            groups,
            ceilings: SmallVec::new(),
            begun,
            answered: None,
            rate: None,
            price: 0.0,
            dear: false,
            odd: false,
            foreseen: false,
            pending: false,
            allowed,
            charged: 0,
        }
    }
}
