//! Whether a trunk is well, told without looking: most trunks are, most of the time, and a plan asks of every one.

use super::{Live, Refusal, Slot};
use crate::tables::Tables;
use std::time::{Duration, Instant};

/// What a plan asks of a trunk first. Kept up to date under every change of its slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    /// Something is the matter, until something else happens.
    troubled: bool,
    /// Something is the matter until then, if nothing else happens.
    until: Option<Instant>,
}

impl Gate {
    /// Of a trunk with which nothing is the matter.
    const WELL: Self = Self {
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
}

impl Slot {
    /// What the gate has to say. Whatever makes [`Slot::check`] refuse, or leaves a target for last, has to be seen here: it is not
    /// looked for where the gate says that all is well. What is seen here and does no harm costs a closer look.
    fn gate(&self) -> Gate {
        let mut gate = Gate::WELL;
        gate.trouble(!self.open || self.takes_no_more() || self.unregistered || self.is_nowhere);
        gate.trouble(self.calls >= self.marks.least());
        match self.pace.least_at() {
            Ok(at) => gate.trouble_until(at),
            Err(_never) => gate.trouble(true),
        }
        for target in &self.targets {
            target.tell(self.rules, &mut gate);
        }
        gate
    }
}

/// The gates of the carriers in force, side by side.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// Moments are counted from here, in nanoseconds.
    epoch: Option<Instant>,
    /// By the place of the carrier among all: until when something is the matter with it. [`WELL`] and [`TROUBLED`] are no moments.
    until: Vec<u64>,
}

/// How long before the first moment that is told of they begin to count: longer than anything lasts that is the matter with a trunk.
const BEFORE: Duration = Duration::from_secs(7200);

/// Nothing is the matter.
const WELL: u64 = 0;
/// Something is, until something else happens.
const TROUBLED: u64 = u64::MAX;

impl Gates {
    /// A moment. Before the epoch, which is well before all that is told of, nobody is said to be well.
    fn count(&mut self, at: Instant) -> u64 {
        let epoch = *self
            .epoch
            .get_or_insert_with(|| at.checked_sub(BEFORE).unwrap_or(at));
        nanoseconds(at, epoch).saturating_add(1)
    }

    fn set(&mut self, carrier: u32, gate: Gate) {
        let until = match (gate.troubled, gate.until) {
            (true, _) => TROUBLED,
            (false, None) => WELL,
            (false, Some(at)) => self.count(at),
        };
        if let Some(place) = self.until.get_mut(carrier as usize) {
            *place = until;
        }
    }

    fn at(&self, now: Instant) -> u64 {
        let after = self.epoch.filter(|epoch| now >= *epoch);
        after.map_or(0, |epoch| nanoseconds(now, epoch).saturating_add(1))
    }
}

fn nanoseconds(at: Instant, epoch: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(epoch).as_nanos()).unwrap_or(u64::MAX - 2)
}

impl Live {
    /// For each carrier of `tables`, in their order, whether nothing is the matter with it at `now`. `false` says nothing: it is to be
    /// looked at. `None`: the tables are not in force.
    pub(crate) fn well(&self, now: Instant, tables: &Tables) -> Option<impl Iterator<Item = bool> + '_> {
        let now = self.gates.at(now);
        let well = self.gates.until.iter().map(move |until| *until <= now);
        self.has_installed(tables).then_some(well)
    }

    /// Something has changed in a slot.
    pub(super) fn look(&mut self, index: u32) {
        if let Some(slot) = self.slots.get(index as usize)
            && let Some(carrier) = slot.carrier
        {
            self.gates.set(carrier, slot.gate());
        }
    }

    /// Other tables are in force.
    pub(super) fn look_at_all(&mut self, tables: &Tables) {
        for slot in &mut self.slots {
            slot.carrier = None;
        }
        let all = tables.carriers().all();
        self.gates.until = vec![TROUBLED; all.len()];
        for (standing, carrier) in all.iter().zip(0..) {
            let Some(index) = self.find(tables, standing.trunk) else {
                continue;
            };
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.carrier = Some(carrier);
            }
            self.look(index);
        }
    }
}

impl Slot {
    pub(super) fn takes_no_more(&self) -> bool {
        self.drains || self.drained
    }

    pub(super) fn check(&self, now: Instant, priority: bool) -> Result<(), Refusal> {
        if !self.open {
            Err(Refusal::Disabled)
        } else if self.takes_no_more() {
            Err(Refusal::Draining)
        } else if self.calls >= self.marks.most(priority) {
            Err(Refusal::Calls)
        } else if !self.pace.has_room(now, priority) {
            Err(Refusal::Cps)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
