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

    /// The value of a URI's transport parameter (RFC 3261 §19.1.1, RFC 7118 §5.2.4): WebSocket has one word, protected or not.
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// Whether nobody on the way can read along.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Tls | Self::Wss => true,
            Self::Udp | Self::Tcp | Self::Ws => false,
        }
    }

    /// Whether a connection may be made by either side. A browser can't be connected to (RFC 7118 §5).
    pub const fn connects(self) -> bool {
        match self {
            Self::Tcp | Self::Tls => true,
            Self::Udp | Self::Ws | Self::Wss => false,
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

/// Whom a connection of ours is meant for: which names it has to show, and what we show it. Given by whoever knows the
/// configuration, and never given to another while the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u16);

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
    /// The connection that a message came by; for an outgoing one the connection that is meant, as long as it is there and leads
    /// to `remote`. `None`: the one that there is to `remote` for this peer, or a new one.
    pub conn: Option<ConnId>,
    /// Whom a new connection to `remote` has to be to; of no meaning over UDP.
    pub peer: PeerId,
}
