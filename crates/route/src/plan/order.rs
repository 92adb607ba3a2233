//! The order among carriers.

use super::draw::{Chance, Draw};
use super::trace::Place;
use crate::prices::{Offer, Price};
use crate::tables::TrunkIx;
use config::Trunk;
use smallvec::SmallVec;

/// How good an offer is; the lesser is the better. A class weighs price and quality in it; price is what
/// there is to weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u32);

impl Score {
    /// No deck prices it: behind those with a price.
    const UNPRICED: Self = Self(Price::NONE.bits());

    /// What a call of three minutes costs.
    pub(super) fn of(offer: Offer) -> Self {
        Self(offer.price.bits())
    }
}

/// A trunk that is looked at, with what places it. It is kept for every candidate of every call: it is small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) trunk: TrunkIx,
    pub(crate) offer: Offer,
    pub(crate) score: Score,
    pub(crate) priority: u16,
    pub(crate) place: Place,
}

impl Standing {
    /// As it stands before anything is known of a call.
    pub(crate) fn new(ix: TrunkIx, trunk: &Trunk) -> Self {
        Self {
            trunk: ix,
            offer: Offer::NONE,
            score: Score::UNPRICED,
            priority: trunk.priority,
            place: Place::InOrder,
        }
    }

    /// Its place among others: by part, score and priority. The lowest bits are its index.
    fn key(&self, index: u32) -> u64 {
        let last = u64::from(self.place.rank() != 0);
        last << 63
            | u64::from(self.score.0) << 31
            | u64::from(self.priority) << 15
            | u64::from(index & ((1 << INDEX) - 1))
    }
}

/// Bits of a [key](Standing::key) that say whose it is. There are fewer carriers.
const INDEX: u32 = 14;

/// What two keys have in common that are equal but for who they are.
fn group(key: u64) -> u64 {
    key >> INDEX
}

/// Indices of standings, in their order.
pub(super) type Order = SmallVec<[u32; 16]>;

/// The least few of many, in order.
struct Least<T> {
    few: SmallVec<[T; 16]>,
    most: usize,
}

impl<T: Ord> Least<T> {
    fn new(most: usize) -> Self {
        Self {
            few: SmallVec::new(),
            most,
        }
    }

    fn add(&mut self, item: T) {
        if self.few.len() >= self.most {
            if self.few.last().is_none_or(|last| *last <= item) {
                return;
            }
            self.few.pop();
        }
        self.few.push(item);
        let mut at = self.few.len() - 1;
        while at > 0 && self.few.get(at) < self.few.get(at - 1) {
            self.few.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// The first `most` of those that are not dropped: those in order before those placed last; by score, then by the trunks' priority,
/// then by the draw. Among all there are, only those are looked for: what comes behind has its order when somebody asks for it
/// ([`all`]).
pub(super) fn foremost(
    standings: &[Standing],
    most: usize,
    draw: Draw,
    weight: impl Fn(TrunkIx) -> u32,
) -> Order {
    let keys = || {
        let tried = standings
            .iter()
            .zip(0..)
            .filter(|(standing, _)| !standing.place.is_dropped());
        tried.map(|(standing, index)| standing.key(index))
    };
    // One more: whether the last of them has equals that are not among them.
    let mut least = Least::new(most + 1);
    keys().for_each(|key| least.add(key));
    let mut order = Order::new();
    for equals in least.few.chunk_by(|a, b| group(*a) == group(*b)) {
        let left = most.saturating_sub(order.len());
        match equals {
            [only] if left > 0 => order.push(index(*only)),
            [first, _, ..] if left > 0 => {
                let members = keys().filter(|key| group(*key) == group(*first)).map(index);
                by_draw(standings, members, left, draw, &weight, &mut order);
            }
            _ => break,
        }
    }
    order
}

/// All standings, those that are dropped last.
pub(super) fn all(standings: &[Standing], draw: Draw, weight: impl Fn(TrunkIx) -> u32) -> Order {
    let key = |(standing, index): (&Standing, u32)| (standing.place.rank(), standing.key(index));
    let mut keys: Vec<(u8, u64)> = standings.iter().zip(0..).map(key).collect();
    keys.sort_unstable();
    let mut order = Order::new();
    for equals in keys.chunk_by(|a, b| (a.0, group(a.1)) == (b.0, group(b.1))) {
        let members = equals.iter().map(|(_, key)| index(*key));
        by_draw(standings, members, equals.len(), draw, &weight, &mut order);
    }
    order
}

/// The order that they stand in, those placed last behind the others, and then those that are dropped.
pub(super) fn by_part(standings: &[Standing]) -> Order {
    let of = |part| {
        let is = move |(standing, _): &(&Standing, u32)| standing.place.rank() == part;
        standings.iter().zip(0..).filter(is).map(|(_, index)| index)
    };
    of(0).chain(of(1)).chain(of(2)).collect()
}

fn index(key: u64) -> u32 {
    (key & ((1 << INDEX) - 1)) as u32
}

/// Appends the first `most` of equals, as the draw has it.
fn by_draw(
    standings: &[Standing],
    members: impl Iterator<Item = u32> + Clone,
    most: usize,
    draw: Draw,
    weight: impl Fn(TrunkIx) -> u32,
    order: &mut Order,
) {
    let known = |index: u32| {
        standings
            .get(index as usize)
            .map(|standing| (standing.trunk, index))
    };
    let mut weights = members.clone().filter_map(known).map(|(trunk, _)| weight(trunk));
    let first = weights.next();
    // The draw by weight is a logarithm for each, which none of equal weight needs.
    let even = weights.all(|other| Some(other) == first);
    let mut least: Least<(Chance, TrunkIx, u32)> = Least::new(most);
    for (trunk, index) in members.filter_map(known) {
        let weight = weight(trunk);
        let chance = if even && weight > 0 {
            draw.even_chance(trunk)
        } else {
            draw.chance(trunk, None, weight)
        };
        least.add((chance, trunk, index));
    }
    order.extend(least.few.iter().map(|(.., index)| *index));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Late, LeftOut};
    use proptest::prelude::*;

    fn standing() -> impl Strategy<Value = (u32, u16, Place)> {
        let place = prop_oneof![
            6 => Just(Place::InOrder),
            2 => Just(Place::Last(Late::Calls)),
            1 => Just(Place::Dropped(LeftOut::Blocked)),
        ];
        (0u32..4, 0u16..3, place)
    }

    proptest! {
        #[test]
        fn the_foremost_are_the_first_of_all(
            standings in proptest::collection::vec(standing(), 0..60),
            weights in proptest::collection::vec(0u32..3, 60),
            most in 1usize..40,
            draw: u64,
        ) {
            let standing = |((score, priority, place), index): ((u32, u16, Place), u32)| Standing {
                trunk: TrunkIx(index),
                offer: Offer::NONE,
                score: Score(score),
                priority,
                place,
            };
            let standings: Vec<Standing> = standings.into_iter().zip(0..).map(standing).collect();
            let weight = |trunk: TrunkIx| weights[trunk.0 as usize];
            let (draw, tried) = (Draw::new(draw), |index: &u32| !standings[*index as usize].place.is_dropped());
            let all = all(&standings, draw, weight);
            let expected: Vec<u32> = all.iter().copied().filter(tried).take(most).collect();
            prop_assert_eq!(foremost(&standings, most, draw, weight).to_vec(), expected);
            let mut seen = all.to_vec();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..standings.len() as u32));
            let key = |index: &u32| {
                let standing = &standings[*index as usize];
                (standing.place.rank(), standing.score, standing.priority)
            };
            prop_assert!(all.is_sorted_by_key(key));
        }
    }
}
