//! Who is banned, and until when.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::io::Now;

/// Bans at once. Beyond that a source is limited, but not banned.
const MOST: usize = 65_536;

/// What is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// All that comes from an address.
    Address(IpAddr),
    /// All that comes from a port of an address where others are honest.
    Port(SocketAddr),
    /// Requests from an address with credentials of one user (by a hash of its name).
    User(IpAddr, u64),
}

/// Why something is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Why {
    Scanner,
    UnknownSource,
    UnknownUser,
    WrongPassword,
    Malformed,
    Command,
}

impl Why {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::UnknownSource => "unknown-source",
            Self::UnknownUser => "unknown-user",
            Self::WrongPassword => "wrong-password",
            Self::Malformed => "malformed",
            Self::Command => "command",
        }
    }
}

#[derive(Debug)]
struct Ban {
    until: Instant,
    since_ms: u64,
    why: Why,
    user: Option<Box<str>>,
    dropped: u64,
}

/// A ban as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct BanView {
    /// The address; of IPv6 the first of a /64.
    pub address: IpAddr,
    /// The port, if only that is banned, since others at the address are honest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The user, if only requests with its credentials are banned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `scanner`, `unknown-source`, `unknown-user`, `wrong-password`, `malformed`, or `command`: what counted last.
    pub why: &'static str,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
    /// Seconds until it ends.
    pub left_s: u64,
    /// What has come from there since and was dropped.
    pub dropped: u64,
}

/// The part of an address that is one source: of IPv6 its /64, which one subscriber has.
pub(super) fn ground(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// All bans.
#[derive(Debug, Default)]
pub(super) struct Bans {
    list: HashMap<Place, Ban>,
    /// How many of them are of users.
    users: usize,
    /// When the first of them ends.
    next: Option<Instant>,
}

impl Bans {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn has_users(&self) -> bool {
        self.users > 0
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets those that have ended.
    fn expire(&mut self, now: Instant) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.list.retain(|_, ban| ban.until > now);
        self.users = self
            .list
            .keys()
            .filter(|place| matches!(place, Place::User(..)))
            .count();
        self.next = self.list.values().map(|ban| ban.until).min();
    }

    /// Whether all that comes from `remote` is banned.
    pub(super) fn covers(&mut self, now: Instant, remote: SocketAddr) -> Option<Place> {
        self.expire(now);
        let ip = remote.ip().to_canonical();
        let places = [
            Place::Address(ground(ip)),
            Place::Port(SocketAddr::new(ip, remote.port())),
        ];
        places.into_iter().find(|place| self.list.contains_key(place))
    }

    /// Whether this is banned.
    pub(super) fn has(&mut self, now: Instant, place: Place) -> bool {
        self.expire(now);
        self.list.contains_key(&place)
    }

    /// Something was dropped for a ban.
    pub(super) fn dropped(&mut self, place: Place) {
        if let Some(ban) = self.list.get_mut(&place) {
            ban.dropped += 1;
        }
    }

    /// Whether it is banned by that, and was not before.
    pub(super) fn add(
        &mut self,
        now: Now,
        place: Place,
        why: Why,
        user: Option<&str>,
        time: Duration,
    ) -> bool {
        self.expire(now.at);
        let until = now
            .at
            .checked_add(time)
            .unwrap_or(now.at + Duration::from_secs(86_400 * 365));
        if !self.list.contains_key(&place) && self.list.len() >= MOST {
            return false;
        }
        let ban = Ban {
            until,
            since_ms: now.unix_ms,
            why,
            user: user.map(|user| user.chars().take(64).collect::<String>().into_boxed_str()),
            dropped: 0,
        };
        let before = self.list.insert(place, ban);
        if before.is_none() && matches!(place, Place::User(..)) {
            self.users += 1;
        }
        self.next = Some(self.next.map_or(until, |next| next.min(until)));
        before.is_none()
    }

    /// Lifts all bans of an address; how many there were.
    pub(super) fn lift(&mut self, address: IpAddr) -> usize {
        let (before, address) = (self.list.len(), ground(address));
        self.list.retain(|place, _| match place {
            Place::Address(ip) | Place::User(ip, _) => *ip != address,
            Place::Port(remote) => ground(remote.ip()) != address,
        });
        self.users = self
            .list
            .keys()
            .filter(|place| matches!(place, Place::User(..)))
            .count();
        before - self.list.len()
    }

    /// Those in force, the latest first.
    pub(super) fn views(&self, now: Instant) -> Vec<BanView> {
        let view = |(place, ban): (&Place, &Ban)| {
            let (address, port) = match place {
                Place::Address(ip) | Place::User(ip, _) => (*ip, None),
                Place::Port(remote) => (remote.ip(), Some(remote.port())),
            };
            let left = ban.until.checked_duration_since(now)?;
            Some(BanView {
                address,
                port,
                user: ban.user.as_deref().map(str::to_owned),
                why: ban.why.word(),
                since_ms: ban.since_ms,
                left_s: left.as_secs() + 1,
                dropped: ban.dropped,
            })
        };
        let mut views: Vec<BanView> = self.list.iter().filter_map(view).collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.since_ms), view.address, view.port));
        views
    }
}
