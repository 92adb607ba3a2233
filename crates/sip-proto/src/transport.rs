//! Where messages come from and go to.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A transport protocol (RFC 3261 §18, RFC 7118 for WebSocket).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    /// Datagrams, unprotected: retransmission is ours.
    #[default]
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream under TLS.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// Whether the transport delivers by itself, so that the retransmission timers stay off (RFC 3261 §17).
    pub const fn reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }

    /// The name in a Via (RFC 3261 §20.42, RFC 7118 §5).
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The port meant where none is written (RFC 3261 §19.1.2, RFC 7118 §5).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// One of our listeners, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// One connection of a stream transport, never reused while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// A place to send to, and how (RFC 3263 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// By which transport.
    pub transport: Transport,
    /// Where to.
    pub remote: SocketAddr,
}

impl Hop {
    /// By UDP.
    pub const fn udp(remote: SocketAddr) -> Self {
        Self {
            transport: Transport::Udp,
            remote,
        }
    }
}

impl Flow {
    /// Its far end.
    pub const fn hop(&self) -> Hop {
        Hop {
            transport: self.transport,
            remote: self.remote,
        }
    }
}

/// The way a message came or goes: which of our listeners, which peer, which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub transport: Transport,
    /// Our end.
    pub listener: ListenerId,
    /// The peer's address: for an incoming message the source, for an outgoing one the destination.
    pub remote: SocketAddr,
    /// The connection, for stream transports, once there is one.
    pub conn: Option<ConnId>,
}
