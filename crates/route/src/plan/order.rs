//! The order among carriers.

use super::draw::{Chance, Draw};
use super::trace::Place;
use crate::prices::{Offer, Price, Seat};
use crate::tables::{Near, TrunkIx};
use smallvec::SmallVec;
use std::hint::select_unpredictable;

/// How good an offer is; the lesser is the better. A class weighs price and quality in it; price is what
/// there is to weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u32);

impl Score {
    /// One that is worked out elsewhere.
    pub(super) fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// What a call of three minutes costs. Who has no price is behind all who have one.
    pub(super) fn of(price: Price) -> Self {
        Self(price.bits())
    }
}

/// A trunk that is looked at, with what places it. A call keeps one for every candidate, so it is small: figures that are the same for
/// all are the [`Trace`](super::Trace)'s.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Standing {
    /// What its deck asks: see [`Offer`]. Side by side as in a table's entry, so that the two are copied in one go.
    pub(crate) price: Price,
    pub(crate) terms: u32,
    pub(crate) prefix_len: u8,
    /// Nothing is the matter with it or with one of its targets.
    pub(crate) well: bool,
    pub(crate) place: Place,
    pub(crate) score: Score,
    /// The rest of its [key](Standing::key): the place of its priority among those that carriers have, how near it is, and its index.
    rest: u32,
    pub(crate) trunk: TrunkIx,
}

impl Standing {
    /// As it stands before anything is known of a call.
    pub(crate) fn new(trunk: TrunkIx) -> Self {
        Self {
            price: Price::NONE,
            terms: Offer::NONE.terms,
            prefix_len: 0,
            well: false,
            place: Place::InOrder,
            score: Score(u32::MAX),
            rest: (Near::Unknown as u32) << NEAR,
            trunk,
        }
    }

    /// Gives it the place of its priority among those of all, and its index.
    pub(crate) fn at(&mut self, priority: usize, index: usize) {
        self.rest |= (priority << PRIORITY | index) as u32;
    }

    /// Says how near it is to where the call has come in.
    pub(super) fn set_near(&mut self, near: Near) {
        self.rest = self.rest & !(NEARS << NEAR) | (near as u32) << NEAR;
    }

    /// How near it is.
    pub(super) fn near(&self) -> Near {
        match self.rest >> NEAR & NEARS {
            0 => Near::Here,
            1 => Near::Unknown,
            _ => Near::Elsewhere,
        }
    }

    /// What its deck asks.
    pub(crate) fn offer(&self) -> Offer {
        Offer {
            terms: self.terms,
            price: self.price,
            prefix_len: self.prefix_len,
        }
    }

    /// Its place among others: by part, score, priority and region; the lowest bits are its index.
    pub(super) fn key(&self) -> u64 {
        match self.place {
            Place::InOrder => self.key_in_order(),
            Place::Last(_) | Place::Dropped(_) => self.key_in_order() | u64::from(self.place.rank()) << RANK,
        }
    }

    /// Its key where it is not placed behind others.
    pub(super) fn key_in_order(&self) -> u64 {
        u64::from(self.score.0) << SCORE | u64::from(self.rest)
    }
}

impl Seat for Standing {
    fn is_told(&self) -> bool {
        self.terms != Offer::NONE.terms
    }

    fn tell_if(&mut self, is_new: bool, offer: Offer) {
        self.price = select_unpredictable(is_new, offer.price, self.price);
        self.terms = select_unpredictable(is_new, offer.terms, self.terms);
        self.prefix_len = select_unpredictable(is_new, offer.prefix_len, self.prefix_len);
    }
}

/// Where the parts of a [key](Standing::key) begin. Below them is the index, of which there are no more than carriers.
const NEAR: u32 = 13;
const PRIORITY: u32 = NEAR + 2;
const SCORE: u32 = PRIORITY + NEAR;
const RANK: u32 = SCORE + u32::BITS;
/// The bits that tell how near.
const NEARS: u32 = 3;
/// Behind every key.
pub(super) const NO_KEY: u64 = u64::MAX;
const _: () = assert!(crate::prices::MAX_CARRIERS <= 1 << NEAR && RANK + 2 < u64::BITS);

/// The keys of standings, in their order; [`NO_KEY`] of those that are dropped.
pub(super) type Keys = SmallVec<[u64; 64]>;

/// What two keys have in common that are equal but for who they are.
fn group(key: u64) -> u64 {
    key >> NEAR
}

fn index(key: u64) -> u32 {
    (key & ((1 << NEAR) - 1)) as u32
}

/// Indices of standings, in their order.
pub(super) type Order = SmallVec<[u32; 16]>;

/// How many of the first are usually wanted, and one more.
const FEW: usize = 8;

/// Keys that are looked through in one go.
const PART: usize = 64;

/// The least of keys, in order; where there are not so many, the rest are [`NO_KEY`]. It is more work than looking for each key's place,
/// but none of it depends on how comparisons turn out, which nobody can foretell.
fn least(keys: &[u64]) -> [u64; FEW] {
    // The keys are dealt out to so many heaps. The least of each are so many keys: none above all of these is wanted.
    let mut heaps = [NO_KEY; FEW];
    for dealt in keys.chunks(FEW) {
        for (least, key) in heaps.iter_mut().zip(dealt) {
            *least = (*least).min(*key);
        }
    }
    let most = heaps.into_iter().fold(0, u64::max).min(NO_KEY - 1);
    let mut few = [NO_KEY; FEW];
    for part in keys.chunks(PART) {
        let mut wanted = [NO_KEY; PART];
        let mut count = 0;
        for key in part {
            if let Some(place) = wanted.get_mut(count) {
                *place = *key;
            }
            count += usize::from(*key <= most);
        }
        for key in wanted.iter().take(count) {
            add(&mut few, *key);
        }
    }
    few
}

/// Puts a key in its place among those there are, of which the greatest goes. It goes through all places, and the lesser stays.
fn add(few: &mut [u64; FEW], key: u64) {
    let mut rising = key;
    for place in few {
        let lower = rising.min(*place);
        rising = rising.max(*place);
        *place = lower;
    }
}

/// The first `most` of those that are not dropped: those in order before those placed last; by score, then by the trunks' priority,
/// then by how near they are, then by the draw. Among all there are, only those are looked for: what comes behind has its order when somebody asks for it
/// ([`all`]).
pub(super) fn foremost(
    standings: &[Standing],
    keys: &[u64],
    most: usize,
    draw: Draw,
    weight: impl Fn(TrunkIx) -> u32,
) -> Order {
    // One more: whether the last of them has equals that are not among them.
    if most < FEW {
        return first_of(standings, keys, &least(keys), most, draw, weight);
    }
    let mut sorted = Keys::from_slice(keys);
    sorted.sort_unstable();
    first_of(standings, keys, &sorted, most, draw, weight)
}

/// The first `most` of keys, of which these are the first, and one more.
fn first_of(
    standings: &[Standing],
    keys: &[u64],
    first: &[u64],
    most: usize,
    draw: Draw,
    weight: impl Fn(TrunkIx) -> u32,
) -> Order {
    let mut order = Order::new();
    let tied = first
        .iter()
        .zip(first.iter().skip(1))
        .any(|(a, b)| group(*a) == group(*b));
    if !tied {
        let known = first.iter().take(most).take_while(|key| **key != NO_KEY);
        order.extend(known.map(|key| index(*key)));
        return order;
    }
    for equals in first.chunk_by(|a, b| group(*a) == group(*b)) {
        let left = most.saturating_sub(order.len());
        match *equals {
            [NO_KEY, ..] => break,
            [only] if left > 0 => order.push(index(only)),
            [first, _, ..] if left > 0 => {
                let members = keys.iter().filter(|key| group(**key) == group(first));
                by_draw(
                    standings,
                    members.map(|key| index(*key)),
                    left,
                    draw,
                    &weight,
                    &mut order,
                );
            }
            _ => break,
        }
    }
    order
}

/// All standings, those that are dropped last.
pub(super) fn all(standings: &[Standing], draw: Draw, weight: impl Fn(TrunkIx) -> u32) -> Order {
    let mut keys: Vec<u64> = standings.iter().map(Standing::key).collect();
    keys.sort_unstable();
    let mut order = Order::new();
    for equals in keys.chunk_by(|a, b| group(*a) == group(*b)) {
        let members = equals.iter().map(|key| index(*key));
        by_draw(standings, members, equals.len(), draw, &weight, &mut order);
    }
    order
}

/// The order that they stand in, by part.
pub(super) fn by_part(standings: &[Standing]) -> Order {
    let mut order: Order = (0..standings.len() as u32).collect();
    order.sort_by_key(|index| {
        standings
            .get(*index as usize)
            .map(|standing| standing.place.rank())
    });
    order
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
    let mut drawn: SmallVec<[(Chance, TrunkIx, u32); 8]> = SmallVec::new();
    for (trunk, index) in members.filter_map(known) {
        let weight = weight(trunk);
        let chance = if even && weight > 0 {
            draw.even_chance(trunk)
        } else {
            draw.chance(trunk, None, weight)
        };
        let place = drawn.partition_point(|other| *other < (chance, trunk, index));
        if place < most {
            drawn.truncate(most - 1);
            drawn.insert(place, (chance, trunk, index));
        }
    }
    order.extend(drawn.iter().map(|(.., index)| *index));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Late, LeftOut};
    use proptest::prelude::*;

    fn standing() -> impl Strategy<Value = (u32, u16, Near, Place)> {
        let place = prop_oneof![
            6 => Just(Place::InOrder),
            2 => Just(Place::Last(Late::Calls)),
            1 => Just(Place::Dropped(LeftOut::Blocked)),
        ];
        let near = prop_oneof![Just(Near::Here), Just(Near::Unknown), Just(Near::Elsewhere)];
        (prop_oneof![0u32..4, Just(u32::MAX)], 0u16..3, near, place)
    }

    proptest! {
        #[test]
        fn the_foremost_are_the_first_of_all(
            standings in proptest::collection::vec(standing(), 0..60),
            weights in proptest::collection::vec(0u32..3, 60),
            most in 1usize..40,
            draw: u64,
        ) {
            let standing = |((score, priority, near, place), index): ((u32, u16, Near, Place), u32)| {
                let mut standing = Standing::new(TrunkIx(index));
                standing.at(usize::from(priority), index as usize);
                standing.set_near(near);
                Standing { score: Score(score), place, ..standing }
            };
            let standings: Vec<Standing> = standings.into_iter().zip(0..).map(standing).collect();
            let key = |standing: &Standing| if standing.place.is_dropped() { NO_KEY } else { standing.key() };
            let keys: Vec<u64> = standings.iter().map(key).collect();
            let weight = |trunk: TrunkIx| weights[trunk.0 as usize];
            let (draw, tried) = (Draw::new(draw), |index: &u32| !standings[*index as usize].place.is_dropped());
            let all = all(&standings, draw, weight);
            let expected: Vec<u32> = all.iter().copied().filter(tried).take(most).collect();
            prop_assert_eq!(foremost(&standings, &keys, most, draw, weight).to_vec(), expected);
            let mut seen = all.to_vec();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..standings.len() as u32));
            let key = |index: &u32| {
                let standing = &standings[*index as usize];
                (standing.place.rank(), standing.score, standing.rest >> PRIORITY, standing.near())
            };
            prop_assert!(all.is_sorted_by_key(key));
        }
    }

    #[test]
    fn what_is_kept_of_a_candidate_is_small() {
        assert!(size_of::<Standing>() <= 24);
    }
}
