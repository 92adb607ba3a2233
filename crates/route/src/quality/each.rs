//! The things that are watched in a trunk.

use crate::learn::Aspect;
use serde::{Deserialize, Serialize};

/// Something of each aspect.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Each<T> {
    /// That the network fails an attempt.
    pub(crate) fails: T,
    /// That a call which was put through becomes a conversation.
    pub(crate) talks: T,
    /// That somebody else than the called party, or nobody, is behind an answer.
    pub(crate) cheats: T,
    /// What a conversation's sound is worth.
    pub(crate) sounds: T,
    /// What the wait leaves.
    pub(crate) waits: T,
}

impl<T> Each<T> {
    /// Of each aspect.
    pub(crate) fn make(mut of: impl FnMut(Aspect) -> T) -> Self {
        Self {
            fails: of(Aspect::Fails),
            talks: of(Aspect::Talks),
            cheats: of(Aspect::Cheats),
            sounds: of(Aspect::Sounds),
            waits: of(Aspect::Waits),
        }
    }

    pub(crate) fn of(&self, aspect: Aspect) -> &T {
        match aspect {
            Aspect::Fails => &self.fails,
            Aspect::Talks => &self.talks,
            Aspect::Cheats => &self.cheats,
            Aspect::Sounds => &self.sounds,
            Aspect::Waits => &self.waits,
        }
    }

    pub(crate) fn of_mut(&mut self, aspect: Aspect) -> &mut T {
        match aspect {
            Aspect::Fails => &mut self.fails,
            Aspect::Talks => &mut self.talks,
            Aspect::Cheats => &mut self.cheats,
            Aspect::Sounds => &mut self.sounds,
            Aspect::Waits => &mut self.waits,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.fails, &self.talks, &self.cheats, &self.sounds, &self.waits].into_iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let Self {
            fails,
            talks,
            cheats,
            sounds,
            waits,
        } = self;
        [fails, talks, cheats, sounds, waits].into_iter()
    }
}
