//! What a call costs us, and what its customer pays.
//!
//! What is charged is charged for a leg, from its answer until it is gone: it follows the leg into another call.

use std::sync::Arc;
use std::time::Instant;

use route::deck::{self, Balance, Money, Rate};
use route::{Sale, TrunkIx};
use rtp_proto::control::Side;
use smallvec::SmallVec;

use super::{Call, Ending};
use crate::core::Core;
use crate::credit::{Place, talk_ms};
use crate::io::Now;
use crate::record::AccountRecord;
use crate::snapshot::Snapshot;

/// Q.850: the network does not want it.
const CALL_REJECTED: u8 = 21;

/// What is charged for a leg: it goes where the leg goes.
pub(crate) struct Charge {
    /// What its carrier asks.
    cost: Option<Rate>,
    sold: Option<Sold>,
    since: Instant,
}

/// What a customer pays.
struct Sold {
    customer: Box<str>,
    rate: Rate,
    /// Its place in the customer's account, if that has credit.
    place: Option<Place>,
}

/// What a call has cost so far, and who pays for what is being set up.
#[derive(Default)]
pub(crate) struct Bill {
    cost: Option<Money>,
    price: Option<Money>,
    /// What was taken off whose account.
    accounts: SmallVec<[(Box<str>, Money); 1]>,
    pending: Option<Sold>,
    /// What is charged for the caller's leg and the called one.
    charges: [Option<Box<Charge>>; 2],
}

/// What a record says of money.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) cost: Option<Money>,
    pub(super) price: Option<Money>,
    pub(super) accounts: Vec<AccountRecord>,
}

impl Sum {
    pub(super) fn margin(&self) -> Option<Balance> {
        self.cost
            .zip(self.price)
            .map(|(cost, price)| Balance::default().plus(price).less(cost))
    }
}

impl Charge {
    /// What it comes to at a moment: what the carrier asks, and what the customer pays.
    fn at(&self, now: Instant) -> (Option<Money>, Option<Money>) {
        let talk = talk_ms(self.since, now);
        let cost = self.cost.map(|rate| deck::cost(rate, talk));
        (cost, self.sold.as_ref().map(|sold| deck::cost(sold.rate, talk)))
    }
}

impl Charge {
    /// Nobody has a record that it could stand in.
    pub(crate) fn forgo(&self, core: &mut Core) {
        if let Some(place) = self.sold.as_ref().and_then(|sold| sold.place) {
            core.settle_credit(place, Money(0));
        }
    }
}

impl Bill {
    fn add(&mut self, (cost, price): (Option<Money>, Option<Money>)) {
        add(&mut self.cost, cost);
        add(&mut self.price, price);
    }
}

fn add(sum: &mut Option<Money>, amount: Option<Money>) {
    if let Some(amount) = amount {
        let sum = sum.get_or_insert_default();
        sum.0 = sum.0.saturating_add(amount.0);
    }
}

/// What a customer pays for a call from one number to another.
pub(crate) fn sale(
    snapshot: &Snapshot,
    customer: TrunkIx,
    at_unix_s: u64,
    (caller, called): (&str, &str),
) -> route::Sale {
    let asked = deck::Asked {
        called,
        caller,
        at_unix_s,
    };
    let to_carriers = snapshot.tables.number(called).is_none();
    snapshot.tables.sale(customer, &asked, to_carriers)
}

/// What the customer of this name pays for a call; `None`: nothing.
///
/// # Errors
/// The call is not sold: why.
pub(crate) fn sold(sale: Sale, name: &str) -> Result<Option<Rate>, String> {
    match sale {
        Sale::Unsaid | Sale::Free => Ok(None),
        Sale::NoPrice => Err(format!(
            "{name}: what it pays has no price for this number (unpriced = \"refuse\")"
        )),
        Sale::Blocked => Err(format!("{name}: what it pays blocks this number")),
        Sale::Priced(rate) => Ok(Some(rate)),
    }
}

impl Call {
    fn bill(&self) -> Option<&Bill> {
        self.aside.as_ref()?.bill.as_deref()
    }

    fn bill_mut(&mut self) -> &mut Bill {
        self.aside().bill.get_or_insert_default()
    }

    /// What its customer pays for the call that is about to be set up. A customer with credit has to have some left.
    ///
    /// # Errors
    /// How the call ends, and why: it is not sold, or there is no money for it.
    pub(crate) fn sell(
        &mut self,
        core: &mut Core,
        now: Now,
        customer: TrunkIx,
        sale: Sale,
    ) -> Result<Option<Rate>, (Ending, String)> {
        let snapshot = Arc::clone(&self.snapshot);
        let trunk = snapshot.trunk(customer);
        let name = &trunk.name;
        let refused = |kind, status| Ending {
            q850: Some(CALL_REJECTED),
            ..Ending::failed(kind, status)
        };
        let Some(rate) = sold(sale, name).map_err(|why| (refused("not-sold", 403), why))? else {
            return Ok(None);
        };
        let customer = Box::from(name.as_str());
        match core.reserve_credit(now, name, self.key, rate) {
            Ok(place) => {
                self.story.remark(format!("{name} pays {rate}"));
                let bill = self.bill_mut();
                bill.price.get_or_insert_default();
                bill.pending = Some(Sold {
                    customer,
                    rate,
                    place,
                });
                Ok(Some(rate))
            }
            Err(short) => {
                core.counters.refused_credit += 1;
                let status = trunk.credit.as_ref().map_or(402, |credit| credit.status);
                Err((refused("no-credit", status), format!("{name}: {short}")))
            }
        }
    }

    /// A leg was answered: from now on it is charged. `cost`: what its carrier asks.
    pub(in crate::call) fn begin_charge(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        cost: Option<Rate>,
    ) {
        let sold = self.take_pending();
        if let Some(place) = sold.as_ref().and_then(|sold| sold.place) {
            core.charge_credit(now, place);
        }
        if cost.is_none() && sold.is_none() {
            return;
        }
        let charge = Box::new(Charge {
            cost,
            sold,
            since: now.at,
        });
        *self.charge_mut(side) = Some(charge);
    }

    fn take_pending(&mut self) -> Option<Sold> {
        self.bill()?;
        self.bill_mut().pending.take()
    }

    fn charge_mut(&mut self, side: Side) -> &mut Option<Box<Charge>> {
        let [a, b] = &mut self.bill_mut().charges;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    /// What is charged for a leg that goes to another call.
    pub(in crate::call) fn give_charge(&mut self, side: Side) -> Option<Box<Charge>> {
        self.bill()?;
        self.charge_mut(side).take()
    }

    /// What is charged for a leg that has come from another call is this one's from now on.
    pub(in crate::call) fn take_charge(&mut self, core: &mut Core, side: Side, charge: Option<Box<Charge>>) {
        let Some(charge) = charge else { return };
        if let Some(place) = charge.sold.as_ref().and_then(|sold| sold.place) {
            core.move_credit(place, self.key);
        }
        *self.charge_mut(side) = Some(charge);
    }

    /// A leg is gone, and with it what is charged for it.
    pub(in crate::call) fn settle_charge(&mut self, core: &mut Core, now: Now, side: Side) {
        let Some(charge) = self.give_charge(side) else {
            return;
        };
        let due = charge.at(now.at);
        let bill = self.bill_mut();
        bill.add(due);
        let (
            Some(Sold {
                customer,
                place: Some(place),
                ..
            }),
            (_, Some(price)),
        ) = (charge.sold, due)
        else {
            return;
        };
        core.settle_credit(place, price);
        match bill.accounts.iter_mut().find(|(name, _)| *name == customer) {
            Some((_, sum)) => sum.0 = sum.0.saturating_add(price.0),
            None => bill.accounts.push((customer, price)),
        }
    }

    /// Nothing more is charged: the call is over.
    pub(super) fn settle_bill(&mut self, core: &mut Core, now: Now) {
        self.drop_sale(core);
        for side in Side::BOTH {
            self.settle_charge(core, now, side);
        }
    }

    /// Nobody has answered.
    pub(in crate::call) fn drop_sale(&mut self, core: &mut Core) {
        if let Some(place) = self.take_pending().and_then(|sold| sold.place) {
            core.settle_credit(place, Money(0));
        }
    }

    /// Somebody has answered, and the caller was gone: nobody pays.
    pub(super) fn drop_charge(&mut self, core: &mut Core, side: Side) {
        if let Some(charge) = self.give_charge(side) {
            charge.forgo(core);
        }
    }

    /// What it comes to: what is settled and, at `now`, what is charged still.
    pub(super) fn sum(&self, now: Option<Now>) -> Sum {
        let mut sum = Sum::default();
        let mut account = |customer: &str, price: Money| match sum
            .accounts
            .iter_mut()
            .find(|account| account.customer == customer)
        {
            Some(account) => account.price.0 = account.price.0.saturating_add(price.0),
            None => sum.accounts.push(AccountRecord {
                customer: customer.to_owned(),
                price,
            }),
        };
        let (mut cost, mut price) = (None, None);
        if let Some(bill) = self.bill() {
            (cost, price) = (bill.cost, bill.price);
            bill.accounts
                .iter()
                .for_each(|(customer, price)| account(customer, *price));
        }
        let charges = self
            .bill()
            .into_iter()
            .flat_map(|bill| bill.charges.iter().flatten());
        for (charge, now) in charges.filter_map(|charge| Some((charge, now?))) {
            let due = charge.at(now.at);
            add(&mut cost, due.0);
            add(&mut price, due.1);
            if let (
                Some(Sold {
                    customer,
                    place: Some(_),
                    ..
                }),
                Some(price),
            ) = (&charge.sold, due.1)
            {
                account(customer, price);
            }
        }
        let is_priced = |trunk: &config::Trunk| trunk.deck.is_some() || !trunk.rates.is_empty();
        let tried = || {
            self.story
                .tried
                .iter()
                .any(|tried| is_priced(self.snapshot.trunk(tried.trunk)))
        };
        if self.story.answered.is_none() && tried() {
            cost.get_or_insert_default();
        }
        (sum.cost, sum.price) = (cost, price);
        sum
    }
}
