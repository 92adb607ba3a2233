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
        /// The number that it has in the offer.
        pt: u8,
    },
    /// Each has its own.
    Converted(Converted),
    /// Not RTP.
    Facsimile,
}

impl Spoken {
    /// Whether the offerer speaks the codec that it was told already, in an answer with these formats.
    pub(super) fn agrees(&self, said: &[u8]) -> bool {
        let spoken = match self {
            Self::Same { pt, .. } => Some(*pt),
            Self::Converted(converted) => Some(converted.x.send.payload_type),
            Self::Facsimile => None,
        };
        spoken.is_some() && spoken == said.first().copied()
    }

    /// Whether the offerer can be played something in what it speaks.
    pub(super) fn can_be_played(&self, offered: &Media) -> bool {
        match self {
            Self::Same { codec, .. } => convert::heard(offered, codec).is_some(),
            Self::Converted(_) => true,
            Self::Facsimile => false,
        }
    }

    /// Writes down what each side speaks; the mapping of what crosses as it is.
    pub(super) fn remember(self, x: &mut Session, y: &mut Session) -> PtMapping {
        let apart = x.converted.is_some();
        (x.converted, y.converted) = (None, None);
        match self {
            Self::Same { mapping, codec, .. } => {
                (x.codec, y.codec) = (Some(codec.clone()), Some(codec));
                mapping
            }
            Self::Converted(converted) => {
                let [of_x, of_y] = converted.names;
                (x.codec, y.codec) = (Some(of_x), Some(of_y));
                (x.converted, y.converted) = (Some(converted.x), Some(converted.y));
                PtMapping::default()
            }
            // Behind it each side speaks its own again.
            Self::Facsimile if apart => PtMapping::default(),
            Self::Facsimile => {
                (x.codec, y.codec) = (None, None);
                PtMapping::default()
            }
        }
    }
}

/// What is spoken after this answer. Where the answerer's first choice is not the offerer's to speak, each speaks its own. `ours`: what
/// the answerer was offered; `said`: the formats of an answer that the offerer has had from us, or none.
///
/// # Errors
/// [`NOT_ACCEPTABLE`] when nothing is in common, and nothing can be converted.
pub(super) fn spoken(
    [offered, answered]: [&Media; 2],
    ours: &dyn Fn() -> Option<Media>,
    said: &[u8],
    [x, y]: [&Trunk; 2],
) -> Result<Spoken, u16> {
    if !answered.proto().is_rtp() {
        return Ok(Spoken::Facsimile);
    }
    let mapping = sdp::pt_map(offered, answered);
    // A payload type that the answer leaves without rtpmap is what the offer says it is.
    let described = |pair: &sdp::PtPair| answered.codec_of(pair.b).or_else(|| offered.codec_of(pair.a));
    let is_primary = |codec: &Codec<'_>| !codec.is_auxiliary();
    let is_said = |pair: &sdp::PtPair| said.first().is_none_or(|pt| *pt == pair.a);
    let first = answered.codecs().find(is_primary);
    let crosses = first.is_none_or(|first| {
        let mut pairs = mapping.pairs().iter();
        pairs.any(|pair| pair.b == first.pt && is_said(pair))
    });
    let apart = events::apart(y);
    if !crosses
        && let Some(converted) = convert::converted(offered, (answered, ours().as_ref()), x, apart, said)
    {
        return Ok(Spoken::Converted(converted));
    }
    let shared = |pair: &&sdp::PtPair| described(pair).is_some_and(|codec| is_primary(&codec));
    let pairs = || mapping.pairs().iter().filter(shared);
    let pair = pairs().find(|pair| is_said(pair)).or_else(|| pairs().next());
    let pair = pair.copied().ok_or(NOT_ACCEPTABLE)?;
    let codec = described(&pair).ok_or(NOT_ACCEPTABLE)?;
    let codec = format!("{}/{}", codec.name, codec.clock).into_boxed_str();
    Ok(Spoken::Same {
        mapping,
        codec,
        pt: pair.a,
    })
}

/// What is left of a [`policy`] for an offer whose offerer has had an answer from us already, in this codec (its number): what the
/// answerer may choose has to be that, or something that it can be converted into.
pub(super) fn agreeing(
    allowed: Option<Vec<String>>,
    offered: &Media,
    said: u8,
    trunks: [&Trunk; 2],
) -> Option<Vec<String>> {
    let Some(own) = offered.codec_of(said) else {
        return allowed;
    };
    let all = || {
        let name = |codec: Codec<'_>| format!("{}/{}", codec.name, codec.clock);
        offered.codecs().map(name).collect()
    };
    let mut words: Vec<String> = allowed.unwrap_or_else(all);
    words.retain(|word| {
        let mut named = offered.codecs().filter(|codec| codec.is_named(word));
        named.all(|codec| codec.is_auxiliary() || convert::meets(&own, &codec, trunks))
    });
    Some(words)
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
