//! What call control is told of a stream.

use crate::answer::AfterAnswer;
use crate::control::{PathChange, Side};
use crate::dtmf::Heard;
use std::time::Duration;

/// Something that happened on a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice {
    /// The peer of this leg has been silent for this long, beyond the limit. Told once per silence.
    Silent {
        /// Whose silence.
        side: Side,
        /// For how long.
        quiet: Duration,
    },
    /// Checks or a handshake on this leg have come to something.
    Path {
        /// Which leg.
        side: Side,
        /// What it is.
        change: PathChange,
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
    /// The peer of this leg is not heard although its counterpart speaks, or is heard again.
    OneWay {
        /// Who is not heard.
        side: Side,
        /// For how long; `None`: it is heard again.
        quiet: Option<Duration>,
    },
    /// A peer has been [listened](super::Session::supervise) to for as long as it was to be.
    Supervised {
        /// Who.
        side: Side,
        /// What was heard.
        after: AfterAnswer,
    },
    /// What this leg's peer says has sounded bad from its beginning. Told once, after some seconds.
    SoundsBad {
        /// Whose.
        side: Side,
        /// Mean opinion score so far, 1 to 4.5 (ITU-T G.107).
        mos: f32,
    },
    /// Some seconds of what this leg's peer says have been rated.
    Rated {
        /// Whose.
        side: Side,
        /// Mean opinion score, 1 to 4.5 (ITU-T G.107).
        mos: f32,
    },
}
