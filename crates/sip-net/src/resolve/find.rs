//! The procedure of RFC 3263 §4: from a name to the places to send to, over what is known of the DNS. Pure: it says what it has to
//! know, is told, and begins again.

use super::select;
use sip_proto::{Hop, Reach, Transport};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Most places that a name may lead to.
pub(crate) const MAX_HOPS: usize = 32;

/// What is to be located.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// A host name.
    pub host: String,
    /// The port, where one is written: then only addresses are looked for (RFC 3263 §4.2).
    pub port: Option<u16>,
    /// The transport, where one is written or follows from the URI: then there is no NAPTR to look for (RFC 3263 §4.1).
    pub transport: Option<Transport>,
    /// What can be sent by.
    pub reach: Reach,
}

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Naptr,
    Srv,
    A,
    Aaaa,
}

/// A question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Address(IpAddr),
    Srv(Srv),
    Naptr(Naptr),
}

/// A service's place (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    /// In lower case, without a dot at its end; empty: the service is decidedly not there.
    pub(crate) target: Box<str>,
}

/// A rule (RFC 3403), as far as RFC 3263 uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naptr {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    /// In lower case.
    pub(crate) flags: Box<str>,
    /// In upper case.
    pub(crate) services: Box<str>,
    pub(crate) replacement: Box<str>,
}

/// What is known of a question.
#[derive(Debug, Clone)]
pub(crate) enum View {
    /// Its records, in no order.
    Records(Arc<[Data]>),
    /// There are none.
    Nothing,
    /// The DNS does not answer it.
    Failed,
    /// It has to be asked.
    Unknown,
}

/// How far one gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Where to send to, in this order; never empty.
    Hops(Vec<Hop>),
    /// The name leads nowhere.
    Nothing,
    /// The DNS does not answer.
    Failed,
    /// These are to be asked first.
    Needs(Vec<Key>),
}

/// What is known, and chance.
pub(crate) trait Known {
    fn view(&mut self, key: &Key) -> View;
    /// Uniformly any number.
    fn random(&mut self) -> u64;
}

/// Locates the servers of a query.
pub(crate) fn find(query: &Query, known: &mut dyn Known) -> Found {
    let mut finder = Finder {
        query,
        known,
        needs: Vec::new(),
        failed: false,
    };
    let hops = finder.locate();
    let Finder { needs, failed, .. } = finder;
    if !needs.is_empty() {
        return Found::Needs(needs);
    }
    let mut hops = hops;
    let mut seen = Vec::new();
    hops.retain(|hop| {
        let new = query.reach.reaches(*hop) && !seen.contains(hop);
        seen.push(*hop);
        new
    });
    hops.truncate(MAX_HOPS);
    match (hops.is_empty(), failed) {
        (false, _) => Found::Hops(hops),
        (true, true) => Found::Failed,
        (true, false) => Found::Nothing,
    }
}

struct Finder<'a> {
    query: &'a Query,
    known: &'a mut dyn Known,
    needs: Vec<Key>,
    /// The DNS has not answered something that may have led somewhere.
    failed: bool,
}

impl Finder<'_> {
    fn locate(&mut self) -> Vec<Hop> {
        let Query {
            host,
            port,
            transport,
            reach,
        } = self.query;
        let mut fallback = transport.unwrap_or_else(|| reach.default_transport());
        if let Some(port) = port {
            return self.addresses(host, *port, fallback);
        }
        let ways = match transport {
            Some(transport) => vec![(*transport, srv_name(*transport, host))],
            None => self.naptr(host),
        };
        let ways = if let Some((ruled, _)) = ways.first() {
            // Whatever else is missing, the domain has said how it is spoken to.
            fallback = *ruled;
            ways
        } else {
            // No rule: the transports that we have, in our order (RFC 3263 §4.1).
            reach
                .transports()
                .map(|transport| (transport, srv_name(transport, host)))
                .collect()
        };
        // Where some service is found, it is not fallen back from: addresses of the bare name are for where there is none.
        let (mut any, mut hops) = (false, Vec::new());
        for (transport, name) in ways {
            match self.ask(&name, Kind::Srv) {
                View::Records(records) => {
                    any = true;
                    hops.extend(self.services(&records, transport));
                }
                View::Failed => self.failed = true,
                View::Nothing | View::Unknown => {}
            }
            // One that leads nowhere (RFC 2782: a single dot denies a service) says nothing of the others.
            if self.leads(&hops) && transport_is_settled(&self.needs) {
                break;
            }
        }
        if any || self.failed || !self.needs.is_empty() {
            return hops;
        }
        self.addresses(host, fallback.default_port(), fallback)
    }

    /// Whether there is somewhere to send to, or may be once an address is known.
    fn leads(&self, hops: &[Hop]) -> bool {
        let awaited = |key: &Key| matches!(key.kind, Kind::A | Kind::Aaaa);
        hops.iter().any(|hop| self.query.reach.reaches(*hop)) || self.needs.iter().any(awaited)
    }

    fn ask(&mut self, name: &str, kind: Kind) -> View {
        let key = Key {
            name: name.into(),
            kind,
        };
        let view = self.known.view(&key);
        if matches!(view, View::Unknown) && !self.needs.contains(&key) {
            self.needs.push(key);
        }
        view
    }

    /// The services that the domain's rules name, as far as we speak them, best first. One whose rules nobody tells has none.
    fn naptr(&mut self, host: &str) -> Vec<(Transport, String)> {
        let View::Records(records) = self.ask(host, Kind::Naptr) else {
            return Vec::new();
        };
        let mut rules: Vec<(u16, u16, Transport, String)> = Vec::new();
        for data in records.iter() {
            let Data::Naptr(rule) = data else { continue };
            let Some(transport) = transport_of(&rule.services) else {
                continue;
            };
            let usable = &*rule.flags == "s" && !rule.replacement.is_empty();
            if usable && self.query.reach.has(transport) {
                let replacement = rule.replacement.to_string();
                rules.push((rule.order, rule.preference, transport, replacement));
            }
        }
        rules.sort();
        rules
            .into_iter()
            .map(|(_, _, transport, name)| (transport, name))
            .collect()
    }

    /// The places of a service: by priority, then at random by weight (RFC 2782), each with all its addresses.
    fn services(&mut self, records: &[Data], transport: Transport) -> Vec<Hop> {
        let mut services: Vec<Srv> = records
            .iter()
            .filter_map(|data| match data {
                Data::Srv(srv) if !srv.target.is_empty() => Some(srv.clone()),
                Data::Srv(_) | Data::Address(_) | Data::Naptr(_) => None,
            })
            .collect();
        select::order(&mut services, &mut || self.known.random());
        services.truncate(MAX_HOPS);
        let mut hops = Vec::new();
        for srv in services {
            hops.extend(self.addresses(&srv.target, srv.port, transport));
        }
        hops
    }

    fn addresses(&mut self, name: &str, port: u16, transport: Transport) -> Vec<Hop> {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return vec![Hop {
                transport,
                remote: SocketAddr::new(ip, port),
            }];
        }
        let reach = self.query.reach;
        let mut kinds = [(Kind::A, false), (Kind::Aaaa, true)];
        if reach.prefers_v6() {
            kinds.reverse();
        }
        let mut hops = Vec::new();
        for (kind, is_ipv6) in kinds {
            if !reach.has_family(transport, is_ipv6) {
                continue;
            }
            match self.ask(name, kind) {
                View::Records(records) => {
                    let mut addresses: Vec<IpAddr> = records
                        .iter()
                        .filter_map(|data| match data {
                            Data::Address(ip) => Some(*ip),
                            Data::Srv(_) | Data::Naptr(_) => None,
                        })
                        .collect();
                    // What a name server would turn from answer to answer, had we asked it.
                    select::shuffle(&mut addresses, &mut || self.known.random());
                    hops.extend(addresses.into_iter().map(|ip| Hop {
                        transport,
                        remote: SocketAddr::new(ip, port),
                    }));
                }
                View::Failed => self.failed = true,
                View::Nothing | View::Unknown => {}
            }
        }
        hops
    }
}

/// Whether nothing is open before the service that was found: then the ones after it are of no interest.
fn transport_is_settled(needs: &[Key]) -> bool {
    needs.iter().all(|key| key.kind != Kind::Srv)
}

/// The name of a domain's service (RFC 3263 §4.2, RFC 7118 §5.1).
fn srv_name(transport: Transport, host: &str) -> String {
    let labels = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{labels}.{host}")
}

/// The transport that a rule's service is about (RFC 3263 §4.1, RFC 7118 §5.1).
fn transport_of(services: &str) -> Option<Transport> {
    match services {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        "SIPS+D2T" => Some(Transport::Tls),
        "SIP+D2W" => Some(Transport::Ws),
        "SIPS+D2W" => Some(Transport::Wss),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
