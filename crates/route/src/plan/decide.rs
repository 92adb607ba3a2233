//! Who may take a call, and for what: every candidate with its price and its place.

use super::draw::Draw;
use super::learned::Learned;
use super::order::{Keys, NO_KEY};
use super::trace::{Basis, Late, LeftOut, Measures, Moves, Place, Shared, Trace};
use super::{Request, Score, Standing};
use crate::deck::{self, Asked, Money, Rate};
use crate::live::Live;
use crate::prices::{COMPARED_MS, Offer, Price, Prices, Question, Seat, Terms};
use crate::tables::{Class, Near, Rule, Tables, TrunkIx};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    pub(super) live: &'a Live,
    now: Instant,
    pub(super) class: Option<&'a Class>,
    prices: Asks<'a>,
    /// The region where the call has come in.
    region: Option<u16>,
    /// What the customer pays for three minutes.
    sell: Option<Money>,
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
            class: tables.class_of(request.from, request.class),
            prices: Asks::of(tables, live),
            region: tables.entered(request.from),
            sell: request.sell.map(|rate| deck::cost(rate, COMPARED_MS)),
        }
    }

    /// What offers ask.
    pub(super) fn terms(&self) -> &Arc<[Terms]> {
        let table = self.prices.table();
        table.map_or_else(|| &self.tables.shared().terms, |(prices, _)| prices.terms())
    }

    /// What was seen.
    pub(super) fn trace(
        &self,
        basis: Basis,
        standings: Vec<Standing>,
        moved: Moves,
        learned: Option<Box<Learned>>,
    ) -> Trace {
        let measures = Measures {
            class: self.class.map(|class| class.ix),
            max_price: self.class.and_then(|class| class.max_price),
            min_margin: self.class.and_then(|class| class.min_margin),
            sell: self.sell,
            has_region: self.region.is_some(),
        };
        let mut trace = Trace::new(self.request, self.shared(), basis, standings, measures, moved);
        trace.learned = learned;
        trace
    }

    /// What a trace needs to be put into words.
    fn shared(&self) -> Arc<Shared> {
        match self.prices {
            Asks::InForce(_) | Asks::Own(_) | Asks::Nowhere => Arc::clone(self.tables.shared()),
            Asks::ByName(prices) => Arc::new(Shared {
                trunks: Arc::clone(self.tables.identity()),
                terms: Arc::clone(prices.terms()),
                classes: Arc::clone(&self.tables.shared().classes),
            }),
        }
    }

    fn question(&self) -> Question<'a> {
        Question::new(Asked {
            called: self.request.routed.unwrap_or(self.request.called),
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
            let mut standing = Standing::new(ix);
            standing.tell(offer);
            standing.score = Score::of(offer.price);
            standing.place = place;
            standing
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
        let Some(seat) = seat(table) else {
            return Offer::NONE;
        };
        table.0.ask(question).of(question, seat)
    }

    /// Every carrier, with its price. `keys` are theirs then.
    pub(super) fn by_price(&self, keys: &mut Keys) -> Vec<Standing> {
        let carriers = self.tables.carriers();
        let all = self.class.map_or(carriers.all(), |class| &class.carriers);
        let count = carriers.priced();
        let mut question = self.question();
        let mut standings = match self.prices.table() {
            Some((prices, true)) => {
                // Asked first: what is asked for comes from memory while the standings are made.
                let answer = prices.ask(&question);
                let mut standings = all.to_vec();
                answer.tell(&mut question, standings.get_mut(..count).unwrap_or_default());
                standings
            }
            Some((_, false)) | None => {
                let mut standings = all.to_vec();
                for standing in standings.iter_mut().take(count) {
                    standing.tell(self.offer(standing.trunk, &mut question));
                }
                standings
            }
        };
        if let Some(region) = self.region {
            let near = self.tables.near_carriers(region);
            for (standing, near) in standings.iter_mut().zip(near) {
                standing.set_near(*near);
            }
        }
        match self.live.well(self.now, self.tables) {
            Some(well) => self.place(&mut standings, count, well, keys),
            None => self.place(&mut standings, count, std::iter::repeat(false), keys),
        }
        standings
    }

    /// Places carriers, of whom the first `priced` have decks: where their scores put them if all is `well`, else by a closer look.
    fn place(
        &self,
        standings: &mut [Standing],
        priced: usize,
        well: impl Iterator<Item = bool>,
        keys: &mut Keys,
    ) {
        let dear = self.dear();
        keys.resize(standings.len(), NO_KEY);
        let all = standings.iter_mut().zip(well).zip(keys).enumerate();
        for (index, ((standing, well), key)) in all {
            standing.score = Score::of(standing.price);
            if standing.place != Place::InOrder {
                continue;
            }
            if well && (standing.price < dear || index >= priced) {
                standing.well = true;
                *key = standing.key_in_order();
                continue;
            }
            let barred = if index < priced {
                self.barred(standing)
            } else {
                None
            };
            let usable = || self.relieved(standing.trunk, self.usable(standing.trunk));
            standing.place = barred.map_or_else(usable, Place::Dropped);
            if !standing.place.is_dropped() {
                *key = standing.key();
            }
        }
    }

    /// Why the class or the deck keeps a carrier out that has a deck.
    fn barred(&self, standing: &Standing) -> Option<LeftOut> {
        if !standing.is_told() {
            return Some(LeftOut::NoPrice);
        }
        if standing.offer().is_blocked() {
            return Some(LeftOut::Blocked);
        }
        let rate = self.terms().get(standing.terms as usize)?.rate(0);
        let class = self.class?;
        if class.max_price.is_some_and(|most| rate.per_minute > most) {
            return Some(LeftOut::TooDear);
        }
        let most = self
            .sell
            .zip(class.min_margin)
            .map(|(sell, least)| least.most_of(sell))?;
        (deck::cost(rate, COMPARED_MS) > most).then_some(LeftOut::ThinMargin)
    }

    /// From which price on the class or the deck may have something to say; to a lesser they have nothing.
    fn dear(&self) -> Price {
        let Some(class) = self.class else {
            return Price::NONE;
        };
        let most = self
            .sell
            .zip(class.min_margin)
            .map(|(sell, least)| least.most_of(sell));
        most.map_or(class.dear, |most| class.dear.min(Price::of(most)))
    }

    /// Whether a trunk can take the call now, as far as its own state goes.
    pub(super) fn usable(&self, ix: TrunkIx) -> Place {
        let trunk = self.tables.trunk(ix);
        if !trunk.enabled {
            return Place::Dropped(LeftOut::Disabled);
        }
        if trunk.targets.is_empty() && trunk.users.is_empty() {
            return Place::Dropped(LeftOut::NoTarget);
        }
        if let Err(refusal) = self.live.check(self.now, self.tables, ix, self.has_priority()) {
            return Place::from(refusal);
        }
        let late = (0..trunk.targets.len()).map(|target| self.late(ix, target));
        // The least of reasons holds for the trunk: one that comes back before one that is down.
        late.min()
            .flatten()
            .map_or(Place::InOrder, |late| Place::Last(late.into()))
    }

    /// Whether the call gets what is kept back from others.
    fn has_priority(&self) -> bool {
        self.class.is_some_and(|class| class.priority)
    }

    /// A carrier that carries as much as it should lets others go first.
    fn relieved(&self, ix: TrunkIx, place: Place) -> Place {
        match place {
            Place::InOrder if self.live.is_above_target(self.now, self.tables, ix) => {
                Place::Last(Late::AboveTarget)
            }
            Place::InOrder | Place::Last(_) | Place::Dropped(_) => place,
        }
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
        self.late(ix, target).is_some()
    }

    /// How near a target is to where the call has come in.
    pub(super) fn near_target(&self, ix: TrunkIx, target: usize) -> Near {
        self.region.map_or(Near::Unknown, |region| {
            self.tables.near_target(region, ix, target)
        })
    }

    /// How long it takes to hear of a target.
    pub(super) fn round_trip(&self, ix: TrunkIx, target: usize) -> Option<Duration> {
        self.live.round_trip(self.now, self.tables, ix, target)
    }
}
