//! What one config makes of itself for routing: trunks by index, sources, number rules, decks. Immutable,
//! built off the shard.

mod build;
mod carriers;
mod dialing;
mod learning;
mod numbers;
mod regions;
mod sold;
mod sources;
mod users;

use crate::backup::Backups;
use crate::deck::Money;
use crate::margin::Margin;
use crate::plan::{Shared, Standing};
use crate::prices::{Price, Prices};
use carriers::Carriers;
use config::{Config, NumberRule, Role, Trunk};
use dialing::{Callers, Dialing};
use learning::Learning;
use numbers::Numbers;
use regions::Regions;
use sold::Sold;
use sources::Sources;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub use build::BuildError;
pub use carriers::Retired;
pub(crate) use carriers::weight;
pub use dialing::Dialled;
pub use regions::Near;
pub use sold::Sale;
pub use sources::WhyNot;
pub use users::{Called, UserIx};

use users::Users;

/// Index of a trunk in one [`Tables`]; means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrunkIx(pub u32);

/// A network by its place in a configuration: 0 is the one without a name, which is the only one where there are no others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkIx(pub u16);

impl NetworkIx {
    /// None of the configuration's networks: no trunk is in it.
    pub const NOWHERE: Self = Self(u16::MAX);

    /// The network of this name.
    #[must_use]
    pub fn named(config: &Config, name: Option<&str>) -> Self {
        let place = config
            .network_place(name)
            .and_then(|place| u16::try_from(place).ok());
        place.map_or(Self::NOWHERE, Self)
    }
}

/// All that a decision reads and no call changes.
#[derive(Debug)]
pub struct Tables {
    trunks: Arc<[Arc<Trunk>]>,
    shared: Arc<Shared>,
    facts: Box<[Facts]>,
    names: HashMap<Box<str>, TrunkIx>,
    carriers: Carriers,
    regions: Regions,
    classes: Box<[Class]>,
    sources: Sources,
    rules: Box<[Rule]>,
    numbers: Numbers,
    users: Users,
    sold: Sold,
    dialing: Dialing,
    /// What is known of each trunk's callers.
    callers: Box<[Callers]>,
    learning: Learning,
    capacity: config::Capacity,
    limits: Box<[config::Limit]>,
}

/// What was worked out about a trunk beforehand.
#[derive(Debug, Clone, Copy)]
struct Facts {
    class: Option<u32>,
    weight: u32,
    network: NetworkIx,
    /// Its `failover.attempts`.
    attempts: Option<u16>,
    /// How many targets it has.
    targets: u16,
    /// Its place in the table of prices.
    seat: Option<u16>,
}

/// A class of service.
#[derive(Debug)]
pub(crate) struct Class {
    /// Its place in the configuration.
    pub(crate) ix: u16,
    /// Its name.
    pub(crate) name: Box<str>,
    pub(crate) max_price: Option<Money>,
    /// From this price on a carrier may be above that, or has none. Below it is not.
    pub(crate) dear: Price,
    pub(crate) min_margin: Option<Margin>,
    /// Its calls get what is kept back from others.
    pub(crate) priority: bool,
    /// The carriers, with those left out already that it leaves out whatever is called.
    pub(crate) carriers: Box<[Standing]>,
}

/// A number rule with its trunks resolved.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) rule: NumberRule,
    pub(crate) to: Box<[TrunkIx]>,
    pub(crate) backups: Backups,
}

/// Whose a request is, by the address it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceMatch {
    /// This trunk's.
    Trunk(TrunkIx),
    /// Nobody's.
    None {
        /// Why, for the log.
        why: WhyNot,
    },
}

impl Tables {
    /// Number of trunks; indices run below it.
    pub fn trunk_count(&self) -> usize {
        self.trunks.len()
    }

    /// Every trunk with its index, in the order of the config.
    pub fn trunks(&self) -> impl Iterator<Item = (TrunkIx, &Arc<Trunk>)> {
        self.trunks
            .iter()
            .enumerate()
            .map(|(index, trunk)| (TrunkIx(index as u32), trunk))
    }

    /// The trunk at an index of these tables. An index of other tables that is beyond the last trunk gives
    /// the last one.
    pub fn trunk(&self, ix: TrunkIx) -> &Arc<Trunk> {
        let index = (ix.0 as usize).min(self.trunks.len().saturating_sub(1));
        #[allow(
            clippy::indexing_slicing,
            reason = "build() refuses a config without trunks, and the index is clamped"
        )]
        &self.trunks[index]
    }

    /// The trunk of this name.
    pub fn trunk_named(&self, name: &str) -> Option<TrunkIx> {
        self.names.get(name).copied()
    }

    /// The network that a trunk is in.
    pub fn network(&self, ix: TrunkIx) -> NetworkIx {
        self.facts(ix).map_or(NetworkIx::NOWHERE, |facts| facts.network)
    }

    /// Whose a request from `addr` to the number `called` is, which came by a listener in `network`: a trunk of another network
    /// has nothing there, and the same address in two networks is two peers.
    ///
    /// The narrowest network decides, and at equal width one with a port written over one without; so
    /// `ip:port` wins. Of twins, trunks
    /// with the very same source, enabled ones come first. Where a number rule fits `called`, the call
    /// comes in from the network: carriers
    /// come before customers, then the trunk that the rule names; where none fits, it goes out: customers
    /// come before carriers.
    /// Then the order of the config decides. A disabled trunk still owns its source: a wider network does
    /// not take it over.
    pub fn source(&self, network: NetworkIx, addr: SocketAddr, called: &str) -> SourceMatch {
        self.chosen(self.sources.find(network, addr), called)
    }

    /// As [`Tables::source`], for a connection: the port that it comes from is the peer's system's choice, so a source that is
    /// written with a port counts for its address. `names` are those that the peer has proved by a certificate; a trunk of the
    /// network that has one of them in `tls_names` is it, wherever the connection comes from.
    pub fn source_of_stream(
        &self,
        network: NetworkIx,
        addr: SocketAddr,
        names: &[Box<str>],
        called: &str,
    ) -> SourceMatch {
        match self.sources.named(network, names) {
            Some(trunks) => self.chosen(Ok(trunks), called),
            None => self.chosen(self.sources.find_host(network, addr), called),
        }
    }

    fn chosen(&self, found: Result<&[TrunkIx], WhyNot>, called: &str) -> SourceMatch {
        match found {
            Ok([only]) => self.enabled_or_not(*only),
            Ok(twins) => self.among_twins(twins, called),
            Err(why) => SourceMatch::None { why },
        }
    }

    fn enabled_or_not(&self, ix: TrunkIx) -> SourceMatch {
        if self.trunk(ix).enabled {
            SourceMatch::Trunk(ix)
        } else {
            SourceMatch::None {
                why: WhyNot::Disabled,
            }
        }
    }

    fn among_twins(&self, twins: &[TrunkIx], called: &str) -> SourceMatch {
        let first = twins.iter().min_by_key(|&&ix| {
            let trunk = self.trunk(ix);
            // Each may write numbers in a way of its own.
            let rule = self.meant(ix, called);
            let likely = if rule.is_some() {
                Role::Carrier
            } else {
                Role::Customer
            };
            let named = rule.is_some_and(|rule| rule.to.contains(&ix));
            (!trunk.enabled, trunk.role != likely, !named, ix)
        });
        first.map_or(SourceMatch::None { why: WhyNot::Unknown }, |&ix| {
            self.enabled_or_not(ix)
        })
    }

    /// The number rule for what this trunk would mean by `called`.
    fn meant(&self, ix: TrunkIx, called: &str) -> Option<&Rule> {
        match self.dialled(ix, called) {
            Ok(Dialled::Number(number)) => self.rule(&number),
            Ok(Dialled::Emergency(number)) => self.rule(&number),
            Err(_) => None,
        }
    }

    /// The number rule for `called` (with or without `+`): the one for exactly this number, then the user of this name or number,
    /// then the rule or user with the most digits.
    pub fn number(&self, called: &str) -> Option<&NumberRule> {
        self.rule(called).map(|rule| &rule.rule)
    }

    /// Whether a number rule leads calls to `number` to this trunk.
    pub fn owns(&self, ix: TrunkIx, number: &str) -> bool {
        self.rule(number).is_some_and(|rule| rule.to.contains(&ix))
    }

    pub(crate) fn rule(&self, called: &str) -> Option<&Rule> {
        let exact = self.numbers.exact(called).or_else(|| self.users.rule(called));
        let index = exact.or_else(|| self.numbers.prefix(called))?;
        self.rules.get(index as usize)
    }

    /// The user of this name, wherever it is.
    pub fn user(&self, name: &str) -> Option<UserIx> {
        self.users.named(name)
    }

    /// What the config says of a user.
    pub fn user_at(&self, ix: UserIx) -> Option<&config::User> {
        self.trunk(ix.trunk).users.get(ix.index as usize)
    }

    /// Every user.
    pub fn users(&self) -> impl Iterator<Item = (UserIx, &config::User)> {
        self.trunks().flat_map(|(trunk, of)| {
            let at = move |(index, user)| {
                let index = index as u32;
                (UserIx { trunk, index }, user)
            };
            of.users.iter().enumerate().map(at)
        })
    }

    /// Whether any trunk has users.
    pub fn has_users(&self) -> bool {
        self.users.any()
    }

    /// Whether any trunk takes requests of its users from everywhere.
    pub fn has_roaming_users(&self) -> bool {
        self.users.any_roaming()
    }

    /// Whether a user of this trunk may come from `addr`, by a listener in `network`: that is the trunk's, and it has no `sources`, or that is one of them, or they only say who
    /// needs no password.
    pub fn may_come_from(&self, ix: TrunkIx, network: NetworkIx, addr: SocketAddr) -> bool {
        let trunk = self.trunk(ix);
        trunk.enabled
            && self.network(ix) == network
            && (users::is_roaming(trunk) || sources::has(trunk, addr))
    }

    /// Whether `addr`, by a listener in `network`, is one of the sources of the trunk of this name.
    pub fn has_source(&self, trunk: &str, network: NetworkIx, addr: SocketAddr) -> bool {
        self.trunk_named(trunk)
            .is_some_and(|ix| self.network(ix) == network && sources::has(self.trunk(ix), addr))
    }

    /// Which user of a trunk a call to `called` is for: the one of that name or number; the only one gets every call.
    pub fn called_user(&self, trunk: TrunkIx, called: &str) -> Option<(UserIx, Called)> {
        self.users.called(trunk, self.trunk(trunk), called)
    }

    /// The carriers, and what they ask.
    pub(crate) fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// What the carriers ask; `None`: nothing, or these tables are no longer in force.
    pub(crate) fn prices(&self) -> Option<Arc<Prices>> {
        self.carriers.prices()
    }

    /// Memory that the table of prices takes, in bytes.
    pub fn price_bytes(&self) -> usize {
        self.prices().map_or(0, |prices| prices.bytes())
    }

    /// These tables are no longer in force: gives up the table of prices, which is to be dropped by somebody for whom nobody waits.
    /// Calls that were planned with these tables keep what they need of them; what they plan from now on goes by the prices in force.
    /// To be called when others have been [installed](crate::Live::install).
    pub fn retire(&self) -> Retired {
        self.carriers.retire()
    }

    /// The region of calls from a trunk: that of its network, by whose listeners they come. `None`: it has none, or no trunk has.
    pub(crate) fn entered(&self, ix: TrunkIx) -> Option<u16> {
        self.regions.entered(self.network(ix))
    }

    /// How near each carrier is to a region, in their order.
    pub(crate) fn near_carriers(&self, region: u16) -> &[Near] {
        self.regions.carriers(region)
    }

    /// How near a target is to a region.
    pub(crate) fn near_target(&self, region: u16, ix: TrunkIx, target: usize) -> Near {
        self.regions.target(region, ix, target)
    }

    /// A carrier's place in the table of prices.
    pub(crate) fn seat(&self, ix: TrunkIx) -> Option<u16> {
        self.facts(ix)?.seat
    }

    fn facts(&self, ix: TrunkIx) -> Option<&Facts> {
        self.facts.get(ix.0 as usize)
    }

    /// The class of service of calls from a trunk.
    pub(crate) fn class(&self, ix: TrunkIx) -> Option<&Class> {
        self.classes.get(self.facts(ix)?.class? as usize)
    }

    /// The class of service of a call: the one of this name, or the trunk's.
    pub(crate) fn class_of(&self, ix: TrunkIx, name: Option<&str>) -> Option<&Class> {
        match name {
            None => self.class(ix),
            Some(name) => self.classes.iter().find(|class| &*class.name == name),
        }
    }

    /// A trunk's weight among equals: that of its foremost targets together.
    pub(crate) fn weight(&self, ix: TrunkIx) -> u32 {
        self.facts(ix).map_or(0, |facts| facts.weight)
    }

    /// A trunk's `failover.attempts`.
    pub(crate) fn attempts(&self, ix: TrunkIx) -> Option<u16> {
        self.facts(ix)?.attempts
    }

    /// How many targets a trunk has.
    pub(crate) fn targets(&self, ix: TrunkIx) -> u16 {
        self.facts(ix).map_or(0, |facts| facts.targets)
    }

    /// What the learner goes by.
    pub(crate) fn learning(&self) -> &Learning {
        &self.learning
    }

    /// What traces need to be put into words.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether calls from a trunk are of a class that reserves are kept for.
    pub fn has_priority(&self, ix: TrunkIx) -> bool {
        self.class(ix).is_some_and(|class| class.priority)
    }

    /// How full trunks may become, unless they say otherwise.
    pub(crate) fn capacity(&self) -> config::Capacity {
        self.capacity
    }

    /// The limits per destination.
    pub(crate) fn limits(&self) -> &[config::Limit] {
        &self.limits
    }

    /// The list of trunks, which is also the identity of these tables: no two that live at once share it.
    pub(crate) fn identity(&self) -> &Arc<[Arc<Trunk>]> {
        &self.trunks
    }
}
