//! When the shard rests between two turns.
//!
//! To fall asleep and be woken for each message costs more than to handle it. So while messages come thick and fast, the shard
//! looks at its sockets every few milliseconds instead of sleeping until one has something: nobody has to wake it, and what has
//! come meanwhile is handled together, while its code and data are still in the caches. With few messages it sleeps as ever,
//! and answers at once.

use std::time::{Duration, Instant};

/// Inputs that a turn is to find: it rests for as long as so many take to come.
const SHEAF: f32 = 32.0;
/// The shortest and the longest rest. The longest is what a turn adds to a message's way at most.
const REST: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(8));
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
    /// How long to rest after a turn that took so many inputs and datagrams, and left more or not; `None`: wait for the next as usual.
    pub(crate) fn after_turn(&mut self, now: Instant, came: usize, more: bool) -> Option<Duration> {
        let since = self
            .last
            .replace(now)
            .map_or(WINDOW, |last| now.saturating_duration_since(last));
        let faded = since.as_secs_f32() / WINDOW.as_secs_f32();
        let came = u16::try_from(came).unwrap_or(u16::MAX);
        self.load = self.load * (1.0 - faded.min(1.0)) + f32::from(came);
        let rests = self.load > LOAD && !more;
        rests.then(|| WINDOW.mul_f32(SHEAF / self.load).clamp(REST.0, REST.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(pace: &mut Pace, now: &mut Instant, count: usize, apart: Duration) -> usize {
        let mut rests = 0;
        for _ in 0..count {
            *now += apart;
            rests += usize::from(pace.after_turn(*now, 1, false).is_some());
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
        now += REST.1;
        assert!(pace.after_turn(now, 0, false).is_some());
        now += WINDOW;
        assert_eq!(pace.after_turn(now, 1, false), None);
    }

    #[test]
    fn the_more_there_is_the_shorter_the_rest() {
        let rest = |apart: Duration| {
            let (mut pace, mut now) = (Pace::default(), Instant::now());
            turns(&mut pace, &mut now, 50_000, apart);
            pace.after_turn(now + apart, 1, false).unwrap_or_default()
        };
        assert_eq!(rest(Duration::from_micros(1000)), REST.1);
        let busy = rest(Duration::from_micros(150));
        assert!(busy > REST.0 && busy < REST.1, "{busy:?}");
        assert_eq!(rest(Duration::from_micros(20)), REST.0);
    }

    #[test]
    fn a_full_batch_is_followed_at_once() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        turns(&mut pace, &mut now, 200, Duration::from_micros(300));
        now += Duration::from_micros(300);
        assert_eq!(pace.after_turn(now, 64, true), None);
    }
}
