//! Payload types per direction.

use smallvec::SmallVec;

use crate::codec::{Codec, is_g729};
use crate::media::Media;
use crate::offer::matches;

/// One codec's payload types on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PtPair {
    /// The number in A's SDP: A receives with it.
    pub a: u8,
    /// The number in B's SDP: B receives with it.
    pub b: u8,
}

/// Which payload type each side receives a codec with.
///
/// A is the side whose offer went to B with A's own numbers (as [`crate::compose()`] writes it), B is the side that
/// answered; A is given that answer with A's numbers ([`crate::CodecFilter::Answer`], RFC 3264 §6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PtMapping {
    pairs: SmallVec<[PtPair; 8]>,
    /// Bit n: A's SDP defines payload type n.
    defined_by_a: u128,
    /// Bit n: B's SDP defines payload type n.
    defined_by_b: u128,
    /// Bit n: B's payload type n is G.729 and A asked for no annex B where B says nothing.
    pub(crate) without_annex_b: u128,
}

impl PtMapping {
    /// Codecs both sides have, in B's order.
    pub fn pairs(&self) -> &[PtPair] {
        &self.pairs
    }

    /// No codec in common.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// For packets that arrive from A: (PT in, PT out to B), each PT in once. A sends with the number that it was
    /// answered, which is its own; B's number is tolerated where A's SDP doesn't use it for something else.
    pub fn from_a(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        let own = self.pairs.iter().map(|p| (p.a, p.b));
        let foreign = self
            .pairs
            .iter()
            .filter(|p| !has(self.defined_by_a, p.b))
            .map(|p| (p.b, p.b));
        own.chain(foreign)
    }

    /// For packets that arrive from B: (PT in, PT out to A), each PT in once. B sends with the number it was offered;
    /// the number that it answered is tolerated where it isn't the offered number of another codec in common.
    pub fn from_b(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        let offered = self.pairs.iter().map(|p| (p.a, p.a));
        let agreed = self.pairs.iter().fold(0, |set, p| set | bit(p.a));
        let answered = self
            .pairs
            .iter()
            .filter(move |p| !has(agreed, p.b))
            .map(|p| (p.b, p.a));
        offered.chain(answered)
    }

    /// Payload types that must not be passed on from A with their number unchanged: B's SDP uses the number for
    /// something that A doesn't mean by it (A's Opus would be read as B's events).
    pub fn misread_by_b(&self) -> impl Iterator<Item = u8> + '_ {
        let mapped = self.from_a().fold(0, |set, (arriving, _)| set | bit(arriving));
        (0..128).filter(move |pt| has(self.defined_by_b, *pt) && !has(mapped, *pt))
    }
}

fn bit(pt: u8) -> u128 {
    1u128.checked_shl(u32::from(pt)).unwrap_or(0)
}

pub(crate) fn has(set: u128, pt: u8) -> bool {
    set & bit(pt) != 0
}

/// Matches A's offer with B's answer (RFC 3264 §5.1, §6.1): same codec, whatever the numbers.
pub fn pt_map(offered_by_a: &Media, answered_by_b: &Media) -> PtMapping {
    let union = |m: &Media| m.payload_types().fold(0, |set, pt| set | bit(pt));
    let mut mapping = PtMapping {
        pairs: SmallVec::new(),
        defined_by_a: union(offered_by_a),
        defined_by_b: union(answered_by_b),
        without_annex_b: 0,
    };
    for (a, b) in matches(offered_by_a, answered_by_b) {
        mapping.pairs.push(PtPair { a: a.pt, b: b.pt });
        if refuses_annex_b(offered_by_a.codec(a)) && !refuses_annex_b(answered_by_b.codec(b)) {
            mapping.without_annex_b |= bit(b.pt);
        }
    }
    mapping
}

/// RFC 7261 §3.3: `annexb=no` from either side settles it, and an answer to it must say so.
fn refuses_annex_b(codec: Option<Codec<'_>>) -> bool {
    let g729 = codec.filter(|c| is_g729(c.name));
    g729.and_then(|c| c.parameter("annexb"))
        .is_some_and(|v| v.eq_ignore_ascii_case("no"))
}
