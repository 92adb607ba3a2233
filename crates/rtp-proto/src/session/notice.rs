//! What call control is told of a stream.

use crate::control::{PathChange, Side};
use crate::dtmf::Heard;
use std::time::Duration;

/// Something that happened on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The peer of this leg has been silent for this long, beyond the limit. Told once per silence.
    Silent {
        /// Whose silence.
        side: Side,
        /// For how long.
        quiet: Duration,
    },
    /// A sound that ends has been played to the end.
    Played {
        /// Who heard it.
        side: Side,
    },
    /// A digit was pressed, and is over.
    Digit {
        /// Who pressed it.
        side: Side,
        /// Which, and for how long.
        heard: Heard,
    },
    /// Checks or a handshake on this leg have come to something.
    Path {
        /// Which leg.
        side: Side,
        /// What it is.
        change: PathChange,
    },
}
