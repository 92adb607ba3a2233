//! The patterns: from what was counted to what was found.

use super::baseline::Figure;
use super::group::{Group, Way};
use super::policy::{Policy, Rule};
use std::time::Duration;

/// Something is beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) rule: Rule,
    /// What was counted.
    pub(super) figure: &'static str,
    pub(super) seen: f64,
    /// What is usual of that.
    pub(super) usual: f64,
    /// What may be at most.
    pub(super) limit: f64,
}

/// When it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    /// Seconds since the guard's start.
    pub(super) now: u32,
    /// Seconds since 1970.
    pub(super) unix_s: u64,
    /// Hours since 1970.
    pub(super) hour: u32,
    /// Nothing is unusual for the customer yet.
    pub(super) young: bool,
}

impl When {
    /// Whether it can't be said that dear calls of this group are unusual: it is being learned, and they are none of high risk.
    pub(super) fn is_unsure_of(&self, group: &Group) -> bool {
        self.young && !group.is_high_risk()
    }
}

/// How many times as many dear calls as later are remarkable while it is not known which are usual.
const YOUNG: u32 = 3;
/// How many times the usual of a minute one minute may be, beside the rule's own factor: calls come in bursts.
const BURST: f64 = 3.0;
/// What a day may have beside the usual, in amounts for an hour.
const DAY: f64 = 3.0;
/// Parts of calls that end which have to be given up early, and of these to different numbers.
const MOST: f64 = 0.7;
/// From so many calls on it is known how long they usually are.
const KNOWN: u32 = 5;
/// Ten minutes in an hour.
const TENS: f64 = 6.0;

/// What holds over all countries is so many times what holds for one.
fn spread(group: &Group) -> f64 {
    if group.place.is_none() { 2.0 } else { 1.0 }
}

fn more(rule: Rule, figure: &'static str, seen: f64, usual: f64, limit: f64) -> Option<Found> {
    (seen > limit).then_some(Found {
        rule,
        figure,
        seen,
        usual,
        limit,
    })
}

/// Many calls to dear numbers.
pub(super) fn irsf(policy: &Policy, group: &Group, when: When) -> Option<Found> {
    let rule = &policy.irsf;
    let everywhere = group.place.is_none();
    let dear = if everywhere { &group.odd } else { &group.dear };
    let seen = dear.sum(when.now);
    let strictness = if when.is_unsure_of(group) { YOUNG } else { 1 };
    let calls = f64::from(rule.calls) * f64::from(strictness) * spread(group);
    if f64::from(seen.calls) < calls {
        return None;
    }
    // Over all countries only those count that are unusual: nothing of it is expected.
    let usual = match everywhere {
        true => 0.0,
        false => f64::from(group.baseline.expected(when.hour, Figure::Price)) / TENS,
    };
    // In calls at the price that these have: what was usual at a fifth of it is usual for a fifth of them.
    let each = f64::from(seen.price) / f64::from(seen.calls);
    let usual = if each > 0.0 { usual / each } else { 0.0 };
    let limit = calls + rule.factor * usual;
    (f64::from(seen.calls) >= limit).then_some(Found {
        rule: Rule::Irsf,
        figure: "dear calls in ten minutes",
        seen: f64::from(seen.calls),
        usual,
        limit,
    })
}

/// More money than is usual.
pub(super) fn spend(policy: &Policy, group: &Group, when: When) -> Option<Found> {
    if when.young {
        return None;
    }
    let rule = &policy.spend;
    let amount = rule.amount * spread(group);
    let units = |cost: u64| cost as f64 / 1e9;
    let hour = units(group.tally.spend_hour.sum(when.now));
    if hour > amount {
        let usual = f64::from(group.baseline.expected(when.hour, Figure::Spend));
        let limit = amount + rule.factor * usual;
        if let Some(found) = more(Rule::Spend, "money in an hour", hour, usual, limit) {
            return Some(found);
        }
    }
    let day = units(group.tally.spend_day.sum(when.now));
    if day <= amount * DAY {
        return None;
    }
    let usual = f64::from(group.baseline.expected_day());
    let limit = amount * DAY + rule.factor * usual;
    more(Rule::Spend, "money in a day", day, usual, limit)
}

/// More calls than are usual.
pub(super) fn velocity(policy: &Policy, group: &Group, when: When) -> Option<Found> {
    if when.young {
        return None;
    }
    let rule = &policy.velocity;
    let calls = f64::from(rule.calls) * spread(group);
    let tally = &group.tally;
    let counts = [
        (
            Figure::Attempts,
            &tally.attempts_minute,
            &tally.attempts_hour,
            ["calls in a minute", "calls in an hour"],
        ),
        (
            Figure::Answered,
            &tally.answered_minute,
            &tally.answered_hour,
            ["answered calls in a minute", "answered calls in an hour"],
        ),
    ];
    counts
        .into_iter()
        .find_map(|(figure, minute, hour, [a_minute, an_hour])| {
            let (minute, hour) = (f64::from(minute.sum(when.now)), f64::from(hour.sum(when.now)));
            if minute <= calls / 2.0 && hour <= calls {
                return None;
            }
            let usual = f64::from(group.baseline.expected(when.hour, figure));
            let per_minute = usual / 60.0;
            let limit = calls / 2.0 + BURST * rule.factor * per_minute;
            let fast = more(Rule::Velocity, a_minute, minute, per_minute, limit);
            fast.or_else(|| more(Rule::Velocity, an_hour, hour, usual, calls + rule.factor * usual))
        })
}

/// A call that lasts longer than is usual.
pub(super) fn duration(policy: &Policy, group: &Group, talk: Duration) -> Option<Found> {
    let rule = &policy.duration;
    if talk <= rule.after {
        return None;
    }
    let usual = if group.means >= KNOWN {
        f64::from(group.mean)
    } else {
        0.0
    };
    let limit = rule.after.as_secs_f64().max(rule.factor * usual);
    more(
        Rule::Duration,
        "seconds of one call",
        talk.as_secs_f64(),
        usual,
        limit,
    )
}

/// Calls that ring once.
pub(super) fn wangiri(policy: &Policy, group: &Group, when: When) -> Option<Found> {
    let short = group.short.sum(when.now);
    if short < policy.wangiri.calls {
        return None;
    }
    let (short, ended) = (f64::from(short), f64::from(group.ended.sum(when.now)));
    // Who calls one number again and again is impatient, if it is a customer; a carrier's may be meant to annoy.
    let spread = match group.way {
        Way::Out => f64::from(group.called.count(when.now)) >= MOST * short,
        Way::In => true,
    };
    (short >= MOST * ended && spread).then_some(Found {
        rule: Rule::Wangiri,
        figure: "calls given up at once in five minutes",
        seen: short,
        usual: 0.0,
        limit: f64::from(policy.wangiri.calls),
    })
}

/// Numbers in a row. `row`: how many there are that the latest call goes on with.
pub(super) fn sequential(policy: &Policy, row: u16) -> Option<Found> {
    let numbers = policy.sequential.numbers;
    (u32::from(row) >= numbers).then_some(Found {
        rule: Rule::Sequential,
        figure: "numbers in a row",
        seen: f64::from(row),
        usual: 0.0,
        limit: f64::from(numbers),
    })
}

/// Dear calls when nobody works; of all countries together.
pub(super) fn off_hours(policy: &Policy, group: &Group, when: When) -> Option<Found> {
    let calls = policy.off_hours.calls;
    let seen = group.dear.sum(when.now).calls;
    if seen < calls {
        return None;
    }
    let closed = policy.is_closed(when.unix_s);
    if !closed.unwrap_or_else(|| group.baseline.is_idle_hour(when.hour)) {
        return None;
    }
    Some(Found {
        rule: Rule::OffHours,
        figure: "dear calls in ten minutes, when nobody works",
        seen: f64::from(seen),
        usual: 0.0,
        limit: f64::from(calls),
    })
}
