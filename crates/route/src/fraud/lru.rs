//! A table of a fixed size in which what has not been used for longest gives way.

use std::collections::HashMap;
use std::hash::Hash;

/// No slot.
const NONE: u32 = u32::MAX;

/// Names an entry for as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Handle {
    index: u32,
    generation: u32,
}

#[derive(Debug, Clone)]
struct Slot<K, V> {
    entry: Option<(K, V)>,
    generation: u32,
    /// The next to have been used before this one, and after it.
    older: u32,
    newer: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Lru<K, V> {
    places: HashMap<K, u32>,
    slots: Vec<Slot<K, V>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    most: usize,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// An empty one for so many entries.
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            most: most.max(1),
        }
    }

    /// The entry of this key, made if there is none, as the one used last.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Handle {
        if let Some(&index) = self.places.get(&key) {
            self.unlink(index);
            self.link(index);
            return self.handle(index);
        }
        if self.places.len() >= self.most {
            self.remove(self.oldest);
        }
        let index = self.free.pop().unwrap_or(self.slots.len() as u32);
        if index as usize == self.slots.len() {
            self.slots.push(Slot {
                entry: None,
                generation: 0,
                older: NONE,
                newer: NONE,
            });
        }
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.entry = Some((key.clone(), make()));
        }
        self.places.insert(key, index);
        self.link(index);
        self.handle(index)
    }

    fn handle(&self, index: u32) -> Handle {
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        Handle { index, generation }
    }

    pub(super) fn get(&self, handle: Handle) -> Option<&V> {
        let slot = self.slots.get(handle.index as usize)?;
        let (_, value) = slot.entry.as_ref()?;
        (slot.generation == handle.generation).then_some(value)
    }

    pub(super) fn get_mut(&mut self, handle: Handle) -> Option<&mut V> {
        let slot = self.slots.get_mut(handle.index as usize)?;
        let (_, value) = slot.entry.as_mut()?;
        (slot.generation == handle.generation).then_some(value)
    }

    /// All entries, in no order that means anything but always the same one.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Handle, &K, &V)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let (key, value) = slot.entry.as_ref()?;
            let handle = Handle {
                index: index as u32,
                generation: slot.generation,
            };
            Some((handle, key, value))
        })
    }

    /// Forgets the entries that are not to be kept.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let gone = |slot: &Slot<K, V>| slot.entry.as_ref().is_some_and(|(key, _)| !keep(key));
        let gone: Vec<u32> = (0_u32..)
            .zip(&self.slots)
            .filter(|(_, slot)| gone(slot))
            .map(|(index, _)| index)
            .collect();
        for index in gone {
            self.remove(index);
        }
    }

    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        if let Some((key, _)) = slot.entry.take() {
            slot.generation = slot.generation.wrapping_add(1);
            self.places.remove(&key);
            self.free.push(index);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        let (older, newer) = (slot.older, slot.newer);
        (slot.older, slot.newer) = (NONE, NONE);
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None if self.oldest == index => self.oldest = newer,
            None => {}
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None if self.newest == index => self.newest = older,
            None => {}
        }
    }

    fn link(&mut self, index: u32) {
        let before = std::mem::replace(&mut self.newest, index);
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.older = before;
        }
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.newer = index,
            None => self.oldest = index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list in order of use.
        #[test]
        fn the_least_recently_used_gives_way(keys in proptest::collection::vec(0_u8..12, 1..200)) {
            let mut lru = Lru::new(5);
            let mut model: Vec<u8> = Vec::new();
            let mut handles = HashMap::new();
            for (n, key) in keys.into_iter().enumerate() {
                if n % 17 == 16 {
                    lru.retain(|other| *other != key);
                    model.retain(|other| *other != key);
                    continue;
                }
                let handle = lru.entry(key, || u32::from(key) * 10);
                model.retain(|other| *other != key);
                if model.len() >= 5 {
                    let gone = model.remove(0);
                    let handle = handles.remove(&gone).unwrap_or(handle);
                    prop_assert_eq!(lru.get(handle), None);
                }
                model.push(key);
                handles.insert(key, handle);
                prop_assert_eq!(lru.iter().count(), model.len());
                for key in &model {
                    let found = handles.get(key).and_then(|handle| lru.get(*handle));
                    prop_assert_eq!(found, Some(&(u32::from(*key) * 10)));
                }
            }
        }
    }
}
