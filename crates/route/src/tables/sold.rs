//! What customers pay.

use super::{BuildError, Tables, TrunkIx};
use crate::deck::{Asked, Currency, Deck, Exchange, Rate};
use config::Unpriced;

/// What customers pay, by trunk, and in which currency everything is.
#[derive(Debug)]
pub(super) struct Sold {
    decks: Box<[Option<Deck>]>,
    currency: Currency,
}

impl Default for Sold {
    fn default() -> Self {
        Self {
            decks: Box::default(),
            currency: Currency::USD,
        }
    }
}

/// What a customer pays for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sale {
    /// Nobody has said: it is a carrier's, or of a customer without prices.
    Unsaid,
    /// At this rate.
    Priced(Rate),
    /// Nothing: its deck has no price for the number, and its calls are free then.
    Free,
    /// Its deck has no price for the number: it is not sold.
    NoPrice,
    /// Its deck blocks the number: it is not sold.
    Blocked,
}

impl Sale {
    /// The rate, if there is one.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::Priced(rate) => Some(rate),
            Self::Unsaid | Self::Free | Self::NoPrice | Self::Blocked => None,
        }
    }
}

impl Tables {
    /// With what customers pay: `decks` by trunk name, one for every trunk with a `sell_deck` or `sell_rates`. `exchange` names the
    /// currency that all decks are in.
    ///
    /// # Errors
    /// Decks that are missing, and decks of trunks that there are not.
    pub fn selling(
        mut self,
        decks: Vec<(String, Deck)>,
        exchange: &Exchange,
    ) -> Result<Self, Vec<BuildError>> {
        let mut errors = Vec::new();
        let mut placed: Vec<Option<Deck>> = vec![None; self.trunk_count()];
        for (name, deck) in decks {
            let index = self.names.get(name.as_str()).map(|ix| ix.0 as usize);
            match index.and_then(|index| placed.get_mut(index)) {
                Some(Some(_)) => errors.push(BuildError::SellDeck(name)),
                Some(free) => *free = Some(deck),
                None => errors.push(BuildError::UnknownTrunk {
                    by: "sell_deck".into(),
                    trunk: name,
                }),
            }
        }
        for ((_, trunk), deck) in self.trunks().zip(&placed) {
            if (trunk.sell_deck.is_some() || !trunk.sell_rates.is_empty()) && deck.is_none() {
                errors.push(BuildError::SellDeck(trunk.name.clone()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        self.sold = Sold {
            decks: placed.into(),
            currency: exchange.base(),
        };
        Ok(self)
    }

    /// What a trunk pays, if it is a customer that does.
    pub fn sell_deck(&self, trunk: TrunkIx) -> Option<&Deck> {
        self.sold.decks.get(trunk.0 as usize)?.as_ref()
    }

    /// What a trunk pays for a call. `to_carriers`: no number rule leads it; what a rule leads costs nothing where it has no price.
    pub fn sale(&self, trunk: TrunkIx, asked: &Asked<'_>, to_carriers: bool) -> Sale {
        let Some(deck) = self.sell_deck(trunk) else {
            return Sale::Unsaid;
        };
        match deck.lookup(asked) {
            Some(rate) if rate.blocked => Sale::Blocked,
            Some(rate) => Sale::Priced(rate),
            None if to_carriers && self.trunk(trunk).unpriced == Unpriced::Refuse => Sale::NoPrice,
            None => Sale::Free,
        }
    }

    /// The currency of every price.
    pub fn currency(&self) -> Currency {
        self.sold.currency
    }
}
