//! The places that targets' names lead to: which of them has failed, until when it is left for last, and who may try it again.
//!
//! A circuit breaker for each (RFC 3263 §4.3 leaves it open for how long a failed server is passed over): one failure opens it; when
//! its rest is over, one request goes there first, and what becomes of that closes it or opens it for twice as long. All
//! trunks of a network share it, and calls, pings and registrations do.

use crate::failover::AttemptOutcome;
use crate::tables::NetworkIx;
use sip_proto::Hop;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Places that are remembered.
const MOST: usize = 4096;

/// How often a rest is doubled at most.
const DOUBLINGS: u8 = 4;

/// Who tries a place again and is not heard of any more does not keep others from it for longer than this (64·T1, RFC 3261 §17).
const TRIAL: Duration = Duration::from_secs(32);

/// Longest time that a Retry-After is honoured: a wrong one must not cost a place for a day.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Why a place is left for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopFailure {
    /// Nothing can be sent there: refused port, unreachable host, broken connection.
    Unreachable,
    /// No answer in time.
    Silent,
    /// It has answered with this status: it is there, and does not want.
    Refused(u16),
}

impl HopFailure {
    /// What an attempt's failure says of the place that was asked: 503, silence, and being out of reach are a place's fault, and another
    /// place of the target may do better (RFC 3263 §4.3).
    pub fn of(outcome: AttemptOutcome) -> Option<Self> {
        match outcome {
            AttemptOutcome::Unreachable => Some(Self::Unreachable),
            AttemptOutcome::TimeoutTrying => Some(Self::Silent),
            AttemptOutcome::Final { status: 503, .. } => Some(Self::Refused(503)),
            AttemptOutcome::Final { .. }
            | AttemptOutcome::TimeoutProgress
            | AttemptOutcome::TimeoutAnswer { .. }
            | AttemptOutcome::NotRegistered
            | AttemptOutcome::HeldBack
            | AttemptOutcome::Incompatible => None,
        }
    }
}

/// A failure, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setback {
    /// What has failed.
    pub why: HopFailure,
    /// How long the place is left for last, the first time.
    pub rest: Duration,
    /// How long it has asked to be left alone (RFC 3261 §20.33).
    pub retry_after: Option<Duration>,
    /// It was a call that has failed: what else is answered says nothing of that.
    pub call: bool,
}

/// What has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// An INVITE.
    Call,
    /// OPTIONS, which took this long.
    Ping(Duration),
    /// Another request, such as REGISTER.
    Other,
}

/// What has been learnt of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopView {
    /// Why it is left for last; `None`: it is not.
    pub failure: Option<HopFailure>,
    /// When that began, or ended.
    pub since: Instant,
    /// Until when it is left for last.
    pub until: Option<Instant>,
    /// The last status that came from there.
    pub last_answer: Option<u16>,
    /// How long the last ping took.
    pub round_trip: Option<Duration>,
}

#[derive(Debug)]
struct Place {
    rest: Option<Rest>,
    since: Instant,
    touched: Instant,
    last_answer: Option<u16>,
    round_trip: Option<Duration>,
}

#[derive(Debug)]
struct Rest {
    why: HopFailure,
    until: Instant,
    /// It has asked for it.
    asked: bool,
    /// A call has failed there.
    of_call: bool,
    doublings: u8,
    /// Who tries it again does so since.
    trial: Option<Instant>,
}

impl Rest {
    /// Whether it is left for last now.
    fn holds(&self, now: Instant) -> bool {
        now < self.until
            || self
                .trial
                .is_some_and(|since| now.saturating_duration_since(since) < TRIAL)
    }
}

/// The places of one shard.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: HashMap<(NetworkIx, Hop), Place>,
}

impl Places {
    /// Puts those that have failed behind the others, who may be back first among them. If the first was due for another trial, this
    /// is it.
    pub(super) fn order(&mut self, now: Instant, network: NetworkIx, hops: &mut [Hop]) {
        if self.places.is_empty() {
            return;
        }
        let places = &self.places;
        let rests = |hop: &Hop| {
            let rest = places.get(&(network, *hop))?.rest.as_ref()?;
            rest.holds(now).then_some(rest.until)
        };
        // Stable, and what does not rest comes before what does.
        hops.sort_by_key(|hop| rests(hop));
        if let Some(rest) = hops.first().and_then(|hop| self.rest_mut(network, *hop)) {
            rest.trial = Some(now);
        }
    }

    /// Whether a place has asked to be left alone, and is to be.
    pub(super) fn asked_to_wait(&self, now: Instant, network: NetworkIx, hop: Hop) -> bool {
        let rest = self
            .places
            .get(&(network, hop))
            .and_then(|place| place.rest.as_ref());
        rest.is_some_and(|rest| rest.asked && now < rest.until)
    }

    fn rest_mut(&mut self, network: NetworkIx, hop: Hop) -> Option<&mut Rest> {
        self.places.get_mut(&(network, hop))?.rest.as_mut()
    }

    /// A request to a place has failed. It rests, longer each time, or as long as it has asked. Whether that is news.
    pub(super) fn failed(&mut self, now: Instant, key: (NetworkIx, Hop), setback: Setback) -> bool {
        let Setback {
            why,
            rest,
            retry_after,
            call,
        } = setback;
        let place = self.place(now, key);
        let before = place.rest.take();
        // Requests that were under way together are one failure.
        let again = before.as_ref().is_some_and(|rest| rest.until <= now);
        let doublings = before.as_ref().map_or(0, |rest| rest.doublings);
        let doublings = if again {
            (doublings + 1).min(DOUBLINGS)
        } else {
            doublings
        };
        let length = match retry_after {
            Some(asked) => asked.min(LONGEST_REST),
            None => (rest * (1 << doublings)).min(LONGEST_REST),
        };
        let until = before
            .as_ref()
            .map_or(now + length, |rest| rest.until.max(now + length));
        if let HopFailure::Refused(status) = why {
            place.last_answer = Some(status);
        }
        let news = before.as_ref().is_none_or(|rest| rest.why != why);
        if before.is_none() {
            place.since = now;
        }
        place.rest = Some(Rest {
            why,
            until,
            asked: retry_after.is_some()
                || before.as_ref().is_some_and(|rest| rest.asked && now < rest.until),
            of_call: call || before.as_ref().is_some_and(|rest| rest.of_call),
            doublings,
            trial: None,
        });
        news
    }

    /// A place has answered, with whatever status that is no failure. One that has refused calls, or has asked to be left alone, is back
    /// by the answer to a call only. Whether it is back by this.
    pub(super) fn answered(&mut self, now: Instant, key: (NetworkIx, Hop), status: u16, to: Asked) -> bool {
        let ping = match to {
            Asked::Ping(took) => Some(took),
            Asked::Call | Asked::Other => None,
        };
        if ping.is_none() && !self.places.contains_key(&key) {
            return false;
        }
        let place = self.place(now, key);
        place.last_answer = Some(status);
        place.round_trip = ping.or(place.round_trip);
        let stays = |rest: &Rest| {
            let refused = rest.of_call && matches!(rest.why, HopFailure::Refused(_));
            to != Asked::Call && (refused || rest.asked) && now < rest.until
        };
        if place.rest.as_ref().is_none_or(stays) {
            return false;
        }
        place.rest = None;
        place.since = now;
        true
    }

    /// What is known of a place.
    pub(super) fn view(&self, now: Instant, network: NetworkIx, hop: Hop) -> Option<HopView> {
        let place = self.places.get(&(network, hop))?;
        let rest = place.rest.as_ref();
        Some(HopView {
            failure: rest.map(|rest| rest.why),
            since: place.since,
            until: rest.map(|rest| rest.until).filter(|until| now < *until),
            last_answer: place.last_answer,
            round_trip: place.round_trip,
        })
    }

    fn place(&mut self, now: Instant, key: (NetworkIx, Hop)) -> &mut Place {
        if self.places.len() >= MOST && !self.places.contains_key(&key) {
            let oldest = self.places.iter().min_by_key(|(_, place)| place.touched);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.places.remove(&oldest);
            }
        }
        let place = self.places.entry(key).or_insert(Place {
            rest: None,
            since: now,
            touched: now,
            last_answer: None,
            round_trip: None,
        });
        place.touched = now;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);
    const NET: NetworkIx = NetworkIx(0);

    fn hop(last: u8) -> Hop {
        Hop::udp(std::net::SocketAddr::from(([192, 0, 2, last], 5060)))
    }

    fn setback(why: HopFailure, retry_after: Option<u64>) -> Setback {
        Setback {
            why,
            rest: REST,
            retry_after: retry_after.map(Duration::from_secs),
            call: true,
        }
    }

    const PING: Asked = Asked::Ping(Duration::from_millis(300));

    const SILENT: HopFailure = HopFailure::Silent;

    fn fails(places: &mut Places, now: Instant, last: u8) {
        places.failed(now, (NET, hop(last)), setback(SILENT, None));
    }

    /// Whether place 1 is left for last.
    fn rests(places: &Places, now: Instant, network: NetworkIx) -> bool {
        let view = places.view(now, network, hop(1));
        view.is_some_and(|view| view.until.is_some())
    }

    /// The order of 1, 2 and 3 now.
    fn order(places: &mut Places, now: Instant) -> Vec<u8> {
        let mut hops = [hop(1), hop(2), hop(3)];
        places.order(now, NET, &mut hops);
        let last = |hop: &Hop| match hop.remote.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(_) => 0,
        };
        hops.iter().map(last).collect()
    }

    #[test]
    fn who_has_failed_comes_last_and_is_tried_by_one_when_it_has_rested() {
        let (t0, mut places) = (Instant::now(), Places::default());
        assert_eq!(order(&mut places, t0), [1, 2, 3]);
        fails(&mut places, t0, 1);
        assert_eq!(order(&mut places, t0), [2, 3, 1]);
        fails(&mut places, t0 + REST / 2, 2);
        assert_eq!(
            order(&mut places, t0 + REST / 2),
            [3, 1, 2],
            "who is back sooner before"
        );
        // One request tries; the next does not meanwhile.
        assert_eq!(order(&mut places, t0 + REST), [1, 3, 2]);
        assert_eq!(order(&mut places, t0 + REST), [3, 1, 2]);
        assert!(places.answered(t0 + REST, (NET, hop(1)), 180, Asked::Call));
        assert_eq!(order(&mut places, t0 + REST), [1, 3, 2]);
    }

    #[test]
    fn who_fails_again_rests_longer_and_who_does_not_answer_is_tried_again() {
        let (t0, mut places) = (Instant::now(), Places::default());
        fails(&mut places, t0, 1);
        let mut at = t0 + REST;
        for times in [2, 4, 8, 16, 16] {
            assert_eq!(
                order(&mut places, at),
                [1, 2, 3],
                "its trial, rests {times} times as long then"
            );
            fails(&mut places, at, 1);
            assert_eq!(
                order(&mut places, at + REST * times - Duration::from_secs(1)),
                [2, 3, 1]
            );
            at += REST * times;
        }
        assert_eq!(order(&mut places, at), [1, 2, 3]);
        // Nobody has said what became of that.
        assert_eq!(order(&mut places, at + TRIAL - Duration::from_secs(1)), [2, 3, 1]);
        assert_eq!(order(&mut places, at + TRIAL), [1, 2, 3]);
    }

    #[test]
    fn failures_together_are_one_and_networks_apart() {
        let (t0, mut places) = (Instant::now(), Places::default());
        let key = (NET, hop(1));
        assert!(places.failed(t0, key, setback(SILENT, None)));
        assert!(!places.failed(t0 + REST / 2, key, setback(SILENT, None)));
        assert!(
            places.failed(t0 + REST / 2, key, setback(HopFailure::Unreachable, None)),
            "another reason is news"
        );
        assert_eq!(
            order(&mut places, t0 + REST),
            [2, 3, 1],
            "from the last failure on"
        );
        assert_eq!(order(&mut places, t0 + REST * 3 / 2), [1, 2, 3]);
        assert!(!rests(&places, t0, NetworkIx(1)));
    }

    #[test]
    fn retry_after_is_honoured_and_a_ping_is_no_word_on_calls() {
        let (t0, mut places) = (Instant::now(), Places::default());
        let (key, refused) = ((NET, hop(1)), HopFailure::Refused(503));
        places.failed(t0, key, setback(refused, Some(100)));
        assert!(!places.answered(t0 + REST, key, 200, PING));
        assert!(places.asked_to_wait(t0 + Duration::from_secs(99), NET, hop(1)));
        assert!(rests(&places, t0 + Duration::from_secs(99), NET));
        assert!(places.answered(t0 + Duration::from_secs(100), key, 200, PING));
        places.failed(t0, key, setback(refused, None));
        assert!(
            !places.answered(t0, key, 200, PING),
            "calls are refused all the same"
        );
        assert!(!places.asked_to_wait(t0, NET, hop(1)));
        places.failed(t0, key, setback(refused, Some(100_000)));
        assert!(!rests(&places, t0 + LONGEST_REST, NET));
        // What a ping was refused is asked again with the next, unless it was told to wait.
        let key = (NET, hop(3));
        let mut of_ping = setback(refused, None);
        of_ping.call = false;
        places.failed(t0, key, of_ping);
        assert!(!places.asked_to_wait(t0, NET, hop(3)));
        assert!(places.answered(t0, key, 200, PING));
        // One that was silent is back with any answer.
        let key = (NET, hop(2));
        places.failed(t0, key, setback(SILENT, None));
        assert!(places.answered(t0, key, 405, PING));
        let view = places.view(t0, NET, hop(2)).unwrap();
        assert_eq!(
            (view.failure, view.last_answer, view.round_trip),
            (None, Some(405), Some(REST / 100))
        );
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let (t0, mut places) = (Instant::now(), Places::default());
        for port in 0..=MOST {
            let hop = Hop::udp(std::net::SocketAddr::from(([192, 0, 2, 1], port as u16)));
            places.failed(
                t0 + Duration::from_millis(port as u64),
                (NET, hop),
                setback(SILENT, None),
            );
        }
        assert_eq!(places.places.len(), MOST);
    }
}
