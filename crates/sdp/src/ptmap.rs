//! Payload types per direction.

use smallvec::SmallVec;

use crate::media::Media;

/// One codec's payload types on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PtPair {
    /// The number in A's SDP: A receives with it.
    pub a: u8,
    /// The number in B's SDP: B receives with it.
    pub b: u8,
}

/// Which payload type each side receives a codec with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PtMapping {
    pairs: SmallVec<[PtPair; 8]>,
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
    /// For packets that arrive from A: (PT in, PT out to B).
    pub fn from_a(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
    /// For packets that arrive from B: (PT in, PT out to A).
    pub fn from_b(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        todo!();
        #[allow(unreachable_code)]
        std::iter::empty()
    }
}

/// Matches A's offer with B's answer (RFC 3264 §5.1, §6.1).
pub fn pt_map(offered_by_a: &Media, answered_by_b: &Media) -> PtMapping {
    let _ = (offered_by_a, answered_by_b);
    todo!()
}
