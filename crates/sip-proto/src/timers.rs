//! A queue of deadlines.

use std::time::Instant;

/// Names one timer of one queue; of no use once it fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    slot: u32,
    generation: u32,
}

/// Deadlines with a value each, given back in the order of deadline, then of insertion.
#[derive(Debug)]
pub struct TimerQueue<T> {
    start: Instant,
    values: Vec<T>,
}

impl<T> TimerQueue<T> {
    /// An empty queue. Deadlines before `start` count as `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            values: Vec::new(),
        }
    }
    /// Adds a deadline.
    pub fn insert(&mut self, at: Instant, value: T) -> TimerKey {
        let _ = (at, value);
        todo!()
    }
    /// Takes a timer out before it fires.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let _ = (key.slot, key.generation);
        todo!()
    }
    /// The next timer that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(TimerKey, T)> {
        let _ = now;
        todo!()
    }
    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        let _ = self.start;
        todo!()
    }
    /// Timers waiting.
    pub fn len(&self) -> usize {
        self.values.len()
    }
    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
