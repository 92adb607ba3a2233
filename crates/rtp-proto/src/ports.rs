//! Which media ports are free.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// An even RTP port; the next port is its RTCP port (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortPair(pub u16);

impl PortPair {
    /// The RTP port.
    #[must_use]
    pub fn rtp(self) -> u16 {
        self.0
    }

    /// The RTCP port.
    #[must_use]
    pub fn rtcp(self) -> u16 {
        self.0.saturating_add(1)
    }
}

/// The free port pairs of a range, rested longest first.
///
/// A pair that is given back joins the end of the queue, so taking one never scans, and it rests as long as the range allows:
/// late packets of an ended call find nobody, rather than somebody else's call. Less than the quarantine happens only when
/// nothing else is left, and is counted.
#[derive(Debug)]
pub struct PortPool {
    range: RangeInclusive<u16>,
    quarantine: Duration,
    /// Never used pairs first, then in the order in which they came back.
    free: VecDeque<(PortPair, Option<Instant>)>,
    /// One bit per pair of the whole port space.
    taken: Box<[u64]>,
    in_use: usize,
    early: u64,
}

impl PortPool {
    /// The pairs that lie wholly inside `range`; a returned pair rests for `quarantine` (5 s is usual).
    #[must_use]
    pub fn new(range: RangeInclusive<u16>, quarantine: Duration) -> Self {
        let free = pairs(&range).map(|p| (p, None)).collect();
        let taken = vec![0; 512].into_boxed_slice();
        Self {
            range,
            quarantine,
            free,
            taken,
            in_use: 0,
            early: 0,
        }
    }

    /// Takes the pair that has rested longest; `None` when all are in use.
    pub fn reserve(&mut self, now: Instant) -> Option<PortPair> {
        let (pair, released) = self.free.pop_front()?;
        if released.is_some_and(|at| now.saturating_duration_since(at) < self.quarantine) {
            self.early += 1;
        }
        if let Some((word, bit)) = self.bit(pair) {
            *word |= bit;
        }
        self.in_use += 1;
        Some(pair)
    }

    /// Gives a pair back. One that is not in use is ignored; one outside the present range is retired.
    pub fn release(&mut self, now: Instant, pair: PortPair) {
        let Some((word, bit)) = self.bit(pair) else { return };
        if *word & bit == 0 {
            return;
        }
        *word &= !bit;
        self.in_use -= 1;
        if inside(&self.range, pair) {
            self.free.push_back((pair, Some(now)));
        }
    }

    /// A reload changed the range: new calls get ports of the new one; pairs in use stay valid until they are released.
    pub fn set_range(&mut self, range: RangeInclusive<u16>) {
        if range == self.range {
            return;
        }
        let old = std::mem::replace(&mut self.range, range.clone());
        let resting: Vec<_> = self
            .free
            .drain(..)
            .filter(|(p, at)| at.is_some() && inside(&range, *p))
            .collect();
        let was_resting: std::collections::HashSet<PortPair> = resting.iter().map(|(p, _)| *p).collect();
        let fresh = pairs(&range).filter(|p| {
            let known = inside(&old, *p) && was_resting.contains(p);
            !known && self.bit_is_clear(*p)
        });
        let fresh: Vec<_> = fresh.map(|p| (p, None)).collect();
        self.free.extend(fresh);
        self.free.extend(resting);
    }

    /// Pairs taken and not given back, of this range and of earlier ones.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// Pairs that can be taken, resting ones included.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.len()
    }

    /// How often a pair had to be taken before its quarantine was over: the range is too small for the load.
    #[must_use]
    pub fn early_reuses(&self) -> u64 {
        self.early
    }

    fn bit(&mut self, pair: PortPair) -> Option<(&mut u64, u64)> {
        let index = usize::from(pair.0 / 2);
        self.taken
            .get_mut(index / 64)
            .map(|word| (word, 1 << (index % 64)))
    }

    fn bit_is_clear(&self, pair: PortPair) -> bool {
        let index = usize::from(pair.0 / 2);
        self.taken
            .get(index / 64)
            .is_some_and(|word| word & (1 << (index % 64)) == 0)
    }
}

fn inside(range: &RangeInclusive<u16>, pair: PortPair) -> bool {
    pair.0.is_multiple_of(2) && range.contains(&pair.0) && range.contains(&pair.rtcp())
}

/// Every pair of a range, lowest first. Port 0 is nobody's.
fn pairs(range: &RangeInclusive<u16>) -> impl Iterator<Item = PortPair> + use<> {
    let range = range.clone();
    (*range.start()..=*range.end())
        .map(PortPair)
        .filter(move |p| p.0 != 0 && inside(&range, *p))
}

#[cfg(test)]
mod tests;
