//! What is known about peers' TCP: who is asked by UDP otherwise, and long requests go to (RFC 3261 §18.1.1).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A request longer than this goes by TCP where the path's MTU is not known (RFC 3261 §18.1.1).
pub const LONGEST_DATAGRAM: usize = 1300;

/// How long a peer without TCP is left alone with it.
const RETRY: Duration = Duration::from_secs(600);
/// Peers remembered; more than that are tried again.
const MOST: usize = 4096;

/// Peers that could not be reached by TCP.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    until: HashMap<SocketAddr, Instant>,
}

impl Refusals {
    /// Whether TCP is worth a try.
    pub(crate) fn may_try(&self, now: Instant, remote: SocketAddr) -> bool {
        self.until.get(&remote).is_none_or(|until| *until <= now)
    }

    pub(crate) fn refused(&mut self, now: Instant, remote: SocketAddr) {
        if self.until.len() >= MOST {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() < MOST || self.until.contains_key(&remote) {
            self.until.insert(remote, now + RETRY);
        }
    }

    pub(crate) fn answered(&mut self, remote: SocketAddr) {
        self.until.remove(&remote);
    }
}
