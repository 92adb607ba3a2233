//! What a session and its driver say to each other.

use crate::control::{DropReason, Side};
use std::net::SocketAddr;
use std::time::Duration;

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
    /// The session has taken what it said. What comes of it: [`Session::poll_transmit`](super::Session::poll_transmit).
    Kept,
}

/// A packet that the session itself has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The leg whose socket it leaves from.
    pub side: Side,
    /// Which of its sockets.
    pub channel: Channel,
    /// Where to.
    pub to: SocketAddr,
}

/// How long a leg may be silent; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// A leg that packets are expected from.
    pub expected: Option<Duration>,
    /// A leg on hold.
    pub held: Option<Duration>,
    /// A leg that packets are expected from, while the other one speaks.
    pub one_way: Option<Duration>,
}
