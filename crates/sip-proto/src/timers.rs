//! A queue of deadlines.
//!
//! A 4-ary heap whose nodes know their slot and whose slots know their node. Deadlines mostly come in rising order (each is
//! `now` plus one of a few durations), so an insertion stays at the bottom and a cancelled timer is replaced by one
//! that stays near its place: both cost a few steps whatever the length. Cancelling takes the timer out at once; nothing
//! stays behind until its deadline.
#![allow(
    clippy::indexing_slicing,
    reason = "every index is the queue's own: nodes and slots point at each other, keys from outside are checked with get"
)]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Names one timer of one queue; of no use once it fired or was cancelled. An `Option` of it takes no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    slot: u32,
    generation: NonZeroU32,
}

/// Deadlines with a value each, given back in the order of deadline, then of insertion.
#[derive(Debug)]
pub struct TimerQueue<T> {
    start: Instant,
    heap: Vec<Node>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    inserted: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Nanoseconds since the queue's start.
    at: u64,
    sequence: u64,
    slot: u32,
}

impl Node {
    fn before(&self, other: &Self) -> bool {
        (self.at, self.sequence) < (other.at, other.sequence)
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: NonZeroU32,
    node: u32,
    value: Option<T>,
}

const ARITY: usize = 4;

impl<T> TimerQueue<T> {
    /// An empty queue. Deadlines before `start` count as `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            heap: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            inserted: 0,
        }
    }

    /// Adds a deadline.
    pub fn insert(&mut self, at: Instant, value: T) -> TimerKey {
        let at = u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        let node = Node {
            at,
            sequence: self.inserted,
            slot: self.take_slot(value),
        };
        self.inserted += 1;
        let key = TimerKey {
            slot: node.slot,
            generation: self.slots[node.slot as usize].generation,
        };
        self.heap.push(node);
        self.rise(self.heap.len() - 1, node);
        key
    }

    /// Takes a timer out before it fires; `None` if it fired or was cancelled before.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let slot = self
            .slots
            .get(key.slot as usize)
            .filter(|s| s.generation == key.generation)?;
        let place = slot.node as usize;
        self.remove(place).map(|(_, value)| value)
    }

    /// The next timer that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(TimerKey, T)> {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        self.heap.first().filter(|first| first.at <= now)?;
        self.remove(0)
    }

    /// The earliest deadline.
    #[allow(
        clippy::should_implement_trait,
        reason = "a queue of deadlines is no iterator; the word is the queue's own"
    )]
    pub fn next(&self) -> Option<Instant> {
        self.heap
            .first()
            .map(|first| self.start + Duration::from_nanos(first.at))
    }

    /// Timers waiting.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no timer waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn take_slot(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize].value = Some(value);
            return slot;
        }
        self.slots.push(Slot {
            generation: NonZeroU32::MIN,
            node: 0,
            value: Some(value),
        });
        (self.slots.len() - 1) as u32
    }

    /// Takes out the node at `place` and puts the last one where it fits.
    fn remove(&mut self, place: usize) -> Option<(TimerKey, T)> {
        let node = self.heap[place];
        let last = self.heap.pop()?;
        if place < self.heap.len() {
            if last.before(&node) {
                self.rise(place, last);
            } else {
                self.sink(place, last);
            }
        }
        let slot = &mut self.slots[node.slot as usize];
        let key = TimerKey {
            slot: node.slot,
            generation: slot.generation,
        };
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let value = slot.value.take()?;
        self.free.push(node.slot);
        Some((key, value))
    }

    fn rise(&mut self, mut place: usize, node: Node) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if !node.before(&self.heap[parent]) {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, node);
    }

    fn sink(&mut self, mut place: usize, node: Node) {
        loop {
            let first = place * ARITY + 1;
            let children = first..(first + ARITY).min(self.heap.len());
            let least = children.reduce(|a, b| if self.heap[b].before(&self.heap[a]) { b } else { a });
            match least {
                Some(child) if self.heap[child].before(&node) => {
                    self.put(place, self.heap[child]);
                    place = child;
                }
                Some(_) | None => break,
            }
        }
        self.put(place, node);
    }

    fn put(&mut self, place: usize, node: Node) {
        self.heap[place] = node;
        self.slots[node.slot as usize].node = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn equal_deadlines_fire_in_the_order_of_insertion() {
        let start = Instant::now();
        let mut queue = TimerQueue::new(start);
        for i in 0..100 {
            queue.insert(start + ms(if i % 2 == 0 { 5 } else { 3 }), i);
        }
        let fired: Vec<i32> = std::iter::from_fn(|| queue.pop(start + ms(5)))
            .map(|(_, i)| i)
            .collect();
        let expected: Vec<i32> = (0..100)
            .filter(|i| i % 2 == 1)
            .chain((0..100).filter(|i| i % 2 == 0))
            .collect();
        assert_eq!(fired, expected);
    }

    #[test]
    fn nothing_fires_before_its_time_and_a_cancelled_timer_never() {
        let start = Instant::now();
        let mut queue = TimerQueue::new(start);
        let a = queue.insert(start + ms(10), 'a');
        let b = queue.insert(start + ms(20), 'b');
        assert_eq!(queue.pop(start + ms(9)), None);
        assert_eq!(queue.cancel(a), Some('a'));
        assert_eq!(queue.cancel(a), None);
        assert_eq!(queue.next(), Some(start + ms(20)));
        assert_eq!(queue.pop(start + ms(20)), Some((b, 'b')));
        assert_eq!(queue.cancel(b), None);
        assert!(queue.is_empty() && queue.next().is_none());
    }

    #[test]
    fn a_key_of_a_reused_slot_cancels_nothing() {
        let start = Instant::now();
        let mut queue = TimerQueue::new(start);
        let old = queue.insert(start, 1);
        queue.cancel(old);
        let new = queue.insert(start, 2);
        assert_eq!(queue.cancel(old), None);
        assert_eq!(queue.cancel(new), Some(2));
    }

    #[test]
    fn cancelled_timers_leave_no_memory_behind() {
        let start = Instant::now();
        let mut queue = TimerQueue::new(start);
        for i in 0..100_000_u64 {
            let key = queue.insert(start + Duration::from_secs(32) + ms(i), i);
            queue.cancel(key);
        }
        assert_eq!(queue.len(), 0);
        assert!(queue.slots.len() == 1 && queue.heap.capacity() < 16);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Cancel(usize),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u64..50).prop_map(Step::Insert),
            3 => any::<usize>().prop_map(Step::Cancel),
            1 => (0_u64..40).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(steps in proptest::collection::vec(step(), 0..400)) {
            let start = Instant::now();
            let mut now = start;
            let mut queue = TimerQueue::new(start);
            let mut model: BTreeMap<(Instant, u64), TimerKey> = BTreeMap::new();
            let mut keys: Vec<(TimerKey, (Instant, u64))> = Vec::new();
            let mut sequence = 0_u64;
            for step in steps {
                match step {
                    Step::Insert(delay) => {
                        let at = now + ms(delay);
                        let key = queue.insert(at, sequence);
                        model.insert((at, sequence), key);
                        keys.push((key, (at, sequence)));
                        sequence += 1;
                    }
                    Step::Cancel(which) => {
                        if let Some((key, place)) = keys.get(which % keys.len().max(1)) {
                            let expected = model.remove(place).map(|_| place.1);
                            prop_assert_eq!(queue.cancel(*key), expected);
                        }
                    }
                    Step::Advance(by) => {
                        now += ms(by);
                        while let Some((key, value)) = queue.pop(now) {
                            let ((at, expected), expected_key) = model.pop_first().expect("model has it too");
                            prop_assert!(at <= now);
                            prop_assert_eq!((key, value), (expected_key, expected));
                        }
                        prop_assert!(model.first_key_value().is_none_or(|((at, _), _)| *at > now));
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.next(), model.first_key_value().map(|((at, _), _)| *at));
            }
        }
    }
}
