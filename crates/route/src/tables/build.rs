//! Building tables from a config and its decks.

use super::carriers::{self, Carriers};
use super::dialing::{Callers, Dialing};
use super::learning::Learning;
use super::numbers::Numbers;
use super::regions::Regions;
use super::sold::Sold;
use super::sources::Sources;
use super::users::Users;
use super::{Class, Facts, NetworkIx, Rule, Tables, TrunkIx};
use crate::backup::{Backup, Backups};
use crate::deck::{Deck, Money};
use crate::margin::Margin;
use crate::plan::{LeftOut, Place, Shared, Standing};
use crate::prices::{Advise, COMPARED_MINUTES, Price, TooMuch};
use config::{Config, NumberRule, Role, Trunk};
use std::collections::HashMap;
use std::sync::Arc;

/// What is wrong with a config as a set of routes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is nobody to route for.
    #[error("there is no trunk")]
    NoTrunk,
    /// Two trunks have one name.
    #[error("two trunks are named {0:?}")]
    DuplicateTrunk(String),
    /// Something names a trunk that the config does not have.
    #[error("{by} names trunk {trunk:?}, which does not exist")]
    UnknownTrunk {
        /// Who names it: `deck`, `number "+4420*"`, `class "conversational"`.
        by: String,
        /// The name that no trunk has.
        trunk: String,
    },
    /// A trunk's calls are of a class that the config does not have.
    #[error("trunk {trunk:?} names class {class:?}, which does not exist")]
    UnknownClass {
        /// The trunk.
        trunk: String,
        /// The name that no class has.
        class: String,
    },
    /// A trunk is in a network that the config does not have.
    #[error("trunk {trunk:?} names network {network:?}, which does not exist")]
    UnknownNetwork {
        /// The trunk.
        trunk: String,
        /// The name that no network has.
        network: String,
    },
    /// Numbers of a trunk's callers are read by a dial plan that the config does not have.
    #[error("trunk {trunk:?} names dial plan {plan:?}, which does not exist")]
    UnknownDialPlan {
        /// The trunk.
        trunk: String,
        /// The name that no dial plan has.
        plan: String,
    },
    /// Two number rules fit the same numbers.
    #[error("two number rules match {0:?}")]
    DuplicateNumber(String),
    /// A trunk has a deck that was not given, or several were.
    #[error("trunk {0:?} needs its deck exactly once")]
    Deck(String),
    /// There are more prices than can be had.
    #[error("{0}")]
    TooMuch(#[from] TooMuch),
    /// The same of what a customer pays.
    #[error("trunk {0:?} needs its sell_deck exactly once")]
    SellDeck(String),
}

impl Tables {
    /// Builds the tables of one config. `decks` are by trunk name, one for every trunk with a `deck` or `rates`; a
    /// deck is shared when cloned, so one that
    /// has not changed need not be read again. What customers pay comes on top ([`Tables::selling`]). Every fault is reported at once.
    pub fn build(config: &Config, decks: Vec<(String, Deck)>) -> Result<Self, Vec<BuildError>> {
        Self::build_in(config, decks, &|_, _| {})
    }

    /// As [`build`](Self::build), for decks that are large: `advise` is told of the memory that the table of prices will take.
    pub fn build_in(
        config: &Config,
        decks: Vec<(String, Deck)>,
        advise: Advise<'_>,
    ) -> Result<Self, Vec<BuildError>> {
        let mut errors = Vec::new();
        let names = names(config, &mut errors);
        let decks = by_trunk(config, &names, decks, &mut errors);
        let carriers = Carriers::build(&config.trunks, decks, advise).unwrap_or_else(|too_much| {
            errors.push(too_much.into());
            Carriers::default()
        });
        let classes: Vec<Class> = config
            .classes
            .iter()
            .zip(0..)
            .map(|(class, ix)| resolve((class, ix), config, &carriers, &names, &mut errors))
            .collect();
        let facts = |trunk: &Arc<Trunk>| Facts {
            class: class_of(trunk, config, &mut errors),
            weight: carriers::weight(trunk),
            network: network(trunk, config, &mut errors),
            attempts: trunk.failover.attempts,
            targets: u16::try_from(trunk.targets.len()).unwrap_or(u16::MAX),
            seat: carriers.seat(&trunk.name),
        };
        let facts: Vec<Facts> = config.trunks.iter().map(facts).collect();
        let callers: Vec<Callers> = config
            .trunks
            .iter()
            .map(|trunk| callers(trunk, config, &mut errors))
            .collect();
        let mut rules: Vec<Rule> = config
            .numbers
            .iter()
            .map(|rule| {
                let by = || format!("number {:?}", rule.pattern.text);
                let to = known(&rule.to, &names, by, &mut errors);
                Rule {
                    rule: rule.clone(),
                    backups: backups(rule, &to, config, &names, &mut errors),
                    to: to.into(),
                }
            })
            .collect();
        let dialing = Dialing::build(config, |route| {
            known(&route.to, &names, || "emergency.route".to_owned(), &mut errors)
        });
        let (mut numbers, repeated) = Numbers::build(&config.numbers);
        errors.extend(
            repeated
                .into_iter()
                .map(|rule| BuildError::DuplicateNumber(rule.pattern.text.clone())),
        );
        if !errors.is_empty() {
            return Err(errors);
        }
        let users = Users::build(&config.trunks, &mut rules, &mut numbers);
        let trunks: Arc<[Arc<Trunk>]> = config.trunks.as_slice().into();
        let terms = carriers.prices().map(|prices| Arc::clone(prices.terms()));
        Ok(Self {
            shared: Arc::new(Shared {
                trunks: Arc::clone(&trunks),
                terms: terms.unwrap_or_default(),
                classes: config
                    .classes
                    .iter()
                    .map(|class| class.name.as_str().into())
                    .collect(),
            }),
            trunks,
            facts: facts.into(),
            names,
            regions: Regions::build(config, carriers.all()),
            carriers,
            classes: classes.into(),
            sources: Sources::build(config),
            rules: rules.into(),
            numbers,
            users,
            sold: Sold::default(),
            learning: Learning::build(config),
            dialing,
            callers: callers.into(),
            capacity: config.capacity,
            limits: config.limits.as_slice().into(),
        })
    }
}

type Names = HashMap<Box<str>, TrunkIx>;

fn names(config: &Config, errors: &mut Vec<BuildError>) -> Names {
    let mut names = Names::new();
    for (index, trunk) in config.trunks.iter().enumerate() {
        if names
            .insert(trunk.name.as_str().into(), TrunkIx(index as u32))
            .is_some()
        {
            errors.push(BuildError::DuplicateTrunk(trunk.name.clone()));
        }
    }
    if names.is_empty() {
        errors.push(BuildError::NoTrunk);
    }
    names
}

/// The trunks that `list` names; unknown ones go to `errors`.
fn known(
    list: &[String],
    names: &Names,
    by: impl Fn() -> String,
    errors: &mut Vec<BuildError>,
) -> Vec<TrunkIx> {
    let mut trunks = Vec::new();
    for name in list {
        match names.get(name.as_str()) {
            Some(&ix) if trunks.contains(&ix) => {}
            Some(&ix) => trunks.push(ix),
            None => errors.push(BuildError::UnknownTrunk {
                by: by(),
                trunk: name.clone(),
            }),
        }
    }
    trunks
}

/// A rule's backups with their trunks.
fn backups(
    rule: &NumberRule,
    to: &[TrunkIx],
    config: &Config,
    names: &Names,
    errors: &mut Vec<BuildError>,
) -> Backups {
    let is_customer = |ix: &&TrunkIx| {
        let trunk = config.trunks.get(ix.0 as usize);
        trunk.is_some_and(|trunk| trunk.role == Role::Customer)
    };
    let payer = to.iter().find(is_customer).copied();
    let by = || format!("number {:?}", rule.pattern.text);
    let mut list = |backups: &[config::Backup]| -> Box<[Backup]> {
        let resolved = backups.iter().filter_map(|backup| {
            let trunk = match &backup.trunk {
                Some(name) => Some(known(std::slice::from_ref(name), names, by, errors).pop()?),
                None => None,
            };
            Some(Backup {
                trunk,
                number: backup.number.as_deref().map(Box::from),
                payer,
            })
        });
        resolved.collect()
    };
    Backups {
        busy: list(&rule.on_busy),
        no_answer: list(&rule.on_no_answer),
        failure: list(&rule.on_failure),
        unregistered: list(&rule.on_unregistered),
    }
}

/// The deck of each trunk of the config.
fn by_trunk(
    config: &Config,
    names: &Names,
    decks: Vec<(String, Deck)>,
    errors: &mut Vec<BuildError>,
) -> Vec<Option<Deck>> {
    let mut placed: Vec<Option<Deck>> = vec![None; config.trunks.len()];
    for (name, deck) in decks {
        let place = names
            .get(name.as_str())
            .and_then(|ix| placed.get_mut(ix.0 as usize));
        match place {
            Some(Some(_)) => errors.push(BuildError::Deck(name)),
            Some(free) => *free = Some(deck),
            None => errors.push(BuildError::UnknownTrunk {
                by: "deck".into(),
                trunk: name,
            }),
        }
    }
    for (trunk, deck) in config.trunks.iter().zip(&placed) {
        if (trunk.deck.is_some() || !trunk.rates.is_empty()) && deck.is_none() {
            errors.push(BuildError::Deck(trunk.name.clone()));
        }
    }
    placed
}

fn resolve(
    (class, ix): (&config::Class, u16),
    config: &Config,
    carriers: &Carriers,
    names: &Names,
    errors: &mut Vec<BuildError>,
) -> Class {
    let by = || format!("class {:?}", class.name);
    let listed = known(&class.trunks, names, by, errors);
    let excluded = known(&class.excluded, names, by, errors);
    let place = |trunk: &TrunkIx| {
        if excluded.contains(trunk) {
            Place::Dropped(LeftOut::Excluded)
        } else if !class.trunks.is_empty() && !listed.contains(trunk) {
            Place::Dropped(LeftOut::NotListed)
        } else {
            config
                .trunks
                .get(trunk.0 as usize)
                .map_or(Place::InOrder, |trunk| suits(class, trunk))
        }
    };
    let standing = |standing: &Standing| {
        let mut standing = *standing;
        standing.place = place(&standing.trunk);
        standing
    };
    let max_price = class.max_price.map(Money::from_units);
    Class {
        ix,
        name: class.name.as_str().into(),
        dear: max_price.map_or(Price::NONE, three_minutes),
        max_price,
        min_margin: class.min_margin.map(Margin::from_share),
        priority: class.priority,
        carriers: carriers.all().iter().map(standing).collect(),
    }
}

/// Whether a carrier is what a class asks for.
fn suits(class: &config::Class, trunk: &Trunk) -> Place {
    let is_in = |name: &String| trunk.jurisdictions.contains(name);
    if class.keep_caller_id && !trunk.caller_id {
        Place::Dropped(LeftOut::NoCallerId)
    } else if !class.jurisdictions.is_empty() && !class.jurisdictions.iter().any(is_in) {
        Place::Dropped(LeftOut::Jurisdiction)
    } else {
        Place::InOrder
    }
}

/// What three minutes cost at this price of a minute, at least: no less is billed of them.
fn three_minutes(per_minute: Money) -> Price {
    Price::of(Money(per_minute.0.saturating_mul(COMPARED_MINUTES)))
}

fn class_of(trunk: &Trunk, config: &Config, errors: &mut Vec<BuildError>) -> Option<u32> {
    let name = trunk.class.as_ref()?;
    let index = config.classes.iter().position(|class| class.name == *name);
    if index.is_none() {
        errors.push(BuildError::UnknownClass {
            trunk: trunk.name.clone(),
            class: name.clone(),
        });
    }
    u32::try_from(index?).ok()
}

fn network(trunk: &Trunk, config: &Config, errors: &mut Vec<BuildError>) -> NetworkIx {
    let network = NetworkIx::named(config, trunk.network.as_deref());
    if network == NetworkIx::NOWHERE {
        errors.push(BuildError::UnknownNetwork {
            trunk: trunk.name.clone(),
            network: trunk.network.clone().unwrap_or_default(),
        });
    }
    network
}

fn callers(trunk: &Trunk, config: &Config, errors: &mut Vec<BuildError>) -> Callers {
    Callers::of(trunk, config).unwrap_or_else(|| {
        errors.push(BuildError::UnknownDialPlan {
            trunk: trunk.name.clone(),
            plan: trunk.dial_plan.clone().unwrap_or_default(),
        });
        Callers::default()
    })
}
