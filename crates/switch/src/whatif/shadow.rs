//! Calls as another configuration would have planned them.

use std::collections::BTreeMap;
use std::sync::Arc;

use route::deck::{self, Rate};
use route::{Live, Plan, TrunkIx};
use serde::Serialize;

use super::Candidate;
use crate::call::{Call, bill};
use crate::io::Now;
use crate::snapshot::Snapshot;

/// Prices of carriers are compared by a call of three minutes, as plans compare them.
const COMPARED_MS: u64 = 180_000;

/// Other plans for the same calls, and how they differ.
pub(super) struct Shadow {
    pub(super) snapshot: Arc<Snapshot>,
    name: String,
    since_ms: u64,
    calls: u64,
    same: u64,
    unrouted: [u64; 2],
    priced: u64,
    cost: [f64; 2],
    cheaper: u64,
    dearer: u64,
    /// How often each trunk was first; no more of them than there are trunks.
    first: BTreeMap<String, [u64; 2]>,
}

/// What a shadow has shown. Pairs are: by the configuration in force, by the shadow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowView {
    /// Where the configuration was read from.
    pub config: String,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
    /// Customers' calls that were planned by both.
    pub calls: u64,
    /// Those with the same first trunk.
    pub same_first: u64,
    /// Those that nobody would have been asked for.
    pub unrouted: [u64; 2],
    /// Those of which both first trunks have prices.
    pub priced: u64,
    /// What a call of three minutes costs at the first trunk, on average over these, in units of the base currency.
    pub cost: [f64; 2],
    /// Those that would have cost less, and more.
    pub cheaper: u64,
    /// See `cheaper`.
    pub dearer: u64,
    /// How often each trunk was first.
    pub shares: Vec<ShadowShare>,
}

/// A trunk's part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowShare {
    /// The trunk.
    pub trunk: String,
    /// In how many calls it was the first.
    pub first: [u64; 2],
    /// Part of all calls.
    pub share: [f64; 2],
}

/// Who is first, and what that costs.
struct First<'a> {
    trunk: &'a str,
    cost: Option<f64>,
}

impl<'a> First<'a> {
    fn of(snapshot: &'a Snapshot, plan: &Plan) -> Option<Self> {
        let first = plan.attempts.first()?;
        let amount = |rate: Rate| deck::cost(rate, COMPARED_MS).0 as f64 / deck::Money::UNIT as f64;
        Some(Self {
            trunk: &snapshot.trunk(first.trunk).name,
            cost: first.rate.map(amount),
        })
    }
}

impl Shadow {
    pub(super) fn new(now: Now, candidate: Candidate) -> Self {
        Self {
            snapshot: candidate.snapshot,
            name: candidate.name,
            since_ms: now.unix_ms,
            calls: 0,
            same: 0,
            unrouted: [0; 2],
            priced: 0,
            cost: [0.0; 2],
            cheaper: 0,
            dearer: 0,
            first: BTreeMap::new(),
        }
    }

    /// A call has its plan: makes another one.
    pub(super) fn plan(&mut self, live: &Live, now: Now, call: &Call, draw: u64, plan: Option<&Plan>) {
        let customer = call.snapshot.trunk(call.a.trunk);
        if customer.role != config::Role::Customer || call.is_emergency() || call.is_test() {
            return;
        }
        let shadow = Arc::clone(&self.snapshot);
        let Some(from) = shadow.tables.trunk_named(&customer.name) else {
            return;
        };
        let other = plan_by(&shadow, from, live, now, call, draw);
        let firsts = [
            plan.and_then(|plan| First::of(&call.snapshot, plan)),
            other.as_ref().and_then(|plan| First::of(&shadow, plan)),
        ];
        self.count(&firsts);
    }

    fn count(&mut self, firsts: &[Option<First<'_>>; 2]) {
        self.calls += 1;
        for (side, first) in firsts.iter().enumerate() {
            let place = match first {
                None => self.unrouted.get_mut(side),
                Some(first) => {
                    let trunk = match self.first.get_mut(first.trunk) {
                        Some(trunk) => trunk,
                        None => self.first.entry(first.trunk.to_owned()).or_default(),
                    };
                    trunk.get_mut(side)
                }
            };
            if let Some(place) = place {
                *place += 1;
            }
        }
        let trunk = |first: &Option<First<'_>>| first.as_ref().map(|first| first.trunk.to_owned());
        let [ours, others] = firsts;
        self.same += u64::from(trunk(ours) == trunk(others));
        let cost = |first: &Option<First<'_>>| first.as_ref().and_then(|first| first.cost);
        if let (Some(before), Some(after)) = (cost(ours), cost(others)) {
            self.priced += 1;
            self.cheaper += u64::from(after < before);
            self.dearer += u64::from(after > before);
            let [sum_before, sum_after] = &mut self.cost;
            *sum_before += before;
            *sum_after += after;
        }
    }

    pub(super) fn view(&self) -> ShadowView {
        let part = |many: f64, of: u64| if of > 0 { many / of as f64 } else { 0.0 };
        let share = |(trunk, first): (&String, &[u64; 2])| ShadowShare {
            trunk: trunk.clone(),
            first: *first,
            share: first.map(|many| part(many as f64, self.calls)),
        };
        ShadowView {
            config: self.name.clone(),
            since_ms: self.since_ms,
            calls: self.calls,
            same_first: self.same,
            unrouted: self.unrouted,
            priced: self.priced,
            cost: self.cost.map(|sum| part(sum, self.priced)),
            cheaper: self.cheaper,
            dearer: self.dearer,
            shares: self.first.iter().map(share).collect(),
        }
    }
}

/// The call's plan by another configuration; `None`: nobody would be asked.
fn plan_by(shadow: &Snapshot, from: TrunkIx, live: &Live, now: Now, call: &Call, draw: u64) -> Option<Plan> {
    let (caller, called) = (&*call.story.caller, &*call.story.called);
    let at_unix_s = now.unix_ms / 1000;
    let sale = bill::sale(shadow, from, at_unix_s, (caller, called));
    bill::sold(sale, "").ok()?;
    let numbers = call.story.numbers.as_deref();
    let request = route::Request {
        from,
        caller,
        called,
        class: None,
        sell: sale.rate(),
        routed: numbers.and_then(|numbers| numbers.routed.as_deref()),
        emergency: false,
        at_unix_s,
        draw,
    };
    route::plan(&shadow.tables, live, now.at, &request).ok()
}
