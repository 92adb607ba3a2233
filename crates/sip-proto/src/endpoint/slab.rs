//! Transactions by id and by key.

use hashbrown::HashTable;

use super::keys::Key;

/// Place in the low half, generation in the high half: an id of an ended transaction is never another's (a place would have to
/// be used 2^32 times first).
type Id = u64;

/// What stands in a [`Table`].
pub(super) trait Keyed {
    /// What it is found by.
    fn key(&self) -> &Key;
    /// For [`Table::rename`] alone.
    fn key_mut(&mut self) -> &mut Key;
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    /// In a piece of its own: places stay when the transactions of a busy hour are gone.
    value: Option<Box<T>>,
}

/// Values by id, and by key through an index of hashes; a hit is compared in full.
#[derive(Debug)]
pub(super) struct Table<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    index: HashTable<u32>,
}

impl<T: Keyed> Table<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The id of the value with this key.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<Id> {
        let place = *self.index.find(hash, |&i| {
            value(&self.places, i).is_some_and(|v| v.key().is(hash, key))
        })?;
        let generation = self.places.get(place as usize)?.generation;
        Some(id(place, generation))
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        let place = self.places.get(place_of(id))?;
        place
            .value
            .as_deref()
            .filter(|_| place.generation == generation_of(id))
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let place = self.places.get_mut(place_of(id))?;
        place
            .value
            .as_deref_mut()
            .filter(|_| place.generation == generation_of(id))
    }

    /// Every value with its id, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(at, place)| Some((id(at as u32, place.generation), place.value.as_deref()?)))
    }

    /// Adds a value whose key is not in the table.
    pub(super) fn insert(&mut self, new: T) -> Id {
        let hash = new.key().hash();
        let (at, generation) = match self.free.pop() {
            Some(at) => (at, self.places.get(at as usize).map_or(0, |p| p.generation)),
            None => {
                self.places.push(Place {
                    generation: 0,
                    value: None,
                });
                ((self.places.len() - 1) as u32, 0)
            }
        };
        if let Some(place) = self.places.get_mut(at as usize) {
            place.value = Some(Box::new(new));
        }
        let places = &self.places;
        self.index
            .insert_unique(hash, at, |&i| value(places, i).map_or(0, |v| v.key().hash()));
        id(at, generation)
    }

    /// Gives a value another key, one that is not in the table; its id stays.
    pub(super) fn rename(&mut self, id: Id, key: Key) {
        let at = place_of(id) as u32;
        let Some(old) = self.get(id).map(|value| value.key().hash()) else {
            return;
        };
        if let Ok(entry) = self.index.find_entry(old, |&i| i == at) {
            entry.remove();
        }
        let hash = key.hash();
        if let Some(value) = self.get_mut(id) {
            *value.key_mut() = key;
        }
        let places = &self.places;
        self.index
            .insert_unique(hash, at, |&i| value(places, i).map_or(0, |v| v.key().hash()));
    }

    /// Takes a value out; its id is void from now on.
    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let at = place_of(id) as u32;
        let place = self
            .places
            .get_mut(place_of(id))
            .filter(|p| p.generation == generation_of(id))?;
        let gone = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        if let Ok(entry) = self.index.find_entry(gone.key().hash(), |&i| i == at) {
            entry.remove();
        }
        self.free.push(at);
        Some(*gone)
    }
}

fn value<T>(places: &[Place<T>], at: u32) -> Option<&T> {
    places.get(at as usize)?.value.as_deref()
}

const fn id(place: u32, generation: u32) -> Id {
    (generation as u64) << 32 | place as u64
}

const fn place_of(id: Id) -> usize {
    (id & 0xffff_ffff) as usize
}

const fn generation_of(id: Id) -> u32 {
    (id >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Item(Key, u32);

    impl Keyed for Item {
        fn key(&self) -> &Key {
            &self.0
        }

        fn key_mut(&mut self) -> &mut Key {
            &mut self.0
        }
    }

    #[test]
    fn a_stale_id_is_never_anothers() {
        let mut table = Table::new();
        let first = table.insert(Item(Key::new(1, b"a"), 1));
        assert!(table.remove(first).is_some());
        let second = table.insert(Item(Key::new(1, b"a"), 2));
        assert_ne!(first, second);
        assert!(
            table.get(first).is_none() && table.get_mut(first).is_none() && table.remove(first).is_none()
        );
        assert_eq!(table.get(second).map(|item| item.1), Some(2));
    }

    #[test]
    fn keys_with_the_same_hash_are_told_apart() {
        let mut table = Table::new();
        let a = table.insert(Item(Key::new(7, b"a"), 1));
        let b = table.insert(Item(Key::new(7, b"b"), 2));
        assert_eq!(
            (table.find(7, b"a"), table.find(7, b"b"), table.find(7, b"c")),
            (Some(a), Some(b), None)
        );
        table.remove(a);
        assert_eq!((table.find(7, b"a"), table.find(7, b"b")), (None, Some(b)));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_renamed_value_is_found_by_its_new_key_alone() {
        let mut table = Table::new();
        let other = table.insert(Item(Key::new(7, b"b"), 2));
        let id = table.insert(Item(Key::new(7, b"a"), 1));
        table.rename(id, Key::new(9, b"c"));
        assert_eq!(
            (table.find(7, b"a"), table.find(7, b"b"), table.find(9, b"c")),
            (None, Some(other), Some(id))
        );
        assert_eq!(table.len(), 2);
        assert!(table.remove(id).is_some());
        assert_eq!((table.find(9, b"c"), table.len()), (None, 1));
    }

    #[test]
    fn places_are_used_again() {
        let mut table = Table::new();
        for i in 0..1000_u64 {
            let id = table.insert(Item(Key::new(i, b"x"), 0));
            table.remove(id);
        }
        assert_eq!(table.places.len(), 1);
    }
}
