//! The edge: what is kept out before anything is made of it.
//!
//! | file | what it is |
//! |---|---|
//! | `edge/meter.rs` | what is remembered of sources that we do not know |
//! | `edge/bans.rs` | who is banned |
//! | `edge/gate.rs` | what becomes of a request from a source that we do not know |
//!
//! A source that is a trunk's is none of its concern: it is neither limited by address nor banned, whoever writes its address on a
//! datagram. Nothing here keeps more of a stranger than one place in a table of a fixed size.

mod bans;
mod gate;
mod meter;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use config::{Cidr, Edge as Keys};
use sip_proto::{DropReason, Flow};

use crate::core::Core;
use crate::io::Now;
use bans::{Bans, Place, Why, ground};
use meter::{Meters, Rates};

pub use bans::BanView;

/// For how long an address where a user has authenticated is held to be one of honest people.
const TRUST: Duration = Duration::from_secs(2 * 3600);
/// Such addresses at once; beyond that the oldest are forgotten first.
const TRUSTED: usize = 65_536;
/// Lines about bans per second.
const LINES: u32 = 5;
/// What another failure of the same user counts for its address, in parts of the first one's weight: a phone with an old password fails
/// for ever, somebody who tries passwords does so with many.
const AGAIN: f32 = 0.25;

/// What an operator is told about a wish to ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BanOutcome {
    /// It is banned.
    Done,
    /// The address is this trunk's: whoever wants it gone takes it out of the configuration.
    Trunk(String),
}

/// What is known of sources.
#[derive(Default)]
pub(crate) struct Edge {
    secret: RandomState,
    meters: Meters,
    bans: Bans,
    /// Where users have authenticated, and when last.
    trusted: HashMap<IpAddr, Instant>,
    /// Buckets of trunks that have a limit: requests left, and when that was so.
    trunks: HashMap<u32, (f64, Instant)>,
    lines: Lines,
    /// Who has been banned and what is to be said of it, until operators are told.
    pub(crate) news: Vec<(String, String)>,
    /// Bans since the start.
    pub(crate) banned: u64,
}

/// How many bans operators were told of this second.
#[derive(Default)]
struct Lines {
    second: Option<Instant>,
    written: u32,
    held_back: u64,
}

impl Lines {
    /// Whether one more may be written, and how many were not since the last.
    fn next(&mut self, now: Instant) -> Option<u64> {
        let since = self.second.map(|second| now.saturating_duration_since(second));
        if since.is_none_or(|since| since >= Duration::from_secs(1)) {
            self.second = Some(now);
            self.written = 0;
        }
        if self.written >= LINES {
            self.held_back += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

fn rates(keys: &Keys) -> Rates {
    let burst = u16::try_from(keys.source_burst).map_or(f32::from(u16::MAX), f32::from);
    #[allow(clippy::cast_possible_truncation, reason = "a rate needs no more digits")]
    let requests = keys.source_rate.map(|rate| (rate as f32, burst));
    Rates {
        requests,
        half_life: keys.ban.half_life,
    }
}

/// Whether a range has an address.
fn holds(range: &Cidr, ip: IpAddr) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 4),
        IpAddr::V6(ip) => (ip.to_bits(), 6),
    };
    let ((range_bits, family), (ip_bits, own)) = (bits(range.addr), bits(ip.to_canonical()));
    let mask = u128::MAX.checked_shl(128 - u32::from(range.prefix)).unwrap_or(0);
    family == own && (range_bits ^ ip_bits) & mask == 0
}

fn allows(keys: &Keys, ip: IpAddr) -> bool {
    keys.allow.iter().any(|range| holds(range, ip))
}

impl Edge {
    /// Bans in force.
    pub(crate) fn len(&self) -> usize {
        self.bans.len()
    }

    /// Forgets what belongs to the configuration before.
    pub(crate) fn install(&mut self) {
        self.trunks.clear();
    }

    fn key(&self, ip: IpAddr) -> u64 {
        self.secret.hash_one((0_u8, ip))
    }

    fn user_key(&self, ip: IpAddr, user: &str) -> u64 {
        self.secret.hash_one((1_u8, ip, user))
    }

    fn is_trusted(&self, now: Instant, ip: IpAddr) -> bool {
        let last = self.trusted.get(&ip);
        last.is_some_and(|last| now.saturating_duration_since(*last) < TRUST)
    }

    /// A user has authenticated from there.
    fn trust(&mut self, now: Instant, ip: IpAddr) {
        if self.trusted.len() >= TRUSTED && !self.trusted.contains_key(&ip) {
            self.trusted
                .retain(|_, last| now.saturating_duration_since(*last) < TRUST);
            let oldest = self
                .trusted
                .iter()
                .min_by_key(|(_, last)| **last)
                .map(|(ip, _)| *ip);
            if let Some(oldest) = oldest.filter(|_| self.trusted.len() >= TRUSTED) {
                self.trusted.remove(&oldest);
            }
        }
        self.trusted.insert(ip, now);
    }

    /// Points against an address; it is banned when it has enough, or only the port where others at it are honest.
    fn count(&mut self, now: Now, keys: &Keys, remote: SocketAddr, points: f32, why: Why) {
        let ip = ground(remote.ip());
        if !keys.ban.enabled || points <= 0.0 || allows(keys, remote.ip()) {
            return;
        }
        let place = if self.is_trusted(now.at, ip) {
            Place::Port(SocketAddr::new(remote.ip().to_canonical(), remote.port()))
        } else {
            Place::Address(ip)
        };
        let key = match place {
            Place::Address(_) | Place::User(..) => self.key(ip),
            Place::Port(port) => self.secret.hash_one((2_u8, port)),
        };
        self.count_at(now, keys, (place, key), points, why, None);
    }

    fn count_at(
        &mut self,
        now: Now,
        keys: &Keys,
        (place, key): (Place, u64),
        points: f32,
        why: Why,
        user: Option<&str>,
    ) {
        let ban = &keys.ban;
        let enough = u16::try_from(ban.threshold).map_or(ban.threshold as f32, f32::from);
        let Some(meter) = self.meters.at(now.at, key, &rates(keys)) else {
            return;
        };
        meter.score += points;
        if meter.score < enough {
            return;
        }
        meter.score = 0.0;
        let doubled = 1_u32.checked_shl(meter.bans.into()).unwrap_or(u32::MAX);
        meter.bans = meter.bans.saturating_add(1);
        let time = ban.duration.saturating_mul(doubled).min(ban.max_duration);
        self.ban(now, place, why, user, time);
    }

    fn ban(&mut self, now: Now, place: Place, why: Why, user: Option<&str>, time: Duration) {
        if !self.bans.add(now, place, why, user, time) {
            return;
        }
        self.banned += 1;
        let Some(held_back) = self.lines.next(now.at) else {
            return;
        };
        let of = user.map_or(String::new(), |user| format!(" as {user:?}"));
        let more = match held_back {
            0 => String::new(),
            more => format!("; {more} more have not been told of"),
        };
        let text = format!("for {} s{of}: {}{more}", time.as_secs(), why.word());
        self.news.push((describe(place), text));
    }
}

fn describe(place: Place) -> String {
    match place {
        Place::Address(ip) | Place::User(ip, _) => ip.to_string(),
        Place::Port(remote) => remote.to_string(),
    }
}

impl Core {
    /// Whether what comes by this flow is not even to be read. An emergency call is where users have authenticated of late: its caller
    /// may be one of them, and has to show that.
    pub(crate) fn is_barred(&mut self, now: Now, flow: &Flow, datagram: &[u8]) -> bool {
        if self.edge.bans.is_empty() {
            return false;
        }
        let Some(place) = self.edge.bans.covers(now.at, flow.remote) else {
            return false;
        };
        if self.is_known(flow) || self.begins_emergency(now, flow, datagram) {
            return false;
        }
        self.edge.bans.dropped(place);
        self.endpoint.count(DropReason::Banned);
        true
    }

    /// Somebody's credentials are wrong. First the user is banned that fails again and again from there, so that others behind the same
    /// address are not hit; whoever fails with many users, or where none has ever been right, is banned altogether.
    pub(crate) fn note_failed(&mut self, now: Now, flow: &Flow, user: &str, exists: bool) {
        if self.is_known(flow) {
            return;
        }
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let keys = &snapshot.config.edge;
        if !keys.ban.enabled || allows(keys, flow.remote.ip()) {
            return;
        }
        let weights = keys.ban.weights;
        let (weight, why) = if exists {
            (weights.password, Why::WrongPassword)
        } else {
            (weights.user, Why::UnknownUser)
        };
        let points = u16::try_from(weight).map_or(f32::MAX, f32::from);
        let (edge, ip) = (&mut self.edge, ground(flow.remote.ip()));
        let key = edge.user_key(ip, user);
        let first = edge
            .meters
            .at(now.at, key, &rates(keys))
            .is_none_or(|meter| meter.score < 1.0);
        edge.count_at(now, keys, (Place::User(ip, key), key), points, why, Some(user));
        if !edge.is_trusted(now.at, ip) {
            let share = if first { 1.0 } else { AGAIN };
            edge.count(now, keys, flow.remote, points * share, why);
        }
    }

    /// Whether a user has authenticated from there of late.
    pub(crate) fn trusts(&self, now: Now, flow: &Flow) -> bool {
        self.edge.is_trusted(now.at, ground(flow.remote.ip()))
    }

    /// A user has shown who it is.
    pub(crate) fn note_proved(&mut self, now: Now, flow: &Flow) {
        let ip = ground(flow.remote.ip());
        self.edge.trust(now.at, ip);
    }

    /// The bans in force, the latest first.
    pub(crate) fn bans(&self, now: Now) -> Vec<BanView> {
        self.edge.bans.views(now.at)
    }

    /// Bans an address by command.
    pub(crate) fn ban_by_hand(&mut self, now: Now, address: IpAddr, time: Duration) -> BanOutcome {
        if let Some(trunk) = self.trunk_at(address) {
            return BanOutcome::Trunk(trunk);
        }
        self.edge
            .ban(now, Place::Address(ground(address)), Why::Command, None, time);
        BanOutcome::Done
    }

    /// Lifts the bans of an address; whether there were any.
    pub(crate) fn unban(&mut self, address: IpAddr) -> bool {
        self.edge.bans.lift(address) > 0
    }

    /// A trunk with a source that is this address, or has it.
    fn trunk_at(&self, address: IpAddr) -> Option<String> {
        let mut trunks = self.snapshot.tables.trunks();
        let has = |trunk: &config::Trunk| trunk.sources.iter().any(|source| holds(&source.net, address));
        trunks
            .find(|(_, trunk)| has(trunk))
            .map(|(_, trunk)| trunk.name.clone())
    }
}

#[cfg(test)]
mod tests;
