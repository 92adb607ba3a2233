//! Overload: how much of what comes is turned away, and what peers say and are told about it (RFC 7339).
//!
//! What is looked at is how long a message has waited before it was handled. While that stays over the target, a share of the new requests
//! is refused before anything is made of them. The share follows the wait and how it grows, as PIE's drop probability follows a router's
//! queue (RFC 8033 §4.2), but it is what is let through that is changed, and by a factor: a tenth more of the calls that are taken is a
//! tenth more work, whether half of all calls are refused or nineteen of twenty. What belongs to calls goes on, so that what was taken
//! is also finished.

mod peers;
mod verdicts;
mod words;

pub(crate) use peers::Peers;
pub(crate) use words::{asks, mark};

use std::time::{Duration, Instant};

use verdicts::Verdicts;

/// The wait is judged by its shortest over this long: a burst or a pause of ours passes, a queue stays.
const WINDOW: Duration = Duration::from_millis(40);
/// A window lasts until there were so many looks at the queue: whoever slept finds one old message, and then none.
const LOOKS: u32 = 2;
/// Windows in a row with a standing queue, before anything is refused.
const PATIENCE: u32 = 2;
/// After so long without a message there is no queue. A process that was stopped for want of its share of the processor had none either
/// (a tenth of a second as the systems have it), and is not taken for one that nobody speaks to.
const IDLE: Duration = Duration::from_millis(200);
/// By how much of itself what is let through shrinks for each target that a window's wait is beyond the first.
const PROPORTION: f32 = 0.05;
/// A wait that grows by g seconds a second says that 1/(1 - g) of what can be done has come: so much of g is taken off at once.
const GROWTH: f32 = 0.8;
/// A window changes what is let through by these factors at most.
const FACTORS: (f32, f32) = (0.1, 1.1);
/// The least that is let through: by those one sees when it is over.
const LEAST: f32 = 0.005;
/// From here on all is let through.
const ENOUGH: f32 = 0.995;
/// A wait that is so many targets beyond the first changes nothing more, and nobody is let through to it.
const FAR: f32 = 4.0;
/// Whoever would not even wait for so much of a target is let through whatever the share is: no time is left unused while calls are refused.
const NEAR: f32 = 0.5;

/// How much is turned away.
#[derive(Debug, Clone, Default)]
pub struct Overload {
    target: Option<Duration>,
    loss: f32,
    /// What is owed of the share.
    owed: f32,
    verdicts: Verdicts,
    /// The wait as it was told last.
    wait: Duration,
    window: Option<Window>,
    /// Windows in a row with a standing queue.
    standing: u32,
    /// The wait of the window before, and when that was.
    before: Option<(Instant, Duration)>,
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

    /// What comes waits for so long before it is handled; to be told once for each look at the sockets.
    pub fn waited(&mut self, now: Instant, wait: Duration) {
        let Some(target) = self.target else { return };
        self.settle(now.checked_sub(wait).unwrap_or(now));
        self.looked = Some(now);
        self.wait = wait;
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
        let shortest = window.shortest.as_secs_f32();
        self.window = None;
        let growth = self
            .before
            .replace((now, Duration::from_secs_f32(shortest)))
            .map_or(0.0, |(then, before)| {
                let passed = now.saturating_duration_since(then).as_secs_f32().max(0.001);
                (shortest - before.as_secs_f32()) / passed
            });
        self.adjust(shortest / target.as_secs_f32().max(0.0001), growth);
    }

    /// While nobody sends anything there is no queue either.
    pub fn settle(&mut self, now: Instant) {
        let Some(looked) = self.looked else { return };
        let idle = now.saturating_duration_since(looked);
        if idle >= IDLE {
            let windows = (idle.as_secs_f32() / WINDOW.as_secs_f32()).min(1000.0) as i32;
            self.let_through((1.0 - self.loss) * FACTORS.1.powi(windows));
            self.standing = 0;
            self.before = None;
            self.window = None;
            self.looked = Some(now);
            self.wait = Duration::ZERO;
        }
    }

    /// A window's wait, in targets, and its growth, in seconds a second.
    fn adjust(&mut self, wait: f32, growth: f32) {
        self.standing = if wait > 1.0 {
            self.standing.saturating_add(1)
        } else {
            0
        };
        if self.loss == 0.0 && self.standing < PATIENCE {
            return;
        }
        let factor = (1.0 - GROWTH * growth) * (1.0 - PROPORTION * (wait - 1.0).min(FAR));
        self.let_through((1.0 - self.loss) * factor.clamp(FACTORS.0, FACTORS.1));
    }

    fn let_through(&mut self, share: f32) {
        self.loss = if share > ENOUGH {
            0.0
        } else {
            1.0 - share.max(LEAST)
        };
    }

    /// Whether this new request, known by the hash of what names it, is one of those that are turned away. `ahead` is how long it would
    /// wait, where that is known.
    pub(crate) fn turns_away(&mut self, now: Instant, hash: u64, ahead: Option<Duration>) -> bool {
        self.settle(now);
        let target = self.target.unwrap_or_default();
        if self.loss == 0.0 {
            return false;
        }
        let (owed, loss, wait) = (&mut self.owed, self.loss, self.wait);
        self.verdicts.of(hash, || {
            if ahead.unwrap_or(wait) > target.mul_f32(1.0 + FAR) {
                return true;
            }
            *owed += loss;
            if ahead.is_some_and(|ahead| ahead < target.mul_f32(NEAR)) {
                *owed = owed.min(1.0);
                return false;
            }
            let turned = *owed >= 1.0;
            if turned {
                *owed -= 1.0;
            }
            turned
        })
    }
}

#[cfg(test)]
mod tests;
