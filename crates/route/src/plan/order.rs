//! The order among carriers.

use super::draw::Chance;
use super::trace::Candidate;
use crate::deck::{self, Money, Rate};

/// Talk time over which offers are compared, so that fees and increments count: about the mean length of a
/// call.
const COMPARED_MS: u64 = 180_000;

/// How good an offer is; the lesser is the better. A class weighs price and quality in it; price is what
/// there is to weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Score {
    /// What a call of three minutes costs.
    Priced(Money),
    /// No deck prices it: after those with a price.
    Unpriced,
}

impl Score {
    pub(super) fn of(rate: Option<Rate>) -> Self {
        rate.map_or(Self::Unpriced, |rate| Self::Priced(deck::cost(rate, COMPARED_MS)))
    }
}

/// A candidate with what places it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) candidate: Candidate,
    pub(super) score: Score,
    pub(super) chance: Chance,
}

/// By score, then by the trunks' priority, then by the draw.
pub(super) fn sort(standings: &mut [Standing]) {
    standings.sort_unstable_by_key(|s| (s.score, s.candidate.priority, s.chance, s.candidate.trunk));
}
