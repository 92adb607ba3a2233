//! What is kept over a restart.

use super::each::Each;
use super::known::Known;
use super::sums::Sums;
use super::{Group, Quality};
use crate::learn::{Pool, Track};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// What was learned, as it is written to disk: trunks and classes by name, all sums as of the moment of saving.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    version: u32,
    /// Seconds since 1970.
    at_unix_s: u64,
    places: Vec<SavedPlace>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedPlace {
    group: Group,
    /// `None`: all classes.
    class: Option<Box<str>>,
    attempts: f32,
    pools: Each<Pool>,
    trunks: Vec<SavedTrunk>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedTrunk {
    name: Box<str>,
    sums: Sums,
    tracks: Each<Track>,
    /// What it had before it got worse.
    #[serde(default)]
    kept: Each<Track>,
    /// Attempts since it was new or recovered; `None`: it has its whole share.
    grown: Option<f32>,
    former: f32,
    proven: bool,
}

/// Why what was saved can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Another version of Tandem wrote it.
    #[error("what was learned is of version {0}; this version reads {VERSION} only, and begins anew")]
    Version(u32),
    /// It is not of this world: its numbers are none.
    #[error("what was learned has numbers that are none, and is left alone")]
    Damaged,
}

impl Quality {
    /// What there is to be kept.
    pub fn save(&self, now: Instant, unix_s: u64) -> Saved {
        let now_s = now
            .saturating_duration_since(self.epoch)
            .as_secs_f64()
            .max(self.now_s);
        let by = (-(now_s - self.base_s) / self.half_life_s()).exp2() as f32;
        let place = |place: &super::place::Place| {
            let class = usize::from(place.class).checked_sub(1);
            let class = match class {
                None => None,
                Some(index) => Some(self.classes.get(index)?.name.clone()),
            };
            Some(SavedPlace {
                group: place.group,
                class,
                attempts: place.attempts * by,
                pools: scaled(&place.pools, by),
                trunks: self.saved_trunks(&place.trunks, by),
            })
        };
        Saved {
            version: VERSION,
            at_unix_s: unix_s,
            places: self.places.iter().filter_map(place).collect(),
        }
    }

    fn saved_trunks(&self, trunks: &[Known], by: f32) -> Vec<SavedTrunk> {
        let named = trunks.iter().zip(&self.trunks);
        named
            .filter(|(known, name)| !name.is_empty() && known.sums.attempts.max(known.sums.tests) > 0.0)
            .map(|(known, name)| {
                let mut kept = *known;
                kept.scale(by);
                SavedTrunk {
                    name: name.clone(),
                    sums: kept.sums,
                    tracks: kept.tracks,
                    kept: kept.kept,
                    grown: kept.grown.is_finite().then_some(kept.grown),
                    former: kept.former,
                    proven: kept.proven,
                }
            })
            .collect()
    }

    /// Takes over what was saved, faded by the time that has passed since; to be called once trunks and classes are known, before anything is
    /// noted. Trunks and classes that are gone are left out.
    ///
    /// # Errors
    /// It is of another version, or damaged: nothing is taken over.
    pub fn load(&mut self, now: Instant, unix_s: u64, saved: &Saved) -> Result<(), LoadError> {
        if saved.version != VERSION {
            return Err(LoadError::Version(saved.version));
        }
        if !saved.places.iter().all(is_sound) {
            return Err(LoadError::Damaged);
        }
        self.advance(now);
        self.rebase();
        let passed = unix_s.saturating_sub(saved.at_unix_s);
        let by = (-(Duration::from_secs(passed).as_secs_f64() / self.half_life_s())).exp2() as f32;
        // Wider places first: nearer ones begin with what those hope.
        let mut places: Vec<&SavedPlace> = saved.places.iter().take(super::MAX_PLACES).collect();
        places.sort_by_key(|place| place.group);
        for place in places {
            self.load_place(place, by);
        }
        for _ in 0..self.places.len() {
            self.tick(now);
        }
        Ok(())
    }

    fn load_place(&mut self, saved: &SavedPlace, by: f32) {
        let class = match &saved.class {
            None => 0,
            Some(name) => match self.classes.iter().position(|class| class.name == *name) {
                Some(index) => super::class_key(index),
                None => return,
            },
        };
        let index = match self.places.find(saved.group, class) {
            Some(index) => index,
            None => self.places.make(saved.group, class),
        };
        let slots: Vec<Option<usize>> = saved
            .trunks
            .iter()
            .map(|trunk| self.trunks.iter().position(|name| *name == trunk.name))
            .collect();
        let now_s = self.now_s;
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        place.attempts = saved.attempts * by;
        place.pools = scaled(&saved.pools, by);
        for (trunk, slot) in saved.trunks.iter().zip(slots) {
            let slot = slot.and_then(|slot| u32::try_from(slot).ok());
            let Some(known) = slot.and_then(|slot| place.known_mut(slot)) else {
                continue;
            };
            (known.sums, known.tracks, known.kept) = (trunk.sums, trunk.tracks, trunk.kept);
            known.scale(by);
            known.grown = trunk.grown.unwrap_or(f32::INFINITY);
            (known.former, known.proven) = (trunk.former.clamp(0.0, 1.0), trunk.proven);
            known.looked_s = now_s;
        }
    }
}

fn scaled(of: &Each<Pool>, by: f32) -> Each<Pool> {
    let mut pools = *of;
    pools.iter_mut().for_each(|pool| pool.scale(by));
    pools
}

/// Whether all that counts is a number, and not less than nothing.
fn is_sound(place: &SavedPlace) -> bool {
    let count = |value: f32| value.is_finite() && value >= 0.0;
    let track = |track: &Track| count(track.hits) && count(track.trials) && count(track.expected);
    let trunk = |trunk: &SavedTrunk| {
        trunk.tracks.iter().chain(trunk.kept.iter()).all(track)
            && count(trunk.sums.attempts)
            && trunk.former.is_finite()
    };
    count(place.attempts)
        && place
            .pools
            .iter()
            .all(|pool| count(pool.hits) && count(pool.trials))
        && place.trunks.iter().all(trunk)
}

#[cfg(test)]
impl Saved {
    /// As another version would have written it.
    pub(super) fn of_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// With a number in it that is none.
    pub(super) fn damaged(mut self) -> Self {
        let trunk = self.places.iter_mut().find_map(|place| place.trunks.first_mut());
        if let Some(trunk) = trunk {
            trunk.tracks.fails.trials = f32::NAN;
        }
        self
    }
}
