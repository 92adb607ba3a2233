//! The attempts of a call that goes to one trunk and to no other.

use super::attempts::USUAL_ATTEMPTS;
use super::decide::Decision;
use super::draw::Draw;
use super::{Attempt, LeftOut, Place, Request};
use crate::live::Live;
use crate::tables::{Tables, TrunkIx};
use smallvec::SmallVec;
use std::time::Instant;

/// The attempts of a call to this trunk: at its targets, or at `target` alone where one is named; those that are down last. None of
/// another trunk is ever among them. With them: how many may be made, which is the fewest that this trunk and the calling one allow.
///
/// # Errors
/// Why the trunk does not take the call. One that is full for now is asked when its turn comes.
pub fn plan_only(
    tables: &Tables,
    live: &Live,
    now: Instant,
    request: &Request<'_>,
    (to, target): (TrunkIx, Option<usize>),
) -> Result<(SmallVec<[Attempt; 4]>, usize), LeftOut> {
    let trunk = tables.trunk(to);
    if !trunk.enabled {
        return Err(LeftOut::Disabled);
    }
    let priority = tables.has_priority(request.from);
    if let Err(refusal) = live.check(now, tables, to, priority)
        && let Place::Dropped(why) = Place::from(refusal)
    {
        return Err(why);
    }
    let rate = Decision::new(tables, live, now, request).rate(to)?;
    let draw = Draw::new(request.draw);
    let wanted = |(index, _): &(usize, &config::Target)| target.is_none_or(|target| target == *index);
    let mut order: SmallVec<[_; 4]> = trunk
        .targets
        .iter()
        .enumerate()
        .filter(wanted)
        .map(|(index, target)| {
            let chance = draw.chance(to, Some(index), u32::from(target.weight));
            let shunned = live.is_shunned(now, tables, to, index);
            (shunned, target.priority, chance, index)
        })
        .collect();
    order.sort_unstable();
    let mut targets: SmallVec<[usize; 4]> = order.into_iter().map(|(.., index)| index).collect();
    if trunk.targets.is_empty() && !trunk.users.is_empty() && target.is_none() {
        targets.push(Attempt::REGISTERED);
    }
    if targets.is_empty() {
        return Err(LeftOut::NoTarget);
    }
    let limits = [tables.trunk(request.from), trunk].map(|trunk| trunk.failover.attempts);
    let limit = limits.into_iter().flatten().map(usize::from).min();
    let attempt = |target| Attempt {
        trunk: to,
        target,
        contact: None,
        rate,
    };
    let attempts = targets.into_iter().map(attempt).collect();
    Ok((attempts, limit.unwrap_or(USUAL_ATTEMPTS)))
}
