//! A round: the registrar's address, then REGISTERs until it is settled.

use std::sync::Arc;
use std::time::Duration;

use route::{HopFailure, NetworkIx, Setback};
use sip_msg::{HeaderId, Method, Writer};
use sip_proto::{Flow, Hop, Transport, digest};

use super::answer::{failed, on_no_response};
use super::wait::Why;
use super::{Registration, State};
use crate::call::ALLOW;
use crate::core::{ClientOwner, Core, Credentials, Timer, Waiter};
use crate::headers;
use crate::io::Now;
use crate::locate::{Address, Located};
use crate::snapshot::Snapshot;

/// How much longer than a lookup may take its answer is waited for: it is lost then, where a queue was full.
const LOST: Duration = Duration::from_secs(5);

/// Time for the next round; or the wait for the registrar's address is over, or that for the present place to say something.
pub(crate) fn on_timer(core: &mut Core, now: Now, id: u32) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    entry.timer = None;
    if let Some(query) = entry.query.take() {
        core.queries.remove(&query);
        let words = "the registrar's name was not looked up in time".to_owned();
        return failed(core, now, id, Why::Silent, words);
    }
    if let Some(client) = entry.client.take() {
        core.clients.insert(client, ClientOwner::Nobody);
        return on_no_response(core, now, id, false);
    }
    entry.attempt = digest::Attempt::default();
    entry.too_brief = 0;
    let keys = &entry.wanted.keys;
    let (host, port) = (keys.host.clone(), keys.port);
    let snapshot = Arc::clone(&core.snapshot);
    let network = network_of(&snapshot, entry);
    let address = Address {
        host: &host,
        port,
        transport: keys.transport.map(crate::snapshot::transport),
    };
    match core.locate(&snapshot, network, address, Waiter::Register(id)) {
        Located::Here(hop) => start(core, now, id, vec![hop]),
        Located::Asked(query) => {
            let patience = snapshot.config.dns.timeout + LOST;
            let timer = core.arm(now, patience, Timer::Register(id));
            if let Some(entry) = core.registrations.get_mut(id) {
                (entry.query, entry.timer) = (Some(query), Some(timer));
            }
        }
    }
}

/// The registrar's name has been looked up.
pub(crate) fn on_resolved(core: &mut Core, now: Now, id: u32, hops: &[Hop]) {
    let snapshot = Arc::clone(&core.snapshot);
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    entry.query = None;
    let mut timer = entry.timer.take();
    let network = network_of(&snapshot, entry);
    core.disarm(&mut timer);
    let hops = core.hops(now, &snapshot, network, hops).into_vec();
    start(core, now, id, hops);
}

fn start(core: &mut Core, now: Now, id: u32, hops: Vec<Hop>) {
    let Some(entry) = core.registrations.get_mut(id) else {
        return;
    };
    if hops.is_empty() {
        return failed(
            core,
            now,
            id,
            Why::Silent,
            "the registrar's name has no address".to_owned(),
        );
    }
    entry.hops = hops;
    entry.hop = 0;
    try_hop(core, now, id);
}

/// Asks at the present hop, or the next that can be sent to.
fn try_hop(core: &mut Core, now: Now, id: u32) {
    while !send(core, now, id, false) {
        let Some(entry) = core.registrations.get_mut(id) else {
            return;
        };
        entry.hop += 1;
        if entry.hop >= entry.hops.len() {
            return failed(
                core,
                now,
                id,
                Why::Silent,
                "nothing can be sent to the registrar".to_owned(),
            );
        }
    }
}

/// Goes on at the registrar's next address, if there is one (RFC 3263 §4.3). The present one is left for last for a while, by calls as well.
pub(super) fn next_hop(
    core: &mut Core,
    now: Now,
    id: u32,
    why: HopFailure,
    retry_after: Option<Duration>,
) -> bool {
    let snapshot = Arc::clone(&core.snapshot);
    let Some(entry) = core.registrations.get_mut(id) else {
        return false;
    };
    let trunk = snapshot.config.trunk(&entry.trunk);
    let failed = entry.hops.get(entry.hop).copied().zip(trunk);
    let network = network_of(&snapshot, entry);
    if let Some((hop, trunk)) = failed {
        let setback = Setback {
            why,
            rest: trunk.failover.rest,
            retry_after,
            call: false,
        };
        core.hop_failed(now, network, hop, setback);
    }
    let Some(entry) = core.registrations.get_mut(id) else {
        return false;
    };
    if entry.hop + 1 >= entry.hops.len() {
        return false;
    }
    entry.hop += 1;
    entry.attempt = digest::Attempt::default();
    try_hop(core, now, id);
    true
}

/// The network that the registration's trunk is reached by.
pub(super) fn network_of(snapshot: &Snapshot, entry: &Registration) -> NetworkIx {
    let trunk = snapshot.tables.trunk_named(&entry.trunk);
    let sent = || entry.flow.map(|flow| snapshot.network_at(&flow));
    trunk
        .map(|trunk| snapshot.network_of(trunk))
        .or_else(sent)
        .unwrap_or(NetworkIx::NOWHERE)
}

/// Sends a REGISTER to the present hop, with the credentials that were good before. Says whether it is on its way.
pub(super) fn send(core: &mut Core, now: Now, id: u32, remove: bool) -> bool {
    let snapshot = Arc::clone(&core.snapshot);
    let Some(entry) = core.registrations.get_mut(id) else {
        return false;
    };
    let Some(hop) = entry.hops.get(entry.hop) else {
        return false;
    };
    let Some(flow) = snapshot.flow_to(network_of(&snapshot, entry), *hop) else {
        return false;
    };
    let trunk = snapshot.tables.trunk_named(&entry.trunk);
    let peer = trunk.map(|trunk| snapshot.peer(trunk, None)).unwrap_or_default();
    let flow = Flow { peer, ..flow };
    let (trunk, uri, known) = (entry.trunk.clone(), request_uri(entry), credentials(entry));
    let header = core.spare_challenge(&trunk, &known, &Method::Register, uri.as_bytes(), b"");
    send_with(core, now, id, flow, remove, header)
}

/// What the registrar is to be shown.
pub(super) fn credentials(entry: &Registration) -> digest::Credentials {
    digest::Credentials {
        username: entry.wanted.username.clone(),
        password: entry.wanted.password.expose().to_owned(),
        realm: entry.wanted.realm.clone(),
    }
}

/// The registrar's URI: no user part (RFC 3261 §10.2).
pub(super) fn request_uri(entry: &Registration) -> String {
    let keys = &entry.wanted.keys;
    match keys.port {
        Some(port) => format!("sip:{}:{port}", keys.host),
        None => format!("sip:{}", keys.host),
    }
}

/// Sends a REGISTER on `flow`.
pub(super) fn send_with(
    core: &mut Core,
    now: Now,
    id: u32,
    flow: Flow,
    remove: bool,
    credentials: Option<Credentials>,
) -> bool {
    let snapshot = Arc::clone(&core.snapshot);
    let via = core.via(&snapshot, &flow);
    let Some(entry) = core.registrations.get_mut(id) else {
        return false;
    };
    entry.cseq += 1;
    let expires = if remove { 0 } else { wanted_seconds(entry) };
    let Some(contact) = contact(&snapshot, entry, &flow) else {
        return false;
    };
    let aor = entry.aor();
    let mut writer = Writer::request(&Method::Register, request_uri(entry).as_bytes());
    writer.header(HeaderId::Via, &via);
    writer.header(HeaderId::MaxForwards, b"70");
    writer.parts(HeaderId::From, |value| {
        value.text("<").text(&aor).text(">;tag=").text(&entry.tag);
    });
    writer.parts(HeaderId::To, |value| {
        value.text("<").text(&aor).text(">");
    });
    writer.header(HeaderId::CallId, &entry.call_id);
    writer.header_fmt(HeaderId::CSeq, format_args!("{} REGISTER", entry.cseq));
    writer.parts(HeaderId::Contact, |value| {
        value.text("<").text(&contact).text(">");
    });
    writer.header_fmt(HeaderId::Expires, format_args!("{expires}"));
    writer.header(HeaderId::Allow, ALLOW.as_bytes());
    // RFC 3327 §5.1: a proxy on the way may want to stay on it.
    writer.header(HeaderId::Supported, b"path");
    if let Some(agent) = &snapshot.config.sip.user_agent {
        writer.header(HeaderId::UserAgent, agent.as_bytes());
    }
    for (header, value) in credentials.into_iter().flatten() {
        writer.header(header, &value);
    }
    let sent = core.request(now, flow, writer.finish(), ClientOwner::Register(id));
    let Some(entry) = core.registrations.get_mut(id) else {
        return false;
    };
    entry.flow = Some(flow);
    entry.client = sent.map(|(client, _)| client);
    let is_sent = entry.client.is_some();
    let trunk = snapshot.config.trunk(&entry.trunk);
    let others = entry.hops.len() > entry.hop + 1;
    // As calls do: where there is another place nobody waits for a silent one as long as its transaction does.
    if let Some(trunk) = trunk.filter(|_| is_sent && others && !remove) {
        let timer = Some(core.arm(now, trunk.failover.trying, Timer::Register(id)));
        if let Some(entry) = core.registrations.get_mut(id) {
            entry.timer = timer;
        }
    }
    is_sent
}

/// The URI of our Contact on this flow.
pub(super) fn contact(snapshot: &Snapshot, entry: &Registration, flow: &Flow) -> Option<String> {
    let ours = snapshot.advertised(flow)?;
    let user = headers::escape_user(entry.contact());
    let transport = match flow.transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
        Transport::Ws | Transport::Wss => ";transport=ws",
    };
    Some(format!("sip:{user}@{ours}{transport}"))
}

/// The time to ask for, seconds: what is wanted, or the shortest that the registrar takes.
pub(super) fn wanted_seconds(entry: &Registration) -> u32 {
    let wanted = entry.wanted.keys.expires.as_secs();
    u32::try_from(wanted).unwrap_or(u32::MAX).max(entry.least)
}

impl Registration {
    /// Whether it is being taken back.
    pub(super) fn leaves(&self) -> bool {
        self.state == State::Leaving
    }
}
