//! From a call to its attempts, in order, each with the reason for its place.

mod attempts;
mod decide;
mod draw;
mod emergency;
mod learned;
mod only;
mod order;
mod trace;
mod view;

use crate::deck::Rate;
use crate::live::Live;
use crate::tables::{Tables, TrunkIx};
use config::Role;
use decide::Decision;
use order::Keys;
use smallvec::SmallVec;
use std::time::Instant;
use trace::Moves;

pub use learned::Explores;
pub use only::plan_only;
pub use order::Score;
pub(crate) use order::Standing;
pub(crate) use trace::Shared;
pub use trace::{Basis, Candidate, Late, LeftOut, Place, Trace};
pub use view::{CandidateView, DecisionView, FartherView, LearnedView, RateView};

/// What a decision has to go by.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Trunk that the call came from.
    pub from: TrunkIx,
    /// Calling number or user, as received and unescaped, without URI parameters.
    pub caller: &'a str,
    /// Called number or user, likewise.
    pub called: &'a str,
    /// A class of service in place of the trunk's, by name; one that there is not is as none.
    pub class: Option<&'a str>,
    /// What the customer pays for the call, if that is known.
    pub sell: Option<Rate>,
    /// The number by which the call is priced, where that is another: the routing number of a ported one, with `+`.
    pub routed: Option<&'a str>,
    /// Whether it is a customer's call to emergency services, and `called` their number: its routes decide, and no deck.
    pub emergency: bool,
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
    /// What is to be found out by its first carrier; `None`: nothing.
    pub explores: Option<Box<Explores>>,
    /// Why the attempts stand in this order, and who was left out.
    pub trace: Trace,
}

/// One INVITE that may be sent. Its numbers are written when it is: most attempts of a plan are never made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Trunk to send it to.
    pub trunk: TrunkIx,
    /// Index into the trunk's `targets`; [`Attempt::REGISTERED`]: wherever the user is that has registered for it.
    pub target: usize,
    /// Which of the places that a user is registered at, once that is known.
    pub contact: Option<u16>,
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
    pub trace: Box<Trace>,
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
    /// An emergency call that no route is for, and no carrier may take. 503: another switch may know better.
    #[error("no emergency route fits, and emergency.any_carrier is off or there is no carrier")]
    NoEmergencyRoute,
}

impl NoRouteReason {
    /// SIP status for the caller.
    pub fn status(self) -> u16 {
        match self {
            Self::UnknownNumber | Self::NoCarrier => 404,
            Self::OutOfService | Self::NoEmergencyRoute => 503,
        }
    }
}

/// Orders the attempts of one call.
///
/// A number rule that fits the called number decides first: its trunks, in its order. Otherwise a
/// customer's call goes to
/// the carriers that are enabled, allowed by the customer's class, and sell the destination: by price, then
/// priority, then at random by weight.
/// Trunks that are full or down come after all others, never out: a wrong reading must not cost a call. A
/// carrier's call without a rule has no route.
pub fn plan(tables: &Tables, live: &Live, now: Instant, request: &Request<'_>) -> Result<Plan, NoRoute> {
    let decision = Decision::new(tables, live, now, request);
    let rule = tables.rule(request.called).filter(|_| !request.emergency);
    let mut keys = Keys::new();
    let mut learned = None;
    let (basis, standings) = match rule {
        _ if request.emergency => (Basis::Emergency, decision.by_emergency()),
        Some(rule) => (
            Basis::Number(rule.rule.pattern.text.as_str().into()),
            decision.by_rule(rule),
        ),
        None if tables.trunk(request.from).role == Role::Customer => {
            let mut standings = decision.by_price(&mut keys);
            learned = decision.learn(&mut standings, tables.carriers().priced(), &mut keys);
            (Basis::Carriers, standings)
        }
        None => (Basis::NoTransit, Vec::new()),
    };
    let mut moved = Moves::new();
    let attempts = decision.attempts(&basis, &standings, &keys, rule, &mut moved);
    let explores = learned
        .as_deref()
        .and_then(|learned| decision.explores(learned, &standings));
    let trace = decision.trace(basis, standings, moved, learned);
    if attempts.is_empty() {
        let reason = trace.no_route();
        return Err(NoRoute {
            status: reason.status(),
            reason,
            trace: Box::new(trace),
        });
    }
    Ok(Plan {
        limit: if request.emergency {
            attempts.len()
        } else {
            decision.limit(&attempts)
        },
        attempts,
        explores,
        trace,
    })
}
