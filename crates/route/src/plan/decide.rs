//! Who may take a call, and for what: every candidate with its price and its place.

use super::draw::Draw;
use super::trace::{Late, LeftOut, Place};
use super::{Request, Score, Standing};
use crate::deck::{Asked, Money, Rate};
use crate::live::{Gates, Live};
use crate::prices::{COMPARED_MINUTES, Offer, Price, Prices, Question, Terms};
use crate::tables::{Class, Rule, Tables, TrunkIx};
use std::sync::Arc;
use std::time::Instant;

/// Why a target is left for last, the lesser reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shunned {
    Recovering,
    Down,
}

impl From<Shunned> for Late {
    fn from(why: Shunned) -> Self {
        match why {
            Shunned::Recovering => Self::Recovering,
            Shunned::Down => Self::Down,
        }
    }
}

/// What all steps of one decision look at.
pub(super) struct Decision<'a> {
    pub(super) tables: &'a Tables,
    pub(super) draw: Draw,
    pub(super) request: &'a Request<'a>,
    live: &'a Live,
    now: Instant,
    gates: Gates<'a>,
    class: Option<&'a Class>,
    prices: Asks<'a>,
}

/// Where prices are found.
enum Asks<'a> {
    /// In the table in force, whose seats are those of these tables.
    InForce(&'a Prices),
    /// In these tables' own, which are not in force: nobody has called by them yet.
    Own(Arc<Prices>),
    /// In the table in force, by names: these tables were in force before.
    ByName(&'a Prices),
    /// Nowhere: no carrier has a deck.
    Nowhere,
}

impl<'a> Asks<'a> {
    fn of(tables: &Tables, live: &'a Live) -> Self {
        match live.prices() {
            Some(prices) if live.has_installed(tables) => Self::InForce(prices),
            prices => match (tables.prices(), prices) {
                (Some(own), _) => Self::Own(own),
                (None, Some(prices)) => Self::ByName(prices),
                (None, None) => Self::Nowhere,
            },
        }
    }

    /// The table, and whether seats are those of these tables.
    fn table(&self) -> Option<(&Prices, bool)> {
        match self {
            Self::InForce(prices) => Some((prices, true)),
            Self::Own(prices) => Some((prices, true)),
            Self::ByName(prices) => Some((prices, false)),
            Self::Nowhere => None,
        }
    }
}

impl<'a> Decision<'a> {
    pub(super) fn new(tables: &'a Tables, live: &'a Live, now: Instant, request: &'a Request<'a>) -> Self {
        Self {
            tables,
            draw: Draw::new(request.draw),
            request,
            live,
            now,
            gates: live.gates(now, tables),
            class: tables.class_of(request.from, request.class),
            prices: Asks::of(tables, live),
        }
    }

    /// What offers ask.
    pub(super) fn terms(&self) -> &Arc<[Terms]> {
        let table = self.prices.table();
        table.map_or_else(|| self.tables.carriers().terms(), |(prices, _)| prices.terms())
    }

    fn question(&self) -> Question<'a> {
        Question::new(Asked {
            called: self.request.called,
            caller: self.request.caller,
            at_unix_s: self.request.at_unix_s,
        })
    }

    /// The trunks of a number rule, in its order.
    pub(super) fn by_rule(&self, rule: &Rule) -> Vec<Standing> {
        let mut question = self.question();
        let standing = |&ix: &TrunkIx| {
            let offer = self.offer(ix, &mut question);
            let place = if offer.is_blocked() {
                Place::Dropped(LeftOut::Blocked)
            } else {
                self.usable(ix)
            };
            Standing {
                offer,
                score: Score::of(offer),
                place,
                ..Standing::new(ix, self.tables.trunk(ix))
            }
        };
        rule.to.iter().map(standing).collect()
    }

    /// What one trunk asks, if it has a deck; a deck without a price for the number is no reason to leave it out here.
    ///
    /// # Errors
    /// It says that it does not sell the number.
    pub(super) fn rate(&self, ix: TrunkIx) -> Result<Option<Rate>, LeftOut> {
        let offer = self.offer(ix, &mut self.question());
        if offer.is_blocked() {
            return Err(LeftOut::Blocked);
        }
        let terms = self.terms().get(offer.terms as usize);
        Ok(terms.map(|terms| terms.rate(offer.prefix_len)))
    }

    /// What one trunk asks.
    fn offer(&self, ix: TrunkIx, question: &mut Question<'_>) -> Offer {
        let seat = |(prices, seated): (&Prices, bool)| {
            let own = self.tables.seat(ix)?;
            if seated {
                return Some(own);
            }
            prices.seat(&self.tables.trunk(ix).name)
        };
        let Some(table) = self.prices.table() else {
            return Offer::NONE;
        };
        seat(table).map_or(Offer::NONE, |seat| table.0.find(question, seat))
    }

    /// Every carrier, with its price.
    pub(super) fn by_price(&self) -> Vec<Standing> {
        let carriers = self.tables.carriers();
        let all = self.class.map_or(carriers.all(), |class| &class.carriers);
        let mut standings = all.to_vec();
        let (priced, unpriced) = standings.split_at_mut(carriers.priced().min(all.len()));
        let mut question = self.question();
        match self.prices.table() {
            Some((prices, true)) => prices.note(&mut question, priced, |standing| &mut standing.offer),
            Some((_, false)) | None => {
                for standing in &mut *priced {
                    standing.offer = self.offer(standing.trunk, &mut question);
                }
            }
        }
        for standing in priced {
            standing.score = Score::of(standing.offer);
            if let Place::InOrder = standing.place {
                let barred = self.barred(standing.offer);
                standing.place = barred.map_or_else(|| self.usable(standing.trunk), Place::Dropped);
            }
        }
        for standing in unpriced {
            if let Place::InOrder = standing.place {
                standing.place = self.usable(standing.trunk);
            }
        }
        standings
    }

    /// Why the class or the deck keeps a carrier out that has a deck.
    fn barred(&self, offer: Offer) -> Option<LeftOut> {
        if offer.price == Price::NONE {
            return Some(if offer.is_some() {
                LeftOut::Blocked
            } else {
                LeftOut::NoPrice
            });
        }
        let most = self.class?.max_price?;
        // Three minutes cost no less than three times the price of one.
        let three = Money(most.0.saturating_mul(COMPARED_MINUTES));
        if offer.price < Price::of(three) {
            return None;
        }
        let terms = self.terms().get(offer.terms as usize)?;
        (terms.rate(0).per_minute > most).then_some(LeftOut::TooDear(most))
    }

    /// Whether a trunk can take the call now, as far as its own state goes.
    fn usable(&self, ix: TrunkIx) -> Place {
        if self.gates.is_well(ix) {
            return Place::InOrder;
        }
        let trunk = self.tables.trunk(ix);
        if !trunk.enabled {
            return Place::Dropped(LeftOut::Disabled);
        }
        if trunk.targets.is_empty() && trunk.users.is_empty() {
            return Place::Dropped(LeftOut::NoTarget);
        }
        if let Err(refusal) = self.live.check(self.now, self.tables, ix) {
            return Place::from(refusal);
        }
        let late = (0..trunk.targets.len()).map(|target| self.late(ix, target));
        // The least of reasons holds for the trunk: one that comes back before one that is down.
        late.min()
            .flatten()
            .map_or(Place::InOrder, |late| Place::Last(late.into()))
    }

    /// Why a target is left for last.
    fn late(&self, ix: TrunkIx, target: usize) -> Option<Shunned> {
        if self.live.is_shunned(self.now, self.tables, ix, target) {
            return Some(Shunned::Down);
        }
        let chance = || self.draw.unit(ix, target);
        let spared = self.live.is_spared(self.now, self.tables, ix, target, chance);
        spared.then_some(Shunned::Recovering)
    }

    /// Whether a target is left for last.
    pub(super) fn shunned(&self, ix: TrunkIx, target: usize) -> bool {
        !self.gates.is_well(ix) && self.late(ix, target).is_some()
    }
}
