//! From a call to its attempts, in order, each with the reason for its place.

mod draw;
mod order;
mod trace;

use crate::deck::Rate;
use crate::live::Live;
use crate::tables::{Rule, Tables, TrunkIx};
use config::{NumberIn, Role, Trunk};
use draw::Draw;
use order::Standing;
use smallvec::SmallVec;
use std::time::Instant;

pub use order::Score;
pub use trace::{Basis, Candidate, Late, LeftOut, Place, Trace};

/// What a decision has to go by.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Trunk that the call came from.
    pub from: TrunkIx,
    /// Calling number or user, as received and unescaped, without URI parameters.
    pub caller: &'a str,
    /// Called number or user, likewise.
    pub called: &'a str,
    /// Now, seconds since 1970 (UTC): which prices are in force.
    pub at_unix_s: u64,
    /// A random number, for the weights. The same number gives the same plan.
    pub draw: u64,
}

/// The attempts of a call.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order in which they are made; never empty. Some more than `limit`, for those that a trunk's
    /// limits refuse at their moment, or that can't be offered the call.
    pub attempts: SmallVec<[Attempt; 4]>,
    /// How many INVITEs may be sent at most: the fewest that `failover.attempts` of the calling trunk and of
    /// those tried allow; 3 where none of them has written it.
    pub limit: usize,
    /// Why the attempts stand in this order, and who was left out.
    pub trace: Trace,
}

/// One INVITE that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Trunk to send it to.
    pub trunk: TrunkIx,
    /// Index into the trunk's `targets`; [`Attempt::REGISTERED`]: wherever the user is that has registered for it.
    pub target: usize,
    /// Which of the places that a user is registered at, once that is known.
    pub contact: Option<u16>,
    /// Called number, in the trunk's format for the Request-URI.
    pub called: Box<str>,
    /// Calling number, in the trunk's format for From.
    pub caller: Box<str>,
    /// What the trunk's deck asks for this call.
    pub rate: Option<Rate>,
}

impl Attempt {
    /// In place of an index: the called user's registration says where.
    pub const REGISTERED: usize = usize::MAX;
}

/// No trunk may take the call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct NoRoute {
    /// SIP status for the caller.
    pub status: u16,
    /// Why, in a sentence.
    pub reason: NoRouteReason,
    /// Who was looked at, and why not.
    pub trace: Trace,
}

/// Why a call has no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRouteReason {
    /// A carrier's call to a number that nobody here has; calls don't pass from carrier to carrier. 404.
    #[error("no number rule for this called number")]
    UnknownNumber,
    /// No carrier sells this destination to this class of service. 404.
    #[error("no carrier takes this destination")]
    NoCarrier,
    /// The trunks that would take it are switched off or have no target. 503.
    #[error("the trunks for this number are out of service")]
    OutOfService,
}

impl NoRouteReason {
    /// SIP status for the caller.
    pub fn status(self) -> u16 {
        match self {
            Self::UnknownNumber | Self::NoCarrier => 404,
            Self::OutOfService => 503,
        }
    }
}

/// Attempts kept beyond the limit, to stand in for those that a trunk's limits refuse at their moment, and for trunks that can't be
/// offered the call.
const SPARE: usize = 4;

/// Orders the attempts of one call.
///
/// A number rule that fits the called number decides first: its trunks, in its order. Otherwise a
/// customer's call goes to
/// the carriers that are enabled, allowed by the customer's class, and sell the destination: by price, then
/// priority, then at random by weight.
/// Trunks that are full or down come after all others, never out: a wrong reading must not cost a call. A
/// carrier's call without a rule has no route.
pub fn plan(tables: &Tables, live: &Live, now: Instant, request: &Request<'_>) -> Result<Plan, NoRoute> {
    let decision = Decision {
        tables,
        live,
        now,
        request,
        draw: Draw::new(request.draw),
    };
    let rule = tables.rule(request.called);
    let from = tables.trunk(request.from);
    let (basis, mut standings) = match rule {
        Some(rule) => (
            Basis::Number(rule.rule.pattern.text.as_str().into()),
            decision.by_rule(rule),
        ),
        None if from.role == Role::Customer => (Basis::Carriers, decision.by_price()),
        None => (Basis::NoTransit, Vec::new()),
    };
    if rule.is_none() {
        order::sort(&mut standings);
    }
    // Stable: within each part the order above stays.
    standings.sort_by_key(|standing| standing.candidate.place.rank());
    let attempts = decision.attempts(&standings, kept(tables, from, &standings));
    let class = tables.class(request.from).map(|class| class.name.clone());
    let candidates = standings.iter().map(|standing| standing.candidate).collect();
    let trace = Trace::new(tables, request, class, basis, candidates);
    if attempts.is_empty() {
        let reason = trace.no_route();
        return Err(NoRoute {
            status: reason.status(),
            reason,
            trace,
        });
    }
    let limit = limit(tables, from, &attempts);
    Ok(Plan {
        attempts,
        limit,
        trace,
    })
}

/// What holds where no trunk has written `failover.attempts`.
const USUAL_ATTEMPTS: usize = 3;

/// How many of `attempts` may be made: the fewest that the calling trunk, and before each further attempt a
/// trunk that has failed, wants.
fn limit(tables: &Tables, from: &Trunk, attempts: &[Attempt]) -> usize {
    let wanted = |trunk: &Trunk| trunk.failover.attempts.map(usize::from);
    let mut fewest = wanted(from);
    let mut made = 0;
    for attempt in attempts {
        made += 1;
        let its = wanted(tables.trunk(attempt.trunk));
        fewest = fewest.into_iter().chain(its).min();
        if made >= fewest.unwrap_or(USUAL_ATTEMPTS) {
            break;
        }
    }
    made
}

/// How many attempts are worth keeping.
fn kept(tables: &Tables, from: &Trunk, standings: &[Standing]) -> usize {
    let its = |standing: &Standing| tables.trunk(standing.candidate.trunk).failover.attempts;
    let written = standings.iter().filter_map(its).chain(from.failover.attempts);
    written.map(usize::from).fold(USUAL_ATTEMPTS, usize::max) + SPARE
}

/// Why a target is left for last, the lesser reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shunned {
    Recovering,
    Down,
}

impl From<Shunned> for Late {
    fn from(why: Shunned) -> Self {
        match why {
            Shunned::Recovering => Self::Recovering,
            Shunned::Down => Self::Down,
        }
    }
}

/// What all steps of one decision look at.
struct Decision<'a> {
    tables: &'a Tables,
    live: &'a Live,
    now: Instant,
    request: &'a Request<'a>,
    draw: Draw,
}

impl Decision<'_> {
    /// The trunks of a number rule, in its order.
    fn by_rule(&self, rule: &Rule) -> Vec<Standing> {
        let standing = |&ix: &TrunkIx| {
            let rate = self.rate(ix);
            let place = match rate {
                Some(rate) if rate.blocked => Place::Dropped(LeftOut::Blocked),
                Some(_) | None => self.usable(ix),
            };
            self.standing(ix, rate, place)
        };
        rule.to.iter().map(standing).collect()
    }

    /// Every carrier, with its price.
    fn by_price(&self) -> Vec<Standing> {
        let standing = |&ix: &TrunkIx| {
            let rate = self.rate(ix);
            let place = match self.barred(ix, rate) {
                Some(why) => Place::Dropped(why),
                None => self.relieved(ix, self.usable(ix)),
            };
            self.standing(ix, rate, place)
        };
        self.tables.carriers().iter().map(standing).collect()
    }

    fn standing(&self, ix: TrunkIx, rate: Option<Rate>, place: Place) -> Standing {
        let trunk = self.tables.trunk(ix);
        let weight = self.tables.weight(ix);
        Standing {
            candidate: Candidate {
                trunk: ix,
                rate,
                priority: trunk.priority,
                weight,
                place,
            },
            score: Score::of(rate),
            chance: self.draw.chance(ix, None, weight),
        }
    }

    fn rate(&self, ix: TrunkIx) -> Option<Rate> {
        self.tables
            .deck(ix)?
            .lookup(self.request.called, self.request.at_unix_s)
    }

    /// Why the class or the deck keeps a carrier out.
    fn barred(&self, ix: TrunkIx, rate: Option<Rate>) -> Option<LeftOut> {
        use crate::tables::Leave;
        let class = self.tables.class(self.request.from);
        match class.map(|class| class.leave(ix)) {
            Some(Leave::Excluded) => return Some(LeftOut::Excluded),
            Some(Leave::NotListed) => return Some(LeftOut::NotListed),
            Some(Leave::Allowed) | None => {}
        }
        let most = class.and_then(|class| class.max_price);
        match (rate, most) {
            (Some(rate), _) if rate.blocked => Some(LeftOut::Blocked),
            (Some(rate), Some(most)) if rate.per_minute > most => Some(LeftOut::TooDear(most)),
            (None, _) if self.tables.deck(ix).is_some() => Some(LeftOut::NoPrice),
            (Some(_) | None, _) => None,
        }
    }

    /// Whether a trunk can take the call now, as far as its own state goes.
    fn usable(&self, ix: TrunkIx) -> Place {
        let trunk = self.tables.trunk(ix);
        if !trunk.enabled {
            return Place::Dropped(LeftOut::Disabled);
        }
        if trunk.targets.is_empty() && trunk.users.is_empty() {
            return Place::Dropped(LeftOut::NoTarget);
        }
        let priority = self.tables.has_priority(self.request.from);
        if let Err(refusal) = self.live.check(self.now, self.tables, ix, priority) {
            return Place::from(refusal);
        }
        let late = (0..trunk.targets.len()).map(|target| self.late(ix, target));
        // The least of reasons holds for the trunk: one that comes back before one that is down.
        late.min()
            .flatten()
            .map_or(Place::InOrder, |late| Place::Last(late.into()))
    }

    /// A carrier that carries as much as it should lets others go first.
    fn relieved(&self, ix: TrunkIx, place: Place) -> Place {
        match place {
            Place::InOrder if self.live.is_above_target(self.now, self.tables, ix) => {
                Place::Last(Late::AboveTarget)
            }
            Place::InOrder | Place::Last(_) | Place::Dropped(_) => place,
        }
    }

    /// Why a target is left for last.
    fn late(&self, ix: TrunkIx, target: usize) -> Option<Shunned> {
        if self.live.is_shunned(self.now, self.tables, ix, target) {
            return Some(Shunned::Down);
        }
        let chance = || self.draw.unit(ix, target);
        let spared = self.live.is_spared(self.now, self.tables, ix, target, chance);
        spared.then_some(Shunned::Recovering)
    }

    fn shunned(&self, ix: TrunkIx, target: usize) -> bool {
        self.late(ix, target).is_some()
    }

    /// The attempts, `most` of them: targets that are well in the trunks' order, then those that are not,
    /// then trunks placed last.
    fn attempts(&self, standings: &[Standing], most: usize) -> SmallVec<[Attempt; 4]> {
        let mut attempts = SmallVec::new();
        let mut spare: SmallVec<[(&Candidate, usize); 8]> = SmallVec::new();
        for Standing { candidate, .. } in standings {
            let well = match candidate.place {
                Place::InOrder | Place::Last(Late::AboveTarget) => true,
                Place::Last(_) => false,
                Place::Dropped(_) => break,
            };
            if attempts.len() >= most {
                break;
            }
            for (target, shunned) in self.targets(candidate.trunk) {
                if well && !shunned {
                    attempts.push(self.attempt(candidate, target));
                } else {
                    spare.push((candidate, target));
                }
            }
        }
        for (candidate, target) in spare {
            if attempts.len() >= most {
                break;
            }
            attempts.push(self.attempt(candidate, target));
        }
        attempts.truncate(most);
        attempts
    }

    /// A trunk's targets and whether each is shunned: by priority, then at random by weight (RFC 2782),
    /// those that are shunned last.
    fn targets(&self, ix: TrunkIx) -> SmallVec<[(usize, bool); 4]> {
        let trunk = self.tables.trunk(ix);
        if trunk.targets.is_empty() {
            return SmallVec::from_slice(&[(Attempt::REGISTERED, false)]);
        }
        let mut targets: SmallVec<[_; 4]> = trunk
            .targets
            .iter()
            .enumerate()
            .map(|(index, target)| {
                let chance = self.draw.chance(ix, Some(index), u32::from(target.weight));
                (self.shunned(ix, index), target.priority, chance, index)
            })
            .collect();
        targets.sort_unstable();
        targets
            .into_iter()
            .map(|(shunned, _, _, index)| (index, shunned))
            .collect()
    }

    fn attempt(&self, candidate: &Candidate, target: usize) -> Attempt {
        let trunk = self.tables.trunk(candidate.trunk);
        let write = |place, number| trunk.write_number(place, number).0.into_boxed_str();
        Attempt {
            trunk: candidate.trunk,
            target,
            contact: None,
            called: write(NumberIn::RequestUri, self.request.called),
            caller: write(NumberIn::From, self.request.caller),
            rate: candidate.rate,
        }
    }
}
