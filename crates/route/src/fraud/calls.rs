//! What happens to calls, from their beginning to their end.

use super::baseline::Figure;
use super::group::Priced;
use super::judge::{self, When};
use super::lru::Handle;
use super::policy::Policy;
use super::watch::Watch;
use super::{Asked, Guard, Moment, Place, Refused, Scope, Way};
use crate::deck::Rate;
use config::FraudAction;
use smallvec::SmallVec;
use std::time::Instant;

/// From so many calls on the country that a customer calls most is its own.
const HOME: f32 = 50.0;

impl Guard {
    /// A call begins under this key. What is found of it, now or later, is told in events.
    ///
    /// # Errors
    /// It may not go on; then it is not watched.
    pub fn attempt(&mut self, now: Moment, key: u64, asked: &Asked<'_>) -> Result<(), Refused> {
        let customer = self.names.get(asked.trunk).copied();
        let Some(customer) = customer.filter(|_| !asked.exempt) else {
            return Ok(());
        };
        let Some(policy) = self.policy(customer).filter(|policy| policy.enabled) else {
            return Ok(());
        };
        let (far, near) = match asked.way {
            Way::Out => (asked.called, asked.caller),
            Way::In => (asked.caller, asked.called),
        };
        let (place, number) = Place::of(far);
        let when = self.first_call(now, customer);
        let groups = [Some(place), None].map(|place| self.group((customer, asked.way, place), when));
        let allowed = policy.allows(far);
        let mut watch = Watch::new(key, customer, asked.way, groups, now.at, allowed);
        self.foresee(&mut watch, policy.dear);
        let foreseen = watch.foreseen;
        self.barred(now, &watch, |scope| foreseen || !scope.is_of_price())?;
        if asked.way == Way::Out {
            watch.ceilings = self.ceilings(now, customer, &policy, (far, place))?;
            self.count_ceilings(when.now, &watch.ceilings);
        }
        self.watches.insert(watch);
        if allowed {
            return Ok(());
        }
        let row = self.count_pattern(when.now, groups, (asked.way, number, Place::of(near).1));
        if asked.way == Way::In {
            return Ok(());
        }
        if self.judge_attempt(now, when, &policy, (key, groups), row) {
            return self.stop(now, key, |_| true);
        }
        Ok(())
    }

    /// Whether a call will be dear, as far as calls there before it tell.
    fn foresee(&self, watch: &mut Watch, dear: f32) {
        let Some(group) = self.groups.get(watch.groups[0]) else {
            return;
        };
        watch.foreseen = group.price > 0.0 || group.is_high_risk();
        watch.dear = group.is_high_risk() || (group.price > 0.0 && group.price >= dear);
        watch.odd = watch.dear && !group.is_usual();
    }

    /// Counts an attempt for the patterns. How many numbers in a row it makes in its country.
    fn count_pattern(&mut self, now: u32, groups: [Handle; 2], (way, far, near): (Way, u64, u64)) -> u16 {
        let (callers, called) = match way {
            Way::Out => (near, far),
            Way::In => (far, near),
        };
        let [row, _] = groups.map(|handle| {
            let Some(group) = self.groups.get_mut(handle) else {
                return 0;
            };
            group.tally.attempt(now);
            group.baseline.count(Figure::Attempts, 1.0);
            group.called.note(now, called);
            group.callers.note(now, callers);
            group.numbers.note(now, far)
        });
        row
    }

    /// The moment of a call of this customer's, which may be its first.
    fn first_call(&mut self, now: Moment, customer: u32) -> When {
        let seconds = self.seconds(now);
        if let Some(customer) = self.customers.get_mut(customer as usize) {
            customer.first.get_or_insert(seconds);
        }
        self.when(now, customer)
    }

    /// Whether a new bar has come of this attempt.
    fn judge_attempt(
        &mut self,
        now: Moment,
        when: When,
        policy: &Policy,
        (key, groups): (u64, [Handle; 2]),
        row: u16,
    ) -> bool {
        let mut barred = false;
        if policy.sequential.action != FraudAction::Off
            && let Some(found) = judge::sequential(policy, row)
        {
            barred |= self.act(now, when, groups[0], found, Some(key));
        }
        if policy.velocity.action != FraudAction::Off {
            for handle in groups {
                let group = self.groups.get(handle);
                if let Some(found) = group.and_then(|group| judge::velocity(policy, group, when)) {
                    barred |= self.act(now, when, handle, found, Some(key));
                    break;
                }
            }
        }
        barred
    }

    /// What has been found may be about the very call by which it was: it is refused then, and watched no longer.
    fn stop(&mut self, now: Moment, key: u64, these: impl Fn(Scope) -> bool) -> Result<(), Refused> {
        let Some(watch) = self.watches.get_mut(key).cloned() else {
            return Ok(());
        };
        let refused = self.barred(now, &watch, these);
        if refused.is_err() {
            self.drop_watches(now, key);
        }
        refused
    }

    /// What a call costs is known, as far as it is: `None` where no price is.
    ///
    /// # Errors
    /// It may not go on; then it is no longer watched.
    pub fn priced(&mut self, now: Moment, key: u64, rate: Option<Rate>) -> Result<(), Refused> {
        let Some(watch) = self.watches.get_mut(key) else {
            return Ok(());
        };
        let (customer, groups) = (watch.customer, watch.groups);
        if watch.way == Way::In || watch.allowed {
            watch.rate = rate;
            return Ok(());
        }
        let Some(policy) = self.policy(customer) else {
            return Ok(());
        };
        self.weigh(key, &policy, rate);
        let Some(watch) = self.watches.get_mut(key).filter(|watch| watch.dear) else {
            return Ok(());
        };
        let (priced, odd, foreseen) = (watch.priced(), watch.odd, watch.foreseen);
        if !foreseen {
            self.stop(now, key, Scope::is_of_price)?;
        }
        self.pend(groups, odd, |pending| *pending = *pending + priced);
        if let Some(watch) = self.watches.get_mut(key) {
            watch.pending = true;
        }
        let when = self.when(now, customer);
        if self.judge_dear(now, when, &policy, (key, groups)) {
            return self.stop(now, key, |_| true);
        }
        Ok(())
    }

    /// Notes what a minute of a call costs, or may cost.
    fn weigh(&mut self, key: u64, policy: &Policy, rate: Option<Rate>) {
        let Some(watch) = self.watches.get_mut(key) else {
            return;
        };
        let Some(group) = self.groups.get_mut(watch.groups[0]) else {
            return;
        };
        let place = group.place;
        let high_risk = place.is_some_and(Place::is_high_risk);
        let usual = group.is_usual();
        watch.rate = rate;
        let price = match rate {
            Some(rate) => {
                let price = (rate.per_minute.0 as f64 / 1e9) as f32;
                group.price = price;
                price
            }
            None => {
                let home = self.customers.get(watch.customer as usize).map(|of| of.home);
                let abroad = place.zip(home).is_some_and(|(place, (home, calls))| {
                    place.is_country() && calls >= HOME && place.code() != home
                });
                if abroad && !usual { policy.dear } else { 0.0 }
            }
        };
        watch.price = if high_risk { price.max(policy.dear) } else { price };
        watch.dear = watch.price > 0.0 && watch.price >= policy.dear || high_risk;
        watch.odd = watch.dear && !usual;
    }

    /// Changes what may still be answered, of a call's country and of everywhere.
    fn pend(&mut self, groups: [Handle; 2], odd: bool, change: impl Fn(&mut Priced)) {
        for handle in groups {
            if let Some(group) = self.groups.get_mut(handle) {
                change(&mut group.dear.pending);
                if odd && group.place.is_none() {
                    change(&mut group.odd.pending);
                }
            }
        }
    }

    fn judge_dear(
        &mut self,
        now: Moment,
        when: When,
        policy: &Policy,
        (key, groups): (u64, [Handle; 2]),
    ) -> bool {
        let mut barred = false;
        if policy.irsf.action != FraudAction::Off {
            for handle in groups {
                let group = self.groups.get(handle);
                if let Some(found) = group.and_then(|group| judge::irsf(policy, group, when)) {
                    barred |= self.act(now, when, handle, found, Some(key));
                    break;
                }
            }
        }
        let [_, everywhere] = groups;
        if policy.off_hours.action != FraudAction::Off
            && let Some(group) = self.groups.get(everywhere)
            && let Some(found) = judge::off_hours(policy, group, when)
        {
            barred |= self.act(now, when, everywhere, found, Some(key));
        }
        barred
    }

    /// A call is answered, at this price.
    pub fn answered(&mut self, now: Moment, key: u64, rate: Option<Rate>) {
        let seconds = self.seconds(now);
        let Some(watch) = self.watches.get_mut(key).filter(|watch| watch.answered.is_none()) else {
            return;
        };
        watch.answered = Some(now.at);
        if rate.is_some() {
            watch.rate = rate;
        }
        let (groups, way, allowed) = (watch.groups, watch.way, watch.allowed);
        let (priced, dear, odd) = (watch.priced(), watch.dear, watch.odd);
        let pending = std::mem::take(&mut watch.pending);
        for (handle, _) in watch.ceilings.clone() {
            if let Some(ceiled) = self.ceiled.get_mut(handle) {
                ceiled.tally.answered(seconds);
            }
        }
        if allowed || way == Way::In {
            return;
        }
        if pending {
            self.pend(groups, odd, |pending| pending.take(priced));
        }
        for handle in groups {
            let Some(group) = self.groups.get_mut(handle) else {
                continue;
            };
            group.tally.answered(seconds);
            group.baseline.count(Figure::Answered, 1.0);
            group.baseline.count(Figure::Price, priced.price);
            if dear {
                group.dear.answer(seconds, priced);
            }
            if odd && group.place.is_none() {
                group.odd.answer(seconds, priced);
            }
            self.stir(handle);
        }
    }

    /// A call is over; `by_caller`: the caller has given it up, or hung up.
    pub fn ended(&mut self, now: Moment, key: u64, by_caller: bool) {
        for watch in self.drop_watches(now, key) {
            if watch.allowed {
                continue;
            }
            let Some(policy) = self.policy(watch.customer) else {
                continue;
            };
            let when = self.when(now, watch.customer);
            let age = now.at.saturating_duration_since(watch.begun);
            let short = watch.answered.is_none() && by_caller && age <= policy.wangiri.short;
            for handle in watch.groups {
                if let Some(group) = self.groups.get_mut(handle) {
                    group.ended.add(when.now, 1);
                    group.short.add(when.now, u32::from(short));
                }
            }
            let group = self.groups.get(watch.groups[0]);
            if short
                && policy.wangiri.action != FraudAction::Off
                && let Some(found) = group.and_then(|group| judge::wangiri(&policy, group, when))
            {
                self.act(now, when, watch.groups[0], found, None);
            }
        }
    }

    /// Calls are watched no longer: their last costs are counted, and what they held is given back.
    fn drop_watches(&mut self, now: Moment, key: u64) -> SmallVec<[Watch; 1]> {
        let mut gone = self.watches.take(key);
        let seconds = self.seconds(now);
        for watch in &mut gone {
            self.charge(seconds, now.at, watch);
            for (handle, _) in &watch.ceilings {
                if let Some(ceiled) = self.ceiled.get_mut(*handle) {
                    ceiled.tally.up = ceiled.tally.up.saturating_sub(1);
                }
            }
            if watch.allowed || watch.way == Way::In {
                continue;
            }
            if watch.answered.is_some() {
                let talk = watch.talk(now.at).as_secs_f32();
                if let Some(group) = self.groups.get_mut(watch.groups[0]) {
                    group.lasted(talk);
                }
            } else if watch.pending {
                let priced = watch.priced();
                self.pend(watch.groups, watch.odd, |pending| pending.take(priced));
            }
        }
        gone
    }

    /// What belonged to one call is another one's from now on: a leg has moved.
    pub fn handed(&mut self, from: u64, to: u64) {
        if from != to {
            self.watches.hand(from, to);
        }
    }

    /// Counts what a call has cost since it was last looked at.
    pub(super) fn charge(&mut self, seconds: u32, now: Instant, watch: &mut Watch) {
        let cost = watch.charge(now);
        if cost == 0 || watch.way == Way::In {
            return;
        }
        for (handle, _) in &watch.ceilings {
            if let Some(ceiled) = self.ceiled.get_mut(*handle) {
                ceiled.tally.spent(seconds, cost);
            }
        }
        if watch.allowed {
            return;
        }
        for handle in watch.groups {
            if let Some(group) = self.groups.get_mut(handle) {
                group.tally.spent(seconds, cost);
                group.baseline.count(Figure::Spend, (cost as f64 / 1e9) as f32);
                self.stir(handle);
            }
        }
    }
}
