//! Health of one target: down only by evidence in a row, up by a single answer. One that is down and that nobody asks with
//! OPTIONS gets a call now and then, or it would never be heard of again.

use std::time::{Duration, Instant};

/// What was learnt about a target, by OPTIONS or by traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, whatever the answer said.
    Alive,
    /// It did not answer, or could not be reached.
    Miss,
    /// It answered OPTIONS with a code of `options_down`: it says itself that it is down.
    DownCode,
}

/// A target's health has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthChange {
    /// It was down and has answered.
    Up,
    /// It has missed three in a row, or said that it is down.
    Down,
}

/// Misses in a row that take a target down.
const MISSES: u8 = 3;

/// How long a target that is down and not pinged is left for last before one more call tries it.
const RETRY: Duration = Duration::from_secs(30);

/// Longest time that a Retry-After is honoured: a wrong one must not cost a target for a day.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);

/// One target.
#[derive(Debug)]
pub(super) struct Health {
    uri: Box<str>,
    misses: u8,
    down: bool,
    /// When it last showed that it is down, or was tried again.
    last_try: Option<Instant>,
    shunned_until: Option<Instant>,
}

impl Health {
    fn new(uri: &str) -> Self {
        Self {
            uri: uri.into(),
            misses: 0,
            down: false,
            last_try: None,
            shunned_until: None,
        }
    }

    pub(super) fn note(&mut self, now: Instant, outcome: Outcome) -> Option<HealthChange> {
        if self.shunned_until.is_some_and(|until| until <= now) {
            self.shunned_until = None;
        }
        let was_down = self.down;
        match outcome {
            Outcome::Alive => {
                self.misses = 0;
                self.down = false;
            }
            Outcome::Miss => {
                self.misses = self.misses.saturating_add(1);
                self.down |= self.misses >= MISSES;
            }
            Outcome::DownCode => {
                self.misses = 0;
                self.down = true;
            }
        }
        self.last_try = self.down.then_some(now);
        match (was_down, self.down) {
            (false, true) => Some(HealthChange::Down),
            (true, false) => Some(HealthChange::Up),
            (true, true) | (false, false) => None,
        }
    }

    pub(super) fn back_off(&mut self, now: Instant, retry_after: Duration) {
        self.shunned_until = Some(now + retry_after.min(LONGEST_BACK_OFF));
    }

    pub(super) fn is_up(&self) -> bool {
        !self.down
    }

    /// A call is made to it: while it is down no other tries it at the same time.
    pub(super) fn tried(&mut self, now: Instant) {
        if self.down {
            self.last_try = Some(now);
        }
    }

    /// Whether it is better left for last. `pinged`: OPTIONS will tell when it is back.
    pub(super) fn is_shunned(&self, now: Instant, pinged: bool) -> bool {
        let rests = |since: Instant| pinged || now.saturating_duration_since(since) < RETRY;
        self.down && self.last_try.is_none_or(rests) || self.shunned_until.is_some_and(|until| now < until)
    }
}

/// Takes the health of `uri` out of what was known `before`, or begins anew.
pub(super) fn carry_over(before: &mut Vec<Health>, uri: &str) -> Health {
    match before.iter().position(|health| &*health.uri == uri) {
        Some(place) => before.swap_remove(place),
        None => Health::new(uri),
    }
}

/// Where the target with this index and URI stands: usually at its index, elsewhere after a reload.
pub(super) fn position(targets: &[Health], index: usize, uri: &str) -> Option<usize> {
    match targets.get(index) {
        Some(health) if &*health.uri == uri => Some(index),
        Some(_) | None => targets.iter().position(|health| &*health.uri == uri),
    }
}
