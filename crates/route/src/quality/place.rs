//! Who did what where: one place per group and class (and one for all classes together), with every trunk that was seen there.

use super::each::Each;
use super::group::{Destination, Group, LEVELS};
use super::known::Known;
use crate::learn::{Estimate, Pool};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Groups times classes that are kept; of more the one that was seen the longest ago is forgotten.
pub const MAX_PLACES: usize = 4_096;

/// Trunks times places that are kept, of some 350 bytes each: with 64 trunks, 2,048 places.
pub const MAX_CELLS: usize = 131_072;

/// Slots that are told apart; what is noted of higher ones is not kept.
pub const MAX_SLOTS: u32 = 4_096;

/// A group, for one class or for all.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) group: Group,
    /// 0: all classes; else the class's number and one.
    pub(crate) class: u8,
    pub(crate) trunks: Vec<Known>,
    pub(crate) estimates: Vec<Estimate>,
    /// What the usual carrier has.
    pub(crate) pools: Each<Pool>,
    /// Attempts, decayed.
    pub(crate) attempts: f32,
    /// Probability that a call tries a trunk which may be better than it looks.
    pub(crate) probe: f32,
    /// Attempts in the window that shares are taken over.
    pub(crate) window: u16,
    /// The probability of a conversation that its better trunks have, as it was last worked out.
    pub(crate) top: Option<f32>,
    seen: u64,
}

impl Place {
    fn new(group: Group, class: u8) -> Self {
        Self {
            group,
            class,
            trunks: Vec::new(),
            estimates: Vec::new(),
            pools: Each::default(),
            attempts: 0.0,
            probe: 0.0,
            window: 0,
            top: None,
            seen: 0,
        }
    }

    pub(crate) fn known(&self, slot: u32) -> Option<&Known> {
        self.trunks.get(slot as usize)
    }

    /// The trunk of a slot, which is made if there is none yet.
    pub(crate) fn known_mut(&mut self, slot: u32) -> Option<&mut Known> {
        let index = slot as usize;
        if index >= self.trunks.len() && slot < MAX_SLOTS {
            // The world knows who is new.
            let grown = if self.group == Group::EVERYWHERE {
                0.0
            } else {
                f32::INFINITY
            };
            let new = Known {
                grown,
                ..Known::default()
            };
            self.trunks.resize(index + 1, new);
            self.estimates.resize(index + 1, Estimate::UNKNOWN);
        }
        self.trunks.get_mut(index)
    }

    /// Makes all sums so much less.
    pub(crate) fn scale(&mut self, by: f32) {
        self.attempts *= by;
        for pool in self.pools.iter_mut() {
            pool.scale(by);
        }
        for known in &mut self.trunks {
            known.scale(by);
        }
    }
}

/// Multiplies: keys are small numbers of ours, or digits that a caller could choose, of which no more than [`MAX_PLACES`] are kept.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Multiplying(u64);

impl Hasher for Multiplying {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn key(group: Group, class: u8) -> u64 {
    u64::from(group.packed()) << 8 | u64::from(class)
}

/// The places from the world to a destination: of all classes together, and of one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Path {
    pub(crate) any: [usize; LEVELS],
    pub(crate) class: [usize; LEVELS],
    /// How many of them there are.
    pub(crate) levels: usize,
}

impl Path {
    /// Pairs of places, from the world down.
    pub(crate) fn pairs(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let pairs: [(usize, usize); LEVELS] = std::array::from_fn(|level| {
            (
                self.any.get(level).copied().unwrap_or(0),
                self.class.get(level).copied().unwrap_or(0),
            )
        });
        pairs.into_iter().zip(0..self.levels).map(|(pair, _)| pair)
    }
}

/// How often groups were seen of late that have no place yet: counters that several groups may share.
const COUNTERS: usize = 16_384;

/// Attempts within some minutes from which on a group gets a place. So a scan of numbers, or the thousand exchanges of an area code, don't drive out what
/// is known of those that are called.
const SEEN: u8 = 10;

/// The same for a prefix: ranges tell most of what there is to tell.
const SEEN_NEAR: u8 = 120;

/// All places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    all: Vec<Place>,
    /// By the hash of a group; empty until something is noted.
    seen: Vec<u8>,
    index: HashMap<u64, usize, BuildHasherDefault<Multiplying>>,
    clock: u64,
}

impl Places {
    pub(crate) fn get(&self, index: usize) -> Option<&Place> {
        self.all.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Place> {
        self.all.get_mut(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.all.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.all.iter_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn find(&self, group: Group, class: u8) -> Option<usize> {
        self.index.get(&key(group, class)).copied()
    }

    /// Halves what is counted of groups without a place: to be called every few minutes.
    pub(crate) fn forget_seen(&mut self) {
        for count in &mut self.seen {
            *count /= 2;
        }
    }

    /// Counts a group, and says whether it was seen often enough to get a place.
    fn is_seen(&mut self, group: Group, near: bool) -> bool {
        if self.seen.is_empty() {
            self.seen = vec![0; COUNTERS];
        }
        let mut hash = Multiplying::default();
        hash.write_u64(u64::from(group.packed()));
        let place = (hash.finish() >> 8) as usize % COUNTERS;
        let Some(count) = self.seen.get_mut(place) else {
            return false;
        };
        *count = count.saturating_add(1);
        *count >= if near { SEEN_NEAR } else { SEEN }
    }

    /// The places of a destination. Those of a level that is not there yet are made, if it is seen often.
    pub(crate) fn path(&mut self, destination: Destination, class: u8) -> Path {
        self.clock += 1;
        let mut path = Path::default();
        let mut before = None;
        for group in destination.levels() {
            // A short number has fewer levels.
            if before == Some(group) {
                continue;
            }
            let may_be_made = before.is_none()
                || self.find(group, class).is_some()
                || self.is_seen(group, path.levels + 1 == LEVELS);
            let (Some(any), Some(class)) = (
                self.find_or_make(group, 0, may_be_made),
                self.find_or_make(group, class, may_be_made),
            ) else {
                break;
            };
            if let (Some(at_any), Some(at_class)) =
                (path.any.get_mut(path.levels), path.class.get_mut(path.levels))
            {
                (*at_any, *at_class) = (any, class);
                path.levels += 1;
            }
            before = Some(group);
        }
        path
    }

    /// The places of a group that is there, as far as they are.
    pub(crate) fn path_of(&self, group: Group, class: u8) -> Path {
        let mut path = Path::default();
        let mut before = None;
        for level in group.destination().levels() {
            if before == Some(level) {
                continue;
            }
            before = Some(level);
            let (Some(any), Some(class)) = (self.find(level, 0), self.find(level, class)) else {
                break;
            };
            if let (Some(at_any), Some(at_class)) =
                (path.any.get_mut(path.levels), path.class.get_mut(path.levels))
            {
                (*at_any, *at_class) = (any, class);
                path.levels += 1;
            }
        }
        path
    }

    fn find_or_make(&mut self, group: Group, class: u8, may_be_made: bool) -> Option<usize> {
        let clock = self.clock;
        let index = match self.find(group, class) {
            Some(index) => index,
            None if may_be_made => self.make(group, class),
            None => return None,
        };
        if let Some(place) = self.all.get_mut(index) {
            place.seen = clock;
        }
        Some(index)
    }

    /// A new place; in that of another if there are too many. Its trunks begin with what the wider place hopes of them.
    pub(crate) fn make(&mut self, group: Group, class: u8) -> usize {
        let mut place = Place::new(group, class);
        let wider = self.path_of(group, class);
        let parent = wider.pairs().last();
        let parent = parent.and_then(|(any, of_class)| self.get(if class == 0 { any } else { of_class }));
        if let Some(parent) = parent {
            place.estimates.clone_from(&parent.estimates);
            place.trunks = parent
                .trunks
                .iter()
                .map(|known| Known {
                    former: known.former,
                    proven: known.proven,
                    looked_s: known.looked_s,
                    ..Known::default()
                })
                .collect();
        }
        let index = if self.is_full() {
            self.oldest().unwrap_or(self.all.len())
        } else {
            self.all.len()
        };
        match self.all.get_mut(index) {
            Some(old) => {
                self.index.remove(&key(old.group, old.class));
                *old = place;
            }
            None => self.all.push(place),
        }
        self.index.insert(key(group, class), index);
        index
    }

    fn is_full(&self) -> bool {
        let slots = self.all.first().map_or(1, |place| place.trunks.len().max(1));
        self.all.len() >= MAX_PLACES || self.all.len() * slots >= MAX_CELLS
    }

    /// Gives classes other numbers; places of a class that has none any more are forgotten.
    pub(crate) fn renumber(&mut self, number: impl Fn(u8) -> Option<u8>) {
        self.all.retain_mut(|place| match number(place.class) {
            Some(class) => {
                place.class = class;
                true
            }
            None => false,
        });
        let places = self.all.iter().enumerate();
        self.index = places
            .map(|(index, place)| (key(place.group, place.class), index))
            .collect();
    }

    /// Forgets the trunk of a slot.
    pub(crate) fn forget(&mut self, slot: u32) {
        for place in &mut self.all {
            let grown = if place.group == Group::EVERYWHERE {
                0.0
            } else {
                f32::INFINITY
            };
            if let Some(known) = place.trunks.get_mut(slot as usize) {
                *known = Known {
                    grown,
                    ..Known::default()
                };
            }
            if let Some(estimate) = place.estimates.get_mut(slot as usize) {
                *estimate = Estimate::UNKNOWN;
            }
        }
    }

    /// The place that was seen the longest ago, the world and those of the present call excepted.
    fn oldest(&self) -> Option<usize> {
        let places = self.all.iter().enumerate();
        let may_go = places.filter(|(_, place)| place.group != Group::EVERYWHERE && place.seen < self.clock);
        may_go.min_by_key(|(_, place)| place.seen).map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(places: &Places, path: &Path) -> Vec<(String, u8)> {
        let both = path.pairs().flat_map(|(any, class)| [any, class]);
        both.map(|index| places.get(index).unwrap())
            .map(|place| (place.group.to_string(), place.class))
            .collect()
    }

    #[test]
    fn a_destination_has_its_places_from_the_world_down_once_it_is_seen_often() {
        let mut places = Places::default();
        let destination = Destination::of("+442079460000");
        for _ in 1..SEEN {
            assert_eq!(places.path(destination, 2).levels, 1);
        }
        let path = (0..2 * SEEN_NEAR)
            .map(|_| places.path(destination, 2))
            .last()
            .unwrap();
        let expected: Vec<(String, u8)> = ["everywhere", "+44", "+4420", "+442079"]
            .into_iter()
            .flat_map(|group| [(group.to_owned(), 0), (group.to_owned(), 2)])
            .collect();
        assert_eq!(groups(&places, &path), expected);
        assert_eq!(groups(&places, &places.path_of(destination.prefix, 2)), expected);
        let short = places.path(Destination::of("+44"), 2);
        assert_eq!(groups(&places, &short), expected[..4]);
        let none = places.path(Destination::of("alice"), 1);
        assert_eq!(none.levels, 1);
    }

    #[test]
    fn what_is_seen_once_gets_no_place() {
        let mut places = Places::default();
        for number in 0..2_000 {
            places.path(Destination::of(&format!("+1212{number:04}555")), 1);
            if number % 20 == 19 {
                places.forget_seen();
            }
        }
        assert!(places.len() < 20, "{}", places.len());
    }

    #[test]
    fn of_too_many_places_the_one_not_seen_for_the_longest_time_goes() {
        let mut places = Places::default();
        let often = Destination::of("+442079460000");
        for number in 0..2 * MAX_PLACES {
            let seldom = Destination::of(&format!("+4930{number:05}"));
            places.make(seldom.prefix, 1);
            places.path(often, 1);
        }
        assert!(places.len() <= MAX_PLACES, "{}", places.len());
        assert!(places.find(often.prefix, 1).is_some());
        for (key, index) in &places.index {
            let place = places.get(*index).unwrap();
            assert_eq!(*key, super::key(place.group, place.class));
        }
    }
}
