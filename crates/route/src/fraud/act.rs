//! What is done about what was found.

use super::bars::{Kind, Scope};
use super::ceilings::Reached;
use super::event::{Done, Event};
use super::group::{Group, QUIET, Way};
use super::judge::{Found, When};
use super::lru::Handle;
use super::policy::Rule;
use super::watch::Watch;
use super::{Guard, MAX_EVENTS, Moment, Refused};
use crate::deck::Money;
use config::{FraudAction, FraudResponse, FraudScope};
use std::sync::Arc;

/// Numbers that an event shows.
const SAMPLE: usize = 8;
/// Events that wait to be told; the oldest go first.
const MAX_NEWS: usize = 1_024;
/// For so long nothing is told of what an operator has let go on, seconds.
const MUTED: u32 = 3_600;

impl Guard {
    /// Whether a call is kept from going on, by bars for which this holds.
    pub(super) fn barred(
        &mut self,
        now: Moment,
        watch: &Watch,
        these: impl Fn(Scope) -> bool,
    ) -> Result<(), Refused> {
        let Some(customer) = self.customers.get_mut(watch.customer as usize) else {
            return Ok(());
        };
        if customer.bars.list.is_empty() || watch.allowed {
            return Ok(());
        }
        customer.bars.expire(now.at);
        let place = self.groups.get(watch.groups[0]).and_then(|group| group.place);
        let bars = customer.bars.list.iter_mut();
        let covering =
            bars.filter(|bar| bar.way == watch.way && these(bar.scope) && bar.scope.covers(place, watch));
        for bar in covering {
            if bar.lets_through(now.at) {
                continue;
            }
            bar.refused += 1;
            let (id, rule, scope) = (bar.id, bar.rule, bar.scope);
            return Err(match bar.kind {
                Kind::Block => {
                    self.counts.blocked += 1;
                    Refused::Blocked { id, rule, scope }
                }
                Kind::Throttle(_) => {
                    self.counts.throttled += 1;
                    Refused::Throttled { id, rule, scope }
                }
            });
        }
        Ok(())
    }

    /// Does what is to be done about something that was found in a group, and tells of it if that is news. Whether calls are barred by
    /// that which were not before. `own`: the call by which it was found, which has not begun.
    pub(super) fn act(
        &mut self,
        now: Moment,
        when: When,
        handle: Handle,
        found: Found,
        own: Option<u64>,
    ) -> bool {
        let Some((response, scope)) = self.respond(handle, found.rule, when) else {
            return false;
        };
        let Some(group) = self.groups.get_mut(handle) else {
            return false;
        };
        let (way, index) = (group.way, group.customer);
        let Some(alarm) = group.alarm_mut(found.rule) else {
            return false;
        };
        if alarm.muted_until > when.now {
            return false;
        }
        let told = alarm.told_until > when.now;
        alarm.told_until = when.now.saturating_add(QUIET);
        if !(found.rule == Rule::Irsf && when.is_unsure_of(group)) {
            group.baseline.suspect();
        }
        let kind = kind(response);
        let Some(customer) = self.customers.get_mut(index as usize) else {
            return false;
        };
        let barred = kind.is_some_and(|kind| customer.bars.has(now.at, way, scope, kind));
        if told && (kind.is_none() || barred) {
            return false;
        }
        let mut event = self.event(now, when, handle, found);
        let mut fresh = false;
        if let (Some(kind), Some(customer)) = (kind, self.customers.get_mut(index as usize)) {
            let until = if barred {
                None
            } else {
                let place = (way, scope);
                customer.bars.put_up(now.at, &event, place, kind, response.time)
            };
            fresh = until.is_some();
            event.scope = (fresh || barred).then_some(scope);
            event.seconds = until.map(|until| until.saturating_duration_since(now.at).as_secs());
            if fresh || barred {
                event.done = match kind {
                    Kind::Block => Done::Blocked,
                    Kind::Throttle(_) => Done::Throttled,
                };
            }
        }
        if response.action == FraudAction::Cut {
            event.cut = self.cut_all(index, (way, scope), found.rule, own);
            event.done = Done::Cut;
            event.scope = Some(scope);
        }
        self.tell(event);
        fresh
    }

    /// What is to be done about something found in a group, and to which calls.
    fn respond(&self, handle: Handle, rule: Rule, when: When) -> Option<(FraudResponse, Scope)> {
        let group = self.groups.get(handle)?;
        let customer = self.customers.get(group.customer as usize)?;
        let mut response = customer.policy.response(rule)?;
        if rule == Rule::Irsf && when.is_unsure_of(group) {
            response.action = FraudAction::Alert;
        }
        let scope = match (response.scope, group.place, rule) {
            (FraudScope::Customer, _, _) => Scope::Customer,
            (FraudScope::Destination, Some(place), _) => Scope::Place(place),
            (FraudScope::Destination, None, Rule::Irsf) => Scope::Unusual,
            (FraudScope::Destination, None, Rule::Spend | Rule::OffHours) => Scope::Dear,
            (
                FraudScope::Destination,
                None,
                Rule::Velocity | Rule::Duration | Rule::Wangiri | Rule::Sequential | Rule::Ceiling,
            ) => Scope::Customer,
        };
        Some((response, scope))
    }

    /// A call lasts too long: that one alone is ended.
    pub(super) fn act_on_long(&mut self, now: Moment, when: When, handle: Handle, found: Found, key: u64) {
        let Some((response, _)) = self.respond(handle, found.rule, when) else {
            return;
        };
        let Some(alarm) = self
            .groups
            .get_mut(handle)
            .and_then(|group| group.alarm_mut(found.rule))
        else {
            return;
        };
        if alarm.muted_until > when.now {
            return;
        }
        let told = alarm.told_until > when.now;
        alarm.told_until = when.now.saturating_add(QUIET);
        let cuts = response.action == FraudAction::Cut && self.cut(key, found.rule);
        if told && !cuts {
            return;
        }
        let mut event = self.event(now, when, handle, found);
        if cuts {
            (event.done, event.cut) = (Done::Cut, 1);
        }
        self.tell(event);
    }

    /// A call is to be ended; whether that is news.
    pub(super) fn cut(&mut self, key: u64, rule: Rule) -> bool {
        let news = self.cuts.insert(key, rule).is_none();
        self.counts.cut += u64::from(news);
        news
    }

    /// All calls of a customer's are to be ended that are in this scope, but for its `own`; how many there are.
    fn cut_all(&mut self, customer: u32, (way, scope): (Way, Scope), rule: Rule, own: Option<u64>) -> u32 {
        let place = |watch: &Watch| self.groups.get(watch.groups[0]).and_then(|group| group.place);
        let keys: Vec<u64> = self
            .watches
            .iter()
            .filter(|watch| watch.customer == customer && watch.way == way && !watch.allowed)
            .filter(|watch| scope.covers(place(watch), watch) && Some(watch.key) != own)
            .map(|watch| watch.key)
            .collect();
        let cut = keys.into_iter().filter(|key| self.cut(*key, rule));
        u32::try_from(cut.count()).unwrap_or(u32::MAX)
    }

    fn event(&mut self, now: Moment, when: When, handle: Handle, found: Found) -> Event {
        let group = self.groups.get(handle);
        let index = group.map_or(0, |group| group.customer);
        let customer = self.customers.get(index as usize);
        let place = group.and_then(|group| group.place);
        let numbers = |group: &Group| {
            let sample = group.numbers.sample(SAMPLE);
            let write = |number: u64| match place {
                Some(place) => place.write(number),
                None => Some(number.to_string()),
            };
            sample.into_iter().filter_map(write).collect()
        };
        let event = Event {
            id: self.last_id + 1,
            at_ms: now.unix_ms,
            customer: customer.map_or_else(|| Arc::from(""), |customer| Arc::clone(&customer.name)),
            way: group.map_or(Way::Out, |group| group.way),
            rule: found.rule,
            place: place.map_or_else(|| "everywhere".to_owned(), |place| place.to_string()),
            figure: found.figure,
            seen: found.seen,
            usual: found.usual,
            limit: found.limit,
            spent: Money(group.map_or(0, |group| group.tally.spend_hour.sum(when.now))),
            numbers: group.map(numbers).unwrap_or_default(),
            called: group.map_or(0, |group| group.called.count(when.now)),
            callers: group.map_or(0, |group| group.callers.count(when.now)),
            done: Done::Alerted,
            scope: None,
            seconds: None,
            cut: 0,
        };
        self.last_id += 1;
        event
    }

    pub(super) fn tell_of_ceiling(
        &mut self,
        now: Moment,
        customer: u32,
        place: String,
        found: Reached,
        (spent, done, cut): (Money, Done, u32),
    ) {
        self.last_id += 1;
        let name = self
            .customers
            .get(customer as usize)
            .map(|of| Arc::clone(&of.name));
        self.tell(Event {
            id: self.last_id,
            at_ms: now.unix_ms,
            customer: name.unwrap_or_else(|| Arc::from("")),
            way: Way::Out,
            rule: Rule::Ceiling,
            place,
            figure: found.figure,
            seen: found.seen,
            usual: 0.0,
            limit: found.limit,
            spent,
            numbers: Vec::new(),
            called: 0,
            callers: 0,
            done,
            scope: None,
            seconds: None,
            cut,
        });
    }

    fn tell(&mut self, event: Event) {
        if let Some(count) = self.counts.events.get_mut(event.rule.index()) {
            *count += 1;
        }
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        if self.news.len() >= MAX_NEWS {
            self.news.remove(0);
        }
        self.news.push(event);
    }

    /// Whether there is anything to tell, or a call to be ended.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty() || !self.cuts.is_empty()
    }

    /// What was found since this was asked last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// The calls that are to be ended, by their keys, each with the rule that says so.
    pub fn take_cuts(&mut self) -> Vec<(u64, Rule)> {
        std::mem::take(&mut self.cuts).into_iter().collect()
    }

    /// Lifts a bar. What it was for goes on untold for an hour: somebody has looked at it. Says whether there was one of this number.
    pub fn lift(&mut self, now: Moment, id: u64) -> bool {
        let seconds = self.seconds(now);
        for (index, customer) in (0_u32..).zip(&mut self.customers) {
            customer.bars.expire(now.at);
            let Some(place) = customer.bars.list.iter().position(|bar| bar.id == id) else {
                continue;
            };
            let bar = customer.bars.list.remove(place);
            let key = match bar.scope {
                Scope::Place(place) => (index, bar.way, Some(place)),
                Scope::Unusual | Scope::Dear | Scope::Customer => (index, bar.way, None),
            };
            // Found in one country, but all calls are barred for it.
            let all = bar.scope == Scope::Customer;
            let groups: Vec<Handle> = self
                .groups
                .iter()
                .filter(|(_, other, _)| **other == key || (all && other.0 == index && other.1 == bar.way))
                .map(|(handle, _, _)| handle)
                .collect();
            for group in groups {
                self.mute(group, seconds.saturating_add(MUTED));
            }
            return true;
        }
        false
    }

    fn mute(&mut self, handle: Handle, until: u32) {
        let Some(group) = self.groups.get_mut(handle) else {
            return;
        };
        for rule in Rule::ALL {
            if let Some(alarm) = group.alarm_mut(rule) {
                (alarm.muted_until, alarm.told_until) = (until, 0);
            }
        }
    }
}

/// How an action keeps calls from going on, if it does.
fn kind(response: FraudResponse) -> Option<Kind> {
    match response.action {
        FraudAction::Off | FraudAction::Alert => None,
        FraudAction::Throttle => Some(Kind::Throttle(response.rate)),
        FraudAction::Block | FraudAction::Cut => Some(Kind::Block),
    }
}
