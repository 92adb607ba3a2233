//! When the shard rests between two turns.
//!
//! To fall asleep and be woken for each message costs more than to handle it. So while messages come thick and fast, the shard
//! looks at its sockets every [`TURN`] instead of sleeping until one has something: nobody has to wake it, and what has come
//! meanwhile is handled together, while its code and data are still in the caches. With few messages it sleeps as ever, and
//! answers at once.

use std::time::{Duration, Instant};

use super::shard::BATCH;

/// The time from one turn to the next under load: what it adds to a message's way at most.
const TURN: Duration = Duration::from_millis(4);
/// How far back the load is looked at.
const WINDOW: Duration = Duration::from_millis(100);
/// Inputs within the window from which on there is load: some 40 calls per second.
const LOAD: f32 = 50.0;

/// Decides after each turn.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<Instant>,
    /// Inputs of the last window, older ones weighing less.
    load: f32,
}

impl Pace {
    /// How long to rest after a turn that took so many inputs and datagrams; `None`: wait for the next as usual.
    pub(crate) fn after_turn(&mut self, now: Instant, taken: usize, received: usize) -> Option<Duration> {
        let since = self
            .last
            .replace(now)
            .map_or(WINDOW, |last| now.saturating_duration_since(last));
        let faded = since.as_secs_f32() / WINDOW.as_secs_f32();
        let came = u16::try_from(taken + received).unwrap_or(u16::MAX);
        self.load = self.load * (1.0 - faded.min(1.0)) + f32::from(came);
        // A full batch says that more is waiting.
        (self.load > LOAD && taken < BATCH && received < BATCH).then_some(TURN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(pace: &mut Pace, now: &mut Instant, count: usize, apart: Duration) -> usize {
        let mut rests = 0;
        for _ in 0..count {
            *now += apart;
            rests += usize::from(pace.after_turn(*now, 0, 1).is_some());
        }
        rests
    }

    #[test]
    fn few_messages_are_answered_at_once() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(turns(&mut pace, &mut now, 100, Duration::from_millis(5)), 0);
        // Nor does a burst of one call's messages slow the next call down.
        for _ in 0..10 {
            assert_eq!(turns(&mut pace, &mut now, 7, Duration::from_micros(100)), 0);
            now += Duration::from_millis(20);
        }
    }

    #[test]
    fn many_messages_are_taken_together_until_they_are_few() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert!(turns(&mut pace, &mut now, 200, Duration::from_micros(500)) > 100);
        // A turn without any does not end it, a window with hardly any does.
        now += TURN;
        assert_eq!(pace.after_turn(now, 0, 0), Some(TURN));
        now += WINDOW;
        assert_eq!(pace.after_turn(now, 0, 1), None);
    }

    #[test]
    fn a_full_batch_is_followed_at_once() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        turns(&mut pace, &mut now, 200, Duration::from_micros(300));
        now += Duration::from_micros(300);
        assert_eq!(pace.after_turn(now, 0, BATCH), None);
        assert_eq!(pace.after_turn(now, BATCH, 0), None);
    }
}
