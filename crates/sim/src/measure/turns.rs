//! How soon a carrier that goes bad loses its share, and how soon one that has recovered is back.
//!
//! Only turns that matter are looked at: those of a carrier that the oracle gave a tenth of the affected calls or more in the half hour before
//! and hardly any in the ten minutes after (by class, since what is bad enough for one may do for another), and that the policy gave a tenth
//! or more, with enough calls to tell. The share of a moment is that among the affected calls that follow.

use super::{Day, First};
use crate::world::{Episode, MINUTE, Ms, World};
use std::borrow::Cow;

/// Calls that a share is taken over.
const WINDOW: usize = 100;

/// Affected calls that the first quarter of an hour must have.
const ENOUGH: usize = 150;

/// What of its share a carrier has when it has lost it, and when it has it back.
const LOST: f64 = 0.1;
const BACK: f64 = 0.5;

/// How long is looked for its return.
const SOUGHT: Ms = 60 * MINUTE;

/// A carrier has gone bad, and may have recovered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Turn {
    /// Which.
    pub carrier: usize,
    /// What became of it.
    pub effect: Cow<'static, str>,
    /// When it went bad.
    pub from: Ms,
    /// When it had recovered.
    pub until: Ms,
    /// Its share before.
    pub before: f64,
    /// Attempts that it still got until nine tenths of its share were gone, those among the calls that show this included, and milliseconds
    /// until these began; `None`: they never were.
    pub lost: Option<(usize, Ms)>,
    /// The share that the oracle gave it in the ten minutes after it had recovered.
    pub due: f64,
    /// Milliseconds until it had half of its share again, or half of what the oracle gives it, if that is less.
    pub back: Back,
}

/// Whether a carrier came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Back {
    /// There was nothing to come back to: the oracle did not want it, the day was over, or there were too few calls.
    Unasked,
    /// After so many milliseconds.
    After(Ms),
    /// Not within an hour.
    Never,
}

impl Turn {
    /// Whether nine tenths of its share were gone within 50 attempts or one minute.
    pub fn lost_in_time(&self) -> bool {
        self.lost
            .is_some_and(|(attempts, after)| attempts <= 50 || after <= MINUTE)
    }

    /// Whether it was back within ten minutes; `None`: nobody asked.
    pub fn back_in_time(&self) -> Option<bool> {
        match self.back {
            Back::Unasked => None,
            Back::After(after) => Some(after <= 10 * MINUTE),
            Back::Never => Some(false),
        }
    }
}

/// The calls that an episode affects, as two policies sent them.
struct Affected<'a> {
    oracle: Vec<&'a First>,
    policy: Vec<&'a First>,
    carrier: u8,
}

impl Affected<'_> {
    /// Calls from a moment until another.
    fn between(&self, from: Ms, until: Ms) -> std::ops::Range<usize> {
        let at = |moment: Ms| self.policy.partition_point(|first| Ms::from(first.at) < moment);
        at(from)..at(until)
    }

    fn share(&self, of: &[&First], range: std::ops::Range<usize>) -> f64 {
        let many = range.len().max(1) as f64;
        let its = of[range].iter().filter(|first| first.carrier == self.carrier);
        its.count() as f64 / many
    }

    /// The first call within `range` from which on the carrier's share holds to a condition.
    fn first(&self, range: std::ops::Range<usize>, holds: impl Fn(f64) -> bool) -> Option<usize> {
        let end = range.end;
        range
            .take_while(|from| end - from >= WINDOW / 4)
            .find(|&from| holds(self.share(&self.policy, from..(from + WINDOW).min(end))))
    }
}

/// All turns of a day that matter.
pub fn turns(world: &World, oracle: &Day, policy: &Day) -> Vec<Turn> {
    let carriers = world.carriers.iter().enumerate();
    let episodes = carriers.flat_map(|(index, carrier)| carrier.episodes.iter().map(move |e| (index, e)));
    episodes
        .filter(|(_, episode)| episode.from + 15 * MINUTE <= episode.until.min(world.length))
        .filter_map(|(carrier, episode)| turn(world, oracle, policy, carrier, episode))
        .collect()
}

fn turn(world: &World, oracle: &Day, policy: &Day, carrier: usize, episode: &Episode) -> Option<Turn> {
    let all = |class: u8| affected(oracle, policy, carrier, episode, |of| of == class);
    let classes: Vec<u8> = (0..world.classes.len() as u8)
        .filter(|&class| matters(&all(class), episode))
        .collect();
    let affected = affected(oracle, policy, carrier, episode, |class| classes.contains(&class));
    let during = affected.between(episode.from, episode.until);
    let first_quarter = affected.between(episode.from, episode.from + 15 * MINUTE);
    if classes.is_empty() || first_quarter.len() < ENOUGH {
        return None;
    }
    let before = affected.share(&affected.policy, before(&affected, episode));
    let lost = affected
        .first(during.clone(), |share| share <= LOST * before)
        .map(|call| {
            let until = (call + WINDOW).min(during.end);
            let its = affected.share(&affected.policy, during.start..until) * (until - during.start) as f64;
            let at = if call == during.start {
                episode.from
            } else {
                Ms::from(affected.policy[call].at)
            };
            (its.round() as usize, at - episode.from)
        });
    Some(Turn {
        carrier,
        effect: episode.effect.name().into(),
        from: episode.from,
        until: episode.until,
        before,
        lost,
        due: due(&affected, episode),
        back: back(world, &affected, episode, before),
    })
}

fn affected<'a>(
    oracle: &'a Day,
    policy: &'a Day,
    carrier: usize,
    episode: &Episode,
    class: impl Fn(u8) -> bool,
) -> Affected<'a> {
    let is = |first: &&First| episode.scope.has(usize::from(first.destination)) && class(first.class);
    Affected {
        oracle: oracle.firsts.iter().filter(is).collect(),
        policy: policy.firsts.iter().filter(is).collect(),
        carrier: carrier as u8,
    }
}

fn before(affected: &Affected<'_>, episode: &Episode) -> std::ops::Range<usize> {
    affected.between(episode.from.saturating_sub(30 * MINUTE), episode.from)
}

/// Whether the carrier had a share to lose, and was right to lose it.
fn matters(affected: &Affected<'_>, episode: &Episode) -> bool {
    let before = before(affected, episode);
    let after = affected.between(episode.from, episode.from + 10 * MINUTE);
    before.len() >= 30
        && affected.share(&affected.oracle, before.clone()) >= 0.1
        && affected.share(&affected.oracle, after) <= 0.01
        && affected.share(&affected.policy, before) >= 0.1
}

/// What the oracle gave it once it had recovered.
fn due(affected: &Affected<'_>, episode: &Episode) -> f64 {
    affected.share(
        &affected.oracle,
        affected.between(episode.until, episode.until + 10 * MINUTE),
    )
}

fn back(world: &World, affected: &Affected<'_>, episode: &Episode, before: f64) -> Back {
    let soon = affected.between(episode.until, episode.until + 10 * MINUTE);
    if episode.until + 20 * MINUTE > world.length || soon.len() < ENOUGH {
        return Back::Unasked;
    }
    let due = due(affected, episode).min(before);
    if due < 0.1 {
        return Back::Unasked;
    }
    let sought = affected.between(episode.until, (episode.until + SOUGHT).min(world.length));
    match affected.first(sought, |share| share >= BACK * due) {
        Some(call) => Back::After(Ms::from(affected.policy[call].at) - episode.until),
        None => Back::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{DAY, Scenario};
    use crate::world::{Effect, Scope};

    /// A day with a call per second, that go to a carrier or to carrier 1.
    fn day(world: &World, to_first: impl Fn(Ms, Ms) -> bool) -> Day {
        let mut day = Day::new(world);
        day.firsts = (0..3 * 3600)
            .map(|second| First {
                at: second * 1000,
                destination: 0,
                class: 0,
                carrier: u8::from(!to_first(Ms::from(second), Ms::from(second) * 1000)),
            })
            .collect();
        day
    }

    #[test]
    fn a_turn_tells_how_long_its_share_took_to_go_and_to_come_back() {
        let mut world = Scenario::Steady.world(0, DAY);
        let (from, until) = (60 * MINUTE, 120 * MINUTE);
        world.carriers[0].episodes = vec![Episode {
            from,
            until,
            scope: Scope::Only(0),
            effect: Effect::Refuses(1.0),
        }];
        let oracle = day(&world, |_, at| !(from..until).contains(&at));
        // Half of the calls until 40 s after it went bad; again from 5 minutes after it has recovered.
        let gone = from + 40_000..until + 5 * MINUTE;
        let policy = day(&world, |second, at| !gone.contains(&at) && second % 2 == 0);
        let turns = turns(&world, &oracle, &policy);
        assert_eq!(turns.len(), 1);
        let turn = &turns[0];
        assert!((turn.before - 0.5).abs() < 0.01);
        let (attempts, after) = turn.lost.unwrap();
        // Twenty in forty seconds; of the 100 calls that follow, five may still be its own.
        assert_eq!((attempts, after), (20, 29_000), "{turn:?}");
        let Back::After(back) = turn.back else {
            panic!("{turn:?}")
        };
        // A window that has half of its half.
        assert!((4 * MINUTE..=5 * MINUTE).contains(&back), "{turn:?}");
        assert!(turn.lost_in_time() && turn.back_in_time() == Some(true));
        let never = day(&world, |second, _| second % 2 == 0);
        let turn = &super::turns(&world, &oracle, &never)[0];
        assert!(turn.lost.is_none() && !turn.lost_in_time());
        let stays = day(&world, |second, at| at < from && second % 2 == 0);
        assert_eq!(super::turns(&world, &oracle, &stays)[0].back, Back::Never);
    }

    #[test]
    fn a_turn_that_the_oracle_does_not_mind_is_none() {
        let mut world = Scenario::Steady.world(0, DAY);
        world.carriers[0].episodes = vec![Episode {
            from: 60 * MINUTE,
            until: 120 * MINUTE,
            scope: Scope::All,
            effect: Effect::Slow(1.0),
        }];
        let always = day(&world, |_, _| true);
        assert!(turns(&world, &always, &always).is_empty());
    }
}
