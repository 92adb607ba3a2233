//! Overload: how much of what comes is turned away, and what peers say and are told about it (RFC 7339).
//!
//! What is looked at is how long a message has waited before it was read. While that stays over the target, a share of the new requests
//! is refused before anything is made of them; the share follows the wait as PIE's drop probability follows a router's queue
//! (RFC 8033 §4.2). What belongs to calls goes on, so that what was taken is also finished.

mod peers;
mod words;

pub(crate) use peers::Peers;
pub(crate) use words::{asks, mark};

use std::time::{Duration, Instant};

/// The wait is judged by its shortest over this long: a burst or a pause of ours passes, a queue stays.
const WINDOW: Duration = Duration::from_millis(100);
/// A window lasts until there were so many looks at the queue: whoever slept finds one old message, and then none.
const LOOKS: u32 = 2;
/// Windows in a row with a standing queue, before anything is refused.
const PATIENCE: u32 = 2;
/// How much of the share follows from one window's wait, and from its change, each in targets.
const PROPORTION: f32 = 0.008;
const CHANGE: f32 = 0.04;
/// What is left of the share after a window without a queue.
const FADE: f32 = 0.95;
/// Below this nothing is refused any more.
const LEAST: f32 = 0.005;
/// Some always get through: by those one sees when it is over.
const MOST: f32 = 0.995;
/// A wait beyond so many targets changes nothing more.
const FAR: f32 = 50.0;

/// How much is turned away.
#[derive(Debug, Clone, Default)]
pub struct Overload {
    target: Option<Duration>,
    loss: f32,
    /// What is owed of the share.
    owed: f32,
    window: Option<Window>,
    standing: u32,
    before: f32,
    /// When the queue was looked at last.
    looked: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    shortest: Duration,
    looks: u32,
}

impl Overload {
    /// Sets the wait from which on requests are turned away; `None`: none ever are.
    pub fn set_target(&mut self, target: Option<Duration>) {
        self.target = target;
        if target.is_none() {
            self.loss = 0.0;
        }
    }

    /// The share of new requests that is turned away now, from 0 to 1.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// A message was read that had waited for so long; to be told once for each look at the sockets, of what had waited longest.
    pub fn waited(&mut self, now: Instant, wait: Duration) {
        let Some(target) = self.target else { return };
        self.settle(now);
        self.looked = Some(now);
        let window = self.window.get_or_insert(Window {
            since: now,
            shortest: wait,
            looks: 0,
        });
        window.shortest = window.shortest.min(wait);
        window.looks += 1;
        let length = now.saturating_duration_since(window.since);
        if length < WINDOW || window.looks < LOOKS {
            return;
        }
        let shortest = window.shortest;
        self.window = None;
        let wait = (shortest.as_secs_f32() / target.as_secs_f32().max(0.0001)).min(FAR);
        self.adjust(wait);
    }

    /// While nobody sends anything there is no queue either.
    pub fn settle(&mut self, now: Instant) {
        let Some(looked) = self.looked else { return };
        let idle = now.saturating_duration_since(looked).as_secs_f32() / WINDOW.as_secs_f32();
        if idle >= 2.0 {
            self.fade(idle.min(1000.0) as u16);
            self.window = None;
            self.looked = Some(now);
        }
    }

    fn adjust(&mut self, wait: f32) {
        let change = wait - std::mem::replace(&mut self.before, wait);
        self.standing = if wait > 1.0 {
            self.standing.saturating_add(1)
        } else {
            0
        };
        if self.loss == 0.0 && self.standing < PATIENCE {
            return;
        }
        if wait < 0.25 {
            return self.fade(1);
        }
        let loss = self.loss + PROPORTION * (wait - 1.0) + CHANGE * change;
        self.loss = loss.clamp(0.0, MOST);
    }

    fn fade(&mut self, windows: u16) {
        self.standing = 0;
        self.before = 0.0;
        self.loss *= FADE.powi(windows.into());
        if self.loss < LEAST {
            self.loss = 0.0;
        }
    }

    /// Whether this new request is one of those that are turned away.
    pub(crate) fn turns_away(&mut self, now: Instant) -> bool {
        if self.loss == 0.0 {
            return false;
        }
        self.settle(now);
        self.owed += self.loss;
        let turned = self.owed >= 1.0;
        if turned {
            self.owed -= 1.0;
        }
        turned
    }
}

#[cfg(test)]
mod tests;
