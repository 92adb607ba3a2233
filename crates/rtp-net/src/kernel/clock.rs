//! The kernel's clock and ours: both CLOCK_MONOTONIC, but `Instant` does not say its number.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// One moment on both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    instant: Instant,
    nanos: u64,
}

impl Clock {
    pub(crate) fn now() -> Self {
        let read = || {
            let time = clock_gettime(ClockId::Monotonic);
            let part = |n: i64| u64::try_from(n).unwrap_or(0);
            part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
        };
        // Between two readings, so that being interrupted in between shows; half the distance is the error.
        let (before, instant, after) = (read(), Instant::now(), read());
        Self {
            instant,
            nanos: before + (after - before) / 2,
        }
    }

    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        let ahead = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        if at >= self.instant {
            self.nanos.saturating_add(ahead(at - self.instant))
        } else {
            self.nanos.saturating_sub(ahead(self.instant - at))
        }
    }

    pub(crate) fn instant(&self, nanos: u64) -> Instant {
        if nanos >= self.nanos {
            self.instant + Duration::from_nanos(nanos - self.nanos)
        } else {
            let back = Duration::from_nanos(self.nanos - nanos);
            self.instant.checked_sub(back).unwrap_or(self.instant)
        }
    }
}
