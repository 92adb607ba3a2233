//! Health of one target: down only by evidence in a row, up by answers in a row. One that is down and that nobody asks with
//! OPTIONS gets a call now and then, or it would never be heard of again.

use super::gate::Gate;
use super::hops::LONGEST_REST;
use super::round_trip::RoundTrip;
use config::Trunk;
use sip_proto::Hop;
use std::time::{Duration, Instant};

/// What was learnt about a target, by OPTIONS or by traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, whatever the answer said.
    Alive,
    /// It did not answer, or could not be reached.
    Miss,
    /// It answered OPTIONS with a code of `options_down`: it says itself that it is down.
    DownCode,
}

/// A target's health has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthChange {
    /// It was down and has answered, as often as `health.up_after` asks.
    Up,
    /// It has missed `health.down_after` in a row, or said that it is down.
    Down,
}

/// What is held of a target, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// It takes calls.
    Up,
    /// It is down: by misses, or by its own word.
    Down {
        /// Whether it has said so itself.
        said: bool,
    },
    /// It has come back and gets a share of its calls.
    Recovering,
    /// It has asked to be left alone until then.
    BackingOff(Instant),
}

/// How long a target that is down and not pinged is left for last before one more call tries it.
const RETRY: Duration = Duration::from_secs(30);

/// The share that a target begins with when it has come back.
const FIRST_SHARE: f64 = 0.05;

/// What of a trunk's keys decides on its targets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    health: config::Health,
    /// OPTIONS will tell when it is back.
    pinged: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let health = config::Health {
            down_after: 3,
            up_after: 1,
            slow_start: None,
        };
        Self {
            health,
            pinged: false,
        }
    }
}

impl Rules {
    /// Whether targets that come back get a share only.
    pub(super) fn slows_start(self) -> bool {
        self.health.slow_start.is_some()
    }

    pub(super) fn of(trunk: &Trunk) -> Self {
        Self {
            health: trunk.health,
            pinged: trunk.options_interval.is_some(),
        }
    }
}

/// One target.
#[derive(Debug)]
pub(super) struct Health {
    uri: Box<str>,
    misses: u8,
    answers: u8,
    down: bool,
    /// It is down by its own word.
    said: bool,
    /// When it last went down or up.
    since: Option<Instant>,
    /// When it last showed that it is down, or was tried again.
    last_try: Option<Instant>,
    shunned_until: Option<Instant>,
    /// Where its name led last.
    places: Vec<Hop>,
    /// How far away it is.
    pub(super) round_trip: Option<RoundTrip>,
}

impl Health {
    fn new(uri: &str) -> Self {
        Self {
            uri: uri.into(),
            misses: 0,
            answers: 0,
            down: false,
            said: false,
            since: None,
            last_try: None,
            shunned_until: None,
            places: Vec::new(),
            round_trip: None,
        }
    }

    pub(super) fn note(&mut self, now: Instant, rules: Rules, outcome: Outcome) -> Option<HealthChange> {
        if self.shunned_until.is_some_and(|until| until <= now) {
            self.shunned_until = None;
        }
        let was_down = self.down;
        match outcome {
            Outcome::Alive => {
                self.misses = 0;
                self.answers = self.answers.saturating_add(1);
                self.down &= self.answers < rules.health.up_after;
            }
            Outcome::Miss => {
                self.answers = 0;
                self.misses = self.misses.saturating_add(1);
                self.down |= self.misses >= rules.health.down_after;
            }
            Outcome::DownCode => {
                (self.answers, self.misses) = (0, 0);
                self.down = true;
            }
        }
        self.last_try = self.down.then_some(now);
        if was_down != self.down {
            self.since = Some(now);
            self.said = outcome == Outcome::DownCode;
        }
        match (was_down, self.down) {
            (false, true) => Some(HealthChange::Down),
            (true, false) => Some(HealthChange::Up),
            (true, true) | (false, false) => None,
        }
    }

    pub(super) fn back_off(&mut self, now: Instant, retry_after: Duration) {
        self.shunned_until = Some(now + retry_after.min(LONGEST_REST));
    }

    pub(super) fn is_up(&self) -> bool {
        !self.down
    }

    /// A call is made to it: while it is down no other tries it at the same time.
    pub(super) fn tried(&mut self, now: Instant) {
        if self.down {
            self.last_try = Some(now);
        }
    }

    /// Says what is the matter with it: all that makes it shunned or spared, now or later.
    pub(super) fn tell(&self, rules: Rules, gate: &mut Gate) {
        gate.trouble(self.down);
        gate.trouble_until(self.shunned_until);
        if let (Some(whole), Some(since)) = (rules.health.slow_start, self.since) {
            gate.trouble_until(since.checked_add(whole));
        }
    }

    /// Whether it is better left for last.
    pub(super) fn is_shunned(&self, now: Instant, rules: Rules) -> bool {
        let rests = |since: Instant| rules.pinged || now.saturating_duration_since(since) < RETRY;
        self.down && self.last_try.is_none_or(rests) || self.shunned_until.is_some_and(|until| now < until)
    }

    /// Whether it has come back so lately that this call, whose `chance` is drawn from 0 to 1, is not among its share.
    pub(super) fn is_spared(&self, now: Instant, rules: Rules, chance: f64) -> bool {
        self.share(now, rules).is_some_and(|share| chance >= share)
    }

    /// Its share of calls while it recovers.
    fn share(&self, now: Instant, rules: Rules) -> Option<f64> {
        let whole = rules.health.slow_start?;
        let since = self.since.filter(|_| !self.down)?;
        let so_far = now.saturating_duration_since(since);
        let share = so_far.as_secs_f64() / whole.as_secs_f64();
        (so_far < whole).then_some(share.max(FIRST_SHARE))
    }

    pub(super) fn state(&self, now: Instant, rules: Rules) -> (TargetState, Option<Instant>) {
        let state = match self.shunned_until {
            _ if self.down => TargetState::Down { said: self.said },
            Some(until) if now < until => TargetState::BackingOff(until),
            Some(_) | None if self.share(now, rules).is_some() => TargetState::Recovering,
            Some(_) | None => TargetState::Up,
        };
        (state, self.since)
    }

    pub(super) fn places(&self) -> &[Hop] {
        &self.places
    }

    pub(super) fn leads_to(&mut self, hops: &[Hop]) {
        if self.places != hops {
            self.places = hops.to_vec();
        }
    }
}

/// Takes the health of `uri` out of what was known `before`, or begins anew.
pub(super) fn carry_over(before: &mut Vec<Health>, uri: &str) -> Health {
    match before.iter().position(|health| &*health.uri == uri) {
        Some(place) => before.swap_remove(place),
        None => Health::new(uri),
    }
}

/// Where the target with this index and URI stands: usually at its index, elsewhere after a reload.
pub(super) fn position(targets: &[Health], index: usize, uri: &str) -> Option<usize> {
    match targets.get(index) {
        Some(health) if &*health.uri == uri => Some(index),
        Some(_) | None => targets.iter().position(|health| &*health.uri == uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(down_after: u8, up_after: u8, slow_start: Option<u64>) -> Rules {
        Rules {
            health: config::Health {
                down_after,
                up_after,
                slow_start: slow_start.map(Duration::from_secs),
            },
            pinged: true,
        }
    }

    /// Letters for outcomes in turn: `a`live, `m`iss, `d`own code; what is said of each: `U`p, `D`own or nothing.
    fn story(rules: Rules, outcomes: &str) -> String {
        let (now, mut health) = (Instant::now(), Health::new("sip:x"));
        let said = outcomes.chars().map(|letter| {
            let outcome = match letter {
                'a' => Outcome::Alive,
                'm' => Outcome::Miss,
                _ => Outcome::DownCode,
            };
            match health.note(now, rules, outcome) {
                Some(HealthChange::Up) => 'U',
                Some(HealthChange::Down) => 'D',
                None => '.',
            }
        });
        said.collect()
    }

    #[test]
    fn evidence_in_a_row_takes_down_and_brings_back() {
        for (down_after, up_after, outcomes, expected) in [
            (3, 1, "mmammaam", "........"),
            (3, 1, "mmmmama", "..D.U.."),
            (5, 1, "mmmmma", "....DU"),
            (3, 3, "mmmaamaaaa", "..D.....U."),
            (3, 2, "dada", "D..."),
            (3, 1, "dada", "DUDU"),
            (3, 2, "daamm", "D.U.."),
        ] {
            let got = story(rules(down_after, up_after, None), outcomes);
            assert_eq!(got, expected, "{down_after} {up_after} {outcomes}");
        }
    }

    #[test]
    fn who_comes_back_gets_a_share_that_grows() {
        let (t0, mut health, rules) = (Instant::now(), Health::new("sip:x"), rules(3, 1, Some(100)));
        let at = |seconds| t0 + Duration::from_secs(seconds);
        assert!(!health.is_spared(t0, rules, 0.99), "one that never was down");
        health.note(t0, rules, Outcome::DownCode);
        assert_eq!(health.state(t0, rules).0, TargetState::Down { said: true });
        health.note(t0, rules, Outcome::Alive);
        for (seconds, chance, spared) in [
            (0, 0.04, false),
            (0, 0.06, true),
            (50, 0.49, false),
            (50, 0.51, true),
            (99, 0.98, false),
            (100, 0.999, false),
        ] {
            assert_eq!(
                health.is_spared(at(seconds), rules, chance),
                spared,
                "{seconds} s, {chance}"
            );
        }
        assert_eq!(health.state(at(99), rules).0, TargetState::Recovering);
        assert_eq!(health.state(at(100), rules), (TargetState::Up, Some(t0)));
    }
}
