//! Sources that are names: whose requests come from the addresses that a name leads to. Looked up again and again in the background, so
//! that a request never waits for the DNS.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use route::{NetworkIx, SourceMatch, TrunkIx, WhyNot};
use sip_proto::timers::TimerKey;
use sip_proto::{Flow, Hop};
use smallvec::SmallVec;

use crate::core::{Core, Timer, Waiter};
use crate::io::{Command, Now};

/// How often a name is looked up. The resolver asks the DNS only when what it knows has expired.
const AGAIN: Duration = Duration::from_secs(30);

/// How soon one that led nowhere is looked up again.
const SOON: Duration = Duration::from_secs(5);

/// For how long the addresses of a name hold when it leads nowhere any more.
const KEPT: Duration = Duration::from_secs(3600);

/// A name among a trunk's sources.
struct Watched {
    trunk: TrunkIx,
    network: NetworkIx,
    host: String,
    timer: Option<TimerKey>,
    addresses: SmallVec<[IpAddr; 2]>,
    learnt: Option<Instant>,
}

/// All names among the sources of the configuration in force, and their addresses.
#[derive(Default)]
pub(crate) struct SourceNames {
    list: Vec<Watched>,
    owners: HashMap<(NetworkIx, IpAddr), SmallVec<[TrunkIx; 1]>>,
}

impl SourceNames {
    /// Timers armed.
    pub(crate) fn timers(&self) -> usize {
        self.list.iter().filter(|name| name.timer.is_some()).count()
    }

    fn owner(&self, network: NetworkIx, ip: IpAddr) -> Option<TrunkIx> {
        self.owners.get(&(network, ip.to_canonical()))?.first().copied()
    }

    /// Makes the index anew.
    fn arrange(&mut self) {
        self.owners.clear();
        for name in &self.list {
            for ip in &name.addresses {
                let owners = self.owners.entry((name.network, *ip)).or_default();
                if !owners.contains(&name.trunk) {
                    owners.push(name.trunk);
                }
            }
        }
    }
}

impl Core {
    /// Takes the names of the configuration in force. What is known of one that the configuration before had, too, stays known.
    pub(crate) fn install_source_names(&mut self, now: Now) {
        let mut before = std::mem::take(&mut self.source_names).list;
        for name in &mut before {
            self.disarm(&mut name.timer);
        }
        self.queries
            .retain(|_, waiter| !matches!(waiter, Waiter::Source(_)));
        let snapshot = Arc::clone(&self.snapshot);
        for (ix, trunk) in snapshot.tables.trunks() {
            let network = snapshot.network_of(ix);
            for host in &trunk.source_names {
                let same = |name: &Watched| name.network == network && name.host == *host;
                let known = before.iter().find(|name| same(name));
                let (addresses, learnt) = known
                    .map(|name| (name.addresses.clone(), name.learnt))
                    .unwrap_or_default();
                let number = u32::try_from(self.source_names.list.len()).unwrap_or(u32::MAX);
                let timer = Some(self.arm(now, Duration::ZERO, Timer::Source(number)));
                self.source_names.list.push(Watched {
                    trunk: ix,
                    network,
                    host: host.clone(),
                    timer,
                    addresses,
                    learnt,
                });
            }
        }
        self.source_names.arrange();
    }

    /// Time to look a name up.
    pub(crate) fn look_up_source(&mut self, now: Now, number: u32) {
        let Some(name) = self.source_names.list.get_mut(number as usize) else {
            return;
        };
        name.timer = None;
        let (host, reach) = (name.host.clone(), self.snapshot.reach(name.network));
        // A lookup that was never answered is forgotten with the next.
        self.queries.retain(|_, waiter| *waiter != Waiter::Source(number));
        let query = self.next_id();
        self.queries.insert(query, Waiter::Source(number));
        self.commands.push(Command::Resolve {
            query,
            host,
            port: None,
            transport: None,
            reach,
        });
        self.look_up_after(now, number, AGAIN);
    }

    fn look_up_after(&mut self, now: Now, number: u32, after: Duration) {
        let timer = self.arm(now, after, Timer::Source(number));
        let name = self.source_names.list.get_mut(number as usize);
        if let Some(before) = name.and_then(|name| name.timer.replace(timer)) {
            self.timers.cancel(before);
        }
    }

    /// A name has been looked up.
    pub(crate) fn on_source_resolved(&mut self, now: Now, number: u32, hops: &[Hop]) {
        let Some(name) = self.source_names.list.get_mut(number as usize) else {
            return;
        };
        let mut found: SmallVec<[IpAddr; 2]> =
            hops.iter().map(|hop| hop.remote.ip().to_canonical()).collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            let kept = name
                .learnt
                .is_some_and(|at| now.at.saturating_duration_since(at) < KEPT);
            if !kept && !name.addresses.is_empty() {
                tracing::warn!(host = %name.host, "a source has no address any more");
                name.addresses.clear();
                self.source_names.arrange();
            }
            self.look_up_after(now, number, SOON);
            return;
        }
        name.learnt = Some(now.at);
        if name.addresses != found {
            tracing::info!(host = %name.host, addresses = ?found, "the addresses of a source");
            name.addresses = found;
            self.source_names.arrange();
        }
    }

    /// Whose a request to the number `called` is: by what its connection has proved, else by the addresses that are written, else
    /// by those that names lead to.
    pub(crate) fn source(&self, flow: &Flow, called: &str) -> SourceMatch {
        let snapshot = &self.snapshot;
        let network = snapshot.network_at(flow);
        let tables = &snapshot.tables;
        let written = match flow.conn {
            None => tables.source(network, flow.remote, called),
            Some(conn) => tables.source_of_stream(network, flow.remote, self.names_of(conn), called),
        };
        let SourceMatch::None { why } = written else {
            return written;
        };
        match self.source_names.owner(network, flow.remote.ip()) {
            Some(ix) if !snapshot.trunk(ix).enabled => SourceMatch::None {
                why: WhyNot::Disabled,
            },
            Some(ix) => SourceMatch::Trunk(ix),
            None => SourceMatch::None { why },
        }
    }
}
