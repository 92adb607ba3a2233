//! What a replay found.

use super::walk::Expected;
use super::weigh::{Weighed, Weighing};
use super::{Again, Offer, PastCall, Skip, units};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Calls, and moves from carrier to carrier, that are told of.
const TOLD: usize = 5;

/// Amounts as small as this differ by rounding alone.
const NOTHING: f64 = 1e-9;

/// Records that were left out, by the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Left {
    reasons: BTreeMap<Skip, u64>,
}

impl Left {
    /// One more.
    pub fn add(&mut self, why: Skip) {
        *self.reasons.entry(why).or_default() += 1;
    }

    /// The reasons, each with how many were left out for it.
    pub fn iter(&self) -> impl Iterator<Item = (Skip, u64)> + '_ {
        self.reasons.iter().map(|(why, many)| (*why, *many))
    }
}

/// Calls summed up. Amounts are in units of the base currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Sums {
    /// Calls that are answered.
    pub answered: f64,
    /// Part of all calls; 0 where there are none.
    pub asr: f64,
    /// What carriers get.
    pub cost: f64,
    /// What customers pay.
    pub price: f64,
    /// The difference.
    pub margin: f64,
    /// Mean score of what carriers send; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos: Option<f64>,
}

/// A carrier's part, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shares {
    /// The carrier.
    pub trunk: String,
    /// Part of all calls in which it is the first.
    pub first: [f64; 2],
    /// Calls that it answers.
    pub answered: [f64; 2],
    /// What it gets for them.
    pub cost: [f64; 2],
}

/// Calls that another carrier is the first for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The first before; absent: there was none.
    pub from: Option<String>,
    /// The first after; absent: nobody is asked.
    pub to: Option<String>,
    /// How many calls.
    pub calls: u64,
    /// The id of one of them.
    pub example: String,
}

/// A call that changes much.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// The called number.
    pub called: String,
    /// The first carrier before and after.
    pub first: [Option<String>; 2],
    /// What it is expected to cost.
    pub cost: [f64; 2],
}

/// Calls of which the records can't tell much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// Calls for which a carrier may be asked that was never offered one to that country: it counts as all carriers together do.
    pub calls: u64,
    /// Those of them that it is the first for.
    pub first: u64,
}

/// What another configuration would have changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Calls that were planned again.
    pub calls: u64,
    /// Records that were not.
    pub left_out: Left,
    /// The currency of all amounts.
    pub currency: String,
    /// What really came of the calls.
    pub recorded: Sums,
    /// What is expected of the order that the records have.
    pub before: Sums,
    /// What is expected of the new one, at its prices.
    pub after: Sums,
    /// Calls that have another first carrier.
    pub moved: u64,
    /// Calls that the new configuration asks nobody for: no carrier, or not sold to the customer.
    pub refused: u64,
    /// Calls with a carrier without prices, before or after: amounts lack what it gets.
    pub unpriced: u64,
    /// What can't be told.
    pub unknown: Unknown,
    /// Every carrier that is first for a call, or answers one.
    pub shares: Vec<Shares>,
    /// The most frequent changes of the first carrier.
    pub moves: Vec<Move>,
    /// The calls whose cost changes most.
    pub changes: Vec<Change>,
    /// The same by what really came of calls that the learner had chosen for; absent: there are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighed: Option<Weighed>,
}

/// Calls that are summed up.
#[derive(Debug, Default)]
struct Sum {
    answered: f64,
    cost: f64,
    price: f64,
    mos: f64,
    rated: f64,
}

impl Sum {
    fn expected(&mut self, of: &Expected) {
        self.answered += of.answers;
        self.cost += of.cost;
        self.price += of.price;
        self.mos += of.mos;
        self.rated += of.rated;
    }

    fn recorded(&mut self, call: &PastCall) {
        self.answered += f64::from(u8::from(call.answered));
        self.cost += call.cost.map_or(0.0, units);
        self.price += call.price.map_or(0.0, units);
        if let Some(mos) = call.result.and_then(|result| result.mos) {
            self.mos += f64::from(mos);
            self.rated += 1.0;
        }
    }

    fn sums(&self, calls: u64) -> Sums {
        let part = |sum: f64, of: f64| if of > 0.0 { sum / of } else { 0.0 };
        Sums {
            answered: self.answered,
            asr: part(self.answered, calls as f64),
            cost: self.cost,
            price: self.price,
            margin: self.price - self.cost,
            mos: (self.rated > 0.0).then(|| self.mos / self.rated),
        }
    }
}

/// A carrier's part in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    first: [u64; 2],
    answered: [f64; 2],
    cost: [f64; 2],
}

/// A report in the making.
#[derive(Debug)]
pub(super) struct Tally {
    calls: u64,
    left: Left,
    currency: String,
    sums: [Sum; 3],
    moved: u64,
    refused: u64,
    unpriced: u64,
    unknown: Unknown,
    parts: BTreeMap<Box<str>, Part>,
    moves: HashMap<[Option<Box<str>>; 2], (u64, String)>,
    /// The calls that change most, the most first.
    changes: Vec<Change>,
    weighing: Weighing,
}

fn first(order: &[Offer]) -> Option<Box<str>> {
    order.first().map(|first| first.trunk.clone())
}

impl Tally {
    pub(super) fn new(currency: String, left: Left) -> Self {
        Self {
            calls: 0,
            left,
            currency,
            sums: Default::default(),
            moved: 0,
            refused: 0,
            unpriced: 0,
            unknown: Unknown::default(),
            parts: BTreeMap::new(),
            moves: HashMap::new(),
            changes: Vec::new(),
            weighing: Weighing::default(),
        }
    }

    pub(super) fn add(
        &mut self,
        call: &PastCall,
        (was, before): (&[Offer], &Expected),
        (again, after): (&Again, &Expected),
    ) {
        self.calls += 1;
        let [recorded, expected, new] = &mut self.sums;
        recorded.recorded(call);
        expected.expected(before);
        new.expected(after);
        self.refused += u64::from(again.refused);
        self.unpriced += u64::from(!(before.priced && after.priced));
        self.unknown.calls += u64::from(after.unknown);
        self.unknown.first += u64::from(after.first_unknown);
        self.part(0, was, before);
        self.part(1, &again.order, after);
        self.weighing.add(call, again);
        let firsts = [first(was), first(&again.order)];
        if firsts[0] != firsts[1] {
            self.moved += 1;
            let told = self.moves.entry(firsts.clone());
            told.or_insert_with(|| (0, call.id.clone())).0 += 1;
        }
        self.change(call, firsts, [before.cost, after.cost]);
    }

    fn part(&mut self, side: usize, order: &[Offer], expected: &Expected) {
        // An order is walked as far as it goes; its first counts though nobody answers.
        for (index, (offer, (answers, cost))) in order.iter().zip(&expected.parts).enumerate() {
            let part = match self.parts.get_mut(&offer.trunk) {
                Some(part) => part,
                None => self.parts.entry(offer.trunk.clone()).or_default(),
            };
            if let Some(first) = part.first.get_mut(side) {
                *first += u64::from(index == 0);
            }
            if let Some(sum) = part.answered.get_mut(side) {
                *sum += answers;
            }
            if let Some(sum) = part.cost.get_mut(side) {
                *sum += cost;
            }
        }
    }

    /// Keeps a call among those that change most.
    fn change(&mut self, call: &PastCall, firsts: [Option<Box<str>>; 2], cost: [f64; 2]) {
        let by = |cost: [f64; 2]| (cost[1] - cost[0]).abs();
        let least = self.changes.get(TOLD - 1).map_or(NOTHING, |least| by(least.cost));
        if by(cost) <= least {
            return;
        }
        let at = self.changes.partition_point(|other| by(other.cost) >= by(cost));
        let change = Change {
            id: call.id.clone(),
            called: call.called.clone(),
            first: firsts.map(|first| first.map(String::from)),
            cost,
        };
        self.changes.insert(at, change);
        self.changes.truncate(TOLD);
    }

    pub(super) fn report(self) -> Report {
        let calls = self.calls;
        let [recorded, before, after] = self.sums.map(|sum| sum.sums(calls));
        let share = |many: u64| {
            if calls > 0 {
                many as f64 / calls as f64
            } else {
                0.0
            }
        };
        let shares = |(trunk, part): (Box<str>, Part)| Shares {
            trunk: trunk.into(),
            first: part.first.map(share),
            answered: part.answered,
            cost: part.cost,
        };
        let mut moves: Vec<Move> = self
            .moves
            .into_iter()
            .map(|([from, to], (calls, example))| Move {
                from: from.map(String::from),
                to: to.map(String::from),
                calls,
                example,
            })
            .collect();
        moves.sort_by(|a, b| {
            b.calls
                .cmp(&a.calls)
                .then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to)))
        });
        moves.truncate(TOLD);
        Report {
            calls,
            left_out: self.left,
            currency: self.currency,
            recorded,
            before,
            after,
            moved: self.moved,
            refused: self.refused,
            unpriced: self.unpriced,
            unknown: self.unknown,
            shares: self.parts.into_iter().map(shares).collect(),
            moves,
            changes: self.changes,
            weighed: self.weighing.weighed(),
        }
    }
}
