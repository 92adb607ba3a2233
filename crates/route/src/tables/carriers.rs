//! The carriers, in the order in which a plan looks at them, and the table of what they ask.

use super::TrunkIx;
use crate::deck::Deck;
use crate::plan::Standing;
use crate::prices::{Advise, MAX_CARRIERS, Prices, TooMuch};
use config::{Role, Trunk};
use std::sync::{Arc, Mutex, PoisonError};

/// The carriers of one configuration.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    /// Those with decks first, each at its seat; then those without.
    all: Box<[Standing]>,
    priced: usize,
    /// Most attempts that one of them has written.
    most_attempts: usize,
    /// Until these tables are no longer in force.
    prices: Mutex<Option<Arc<Prices>>>,
}

/// What is left of tables that are no longer in force: memory, and a lot of it. Whoever drops it is busy for milliseconds.
#[derive(Debug, Default)]
#[must_use = "it is to be dropped where nobody waits"]
pub struct Retired {
    _prices: Option<Arc<Prices>>,
}

impl Carriers {
    /// Of the trunks and their decks.
    pub(super) fn build(
        trunks: &[Arc<Trunk>],
        decks: Vec<Option<Deck>>,
        advise: Advise<'_>,
    ) -> Result<Self, TooMuch> {
        let (mut all, mut unpriced, mut carried) = (Vec::new(), Vec::new(), Vec::new());
        let priorities = priorities(trunks);
        let mut most_attempts = 0;
        for ((trunk, deck), index) in trunks.iter().zip(decks).zip(0..) {
            if trunk.role != Role::Carrier {
                continue;
            }
            most_attempts = most_attempts.max(trunk.failover.attempts.map_or(0, usize::from));
            let standing = Standing::new(TrunkIx(index));
            match deck {
                Some(deck) => {
                    all.push(standing);
                    carried.push((trunk.name.as_str().into(), deck));
                }
                None => unpriced.push(standing),
            }
        }
        let priced = all.len();
        all.append(&mut unpriced);
        if all.len() > MAX_CARRIERS {
            return Err(TooMuch::Carriers(all.len()));
        }
        for (index, standing) in all.iter_mut().enumerate() {
            let priority = trunks
                .get(standing.trunk.0 as usize)
                .map_or(0, |trunk| trunk.priority);
            standing.at(priorities.partition_point(|other| *other < priority), index);
        }
        let prices = if priced == 0 {
            None
        } else {
            Some(Arc::new(Prices::build(&carried, advise)?))
        };
        Ok(Self {
            all: all.into_boxed_slice(),
            priced,
            most_attempts,
            prices: Mutex::new(prices),
        })
    }

    /// All carriers, as they stand before anything is known of a call.
    pub(crate) fn all(&self) -> &[Standing] {
        &self.all
    }

    /// How many of them, the first, have decks.
    pub(crate) fn priced(&self) -> usize {
        self.priced
    }

    /// Most attempts that one of them has written.
    pub(crate) fn most_attempts(&self) -> usize {
        self.most_attempts
    }

    /// The place of the carrier of this name among those with decks.
    pub(super) fn seat(&self, name: &str) -> Option<u16> {
        self.prices()?.seat(name)
    }

    /// What they ask; `None`: nothing, or these tables are no longer in force.
    pub(super) fn prices(&self) -> Option<Arc<Prices>> {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn retire(&self) -> Retired {
        let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        Retired {
            _prices: prices.take(),
        }
    }
}

/// The priorities that carriers have, each once, in order.
fn priorities(trunks: &[Arc<Trunk>]) -> Vec<u16> {
    let carriers = trunks.iter().filter(|trunk| trunk.role == Role::Carrier);
    let mut priorities: Vec<u16> = carriers.map(|trunk| trunk.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    priorities
}

/// A trunk's weight among equals: that of the targets that come first, together.
pub(crate) fn weight(trunk: &Trunk) -> u32 {
    let first = trunk.targets.iter().map(|target| target.priority).min();
    trunk
        .targets
        .iter()
        .filter(|target| Some(target.priority) == first)
        .map(|target| u32::from(target.weight))
        .sum()
}
