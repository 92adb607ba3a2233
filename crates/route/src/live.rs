//! What changes under calls: how many each trunk carries, how fast they come, which targets are alive.
//! Owned by one shard.

mod beside;
mod capacity;
mod gate;
mod health;
mod hops;
mod learner;
mod pace;
mod round_trip;
mod seat;

use crate::prices::Prices;
use crate::tables::{NetworkIx, Tables, TrunkIx};
use beside::Beside;
use capacity::{Alarm, Held, Limits, Marks};
use config::{Capacity, Role, Trunk};
use gate::Gates;
use health::{Health, Rules};
use hops::Places;
use learner::Learner;
use pace::Pace;
use sip_proto::Hop;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use capacity::{LimitView, LoadChange, Wish};
pub use health::{HealthChange, Outcome, TargetState};
pub use hops::{Asked, HopFailure, HopView, Setback};
pub use learner::Of;

/// Live state of every trunk of the config in force, and of every trunk that still carries calls.
///
/// A trunk keeps its state by name when a new config is installed, a target by its URI. Tables that are no
/// longer in force
/// may still be used by calls that were planned with them.
#[derive(Debug, Default)]
pub struct Live {
    slots: Vec<Slot>,
    gates: Gates,
    free: Vec<u32>,
    names: HashMap<Box<str>, u32>,
    /// The tables in force: their identity, held so that no later ones can have it, and the slot of each trunk.
    installed: Option<Arc<[Arc<Trunk>]>>,
    places: Box<[u32]>,
    /// What carriers ask, by the tables in force.
    prices: Option<Arc<Prices>>,
    permits: u64,
    hops: Places,
    limits: Limits,
    learner: Option<Box<Learner>>,
    /// Tables by which calls are planned as well: few.
    beside: Vec<Beside>,
}

/// One trunk.
#[derive(Debug, Default)]
struct Slot {
    name: Arc<str>,
    calls: u32,
    /// Takes calls: in the config in force, and enabled.
    open: bool,
    /// In the config in force.
    listed: bool,
    /// It wants us to be registered first, and we are not.
    unregistered: bool,
    /// Its place among the carriers in force.
    carrier: Option<u32>,
    /// Calls to it have nowhere to go: it has neither targets nor users.
    is_nowhere: bool,
    marks: Marks,
    pace: Pace,
    load: Alarm,
    /// It takes no new calls: by its configuration, and by command.
    drains: bool,
    drained: bool,
    rules: Rules,
    targets: Vec<Health>,
}

/// The right to one call on one trunk. Not `Clone`; goes back by [`Live::release`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not released holds a call's place for ever"]
pub struct Permit {
    /// One more than the trunk's slot: an `Option` of this takes no more room, and every call has two.
    slot: NonZeroU32,
    held: Held,
}

/// Why a trunk takes no further call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `max_calls` are in progress.
    #[error("max_calls reached")]
    Calls,
    /// `max_cps` calls have begun within a second.
    #[error("max_cps reached")]
    Cps,
    /// A limit for the called number has its `max_calls` in progress.
    #[error("max_calls of the destination's limit reached")]
    DestinationCalls,
    /// A limit for the called number has had its `max_cps` within a second.
    #[error("max_cps of the destination's limit reached")]
    DestinationCps,
    /// The trunk is switched off, or is no longer in the config.
    #[error("trunk disabled")]
    Disabled,
    /// We are not registered there.
    #[error("not registered")]
    Unregistered,
    /// The trunk is being drained.
    #[error("trunk draining")]
    Draining,
}

impl Live {
    /// Nothing known, no call in progress.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `tables` the ones in force, with their limits, targets and prices. A trunk that is gone takes no more
    /// calls, and is forgotten once
    /// its last has ended. The prices that were in force are let go of: see [`Tables::retire`].
    pub fn install(&mut self, tables: &Tables) {
        for slot in &mut self.slots {
            slot.open = false;
            slot.listed = false;
        }
        let shares = tables.capacity();
        let places: Vec<u32> = tables
            .trunks()
            .map(|(_, trunk)| self.place(trunk, &shares))
            .collect();
        self.places = places.into_boxed_slice();
        self.installed = Some(Arc::clone(tables.identity()));
        self.prices = tables.prices();
        self.place_all_beside();
        self.limits.install(tables, |name| self.names.get(name).copied());
        let gone: Vec<u32> = self
            .names
            .values()
            .copied()
            .filter(|&index| self.idle(index))
            .collect();
        for index in gone {
            self.forget(index);
        }
        self.look_at_all(tables);
    }

    /// The slot of `trunk`, brought up to date with it.
    fn place(&mut self, trunk: &Trunk, shares: &Capacity) -> u32 {
        let index = match self.names.get(trunk.name.as_str()) {
            Some(&index) => index,
            None => {
                let index = self.free.pop().unwrap_or(self.slots.len() as u32);
                if index as usize == self.slots.len() {
                    self.slots.push(Slot::default());
                }
                self.names.insert(trunk.name.as_str().into(), index);
                index
            }
        };
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.name = trunk.name.as_str().into();
            slot.open = trunk.enabled;
            slot.listed = true;
            slot.is_nowhere = trunk.targets.is_empty() && trunk.users.is_empty();
            slot.unregistered &= trunk.register.as_ref().is_some_and(|register| register.required);
            let mut shares = shares.of(trunk.capacity.as_ref());
            if trunk.role == Role::Customer {
                // All its calls are of one class: there is nobody to keep anything for.
                shares.reserve = 0.0;
            }
            slot.marks = Marks::of(trunk.max_calls.unwrap_or(u32::MAX), &shares);
            slot.pace.set(trunk.max_cps, &shares);
            slot.drains = trunk.drain;
            slot.rules = Rules::of(trunk);
            let mut before = std::mem::take(&mut slot.targets);
            slot.targets = trunk
                .targets
                .iter()
                .map(|target| health::carry_over(&mut before, &target.uri))
                .collect();
        }
        index
    }

    /// Says whether calls may go to the trunk of this name as far as our registration there goes.
    pub fn set_registered(&mut self, trunk: &str, registered: bool) {
        let Some(index) = self.names.get(trunk).copied() else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.unregistered = !registered;
        }
        self.look(index);
    }

    fn idle(&self, index: u32) -> bool {
        self.slots
            .get(index as usize)
            .is_some_and(|slot| slot.calls == 0 && !slot.listed)
    }

    fn forget(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            let slot = std::mem::take(slot);
            self.names.remove(&*slot.name);
            self.free.push(index);
        }
        self.look(index);
    }

    /// A place for one call on `trunk` (of `tables`), be it the call's customer or its carrier. The limits
    /// are those of the config in force.
    pub fn try_admit(&mut self, now: Instant, tables: &Tables, trunk: TrunkIx) -> Result<Permit, Refusal> {
        self.try_admit_as(now, tables, trunk, Wish::default())
    }

    /// A place for an emergency call on `trunk`, which is counted but by no limit refused. `None`: the config in force has no such
    /// trunk, or it is switched off.
    pub fn admit_emergency(&mut self, now: Instant, tables: &Tables, trunk: TrunkIx) -> Option<Permit> {
        let index = self.find(tables, trunk)?;
        let slot = self.slots.get_mut(index as usize).filter(|slot| slot.open)?;
        slot.pace.take(now);
        slot.calls += 1;
        self.permits += 1;
        let load = (slot.calls, &slot.marks);
        let changes = &mut self.limits.changes;
        slot.load.look(Some(now), &slot.name, load, &slot.pace, changes);
        self.look(index);
        Some(Permit::of(index, Held::default()))
    }

    /// A place in the pace of `trunk` alone (`max_cps`), for a call that gets no [place](Self::try_admit) but is dealt with at
    /// length; whether there was one.
    pub fn try_pace(&mut self, now: Instant, tables: &Tables, trunk: TrunkIx) -> bool {
        let Some(index) = self.find(tables, trunk) else {
            return false;
        };
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return false;
        };
        let has_room = slot.pace.has_room(now, true);
        if has_room {
            slot.pace.take(now);
            self.look(index);
        }
        has_room
    }

    /// What [`try_admit`](Self::try_admit) would say of a call to the trunk, without taking the place. Calls from it come whether or not
    /// we are registered there.
    pub(crate) fn check(
        &self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        priority: bool,
    ) -> Result<(), Refusal> {
        let slot = self.slot(tables, trunk).ok_or(Refusal::Disabled)?;
        if slot.unregistered && slot.open {
            return Err(Refusal::Unregistered);
        }
        slot.check(now, priority)
    }

    /// Gives a call's place back.
    pub fn release(&mut self, permit: Permit) {
        let Permit { slot, held } = permit;
        let index = slot.get() - 1;
        self.limits.release(held);
        if let Some(slot) = self.slots.get_mut(index as usize) {
            debug_assert!(slot.calls > 0, "a permit of another Live");
            slot.calls = slot.calls.saturating_sub(1);
            self.permits = self.permits.saturating_sub(1);
            let load = (slot.calls, &slot.marks);
            let changes = &mut self.limits.changes;
            slot.load.look(None, &slot.name, load, &slot.pace, changes);
        }
        self.look(index);
        if self.idle(index) {
            self.forget(index);
        }
    }

    /// Calls in progress on the trunk of this name.
    pub fn calls(&self, trunk: &str) -> u32 {
        let slot = self
            .names
            .get(trunk)
            .and_then(|&index| self.slots.get(index as usize));
        slot.map_or(0, |slot| slot.calls)
    }

    /// Permits that are out, over all trunks: 0 when nothing is left over.
    pub fn permits(&self) -> u64 {
        self.permits
    }

    /// Notes what a probe or a call showed of a target (index into the `targets` of `trunk`). Says whether
    /// it went up or down by that.
    pub fn note_target(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        outcome: Outcome,
    ) -> Option<HealthChange> {
        let (health, rules) = self.health_mut(tables, trunk, target)?;
        let change = health.note(now, rules, outcome);
        self.look(self.find(tables, trunk)?);
        change
    }

    /// A call is about to be made to a target. Of one that is down and not pinged the next call keeps away again for a while.
    pub fn note_tried(&mut self, now: Instant, tables: &Tables, trunk: TrunkIx, target: usize) {
        if let Some((health, _)) = self.health_mut(tables, trunk, target) {
            health.tried(now);
        }
    }

    /// Leaves a target alone for as long as its Retry-After asked (RFC 3261 §20.33), an hour at most: until
    /// then it is tried after all others.
    pub fn back_off(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        retry_after: Duration,
    ) {
        if let Some((health, _)) = self.health_mut(tables, trunk, target) {
            health.back_off(now, retry_after);
        }
        if let Some(index) = self.find(tables, trunk) {
            self.look(index);
        }
    }

    /// Notes where a target's name has led.
    pub fn note_places(&mut self, tables: &Tables, trunk: TrunkIx, target: usize, hops: &[Hop]) {
        if let Some((health, _)) = self.health_mut(tables, trunk, target) {
            health.leads_to(hops);
        }
    }

    /// Where a target's name led last.
    pub fn places(&self, tables: &Tables, trunk: TrunkIx, target: usize) -> &[Hop] {
        self.health(tables, trunk, target)
            .map_or(&[], |(health, _)| health.places())
    }

    /// What is held of a target, and since when if that has ever changed.
    pub fn target_state(
        &self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
    ) -> (TargetState, Option<Instant>) {
        self.health(tables, trunk, target)
            .map_or((TargetState::Up, None), |(health, rules)| {
                health.state(now, rules)
            })
    }

    /// Takes no new calls to and from a trunk from now on, or does again. Says whether there is such a trunk in the config in
    /// force. What its configuration says of that stays as it is.
    pub fn drain(&mut self, trunk: &str, drained: bool) -> bool {
        let Some(index) = self.names.get(trunk).copied() else {
            return false;
        };
        let slot = self.slots.get_mut(index as usize);
        let Some(slot) = slot.filter(|slot| slot.listed) else {
            return false;
        };
        slot.drained = drained;
        self.look(index);
        true
    }

    /// Whether a trunk takes no new calls, by its configuration or by command.
    pub fn drains(&self, tables: &Tables, trunk: TrunkIx) -> bool {
        self.slot(tables, trunk).is_some_and(Slot::takes_no_more)
    }

    /// Whether a target is up: until so many misses in a row as `health.down_after` says or a down code, and again from as many
    /// answers as `health.up_after` says. An unknown target is up.
    pub fn is_up(&self, tables: &Tables, trunk: TrunkIx, target: usize) -> bool {
        self.health(tables, trunk, target)
            .is_none_or(|(health, _)| health.is_up())
    }

    /// Whether a target is better left for last now: down and not due for another try, or backing off.
    pub(crate) fn is_shunned(&self, now: Instant, tables: &Tables, trunk: TrunkIx, target: usize) -> bool {
        self.health(tables, trunk, target)
            .is_some_and(|(health, rules)| health.is_shunned(now, rules))
    }

    /// Whether a target has come back so lately that a call with this `chance` (from 0 to 1) is not among its share yet.
    pub(crate) fn is_spared(
        &self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        chance: impl FnOnce() -> f64,
    ) -> bool {
        self.health(tables, trunk, target)
            .is_some_and(|(health, rules)| rules.slows_start() && health.is_spared(now, rules, chance()))
    }

    /// Orders the places that one target leads to: those that have failed come behind the others until they have rested; then one
    /// request tries each again.
    pub fn order_hops(&mut self, now: Instant, network: NetworkIx, hops: &mut [Hop]) {
        self.hops.order(now, network, hops);
    }

    /// Whether a place has refused, and not even a ping is wanted there yet.
    pub fn hop_asked_to_wait(&self, now: Instant, network: NetworkIx, hop: Hop) -> bool {
        self.hops.asked_to_wait(now, network, hop)
    }

    /// A request to a place has failed: it is left for last for a while. Says whether that is news.
    pub fn hop_failed(&mut self, now: Instant, network: NetworkIx, hop: Hop, setback: Setback) -> bool {
        self.hops.failed(now, (network, hop), setback)
    }

    /// A place has answered a request of this kind. One that has refused calls is back by the answer to a call only. Says whether it is
    /// back by that.
    pub fn hop_answered(
        &mut self,
        now: Instant,
        network: NetworkIx,
        hop: Hop,
        status: u16,
        to: Asked,
    ) -> bool {
        self.hops.answered(now, (network, hop), status, to)
    }

    /// What has been learnt of a place; `None`: nothing.
    pub fn hop(&self, now: Instant, network: NetworkIx, hop: Hop) -> Option<HopView> {
        self.hops.view(now, network, hop)
    }

    /// What carriers ask, by the tables in force.
    pub(crate) fn prices(&self) -> Option<&Prices> {
        self.prices.as_deref()
    }

    /// Whether these are the tables in force.
    pub(crate) fn has_installed(&self, tables: &Tables) -> bool {
        let installed = self.installed.as_ref();
        installed.is_some_and(|installed| Arc::ptr_eq(installed, tables.identity()))
    }

    fn slot(&self, tables: &Tables, trunk: TrunkIx) -> Option<&Slot> {
        self.slots.get(self.find(tables, trunk)? as usize)
    }

    fn health(&self, tables: &Tables, trunk: TrunkIx, target: usize) -> Option<(&Health, Rules)> {
        let slot = self.slot(tables, trunk)?;
        let uri = &tables.trunk(trunk).targets.get(target)?.uri;
        let place = health::position(&slot.targets, target, uri)?;
        Some((slot.targets.get(place)?, slot.rules))
    }

    fn health_mut(&mut self, tables: &Tables, trunk: TrunkIx, target: usize) -> Option<(&mut Health, Rules)> {
        let index = self.find(tables, trunk)?;
        let slot = self.slots.get_mut(index as usize)?;
        let uri = &tables.trunk(trunk).targets.get(target)?.uri;
        let place = health::position(&slot.targets, target, uri)?;
        Some((slot.targets.get_mut(place)?, slot.rules))
    }
}
