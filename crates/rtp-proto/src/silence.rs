//! Noticing that a peer is gone: no RTP, no RTCP, no comfort noise for longer than the leg's state explains.

use std::time::{Duration, Instant};

/// The silence of one leg. Any accepted packet is life, and so is a new offer/answer.
#[derive(Debug)]
pub(crate) struct Silence {
    last: Instant,
    told: bool,
}

impl Silence {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last: now,
            told: false,
        }
    }

    pub(crate) fn life(&mut self, now: Instant) {
        (self.last, self.told) = (now, false);
    }

    /// There was life then; no news when it is older than what is known.
    pub(crate) fn life_at(&mut self, at: Instant) {
        if at > self.last {
            self.life(at);
        }
    }

    /// When the limit will have passed; never again once it has been told.
    pub(crate) fn deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        limit.filter(|_| !self.told).map(|limit| self.last + limit)
    }

    /// How long it has been silent, once, when that is beyond the limit.
    pub(crate) fn overdue(&mut self, now: Instant, limit: Option<Duration>) -> Option<Duration> {
        let due = self.deadline(limit).is_some_and(|at| now >= at);
        self.told |= due;
        due.then(|| now.saturating_duration_since(self.last))
    }
}
