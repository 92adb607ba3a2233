//! The registrar (RFC 3261 §10.3): where the users of trunks are.
//!
//! | file | what it is |
//! |---|---|
//! | `registrar/answer.rs` | a REGISTER: whose it is, what it changes, the answer |
//! | `registrar/contact.rs` | what a Contact header asks for |
//! | `registrar/keep.rs` | expiry, and what keeps a NAT's door open |
//!
//! A binding is reached by the way its REGISTER came (RFC 5626 §5.3): to the source address, over the same connection if it came by
//! one. What the Contact says is only what the phone is called by, until its connection is gone: a TCP phone that is no NAT's can be
//! connected to there, any other is registered no longer.

mod answer;
mod contact;
mod keep;
mod store;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use route::Tables;
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, ConnId, Flow};
use smallvec::SmallVec;

use crate::core::Core;
use crate::ident::IdMap;
use crate::io::Now;

pub(crate) use answer::on_register;
pub(crate) use store::{restore, save_due};

/// A contact that has left this many keep-alives unanswered is called last.
const MISSES: u8 = 2;

/// One place that a user is registered at.
pub(crate) struct Binding {
    id: u64,
    /// The URI as it was written: it is called by that.
    uri: Box<[u8]>,
    /// The parameters that stood with it, but for `expires`.
    params: Box<[u8]>,
    /// Preference, thousandths.
    q: u16,
    /// `+sip.instance`, and `reg-id` (RFC 5626 §4).
    instance: Option<(Box<[u8]>, u32)>,
    call_id: Box<[u8]>,
    cseq: u32,
    /// Values of Path, in order (RFC 3327).
    path: Box<[Box<[u8]>]>,
    agent: Option<Box<str>>,
    flow: Flow,
    since_ms: u64,
    refreshed: Instant,
    expires: Instant,
    /// For the next keep-alive, or the end.
    timer: Option<TimerKey>,
    asked: Option<ClientId>,
    missed: u8,
}

/// All bindings. They outlive a reload for as long as there is the user.
#[derive(Default)]
pub(crate) struct Registrar {
    users: HashMap<Box<str>, Vec<Binding>>,
    owners: IdMap<u64, Arc<str>>,
    /// What came by each connection.
    lines: HashMap<ConnId, SmallVec<[u64; 1]>>,
    last_id: u64,
    /// Something has changed since the bindings were last handed out to be kept.
    changed: bool,
    save_timer: Option<TimerKey>,
}

/// Where one contact of a user is reached.
#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) uri: Box<[u8]>,
    pub(crate) path: Box<[Box<[u8]>]>,
    pub(crate) flow: Flow,
    /// Those of one rank ring at once: whether it has not been heard of lately, and its preference.
    pub(crate) rank: (bool, u16),
}

/// A binding as an operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BindingView {
    /// The user.
    pub user: String,
    /// The user's trunk.
    pub trunk: String,
    /// The URI that it is called by.
    pub contact: String,
    /// Where it is: the source of its REGISTER.
    pub source: SocketAddr,
    /// By which transport.
    pub transport: &'static str,
    /// Preference among the user's contacts, 0 to 1.
    pub q: f32,
    /// Since when it has been registered, milliseconds since 1970.
    pub since_ms: u64,
    /// Seconds until it ends unless it is refreshed.
    pub expires_s: u64,
    /// Proxies on the way to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// What it calls itself.
    pub agent: Option<String>,
    /// It answers keep-alives; true where none are sent that want an answer.
    pub answers: bool,
}

impl Binding {
    /// Where it is called: headers in the URI are its owner's.
    fn target(&self) -> &[u8] {
        sip_msg::request_uri(&self.uri).unwrap_or(&self.uri)
    }
}

impl Registrar {
    /// Bindings there are. Each has one timer.
    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// Timers that are armed.
    pub(crate) fn timers(&self) -> usize {
        self.len() + usize::from(self.save_timer.is_some())
    }

    /// The contacts of a user, in the order in which they are called: those that answer, by preference, the latest first.
    pub(crate) fn contacts(&self, user: &str) -> Vec<Contact> {
        let mut found: Vec<&Binding> = self.users.get(user).into_iter().flatten().collect();
        found.sort_by_key(|binding| {
            let silent = binding.missed >= MISSES;
            (silent, Reverse(binding.q), Reverse(binding.refreshed))
        });
        let contact = |binding: &Binding| Contact {
            uri: binding.target().into(),
            path: binding.path.clone(),
            flow: binding.flow,
            rank: (binding.missed >= MISSES, binding.q),
        };
        found.into_iter().map(contact).collect()
    }

    /// Every binding, by user.
    pub(crate) fn views(&self, now: Now, tables: &Tables) -> Vec<BindingView> {
        let mut users: Vec<(&Box<str>, &Vec<Binding>)> = self.users.iter().collect();
        users.sort_unstable_by_key(|(user, _)| *user);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let view = |user: &str, binding: &Binding| BindingView {
            user: user.to_owned(),
            trunk: tables
                .user(user)
                .map(|ix| tables.trunk(ix.trunk).name.clone())
                .unwrap_or_default(),
            contact: text(&binding.uri),
            source: binding.flow.remote,
            transport: binding.flow.transport.via_name(),
            q: f32::from(binding.q) / 1000.0,
            since_ms: binding.since_ms,
            expires_s: binding.expires.saturating_duration_since(now.at).as_secs(),
            path: binding.path.iter().map(|value| text(value)).collect(),
            agent: binding.agent.as_deref().map(str::to_owned),
            answers: binding.missed < MISSES,
        };
        users
            .into_iter()
            .flat_map(|(user, bindings)| bindings.iter().map(move |binding| view(user, binding)))
            .collect()
    }

    fn binding_mut(&mut self, id: u64) -> Option<&mut Binding> {
        let user = self.owners.get(&id)?;
        let bindings = self.users.get_mut(&**user)?;
        bindings.iter_mut().find(|binding| binding.id == id)
    }
}

/// Takes a new configuration: bindings of users that are gone end.
pub(crate) fn install(core: &mut Core) {
    let tables = &core.snapshot.tables;
    let gone = core
        .registrar
        .users
        .keys()
        .filter(|user| tables.user(user).is_none());
    let gone: Vec<Box<str>> = gone.cloned().collect();
    for user in gone {
        for binding in core.registrar.users.remove(&user).unwrap_or_default() {
            keep::forget(core, binding);
        }
        tracing::info!(%user, "the user is no longer in the configuration: its registration has ended");
    }
}

pub(crate) use keep::{on_answer, on_disconnected, on_no_answer, on_timer};
