//! What a decision saw, kept as data; words are made of it only when somebody asks.

use super::draw::Draw;
use super::learned::Learned;
use super::order::{self, Standing};
use super::{NoRouteReason, Request};
use crate::deck::{Money, Rate};
use crate::live::Refusal;
use crate::margin::Margin;
use crate::number::bare;
use crate::prices::Terms;
use crate::tables::{self, Near, TrunkIx};
use config::Trunk;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a decision saw.
#[derive(Debug, Clone)]
pub struct Trace {
    /// By what the candidates were chosen.
    pub basis: Basis,
    /// The random number that decided among equals.
    pub draw: u64,
    /// Every trunk that was looked at, as it came.
    standings: Vec<Standing>,
    pub(super) from: TrunkIx,
    called: SmallVec<[u8; 24]>,
    /// The number that decks were asked for, where that is another.
    pub(super) routed: Option<Box<str>>,
    pub(super) measures: Measures,
    /// Targets that were put behind others of their trunks.
    pub(super) moved: Moves,
    /// What was read of what was learned; `None`: nothing, and price decides.
    pub(super) learned: Option<Box<Learned>>,
    shared: Arc<Shared>,
}

/// By what candidates were measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measures {
    /// The class of the call, by its place in the configuration.
    pub(super) class: Option<u16>,
    /// The class's.
    pub(super) max_price: Option<Money>,
    /// The class's.
    pub(super) min_margin: Option<Margin>,
    /// What the customer pays for three minutes.
    pub(super) sell: Option<Money>,
    /// Where the call has come in there is a region.
    pub(super) has_region: bool,
}

/// A target that is farther away than another of its trunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub(super) trunk: TrunkIx,
    pub(super) target: u16,
    /// How long it takes to hear of it, and of the nearest.
    pub(super) took: Duration,
    pub(super) nearest: Duration,
}

/// Of the trunks that attempts are made to: there are few.
pub(super) type Moves = SmallVec<[Moved; 1]>;

/// What all traces of one configuration need to be put into words.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) trunks: Arc<[Arc<Trunk>]>,
    /// What offers ask.
    pub(crate) terms: Arc<[Terms]>,
    /// The names of classes.
    pub(crate) classes: Arc<[Box<str>]>,
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
    /// It is for emergency services: their routes, then whoever there is.
    Emergency,
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
    /// How near it is to where the call has come in; `None`: there is no region there, or a number rule names it.
    pub near: Option<Near>,
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
    /// It carries as much as it should (`capacity.target`), and others do not.
    AboveTarget,
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
    /// It asks more per minute than the class's `max_price`.
    TooDear,
    /// What the customer pays leaves less than the class's `min_margin`.
    ThinMargin,
    /// It does not pass the caller's number on, and the class wants that.
    NoCallerId,
    /// It is in none of the class's `jurisdictions`.
    Jurisdiction,
}

impl Place {
    pub(super) fn is_dropped(self) -> bool {
        matches!(self, Self::Dropped(_))
    }

    /// Which part of the order it belongs to.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::InOrder => 0,
            Self::Last(Late::AboveTarget) => 1,
            Self::Last(_) => 2,
            Self::Dropped(_) => 3,
        }
    }
}

impl From<Refusal> for Place {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Calls | Refusal::DestinationCalls => Self::Last(Late::Calls),
            Refusal::Cps | Refusal::DestinationCps => Self::Last(Late::Cps),
            Refusal::Disabled => Self::Dropped(LeftOut::Disabled),
            Refusal::Unregistered => Self::Dropped(LeftOut::Unregistered),
            Refusal::Draining => Self::Dropped(LeftOut::Draining),
        }
    }
}

impl Late {
    /// Where it is placed, and why.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::AboveTarget => format!("placed behind others: {self}"),
            Self::Calls | Self::Cps | Self::Down | Self::Recovering => format!("placed last: {self}"),
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AboveTarget => "above its target load",
            Self::Calls => "max_calls reached",
            Self::Cps => "max_cps reached",
            Self::Down => "all targets down or backing off",
            Self::Recovering => "targets came back lately: not among their share yet",
        })
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Draining => "draining",
            Self::NoTarget => "it has no target",
            Self::Unregistered => "not registered there",
            Self::Excluded => "the class excludes it",
            Self::NotListed => "the class names other trunks",
            Self::NoPrice => "its deck has no price for this number",
            Self::Blocked => "its deck blocks this number",
            Self::TooDear => "above the class's max_price",
            Self::ThinMargin => "it leaves less than the class's min_margin",
            Self::NoCallerId => "it does not pass the caller's number on",
            Self::Jurisdiction => "it is in none of the class's jurisdictions",
        })
    }
}

impl Trace {
    pub(super) fn new(
        request: &Request<'_>,
        shared: Arc<Shared>,
        basis: Basis,
        standings: Vec<Standing>,
        measures: Measures,
        moved: Moves,
    ) -> Self {
        Self {
            basis,
            draw: request.draw,
            standings,
            from: request.from,
            called: SmallVec::from_slice(bare(request.called).as_bytes()),
            routed: request.routed.map(|routed| bare(routed).into()),
            measures,
            moved,
            learned: None,
            shared,
        }
    }

    /// The class of service of the call.
    pub fn class(&self) -> Option<&str> {
        let ix = self.measures.class?;
        self.shared.classes.get(usize::from(ix)).map(|name| &**name)
    }

    /// Every trunk that was looked at: those that were taken, in their order, then those placed last, then
    /// those dropped.
    pub fn candidates(&self) -> Vec<Candidate> {
        let weight = |trunk| self.trunk(trunk).map_or(0, tables::weight);
        let order = match self.basis {
            Basis::Carriers => order::all(&self.standings, Draw::new(self.draw), weight),
            Basis::Number(_) | Basis::Emergency | Basis::NoTransit => order::by_part(&self.standings),
        };
        let candidate = |index: &u32| {
            let standing = self.standings.get(*index as usize)?;
            let terms = self.shared.terms.get(standing.terms as usize);
            Some(Candidate {
                trunk: standing.trunk,
                rate: terms.map(|terms| terms.rate(standing.prefix_len)),
                priority: self.trunk(standing.trunk).map_or(0, |trunk| trunk.priority),
                weight: weight(standing.trunk),
                near: (self.measures.has_region && self.basis == Basis::Carriers).then(|| standing.near()),
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
        if self.basis == Basis::Emergency && self.standings.is_empty() {
            NoRouteReason::NoEmergencyRoute
        } else if self.basis == Basis::NoTransit {
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

    pub(super) fn standing(&self, index: u32) -> Option<&Standing> {
        self.standings.get(index as usize)
    }

    pub(super) fn name(&self, ix: TrunkIx) -> &str {
        self.trunk(ix).map_or("?", |trunk| &trunk.name)
    }

    pub(super) fn trunk(&self, ix: TrunkIx) -> Option<&Trunk> {
        self.shared.trunks.get(ix.0 as usize).map(|trunk| &**trunk)
    }

    /// The called number, without `+`.
    pub(super) fn called(&self) -> &str {
        std::str::from_utf8(&self.called).unwrap_or_default()
    }
}
