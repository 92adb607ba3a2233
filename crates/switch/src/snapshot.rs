//! The configuration in force, compiled for the switch. Immutable; a reload makes another.

use std::net::{IpAddr, SocketAddr};

use config::{Config, Trunk};
use route::{Tables, TrunkIx};
use rtp_proto::control::Sound;
use rtp_proto::dtls::Engines;
use sip_proto::{Flow, ListenerId, Transport};
use std::collections::HashMap;
use std::sync::Arc;

/// A socket that we listen on.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its number, as it stands in [`Flow::listener`].
    pub id: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// Where it is bound.
    pub bind: SocketAddr,
    /// What we call it in Via and Contact.
    pub advertise: SocketAddr,
}

/// One configuration, whole. Calls keep the one they started with.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration as it was read.
    pub config: Config,
    /// The routing tables made of it.
    pub tables: Tables,
    /// Listeners, as bound.
    pub listeners: Vec<Listener>,
    /// Our certificate for DTLS-SRTP, and who does the handshakes; `None`: offers of it are refused.
    pub dtls: Option<Arc<dyn Engines>>,
    /// What can be played, by name.
    pub sounds: HashMap<String, Arc<Sound>>,
}

impl Snapshot {
    /// The trunk with this index.
    #[must_use]
    pub fn trunk(&self, ix: TrunkIx) -> &Arc<Trunk> {
        self.tables.trunk(ix)
    }

    /// What we call ourselves towards whoever is at the other end of `flow`.
    #[must_use]
    pub fn advertised(&self, flow: &Flow) -> Option<SocketAddr> {
        self.listeners
            .iter()
            .find(|l| l.id == flow.listener)
            .map(|l| l.advertise)
    }

    /// The flow on which a datagram to `remote` leaves: the first UDP listener of the same address family.
    #[must_use]
    pub fn flow_to(&self, remote: SocketAddr) -> Option<Flow> {
        let listener = self
            .listeners
            .iter()
            .find(|l| l.transport == Transport::Udp && l.bind.is_ipv4() == remote.is_ipv4())?;
        Some(Flow {
            transport: listener.transport,
            listener: listener.id,
            remote,
            conn: None,
        })
    }

    /// The address that media sockets are bound to.
    #[must_use]
    pub fn media_bind(&self) -> IpAddr {
        self.config.media.bind
    }

    /// The address that our SDP names.
    #[must_use]
    pub fn media_address(&self) -> IpAddr {
        self.config.media.advertise.unwrap_or(self.config.media.bind)
    }
}
