//! What every call works with: transactions, timers, ports, capacity, and the commands on their way out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Trunk;
use route::{Attempt, Live, Outcome, Permit, TrunkIx};
use rtp_proto::PortPool;
use rtp_proto::control::{MediaId, Side};
use sip_msg::{Edits, HeaderId, Limits, Message, Method};
use sip_proto::timers::{TimerKey, TimerQueue};
use sip_proto::{
    ClientId, ConnId, Endpoint, Flow, Hop, LONGEST_DATAGRAM, Otherwise, Outbox, RequestError, ServerId,
    Transport, digest, reply,
};
use smallvec::SmallVec;

use crate::auth::Access;
use crate::edge::Edge;
use crate::gauges::Counters;
use crate::handoff::Handoff;
use crate::ident::{CallKey, IdMap};
use crate::io::{Command, Now, RecordJob};
use crate::loops::Loops;
use crate::orphan::{Goodbye, Orphan};
use crate::pager::{Page, PageKey};
use crate::record::CallRecord;
use crate::register::Registrations;
use crate::registrar::Registrar;
use crate::snapshot::Snapshot;
use crate::sources::SourceNames;
use crate::tags::Tags;
use crate::trial::Trials;
use crate::vouch::Certificates;

/// A request that waits for our answer.
pub(crate) struct Asked {
    /// Its transaction.
    pub(crate) id: ServerId,
    /// The way it came.
    pub(crate) flow: Flow,
    pub(crate) message: Message,
}

/// Who waits for the answer to a request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientOwner {
    /// The INVITE of a call's current attempt.
    Attempt(CallKey),
    /// A re-INVITE that carries one side's offer to `Side`.
    Reinvite(CallKey, Side),
    /// A BYE to this side of a call.
    Bye(CallKey, Side),
    /// A mid-dialog request relayed to this side (INFO and the like).
    Relayed(CallKey, Side),
    /// A refresh of the session timer of this side of a call.
    Refresh(CallKey, Side),
    /// The PRACK for a reliable response of a call's called side.
    Prack(CallKey),
    /// An INVITE that its call has given up.
    Orphan,
    /// An OPTIONS ping; the number is the pinger's.
    Ping(u32),
    /// A BYE of no call's.
    Goodbye,
    /// A request outside of any dialog that was sent on.
    Page(PageKey),
    /// A REGISTER of ours; the number is the registration's.
    Register(u32),
    /// An OPTIONS to a registered contact; the number is the binding's.
    Contact(u64),
    /// An OPTIONS of a trunk's test; the number is that of the pings to its target.
    Probe(u64),
    /// A request whose answer nobody waits for any more.
    Nobody,
}

/// Who waits for a host name's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// A call's attempt.
    Call(CallKey),
    /// An OPTIONS ping.
    Ping(u32),
    /// A request outside of any dialog.
    Page(PageKey),
    /// A registration of ours.
    Register(u32),
    /// A trunk's source, by its place among them.
    Source(u32),
    /// The pings of a trunk's test to one target.
    Probe(u64),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The current attempt has been silent, without progress, or unanswered for too long.
    Stage(CallKey),
    /// The call has lasted as long as a call may.
    MaxDuration(CallKey),
    /// The record or the media figures are late: the caller waits no longer.
    StoreDeadline(CallKey),
    /// Time for an interim record.
    Interim(CallKey),
    /// The session timer of one side of a call.
    Session(CallKey, Side),
    /// A provisional response has waited for its PRACK.
    Prack(CallKey),
    /// A caller's certificate is late: its call goes on without.
    Certificate(CallKey),
    /// Time to ping a target; the number is the pinger's.
    Ping(u32),
    /// A request outside of any dialog has not been answered.
    Page(PageKey),
    /// Time for a registration's next round.
    Register(u32),
    /// A registered contact is to be kept reachable, or has run out.
    Binding(u64),
    /// Registrations of others are to be handed out.
    SaveBindings,
    /// Time to look up a trunk's source, by its place among them.
    Source(u32),
}

/// Authorization and Proxy-Authorization headers of one request.
pub(crate) type Credentials = SmallVec<[(HeaderId, Vec<u8>); 1]>;

/// The parts of a switch that calls share.
pub(crate) struct Core {
    pub(crate) endpoint: Endpoint,
    pub(crate) outbox: Outbox,
    pub(crate) commands: Vec<Command>,
    pub(crate) timers: TimerQueue<Timer>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) live: Live,
    pub(crate) ports: PortPool,
    pub(crate) servers: IdMap<ServerId, (CallKey, Side)>,
    pub(crate) clients: IdMap<ClientId, ClientOwner>,
    pub(crate) tags: Tags,
    pub(crate) media: IdMap<MediaId, CallKey>,
    pub(crate) tickets: IdMap<u64, CallKey>,
    /// Who waits for a host name's addresses.
    pub(crate) queries: IdMap<u64, Waiter>,
    pub(crate) source_names: SourceNames,
    pub(crate) orphans: IdMap<ClientId, Box<Orphan>>,
    pub(crate) goodbyes: IdMap<ClientId, Box<Goodbye>>,
    pub(crate) pages: IdMap<PageKey, Box<Page>>,
    /// The names that peers have proved, by connection.
    pub(crate) names: HashMap<ConnId, Vec<Box<str>>>,
    /// Challenges remembered per trunk, by name.
    digests: HashMap<String, digest::Client>,
    /// Challenges of our own.
    pub(crate) access: Access,
    /// Who is kept out.
    pub(crate) edge: Edge,
    /// Calls that may come back.
    pub(crate) loops: Loops,
    /// Our registrations.
    pub(crate) registrations: Registrations,
    /// Those of others with us.
    pub(crate) registrar: Registrar,
    /// Certificates of callers' signers.
    pub(crate) certificates: Certificates,
    /// What calls have for each other.
    pub(crate) handoffs: VecDeque<Handoff>,
    /// Tests of trunks.
    pub(crate) trials: Trials,
    pub(crate) counters: Counters,
    pub(crate) draining: bool,
    /// Calls there are, without those that are over but not yet done with.
    pub(crate) calls: usize,
    last_id: u64,
    last_media: u64,
}

impl Core {
    pub(crate) fn new(mut endpoint: Endpoint, snapshot: Arc<Snapshot>, now: Now) -> Self {
        let mut live = Live::new();
        live.install(&snapshot.tables);
        let access = Access::new(now.at, endpoint.mint(), &snapshot.config);
        let ports = PortPool::new(snapshot.config.media.ports.clone(), QUARANTINE);
        Self {
            endpoint,
            outbox: Outbox::default(),
            commands: Vec::new(),
            timers: TimerQueue::new(now.at),
            snapshot,
            live,
            ports,
            servers: IdMap::default(),
            clients: IdMap::default(),
            tags: Tags::default(),
            media: IdMap::default(),
            tickets: IdMap::default(),
            queries: IdMap::default(),
            source_names: SourceNames::default(),
            orphans: IdMap::default(),
            goodbyes: IdMap::default(),
            pages: IdMap::default(),
            names: HashMap::new(),
            digests: HashMap::new(),
            access,
            edge: Edge::default(),
            loops: Loops::default(),
            registrations: Registrations::default(),
            registrar: Registrar::default(),
            certificates: Certificates::default(),
            handoffs: VecDeque::new(),
            trials: Trials::default(),
            counters: Counters::default(),
            draining: false,
            calls: 0,
            last_id: 0,
            last_media: 0,
        }
    }

    /// Entries of the maps by which answers find whoever waits for them.
    pub(crate) fn waiting(&self) -> usize {
        let answers = self.servers.len() + self.clients.len() + self.pages.len();
        let asked = self.media.len() + self.tickets.len() + self.queries.len();
        answers + asked + self.certificates.fetches() + self.loops.len()
    }

    /// A number that was not given before: call keys, media ids, tickets, queries.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A name for a media session. Consecutive ones go to the media workers in turn.
    pub(crate) fn next_media(&mut self) -> MediaId {
        self.last_media += 1;
        MediaId(self.last_media)
    }

    /// Answers a request with nothing but a status; with our tag where there is a dialog, else with one of its own
    /// (RFC 3261 §8.2.6.2).
    pub(crate) fn answer(&mut self, now: Now, asked: &Asked, status: u16, tag: Option<&[u8]>) {
        let own = tag.is_none().then(|| self.tag());
        let tag = tag.or(own.as_deref());
        let mut writer = reply(&asked.message, &asked.flow, status, None, tag);
        crate::headers::explain(&mut writer, status);
        self.respond(now, asked.id, writer.finish());
    }

    pub(crate) fn respond(&mut self, now: Now, id: ServerId, bytes: Bytes) {
        self.endpoint.respond(now.at, id, bytes, &mut self.outbox);
    }

    /// Starts a client transaction; `None` when there are too many already. Gives the request back as a message.
    pub(crate) fn request(
        &mut self,
        now: Now,
        flow: Flow,
        bytes: Bytes,
        owner: ClientOwner,
    ) -> Option<(ClientId, Message)> {
        let Ok(message) = sip_msg::parse(bytes, &Limits::default()) else {
            tracing::error!("a request of ours does not parse");
            return None;
        };
        match self.begin(now, flow, &message) {
            Ok(id) => {
                self.clients.insert(id, owner);
                Some((id, message))
            }
            Err(error) => {
                self.counters.requests_refused += 1;
                tracing::debug!(%error, "a request of ours could not be started");
                None
            }
        }
    }

    /// The names that the peer at the other end of a connection has proved.
    pub(crate) fn names_of(&self, conn: ConnId) -> &[Box<str>] {
        self.names.get(&conn).map_or(&[], Vec::as_slice)
    }

    /// Starts the transaction; a request that is long for a datagram by TCP first, where that may be had (RFC 3261 §18.1.1).
    fn begin(&mut self, now: Now, flow: Flow, message: &Message) -> Result<ClientId, RequestError> {
        let long = flow.transport == Transport::Udp && message.raw().len() > LONGEST_DATAGRAM;
        let tcp = long
            .then(|| self.snapshot.by_tcp(&flow))
            .flatten()
            .filter(|tcp| self.endpoint.may_try_tcp(now.at, tcp.remote));
        let other = tcp.and_then(|tcp| Some((tcp, self.with_via_of(&tcp, message)?)));
        let Some((tcp, by_tcp)) = other else {
            return self
                .endpoint
                .request_message(now.at, flow, message, &mut self.outbox);
        };
        let bytes = message.raw().clone();
        let otherwise = Otherwise { flow, bytes };
        self.endpoint
            .request_or(now.at, tcp, &by_tcp, otherwise, &mut self.outbox)
    }

    /// A request of ours with the same branch for another flow.
    fn with_via_of(&self, flow: &Flow, message: &Message) -> Option<Message> {
        let branch = message.top_via().branch()?;
        let via = crate::headers::via(flow, self.snapshot.advertised(flow), branch);
        let mut edits = Edits::new();
        edits.replace(HeaderId::Via, &via);
        sip_msg::parse(message.write(&edits), &Limits::default()).ok()
    }

    /// The value of a Via header for a request of ours on `flow`, with a fresh branch (RFC 3261 §8.1.1.7, RFC 3581 §3).
    pub(crate) fn via(&mut self, snapshot: &Snapshot, flow: &Flow) -> Vec<u8> {
        let branch = self.endpoint.mint().branch();
        let mut via = crate::headers::via(flow, snapshot.advertised(flow), branch.as_ref());
        if self.endpoint.is_told(flow.remote) {
            // RFC 7339 §4.1, §4.2.
            via.extend_from_slice(b";oc;oc-algo=\"loss\"");
        }
        via
    }

    /// Takes the target of the configuration in force.
    pub(crate) fn install_overload(&mut self) {
        let target = self.snapshot.config.edge.overload_delay;
        self.endpoint.overload().set_target(target);
    }

    pub(crate) fn tag(&mut self) -> Box<[u8]> {
        Box::from(self.endpoint.mint().tag().as_ref())
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.endpoint.mint().random()
    }

    pub(crate) fn arm(&mut self, now: Now, after: Duration, timer: Timer) -> TimerKey {
        self.timers.insert(now.at + after, timer)
    }

    pub(crate) fn disarm(&mut self, timer: &mut Option<TimerKey>) {
        if let Some(key) = timer.take() {
            self.timers.cancel(key);
        }
    }

    /// Says whose messages these are, to whoever mirrors them.
    pub(crate) fn name_leg(&mut self, call_id: &[u8], call: &str) {
        if self.snapshot.config.hep.is_some() || self.trials.any() {
            self.commands.push(Command::Leg {
                call_id: call_id.into(),
                call: call.into(),
            });
        }
    }

    pub(crate) fn media(&mut self, command: rtp_proto::control::Command) {
        self.commands.push(Command::Media(command));
    }

    /// Hands a record to the store and says which ticket will come back.
    pub(crate) fn store(&mut self, call: CallKey, record: CallRecord, kind: StoreKind) -> u64 {
        let ticket = self.next_id();
        self.tickets.insert(ticket, call);
        let record = Box::new(record);
        self.commands.push(Command::Record(match kind {
            StoreKind::Journal(dialogs) => RecordJob::Journal {
                ticket,
                record,
                dialogs,
            },
            StoreKind::Interim => RecordJob::Interim { ticket, record },
            StoreKind::Final => RecordJob::Final { ticket, record },
        }));
        ticket
    }

    /// Whether there is room for what is no conversation: half of the media ports are free, and half of the calls that there may
    /// be are not there.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        let limit = usize::try_from(self.snapshot.config.sip.max_calls).unwrap_or(usize::MAX);
        self.ports.in_use() < self.ports.available() && self.calls <= limit / 2
    }

    /// A place for one more call on a carrier's trunk, by the limits in force now.
    pub(crate) fn admit_attempt(&mut self, now: Now, trunk: &Trunk) -> Option<Permit> {
        let ix = self.snapshot.tables.trunk_named(&trunk.name)?;
        self.live.try_admit(now.at, &self.snapshot.tables, ix).ok()
    }

    /// Notes what an attempt showed of its target, if the tables are still those that it was planned with.
    pub(crate) fn note_target(
        &mut self,
        now: Now,
        planned: &Arc<Snapshot>,
        attempt: &Attempt,
        outcome: Outcome,
    ) {
        if !Arc::ptr_eq(planned, &self.snapshot) {
            return;
        }
        self.note_ping(now, attempt.trunk, attempt.target, outcome);
    }

    /// Notes what a ping showed of a target of the tables in force.
    pub(crate) fn note_ping(&mut self, now: Now, ix: TrunkIx, target: usize, outcome: Outcome) {
        let tables = &self.snapshot.tables;
        if let Some(change) = self.live.note_target(now.at, tables, ix, target, outcome) {
            let trunk = tables.trunk(ix);
            let uri = trunk.targets.get(target).map_or("", |target| target.uri.as_str());
            tracing::warn!(trunk = %trunk.name, target = uri, ?change, "a target's health has changed");
        }
    }

    /// Notes where an attempt's target leads, if the tables are still those that it was planned with.
    pub(crate) fn note_places(&mut self, planned: &Arc<Snapshot>, attempt: &Attempt, hops: &[Hop]) {
        if Arc::ptr_eq(planned, &self.snapshot) {
            let tables = &self.snapshot.tables;
            self.live.note_places(tables, attempt.trunk, attempt.target, hops);
        }
    }

    /// Notes that an attempt is made, if the tables are still those that it was planned with.
    pub(crate) fn note_tried(&mut self, now: Now, planned: &Arc<Snapshot>, attempt: &Attempt) {
        if Arc::ptr_eq(planned, &self.snapshot) {
            let tables = &self.snapshot.tables;
            self.live
                .note_tried(now.at, tables, attempt.trunk, attempt.target);
        }
    }

    /// Leaves a target alone for as long as it asked.
    pub(crate) fn back_off(&mut self, now: Now, planned: &Arc<Snapshot>, attempt: &Attempt, wait: Duration) {
        if Arc::ptr_eq(planned, &self.snapshot) {
            self.live
                .back_off(now.at, &self.snapshot.tables, attempt.trunk, attempt.target, wait);
        }
    }

    /// The headers that answer a trunk's challenge: its own, and the one for its other challenge where a server and a proxy of
    /// that trunk both ask (RFC 3261 §22.3). `None`: we have no credentials for it.
    pub(crate) fn authorize(
        &mut self,
        trunk: &Trunk,
        attempt: &mut digest::Attempt,
        challenge: &Message,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Option<Result<Credentials, digest::DigestError>> {
        let credentials = credentials_of(trunk)?;
        Some(self.answer_challenge(&trunk.name, &credentials, attempt, challenge, method, uri, body))
    }

    /// As [`Core::authorize`], with these credentials.
    #[allow(
        clippy::too_many_arguments,
        reason = "a digest is computed over all of these (RFC 7616 §3.4)"
    )]
    pub(crate) fn answer_challenge(
        &mut self,
        trunk: &str,
        credentials: &digest::Credentials,
        attempt: &mut digest::Attempt,
        challenge: &Message,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Result<Credentials, digest::DigestError> {
        let client = self.digests.entry(trunk.to_owned()).or_default();
        let mint = self.endpoint.mint();
        let answer = client.answer(attempt, challenge, credentials, method, uri, body, mint)?;
        let beside = client.beside(answer.0, credentials, method, uri, body, mint);
        Ok([Some(answer), beside].into_iter().flatten().collect())
    }

    /// What a trunk's answer says about the next challenge.
    pub(crate) fn learn(&mut self, trunk: &str, answer: &Message) {
        if let Some(client) = self.digests.get_mut(trunk) {
            client.learn(answer);
        }
    }

    /// The headers that spare a trunk its challenges, once it has challenged before.
    pub(crate) fn preemptive(
        &mut self,
        snapshot: &Snapshot,
        attempt: &Attempt,
        body: &[u8],
    ) -> Option<Credentials> {
        let trunk = snapshot.trunk(attempt.trunk);
        let credentials = credentials_of(trunk)?;
        let uri = crate::headers::request_uri(attempt, trunk, trunk.targets.get(attempt.target)?);
        self.spare_challenge(&trunk.name, &credentials, &Method::Invite, &uri, body)
    }

    /// As [`Core::preemptive`], for any request with these credentials.
    pub(crate) fn spare_challenge(
        &mut self,
        trunk: &str,
        credentials: &digest::Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Option<Credentials> {
        let (client, mint) = (self.digests.get_mut(trunk)?, self.endpoint.mint());
        let first = client.preemptive(credentials, method, uri, body, mint)?;
        let beside = client.beside(first.0, credentials, method, uri, body, mint);
        Some([Some(first), beside].into_iter().flatten().collect())
    }

    pub(crate) fn methods() -> Vec<Method> {
        vec![
            Method::Invite,
            Method::Ack,
            Method::Bye,
            Method::Cancel,
            Method::Options,
            Method::Info,
            Method::Message,
            Method::Notify,
            Method::Register,
            Method::Prack,
            Method::Update,
            Method::Refer,
            Method::Notify,
        ]
    }

    /// The extensions that a request may insist on; whether they are to be had on its trunk is seen later.
    pub(crate) fn extensions() -> Vec<String> {
        ["path", "100rel", "timer", "replaces", "norefersub"]
            .map(str::to_owned)
            .to_vec()
    }
}

fn credentials_of(trunk: &Trunk) -> Option<digest::Credentials> {
    let auth = trunk.auth.as_ref()?;
    Some(digest::Credentials {
        username: auth.username.clone(),
        password: auth.password.expose().to_owned(),
        realm: auth.realm.clone(),
    })
}

/// How long a port rests before another call gets it, so that late packets of the old call meet nobody.
const QUARANTINE: Duration = Duration::from_secs(5);

/// What is to become of a record at the store.
pub(crate) enum StoreKind {
    Journal(Vec<u8>),
    Interim,
    Final,
}
