//! Payload types per direction (RFC 3264 §6.1): the receiver of a packet decides what number a format has.

use smallvec::SmallVec;

/// What happens to the payload types of packets that arrive on a leg.
///
/// Identity by default: every payload type passes as it is. [`PtMap::only`] passes what is listed and drops the rest, so that
/// no number that the receiver never offered reaches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PtMap {
    entries: SmallVec<[PtEntry; 8]>,
    only: bool,
}

/// One payload type of an arriving packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PtEntry {
    /// As it arrives (0..=127).
    pub from: u8,
    /// As it leaves on the other leg (0..=127).
    pub to: u8,
    /// RTP clock rate in Hz, for jitter; 0: the static table's (RFC 3551 §6), else 8000.
    pub clock: u32,
}

impl PtMap {
    /// Everything passes as it is.
    #[must_use]
    pub fn identity() -> Self {
        Self::default()
    }

    /// What is [set](Self::set) passes, everything else is dropped.
    #[must_use]
    pub fn only() -> Self {
        Self {
            entries: SmallVec::new(),
            only: true,
        }
    }

    /// Payload type `from` leaves as `to`, with a clock of `clock` Hz (0: unknown). A later entry for the same `from`
    /// replaces the earlier; numbers above 127 are ignored.
    pub fn set(&mut self, from: u8, to: u8, clock: u32) -> &mut Self {
        if from > 127 || to > 127 {
            return self;
        }
        match self.entries.iter_mut().find(|e| e.from == from) {
            Some(entry) => *entry = PtEntry { from, to, clock },
            None => self.entries.push(PtEntry { from, to, clock }),
        }
        self
    }

    /// The entries, in the order they were set.
    #[must_use]
    pub fn entries(&self) -> &[PtEntry] {
        &self.entries
    }

    /// Whether payload types that are not listed are dropped.
    #[must_use]
    pub fn is_only(&self) -> bool {
        self.only
    }
}
