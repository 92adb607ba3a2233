//! From candidates to attempts: so many as are worth keeping, each at a target.

use super::decide::Decision;
use super::order;
use super::trace::Place;
use super::{Attempt, Standing};
use crate::tables::{Rule, TrunkIx};
use smallvec::SmallVec;

/// What holds where no trunk has written `failover.attempts`.
pub(super) const USUAL_ATTEMPTS: usize = 3;

/// Attempts kept beyond the limit, to stand in for those that a trunk's limits refuse at their moment, and for trunks that can't be
/// offered the call.
const SPARE: usize = 4;

impl Decision<'_> {
    /// The attempts: targets that are well in the trunks' order, then those that are not, then trunks placed last. The trunks' order
    /// is the rule's, or among carriers that of their scores.
    pub(super) fn attempts(&self, standings: &[Standing], rule: Option<&Rule>) -> SmallVec<[Attempt; 4]> {
        let most = self.kept(rule);
        let order = match rule {
            Some(_) => order::by_part(standings),
            None => order::foremost(standings, most, self.draw, |trunk| self.tables.weight(trunk)),
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
            let well = standing.place == Place::InOrder;
            self.each_target(standing.trunk, |target, shunned| {
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

    /// A trunk's targets and whether each is shunned: by priority, then at random by weight (RFC 2782),
    /// those that are shunned last.
    fn each_target(&self, ix: TrunkIx, mut with: impl FnMut(usize, bool)) {
        match self.tables.targets(ix) {
            0 => return with(Attempt::REGISTERED, false),
            1 => return with(0, self.shunned(ix, 0)),
            _ => {}
        }
        let mut targets: SmallVec<[_; 8]> = SmallVec::new();
        for (index, target) in self.tables.trunk(ix).targets.iter().enumerate() {
            let chance = self.draw.chance(ix, Some(index), u32::from(target.weight));
            targets.push((self.shunned(ix, index), target.priority, chance, index));
        }
        targets.sort_unstable();
        for (shunned, _, _, index) in targets {
            with(index, shunned);
        }
    }

    fn attempt(&self, standing: &Standing, target: usize) -> Attempt {
        let offer = standing.offer;
        let terms = self.terms().get(offer.terms as usize);
        Attempt {
            trunk: standing.trunk,
            target,
            contact: None,
            rate: terms.map(|terms| terms.rate(offer.prefix_len)),
        }
    }
}
