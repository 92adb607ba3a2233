//! The fraud guard: what each customer does with each country, held against what it usually does and against the ceilings that are
//! written; and what is done about it.
//!
//! [`Guard`] is told of each call as it happens ([`attempt`](Guard::attempt), [`priced`](Guard::priced),
//! [`answered`](Guard::answered), [`ended`](Guard::ended)) and that time goes on ([`tick`](Guard::tick)). It says whether a call may
//! go on, which calls are to be ended ([`take_cuts`](Guard::take_cuts)), and what it has found
//! ([`take_events`](Guard::take_events)). It has no clock: `now` is an argument.
//!
//! | file | what it is |
//! |---|---|
//! | `fraud/place.rs` | the country of a number |
//! | `fraud/policy.rs` | what holds for a customer |
//! | `fraud/window.rs` | sums over the last while |
//! | `fraud/baseline.rs` | what is usual |
//! | `fraud/group.rs` | what is counted of a customer's calls to a country |
//! | `fraud/watch.rs` | calls in progress |
//! | `fraud/calls.rs`, `fraud/tick.rs` | what happens to them |
//! | `fraud/judge.rs` | the patterns |
//! | `fraud/ceilings.rs` | the ceilings |
//! | `fraud/act.rs`, `fraud/bars.rs` | what is done |
//! | `fraud/event.rs`, `fraud/view.rs` | what is told |
//! | `fraud/keep.rs` | what is kept over a restart |
//!
//! Memory has an end: [`MAX_GROUPS`] pairs of customer and country with 5 kB each, of which the one that was not used for longest
//! gives way; as many customers as there are trunks; a hundred and some octets for each call in progress.

mod act;
mod bars;
mod baseline;
mod calls;
mod ceilings;
mod event;
mod group;
mod judge;
mod keep;
mod lru;
mod place;
mod policy;
mod tick;
mod view;
mod watch;
mod window;

use bars::Bars;
use ceilings::Ceiled;
use config::Config;
use group::Group;
use judge::When;
use lru::{Handle, Lru};
use policy::Policy;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use watch::Watches;

pub use bars::Scope;
pub use event::{Done, Event};
pub use group::Way;
pub use keep::Memory;
pub use place::Place;
pub use policy::Rule;
pub use view::{BlockView, EventView, FraudView};

/// Pairs of customer and country that are counted at once; the one that was not used for longest gives way.
pub const MAX_GROUPS: usize = 8_192;
/// Counts of ceilings that are kept at once; likewise.
pub const MAX_CEILED: usize = 8_192;
/// Events that are remembered for who asks; the oldest go first.
pub const MAX_EVENTS: usize = 256;

/// The moment of an input, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic clock.
    pub at: Instant,
    /// Wall clock, milliseconds since 1970 (UTC): tells the hour of the week, and dates events.
    pub unix_ms: u64,
}

/// A call that somebody wants to make.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The customer's name; of a call that comes in, the carrier's.
    pub trunk: &'a str,
    /// Which way it goes.
    pub way: Way,
    /// Calling number.
    pub caller: &'a str,
    /// Called number.
    pub called: &'a str,
    /// It is none of the guard's business: an emergency call, or a test.
    pub exempt: bool,
}

/// Why a call may not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is blocked.
    #[error("{scope} blocked for fraud ({}, block {id})", rule.word())]
    Blocked {
        /// Number of the block.
        id: u64,
        /// What was found.
        rule: Rule,
        /// Which calls are blocked.
        scope: Scope,
    },
    /// It comes too soon after others.
    #[error("{scope} throttled for fraud ({}, block {id})", rule.word())]
    Throttled {
        /// Number of the throttle.
        id: u64,
        /// What was found.
        rule: Rule,
        /// Which calls are throttled.
        scope: Scope,
    },
    /// A ceiling is reached.
    #[error("ceiling of {limit} {figure} to {place}")]
    Ceiling {
        /// What is counted, in words.
        figure: &'static str,
        /// The ceiling.
        limit: String,
        /// Of calls to where.
        place: String,
    },
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events, by the order of [`Rule::ALL`].
    pub events: [u64; Rule::ALL.len()],
    /// Calls refused for a block.
    pub blocked: u64,
    /// Calls refused for a throttle.
    pub throttled: u64,
    /// Calls refused for a ceiling.
    pub ceiling: u64,
    /// Calls that were to be ended.
    pub cut: u64,
}

/// One customer (or carrier).
#[derive(Debug, Clone)]
struct Customer {
    name: Arc<str>,
    policy: Arc<Policy>,
    listed: bool,
    /// When its first call came; `None`: it had none.
    first: Option<u32>,
    /// Its baselines come from before a restart.
    known: bool,
    bars: Bars,
    /// The country that it calls most, and how much.
    home: (u16, f32),
}

impl Customer {
    fn is_young(&self, now: u32) -> bool {
        let age = self.first.map_or(0, |first| now.saturating_sub(first));
        !self.known && self.policy.learning.is_some_and(|learning| age < learning)
    }
}

/// Whose calls, which way, and where (`None`: everywhere).
type GroupKey = (u32, Way, Option<Place>);

/// The fraud guard. One shard owns it; a clone is another one that knows the same.
#[derive(Debug, Clone)]
pub struct Guard {
    start: Option<Instant>,
    customers: Vec<Customer>,
    /// Places among them that nobody has.
    free: Vec<u32>,
    names: HashMap<Arc<str>, u32>,
    groups: Lru<GroupKey, Group>,
    ceiled: Lru<(u32, u64, u16), Ceiled>,
    watches: Watches,
    /// Groups that something has happened to since they were last looked at.
    stirred: Vec<Handle>,
    /// The next place of a watch to be looked at.
    cursor: usize,
    events: VecDeque<Event>,
    news: Vec<Event>,
    /// Calls that are to be ended, by their keys.
    cuts: BTreeMap<u64, Rule>,
    last_id: u64,
    counts: Counts,
    /// The moment that it was told of last, in seconds since the first.
    latest: u32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            start: None,
            customers: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            groups: Lru::new(MAX_GROUPS),
            ceiled: Lru::new(MAX_CEILED),
            watches: Watches::default(),
            stirred: Vec::new(),
            cursor: 0,
            events: VecDeque::new(),
            news: Vec::new(),
            cuts: BTreeMap::new(),
            last_id: 0,
            counts: Counts::default(),
            latest: 0,
        }
    }
}

impl Guard {
    /// Nothing known, nobody watched.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `config` the one in force. What was counted, learned and barred stays with the trunk of its name; of trunks that are gone
    /// it is forgotten, as soon as none of their calls is up.
    pub fn install(&mut self, config: &Config) {
        for customer in &mut self.customers {
            customer.listed = false;
        }
        for trunk in &config.trunks {
            let policy = Arc::new(Policy::of(config, trunk));
            let index = self.names.get(trunk.name.as_str()).copied();
            let known = index.and_then(|index| self.customers.get_mut(index as usize));
            match known {
                Some(customer) => (customer.policy, customer.listed) = (policy, true),
                None => self.add(Arc::from(trunk.name.as_str()), policy),
            }
        }
        let unlisted = |(index, customer): (u32, &Customer)| {
            let gone = !customer.listed && !customer.name.is_empty();
            gone.then_some(index)
        };
        let mut gone: BTreeSet<u32> = (0_u32..).zip(&self.customers).filter_map(unlisted).collect();
        if !gone.is_empty() {
            for watch in self.watches.iter() {
                gone.remove(&watch.customer);
            }
            self.forget(&gone);
        }
    }

    fn add(&mut self, name: Arc<str>, policy: Arc<Policy>) {
        let customer = Customer {
            name: Arc::clone(&name),
            policy,
            listed: true,
            first: None,
            known: false,
            bars: Bars::default(),
            home: (0, 0.0),
        };
        let index = self.free.pop().unwrap_or(self.customers.len() as u32);
        match self.customers.get_mut(index as usize) {
            Some(place) => *place = customer,
            None => self.customers.push(customer),
        }
        self.names.insert(name, index);
    }

    /// Their places are free for others: nobody has an empty name.
    fn forget(&mut self, gone: &BTreeSet<u32>) {
        for index in gone {
            if let Some(customer) = self.customers.get_mut(*index as usize) {
                self.names.remove(&std::mem::take(&mut customer.name));
                customer.bars = Bars::default();
                self.free.push(*index);
            }
        }
        self.groups.retain(|(customer, _, _)| !gone.contains(customer));
        self.ceiled.retain(|(customer, _, _)| !gone.contains(customer));
    }

    /// Seconds since the first moment that it was told of.
    fn seconds(&mut self, now: Moment) -> u32 {
        let start = *self.start.get_or_insert(now.at);
        let seconds = now.at.saturating_duration_since(start).as_secs();
        self.latest = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.latest
    }

    fn when(&mut self, now: Moment, customer: u32) -> When {
        let seconds = self.seconds(now);
        let customer = self.customers.get(customer as usize);
        When {
            now: seconds,
            unix_s: now.unix_ms / 1_000,
            hour: u32::try_from(now.unix_ms / 3_600_000).unwrap_or(u32::MAX),
            young: customer.is_some_and(|customer| customer.is_young(seconds)),
        }
    }

    fn policy(&self, customer: u32) -> Option<Arc<Policy>> {
        self.customers
            .get(customer as usize)
            .map(|customer| Arc::clone(&customer.policy))
    }

    /// The group of this key, with the hours behind it learned.
    fn group(&mut self, key: GroupKey, when: When) -> Handle {
        let (customer, way, place) = key;
        let handle = self
            .groups
            .entry(key, || Group::new(customer, way, place, when.hour));
        self.learn(handle, when);
        handle
    }

    fn learn(&mut self, handle: Handle, when: When) {
        let Some(group) = self.groups.get_mut(handle) else {
            return;
        };
        group.baseline.advance(when.hour, when.young);
        let (place, calls) = (group.place, group.baseline.calls());
        let country = place.filter(|place| place.is_country() && group.way == Way::Out);
        let customer = self.customers.get_mut(group.customer as usize);
        if let (Some(place), Some(customer)) = (country, customer)
            && (customer.home.0 == place.code() || calls > customer.home.1)
        {
            customer.home = (place.code(), calls);
        }
    }

    /// Calls that are watched: 0 when nothing is left over.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.watches.len()
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
