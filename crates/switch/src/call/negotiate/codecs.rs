//! Which codecs may cross, and what is spoken in the end.

use config::Trunk;
use sdp::{Codec, Media, PtMapping};

use super::NOT_ACCEPTABLE;
use super::convert::{self, Converted};
use super::events;
use crate::call::leg::Session;

/// What an offer and its answer come to.
pub(super) enum Spoken {
    /// Both sides have a codec in common.
    Same {
        /// Its numbers, and those of what goes with it.
        mapping: PtMapping,
        /// `name/clock`.
        codec: Box<str>,
    },
    /// Each has its own.
    Converted(Converted),
    /// Not RTP.
    Facsimile,
}

impl Spoken {
    /// Writes down what each side speaks; the mapping of what crosses as it is.
    pub(super) fn remember(self, x: &mut Session, y: &mut Session) -> PtMapping {
        (x.converted, y.converted) = (None, None);
        match self {
            Self::Same { mapping, codec } => {
                (x.codec, y.codec) = (Some(codec.clone()), Some(codec));
                mapping
            }
            Self::Converted(converted) => {
                let [of_x, of_y] = converted.names;
                (x.codec, y.codec) = (Some(of_x), Some(of_y));
                (x.converted, y.converted) = (Some(converted.x), Some(converted.y));
                PtMapping::default()
            }
            Self::Facsimile => {
                (x.codec, y.codec) = (None, None);
                PtMapping::default()
            }
        }
    }
}

/// What is spoken after this answer. Where the answerer's first choice is not the offerer's to speak, each speaks its own. `ours`: what
/// the answerer was offered.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when nothing is in common, and nothing can be converted.
pub(super) fn spoken(
    [offered, answered]: [&Media; 2],
    ours: &dyn Fn() -> Option<Media>,
    [x, y]: [&Trunk; 2],
) -> Result<Spoken, u16> {
    if !answered.proto().is_rtp() {
        return Ok(Spoken::Facsimile);
    }
    let mapping = sdp::pt_map(offered, answered);
    // A payload type that the answer leaves without rtpmap is what the offer says it is.
    let described = |pair: &sdp::PtPair| answered.codec_of(pair.b).or_else(|| offered.codec_of(pair.a));
    let is_primary = |codec: &Codec<'_>| !codec.is_auxiliary();
    let shared = mapping.pairs().iter().filter_map(described).find(is_primary);
    let first = answered.codecs().find(is_primary);
    let crosses = first.is_none_or(|first| mapping.pairs().iter().any(|pair| pair.b == first.pt));
    if !crosses
        && let Some(converted) = convert::converted(offered, (answered, ours().as_ref()), x, events::apart(y))
    {
        return Ok(Spoken::Converted(converted));
    }
    let codec = shared.ok_or(NOT_ACCEPTABLE)?;
    let codec = format!("{}/{}", codec.name, codec.clock).into_boxed_str();
    Ok(Spoken::Same { mapping, codec })
}

/// The codecs that may go from one trunk to another, in the receiving trunk's order; `None`: all.
pub(super) fn policy(from: &[String], to: &[String]) -> Option<Vec<String>> {
    match (from.is_empty(), to.is_empty()) {
        (true, true) => None,
        (false, true) => Some(from.to_vec()),
        (true, false) => Some(to.to_vec()),
        (false, false) => {
            let shared = to
                .iter()
                .filter(|name| from.iter().any(|other| other.eq_ignore_ascii_case(name)));
            Some(shared.cloned().collect())
        }
    }
}
