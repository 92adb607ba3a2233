//! What passes over the wire, kept for ladders and copied to a capture server.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use config::Config;
use sip_net::capture::{Agent, Carrier, HepMirror, MirrorConfig, MirrorCounters, Ring, Stamp, View};
use sip_proto::Transport;

use super::trials::Trials;

/// Whoever wants to see messages.
pub(crate) struct Tap {
    ring: Option<Ring>,
    mirror: Option<HepMirror>,
    /// What `mirror` was made of.
    hep: Option<config::Hep>,
    node: String,
    /// Tests of trunks, which look at what passes.
    pub(super) trials: Trials,
}

impl Tap {
    /// Takes the memory that the ring has: it takes a moment.
    pub(crate) fn new(config: &Config) -> Self {
        let memory = config.capture.memory.map(|megabytes| (megabytes as usize) << 20);
        let mut tap = Self {
            ring: memory.map(Ring::new),
            mirror: None,
            hep: None,
            node: config.node.name.clone(),
            trials: Trials::default(),
        };
        tap.reload(config);
        tap
    }

    /// Takes another configuration into use.
    pub(super) fn reload(&mut self, config: &Config) {
        if self.hep == config.hep {
            return;
        }
        self.hep.clone_from(&config.hep);
        self.mirror = self.hep.as_ref().and_then(|hep| {
            let started = HepMirror::start(MirrorConfig {
                server: hep.server.clone(),
                agent: Agent {
                    id: hep.id,
                    node: self.node.clone(),
                    key: hep
                        .key
                        .as_ref()
                        .map(|key| key.expose().to_owned())
                        .unwrap_or_default(),
                },
            });
            if let Err(error) = &started {
                tracing::error!(%error, "messages are not mirrored");
            }
            started.ok()
        });
    }

    /// A message that came (`outgoing` is false) or goes.
    pub(super) fn message(
        &mut self,
        outgoing: bool,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &Bytes,
    ) {
        if self.trials.any() {
            self.trials.message(outgoing, bytes);
        }
        if self.ring.is_none() && self.mirror.is_none() {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = Stamp {
            at_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
            outgoing,
            carrier: match transport {
                Transport::Udp => Carrier::Udp,
                Transport::Tcp | Transport::Ws => Carrier::Stream,
                Transport::Tls | Transport::Wss => Carrier::Encrypted,
            },
            local,
            remote,
        };
        if let Some(ring) = &mut self.ring {
            ring.push(stamp, bytes);
        }
        if let Some(mirror) = &self.mirror {
            mirror.copy(stamp, bytes);
        }
    }

    /// Messages with this Call-ID are this call's.
    pub(super) fn leg(&mut self, call_id: Box<[u8]>, call: Box<str>) {
        self.trials.leg(&call_id, &call);
        if let Some(mirror) = &self.mirror {
            mirror.leg(call_id, call);
        }
    }

    /// The messages of the last while; `None`: they are not kept.
    pub(super) fn view(&self) -> Option<View> {
        self.ring.as_ref().map(Ring::view)
    }

    pub(super) fn mirrored(&self) -> MirrorCounters {
        self.mirror.as_ref().map(HepMirror::counters).unwrap_or_default()
    }
}
