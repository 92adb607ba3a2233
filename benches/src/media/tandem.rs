//! Tandem as a relay.

use super::{Stand, step};
use anyhow::Result;
use std::net::SocketAddr;
use std::path::Path;
use testbed::bulk::{self, Held};
use testbed::{Bed, Setup, SipPeer};

struct Tandem<'p> {
    bed: &'p Bed,
    alice: &'p SipPeer,
    bob: &'p SipPeer,
    held: Vec<Held<'p>>,
    finished: usize,
}

/// A fresh daemon with this `media.engine`; at the end the calls are hung up and their records looked for.
pub(super) fn with<T>(
    daemon: &Path,
    engine: &str,
    play: impl FnOnce(&mut dyn Stand) -> Result<T>,
) -> Result<T> {
    let setup = Setup::default().t1_ms(500).media_ports(10_000, 29_999);
    let bed = Bed::start(daemon, setup.media(&format!("engine = \"{engine}\"")));
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut stand = Tandem {
        bed: &bed,
        alice: &alice,
        bob: &bob,
        held: Vec::new(),
        finished: 0,
    };
    let result = play(&mut stand);
    stand.held.iter().for_each(Held::hang_up);
    let _ = bed.wait_records(stand.held.len() + stand.finished);
    result
}

impl Stand for Tandem<'_> {
    fn pids(&self) -> Vec<u32> {
        vec![self.bed.pid()]
    }

    fn ends(&self, n: usize) -> (SocketAddr, SocketAddr) {
        (step(self.bed.places.rtp_a, n), step(self.bed.places.rtp_b1, n))
    }

    fn set_up(&mut self, n: usize) -> Result<(SocketAddr, SocketAddr)> {
        let held = bulk::call(self.alice, self.bob, self.ends(n));
        let to = (held.a_to, held.b_to);
        self.held.push(held);
        Ok(to)
    }

    fn warm_up(&mut self) -> Result<()> {
        bulk::call(self.alice, self.bob, self.ends(0)).hang_up();
        self.finished += 1;
        Ok(())
    }
}
