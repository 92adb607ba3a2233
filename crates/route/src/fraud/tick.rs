//! Time goes on: what calls in progress cost, and groups whose counts have changed.

use super::judge;
use super::lru::Handle;
use super::watch::Watch;
use super::{Guard, Moment, Way};
use config::FraudAction;
use std::time::Duration;

/// Calls that one tick goes through; where there are more, ticks come the faster.
const CHUNK: usize = 4_096;
/// Time between two looks at a call in progress.
const TICK: Duration = Duration::from_secs(1);

impl Guard {
    /// It is looked at with the next tick.
    pub(super) fn stir(&mut self, handle: Handle) {
        if let Some(group) = self.groups.get_mut(handle)
            && !std::mem::replace(&mut group.stirred, true)
        {
            self.stirred.push(handle);
        }
    }

    /// Time goes on: what calls in progress cost is counted, and looked at. Gives the time until this is wanted again; `None`: not
    /// before another call is answered.
    pub fn tick(&mut self, now: Moment) -> Option<Duration> {
        let seconds = self.seconds(now);
        let places = self.watches.places();
        for step in 0..places.min(CHUNK) {
            self.look_at(now, seconds, (self.cursor + step) % places.max(1));
        }
        self.cursor = (self.cursor + CHUNK.min(places)) % places.max(1);
        for handle in std::mem::take(&mut self.stirred) {
            self.look_at_group(now, handle);
        }
        let turns = u32::try_from(places.div_ceil(CHUNK)).unwrap_or(1).max(1);
        (self.watches.len() > 0).then(|| TICK / turns)
    }

    /// One call in progress.
    fn look_at(&mut self, now: Moment, seconds: u32, place: usize) {
        let Some(watch) = self.watches.at_mut(place) else {
            return;
        };
        if watch.answered.is_none() || watch.way == Way::In {
            return;
        }
        // Out of its place for as long as others are looked at together with it.
        let mut looked = watch.clone();
        self.charge(seconds, now.at, &mut looked);
        if let Some(watch) = self.watches.at_mut(place) {
            watch.charged = looked.charged;
        }
        self.look_at_ceilings(now, &looked);
        if !looked.allowed {
            self.look_at_duration(now, &looked);
        }
    }

    fn look_at_duration(&mut self, now: Moment, watch: &Watch) {
        let Some(policy) = self.policy(watch.customer) else {
            return;
        };
        if policy.duration.action == FraudAction::Off || !watch.dear {
            return;
        }
        let talk = watch.talk(now.at);
        let [group, _] = watch.groups;
        let found = self
            .groups
            .get(group)
            .and_then(|counted| judge::duration(&policy, counted, talk));
        if let Some(found) = found {
            let when = self.when(now, watch.customer);
            self.act_on_long(now, when, group, found, watch.key);
        }
    }

    /// A group whose counts have changed.
    fn look_at_group(&mut self, now: Moment, handle: Handle) {
        let Some(group) = self.groups.get_mut(handle) else {
            return;
        };
        group.stirred = false;
        let customer = group.customer;
        let when = self.when(now, customer);
        self.learn(handle, when);
        let Some(policy) = self.policy(customer).filter(|policy| policy.enabled) else {
            return;
        };
        let Some(group) = self.groups.get(handle) else {
            return;
        };
        let wanted = |action: FraudAction| action != FraudAction::Off;
        let spent = wanted(policy.spend.action)
            .then(|| judge::spend(&policy, group, when))
            .flatten();
        let fast = wanted(policy.velocity.action)
            .then(|| judge::velocity(&policy, group, when))
            .flatten();
        for found in [spent, fast].into_iter().flatten() {
            self.act(now, when, handle, found, None);
        }
    }
}
