//! The configuration in force, compiled for the switch. Immutable; a reload makes another.

use std::net::{IpAddr, SocketAddr};

use config::{Config, SessionTimer, Trunk};
use route::{Tables, TrunkIx};
use rtp_proto::control::Sound;
use rtp_proto::dtls::Engines;
use sip_proto::{Flow, Hop, ListenerId, Transport};
use std::collections::HashMap;
use std::sync::Arc;

/// A network by its place in the configuration; without any there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkIx(pub u16);

/// A socket that we listen on.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its number, as it stands in [`Flow::listener`].
    pub id: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// The network that it is in.
    pub network: NetworkIx,
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

    /// The session timers of calls with this trunk.
    #[must_use]
    pub fn session_timer(&self, ix: TrunkIx) -> &SessionTimer {
        let own = self.trunk(ix).session_timer.as_ref();
        own.unwrap_or(&self.config.sip.session_timer)
    }

    /// What we call ourselves towards whoever is at the other end of `flow`.
    #[must_use]
    pub fn advertised(&self, flow: &Flow) -> Option<SocketAddr> {
        self.listeners
            .iter()
            .find(|l| l.id == flow.listener)
            .map(|l| l.advertise)
    }

    /// The flow on which a message to `hop` leaves: the network's first listener of its transport and address family.
    #[must_use]
    pub fn flow_to(&self, network: NetworkIx, hop: Hop) -> Option<Flow> {
        let fits = |l: &&Listener| {
            l.network == network && l.transport == hop.transport && l.bind.is_ipv4() == hop.remote.is_ipv4()
        };
        let listener = self.listeners.iter().find(fits)?;
        Some(Flow {
            transport: hop.transport,
            listener: listener.id,
            remote: hop.remote,
            conn: None,
        })
    }

    /// The network that a trunk is reached by.
    #[must_use]
    pub fn network_of(&self, _trunk: TrunkIx) -> NetworkIx {
        NetworkIx::default()
    }

    /// The network of a flow's listener.
    #[must_use]
    pub fn network_at(&self, flow: &Flow) -> NetworkIx {
        self.listeners
            .iter()
            .find(|l| l.id == flow.listener)
            .map(|l| l.network)
            .unwrap_or_default()
    }

    /// The address that media sockets towards a trunk are bound to.
    #[must_use]
    pub fn media_bind(&self, _trunk: TrunkIx) -> IpAddr {
        self.config.media.bind
    }

    /// The address that our SDP names towards a trunk.
    #[must_use]
    pub fn media_address(&self, _trunk: TrunkIx) -> IpAddr {
        self.config.media.advertise.unwrap_or(self.config.media.bind)
    }
}
