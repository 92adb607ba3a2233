//! Calls per second: no second has more of them than the limit, in whatever bursts they come.

use super::capacity::Marks;
use config::Capacity;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Beginnings of calls that are remembered at most; a faster limit is counted over less than a second.
const REMEMBERED: f64 = 2048.0;

/// A caller that keeps exactly to the limit is some milliseconds early now and then: the window is that
/// much short of a second.
const SLACK: f64 = 0.98;

/// A sliding window over the latest beginnings of calls. Unlike a bucket that is refilled, it never lets a
/// full burst and a
/// full refill through within one second, which carriers answer with 503.
#[derive(Debug, Default)]
pub(super) struct Pace {
    limit: Option<Limit>,
    /// Shares of the limit, in calls of its window.
    marks: Marks,
    /// The latest beginnings, oldest first, `limit.calls` at most.
    begun: VecDeque<Instant>,
}

/// No moment that is counted.
#[derive(Debug)]
pub(super) struct Never;

/// At most `calls` per `window`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    calls: usize,
    window: Duration,
}

impl Limit {
    fn new(per_second: f64) -> Self {
        // Fractions: 0.5 is one call per two seconds, 2.5 two calls per 0.8 s.
        let calls = per_second.floor().clamp(1.0, REMEMBERED);
        let window = Duration::try_from_secs_f64(calls / per_second * SLACK).unwrap_or(Duration::MAX);
        Self {
            calls: calls as usize,
            window,
        }
    }
}

impl Pace {
    /// Sets calls per second, `None` for no limit, and the shares of them that tell something. What has begun stays counted.
    pub(super) fn set(&mut self, per_second: Option<f64>, shares: &Capacity) {
        self.limit = per_second.map(Limit::new);
        let most = self.limit.map_or(usize::MAX, |limit| limit.calls);
        self.marks = Marks::of(u32::try_from(most).unwrap_or(u32::MAX), shares);
        let keep = self.limit.map_or(0, |limit| limit.calls);
        let surplus = self.begun.len().saturating_sub(keep);
        self.begun.drain(..surplus);
        self.begun.shrink_to(keep);
    }

    /// Whether a call may begin now, be it one that reserves are kept for (`priority`) or any other.
    pub(super) fn has_room(&self, now: Instant, priority: bool) -> bool {
        !self.has_begun(now, if priority { self.marks.all } else { self.marks.open })
    }

    /// Whether so many have begun within the window that calls had better go elsewhere.
    pub(super) fn is_above_target(&self, now: Instant) -> bool {
        self.has_begun(now, self.marks.target)
    }

    /// Whether so many have begun within the window that somebody is told.
    pub(super) fn is_above_alert(&self, now: Instant) -> bool {
        self.has_begun(now, self.marks.alert)
    }

    /// Whether this many calls have begun within the window.
    fn has_begun(&self, now: Instant, calls: u32) -> bool {
        let Some(limit) = self.limit else { return false };
        let since = self.begun.len().checked_sub(calls as usize);
        since
            .and_then(|index| self.begun.get(index))
            .is_some_and(|&begun| now.saturating_duration_since(begun) < limit.window)
    }

    /// From when on nothing is the matter: there is room, and the target is not reached; `None`: since ever.
    ///
    /// # Errors
    /// Something is, as far as time is counted.
    pub(super) fn least_at(&self) -> Result<Option<Instant>, Never> {
        let Some(limit) = self.limit else { return Ok(None) };
        let since = self.begun.len().checked_sub(self.marks.least() as usize);
        match since.and_then(|index| self.begun.get(index)) {
            None => Ok(None),
            Some(begun) => begun.checked_add(limit.window).map(Some).ok_or(Never),
        }
    }

    /// Notes that a call begins now.
    pub(super) fn take(&mut self, now: Instant) {
        let Some(limit) = self.limit else { return };
        while self.begun.len() >= limit.calls {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Capacity = Capacity {
        target: 0.5,
        alert: 0.6,
        reserve: 0.0,
    };

    fn at_limit(per_second: f64) -> Pace {
        let mut pace = Pace::default();
        pace.set(Some(per_second), &SHARES);
        pace
    }

    /// How many of calls offered every `every` get through within `span`.
    fn admitted(pace: &mut Pace, start: Instant, every: Duration, span: Duration) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut offset = Duration::ZERO;
        while offset < span {
            if pace.has_room(start + offset, false) {
                pace.take(start + offset);
                times.push(offset);
            }
            offset += every;
        }
        times
    }

    #[test]
    fn no_second_has_more_calls_than_the_limit_under_overload() {
        let start = Instant::now();
        for per_second in [1.0, 5.0, 50.0, 400.0] {
            let times = admitted(
                &mut at_limit(per_second),
                start,
                Duration::from_millis(1),
                Duration::from_secs(5),
            );
            let window = Duration::from_millis(979);
            let worst = times
                .iter()
                .map(|&t| times.iter().filter(|&&u| u >= t && u - t <= window).count())
                .max();
            assert_eq!(worst, Some(per_second as usize), "limit {per_second}");
            assert!(
                times.len() as f64 >= 5.0 * per_second,
                "limit {per_second} gave only {}",
                times.len()
            );
        }
    }

    #[test]
    fn a_caller_at_the_limit_with_jitter_is_never_refused() {
        let start = Instant::now();
        let mut pace = at_limit(50.0);
        for call in 0..500u64 {
            let early = Duration::from_millis(call * 7 % 10);
            let now = start + Duration::from_secs(1) + Duration::from_millis(20 * call) - early;
            assert!(pace.has_room(now, false), "call {call}");
            pace.take(now);
        }
    }

    #[test]
    fn a_burst_of_a_seconds_worth_passes_at_once_and_the_next_call_waits() {
        let now = Instant::now();
        let mut pace = at_limit(10.0);
        for _ in 0..10 {
            assert!(pace.has_room(now, false));
            pace.take(now);
        }
        assert!(!pace.has_room(now, false));
        assert!(!pace.has_room(now + Duration::from_millis(979), false));
        assert!(pace.has_room(now + Duration::from_secs(1), false));
    }

    #[test]
    fn fractions_of_a_call_per_second_are_kept() {
        let start = Instant::now();
        let times = admitted(
            &mut at_limit(0.5),
            start,
            Duration::from_millis(100),
            Duration::from_secs(20),
        );
        assert_eq!(times.len(), 10);
        let times = admitted(
            &mut at_limit(2.5),
            start,
            Duration::from_millis(10),
            Duration::from_secs(20),
        );
        assert!((50..=52).contains(&times.len()), "{}", times.len());
    }

    #[test]
    fn memory_is_bounded_and_a_high_limit_still_counts() {
        let start = Instant::now();
        let mut pace = at_limit(1_000_000.0);
        let times = admitted(
            &mut pace,
            start,
            Duration::from_micros(1) / 4,
            Duration::from_millis(20),
        );
        assert!(pace.begun.len() <= 2048);
        assert!((20_000..=24_000).contains(&times.len()), "{}", times.len());
    }

    #[test]
    fn a_changed_limit_counts_what_has_begun() {
        let now = Instant::now();
        let mut pace = at_limit(10.0);
        for _ in 0..10 {
            pace.take(now);
        }
        pace.set(Some(2.0), &SHARES);
        assert!(!pace.has_room(now, false));
        pace.set(None, &SHARES);
        assert!(pace.has_room(now, false));
    }
}
