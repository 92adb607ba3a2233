//! What one config makes of itself for routing: trunks by index, sources, number rules, decks. Immutable, built off the shard.

use crate::deck::Deck;
use config::{Config, NumberRule, Trunk};
use std::net::SocketAddr;
use std::sync::Arc;

/// Index of a trunk in one [`Tables`]; means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrunkIx(pub u32);

/// All that a decision reads and no call changes.
#[derive(Debug)]
pub struct Tables {}

/// What is wrong with a config that is valid by itself, as seen by routing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A deck was given for a trunk that the config does not have.
    #[error("deck for unknown trunk {0:?}")]
    DeckWithoutTrunk(String),
    /// A number rule sends calls to a trunk that the config does not have.
    #[error("number rule {rule:?} sends calls to unknown trunk {trunk:?}")]
    UnknownTrunk {
        /// The rule's `match`.
        rule: String,
        /// The name that no trunk has.
        trunk: String,
    },
    /// Two trunks have one name.
    #[error("two trunks are named {0:?}")]
    DuplicateTrunk(String),
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

/// Why an address belongs to no trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// No trunk names this address.
    #[error("no trunk has this source address")]
    Unknown,
    /// A trunk names the address, with other ports only.
    #[error("the address is known, the port is not")]
    Port,
    /// The trunk that names it is switched off.
    #[error("the trunk with this source address is disabled")]
    Disabled,
}

impl Tables {
    /// Builds the tables of one config. `decks` are by trunk name. Every fault is reported at once.
    pub fn build(config: &Config, decks: Vec<(String, Deck)>) -> Result<Self, Vec<BuildError>> {
        todo!()
    }
    /// Number of trunks; indices run below it.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// The trunk at an index of these tables.
    pub fn trunk(&self, ix: TrunkIx) -> &Arc<Trunk> {
        todo!()
    }
    /// The trunk of this name.
    pub fn trunk_named(&self, name: &str) -> Option<TrunkIx> {
        todo!()
    }
    /// Whose a request from `addr` to the number `called` is: the trunk with this very address and port, else the one with the longest network,
    /// and among twins the one that a number rule names for `called`.
    pub fn source(&self, addr: SocketAddr, called: &str) -> SourceMatch {
        todo!()
    }
    /// The number rule for `called`: an exact one, else the longest prefix.
    pub fn number(&self, called: &str) -> Option<&NumberRule> {
        todo!()
    }
}
