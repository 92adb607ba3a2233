//! Tandem as a relay.

use super::work::{Ends, Up, Work};
use super::{Stand, step};
use anyhow::Result;
use std::net::SocketAddr;
use std::path::Path;
use testbed::bulk::{self, Held};
use testbed::{Bed, Setup, SipPeer};

struct Tandem<'p> {
    work: Work,
    ends: Ends,
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
    work: Work,
    ends: Ends,
    play: impl FnOnce(&mut dyn Stand) -> Result<T>,
) -> Result<T> {
    let setup = Setup::default().t1_ms(500).media_ports(10_000, 29_999);
    let setup = setup.media(&format!("engine = \"{engine}\""));
    let setup = match (work, work.codec()) {
        (Work::Srtp, _) => setup.key("pbx", "srtp = \"required\""),
        (_, Some(codec)) => setup.key("b1", &format!("codecs = [\"{codec}\"]")),
        (_, None) => setup,
    };
    let bed = Bed::start(daemon, setup);
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let mut stand = Tandem {
        work,
        ends,
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

impl<'p> Tandem<'p> {
    fn call(&self, n: usize) -> Result<(Held<'p>, Up)> {
        let places = &self.bed.places;
        let at: (SocketAddr, SocketAddr) = (step(places.rtp_a, n), step(places.rtp_b1, n));
        let mut b_told = Vec::new();
        let answer = |told: &[u8]| {
            b_told = told.to_vec();
            self.work.answer(at.1, told)
        };
        let (held, a_told) = bulk::call_with(self.alice, self.bob, &self.work.offer(n, at.0), answer);
        Ok((held, self.ends.up(n, at, &a_told, &b_told)?))
    }
}

impl Stand for Tandem<'_> {
    fn pids(&self) -> Vec<u32> {
        vec![self.bed.pid()]
    }

    fn set_up(&mut self, n: usize) -> Result<Up> {
        let (held, up) = self.call(n)?;
        self.held.push(held);
        Ok(up)
    }

    fn warm_up(&mut self) -> Result<()> {
        let (held, _) = self.call(0)?;
        held.hang_up();
        self.finished += 1;
        Ok(())
    }
}
