//! Registrations over a restart: what is handed out to be kept, and taken back.
//!
//! What came by a connection is not kept: the connection ends with the process, and the phone opens another and registers by it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sip_proto::{Flow, PeerId, Transport};

use super::{Binding, keep};
use crate::core::{Core, Timer};
use crate::io::{Command, Now};

/// How long changes are gathered; and a second more for each thousand registrations, since all are written.
const GATHER: Duration = Duration::from_secs(2);

/// A binding on paper.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    user: String,
    uri: String,
    params: String,
    q: u16,
    instance: Option<(String, u32)>,
    call_id: String,
    cseq: u32,
    path: Vec<String>,
    agent: Option<String>,
    /// Our end and theirs.
    bind: SocketAddr,
    remote: SocketAddr,
    since_ms: u64,
    refreshed_ms: u64,
    expires_ms: u64,
}

/// Something has changed: before long all is handed out.
pub(super) fn changed(core: &mut Core, now: Now) {
    core.registrar.changed = true;
    if core.registrar.save_timer.is_none() {
        let thousands = u32::try_from(core.registrar.len() / 1000).unwrap_or(u32::MAX);
        let after = GATHER + Duration::from_secs(thousands.into());
        core.registrar.save_timer = Some(core.arm(now, after, Timer::SaveBindings));
    }
}

/// Hands out what has changed: when its time has come, and before the process ends.
pub(crate) fn save_due(core: &mut Core, now: Now) {
    let mut timer = core.registrar.save_timer.take();
    core.disarm(&mut timer);
    if !std::mem::take(&mut core.registrar.changed) {
        return;
    }
    let users = core.registrar.users.iter();
    let all = users.flat_map(|(user, mine)| mine.iter().map(move |binding| (user, binding)));
    let kept: Vec<Kept> = all
        .filter_map(|(user, binding)| kept(core, now, user, binding))
        .collect();
    match serde_json::to_vec(&kept) {
        Ok(bytes) => core.commands.push(Command::KeepRegistrations(bytes)),
        Err(error) => tracing::error!(%error, "registrations cannot be written"),
    }
}

fn kept(core: &Core, now: Now, user: &str, binding: &Binding) -> Option<Kept> {
    if binding.flow.transport != Transport::Udp {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut listeners = core.snapshot.listeners.iter();
    let instance = match &binding.instance {
        Some((instance, id)) => Some((text(instance)?, *id)),
        None => None,
    };
    Some(Kept {
        user: user.to_owned(),
        uri: text(&binding.uri)?,
        params: text(&binding.params)?,
        q: binding.q,
        instance,
        call_id: text(&binding.call_id)?,
        cseq: binding.cseq,
        path: binding
            .path
            .iter()
            .map(|value| text(value))
            .collect::<Option<_>>()?,
        agent: binding.agent.as_deref().map(str::to_owned),
        bind: listeners.find(|l| l.id == binding.flow.listener)?.bind,
        remote: binding.flow.remote,
        since_ms: binding.since_ms,
        refreshed_ms: now
            .unix_ms
            .saturating_sub(ms(now.at.saturating_duration_since(binding.refreshed))),
        expires_ms: now.unix_ms + ms(binding.expires.saturating_duration_since(now.at)),
    })
}

/// Takes back what the process before this one handed out: what has not run out, of users that there are, at listeners that there
/// are. Says how many that is.
///
/// # Errors
/// It is nothing that any version of this has written.
pub(crate) fn restore(core: &mut Core, now: Now, bytes: &[u8]) -> Result<usize, serde_json::Error> {
    let all: Vec<Kept> = serde_json::from_slice(bytes)?;
    let snapshot = core.snapshot.clone();
    let most = usize::try_from(snapshot.config.registrar.max_bindings).unwrap_or(usize::MAX);
    for kept in all {
        let left = Duration::from_millis(kept.expires_ms.saturating_sub(now.unix_ms));
        let longest = snapshot.config.registrar.max_expires;
        let there = |l: &&crate::Listener| l.bind == kept.bind && l.transport == Transport::Udp;
        let Some(listener) = snapshot.listeners.iter().find(there) else {
            continue;
        };
        let known = snapshot.tables.user(&kept.user).is_some();
        if left.is_zero() || left > longest || !known || core.registrar.len() >= most {
            continue;
        }
        let age = Duration::from_millis(now.unix_ms.saturating_sub(kept.refreshed_ms));
        let binding = Binding {
            id: 0,
            uri: kept.uri.into_bytes().into(),
            params: kept.params.into_bytes().into(),
            q: kept.q,
            instance: kept
                .instance
                .map(|(instance, id)| (instance.into_bytes().into(), id)),
            call_id: kept.call_id.into_bytes().into(),
            cseq: kept.cseq,
            path: kept
                .path
                .into_iter()
                .map(|value| value.into_bytes().into())
                .collect(),
            agent: kept.agent.map(String::into_boxed_str),
            flow: Flow {
                transport: Transport::Udp,
                listener: listener.id,
                remote: kept.remote,
                conn: None,
                peer: PeerId::default(),
            },
            since_ms: kept.since_ms,
            refreshed: now.at.checked_sub(age).unwrap_or(now.at),
            expires: now.at + left,
            timer: None,
            asked: None,
            missed: 0,
        };
        keep::keep(core, now, &kept.user, binding);
    }
    Ok(core.registrar.len())
}
