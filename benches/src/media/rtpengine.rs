//! rtpengine as a relay, its calls set up by its control protocol.

use super::{Stand, step};
use crate::ng::Ng;
use crate::peers::{self, Server};
use anyhow::Result;
use std::net::SocketAddr;
use testbed::sdp;

struct Rtpengine {
    server: Server,
    ng: Ng,
    calls: usize,
}

/// A fresh one.
pub(super) fn with<T>(play: impl FnOnce(&mut dyn Stand) -> Result<T>) -> Result<T> {
    let (server, ng) = peers::rtpengine()?;
    let mut stand = Rtpengine { server, ng, calls: 0 };
    let result = play(&mut stand);
    for n in 0..stand.calls {
        stand.ng.delete(&format!("call-{n}"))?;
    }
    result
}

impl Rtpengine {
    fn call(&mut self, name: &str, ends: (SocketAddr, SocketAddr)) -> Result<(SocketAddr, SocketAddr)> {
        let for_b = self.ng.offer(name, &sdp::offer(ends.0))?;
        let for_a = self.ng.answer(name, &sdp::offer(ends.1))?;
        Ok((sdp::audio(for_a.as_bytes()), sdp::audio(for_b.as_bytes())))
    }
}

impl Stand for Rtpengine {
    fn pids(&self) -> Vec<u32> {
        self.server.pids()
    }

    fn ends(&self, n: usize) -> (SocketAddr, SocketAddr) {
        let places = &self.server.places;
        (step(places.rtp_a, n), step(places.rtp_b1, n))
    }

    fn set_up(&mut self, n: usize) -> Result<(SocketAddr, SocketAddr)> {
        let to = self.call(&format!("call-{n}"), self.ends(n))?;
        self.calls += 1;
        Ok(to)
    }

    fn warm_up(&mut self) -> Result<()> {
        let ends = (self.server.places.rtp_b2, self.server.places.rtp_x);
        self.call("warm", ends)?;
        self.ng.delete("warm")
    }
}
