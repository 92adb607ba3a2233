//! What is known of a trunk at a place.

use super::each::Each;
use super::sums::Sums;
use crate::learn::{Aspect, Belief, Track, Watch};

/// Attempts' worth of what a trunk had before it got worse that is believed again when it recovers.
const MOST_AGAIN: f32 = 60.0;

/// What a trunk is hoped to have before anything is known.
const HOPED: f32 = 0.95;

/// So much worse than the usual carrier is worse.
const DOWN: f32 = 0.05;

/// A trunk at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) sums: Sums,
    pub(crate) tracks: Each<Track>,
    /// What a track had, in counts, before it got worse of a sudden.
    pub(crate) kept: Each<Track>,
    /// When that was, in seconds since the start: that what began before was good does not tell of how it is since.
    pub(crate) fell_s: Each<f32>,
    /// What follows from these and from the wider places, when it was last worked out.
    pub(crate) beliefs: Each<Belief>,
    /// Only where all classes are together.
    pub(crate) watches: Each<Watch>,
    /// Whether it got worse here, and not with the trunk as a whole.
    pub(crate) own: Each<bool>,
    /// Attempts since it was new or recovered; infinite: it has its whole share.
    pub(crate) grown: f32,
    /// Quality that it had before it got worse, or may have as it was never seen to have less.
    pub(crate) former: f32,
    /// Whether it was seen to have it.
    pub(crate) proven: bool,
    /// Attempts since that was last looked at.
    pub(crate) doubts: f32,
    /// When that was last looked at, and the estimate made, in seconds since the start.
    pub(crate) looked_s: f64,
    /// The quality that nearer places have heard of.
    pub(crate) spread: f32,
    /// Attempts in the window that shares are taken over, and the share that was last told.
    pub(crate) window: u16,
    pub(crate) share: f32,
    pub(crate) told_s: f64,
    pub(crate) below_floor: bool,
}

impl Known {
    /// An aspect has changed of a sudden: for the worse, and what it had is kept; or for the better, and what was kept is believed again.
    pub(crate) fn change(&mut self, aspect: Aspect, better: bool, weight: f32, now_s: f64) {
        if !better {
            *self.fell_s.of_mut(aspect) = now_s as f32;
        }
        let (track, kept) = (self.tracks.of_mut(aspect), self.kept.of_mut(aspect));
        let had = std::mem::take(track);
        if better {
            let mut again = std::mem::take(kept);
            again.forget(MOST_AGAIN);
            again.scale(weight);
            *track = again;
        } else if kept.trials <= 0.0 {
            *kept = had;
            kept.scale(1.0 / weight);
        }
    }

    /// Whether it has got worse in an aspect, and not better again; or, where it `has_fallen` as a whole, is worse there than the usual carrier.
    pub(crate) fn is_down(&self, aspect: Aspect, usual: f32, has_fallen: bool) -> bool {
        let over = self.beliefs.of(aspect).at(usual) - usual;
        let worse = if aspect.is_good() { -over } else { over };
        self.kept.of(aspect).trials > 0.0 || has_fallen && worse > DOWN
    }

    /// Makes all sums so much less.
    pub(crate) fn scale(&mut self, by: f32) {
        self.sums.scale(by);
        for track in self.tracks.iter_mut() {
            track.scale(by);
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            sums: Sums::default(),
            tracks: Each::default(),
            kept: Each::default(),
            fell_s: Each::make(|_| f32::NEG_INFINITY),
            beliefs: Each::make(|_| Belief::USUAL),
            watches: Each::default(),
            own: Each::default(),
            grown: f32::INFINITY,
            former: HOPED,
            proven: false,
            doubts: 0.0,
            looked_s: 0.0,
            spread: 0.0,
            window: 0,
            share: 0.0,
            told_s: f64::NEG_INFINITY,
            below_floor: false,
        }
    }
}
