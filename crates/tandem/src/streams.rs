//! What connections need of a configuration: certificates, read and checked, and limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use config::{ClientCertificate, Config, ListenTls, TlsVersion, Transport, Trunk};
use sip_net::tls::{ClientFiles, ClientTls, Clients, ServerFiles, ServerTls, TlsError};
use sip_net::{StreamLimits, StreamSetup};
use sip_proto::PeerId;
use switch::{Peers, Snapshot, TrunkPeers};

/// Of what a connection may take to come about: so many T1, half of what a transaction has.
const CONNECT: u32 = 32;
/// DSCP of signalling: CS3 (RFC 4594 §2.3).
const SIGNALLING_DSCP: u8 = 24;

/// Certificates and limits of one configuration.
pub(crate) struct LoadedStreams {
    /// By what a listener is told by over reloads.
    servers: Vec<((Transport, SocketAddr), ServerTls)>,
    clients: HashMap<PeerId, ClientTls>,
    limits: StreamLimits,
}

impl LoadedStreams {
    /// Reads every certificate, key and authority that the configuration names.
    ///
    /// # Errors
    /// What is wrong with each, one per line.
    pub(crate) fn read(
        config: &Config,
        peers: &Peers,
        seen: &mut Vec<PathBuf>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let now = SystemTime::now();
        let mut read = |path: &Path| {
            seen.push(path.to_owned());
            std::fs::read(path).map_err(|error| error.to_string())
        };
        let mut servers = Vec::new();
        for listen in &config.listen {
            let Some(tls) = &listen.tls else { continue };
            match ServerTls::load(&server_files(tls), now, &mut read, warnings) {
                Ok(server) => servers.push(((listen.transport, listen.bind), server)),
                Err(error) => errors.push(format!("listener {} {}: {error}", listen.transport, listen.bind)),
            }
        }
        let mut clients = HashMap::new();
        for (trunk, peers) in config.trunks.iter().zip(&peers.trunks) {
            for (peer, name) in connections(trunk, peers) {
                match ClientTls::load(&client_files(trunk, name), now, &mut read, warnings) {
                    Ok(client) => drop(clients.insert(peer, client)),
                    // Nobody says that it is connected to by TLS; it may be connected back to.
                    Err(error) if trunk.tls.is_none() && !trunk.targets.iter().any(by_tls) => {
                        warnings.push(format!("trunk {:?}: {error}", trunk.name));
                    }
                    Err(error) => errors.push(format!("trunk {:?}: {error}", trunk.name)),
                }
            }
        }
        warnings.sort_unstable();
        warnings.dedup();
        errors.dedup();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            servers,
            clients,
            limits: limits(config),
        })
    }

    /// For the listeners that there are.
    pub(crate) fn setup(&self, snapshot: &Snapshot) -> StreamSetup {
        let server = |listener: &switch::Listener| {
            let is = |(transport, bind): &(Transport, SocketAddr)| {
                switch::transport(*transport) == listener.transport && *bind == listener.bind
            };
            let (_, server) = self.servers.iter().find(|(of, _)| is(of))?;
            Some((listener.id, server.clone()))
        };
        StreamSetup {
            servers: snapshot.listeners.iter().filter_map(server).collect(),
            clients: self.clients.clone(),
            limits: self.limits,
        }
    }
}

fn by_tls(target: &config::Target) -> bool {
    target.transport == Some(Transport::Tls)
}

fn limits(config: &Config) -> StreamLimits {
    let connections = &config.sip.connections;
    StreamLimits {
        max: usize::try_from(connections.max).unwrap_or(usize::MAX),
        per_address: usize::try_from(connections.per_address).unwrap_or(usize::MAX),
        first_message: connections.first_message,
        frame: connections.frame,
        idle: connections.idle,
        connect: connections.connect.min(config.sip.t1 * CONNECT),
        write: connections.write,
        keepalive: connections.keepalive,
        dscp: SIGNALLING_DSCP,
    }
}

fn server_files(tls: &ListenTls) -> ServerFiles {
    let ca = || tls.client_ca.clone().unwrap_or_default();
    ServerFiles {
        pairs: tls
            .certificate
            .iter()
            .cloned()
            .zip(tls.key.iter().cloned())
            .collect(),
        clients: match tls.client {
            ClientCertificate::None => Clients::Unasked,
            ClientCertificate::Optional => Clients::Optional(ca()),
            ClientCertificate::Required => Clients::Required(ca()),
        },
        only_13: tls.min_version == TlsVersion::V13,
    }
}

/// The peers of a trunk that connections by TLS may be made to, each with the name that it has to show: of a target the configured
/// one or its host; of the trunk itself, which may be connected back to, the configured one or its first target's.
fn connections(trunk: &Trunk, peers: &TrunkPeers) -> Vec<(PeerId, Option<String>)> {
    let registers = trunk
        .register
        .as_ref()
        .filter(|register| register.transport == Some(Transport::Tls));
    let called = registers.is_some() || trunk.targets.iter().any(by_tls);
    if trunk.tls.is_none() && trunk.tls_names.is_empty() && !called {
        return Vec::new();
    }
    let named = trunk.tls.as_ref().and_then(|tls| tls.name.clone());
    let of = |target: &config::Target| Some(named.clone().unwrap_or_else(|| target.host.to_string()));
    let first = trunk.targets.first().and_then(of);
    let registrar = registers.map(|register| register.host.to_string());
    let own = named
        .clone()
        .or(registrar)
        .or(first)
        .or(trunk.tls_names.first().cloned());
    let targets = trunk.targets.iter().zip(&peers.targets);
    targets
        .map(|(target, peer)| (*peer, of(target)))
        .chain([(peers.trunk, own)])
        .collect()
}

/// What a connection by TLS to one of a trunk's targets is made with now; `verify`: as configured, or whatever certificate is shown.
/// `None`: there is no such target.
pub(crate) fn client_tls(trunk: &Trunk, target: usize, verify: bool) -> Option<Result<ClientTls, TlsError>> {
    let target = trunk.targets.get(target)?;
    let named = trunk.tls.as_ref().and_then(|tls| tls.name.clone());
    let mut files = client_files(trunk, Some(named.unwrap_or_else(|| target.host.to_string())));
    files.verify &= verify;
    let mut read = |path: &Path| std::fs::read(path).map_err(|error| error.to_string());
    Some(ClientTls::load(
        &files,
        SystemTime::now(),
        &mut read,
        &mut Vec::new(),
    ))
}

fn client_files(trunk: &Trunk, name: Option<String>) -> ClientFiles {
    let tls = trunk.tls.as_ref();
    ClientFiles {
        name,
        ca: tls.and_then(|tls| tls.ca.clone()),
        own: tls.and_then(|tls| tls.certificate.clone().zip(tls.key.clone())),
        verify: tls.is_none_or(|tls| tls.verify),
    }
}
