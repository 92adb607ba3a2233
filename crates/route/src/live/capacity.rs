//! How full things are: shares of a trunk's limits, and limits per destination.

use super::pace::Pace;
use super::{Live, Permit, Refusal};
use crate::number::bare;
use crate::tables::{Tables, TrunkIx};
use config::{Capacity, Pattern};
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

/// A trunk that was told of is told of again only after its load has been below this part of the alert's.
const CALM: f64 = 0.9;

/// Changes that wait to be told of; the oldest go first.
const MAX_CHANGES: usize = 1024;

/// Shares of a limit, in calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// All of it.
    pub(super) all: u32,
    /// What is for everybody; the rest is for calls with priority.
    pub(super) open: u32,
    /// From so many on calls had better go elsewhere.
    pub(super) target: u32,
    /// From so many on somebody is told.
    pub(super) alert: u32,
    /// Below so many that is over.
    pub(super) calm: u32,
}

impl Default for Marks {
    fn default() -> Self {
        Self::NONE
    }
}

impl Marks {
    /// Of no limit: never reached.
    const NONE: Self = Self {
        all: u32::MAX,
        open: u32::MAX,
        target: u32::MAX,
        alert: u32::MAX,
        calm: u32::MAX,
    };

    /// Of a limit of so many calls, `u32::MAX` for none.
    pub(super) fn of(all: u32, shares: &Capacity) -> Self {
        if all == u32::MAX {
            return Self::NONE;
        }
        // At least one call each, so that the smallest trunk is used at all.
        let share = |part: f64| ((f64::from(all) * part).ceil() as u32).clamp(1, all);
        let open = ((f64::from(all) * (1.0 - shares.reserve)).floor() as u32).clamp(1, all);
        Self {
            all,
            open,
            target: share(shares.target),
            alert: share(shares.alert),
            calm: share(shares.alert * CALM),
        }
    }

    /// From so many on something may be the matter.
    pub(super) fn least(&self) -> u32 {
        self.open.min(self.target)
    }

    /// How many calls may be in progress when another begins.
    pub(super) fn most(&self, priority: bool) -> u32 {
        if priority { self.all } else { self.open }
    }
}

/// A trunk, or a limit per destination, has become so full that somebody wants to know, or is so no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadChange {
    /// The trunk's name, or the limit's pattern with its customer.
    pub what: Arc<str>,
    /// Above the alert level now, or calm again.
    pub above: bool,
    /// Calls in progress.
    pub calls: u32,
    /// How many there may be; absent: no limit.
    pub max_calls: Option<u32>,
    /// It is calls per second that have reached the level.
    pub pace: bool,
}

impl fmt::Display for LoadChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.above {
            "above the alert load"
        } else {
            "below the alert load again"
        };
        let by = if self.pace { "by calls per second, " } else { "" };
        write!(f, "{word}: {by}{} calls", self.calls)?;
        match self.max_calls {
            Some(most) => write!(f, " of {most}"),
            None => Ok(()),
        }
    }
}

/// What a call that wants a place is like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// The number that it is to, whose limits per destination count; `None`: they count already, or do not.
    pub called: Option<&'a str>,
    /// It is of a class that reserves are kept for.
    pub priority: bool,
}

impl Permit {
    pub(super) fn of(slot: u32, held: Held) -> Self {
        let slot = NonZeroU32::MIN.saturating_add(slot);
        Self { slot, held }
    }
}

impl Live {
    /// [`try_admit`](Self::try_admit) for a call of which more is known.
    pub fn try_admit_as(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        wish: Wish<'_>,
    ) -> Result<Permit, Refusal> {
        let index = self.find(tables, trunk).ok_or(Refusal::Disabled)?;
        let slot = self.slots.get_mut(index as usize).ok_or(Refusal::Disabled)?;
        slot.check(now, wish.priority)?;
        let held = wish
            .called
            .map_or(Held::default(), |called| self.limits.of(index, called));
        if held != Held::default() {
            self.limits.check(now, held, wish.priority)?;
            self.limits.take(now, held);
        }
        slot.pace.take(now);
        slot.calls += 1;
        self.permits += 1;
        let load = (slot.calls, &slot.marks);
        let changes = &mut self.limits.changes;
        slot.load.look(Some(now), &slot.name, load, &slot.pace, changes);
        self.look(index);
        Ok(Permit::of(index, held))
    }

    /// Which loads have reached the alert level since this was asked last, or have come down from it.
    pub fn take_load_changes(&mut self) -> Vec<LoadChange> {
        std::mem::take(&mut self.limits.changes)
    }

    /// Whether the load of the trunk of this name is above the alert level.
    pub fn is_above_alert(&self, trunk: &str) -> bool {
        let index = self.names.get(trunk).copied();
        index
            .and_then(|index| self.slots.get(index as usize))
            .is_some_and(|slot| slot.load.is_on())
    }

    /// Whether a trunk carries so much of what it may that calls had better go elsewhere.
    pub(crate) fn is_above_target(&self, now: Instant, tables: &Tables, trunk: TrunkIx) -> bool {
        self.slot(tables, trunk)
            .is_some_and(|slot| slot.calls >= slot.marks.target || slot.pace.is_above_target(now))
    }

    /// The limits per destination.
    pub fn limits(&self) -> Vec<LimitView> {
        self.limits.views()
    }

    /// Calls that limits per destination count, over all of them: 0 when nothing is left over.
    pub fn limited(&self) -> u64 {
        self.limits.taken()
    }
}

/// Whether somebody was told of a load.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    calls: bool,
    pace: bool,
}

impl Alarm {
    /// Looks at a load after it has changed; what there is to tell goes to `changes`.
    pub(super) fn look(
        &mut self,
        now: Option<Instant>,
        what: &Arc<str>,
        (calls, marks): (u32, &Marks),
        pace: &Pace,
        changes: &mut Vec<LoadChange>,
    ) {
        let crossed = if self.calls {
            calls < marks.calm
        } else {
            calls >= marks.alert
        };
        if crossed {
            self.calls = !self.calls;
            tell(changes, what, self.calls, (calls, marks), false);
        }
        let Some(now) = now else { return };
        let above = pace.is_above_alert(now);
        if above != self.pace {
            self.pace = above;
            tell(changes, what, above, (calls, marks), true);
        }
    }

    /// Whether it is above the level.
    pub(super) fn is_on(&self) -> bool {
        self.calls || self.pace
    }
}

fn tell(
    changes: &mut Vec<LoadChange>,
    what: &Arc<str>,
    above: bool,
    (calls, marks): (u32, &Marks),
    pace: bool,
) {
    if changes.len() >= MAX_CHANGES {
        changes.remove(0);
    }
    changes.push(LoadChange {
        what: Arc::clone(what),
        above,
        calls,
        max_calls: (marks.all != u32::MAX).then_some(marks.all),
        pace,
    });
}

/// A limit per destination as an operator sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitView {
    /// The numbers, as they are written.
    pub pattern: String,
    /// Whose calls are counted; absent: everybody's.
    pub customer: Option<String>,
    /// Calls in progress.
    pub calls: u32,
    /// Most calls at once.
    pub max_calls: Option<u32>,
    /// Most new calls per second.
    pub max_cps: Option<f64>,
}

/// One limit of the config in force, or one that still has calls.
#[derive(Debug)]
struct Slot {
    key: Key,
    name: Arc<str>,
    listed: bool,
    calls: u32,
    marks: Marks,
    max_cps: Option<f64>,
    pace: Pace,
    alarm: Alarm,
}

/// The limits that a call is counted by: its customer's own, and everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held([u16; 2]);

impl Held {
    const NONE: u16 = u16::MAX;
}

impl Default for Held {
    fn default() -> Self {
        Self([Self::NONE; 2])
    }
}

/// What a limit keeps its count by.
type Key = (Box<str>, Option<Box<str>>);

/// Limits by number.
#[derive(Debug, Default)]
struct Numbers {
    exact: HashMap<Box<str>, u16>,
    prefixes: HashMap<Box<str>, u16>,
    /// Lengths of the prefixes, longest first.
    lengths: Vec<usize>,
}

impl Numbers {
    fn add(&mut self, pattern: &Pattern, slot: u16) {
        if pattern.prefix {
            self.prefixes.insert(pattern.digits.as_str().into(), slot);
            let length = pattern.digits.len();
            if let Err(place) = self.lengths.binary_search_by(|known| length.cmp(known)) {
                self.lengths.insert(place, length);
            }
        } else {
            self.exact.insert(pattern.digits.as_str().into(), slot);
        }
    }

    fn find(&self, digits: &str) -> Option<u16> {
        if let Some(slot) = self.exact.get(digits) {
            return Some(*slot);
        }
        let of = |&length: &usize| self.prefixes.get(digits.get(..length)?);
        self.lengths.iter().find_map(of).copied()
    }
}

/// All limits per destination.
#[derive(Debug, Default)]
pub(super) struct Limits {
    slots: Vec<Option<Slot>>,
    free: Vec<u16>,
    names: HashMap<Key, u16>,
    everybodys: Numbers,
    /// By the customer's slot among the trunks.
    customers: HashMap<u32, Numbers>,
    any: bool,
    pub(super) changes: Vec<LoadChange>,
}

impl Limits {
    /// Makes those of `tables` the ones in force; a limit with the same pattern and customer keeps its count. `trunk` knows a
    /// customer's slot by its name.
    pub(super) fn install(&mut self, tables: &Tables, trunk: impl Fn(&str) -> Option<u32>) {
        for slot in self.slots.iter_mut().flatten() {
            slot.listed = false;
        }
        self.everybodys = Numbers::default();
        self.customers.clear();
        let shares = tables.capacity();
        for limit in tables.limits() {
            let Some(place) = self.place(limit, &shares) else {
                continue;
            };
            match &limit.customer {
                None => self.everybodys.add(&limit.pattern, place),
                Some(name) => {
                    if let Some(customer) = trunk(name) {
                        let numbers = self.customers.entry(customer).or_default();
                        numbers.add(&limit.pattern, place);
                    }
                }
            }
        }
        self.any = !tables.limits().is_empty();
        for index in (0..Held::NONE).take(self.slots.len()) {
            self.forget_idle(index);
        }
    }

    /// The slot of a limit. `None`: calls of so many limits that are gone are still up that there is no other; it limits nothing then.
    fn place(&mut self, limit: &config::Limit, shares: &Capacity) -> Option<u16> {
        let key: Key = (
            limit.pattern.text.as_str().into(),
            limit.customer.as_deref().map(Box::from),
        );
        let known = self.names.get(&key).copied();
        let index = match known.or_else(|| self.free.pop()) {
            Some(index) => index,
            None => {
                let next = u16::try_from(self.slots.len()).ok();
                let next = next.filter(|index| *index != Held::NONE)?;
                self.slots.push(None);
                next
            }
        };
        self.names.insert(key.clone(), index);
        if let Some(place) = self.slots.get_mut(usize::from(index)) {
            let slot = place.get_or_insert_with(|| Slot {
                name: name(&key).into(),
                key,
                listed: true,
                calls: 0,
                marks: Marks::NONE,
                max_cps: None,
                pace: Pace::default(),
                alarm: Alarm::default(),
            });
            slot.listed = true;
            slot.marks = Marks::of(limit.max_calls.unwrap_or(u32::MAX), shares);
            slot.max_cps = limit.max_cps;
            slot.pace.set(limit.max_cps, shares);
        }
        Some(index)
    }

    /// The limits that count for a call of the customer in this slot.
    pub(super) fn of(&self, customer: u32, called: &str) -> Held {
        if !self.any {
            return Held::default();
        }
        let digits = bare(called);
        let own = self.customers.get(&customer);
        let found = [
            own.and_then(|numbers| numbers.find(digits)),
            self.everybodys.find(digits),
        ];
        Held(found.map(|slot| slot.unwrap_or(Held::NONE)))
    }

    fn slot(&self, index: u16) -> Option<&Slot> {
        self.slots.get(usize::from(index))?.as_ref()
    }

    fn slot_mut(&mut self, index: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(index))?.as_mut()
    }

    /// Whether each of them has room for one more call.
    pub(super) fn check(&self, now: Instant, held: Held, priority: bool) -> Result<(), Refusal> {
        for slot in held.0.into_iter().filter_map(|index| self.slot(index)) {
            if slot.calls >= slot.marks.most(priority) {
                return Err(Refusal::DestinationCalls);
            }
            if !slot.pace.has_room(now, priority) {
                return Err(Refusal::DestinationCps);
            }
        }
        Ok(())
    }

    /// A call begins.
    pub(super) fn take(&mut self, now: Instant, held: Held) {
        for index in held.0 {
            let mut changes = std::mem::take(&mut self.changes);
            if let Some(slot) = self.slot_mut(index) {
                slot.calls += 1;
                slot.pace.take(now);
                let load = (slot.calls, &slot.marks);
                slot.alarm
                    .look(Some(now), &slot.name, load, &slot.pace, &mut changes);
            }
            self.changes = changes;
        }
    }

    /// A call is over.
    pub(super) fn release(&mut self, held: Held) {
        for index in held.0.into_iter().filter(|index| *index != Held::NONE) {
            let mut changes = std::mem::take(&mut self.changes);
            if let Some(slot) = self.slot_mut(index) {
                debug_assert!(slot.calls > 0, "a permit of another Live");
                slot.calls = slot.calls.saturating_sub(1);
                let load = (slot.calls, &slot.marks);
                slot.alarm.look(None, &slot.name, load, &slot.pace, &mut changes);
            }
            self.changes = changes;
            self.forget_idle(index);
        }
    }

    fn forget_idle(&mut self, index: u16) {
        let Some(place) = self.slots.get_mut(usize::from(index)) else {
            return;
        };
        if let Some(slot) = place.take_if(|slot| !slot.listed && slot.calls == 0) {
            self.names.remove(&slot.key);
            self.free.push(index);
        }
    }

    /// Calls that are counted, over all limits: 0 when nothing is left over.
    pub(super) fn taken(&self) -> u64 {
        self.slots
            .iter()
            .flatten()
            .map(|slot| u64::from(slot.calls))
            .sum()
    }

    /// Those of the config in force, by pattern and customer.
    pub(super) fn views(&self) -> Vec<LimitView> {
        let view = |slot: &Slot| LimitView {
            pattern: slot.key.0.to_string(),
            customer: slot.key.1.as_deref().map(str::to_owned),
            calls: slot.calls,
            max_calls: (slot.marks.all != u32::MAX).then_some(slot.marks.all),
            max_cps: slot.max_cps,
        };
        let listed = self.slots.iter().flatten().filter(|slot| slot.listed);
        let mut views: Vec<LimitView> = listed.map(view).collect();
        views.sort_by(|a, b| (&a.pattern, &a.customer).cmp(&(&b.pattern, &b.customer)));
        views
    }
}

fn name((pattern, customer): &Key) -> String {
    match customer {
        Some(customer) => format!("{pattern} of {customer}"),
        None => pattern.to_string(),
    }
}
