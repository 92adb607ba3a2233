//! Bindings over time: they end, and until then the NAT in front of them is kept open.

use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Keepalive;
use sip_msg::{HeaderId, Method, Uri, Writer};
use sip_proto::{ConnId, Flow, Send, Transport};

use super::{Binding, MISSES};
use crate::core::{ClientOwner, Core, Timer};
use crate::io::Now;

/// Takes a binding in.
pub(super) fn keep(core: &mut Core, now: Now, user: &str, mut binding: Binding) {
    let registrar = &mut core.registrar;
    registrar.last_id += 1;
    binding.id = registrar.last_id;
    registrar.owners.insert(binding.id, Arc::from(user));
    if let Some(conn) = binding.flow.conn {
        registrar.lines.entry(conn).or_default().push(binding.id);
    }
    binding.timer = Some(core.arm(now, next(core, now, &binding), Timer::Binding(binding.id)));
    let mine = core.registrar.users.entry(user.into()).or_default();
    mine.push(binding);
}

/// The time until something is to be done about a binding.
fn next(core: &Core, now: Now, binding: &Binding) -> Duration {
    let left = binding.expires.saturating_duration_since(now.at);
    let keepalive = core.snapshot.config.registrar.keepalive;
    keepalive.map_or(left, |every| every.min(left))
}

/// Lets go of what belongs to a binding that is no longer there.
pub(super) fn forget(core: &mut Core, mut binding: Binding) {
    core.registrar.owners.remove(&binding.id);
    if let Some(conn) = binding.flow.conn
        && let Entry::Occupied(mut line) = core.registrar.lines.entry(conn)
    {
        line.get_mut().retain(|id| *id != binding.id);
        if line.get().is_empty() {
            line.remove();
        }
    }
    core.disarm(&mut binding.timer);
    if let Some(client) = binding.asked {
        core.clients.insert(client, ClientOwner::Nobody);
    }
}

/// A binding's time has come.
pub(crate) fn on_timer(core: &mut Core, now: Now, id: u64) {
    let Some(binding) = core.registrar.binding_mut(id) else {
        return;
    };
    binding.timer = None;
    if binding.expires <= now.at {
        return expire(core, now, id);
    }
    let snapshot = Arc::clone(&core.snapshot);
    if snapshot.config.registrar.keepalive.is_some() {
        match snapshot.config.registrar.keepalive_by {
            Keepalive::Crlf => knock(core, id),
            Keepalive::Options => ask(core, now, id),
        }
    }
    let Some(binding) = core.registrar.binding_mut(id) else {
        return;
    };
    let left = binding.expires.saturating_duration_since(now.at);
    let wait = snapshot
        .config
        .registrar
        .keepalive
        .map_or(left, |every| every.min(left));
    let timer = core.arm(now, wait, Timer::Binding(id));
    if let Some(binding) = core.registrar.binding_mut(id) {
        binding.timer = Some(timer);
    }
}

/// A connection is gone, and with it the bindings that are reached over it (RFC 5626 §5.3), but for those that can be connected to.
pub(crate) fn on_disconnected(core: &mut Core, now: Now, conn: ConnId) {
    for id in core.registrar.lines.remove(&conn).unwrap_or_default() {
        let Some(binding) = core.registrar.binding_mut(id) else {
            continue;
        };
        match listens_at(binding) {
            Some(remote) => {
                binding.flow = Flow {
                    remote,
                    conn: None,
                    ..binding.flow
                };
            }
            None => expire(core, now, id),
        }
    }
}

/// Where a phone takes TCP connections: at its Contact's address, if that is the one that it is seen at.
fn listens_at(binding: &Binding) -> Option<SocketAddr> {
    let Ok(Uri::Sip(uri)) = Uri::parse(&binding.uri) else {
        return None;
    };
    let flow = &binding.flow;
    let here = uri.ip().filter(|ip| *ip == flow.remote.ip())?;
    let outbound = binding.instance.as_ref().is_some_and(|(_, reg)| *reg != 0);
    let is_open = flow.transport == Transport::Tcp && !outbound && binding.path.is_empty();
    is_open.then(|| SocketAddr::new(here, uri.port.unwrap_or(Transport::Tcp.default_port())))
}

fn expire(core: &mut Core, now: Now, id: u64) {
    let Some(user) = core.registrar.owners.get(&id).cloned() else {
        return;
    };
    let Some(mine) = core.registrar.users.get_mut(&*user) else {
        return;
    };
    let Some(at) = mine.iter().position(|binding| binding.id == id) else {
        return;
    };
    let binding = mine.swap_remove(at);
    if mine.is_empty() {
        core.registrar.users.remove(&*user);
        tracing::info!(%user, "the user is registered nowhere any more");
    }
    forget(core, binding);
    super::store::changed(core, now);
}

/// An empty line, which is answered by nobody but keeps the door open (RFC 5626 §3.5.1, §4.4.1).
fn knock(core: &mut Core, id: u64) {
    let Some(binding) = core.registrar.binding_mut(id) else {
        return;
    };
    let flow = binding.flow;
    core.outbox.sends.push(Send {
        flow,
        bytes: Bytes::from_static(b"\r\n\r\n"),
        origin: None,
        turns_away: false,
    });
}

fn ask(core: &mut Core, now: Now, id: u64) {
    let snapshot = Arc::clone(&core.snapshot);
    let Some(binding) = core
        .registrar
        .binding_mut(id)
        .filter(|binding| binding.asked.is_none())
    else {
        return;
    };
    let (flow, uri, path) = (
        binding.flow,
        Box::<[u8]>::from(binding.target()),
        binding.path.clone(),
    );
    let Some(ours) = snapshot.advertised(&flow) else {
        return;
    };
    let via = core.via(&snapshot, &flow);
    let (tag, call_id) = (core.tag(), core.endpoint.mint().call_id());
    let mut writer = Writer::request(&Method::Options, &uri);
    writer.header(HeaderId::Via, &via);
    writer.header(HeaderId::MaxForwards, b"70");
    for route in &path {
        writer.header(HeaderId::Route, route);
    }
    writer.parts(HeaderId::From, |value| {
        value.text("<sip:").address(ours).text(">;tag=").text(&tag);
    });
    writer.parts(HeaderId::To, |value| {
        value.text("<").text(&uri).text(">");
    });
    writer.header(HeaderId::CallId, call_id.as_ref());
    writer.header(HeaderId::CSeq, b"1 OPTIONS");
    crate::call::contact(&mut writer, &snapshot, &flow, false);
    let client = core.request(now, flow, writer.finish(), ClientOwner::Contact(id));
    if let (Some((client, _)), Some(binding)) = (client, core.registrar.binding_mut(id)) {
        binding.asked = Some(client);
    }
}

/// Whatever it answers, it is there.
pub(crate) fn on_answer(core: &mut Core, id: u64, status: u16) {
    if let Some(binding) = core.registrar.binding_mut(id).filter(|_| status >= 200) {
        binding.asked = None;
        binding.missed = 0;
    }
}

/// It does not answer: once is a lost packet's due.
pub(crate) fn on_no_answer(core: &mut Core, id: u64) {
    let Some(binding) = core.registrar.binding_mut(id) else {
        return;
    };
    binding.asked = None;
    binding.missed = binding.missed.saturating_add(1);
    if binding.missed == MISSES {
        let contact = String::from_utf8_lossy(&binding.uri).into_owned();
        tracing::info!(contact, "a registered contact does not answer: it is called last");
    }
}
