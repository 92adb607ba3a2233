//! One relayed stream.

use crate::control::{DropReason, Leg, SessionStats, Side};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Which of a leg's two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The RTP port; RTCP too under mux; UDPTL.
    Rtp,
    /// The RTCP port.
    Rtcp,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it, as it now stands, from the other leg's socket of this channel.
    Forward {
        /// The other leg's socket.
        channel: Channel,
        /// Where to.
        to: SocketAddr,
    },
    /// It goes no further; already counted.
    Drop(DropReason),
}

/// What a timeout brought to light, per side (A, B).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// The peer has been silent for this long, beyond the limit. Told once per silence.
    pub silent: [Option<Duration>; 2],
}

/// The relay of one stream between two legs.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// A relay between `legs` (A, B).
    #[must_use]
    pub fn new(_now: Instant, _legs: &[Leg; 2], _silence: Option<Duration>, _hold: Option<Duration>) -> Self {
        Self {}
    }

    /// The final or current statistics.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        SessionStats::default()
    }

    /// One packet.
    pub fn receive(
        &mut self,
        _now: Instant,
        _side: Side,
        _channel: Channel,
        _from: SocketAddr,
        _packet: &mut [u8],
    ) -> Verdict {
        todo!()
    }
}
