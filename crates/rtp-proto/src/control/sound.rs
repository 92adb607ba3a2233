//! What can be played to a peer.

use std::sync::Arc;

/// A sound that can be played to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// What it is.
    pub source: SoundSource,
    /// How often it is played; 0: until it is hushed.
    pub times: u32,
}

/// Where a sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundSource {
    /// A tone of the telephone network, with its cadence (ITU-T E.180).
    Tone {
        /// What it says.
        tone: Tone,
        /// As it sounds where.
        country: Country,
    },
    /// Recorded samples.
    Clip {
        /// One channel.
        samples: Arc<[i16]>,
        /// Samples per second.
        rate: u32,
    },
}

/// What a tone says (ITU-T E.182).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The called side rings.
    Ringback,
    /// The called side is busy.
    Busy,
    /// No way through.
    Congestion,
    /// The number does not exist: the special information tone.
    Unobtainable,
}

/// Whose telephones a tone is to sound like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    /// United States and Canada.
    Us,
    /// United Kingdom.
    Uk,
    /// Germany, and most of Europe.
    De,
    /// France.
    Fr,
    /// Italy.
    It,
}
