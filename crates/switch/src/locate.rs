//! Where a target's requests go (RFC 3263): its address as it is written, or the places that its name leads to, one after the
//! other. For INVITEs, pings and whatever else is sent to a target outside of a dialog.

use std::net::SocketAddr;
use std::time::Duration;

use config::{Host, Target};
use route::{Asked, HopFailure, NetworkIx, Setback};
use sip_msg::{HeaderId, Message};
use sip_proto::{Hop, Transport};
use smallvec::SmallVec;

use crate::core::{Core, Waiter};
use crate::event::EventKind;
use crate::io::{Command, Now};
use crate::snapshot::Snapshot;

/// The places of a target that are left to be tried, best first.
#[derive(Debug, Default)]
pub(crate) struct Hops {
    /// The next one is the last.
    rest: SmallVec<[Hop; 1]>,
    /// The target's name led here.
    pub(crate) named: bool,
}

impl Hops {
    /// The next place to try.
    pub(crate) fn next(&mut self) -> Option<Hop> {
        self.rest.pop()
    }

    /// All of them, in the order in which they are to be tried.
    pub(crate) fn into_vec(self) -> Vec<Hop> {
        self.rest.into_iter().rev().collect()
    }

    /// Whether there is none left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// What is to be located: where a target's URI leads, or another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) host: &'a Host,
    pub(crate) port: Option<u16>,
    /// The transport, where one is written.
    pub(crate) transport: Option<Transport>,
}

impl<'a> Address<'a> {
    /// Where a target's URI leads.
    pub(crate) fn of(target: &'a Target) -> Self {
        Self {
            host: &target.host,
            port: target.port,
            transport: target.transport.map(crate::snapshot::transport),
        }
    }

    /// The one place of an address that is no name.
    pub(crate) fn literal(self, snapshot: &Snapshot, network: NetworkIx) -> Option<Hop> {
        let Host::Ip(ip) = self.host else {
            return None;
        };
        let transport = self
            .transport
            .unwrap_or_else(|| snapshot.default_transport(network));
        let port = self.port.unwrap_or(transport.default_port());
        Some(Hop {
            transport,
            remote: SocketAddr::new(*ip, port),
        })
    }
}

/// What [`Core::locate`] says at once.
pub(crate) enum Located {
    /// It is no name.
    Here(Hop),
    /// Its name is looked up: the waiter will be told of this query.
    Asked(u64),
}

impl Core {
    /// Finds out where requests to an address go, which is in this network.
    pub(crate) fn locate(
        &mut self,
        snapshot: &Snapshot,
        network: NetworkIx,
        address: Address<'_>,
        waiter: Waiter,
    ) -> Located {
        if let Some(hop) = address.literal(snapshot, network) {
            return Located::Here(hop);
        }
        let query = self.next_id();
        self.queries.insert(query, waiter);
        self.commands.push(Command::Resolve {
            query,
            host: address.host.to_string(),
            port: address.port,
            transport: address.transport,
            reach: snapshot.reach(network),
        });
        Located::Asked(query)
    }

    /// Of the places that a name leads to, those that the network's listeners reach, in the order in which they are to be tried:
    /// the DNS's, but what has failed lately comes last.
    pub(crate) fn hops(&mut self, now: Now, snapshot: &Snapshot, network: NetworkIx, found: &[Hop]) -> Hops {
        let reach = snapshot.reach(network);
        let mut rest: SmallVec<[Hop; 1]> = found.iter().copied().filter(|hop| reach.reaches(*hop)).collect();
        self.live.order_hops(now.at, network, &mut rest);
        rest.reverse();
        Hops { rest, named: true }
    }

    /// A request to a place was refused with 503, was not answered, or could not be delivered: it is passed over for a while.
    pub(crate) fn hop_failed(&mut self, now: Now, network: NetworkIx, hop: Hop, setback: Setback) {
        if self.live.hop_failed(now.at, network, hop, setback) {
            let transport = hop.transport.via_name();
            let why = match setback.why {
                HopFailure::Refused(status) => format!("it has answered {status}"),
                HopFailure::Unreachable => "it cannot be reached".to_owned(),
                HopFailure::Silent => "it does not answer".to_owned(),
            };
            let text = format!("{transport}: {why}: it is left for last");
            self.tell(now, EventKind::PlaceFailed, &hop.remote.to_string(), text);
        }
    }

    /// A place has answered a request of this kind.
    pub(crate) fn hop_answered(&mut self, now: Now, network: NetworkIx, hop: Hop, status: u16, to: Asked) {
        if self.live.hop_answered(now.at, network, hop, status, to) {
            let text = format!("{}: it has answered {status}", hop.transport.via_name());
            self.tell(now, EventKind::PlaceBack, &hop.remote.to_string(), text);
        }
    }
}

/// What a Retry-After asks for (RFC 3261 §20.33).
pub(crate) fn retry_after(message: &Message) -> Option<Duration> {
    let value = message.header(HeaderId::RetryAfter)?;
    let text = std::str::from_utf8(value).ok()?;
    let seconds = text.split([';', ' ', '(']).next()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds))
}
