//! From candidates to attempts: so many as are worth keeping, each at a target.

use super::decide::Decision;
use super::draw::Chance;
use super::order;
use super::trace::{Basis, Late, Moved, Moves, Place};
use super::{Attempt, Standing};
use crate::tables::{Near, Rule, TrunkIx};
use smallvec::SmallVec;
use std::time::Duration;

/// What holds where no trunk has written `failover.attempts`.
pub(super) const USUAL_ATTEMPTS: usize = 3;

/// Attempts kept beyond the limit, to stand in for those that a trunk's limits refuse at their moment, and for trunks that can't be
/// offered the call.
const SPARE: usize = 4;

/// Attempts of an emergency call at most; `failover.attempts` is not for these.
const MAX_EMERGENCY: usize = 16;

impl Decision<'_> {
    /// The attempts: targets that are well in the trunks' order, then those that are not, then trunks placed last. The trunks' order
    /// is that in which they stand, or among carriers that of their `keys`.
    pub(super) fn attempts(
        &self,
        basis: &Basis,
        standings: &[Standing],
        keys: &[u64],
        rule: Option<&Rule>,
        moved: &mut Moves,
    ) -> SmallVec<[Attempt; 4]> {
        let most = self.kept(rule);
        let weight = |trunk| self.tables.weight(trunk);
        let order = match basis {
            Basis::Number(_) | Basis::Emergency | Basis::NoTransit => order::by_part(standings),
            Basis::Carriers => order::foremost(standings, keys, most, self.draw, weight),
        };
        let tried = || {
            let at = |index: &u32| standings.get(*index as usize);
            order
                .iter()
                .filter_map(at)
                .take_while(|standing| !standing.place.is_dropped())
        };
        let mut attempts = SmallVec::with_capacity(most.min(order.len()));
        let mut spare: SmallVec<[(&Standing, usize); 4]> = SmallVec::new();
        for standing in tried() {
            if attempts.len() >= most {
                break;
            }
            let well = match standing.place {
                Place::InOrder | Place::Last(Late::AboveTarget) => true,
                Place::Last(_) | Place::Dropped(_) => false,
            };
            self.each_target(standing, moved, |target, shunned| {
                if well && !shunned {
                    attempts.push(self.attempt(standing, target));
                } else {
                    spare.push((standing, target));
                }
            });
        }
        for (standing, target) in spare {
            if attempts.len() >= most {
                break;
            }
            attempts.push(self.attempt(standing, target));
        }
        attempts.truncate(most);
        attempts
    }

    /// How many attempts are worth keeping.
    fn kept(&self, rule: Option<&Rule>) -> usize {
        if self.request.emergency {
            return MAX_EMERGENCY;
        }
        let of_trunks = match rule {
            Some(rule) => {
                let its = rule.to.iter().filter_map(|trunk| self.tables.attempts(*trunk));
                its.max().map_or(0, usize::from)
            }
            None => self.tables.carriers().most_attempts(),
        };
        let from = self.tables.attempts(self.request.from).map_or(0, usize::from);
        USUAL_ATTEMPTS.max(of_trunks).max(from) + SPARE
    }

    /// How many of `attempts` may be made: the fewest that the calling trunk, and before each further attempt a
    /// trunk that has failed, wants.
    pub(super) fn limit(&self, attempts: &[Attempt]) -> usize {
        let wanted = |trunk| self.tables.attempts(trunk).map(usize::from);
        let mut fewest = wanted(self.request.from);
        let mut made = 0;
        for attempt in attempts {
            made += 1;
            fewest = fewest.into_iter().chain(wanted(attempt.trunk)).min();
            if made >= fewest.unwrap_or(USUAL_ATTEMPTS) {
                break;
            }
        }
        made
    }

    /// A trunk's targets and whether each is shunned, those that are last: by priority; those that are much farther away than
    /// another by what was measured behind it; those in the call's region first; then at random by weight (RFC 2782).
    fn each_target(&self, standing: &Standing, moved: &mut Moves, mut with: impl FnMut(usize, bool)) {
        let (ix, well) = (standing.trunk, standing.well);
        match self.tables.targets(ix) {
            0 => return with(Attempt::REGISTERED, false),
            1 => return with(0, !well && self.shunned(ix, 0)),
            _ => {}
        }
        let mut targets: SmallVec<[Ranked; 8]> = SmallVec::new();
        for (index, target) in self.tables.trunk(ix).targets.iter().enumerate() {
            targets.push(Ranked {
                shunned: !well && self.shunned(ix, index),
                priority: target.priority,
                is_far: false,
                near: self.near_target(ix, index),
                chance: self.draw.chance(ix, Some(index), u32::from(target.weight)),
                index,
                round_trip: self.round_trip(ix, index),
            });
        }
        put_back(ix, &mut targets, moved);
        targets.sort_unstable();
        for target in targets {
            with(target.index, target.shunned);
        }
    }

    fn attempt(&self, standing: &Standing, target: usize) -> Attempt {
        let terms = self.terms().get(standing.terms as usize);
        Attempt {
            trunk: standing.trunk,
            target,
            contact: None,
            rate: terms.map(|terms| terms.rate(standing.prefix_len)),
        }
    }
}

/// A target as it is put in order: what comes first in this decides first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    shunned: bool,
    priority: u16,
    is_far: bool,
    near: Near,
    chance: Chance,
    index: usize,
    round_trip: Option<Duration>,
}

/// By so much a target may be farther away than another before that one is preferred, whatever the regions say.
const FARTHER: Duration = Duration::from_millis(30);

/// Finds those that are farther away than others of their priority, by what was measured.
fn put_back(trunk: TrunkIx, targets: &mut [Ranked], moved: &mut Moves) {
    for at in 0..targets.len() {
        let Some(own) = targets.get(at).copied() else {
            return;
        };
        let same = |other: &&Ranked| (other.shunned, other.priority) == (own.shunned, own.priority);
        let nearest = targets
            .iter()
            .filter(same)
            .filter_map(|other| other.round_trip)
            .min();
        let (Some(took), Some(nearest)) = (own.round_trip, nearest) else {
            continue;
        };
        if took > nearest + FARTHER
            && let Some(target) = targets.get_mut(at)
        {
            target.is_far = true;
            moved.push(Moved {
                trunk,
                target: own.index as u16,
                took,
                nearest,
            });
        }
    }
}
