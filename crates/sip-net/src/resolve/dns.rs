//! One question to the name servers.

use super::ResolverConfig;
use super::cache::Answer;
use super::find::{Data, Key, Kind, Naptr, Srv};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig as Servers, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::sync::Arc;
use std::time::Duration;

/// How often a question is sent at most, within the deadline of one.
const TRIES: u32 = 2;

/// A resolver over these servers, or the system's; `Err`: why the system has none.
pub(super) fn connect(config: &ResolverConfig) -> Result<TokioResolver, String> {
    let mut builder = if config.servers.is_empty() {
        TokioResolver::builder_tokio().map_err(|error| error.to_string())?
    } else {
        let servers = config.servers.iter().map(|server| {
            let mut named = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut named.connections {
                connection.port = server.port();
            }
            named
        });
        let servers = Servers::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
    };
    adjust(builder.options_mut(), config.deadline);
    builder.build().map_err(|error| error.to_string())
}

fn adjust(options: &mut ResolverOpts, deadline: Duration) {
    options.timeout = deadline / TRIES;
    // The first time is none of the attempts.
    options.attempts = 1;
    // The cache is ours: it knows what is stale, and asks once.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    options.try_tcp_on_error = false;
}

/// Asks, and takes no longer than `deadline`.
pub(super) async fn ask(resolver: &TokioResolver, key: &Key, deadline: Duration) -> Answer {
    let Ok(name) = absolute(key) else {
        return Answer::Nothing(None);
    };
    let lookup = resolver.lookup(name, record_type(key.kind));
    match tokio::time::timeout(deadline, lookup).await {
        Err(_) => Answer::Failed,
        Ok(Ok(found)) => answer(key.kind, found.answers()),
        Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
            let ttl = none.negative_ttl.map(|ttl| Duration::from_secs(ttl.into()));
            Answer::Nothing(ttl)
        }
        Ok(Err(error)) => {
            tracing::debug!(name = %key.name, kind = ?key.kind, %error, "the DNS does not answer");
            Answer::Failed
        }
    }
}

/// The name as it is; only a host's that has no dot is looked for in the system's search domains.
fn absolute(key: &Key) -> Result<Name, ()> {
    let mut name = Name::from_ascii(&*key.name).map_err(|_| ())?;
    name.set_fqdn(key.name.contains('.'));
    Ok(name)
}

fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    }
}

/// The records of the kind that was asked for (an alias's own come along), and how long they hold.
fn answer(kind: Kind, records: &[Record]) -> Answer {
    let read: Vec<(Data, u32)> = records
        .iter()
        .filter(|record| record.record_type() == record_type(kind))
        .filter_map(|record| Some((data(&record.data)?, record.ttl)))
        .collect();
    let Some(ttl) = read.iter().map(|(_, ttl)| *ttl).min() else {
        return Answer::Nothing(None);
    };
    let data: Arc<[Data]> = read.into_iter().map(|(data, _)| data).collect();
    Answer::Records(data, Duration::from_secs(ttl.into()))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the other types are none of ours")]
fn data(data: &RData) -> Option<Data> {
    match data {
        RData::A(a) => Some(Data::Address(a.0.into())),
        RData::AAAA(a) => Some(Data::Address(a.0.into())),
        RData::SRV(srv) => Some(Data::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: bare(&srv.target),
        })),
        RData::NAPTR(rule) => Some(Data::Naptr(Naptr {
            order: rule.order,
            preference: rule.preference,
            flags: String::from_utf8_lossy(&rule.flags).to_ascii_lowercase().into(),
            services: String::from_utf8_lossy(&rule.services)
                .to_ascii_uppercase()
                .into(),
            replacement: bare(&rule.replacement),
        })),
        _ => None,
    }
}

/// In lower case, without the dot at its end.
fn bare(name: &Name) -> Box<str> {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase().into()
}
