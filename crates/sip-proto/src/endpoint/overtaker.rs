//! CANCELs that have overtaken their INVITEs on the way.
//!
//! Such a CANCEL gets its 481, as RFC 3261 §9.2 has it, and then its INVITE would ring for nobody. It is known for a while by what it was
//! about, and the INVITE is refused.

use std::collections::VecDeque;
use std::time::Instant;

/// How many are remembered; the oldest goes first.
const MOST: usize = 64;

/// What they were about: hashes of INVITEs' keys, each until when.
#[derive(Debug, Default)]
pub(super) struct Overtakers(VecDeque<(Instant, u64)>);

impl Overtakers {
    /// Remembers one.
    pub(super) fn note(&mut self, until: Instant, about: u64) {
        if self.0.iter().any(|(_, known)| *known == about) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((until, about));
    }

    /// Whether this INVITE has been overtaken.
    pub(super) fn has(&mut self, now: Instant, invite: u64) -> bool {
        while self.0.front().is_some_and(|(until, _)| *until < now) {
            self.0.pop_front();
        }
        self.0.iter().any(|(_, about)| *about == invite)
    }
}
