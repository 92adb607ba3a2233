//! What a decision saw, kept as data; words are made of it only when somebody asks.

use super::{NoRouteReason, Request};
use crate::deck::{Money, Rate};
use crate::live::Refusal;
use crate::number::bare;
use crate::tables::{Tables, TrunkIx};
use config::Trunk;
use std::fmt;
use std::sync::Arc;

/// What a decision saw.
#[derive(Debug, Clone)]
pub struct Trace {
    /// By what the candidates were chosen.
    pub basis: Basis,
    /// Every trunk that was looked at: those that were taken, in their order, then those placed last, then
    /// those dropped.
    pub candidates: Vec<Candidate>,
    /// The random number that decided among equals.
    pub draw: u64,
    /// The class of service of the call.
    pub class: Option<Box<str>>,
    from: TrunkIx,
    called: Box<str>,
    trunks: Arc<[Arc<Trunk>]>,
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
    /// It asks more per minute than the class's `max_price`, which this is.
    TooDear(Money),
}

impl Place {
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
        class: Option<Box<str>>,
        basis: Basis,
        candidates: Vec<Candidate>,
    ) -> Self {
        let trunks = Arc::clone(tables.identity());
        Self {
            basis,
            candidates,
            draw: request.draw,
            class,
            from: request.from,
            called: bare(request.called).into(),
            trunks,
        }
    }

    /// Why a trace without a single attempt is one.
    pub(super) fn no_route(&self) -> NoRouteReason {
        let out_of_service = |candidate: &Candidate| match candidate.place {
            Place::Dropped(
                LeftOut::Disabled | LeftOut::Draining | LeftOut::NoTarget | LeftOut::Unregistered,
            )
            | Place::Last(_)
            | Place::InOrder => true,
            Place::Dropped(_) => false,
        };
        if self.basis == Basis::NoTransit {
            NoRouteReason::UnknownNumber
        } else if self.candidates.iter().any(out_of_service) {
            NoRouteReason::OutOfService
        } else {
            NoRouteReason::NoCarrier
        }
    }

    /// The decision in plain words, for the record and for people who ask: a line for the call, then one
    /// per candidate.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.headline()];
        let mut place = 0;
        for candidate in &self.candidates {
            let name = self.name(candidate.trunk);
            let offer = self.offer(candidate);
            lines.push(match candidate.place {
                Place::InOrder => {
                    place += 1;
                    format!("{place}. {name}: {offer}")
                }
                Place::Last(late @ Late::AboveTarget) => {
                    place += 1;
                    format!("{place}. {name}: {offer}; placed behind others: {late}")
                }
                Place::Last(late) => {
                    place += 1;
                    format!("{place}. {name}: {offer}; placed last: {late}")
                }
                Place::Dropped(why) => format!("not {name}: {offer}; {why}"),
            });
        }
        lines
    }

    fn headline(&self) -> String {
        let from = self.name(self.from);
        let class = match &self.class {
            Some(class) => format!(", class {class}"),
            None => String::new(),
        };
        let by = match &self.basis {
            Basis::Number(pattern) => format!("number rule {pattern}, its trunks in its order"),
            Basis::Carriers => format!(
                "carriers by price, then priority, then weight (draw {})",
                self.draw
            ),
            Basis::NoTransit => "no number rule, and a carrier's call goes to no other carrier".into(),
        };
        format!("{} from {from}{class}: {by}", self.called)
    }

    fn offer(&self, candidate: &Candidate) -> String {
        let Candidate {
            rate,
            priority,
            weight,
            ..
        } = candidate;
        let Some(rate) = rate else {
            return format!("no price, priority {priority}, weight {weight}");
        };
        let prefix = self
            .called
            .get(..usize::from(rate.prefix_len))
            .unwrap_or(&self.called);
        let fee = if rate.fee == Money(0) {
            String::new()
        } else {
            format!(" and {} a call", rate.fee)
        };
        let (first, increment) = (rate.first_interval, rate.increment);
        format!(
            "{}/min{fee} ({first}/{increment}) for {prefix}, priority {priority}, weight {weight}",
            rate.per_minute
        )
    }

    fn name(&self, ix: TrunkIx) -> &str {
        self.trunks.get(ix.0 as usize).map_or("?", |trunk| &trunk.name)
    }
}
