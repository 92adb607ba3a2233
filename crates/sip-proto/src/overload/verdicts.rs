//! What the latest requests were told: a copy that the network made is told the same (RFC 3261 §8.2.7).

/// How many are known; the next ones take their places.
const PLACES: usize = 4096;
/// The bit of a place that says whether its request was turned away; the others are its hash.
const TURNED: u64 = 1;

/// Whether the latest requests were turned away, by a hash that peers cannot choose.
#[derive(Debug, Clone)]
pub(super) struct Verdicts(Box<[u64]>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(vec![0; PLACES].into_boxed_slice())
    }
}

impl Verdicts {
    /// What a request was told, or else is told now.
    pub(super) fn of(&mut self, hash: u64, judge: impl FnOnce() -> bool) -> bool {
        let index = (hash >> 1) as usize % PLACES;
        let Some(place) = self.0.get_mut(index) else {
            return judge();
        };
        if *place | TURNED == hash | TURNED {
            return *place & TURNED != 0;
        }
        let turned = judge();
        *place = (hash & !TURNED) | u64::from(turned);
        turned
    }
}
