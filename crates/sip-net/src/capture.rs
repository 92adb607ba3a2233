//! The messages of the last while, as they went over the wire: for ladders, files for Wireshark, and a copy to a capture server.
//!
//! | file | what it is |
//! |---|---|
//! | `capture/ring.rs` | the last megabytes of messages, kept on the shard's thread and read on others |
//! | `capture/pcap.rs` | messages as a file that Wireshark reads |
//! | `capture/hep.rs` | one message as a packet of HEP version 3 |
//! | `capture/mirror.rs` | the thread that sends such packets |

mod hep;
mod mirror;
mod pcap;
mod ring;

pub use hep::{Agent, packet};
pub use mirror::{HepMirror, MirrorConfig, MirrorCounters};
pub use pcap::pcap;
pub use ring::{Ring, Shot, View};

use std::net::SocketAddr;

/// Over which protocol a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// In a datagram.
    Udp,
    /// In a stream, in the clear.
    Stream,
    /// In an encrypted stream.
    Encrypted,
}

/// When a message went, and between whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970 (UTC).
    pub at_us: u64,
    /// We sent it.
    pub outgoing: bool,
    /// Over what.
    pub carrier: Carrier,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

impl Stamp {
    /// Sender and receiver.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        if self.outgoing {
            (self.local, self.remote)
        } else {
            (self.remote, self.local)
        }
    }
}
