//! Whether a trunk is well, told without looking: most trunks are, most of the time, and a plan asks of every one.

use super::Slot;
use crate::tables::TrunkIx;
use std::time::Instant;

/// What a plan asks of a trunk first. Kept up to date under every change of its slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    /// Something is the matter, until something else happens.
    troubled: bool,
    /// Something is the matter until then, if nothing else happens.
    until: Option<Instant>,
}

impl Default for Gate {
    /// Of a trunk that is not in the configuration.
    fn default() -> Self {
        Self {
            troubled: true,
            until: None,
        }
    }
}

impl Gate {
    /// Of a trunk with which nothing is the matter.
    pub(super) const WELL: Self = Self {
        troubled: false,
        until: None,
    };

    /// Something is the matter if `is`.
    pub(super) fn trouble(&mut self, is: bool) {
        self.troubled |= is;
    }

    /// Something is the matter until then.
    pub(super) fn trouble_until(&mut self, until: Option<Instant>) {
        self.until = self.until.max(until);
    }

    /// Whether nothing is the matter: neither a limit nor a target keeps calls away, or behind others.
    pub(super) fn is_well(&self, now: Instant) -> bool {
        !self.troubled && self.until.is_none_or(|until| until <= now)
    }
}

/// The gates of all trunks of the tables in force, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gates<'a> {
    pub(super) places: &'a [u32],
    pub(super) gates: &'a [Gate],
    pub(super) now: Instant,
}

impl Gates<'_> {
    /// Whether nothing is the matter with a trunk. `false` says nothing: it is to be looked at.
    pub(crate) fn is_well(&self, trunk: TrunkIx) -> bool {
        let slot = self.places.get(trunk.0 as usize);
        let gate = slot.and_then(|slot| self.gates.get(*slot as usize));
        gate.is_some_and(|gate| gate.is_well(self.now))
    }
}

impl Slot {
    /// What the gate has to say. Whatever makes [`Slot::check`] refuse, or leaves a target for last, has to be seen here: it is not
    /// looked for where the gate says that all is well. What is seen here and does no harm costs a closer look.
    pub(super) fn gate(&self) -> Gate {
        let mut gate = Gate::WELL;
        gate.trouble(!self.open || self.takes_no_more() || self.unregistered || self.is_nowhere);
        gate.trouble(self.calls >= self.max_calls);
        match self.pace.room_at() {
            Ok(at) => gate.trouble_until(at),
            Err(_never) => gate.trouble(true),
        }
        for target in &self.targets {
            target.tell(self.rules, &mut gate);
        }
        gate
    }
}
