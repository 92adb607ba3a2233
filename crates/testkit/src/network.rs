//! Datagrams on their way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Rng;

/// How well a path carries.
#[derive(Clone, Copy, Debug)]
pub struct Quality {
    /// Share of datagrams that never arrive.
    pub loss: f64,
    /// Share that arrives twice.
    pub duplication: f64,
    /// The least that a datagram takes.
    pub delay: Duration,
    /// The most that chance adds to it; above the time between two datagrams it changes their order.
    pub jitter: Duration,
}

impl Quality {
    /// A wire: half a millisecond, and nothing goes wrong.
    pub const GOOD: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        delay: Duration::from_micros(500),
        jitter: Duration::ZERO,
    };
}

/// The network between the peers and the switch.
#[derive(Debug)]
pub struct Network {
    rng: Rng,
    /// Where nothing else is said.
    pub quality: Quality,
    /// Of the path to and from single peers.
    pub by_peer: BTreeMap<SocketAddr, Quality>,
    /// Nothing reaches these, and nothing they send arrives.
    pub unreachable: BTreeSet<SocketAddr>,
    /// Hosts that are there, with nobody at the port: what is sent to them comes back (ICMP port unreachable).
    pub closed: BTreeSet<SocketAddr>,
    /// Datagrams handed over.
    pub sent: u64,
    /// Those that were lost.
    pub lost: u64,
}

impl Network {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            rng,
            quality: Quality::GOOD,
            by_peer: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            closed: BTreeSet::new(),
            sent: 0,
            lost: 0,
        }
    }

    fn quality(&self, from: SocketAddr, to: SocketAddr) -> Quality {
        self.by_peer
            .get(&from)
            .or_else(|| self.by_peer.get(&to))
            .copied()
            .unwrap_or(self.quality)
    }

    /// When a datagram arrives: never, once, or twice.
    pub(crate) fn carry(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Vec<Instant> {
        self.sent += 1;
        let quality = self.quality(from, to);
        let gone = self.unreachable.contains(&from) || self.unreachable.contains(&to);
        if gone || self.closed.contains(&to) || self.rng.chance(quality.loss) {
            self.lost += 1;
            return Vec::new();
        }
        let copies = 1 + usize::from(self.rng.chance(quality.duplication));
        (0..copies)
            .map(|_| now + quality.delay + self.rng.between(Duration::ZERO, quality.jitter))
            .collect()
    }
}
