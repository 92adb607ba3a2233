//! Trunks that no configuration has: the seats of whoever tests.

use super::capacity::Held;
use super::{Live, Permit};
use config::{Capacity, Trunk};
use std::time::Instant;

impl Live {
    /// Makes a place for a trunk that no configuration has, as for one that has: it holds until other tables are installed.
    pub fn seat(&mut self, trunk: &Trunk) {
        let shares = Capacity {
            target: 1.0,
            alert: 1.0,
            reserve: 0.0,
        };
        self.place(trunk, &shares);
    }

    /// A place for one call on a trunk that was [seated](Self::seat), by its name.
    pub fn admit_seated(&mut self, now: Instant, trunk: &str) -> Option<Permit> {
        let index = *self.names.get(trunk)?;
        let slot = self.slots.get_mut(index as usize).filter(|slot| slot.open)?;
        slot.pace.take(now);
        slot.calls += 1;
        self.permits += 1;
        Some(Permit::of(index, Held::default()))
    }
}
