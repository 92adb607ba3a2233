//! rtpengine as a relay, its calls set up by its control protocol.

use super::work::{Ends, Up, Work};
use super::{Stand, step};
use crate::ng::{Ng, Wanted};
use crate::peers::{self, Server};
use anyhow::Result;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use testbed::proc;

struct Rtpengine {
    work: Work,
    ends: Ends,
    server: Server,
    ng: Ng,
    calls: usize,
}

/// A fresh one.
pub(super) fn with<T>(work: Work, ends: Ends, play: impl FnOnce(&mut dyn Stand) -> Result<T>) -> Result<T> {
    let (server, ng) = peers::rtpengine()?;
    let mut stand = Rtpengine {
        work,
        ends,
        server,
        ng,
        calls: 0,
    };
    let result = play(&mut stand);
    for n in 0..stand.calls {
        stand.ng.delete(&format!("call-{n}"))?;
    }
    result
}

impl Rtpengine {
    fn call(&mut self, name: &str, n: usize, at: (SocketAddr, SocketAddr)) -> Result<Up> {
        // It would encode Opus in stereo by itself, which is about twice the work.
        let codec = self.work.codec().map(|codec| match self.work {
            Work::Opus => format!("{codec}/48000/1"),
            Work::Relay | Work::Srtp | Work::G722 => codec.to_owned(),
        });
        let wanted = Wanted {
            // What A's answer has to be is remembered from its offer.
            profile: (self.work == Work::Srtp).then_some("RTP/AVP"),
            flags: codec.map_or(Vec::new(), |codec| {
                vec!["codec-mask-PCMU".to_owned(), format!("codec-transcode-{codec}")]
            }),
        };
        let b_told = self.ng.offer(name, &self.work.offer(n, at.0), &wanted)?;
        let answer = self.work.answer(at.1, b_told.as_bytes());
        let a_told = self.ng.answer(name, &answer)?;
        self.ends.up(n, at, a_told.as_bytes(), b_told.as_bytes())
    }
}

impl Stand for Rtpengine {
    fn pids(&self) -> Vec<u32> {
        self.server.pids()
    }

    fn set_up(&mut self, n: usize) -> Result<Up> {
        let places = &self.server.places;
        let at = (step(places.rtp_a, n), step(places.rtp_b1, n));
        let up = self.call(&format!("call-{n}"), n, at)?;
        self.calls += 1;
        Ok(up)
    }

    fn warm_up(&mut self) -> Result<()> {
        let at = (self.server.places.rtp_b2, self.server.places.rtp_x);
        let sockets = |pids: &[u32]| {
            pids.iter()
                .map(|pid| proc::udp_sockets(*pid).len())
                .sum::<usize>()
        };
        let (pids, deadline) = (self.pids(), Instant::now() + Duration::from_secs(3));
        let before = sockets(&pids);
        self.call("warm", 0, at)?;
        self.ng.delete("warm")?;
        // It closes them when it finds the time; until then they'd be missing in what the next calls take.
        while sockets(&pids) > before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
