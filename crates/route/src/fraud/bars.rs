//! What is kept from calling, and until when.

use super::event::Event;
use super::group::Way;
use super::place::Place;
use super::policy::Rule;
use super::watch::Watch;
use std::time::{Duration, Instant};

/// Bars of one customer at once; what comes on top is told of only.
pub(super) const MOST: usize = 64;
/// The longest that a bar lasts.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Which of a customer's calls are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those to one country, or one country's numbers of high risk.
    Place(Place),
    /// Dear ones to countries that it does not usually call, and to numbers of high risk.
    Unusual,
    /// Dear ones.
    Dear,
    /// All.
    Customer,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(place) => place.fmt(f),
            Self::Unusual => f.write_str("dear calls to unusual destinations"),
            Self::Dear => f.write_str("dear calls"),
            Self::Customer => f.write_str("all calls"),
        }
    }
}

impl Scope {
    /// Whether it goes by what calls cost, which is not known when they begin.
    pub(super) fn is_of_price(self) -> bool {
        match self {
            Self::Unusual | Self::Dear => true,
            Self::Place(_) | Self::Customer => false,
        }
    }

    /// Whether a call to this place is meant.
    pub(super) fn covers(self, place: Option<Place>, watch: &Watch) -> bool {
        match self {
            Self::Place(other) => place == Some(other),
            Self::Unusual => watch.odd,
            Self::Dear => watch.dear,
            Self::Customer => true,
        }
    }
}

/// How calls are kept from going on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Block,
    /// So many calls per second go on.
    Throttle(f64),
}

/// One bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) id: u64,
    pub(super) way: Way,
    pub(super) scope: Scope,
    pub(super) rule: Rule,
    pub(super) kind: Kind,
    pub(super) since_ms: u64,
    pub(super) until: Instant,
    /// When the next call may go on, where some do.
    pub(super) next: Instant,
    pub(super) refused: u64,
}

impl Bar {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now
    }

    /// Whether a call that it covers may go on all the same.
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        match self.kind {
            Kind::Block => false,
            Kind::Throttle(rate) if self.next <= now => {
                let every = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(LONGEST);
                self.next = now + every.min(LONGEST);
                true
            }
            Kind::Throttle(_) => false,
        }
    }
}

/// How often something was barred of late, for how long it is barred next.
#[derive(Debug, Clone)]
pub(super) struct Offence {
    way: Way,
    scope: Scope,
    times: u32,
    last: Instant,
}

/// One customer's bars.
#[derive(Debug, Clone, Default)]
pub(super) struct Bars {
    pub(super) list: Vec<Bar>,
    offences: Vec<Offence>,
}

impl Bars {
    pub(super) fn expire(&mut self, now: Instant) {
        self.list.retain(|bar| !bar.is_over(now));
    }

    /// For how long the next bar of this lasts, if the first one lasts `time`: each within a day of the last one's end twice as long.
    fn time(&mut self, now: Instant, way: Way, scope: Scope, time: Duration) -> Duration {
        self.offences
            .retain(|offence| now.saturating_duration_since(offence.last) < LONGEST);
        let same = |offence: &Offence| (offence.way, offence.scope) == (way, scope);
        let place = self.offences.iter().position(same);
        let known = place.and_then(|place| self.offences.get_mut(place));
        let times = known.as_ref().map_or(0, |offence| offence.times);
        let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
        let time = time.saturating_mul(factor).min(LONGEST);
        let last = now + time;
        match known {
            Some(offence) => (offence.times, offence.last) = (times.saturating_add(1), last),
            None => {
                let times = 1;
                let offence = Offence {
                    way,
                    scope,
                    times,
                    last,
                };
                self.offences.truncate(MOST - 1);
                self.offences.push(offence);
            }
        }
        time
    }

    /// Puts up a bar, in place of a lesser one of the same scope; its end. `None`: there are as many as there may be.
    pub(super) fn put_up(
        &mut self,
        now: Instant,
        event: &Event,
        (way, scope): (Way, Scope),
        kind: Kind,
        time: Duration,
    ) -> Option<Instant> {
        self.expire(now);
        self.list.retain(|bar| (bar.way, bar.scope) != (way, scope));
        if self.list.len() >= MOST {
            return None;
        }
        let until = now + self.time(now, way, scope, time);
        self.list.push(Bar {
            id: event.id,
            way,
            scope,
            rule: event.rule,
            kind,
            since_ms: event.at_ms,
            until,
            next: now,
            refused: 0,
        });
        Some(until)
    }

    /// Whether everything of this scope is blocked already.
    pub(super) fn has(&self, now: Instant, way: Way, scope: Scope, kind: Kind) -> bool {
        let same = |bar: &Bar| {
            let as_strict = bar.kind == Kind::Block || kind != Kind::Block;
            !bar.is_over(now)
                && bar.way == way
                && as_strict
                && (bar.scope == scope || bar.scope == Scope::Customer)
        };
        self.list.iter().any(same)
    }
}
