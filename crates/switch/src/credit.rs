//! Customers' credit: what each may still spend, and which of its calls have to end when that is nothing.
//!
//! A customer's running calls are charged as they go: a call has paid for the interval that it is in, and when the next one begins
//! there has to be money for it. So a customer never owes more than it may, and a call ends within [`LEAD`] of the moment at which
//! what it has paid for is over. What is kept here follows the record store, which takes prices off balances together with the records
//! that they stand in; a process that is killed loses nothing of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Credit;
use route::deck::{self, Balance, Money, Rate};
use serde::Serialize;
use sip_proto::timers::TimerKey;

use crate::core::{Core, Timer};
use crate::ident::CallKey;
use crate::io::Now;

/// How long before the end of what it has paid for a call is ended, so that a timer that is late does not make it dearer.
const LEAD: Duration = Duration::from_millis(100);

/// The longest that an account is not looked at while calls are charged to it.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Customers whose accounts are kept at most: those of the store and of every configuration since the start.
const MAX_ACCOUNTS: usize = 100_000;

/// A call's place in a customer's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    account: u32,
    id: u64,
}

/// A call that is charged to an account.
#[derive(Debug, Clone, Copy)]
struct Held {
    call: CallKey,
    rate: Rate,
    /// When it was answered; until then its first interval is kept for it.
    since: Option<Instant>,
}

impl Held {
    fn talk_ms(&self, at: Instant) -> u64 {
        self.since.map_or(1, |since| talk_ms(since, at))
    }

    /// What it has cost so far.
    fn cost(&self, at: Instant) -> Money {
        deck::cost(self.rate, self.talk_ms(at))
    }

    /// When it has to pay next, and how much; `None`: never.
    fn step(&self, at: Instant) -> Option<(Instant, Money)> {
        let since = self.since?;
        let paid_ms = self.paid_s(at)?.saturating_mul(1000);
        let before = deck::cost(self.rate, paid_ms);
        let after = deck::cost(self.rate, paid_ms.saturating_add(1));
        Some((
            since.checked_add(Duration::from_millis(paid_ms))?,
            Money(after.0.saturating_sub(before.0)),
        ))
    }

    /// The seconds that it has paid for: the interval that it is in, or more, where it has paid a minimum.
    fn paid_s(&self, at: Instant) -> Option<u64> {
        let talk = self.talk_ms(at);
        let (first, increment) = (
            u128::from(self.rate.first_interval),
            u128::from(self.rate.increment.max(1)),
        );
        let minutes = u128::from(deck::cost(self.rate, talk).0.saturating_sub(self.rate.fee.0));
        let covered = (minutes * 60).checked_div(u128::from(self.rate.per_minute.0))?;
        let whole = match covered.checked_sub(first) {
            Some(beyond) => first + beyond / increment * increment,
            None => 0,
        };
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        Some(whole.max(deck::billed_s(self.rate, talk)))
    }
}

/// Milliseconds of conversation so far: at least one, since an answered call has its first interval to pay.
pub(crate) fn talk_ms(since: Instant, at: Instant) -> u64 {
    let talk = at.saturating_duration_since(since).as_millis();
    u64::try_from(talk).unwrap_or(u64::MAX).max(1)
}

/// What a customer has, and its calls.
struct Account {
    name: Arc<str>,
    /// Payments less what ended calls have cost.
    balance: Balance,
    held: HashMap<u64, Held>,
    timer: Option<TimerKey>,
    /// Somebody has been told that little is left.
    warned: bool,
}

/// Every customer's account.
#[derive(Default)]
pub(crate) struct Ledger {
    accounts: Vec<Account>,
    by_name: HashMap<Arc<str>, u32>,
    last_id: u64,
}

/// A customer's account as an operator sees it. Amounts are in the base currency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreditView {
    /// The customer's trunk.
    pub customer: String,
    /// What it may owe; absent: its configuration has no credit.
    pub amount: Option<Balance>,
    /// Payments less what ended calls have cost.
    pub balance: Balance,
    /// What its running calls have cost so far, and the first intervals of those that are being set up.
    pub running: Money,
    /// What it may still spend; absent as `amount` is.
    pub left: Option<Balance>,
    /// Its calls that are charged.
    pub calls: usize,
    /// Whether less is left than its alert says.
    pub low: bool,
}

/// There is not enough for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    pub(crate) left: Balance,
    pub(crate) needed: Money,
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "its credit is used up: {} left, {} needed for the call to begin",
            self.left, self.needed
        )
    }
}

impl Ledger {
    /// The balances that the store has, at the start.
    pub(crate) fn restore(&mut self, balances: impl IntoIterator<Item = (String, Balance)>) {
        for (name, balance) in balances {
            if let Some(account) = self.account(&name) {
                account.balance = balance;
            }
        }
    }

    fn index(&mut self, name: &str) -> Option<u32> {
        if let Some(index) = self.by_name.get(name) {
            return Some(*index);
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            return None;
        }
        let index = u32::try_from(self.accounts.len()).ok()?;
        let name: Arc<str> = name.into();
        self.by_name.insert(Arc::clone(&name), index);
        self.accounts.push(Account {
            name,
            balance: Balance::default(),
            held: HashMap::new(),
            timer: None,
            warned: false,
        });
        Some(index)
    }

    fn account(&mut self, name: &str) -> Option<&mut Account> {
        let index = self.index(name)?;
        self.accounts.get_mut(index as usize)
    }

    fn of(&mut self, place: Place) -> Option<&mut Account> {
        self.accounts.get_mut(place.account as usize)
    }

    /// Calls that have a place.
    pub(crate) fn places(&self) -> usize {
        self.accounts.iter().map(|account| account.held.len()).sum()
    }
}

impl Account {
    /// Says once that little is left, and again when that has not been so in between.
    fn note(&mut self, credit: &Credit, left: Balance) {
        let low = is_low(credit, left);
        if low && !self.warned {
            tracing::warn!(customer = %self.name, %left, "little is left of a customer's credit");
        }
        self.warned = low;
    }

    /// What the calls that are there have cost so far.
    fn running(&self, at: Instant) -> Money {
        let costs = self.held.values().map(|held| held.cost(at).0);
        Money(costs.fold(0, u64::saturating_add))
    }

    /// What may still be spent.
    fn left(&self, credit: &Credit, at: Instant) -> Balance {
        let limit = self.balance.plus(Money::from_units(credit.amount));
        limit.less(self.running(at))
    }

    /// When the account has to be looked at again, and the calls that have no money for what begins before `until`.
    fn judge(&self, credit: &Credit, at: Instant, until: Instant) -> (Option<Instant>, Vec<CallKey>) {
        let mut left = self.left(credit, at);
        let enough = self.enough_for(left);
        let mut steps: Vec<(Instant, Money, &Held)> = Vec::with_capacity(self.held.len());
        // Until then every call has begun no more than one further interval.
        let mut horizon: Option<Instant> = None;
        for held in self.held.values() {
            let Some((when, step)) = held.step(at) else {
                continue;
            };
            let next = when + Duration::from_secs(u64::from(held.rate.increment.max(1)));
            horizon = Some(horizon.map_or(next, |earlier| earlier.min(next)));
            steps.push((when, step, held));
        }
        let Some(horizon) = horizon else {
            return (None, Vec::new());
        };
        let mut due = horizon.max(at + enough);
        // Of those that pay at once the cheaper first: more calls go on.
        steps.sort_by_key(|(when, step, held)| (*when, *step, held.call));
        let mut over = Vec::new();
        for (when, step, held) in steps.into_iter().take_while(|(when, ..)| *when <= horizon) {
            let after = left.less(step);
            if after.0 >= 0 {
                left = after;
            } else {
                due = due.min(when);
                if when > until {
                    break;
                }
                over.push(held.call);
            }
        }
        (due.checked_sub(LEAD), over)
    }

    /// For how long there is enough, whatever interval each call is in.
    fn enough_for(&self, left: Balance) -> Duration {
        let (mut a_second, mut ahead) = (0u128, 0u128);
        for Held { rate, .. } in self.held.values().filter(|held| held.since.is_some()) {
            let minute = u128::from(rate.per_minute.0);
            a_second += minute.div_ceil(60);
            ahead += (minute * u128::from(rate.increment.max(1))).div_ceil(60);
        }
        let left = u128::try_from(left.0).unwrap_or(0);
        let seconds = left.saturating_sub(ahead).checked_div(a_second).unwrap_or(0);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)).min(LONGEST)
    }
}

impl Core {
    /// A customer's credit by the configuration in force.
    fn credit_of(&self, customer: &str) -> Option<Credit> {
        let tables = &self.snapshot.tables;
        let trunk = tables.trunk(tables.trunk_named(customer)?);
        trunk.credit.clone()
    }

    /// Keeps the first interval of a call for it, if there is enough. `None`: the customer has no credit that it could use up.
    ///
    /// # Errors
    /// There is not enough.
    pub(crate) fn reserve_credit(
        &mut self,
        now: Now,
        customer: &str,
        call: CallKey,
        rate: Rate,
    ) -> Result<Option<Place>, Short> {
        let Some(credit) = self.credit_of(customer) else {
            return Ok(None);
        };
        self.credit.last_id += 1;
        let id = self.credit.last_id;
        let Some(index) = self.credit.index(customer) else {
            tracing::error!(
                customer,
                "there are too many accounts: this customer's calls are not charged"
            );
            return Ok(None);
        };
        let Some(account) = self.credit.accounts.get_mut(index as usize) else {
            return Ok(None);
        };
        let (left, needed) = (account.left(&credit, now.at), deck::cost(rate, 1));
        let after = left.less(needed);
        if after.0 < 0 {
            account.note(&credit, left);
            return Err(Short { left, needed });
        }
        account.note(&credit, after);
        let held = Held {
            call,
            rate,
            since: None,
        };
        account.held.insert(id, held);
        Ok(Some(Place { account: index, id }))
    }

    /// A call with a place was answered: it is charged from now on.
    pub(crate) fn charge_credit(&mut self, now: Now, place: Place) {
        if let Some(held) = self
            .credit
            .of(place)
            .and_then(|account| account.held.get_mut(&place.id))
        {
            held.since = Some(now.at);
        }
        self.watch_credit(now, place.account);
    }

    /// What is charged is another call's now.
    pub(crate) fn move_credit(&mut self, place: Place, call: CallKey) {
        if let Some(held) = self
            .credit
            .of(place)
            .and_then(|account| account.held.get_mut(&place.id))
        {
            held.call = call;
        }
    }

    /// A call is over, and has cost its customer so much.
    pub(crate) fn settle_credit(&mut self, place: Place, price: Money) {
        let Some(account) = self.credit.of(place) else {
            return;
        };
        if account.held.remove(&place.id).is_none() {
            return;
        }
        account.balance = account.balance.less(price);
        if account.held.is_empty() {
            let mut timer = account.timer.take();
            self.disarm(&mut timer);
        }
        // What is left of the credit can only last longer than was thought: the timer of the others stays as it is.
    }

    /// What a call of the process before this one has cost its customer.
    pub(crate) fn take_off_credit(&mut self, customer: &str, price: Money) {
        if let Some(account) = self.credit.account(customer) {
            account.balance = account.balance.less(price);
        }
    }

    /// A payment is booked: what has been waiting for it lasts longer.
    pub(crate) fn add_credit(&mut self, now: Now, customer: &str, amount: Balance) {
        let Some(index) = self.credit.index(customer) else {
            return;
        };
        if let Some(account) = self.credit.accounts.get_mut(index as usize) {
            account.balance = Balance(account.balance.0.saturating_add(amount.0));
        }
        self.watch_credit(now, index);
    }

    /// Another configuration is in force: what customers may owe may have changed.
    pub(crate) fn install_credit(&mut self, now: Now) {
        for index in 0..self.credit.accounts.len() {
            self.watch_credit(now, u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// An account is to be looked at: the calls that have no money left. Whoever ends them says so by [`Core::credit_ended`].
    pub(crate) fn on_credit_timer(&mut self, now: Now, index: u32) -> Vec<CallKey> {
        let Some(account) = self.credit.accounts.get_mut(index as usize) else {
            return Vec::new();
        };
        account.timer = None;
        let name = Arc::clone(&account.name);
        let Some(credit) = self.credit_of(&name).filter(|credit| credit.end_calls) else {
            return Vec::new();
        };
        let account = self.credit.accounts.get(index as usize);
        let over = account
            .map(|account| account.judge(&credit, now.at, now.at + LEAD).1)
            .unwrap_or_default();
        if !over.is_empty() {
            tracing::warn!(customer = %name, calls = over.len(), "credit is used up: calls are ended");
        }
        over
    }

    /// The calls that had no money left are over. What should still be charged for one of them is nobody's.
    pub(crate) fn credit_ended(&mut self, now: Now, index: u32, over: &[CallKey]) {
        if let Some(account) = self.credit.accounts.get_mut(index as usize) {
            account.held.retain(|_, held| !over.contains(&held.call));
        }
        self.watch_credit(now, index);
    }

    /// Arms the timer at which the account has to be looked at next.
    fn watch_credit(&mut self, now: Now, index: u32) {
        let Some(account) = self.credit.accounts.get_mut(index as usize) else {
            return;
        };
        let (mut timer, name) = (account.timer.take(), Arc::clone(&account.name));
        self.disarm(&mut timer);
        let Some(credit) = self.credit_of(&name) else {
            return;
        };
        let Some(account) = self.credit.accounts.get_mut(index as usize) else {
            return;
        };
        account.note(&credit, account.left(&credit, now.at));
        let due = account
            .judge(&credit, now.at, now.at)
            .0
            .filter(|_| credit.end_calls);
        if let Some(due) = due {
            account.timer = Some(self.timers.insert(due.max(now.at), Timer::Credit(index)));
        }
    }

    /// The accounts of customers that have credit or had some.
    pub(crate) fn credit_views(&mut self, now: Now) -> Vec<CreditView> {
        let snapshot = Arc::clone(&self.snapshot);
        for trunk in snapshot
            .config
            .trunks
            .iter()
            .filter(|trunk| trunk.credit.is_some())
        {
            self.credit.index(&trunk.name);
        }
        let view = |account: &Account| {
            let credit = self.credit_of(&account.name);
            let left = credit.as_ref().map(|credit| account.left(credit, now.at));
            CreditView {
                customer: account.name.to_string(),
                amount: credit.as_ref().map(|credit| Balance::from_units(credit.amount)),
                balance: account.balance,
                running: account.running(now.at),
                left,
                calls: account.held.len(),
                low: credit
                    .zip(left)
                    .is_some_and(|(credit, left)| is_low(&credit, left)),
            }
        };
        let mut views: Vec<CreditView> = self.credit.accounts.iter().map(view).collect();
        views.sort_by(|a, b| a.customer.cmp(&b.customer));
        views
    }
}

fn is_low(credit: &Credit, left: Balance) -> bool {
    credit
        .alert
        .is_some_and(|alert| left < Balance::from_units(alert))
}

#[cfg(test)]
mod tests;
