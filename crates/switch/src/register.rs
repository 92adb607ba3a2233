//! Our registrations with carriers (RFC 3261 §10.2).
//!
//! | file | what it is |
//! |---|---|
//! | `register/round.rs` | a round: the registrar's address, REGISTERs until it is settled |
//! | `register/answer.rs` | what the registrar's answers mean |
//! | `register/wait.rs` | how long until the next round |
//!
//! A registration goes in rounds: one at the start, then one before what was granted has run out, or some time after a round that
//! failed. It keeps its Call-ID for as long as its keys stay as they are, over reloads too; with them it ends, and is taken back.

mod answer;
mod round;
mod wait;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use route::{NetworkIx, TrunkIx};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Flow, Hop, digest};

use crate::core::{ClientOwner, Core, Timer};
use crate::io::Now;
use crate::snapshot::Snapshot;

pub(crate) use answer::{on_no_response, on_response};
pub(crate) use round::{on_resolved, on_timer};

/// The first rounds are spread over this, so that not all carriers are asked in one moment.
const SPREAD: Duration = Duration::from_millis(2000);
/// Of that, the most between two.
const STEP: Duration = Duration::from_millis(100);

/// What a registration is made of; another makes another registration.
#[derive(Clone, PartialEq)]
struct Wanted {
    keys: config::Register,
    username: String,
    password: config::Secret,
    realm: Option<String>,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No round has ended yet.
    Trying,
    /// It is in force.
    Registered,
    /// It is not, and is tried again.
    Failed,
    /// The registrar does not take our credentials: it is asked again, but seldom.
    AuthFailed,
    /// It is being taken back.
    Leaving,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Registered => "registered",
            Self::Failed => "failed",
            Self::AuthFailed => "auth-failed",
            Self::Leaving => "leaving",
        }
    }
}

/// One registration.
pub(crate) struct Registration {
    id: u32,
    trunk: String,
    wanted: Wanted,
    call_id: Box<[u8]>,
    tag: Box<[u8]>,
    cseq: u32,
    state: State,
    /// For the next round, the end of a lookup, or the next place while a REGISTER waits for an answer.
    timer: Option<TimerKey>,
    /// Places where the registrar may be, in the order to be tried, and which of them it is.
    hops: Vec<Hop>,
    hop: usize,
    query: Option<u64>,
    client: Option<ClientId>,
    /// The REGISTER that waits for an answer.
    flow: Option<Flow>,
    attempt: digest::Attempt,
    /// The shortest that the registrar takes, seconds, once it has said so.
    least: u32,
    /// How often it has said so in this round.
    too_brief: u8,
    /// Until when the registrar has us.
    until: Option<Instant>,
    failures: u32,
    since_ms: Option<u64>,
    why: Option<String>,
    service_route: Vec<Box<[u8]>>,
}

/// All registrations.
#[derive(Default)]
pub(crate) struct Registrations {
    list: Vec<Registration>,
    last_id: u32,
    drained: bool,
}

/// A registration as an operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RegistrationView {
    /// `trying`, `registered`, `failed`, `auth-failed` or `leaving`.
    pub state: &'static str,
    /// The address that is registered.
    pub aor: String,
    /// Where the registrar is.
    pub registrar: Option<SocketAddr>,
    /// Since when it has been registered, milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Seconds until what was granted runs out.
    pub expires_s: Option<u64>,
    /// Why it is not registered.
    pub why: Option<String>,
}

impl Registration {
    fn user(&self) -> &str {
        let keys = &self.wanted.keys;
        keys.user.as_deref().unwrap_or(&self.wanted.username)
    }

    /// The user of our Contact.
    fn contact(&self) -> &str {
        self.wanted.keys.contact.as_deref().unwrap_or_else(|| self.user())
    }

    /// The address of record.
    fn aor(&self) -> String {
        let keys = &self.wanted.keys;
        let user = crate::headers::escape_user(self.user());
        match &keys.domain {
            Some(domain) => format!("sip:{user}@{domain}"),
            None => format!("sip:{user}@{}", keys.host),
        }
    }

    fn is_at(&self, snapshot: &Snapshot, network: NetworkIx, ip: IpAddr) -> bool {
        let here = self
            .flow
            .is_some_and(|flow| snapshot.network_at(&flow) == network);
        here && self.state == State::Registered && self.hops.iter().any(|hop| hop.remote.ip() == ip)
    }

    fn view(&self, now: Now) -> RegistrationView {
        let left = self
            .until
            .map(|until| until.saturating_duration_since(now.at).as_secs());
        RegistrationView {
            state: self.state.as_str(),
            aor: self.aor(),
            registrar: self.hops.get(self.hop).map(|hop| hop.remote),
            since_ms: self.since_ms,
            expires_s: left.filter(|_| self.state == State::Registered),
            why: self.why.clone(),
        }
    }
}

impl Registrations {
    /// Timers that are armed.
    pub(crate) fn timers(&self) -> usize {
        self.list.iter().filter(|entry| entry.timer.is_some()).count()
    }

    /// Registrations that are being taken back.
    pub(crate) fn leaving(&self) -> usize {
        let leaving = |entry: &&Registration| entry.state == State::Leaving;
        self.list.iter().filter(leaving).count()
    }

    /// How a trunk's registration stands; `None`: it has none.
    pub(crate) fn view(&self, now: Now, trunk: &str) -> Option<RegistrationView> {
        self.of(trunk).map(|entry| entry.view(now))
    }

    fn of(&self, trunk: &str) -> Option<&Registration> {
        let mut list = self.list.iter();
        list.find(|entry| entry.trunk == trunk && entry.state != State::Leaving)
    }

    /// The trunk whose Contact a request is for: what was registered says whose a call is, where one carrier has several
    /// accounts of ours. Only from where that carrier is.
    pub(crate) fn called_at(&self, snapshot: &Snapshot, flow: &Flow, called: &str) -> Option<TrunkIx> {
        let (network, remote) = (snapshot.network_at(flow), flow.remote);
        let of = |entry: &&Registration| {
            entry.contact() == called
                && entry.state == State::Registered
                && (entry.is_at(snapshot, network, remote.ip())
                    || snapshot.tables.has_source(&entry.trunk, network, remote))
        };
        let entry = self.list.iter().find(of)?;
        snapshot.tables.trunk_named(&entry.trunk)
    }

    /// The trunk whose registrar is at this address.
    pub(crate) fn registrar_at(&self, snapshot: &Snapshot, flow: &Flow) -> Option<TrunkIx> {
        let (network, ip) = (snapshot.network_at(flow), flow.remote.ip());
        let entry = self
            .list
            .iter()
            .find(|entry| entry.is_at(snapshot, network, ip))?;
        snapshot.tables.trunk_named(&entry.trunk)
    }

    /// Whether this is the user of a Contact of the trunk's: the number that was called stands elsewhere then.
    pub(crate) fn is_contact(&self, trunk: &str, called: &str) -> bool {
        self.of(trunk).is_some_and(|entry| entry.contact() == called)
    }

    /// The route that a registrar wants our requests to take (RFC 3608), in order.
    pub(crate) fn service_route(&self, trunk: &str) -> &[Box<[u8]>] {
        self.of(trunk)
            .map(|entry| entry.service_route.as_slice())
            .unwrap_or_default()
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Registration> {
        self.list.iter_mut().find(|entry| entry.id == id)
    }
}

/// Takes the trunks of the configuration in force: what is as before goes on, what is gone or has changed is taken back.
pub(crate) fn install(core: &mut Core, now: Now) {
    let snapshot = Arc::clone(&core.snapshot);
    let trunks = || snapshot.config.trunks.iter().filter(|trunk| trunk.enabled);
    let wanted: Vec<(String, Wanted)> = trunks()
        .filter_map(|trunk| Some((trunk.name.clone(), wanted(trunk)?)))
        .collect();
    let stays = |entry: &Registration| {
        wanted
            .iter()
            .any(|(name, keys)| *name == entry.trunk && *keys == entry.wanted)
    };
    let gone: Vec<u32> = core
        .registrations
        .list
        .iter()
        .filter(|entry| entry.state != State::Leaving && !stays(entry))
        .map(|entry| entry.id)
        .collect();
    for id in gone {
        leave(core, now, id);
    }
    let mut wait = Duration::ZERO;
    for (trunk, wanted) in wanted {
        if core.registrations.of(&trunk).is_none() && !core.registrations.drained {
            begin(core, now, trunk, wanted, wait);
            wait = (wait + STEP).min(SPREAD);
        }
    }
    for (trunk, register) in trunks().filter_map(|trunk| Some((trunk, trunk.register.as_ref()?))) {
        let entry = core.registrations.of(&trunk.name);
        let is = entry.is_some_and(|entry| entry.state == State::Registered);
        core.live.set_registered(&trunk.name, is || !register.required);
    }
}

fn wanted(trunk: &config::Trunk) -> Option<Wanted> {
    let keys = trunk.register.clone()?;
    let auth = trunk.auth.as_ref();
    let own = keys.username.clone().zip(keys.password.clone());
    let (username, password) =
        own.or_else(|| auth.map(|auth| (auth.username.clone(), auth.password.clone())))?;
    Some(Wanted {
        username,
        password,
        realm: auth.and_then(|auth| auth.realm.clone()),
        keys,
    })
}

fn begin(core: &mut Core, now: Now, trunk: String, wanted: Wanted, wait: Duration) {
    let jitter = STEP.mul_f64(wait::fraction(core));
    core.registrations.last_id += 1;
    let id = core.registrations.last_id;
    let timer = Some(core.arm(now, wait + jitter, Timer::Register(id)));
    let call_id = Box::from(core.endpoint.mint().call_id().as_ref());
    let tag = core.tag();
    core.registrations.list.push(Registration {
        id,
        trunk,
        wanted,
        call_id,
        tag,
        cseq: 0,
        state: State::Trying,
        timer,
        hops: Vec::new(),
        hop: 0,
        query: None,
        client: None,
        flow: None,
        attempt: digest::Attempt::default(),
        least: 0,
        too_brief: 0,
        until: None,
        failures: 0,
        since_ms: None,
        why: None,
        service_route: Vec::new(),
    });
}

/// Takes every registration back: no more calls are wanted.
pub(crate) fn drain(core: &mut Core, now: Now) {
    core.registrations.drained = true;
    let ids: Vec<u32> = core.registrations.list.iter().map(|entry| entry.id).collect();
    for id in ids {
        leave(core, now, id);
    }
}

/// Takes a registration back, if the registrar may have it (RFC 3261 §10.2.2).
fn leave(core: &mut Core, now: Now, id: u32) {
    let Some(entry) = core
        .registrations
        .get_mut(id)
        .filter(|entry| entry.state != State::Leaving)
    else {
        return;
    };
    let mut timer = entry.timer.take();
    let (client, query) = (entry.client.take(), entry.query.take());
    // One that is under way may have reached it.
    let may_have_us = client.is_some() || entry.until.is_some_and(|until| until > now.at);
    entry.state = State::Leaving;
    entry.attempt = digest::Attempt::default();
    let trunk = entry.trunk.clone();
    core.disarm(&mut timer);
    if let Some(client) = client {
        core.clients.insert(client, ClientOwner::Nobody);
    }
    if let Some(query) = query {
        core.queries.remove(&query);
    }
    let sent = may_have_us && round::send(core, now, id, true);
    if sent {
        tracing::info!(trunk, "the registration is taken back");
    } else {
        gone(core, id);
    }
}

/// Forgets one that has been taken back.
fn gone(core: &mut Core, id: u32) {
    core.registrations.list.retain(|entry| entry.id != id);
}
