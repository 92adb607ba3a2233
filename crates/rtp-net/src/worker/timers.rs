//! When each stream wants to be looked at: most want nothing within the next tick, a stream that speaks itself wants it every
//! few milliseconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// How often all streams' timers are looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Deadlines by slot, apart from the streams so that looking at all of them touches little memory.
pub(super) struct Timers {
    deadlines: Vec<Option<Instant>>,
    /// Those before the next tick. One that was set anew since is found by its other deadline.
    soon: BinaryHeap<Reverse<(Instant, usize)>>,
    next_tick: Instant,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            deadlines: Vec::new(),
            soon: BinaryHeap::new(),
            next_tick: now + TICK,
        }
    }

    /// Sets a slot's deadline, or takes it away.
    pub(super) fn set(&mut self, slot: usize, deadline: Option<Instant>) {
        if slot >= self.deadlines.len() {
            self.deadlines.resize(slot + 1, None);
        }
        let Some(place) = self.deadlines.get_mut(slot) else {
            return;
        };
        if let Some(at) = deadline
            && at < self.next_tick
            && *place != deadline
        {
            self.soon.push(Reverse((at, slot)));
        }
        *place = deadline;
    }

    /// Ticks begin now: nothing was to be waited for before.
    pub(super) fn begin(&mut self, now: Instant) {
        self.next_tick = now + TICK;
    }

    /// When something is to be done at the earliest.
    pub(super) fn next(&self) -> Instant {
        let soon = self.soon.peek().map(|Reverse((at, _))| *at);
        soon.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    /// The next slot whose deadline has passed between ticks; it has none until it is set anew.
    pub(super) fn due(&mut self, now: Instant) -> Option<usize> {
        while let Some(Reverse((at, slot))) = self.soon.peek().copied() {
            if at > now {
                return None;
            }
            self.soon.pop();
            if let Some(place) = self.deadlines.get_mut(slot)
                && *place == Some(at)
            {
                *place = None;
                return Some(slot);
            }
        }
        None
    }

    /// Whether it is time to look at all of them.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let due = now >= self.next_tick;
        if due {
            self.next_tick = now + TICK;
        }
        due
    }

    /// Whether a slot's deadline has passed. One that comes before the next tick is kept for [`due`](Self::due).
    pub(super) fn passed(&mut self, now: Instant, slot: usize) -> bool {
        let Some(Some(at)) = self.deadlines.get(slot).copied() else {
            return false;
        };
        if now < at && at < self.next_tick {
            self.soon.push(Reverse((at, slot)));
        }
        now >= at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slot_is_due_once_at_its_last_deadline() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        timers.set(2, Some(start + 20 * MS));
        timers.set(0, Some(start + 10 * MS));
        timers.set(2, Some(start + 30 * MS));
        timers.set(1, Some(start + 500 * MS));
        assert_eq!(timers.next(), start + 10 * MS);
        assert_eq!(timers.due(start + 9 * MS), None);
        assert_eq!(timers.due(start + 25 * MS), Some(0));
        assert_eq!(timers.due(start + 25 * MS), None, "2 was put off");
        assert_eq!(timers.due(start + 31 * MS), Some(2));
        assert_eq!(timers.due(start + 99 * MS), None);
        assert_eq!(timers.next(), start + TICK);
    }

    #[test]
    fn a_deadline_beyond_the_tick_is_found_when_its_time_is_near() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        timers.set(0, Some(start + 150 * MS));
        timers.set(1, Some(start + 90 * MS));
        timers.set(1, None);
        assert!(!timers.tick(start + 99 * MS));
        assert!(timers.tick(start + TICK));
        assert!(!timers.passed(start + TICK, 0));
        assert!(!timers.passed(start + TICK, 1));
        assert_eq!(timers.due(start + TICK), None);
        assert_eq!(timers.next(), start + 150 * MS);
        assert_eq!(timers.due(start + 150 * MS), Some(0));
    }
}
