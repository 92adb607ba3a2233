//! What peers have said of their load, and how much is kept from them therefore (RFC 7339 §5.3, §7.2).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_msg::Message;

use super::words::said;

/// Peers that are told that we take word of their load.
const MOST: usize = 4096;

#[derive(Debug, Clone, Copy, Default)]
struct Peer {
    loss: u8,
    until: Option<Instant>,
    seq: u64,
    /// What is owed of the share, in hundredths.
    owed: u8,
}

/// Peers by their address.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    list: HashMap<SocketAddr, Peer>,
}

impl Peers {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// From now on this peer is told so in every request.
    pub(crate) fn tell(&mut self, remote: SocketAddr) {
        if self.list.len() < MOST {
            self.list.entry(remote).or_default();
        }
    }

    pub(crate) fn is_told(&self, remote: SocketAddr) -> bool {
        self.list.contains_key(&remote)
    }

    /// Takes in what a response says. What is older than the last word is passed over (§5.3).
    pub(crate) fn heard(&mut self, now: Instant, remote: SocketAddr, response: &Message) {
        let Some(peer) = self.list.get_mut(&remote) else {
            return;
        };
        let Some(said) = said(&response.top_via()) else {
            return;
        };
        if said.seq != 0 && said.seq < peer.seq {
            return;
        }
        peer.seq = said.seq;
        peer.loss = said.loss;
        peer.until = (said.validity > Duration::ZERO && said.loss > 0)
            .then(|| now.checked_add(said.validity))
            .flatten();
    }

    /// Whether a new request is to be kept from this peer.
    pub(crate) fn keeps_back(&mut self, now: Instant, remote: SocketAddr) -> bool {
        let Some(peer) = self.list.get_mut(&remote) else {
            return false;
        };
        let Some(until) = peer.until else { return false };
        if now >= until {
            peer.until = None;
            peer.owed = 0;
            return false;
        }
        let owed = u16::from(peer.owed) + u16::from(peer.loss);
        peer.owed = u8::try_from(owed % 100).unwrap_or(0);
        owed >= 100
    }
}
