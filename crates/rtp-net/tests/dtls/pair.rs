//! Two associations with a network between them that a test decides about.

use rtp_net::Identity;
use rtp_proto::dtls::{Association, Engines, Event, Fingerprint, Keying, Role, Setup};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Numbers that repeat with their seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

pub(crate) fn identity() -> Arc<Identity> {
    Arc::new(Identity::generate().unwrap())
}

pub(crate) fn setup(role: Role, expected: &[&Fingerprint]) -> Setup {
    Setup {
        role,
        expected: expected.iter().copied().cloned().collect(),
        settled: true,
    }
}

pub(crate) const CLIENT: &str = "192.0.2.1:1000";
pub(crate) const SERVER: &str = "192.0.2.2:2000";

/// A datagram under way.
struct Flying {
    at: Instant,
    to_server: bool,
    bytes: Vec<u8>,
}

/// The active side, the passive side, and what is under way.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [Association; 2],
    pub(crate) events: [Vec<Event>; 2],
    flying: Vec<Flying>,
    /// All that was sent.
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Pair {
    pub(crate) fn new(client: &Arc<Identity>, server: &Arc<Identity>) -> Self {
        Self::expecting(client, server, server.fingerprint(), client.fingerprint())
    }

    /// `of_server`: what the client expects, `of_client`: what the server expects.
    pub(crate) fn expecting(
        client: &Arc<Identity>,
        server: &Arc<Identity>,
        of_server: &Fingerprint,
        of_client: &Fingerprint,
    ) -> Self {
        let now = Instant::now();
        let end = |identity: &Arc<Identity>, setup| Association::new(now, identity.clone(), setup, true);
        Self {
            now,
            ends: [
                end(client, setup(Role::Active, &[of_server])),
                end(server, setup(Role::Passive, &[of_client])),
            ],
            events: [Vec::new(), Vec::new()],
            flying: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Runs for `span`; `fate` says when a datagram arrives, how often, or never.
    pub(crate) fn run(&mut self, span: Duration, mut fate: impl FnMut(&[u8]) -> Vec<Duration>) {
        let end = self.now + span;
        let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        self.ends[0].reach(self.now, server);
        loop {
            for index in 0..2 {
                let mut buffer = [0; 2048];
                while let Some((length, _)) = self.ends[index].poll_transmit(&mut buffer) {
                    let bytes = buffer[..length].to_vec();
                    for delay in fate(&bytes) {
                        self.flying.push(Flying {
                            at: self.now + delay,
                            to_server: index == 0,
                            bytes: bytes.clone(),
                        });
                    }
                    self.sent.push(bytes);
                }
                while let Some(event) = self.ends[index].poll_event() {
                    self.events[index].push(event);
                }
            }
            let timers = self.ends.iter().filter_map(Association::poll_timeout);
            let Some(next) = self.flying.iter().map(|f| f.at).chain(timers).min() else {
                break;
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            let (due, later) = std::mem::take(&mut self.flying)
                .into_iter()
                .partition(|f: &Flying| f.at <= self.now);
            self.flying = later;
            for Flying { to_server, bytes, .. } in due {
                let (index, from) = if to_server { (1, client) } else { (0, server) };
                self.ends[index].receive(self.now, from, &bytes);
            }
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    pub(crate) fn keys(&self, index: usize) -> Option<&Keying> {
        self.events[index].iter().find_map(|event| match event {
            Event::Keys { keying, .. } => Some(keying),
            Event::Failed(_) | Event::Closed => None,
        })
    }
}
