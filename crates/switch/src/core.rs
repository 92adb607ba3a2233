//! What every call works with: transactions, timers, ports, capacity, and the commands on their way out.

mod challenges;
mod owners;
mod targets;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Trunk;
use route::{Live, Permit, Wish};
use rtp_proto::PortPool;
use rtp_proto::control::{MediaId, Side};
use sip_msg::{Edits, HeaderId, Limits, Message, Method};
use sip_proto::timers::{TimerKey, TimerQueue};
use sip_proto::{
    ClientId, ConnId, Endpoint, Flow, LONGEST_DATAGRAM, Otherwise, Outbox, RequestError, ServerId, Transport,
    digest, reply,
};

pub(crate) use self::challenges::Credentials;
pub(crate) use self::owners::{ClientOwner, Timer, Waiter};
use crate::auth::Access;
use crate::credit::Ledger;
use crate::dip::Dips;
use crate::edge::Edge;
use crate::gauges::Counters;
use crate::guard::Watchman;
use crate::handoff::Handoff;
use crate::ident::{CallKey, IdMap};
use crate::io::{Command, Now, RecordJob};
use crate::lessons::Teacher;
use crate::loops::Loops;
use crate::orphan::{Goodbye, Orphan};
use crate::pager::{Page, PageKey};
use crate::record::CallRecord;
use crate::register::Registrations;
use crate::registrar::Registrar;
use crate::snapshot::Snapshot;
use crate::sources::SourceNames;
use crate::tags::Tags;
use crate::trial::{TRIAL_TRUNK, Trials};
use crate::vouch::Certificates;
use crate::whatif::WhatIf;

/// A request that waits for our answer.
pub(crate) struct Asked {
    /// Its transaction.
    pub(crate) id: ServerId,
    /// The way it came.
    pub(crate) flow: Flow,
    pub(crate) message: Message,
}

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
    /// The fraud guard.
    pub(crate) watchman: Watchman,
    /// What calls tell of their carriers.
    pub(crate) teacher: Teacher,
    /// Calls that may come back.
    pub(crate) loops: Loops,
    /// Our registrations.
    pub(crate) registrations: Registrations,
    /// Those of others with us.
    pub(crate) registrar: Registrar,
    /// Certificates of callers' signers.
    pub(crate) certificates: Certificates,
    /// What customers may still spend.
    pub(crate) credit: Ledger,
    /// Who serves which numbers now.
    pub(crate) dips: Dips,
    /// What calls have for each other.
    pub(crate) handoffs: VecDeque<Handoff>,
    /// Tests of trunks.
    pub(crate) trials: Trials,
    /// Configurations that are tried out.
    pub(crate) whatif: WhatIf,
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
        let mut watchman = Watchman::default();
        watchman.guard.install(&snapshot.config);
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
            watchman,
            teacher: Teacher::default(),
            loops: Loops::default(),
            registrations: Registrations::default(),
            registrar: Registrar::default(),
            certificates: Certificates::default(),
            credit: Ledger::default(),
            dips: Dips::default(),
            handoffs: VecDeque::new(),
            trials: Trials::default(),
            whatif: WhatIf::default(),
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
        let aside = self.certificates.fetches() + self.dips.asked() + self.loops.len();
        answers + asked + aside + self.credit.places()
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
        self.commands.push(Command::Media(Box::new(command)));
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

    /// How many calls there may be.
    pub(crate) fn max_calls(&self) -> usize {
        usize::try_from(self.snapshot.config.sip.max_calls).unwrap_or(usize::MAX)
    }

    /// How many calls there may be when another one of this kind begins: some places are for those with priority.
    pub(crate) fn max_calls_as(&self, priority: bool) -> usize {
        let (most, reserve) = (self.max_calls(), self.snapshot.config.capacity.reserve);
        if priority || reserve == 0.0 {
            return most;
        }
        // No limit is so large that a float would not do.
        ((most as f64 * (1.0 - reserve)) as usize).max(1)
    }

    /// Whether there is room for what is no conversation: half of the media ports are free, and half of the calls that there may
    /// be are not there.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        self.ports.in_use() < self.ports.available() && self.calls <= self.max_calls() / 2
    }

    /// A place for one more call on a carrier's trunk, by the limits in force now.
    pub(crate) fn admit_attempt(&mut self, now: Now, trunk: &Trunk) -> Option<Permit> {
        self.admit_attempt_as(now, trunk, Wish::default())
    }

    /// The same for a call of which more is known.
    pub(crate) fn admit_attempt_as(&mut self, now: Now, trunk: &Trunk, wish: Wish<'_>) -> Option<Permit> {
        if trunk.name == TRIAL_TRUNK {
            return self.live.admit_seated(now.at, TRIAL_TRUNK);
        }
        let ix = self.snapshot.tables.trunk_named(&trunk.name)?;
        self.live
            .try_admit_as(now.at, &self.snapshot.tables, ix, wish)
            .ok()
    }

    /// A place for an emergency call on a trunk, by no limits.
    pub(crate) fn admit_emergency(&mut self, now: Now, trunk: &Trunk) -> Option<Permit> {
        let ix = self.snapshot.tables.trunk_named(&trunk.name)?;
        self.live.admit_emergency(now.at, &self.snapshot.tables, ix)
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
        ]
    }

    /// The extensions that a request may insist on; whether they are to be had on its trunk is seen later.
    pub(crate) fn extensions() -> Vec<String> {
        ["path", "100rel", "timer", "replaces", "norefersub"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// How long a port rests before another call gets it, so that late packets of the old call meet nobody.
const QUARANTINE: Duration = Duration::from_secs(5);

/// What is to become of a record at the store.
pub(crate) enum StoreKind {
    Journal(Vec<u8>),
    Interim,
    Final,
}
