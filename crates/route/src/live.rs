//! What changes under calls: how many each trunk carries, how fast they come, which targets are alive. Owned by one shard.

use crate::tables::{Tables, TrunkIx};
use std::time::{Duration, Instant};

/// Live state of every trunk of the config in force, and of every trunk that still carries calls.
#[derive(Debug, Default)]
pub struct Live {}

/// The right to one call on one trunk. Not `Clone`; goes back by [`Live::release`].
#[derive(Debug)]
#[must_use = "a permit that is not released holds a call's place for ever"]
pub struct Permit {
    slot: u32,
}

/// Why a trunk takes no further call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `max_calls` are in progress.
    #[error("max_calls reached")]
    Calls,
    /// `max_cps` calls have begun within this second.
    #[error("max_cps reached")]
    Cps,
    /// The trunk is switched off, or is no longer in the config.
    #[error("trunk disabled")]
    Disabled,
}

/// What was learnt about a target, by OPTIONS or by traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, whatever the answer said.
    Alive,
    /// It did not answer, or could not be reached.
    Miss,
    /// It answered OPTIONS with a code of `options_down`.
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

impl Live {
    /// Nothing known, no call in progress.
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes the limits and targets of `tables` as those in force. Trunks keep their state by name, targets by URI;
    /// a trunk that is gone is forgotten once its last call has ended.
    pub fn install(&mut self, tables: &Tables) {
        todo!()
    }
    /// A place for one call on `trunk` (of `tables`), as its customer or its carrier.
    pub fn try_admit(&mut self, now: Instant, tables: &Tables, trunk: TrunkIx) -> Result<Permit, Refusal> {
        todo!()
    }
    /// Gives a call's place back.
    pub fn release(&mut self, permit: Permit) {
        todo!()
    }
    /// Calls in progress on the trunk of this name.
    pub fn calls(&self, trunk: &str) -> u32 {
        todo!()
    }
    /// Permits that are out, over all trunks: 0 when quiescent.
    pub fn permits(&self) -> u64 {
        todo!()
    }
    /// Notes what a probe or a call showed of a target (index into the trunk's `targets`). Says whether it went up or down by that.
    pub fn note_target(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        outcome: Outcome,
    ) -> Option<HealthChange> {
        todo!()
    }
    /// Leaves a target alone for as long as its Retry-After asked (RFC 3261 §20.33), an hour at most: it is tried after all others.
    pub fn back_off(
        &mut self,
        now: Instant,
        tables: &Tables,
        trunk: TrunkIx,
        target: usize,
        retry_after: Duration,
    ) {
        todo!()
    }
    /// Whether a target is up: true until three misses in a row or a down code, and again with its first answer.
    pub fn is_up(&self, tables: &Tables, trunk: TrunkIx, target: usize) -> bool {
        todo!()
    }
}
