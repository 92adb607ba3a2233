//! What a decision saw, kept as data; words are made of it only when somebody asks.

use super::draw::Draw;
use super::order::{self, Standing};
use super::{NoRouteReason, Request};
use crate::deck::{Money, Rate};
use crate::live::Refusal;
use crate::number::bare;
use crate::prices::Terms;
use crate::tables::{self, Tables, TrunkIx};
use config::Trunk;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// What a decision saw.
#[derive(Debug, Clone)]
pub struct Trace {
    /// By what the candidates were chosen.
    pub basis: Basis,
    /// The random number that decided among equals.
    pub draw: u64,
    /// The class of service of the call.
    pub class: Option<Arc<str>>,
    /// Every trunk that was looked at, as it came.
    standings: Vec<Standing>,
    pub(super) from: TrunkIx,
    called: SmallVec<[u8; 24]>,
    trunks: Arc<[Arc<Trunk>]>,
    terms: Arc<[Terms]>,
}

/// By what the candidates of a call were chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// A number rule, by its `match`.
    Number(Box<str>),
    /// All carriers, by price, priority and weight.
    Carriers,
    /// Nothing: a carrier's call to a number without a rule.
    NoTransit,
}

/// One trunk that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The trunk.
    pub trunk: TrunkIx,
    /// What its deck asks.
    pub rate: Option<Rate>,
    /// Its `priority`.
    pub priority: u16,
    /// Weight of its foremost targets together.
    pub weight: u32,
    /// What became of it.
    pub place: Place,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It stands where its score puts it.
    InOrder,
    /// It stands behind all others.
    Last(Late),
    /// It is not tried.
    Dropped(LeftOut),
}

/// Why a candidate stands behind all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// `max_calls` are in progress.
    Calls,
    /// `max_cps` calls have begun within a second.
    Cps,
    /// All its targets are down, or have asked to be left alone.
    Down,
    /// Its targets have come back lately, and this call is not among their share yet.
    Recovering,
}

/// Why a candidate is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It is switched off.
    Disabled,
    /// It takes no new calls.
    Draining,
    /// It has no target.
    NoTarget,
    /// We are not registered with it, which it wants.
    Unregistered,
    /// The class excludes it.
    Excluded,
    /// The class names other trunks.
    NotListed,
    /// Its deck has no price for the number.
    NoPrice,
    /// Its deck blocks the number.
    Blocked,
    /// It asks more per minute than the class's `max_price`, which this is.
    TooDear(Money),
}

impl Place {
    pub(super) fn is_dropped(self) -> bool {
        matches!(self, Self::Dropped(_))
    }

    /// Which part of the order it belongs to.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::InOrder => 0,
            Self::Last(_) => 1,
            Self::Dropped(_) => 2,
        }
    }
}

impl From<Refusal> for Place {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Calls => Self::Last(Late::Calls),
            Refusal::Cps => Self::Last(Late::Cps),
            Refusal::Disabled => Self::Dropped(LeftOut::Disabled),
            Refusal::Unregistered => Self::Dropped(LeftOut::Unregistered),
            Refusal::Draining => Self::Dropped(LeftOut::Draining),
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "max_calls reached",
            Self::Cps => "max_cps reached",
            Self::Down => "all targets down or backing off",
            Self::Recovering => "targets came back lately: not among their share yet",
        })
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("disabled"),
            Self::Draining => f.write_str("draining"),
            Self::NoTarget => f.write_str("it has no target"),
            Self::Unregistered => f.write_str("not registered there"),
            Self::Excluded => f.write_str("the class excludes it"),
            Self::NotListed => f.write_str("the class names other trunks"),
            Self::NoPrice => f.write_str("its deck has no price for this number"),
            Self::Blocked => f.write_str("its deck blocks this number"),
            Self::TooDear(most) => write!(f, "above the class's max_price of {most}"),
        }
    }
}

impl Trace {
    pub(super) fn new(
        tables: &Tables,
        request: &Request<'_>,
        terms: &Arc<[Terms]>,
        basis: Basis,
        standings: Vec<Standing>,
    ) -> Self {
        Self {
            basis,
            draw: request.draw,
            class: tables
                .class_of(request.from, request.class)
                .map(|class| Arc::clone(&class.name)),
            standings,
            from: request.from,
            called: bare(request.called).as_bytes().into(),
            trunks: Arc::clone(tables.identity()),
            terms: Arc::clone(terms),
        }
    }

    /// Every trunk that was looked at: those that were taken, in their order, then those placed last, then
    /// those dropped.
    pub fn candidates(&self) -> Vec<Candidate> {
        let weight = |trunk| self.trunk(trunk).map_or(0, tables::weight);
        let order = match self.basis {
            Basis::Carriers => order::all(&self.standings, Draw::new(self.draw), weight),
            Basis::Number(_) | Basis::NoTransit => order::by_part(&self.standings),
        };
        let candidate = |index: &u32| {
            let standing = self.standings.get(*index as usize)?;
            let terms = self.terms.get(standing.offer.terms as usize);
            Some(Candidate {
                trunk: standing.trunk,
                rate: terms.map(|terms| terms.rate(standing.offer.prefix_len)),
                priority: standing.priority,
                weight: weight(standing.trunk),
                place: standing.place,
            })
        };
        order.iter().filter_map(candidate).collect()
    }

    /// Why a trace without a single attempt is one.
    pub(super) fn no_route(&self) -> NoRouteReason {
        let out_of_service = |standing: &Standing| match standing.place {
            Place::Dropped(
                LeftOut::Disabled | LeftOut::Draining | LeftOut::NoTarget | LeftOut::Unregistered,
            )
            | Place::Last(_)
            | Place::InOrder => true,
            Place::Dropped(_) => false,
        };
        if self.basis == Basis::NoTransit {
            NoRouteReason::UnknownNumber
        } else if self.standings.iter().any(out_of_service) {
            NoRouteReason::OutOfService
        } else {
            NoRouteReason::NoCarrier
        }
    }

    /// The decision in plain words: [`DecisionView::lines`](super::DecisionView::lines).
    pub fn lines(&self) -> Vec<String> {
        self.view().lines()
    }

    pub(super) fn name(&self, ix: TrunkIx) -> &str {
        self.trunk(ix).map_or("?", |trunk| &trunk.name)
    }

    fn trunk(&self, ix: TrunkIx) -> Option<&Trunk> {
        self.trunks.get(ix.0 as usize).map(|trunk| &**trunk)
    }

    /// The called number, without `+`.
    pub(super) fn called(&self) -> &str {
        std::str::from_utf8(&self.called).unwrap_or_default()
    }
}
