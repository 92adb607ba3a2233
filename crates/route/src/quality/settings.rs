//! What the operator says of learning, for all classes.

use std::time::Duration;

/// Settings of [`Quality`](super::Quality).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Whether carriers are learned; otherwise all classes go by price. What is seen is kept all the same.
    pub learns: bool,
    /// After this long what was seen counts half.
    pub half_life: Duration,
    /// Below so many attempts carriers go by price, and chance has no part in a trunk's place.
    pub min_attempts: u32,
    /// No more than so many attempts of a trunk at a place are remembered: of what is seen often only the latest counts.
    pub memory: u32,
    /// How much chance there is in a choice: 1 as sure or unsure as the figures are, less the more the best is made of.
    pub noise: f32,
    /// A trunk that may be better than it looks is tried so often per destination, within the class's budget.
    pub probe_every: Duration,
    /// Attempts in which a trunk that is new or has recovered grows into its whole share.
    pub slow_start: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learns: true,
            half_life: Duration::from_secs(7200),
            min_attempts: 20,
            memory: 1_000,
            noise: 0.35,
            probe_every: Duration::from_secs(12),
            slow_start: 25,
        }
    }
}
