//! Building tables from a config and its decks.

use super::numbers::Numbers;
use super::sources::Sources;
use super::users::Users;
use super::{Class, Facts, Leave, NetworkIx, Rule, Tables, TrunkIx};
use crate::deck::{Deck, Money};
use config::{Config, Role, Trunk};
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
    /// Two number rules fit the same numbers.
    #[error("two number rules match {0:?}")]
    DuplicateNumber(String),
    /// A trunk has a deck that was not given, or several were.
    #[error("trunk {0:?} needs its deck exactly once")]
    Deck(String),
}

impl Tables {
    /// Builds the tables of one config. `decks` are by trunk name, one for every trunk with a `deck`; a
    /// deck is shared when cloned, so one that
    /// has not changed need not be read again. Every fault is reported at once.
    pub fn build(config: &Config, decks: Vec<(String, Deck)>) -> Result<Self, Vec<BuildError>> {
        let mut errors = Vec::new();
        let names = names(config, &mut errors);
        let decks = by_trunk(config, &names, decks, &mut errors);
        let classes: Vec<Class> = config
            .classes
            .iter()
            .map(|class| resolve(class, config, &names, &mut errors))
            .collect();
        let facts: Vec<Facts> = config
            .trunks
            .iter()
            .zip(decks)
            .map(|(trunk, deck)| Facts {
                deck,
                class: class_of(trunk, config, &mut errors),
                weight: weight(trunk),
                network: network(trunk, config, &mut errors),
            })
            .collect();
        let mut rules: Vec<Rule> = config
            .numbers
            .iter()
            .map(|rule| {
                let by = || format!("number {:?}", rule.pattern.text);
                Rule {
                    rule: rule.clone(),
                    to: known(&rule.to, &names, by, &mut errors).into(),
                }
            })
            .collect();
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
        let of_carriers = |(index, trunk): (usize, &Arc<Trunk>)| {
            (trunk.role == Role::Carrier).then_some(TrunkIx(index as u32))
        };
        Ok(Self {
            trunks: config.trunks.as_slice().into(),
            facts: facts.into(),
            names,
            carriers: config.trunks.iter().enumerate().filter_map(of_carriers).collect(),
            classes: classes.into(),
            sources: Sources::build(config),
            rules: rules.into(),
            numbers,
            users,
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
        if trunk.deck.is_some() && deck.is_none() {
            errors.push(BuildError::Deck(trunk.name.clone()));
        }
    }
    placed
}

fn resolve(class: &config::Class, config: &Config, names: &Names, errors: &mut Vec<BuildError>) -> Class {
    let by = || format!("class {:?}", class.name);
    let listed = known(&class.trunks, names, by, errors);
    let excluded = known(&class.excluded, names, by, errors);
    let leave = (0..config.trunks.len()).map(|index| {
        let ix = TrunkIx(index as u32);
        if excluded.contains(&ix) {
            Leave::Excluded
        } else if class.trunks.is_empty() || listed.contains(&ix) {
            Leave::Allowed
        } else {
            Leave::NotListed
        }
    });
    Class {
        name: class.name.as_str().into(),
        leave: leave.collect(),
        max_price: class.max_price.map(Money::from_units),
        priority: class.priority,
    }
}

fn class_of(trunk: &Trunk, config: &Config, errors: &mut Vec<BuildError>) -> Option<usize> {
    let name = trunk.class.as_ref()?;
    let index = config.classes.iter().position(|class| class.name == *name);
    if index.is_none() {
        errors.push(BuildError::UnknownClass {
            trunk: trunk.name.clone(),
            class: name.clone(),
        });
    }
    index
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

/// The weights of the targets that come first, together.
fn weight(trunk: &Trunk) -> u32 {
    let first = trunk.targets.iter().map(|target| target.priority).min();
    trunk
        .targets
        .iter()
        .filter(|target| Some(target.priority) == first)
        .map(|target| u32::from(target.weight))
        .sum()
}
