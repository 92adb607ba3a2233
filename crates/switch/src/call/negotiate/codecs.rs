//! Which codecs may cross, and what both sides have in common.

use sdp::{Media, PtMapping};

use super::NOT_ACCEPTABLE;

/// The payload types of both sides, and the name of the codec that will be heard.
pub(super) fn in_common(offered: &Media, answered: &Media) -> Result<(PtMapping, Option<Box<str>>), u16> {
    let mapping = sdp::pt_map(offered, answered);
    // A payload type that the answer leaves without rtpmap is what the offer says it is.
    let described = |pair: &sdp::PtPair| answered.codec_of(pair.b).or_else(|| offered.codec_of(pair.a));
    let spoken = mapping
        .pairs()
        .iter()
        .filter_map(described)
        .find(|codec| !codec.is_event());
    let codec = spoken.ok_or(NOT_ACCEPTABLE)?;
    let name = format!("{}/{}", codec.name, codec.clock).into_boxed_str();
    Ok((mapping, Some(name)))
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
