//! Past calls planned again by other tables: what would have become of them, as far as their own records can tell.
//!
//! Nothing is known of a call that was never made. So both orders of carriers, the one that a record has and the one that the new tables
//! give, are walked with the same figures: how often each carrier has answered calls to such numbers, and how often the next one was asked
//! when it has not. These are learned from the same records, over all of them. What differs between the two sums is then due to the orders and
//! the prices alone; where both are the same, so are the sums.
//!
//! The new tables' plan knows what it would have known: outcomes are shown to its learner in the order in which they came, and a plan is made
//! when all that had ended by then has been shown. It begins knowing nothing, and neither load nor health is replayed: every carrier that
//! is switched on counts as up and free.

mod past;
mod report;
mod seen;
mod teach;
mod walk;
mod weigh;

use crate::deck::{self, Rate};
use crate::plan::{DecisionView, Plan, Request, plan};
use crate::tables::{Sale, Tables, TrunkIx};
use report::Tally;
use seen::Seen;
use std::time::Instant;
use teach::Pupil;

pub use past::{Offer, PastAttempt, PastCall, Skip};
pub use report::{Change, Left, Move, Report, Shares, Sums, Unknown};
pub use weigh::Weighed;

/// Calls in one replay at most: they are all in memory, with half a kilobyte to a kilobyte each.
pub const MAX_CALLS: usize = 1_000_000;

/// How calls are planned again.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The instant that stands for the beginning of the first call; the others follow it as they did.
    pub epoch: Instant,
    /// The prices in force then, seconds since 1970, in place of those at the time of each call.
    pub at_unix_s: Option<u64>,
}

/// A call by the new tables.
struct Again {
    order: Vec<Offer>,
    limit: usize,
    /// What the customer pays.
    sell: Option<Rate>,
    /// How likely the carrier that was first was to be first now; `None`: the plan knows no chance.
    chance: Option<f64>,
    /// Why nobody is asked.
    refused: bool,
}

/// Plans past calls again by `tables`, and says what that would have changed. `left` are those that were left out before; calls that
/// these tables have no customer for are added to them.
pub fn replay(tables: &Tables, settings: Settings, mut calls: Vec<PastCall>, mut left: Left) -> Report {
    let currency = tables.currency().to_string();
    calls.retain(|call| {
        let other = call.currency.as_ref().is_some_and(|own| *own != currency);
        let skip = if customer(tables, call).is_none() {
            Some(Skip::NoCustomer)
        } else {
            other.then_some(Skip::OtherCurrency)
        };
        if let Some(skip) = skip {
            left.add(skip);
        }
        skip.is_none()
    });
    calls.sort_by_key(|call| call.at_ms);
    let seen = Seen::of(&calls);
    let mut pupil = Pupil::new(tables, settings.epoch, &calls);
    let mut tally = Tally::new(currency, left);
    for call in &calls {
        let Some(from) = customer(tables, call) else {
            continue;
        };
        pupil.learn_until(&calls, call.at_ms);
        let again = plan_again(tables, &mut pupil, settings, from, call);
        let was = Again {
            order: call.order.clone(),
            limit: seen.limit(&call.from).unwrap_or(again.limit),
            sell: again.sell,
            chance: None,
            refused: false,
        };
        let before = walk::walk(&seen, call, &was, true);
        let after = walk::walk(&seen, call, &again, false);
        tally.add(call, (&was.order, &before), (&again, &after));
    }
    tally.report()
}

/// The customer whose call it was, in these tables.
fn customer(tables: &Tables, call: &PastCall) -> Option<TrunkIx> {
    let ix = tables.trunk_named(&call.from)?;
    (tables.trunk(ix).role == config::Role::Customer).then_some(ix)
}

fn plan_again(
    tables: &Tables,
    pupil: &mut Pupil<'_>,
    settings: Settings,
    from: TrunkIx,
    call: &PastCall,
) -> Again {
    let at_unix_s = settings.at_unix_s.unwrap_or(call.at_ms / 1000);
    let asked = deck::Asked {
        called: &call.called,
        caller: &call.caller,
        at_unix_s,
    };
    let sale = tables.sale(from, &asked, tables.number(&call.called).is_none());
    let mut again = Again {
        order: Vec::new(),
        limit: 0,
        sell: sale.rate(),
        chance: None,
        refused: true,
    };
    match sale {
        Sale::Unsaid | Sale::Priced(_) | Sale::Free => {}
        Sale::NoPrice | Sale::Blocked => return again,
    }
    let request = Request {
        from,
        caller: &call.caller,
        called: &call.called,
        // A call has the class of its trunk: if that is another now, so it would be for the call.
        class: None,
        sell: sale.rate(),
        routed: call.routed.as_deref(),
        emergency: false,
        at_unix_s,
        draw: call.draw,
    };
    let Ok(plan) = plan(tables, pupil.live(), pupil.now(call.at_ms), &request) else {
        return again;
    };
    pupil.chosen(call.at_ms, &plan);
    again.refused = false;
    again.limit = plan.limit;
    again.order = order(tables, &plan);
    again.chance = chance(call, &plan, &again.order);
    again
}

/// The carriers of a plan, each once where its targets follow each other.
fn order(tables: &Tables, plan: &Plan) -> Vec<Offer> {
    let mut order: Vec<Offer> = Vec::new();
    for attempt in &plan.attempts {
        let trunk = tables.trunk(attempt.trunk).name.as_str();
        if order.last().is_none_or(|last| *last.trunk != *trunk) {
            order.push(Offer {
                trunk: trunk.into(),
                rate: attempt.rate,
            });
        }
    }
    order
}

/// How likely the carrier that was first was to be first now.
fn chance(call: &PastCall, plan: &Plan, order: &[Offer]) -> Option<f64> {
    let was = &call.order.first()?.trunk;
    call.chance?;
    // The integral is worth its time only where there is something to weigh.
    let mut view: DecisionView = plan.trace.view();
    view.work_out();
    let mut learned = view
        .candidates
        .iter()
        .filter(|of| of.learned.is_some())
        .peekable();
    if learned.peek().is_some() {
        let own = learned.find(|of| *of.trunk == **was);
        return Some(own.and_then(|of| of.learned?.propensity).map_or(0.0, f64::from));
    }
    let same = order.first().is_some_and(|first| first.trunk == *was);
    Some(f64::from(u8::from(same)))
}

/// An amount in units.
fn units(amount: deck::Money) -> f64 {
    amount.0 as f64 / deck::Money::UNIT as f64
}

/// What an answered call costs at a rate, in units.
fn cost(rate: Rate, talk_ms: f64) -> f64 {
    // A cast from float saturates; who talks for less than a millisecond has talked.
    units(deck::cost(rate, (talk_ms.round() as u64).max(1)))
}
