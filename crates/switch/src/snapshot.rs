//! The configuration in force, compiled for the switch. Immutable; a reload makes another.

use std::net::{IpAddr, SocketAddr};

use crate::vouch::Stir;
use config::{Config, Parallel, Redirects, Role, SessionTimer, Transfer, Trunk};
use route::{NetworkIx, Tables, TrunkIx};
use rtp_proto::control::Sound;
use rtp_proto::dtls::Engines;
use sip_proto::{Flow, Hop, ListenerId, PeerId, Reach, Transport};
use std::collections::HashMap;
use std::sync::Arc;

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

/// Where media of a network is: what a call's legs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaAddress {
    /// What its sockets are bound to.
    pub bind: IpAddr,
    /// What our SDP names.
    pub advertise: IpAddr,
}

/// The media addresses of a configuration's networks, by [`NetworkIx`].
#[must_use]
pub fn media_addresses(config: &Config) -> Box<[MediaAddress]> {
    let unnamed = (config.media.bind, config.media.advertise);
    let named = config
        .networks
        .iter()
        .map(|network| (network.bind, network.advertise));
    let all = std::iter::once(unnamed).chain(named);
    all.map(|(bind, advertise)| MediaAddress {
        bind,
        advertise: advertise.unwrap_or(bind),
    })
    .collect()
}

/// Whom connections to a trunk are for.
#[derive(Debug, Clone, Default)]
pub struct TrunkPeers {
    /// The trunk, wherever it is.
    pub trunk: PeerId,
    /// Each of its targets.
    pub targets: Vec<PeerId>,
}

/// The transport that a configuration's word means.
#[must_use]
pub const fn transport(word: config::Transport) -> Transport {
    match word {
        config::Transport::Udp => Transport::Udp,
        config::Transport::Tcp => Transport::Tcp,
        config::Transport::Tls => Transport::Tls,
        config::Transport::Ws => Transport::Ws,
        config::Transport::Wss => Transport::Wss,
    }
}

/// Whom connections are for.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    /// By trunk.
    pub trunks: Vec<TrunkPeers>,
    /// What we are called in our Contact, for the few that want a name there.
    hosts: HashMap<PeerId, Box<str>>,
}

impl Peers {
    /// What we are called in our Contact; `None`: by our address.
    pub(crate) fn contact_host(&self, peer: PeerId) -> Option<&str> {
        if self.hosts.is_empty() {
            return None;
        }
        self.hosts.get(&peer).map(|host| &**host)
    }
}

/// Gives the trunks of a configuration and their targets their numbers. `number` knows a trunk by its name, with `None`, and each of
/// its targets' hosts; it has to give the same number for the same two for as long as the program runs.
pub fn peers(config: &Config, mut number: impl FnMut(&str, Option<&config::Host>) -> PeerId) -> Peers {
    let of = |trunk: &Arc<Trunk>| TrunkPeers {
        trunk: number(&trunk.name, None),
        targets: trunk
            .targets
            .iter()
            .map(|target| number(&trunk.name, Some(&target.host)))
            .collect(),
    };
    let trunks: Vec<TrunkPeers> = config.trunks.iter().map(of).collect();
    let mut hosts = HashMap::new();
    for (trunk, peers) in config.trunks.iter().zip(&trunks) {
        if let Some(host) = &trunk.contact_host {
            let all = peers.targets.iter().chain([&peers.trunk]);
            hosts.extend(all.map(|peer| (*peer, Box::from(host.as_str()))));
        }
    }
    Peers { trunks, hosts }
}

/// Whether something may be sent by this listener to whom has not connected to it.
const fn may_send(listener: &Listener) -> bool {
    matches!(listener.transport, Transport::Udp) || listener.transport.connects()
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
    /// Where media is in each network ([`media_addresses`]).
    pub media: Box<[MediaAddress]>,
    /// Whom connections are for.
    pub peers: Peers,
    /// Our certificate for DTLS-SRTP, and who does the handshakes; `None`: offers of it are refused.
    pub dtls: Option<Arc<dyn Engines>>,
    /// What can be played, by name.
    pub sounds: HashMap<String, Arc<Sound>>,
    /// Key, trust anchors and numbering for STIR/SHAKEN.
    pub stir: Arc<Stir>,
    /// Who vouches for the server that numbers are looked up at ([`crate::lookup_roots`]), each in DER; `None`: the system's list.
    pub lookup_roots: Option<Arc<Vec<Vec<u8>>>>,
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

    /// What becomes of this trunk's REFERs.
    #[must_use]
    pub fn transfer(&self, ix: TrunkIx) -> Transfer {
        let trunk = self.trunk(ix);
        trunk.transfer.unwrap_or(match trunk.role {
            Role::Customer => Transfer::Accept,
            Role::Carrier => Transfer::Refuse,
        })
    }

    /// What becomes of this trunk's redirections.
    #[must_use]
    pub fn redirects(&self, ix: TrunkIx) -> Redirects {
        let trunk = self.trunk(ix);
        trunk.redirects.unwrap_or(match trunk.role {
            Role::Customer => Redirects::Follow,
            Role::Carrier => Redirects::Pass,
        })
    }

    /// How several carriers are asked at once for calls of this trunk, if they are.
    #[must_use]
    pub fn parallel(&self, ix: TrunkIx) -> Option<Parallel> {
        let class = self.trunk(ix).class.as_ref()?;
        let mut classes = self.config.classes.iter();
        classes.find(|other| other.name == *class)?.parallel
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
            peer: PeerId::default(),
        })
    }

    /// The flow to a trunk at `hop`, which is one of `target`'s, if of one.
    #[must_use]
    pub fn flow_for(&self, trunk: TrunkIx, target: Option<usize>, hop: Hop) -> Option<Flow> {
        let flow = self.flow_to(self.network_of(trunk), hop)?;
        Some(Flow {
            peer: self.peer(trunk, target),
            ..flow
        })
    }

    /// Whom a connection to this target of a trunk, or to the trunk, has to be to.
    #[must_use]
    pub fn peer(&self, trunk: TrunkIx, target: Option<usize>) -> PeerId {
        let Some(peers) = self.peers.trunks.get(trunk.0 as usize) else {
            return PeerId::default();
        };
        let target = target.and_then(|target| peers.targets.get(target));
        target.copied().unwrap_or(peers.trunk)
    }

    /// The trunk that a connection for `peer` is to.
    #[must_use]
    pub fn trunk_of(&self, peer: PeerId) -> Option<&Arc<Trunk>> {
        let is = |peers: &TrunkPeers| peers.trunk == peer || peers.targets.contains(&peer);
        let index = self
            .peers
            .trunks
            .iter()
            .position(is)
            .filter(|_| peer != PeerId::default())?;
        self.config.trunks.get(index)
    }

    /// The way by TCP to where `flow`, a UDP one, leads; `None`: its network has no TCP listener, or the trunk is to be left
    /// alone with it.
    #[must_use]
    pub fn by_tcp(&self, flow: &Flow) -> Option<Flow> {
        let trunk = self.trunk_of(flow.peer).and_then(|trunk| trunk.udp_only);
        if trunk.unwrap_or(self.config.sip.udp_only) {
            return None;
        }
        let hop = Hop {
            transport: Transport::Tcp,
            remote: flow.remote,
        };
        let tcp = self.flow_to(self.network_at(flow), hop)?;
        Some(Flow {
            peer: flow.peer,
            ..tcp
        })
    }

    /// What the listeners of a network can send by, when nobody has connected to them.
    #[must_use]
    pub fn reach(&self, network: NetworkIx) -> Reach {
        let mut reach = Reach::default();
        let ours = self.listeners.iter().filter(|l| l.network == network);
        for listener in ours.filter(|l| may_send(l)) {
            reach.add(listener.transport, listener.bind.is_ipv6());
        }
        reach
    }

    /// What of the trunks' targets and registrars no listener can send to, in words.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (trunk, place) in self.config.trunks.iter().zip(0..) {
            let reach = self.reach(self.network_of(TrunkIx(place)));
            let targets = trunk.targets.iter().map(|target| (&target.uri, target.transport));
            let registrar = trunk
                .register
                .as_ref()
                .map(|register| (&register.uri, register.transport));
            for (uri, wanted) in targets.chain(registrar) {
                let wanted = wanted.map(transport);
                let reached = match wanted {
                    Some(wanted) => reach.has(wanted),
                    None => reach.transports().next().is_some(),
                };
                if !reached {
                    let kind = wanted.map_or("", Transport::via_name);
                    missing.push(format!(
                        "trunk {:?}: no {kind} listener that this process has can send to {uri}; new listeners are bound by a new start",
                        trunk.name
                    ));
                }
            }
        }
        missing
    }

    /// The transport to an address for which none is written: UDP, or what the network's listeners have.
    #[must_use]
    pub fn default_transport(&self, network: NetworkIx) -> Transport {
        let ours = self.listeners.iter().filter(|l| l.network == network);
        let mut ours = ours.filter(|l| may_send(l));
        let first = ours.clone().next().map(|l| l.transport);
        if ours.any(|l| l.transport == Transport::Udp) {
            return Transport::Udp;
        }
        first.unwrap_or_default()
    }

    /// The network that a trunk is in.
    #[must_use]
    pub fn network_of(&self, trunk: TrunkIx) -> NetworkIx {
        self.tables.network(trunk)
    }

    /// The network of a flow's listener.
    #[must_use]
    pub fn network_at(&self, flow: &Flow) -> NetworkIx {
        self.listeners
            .iter()
            .find(|l| l.id == flow.listener)
            .map_or(NetworkIx::NOWHERE, |l| l.network)
    }

    /// The name of a network; `None`: of the one without.
    #[must_use]
    pub fn network_name(&self, network: NetworkIx) -> Option<&str> {
        let index = usize::from(network.0).checked_sub(1)?;
        self.config
            .networks
            .get(index)
            .map(|network| network.name.as_str())
    }

    /// Where media is towards a trunk.
    fn media_of(&self, trunk: TrunkIx) -> MediaAddress {
        let place = usize::from(self.network_of(trunk).0);
        let unnamed = MediaAddress {
            bind: self.config.media.bind,
            advertise: self.config.media.advertise.unwrap_or(self.config.media.bind),
        };
        self.media.get(place).copied().unwrap_or(unnamed)
    }

    /// The address that media sockets towards a trunk are bound to.
    #[must_use]
    pub fn media_bind(&self, trunk: TrunkIx) -> IpAddr {
        self.media_of(trunk).bind
    }

    /// The address that our SDP names towards a trunk.
    #[must_use]
    pub fn media_address(&self, trunk: TrunkIx) -> IpAddr {
        self.media_of(trunk).advertise
    }

    /// Takes over the sockets of the configuration `before` this one, which stay as they were bound. Which network each is in, this
    /// one says; of one that it does not have any more, the one before.
    pub fn stay_bound(&mut self, before: &Snapshot) {
        let mut listeners = before.listeners.clone();
        for listener in &mut listeners {
            let same =
                |other: &&Listener| other.transport == listener.transport && other.bind == listener.bind;
            listener.network = match self.listeners.iter().find(same) {
                Some(other) => other.network,
                None if listener.network == NetworkIx::NOWHERE => NetworkIx::NOWHERE,
                None => NetworkIx::named(&self.config, before.network_name(listener.network)),
            };
        }
        self.listeners = listeners;
    }
}
