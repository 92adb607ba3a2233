//! Ceilings: what no customer may go beyond, whatever is usual for it.

use super::event::Done;
use super::group::{QUIET, Tally};
use super::lru::Handle;
use super::policy::{Limit, Policy, Rule};
use super::watch::Watch;
use super::{Guard, Moment, Place, Refused};
use crate::deck::Money;
use crate::destinations;
use config::{Ceiling, CeilingAction, CeilingFor};
use smallvec::SmallVec;

/// What is counted for one ceiling, of one country where it is for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Ceiled {
    pub(super) tally: Tally,
    /// Until then what goes on is what was told.
    told_until: u32,
}

/// A ceiling is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reached {
    pub(super) figure: &'static str,
    pub(super) seen: f64,
    pub(super) limit: f64,
}

/// Seconds of an alarm that is put off while a ceiling stays reached.
const TOLD: u32 = QUIET;

/// The first figure of a ceiling that is reached, so that no further call fits under it.
fn reached(ceiling: &Ceiling, tally: &Tally, now: u32) -> Option<Reached> {
    let count = |limit: Option<u32>, seen: &dyn Fn() -> u32, figure: &'static str| {
        let limit = limit?;
        let seen = seen();
        (seen >= limit).then_some(Reached {
            figure,
            seen: f64::from(seen),
            limit: f64::from(limit),
        })
    };
    let minute = || tally.attempts_minute.sum(now);
    let hour = || tally.attempts_hour.sum(now);
    let answered_minute = || tally.answered_minute.sum(now);
    let answered_hour = || tally.answered_hour.sum(now);
    count(ceiling.calls, &|| tally.up, "calls at once")
        .or_else(|| count(ceiling.attempts_per_minute, &minute, "calls in a minute"))
        .or_else(|| count(ceiling.attempts_per_hour, &hour, "calls in an hour"))
        .or_else(|| {
            count(
                ceiling.answered_per_minute,
                &answered_minute,
                "answered calls in a minute",
            )
        })
        .or_else(|| {
            count(
                ceiling.answered_per_hour,
                &answered_hour,
                "answered calls in an hour",
            )
        })
        .or_else(|| spent(ceiling, tally, now))
}

/// Money that is used up, by calls that are up as well.
fn spent(ceiling: &Ceiling, tally: &Tally, now: u32) -> Option<Reached> {
    let money = |limit: Option<f64>, seen: &dyn Fn() -> u64, figure: &'static str| {
        let limit = limit?;
        let seen = seen() as f64 / 1e9;
        (seen >= limit).then_some(Reached { figure, seen, limit })
    };
    let hour = || tally.spend_hour.sum(now);
    let day = || tally.spend_day.sum(now);
    money(ceiling.spend_per_hour, &hour, "money in an hour")
        .or_else(|| money(ceiling.spend_per_day, &day, "money in a day"))
}

/// What a ceiling is over, in words.
fn place_of(ceiling: &Ceiling, code: u16) -> String {
    let pattern = ceiling
        .pattern
        .as_ref()
        .map_or("everywhere", |pattern| &pattern.text);
    match ceiling.each {
        CeilingFor::Customer => pattern.to_owned(),
        CeilingFor::Country if code == 0 => format!("national numbers in {pattern}"),
        CeilingFor::Country => format!("+{code} in {pattern}"),
    }
}

impl Guard {
    /// The ceilings that a call counts for.
    ///
    /// # Errors
    /// One of them is reached.
    pub(super) fn ceilings(
        &mut self,
        now: Moment,
        customer: u32,
        policy: &Policy,
        (number, place): (&str, Place),
    ) -> Result<SmallVec<[(Handle, u64); 2]>, Refused> {
        let mut handles = SmallVec::new();
        if policy.ceilings.is_empty() {
            return Ok(handles);
        }
        let digits = destinations::digits(number);
        let bare = destinations::international(number, &digits).unwrap_or(&digits);
        let seconds = self.seconds(now);
        for limit in policy.ceilings.iter().filter(|limit| limit.has(bare)) {
            let code = match limit.ceiling.each {
                CeilingFor::Customer => 0,
                CeilingFor::Country => place.code(),
            };
            let handle = self.ceiled.entry((customer, limit.key, code), Ceiled::default);
            let tally = self.ceiled.get(handle).map(|ceiled| &ceiled.tally);
            if let Some(found) = tally.and_then(|tally| reached(&limit.ceiling, tally, seconds)) {
                self.tell_ceiling(now, customer, (limit, code), handle, (found, 0));
                if limit.ceiling.action != CeilingAction::Alert {
                    self.counts.ceiling += 1;
                    return Err(Refused::Ceiling {
                        figure: found.figure,
                        limit: Money((found.limit * 1e9) as u64).to_string(),
                        place: place_of(&limit.ceiling, code),
                    });
                }
            }
            handles.push((handle, limit.key));
        }
        Ok(handles)
    }

    /// A call begins that counts for these.
    pub(super) fn count_ceilings(&mut self, now: u32, handles: &[(Handle, u64)]) {
        for (handle, _) in handles {
            if let Some(ceiled) = self.ceiled.get_mut(*handle) {
                ceiled.tally.attempt(now);
                ceiled.tally.up += 1;
            }
        }
    }

    /// The ceilings of a call that is up: money and time are used up by themselves.
    pub(super) fn look_at_ceilings(&mut self, now: Moment, watch: &Watch) {
        if watch.ceilings.is_empty() {
            return;
        }
        let Some(policy) = self.policy(watch.customer) else {
            return;
        };
        let seconds = self.seconds(now);
        for (handle, key) in &watch.ceilings {
            let Some(limit) = policy.ceilings.iter().find(|limit| limit.key == *key) else {
                continue;
            };
            let ceiling = &limit.ceiling;
            let code = self.group_code(watch);
            let code = if ceiling.each == CeilingFor::Country {
                code
            } else {
                0
            };
            let place = (limit, code);
            let talk = watch.talk(now.at);
            if let Some(most) = ceiling.duration.filter(|most| talk >= *most) {
                let found = Reached {
                    figure: "seconds of one call",
                    seen: talk.as_secs_f64(),
                    limit: most.as_secs_f64(),
                };
                let cuts = ceiling.action == CeilingAction::Cut;
                let cut = cuts && self.cut(watch.key, Rule::Ceiling);
                self.tell_ceiling(now, watch.customer, place, *handle, (found, u32::from(cut)));
            }
            // Money only: what else is reached by calls that begin is no reason to end those that are up.
            let tally = self.ceiled.get(*handle).map(|ceiled| &ceiled.tally);
            if let Some(found) = tally.and_then(|tally| spent(ceiling, tally, seconds)) {
                let cut = match ceiling.action {
                    CeilingAction::Cut => self.cut_ceiled(*handle),
                    CeilingAction::Alert | CeilingAction::Refuse => 0,
                };
                self.tell_ceiling(now, watch.customer, place, *handle, (found, cut));
            }
        }
    }

    /// All calls that count for a ceiling are to be ended; how many there are.
    fn cut_ceiled(&mut self, handle: Handle) -> u32 {
        let counts = |watch: &&Watch| watch.ceilings.iter().any(|(other, _)| *other == handle);
        let keys: Vec<u64> = self
            .watches
            .iter()
            .filter(counts)
            .map(|watch| watch.key)
            .collect();
        let cut = keys.into_iter().filter(|key| self.cut(*key, Rule::Ceiling));
        u32::try_from(cut.count()).unwrap_or(u32::MAX)
    }

    fn group_code(&self, watch: &Watch) -> u16 {
        let [group, _] = watch.groups;
        let place = self.groups.get(group).and_then(|group| group.place);
        place.map_or(0, Place::code)
    }

    /// Tells that a ceiling is reached, once for as long as it stays so.
    fn tell_ceiling(
        &mut self,
        now: Moment,
        customer: u32,
        (limit, code): (&Limit, u16),
        handle: Handle,
        (found, cut): (Reached, u32),
    ) {
        let seconds = self.seconds(now);
        let Some(ceiled) = self.ceiled.get_mut(handle) else {
            return;
        };
        let told = ceiled.told_until > seconds;
        ceiled.told_until = seconds + TOLD;
        let spent = Money(ceiled.tally.spend_hour.sum(seconds));
        if told && cut == 0 {
            return;
        }
        let done = match limit.ceiling.action {
            CeilingAction::Alert => Done::Alerted,
            CeilingAction::Refuse => Done::Blocked,
            CeilingAction::Cut => Done::Cut,
        };
        let place = place_of(&limit.ceiling, code);
        self.tell_of_ceiling(now, customer, place, found, (spent, done, cut));
    }
}
