//! Packet indices: estimation (RFC 3711 §3.3.1, appendix A) and the replay window (§3.3.2).

use super::Refusal;

/// The highest packet index: 32 bits of rollover counter, 16 of sequence number.
pub(super) const MAX_INDEX: u64 = (1 << 48) - 1;

/// How far back a packet can be told from a replay.
const WIDTH: u64 = 128;

/// The indices seen of one stream. Never empty: it begins with the first packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    highest: u64,
    /// Bit n: `highest - n` was there.
    seen: u128,
}

impl Window {
    pub(super) fn begin(index: u64) -> Self {
        Self {
            highest: index,
            seen: 1,
        }
    }

    /// Whether a packet with this index is new.
    pub(super) fn check(&self, index: u64) -> Result<(), Refusal> {
        match self.highest.checked_sub(index) {
            None => Ok(()),
            Some(behind) if behind >= WIDTH => Err(Refusal::TooOld),
            Some(behind) if self.seen >> behind & 1 == 1 => Err(Refusal::Replayed),
            Some(_) => Ok(()),
        }
    }

    /// Notes a packet that [`Self::check`] found new and that has proved authentic.
    pub(super) fn note(&mut self, index: u64) {
        if let Some(behind) = self.highest.checked_sub(index) {
            self.seen |= shifted(behind);
        } else {
            let ahead = index - self.highest;
            self.seen = u32::try_from(ahead)
                .ok()
                .and_then(|ahead| self.seen.checked_shl(ahead))
                .unwrap_or(0)
                | 1;
            self.highest = index;
        }
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// The index that a sequence number most likely stands for: the one nearest to the highest so far. `None` when that is
    /// before the first or behind the last that there can be.
    pub(super) fn estimate(&self, sequence: u16) -> Option<u64> {
        let roc = self.highest >> 16;
        #[allow(clippy::cast_possible_truncation, reason = "the low 16 bits are wanted")]
        let last = self.highest as u16;
        let roc = if last < 0x8000 {
            if sequence.saturating_sub(last) > 0x8000 {
                roc.checked_sub(1)?
            } else {
                roc
            }
        } else if last - 0x8000 > sequence {
            roc + 1
        } else {
            roc
        };
        Some(index(roc, sequence)).filter(|index| *index <= MAX_INDEX)
    }
}

fn shifted(by: u64) -> u128 {
    u32::try_from(by)
        .ok()
        .and_then(|by| 1_u128.checked_shl(by))
        .unwrap_or(0)
}

/// Rollover counter and sequence number as one number.
pub(super) fn index(roc: u64, sequence: u16) -> u64 {
    roc << 16 | u64::from(sequence)
}
