//! The event loop: whatever is due next happens next, and time jumps there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use route::Tables;
use route::deck::{Deck, Exchange, Format, Places, Sheet};
use sip_proto::{Flow, ListenerId, PeerId, Transport};
use switch::record::{Balance, CallRecord};
use switch::{Command, Input, Listener, NetworkIx, Now, Snapshot, Switch, SwitchConfig};

use crate::agenda::{Agenda, What};
use crate::ua::{Cx, Ua};
use crate::{Audit, Certificates, Dns, Lookups, Media, Network, Rng, Sip, Store};

/// 2026-01-01T00:00:00Z.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// Timer calls at one and the same moment after which the switch is said to spin.
const MAX_SPINS: u32 = 10_000;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a peer.
    In,
    /// From the switch.
    Out,
}

/// A message as it was handed to the network, lost or not.
#[derive(Clone, Debug)]
pub struct Logged {
    /// When, since the world began.
    pub at: Duration,
    /// From or to the switch.
    pub way: Way,
    /// Who sent it or was to get it.
    pub peer: SocketAddr,
    /// The message.
    pub bytes: Bytes,
}

/// The seed to use: `TANDEM_SEED`, or this one.
#[must_use]
pub fn seed(default: u64) -> u64 {
    std::env::var("TANDEM_SEED")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(default)
}

/// A configuration as the switch takes it.
///
/// # Panics
/// It is refused.
#[must_use]
pub fn snapshot(toml: &str) -> Arc<Snapshot> {
    let config = config::parse(toml, "test.toml").unwrap_or_else(|report| panic!("{report:?}"));
    let exchange = Exchange::of(&config.billing);
    let inline = |of: fn(&config::Trunk) -> &[config::DeckRow]| -> Vec<(String, Deck)> {
        let priced = config.trunks.iter().filter(|trunk| !of(trunk).is_empty());
        let deck = |trunk: &Arc<config::Trunk>| {
            let sheet = Sheet::inline(of(trunk), &Format::default());
            let deck = sheet.and_then(|sheet| sheet.deck(&exchange, Places::default()));
            (
                trunk.name.clone(),
                deck.unwrap_or_else(|errors| panic!("{errors:?}")),
            )
        };
        priced.map(deck).collect()
    };
    let tables = Tables::build(&config, inline(|trunk| &trunk.rates))
        .and_then(|tables| tables.selling(inline(|trunk| &trunk.sell_rates), &exchange))
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    let listener = |(index, listen): (usize, &config::Listen)| Listener {
        id: ListenerId(index as u16),
        transport: switch::transport(listen.transport),
        network: NetworkIx::named(&config, listen.network.as_deref()),
        bind: listen.bind,
        advertise: listen.advertise.unwrap_or(listen.bind),
    };
    let listeners = config.listen.iter().enumerate().map(listener).collect();
    let no_files = |path: &std::path::Path| panic!("{} in a test", path.display());
    let sounds = switch::sounds(&config, no_files).unwrap_or_else(|errors| panic!("{errors:?}"));
    let files = |path: &std::path::Path| std::fs::read(path).map_err(|error| error.to_string());
    let stir = switch::stir(&config, files).unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut last = 0;
    let peers = switch::peers(&config, |_, _| {
        last += 1;
        PeerId(last)
    });
    Arc::new(Snapshot {
        media: switch::media_addresses(&config),
        stir: Arc::new(stir),
        lookup_roots: None,
        sounds,
        peers,
        config,
        tables,
        listeners,
        dtls: Some(Arc::new(crate::Certificate::default())),
    })
}

type Plan = Box<dyn FnOnce(&mut World)>;

/// A switch, what stands behind it, and who talks to it.
pub struct World {
    /// What everything follows from.
    pub seed: u64,
    /// Chance, for whoever plays with this world.
    pub rng: Rng,
    /// The network.
    pub net: Network,
    /// The media plane.
    pub media: Media,
    /// The record store.
    pub store: Store,
    /// What the switch has given to be kept: where users are registered.
    pub registrations: Option<Vec<u8>>,
    /// What is usual for customers, as the switch has handed it out to be kept.
    pub usual: Option<Vec<u8>>,
    /// What was learned of carriers, as it was kept last.
    pub learned: Option<Box<route::quality::Saved>>,
    /// The resolver.
    pub dns: Dns,
    /// Servers of callers' certificates.
    pub certificates: Certificates,
    /// Whom numbers are looked up at.
    pub lookups: Lookups,
    /// Peers that act by themselves.
    pub uas: Vec<Ua>,
    /// What was found wrong with the switch's messages.
    pub audit: Audit,
    /// Every message, if `keeps_log`.
    pub log: Vec<Logged>,
    /// Whether `log` is kept.
    pub keeps_log: bool,
    /// By how much the wall clock is off: a stepped clock.
    pub wall_step_ms: i64,
    dialled: SocketAddr,
    switch: Option<Switch>,
    snapshot: Arc<Snapshot>,
    start: Instant,
    now: Instant,
    agenda: Agenda,
    inboxes: BTreeMap<SocketAddr, VecDeque<(Duration, Sip)>>,
    plans: Vec<Option<Plan>>,
    commands: Vec<Command>,
    spins: u32,
    starts: u8,
}

impl World {
    /// A world with a switch of this configuration.
    #[must_use]
    pub fn new(seed: u64, snapshot: Arc<Snapshot>) -> Self {
        let mut rng = Rng::new(seed);
        let start = Instant::now();
        let mut world = Self {
            seed,
            net: Network::new(rng.fork()),
            media: Media::new(),
            store: Store::new(),
            registrations: None,
            usual: None,
            learned: None,
            dns: Dns::default(),
            certificates: Certificates::default(),
            lookups: Lookups::default(),
            uas: Vec::new(),
            audit: Audit::default(),
            log: Vec::new(),
            keeps_log: true,
            wall_step_ms: 0,
            dialled: snapshot.listeners[0].bind,
            switch: None,
            snapshot,
            start,
            now: start,
            agenda: Agenda::default(),
            inboxes: BTreeMap::new(),
            plans: Vec::new(),
            commands: Vec::new(),
            spins: 0,
            starts: 0,
            rng,
        };
        world.start_switch(Vec::new());
        world
    }

    fn start_switch(&mut self, unfinished: Vec<(CallRecord, Vec<u8>)>) {
        self.starts += 1;
        let mut seed = [self.starts; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        let now = self.moment();
        let mut switch = Switch::new(SwitchConfig { shard: 0, seed }, Arc::clone(&self.snapshot), now);
        let mut commands = Vec::new();
        switch.resume(now, unfinished, &mut commands);
        if let Some(kept) = &self.registrations {
            switch.restore(now, kept).expect("what a switch has kept");
        }
        if let Some(learned) = &self.learned {
            switch
                .recall_learned(now, learned)
                .expect("what a switch has learned");
        }
        if let Some(usual) = &self.usual {
            switch.recall(now, usual).expect("what a switch has learned");
        }
        self.switch = Some(switch);
        self.carry_out(&mut commands);
    }

    /// The process dies, without a word to anybody.
    pub fn crash(&mut self) {
        self.switch = None;
        self.audit.crash();
        self.agenda.forget_switch();
        self.media.forget();
        self.store.unanswered.clear();
    }

    /// A new process starts with what the store has kept.
    pub fn restart(&mut self) {
        let unfinished = self.store.journal.values().cloned().collect();
        self.start_switch(unfinished);
    }

    /// The switch.
    ///
    /// # Panics
    /// It has crashed.
    #[must_use]
    pub fn switch(&self) -> &Switch {
        self.switch.as_ref().expect("a switch that is up")
    }

    /// Since the world began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// This moment, by both clocks.
    #[must_use]
    pub fn moment(&self) -> Now {
        let ms = EPOCH_MS + u64::try_from(self.elapsed().as_millis()).unwrap_or(0);
        Now {
            at: self.now,
            unix_ms: ms.saturating_add_signed(self.wall_step_ms),
        }
    }

    /// The address that peers send to: the switch's first, unless they dial another.
    #[must_use]
    pub fn switch_addr(&self) -> SocketAddr {
        self.dialled
    }

    /// From now on peers send to this address of the switch's.
    pub fn dial_at(&mut self, listener: SocketAddr) {
        self.dialled = listener;
    }

    /// The snapshot in force.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Does something at a later moment.
    pub fn plan(&mut self, after: Duration, plan: impl FnOnce(&mut World) + 'static) {
        self.agenda
            .plan(self.now + after, What::Planned(self.plans.len()));
        self.plans.push(Some(Box::new(plan)));
    }

    /// Tells the switch something.
    pub fn tell(&mut self, input: Input) {
        if let Input::Media(event) = &input {
            self.media.said(event);
        }
        if let Input::Reload(snapshot) = &input {
            self.snapshot = Arc::clone(snapshot);
        }
        let now = self.moment();
        let Some(switch) = self.switch.as_mut() else {
            return;
        };
        let mut commands = std::mem::take(&mut self.commands);
        switch.handle(now, input, &mut commands);
        self.carry_out(&mut commands);
        self.commands = commands;
    }

    /// A payment of a customer's is in the store.
    pub fn pay(&mut self, customer: &str, amount: f64) {
        let now = self.moment();
        let switch = self.switch.as_mut().expect("a switch that is up");
        switch.add_credit(now, customer, Balance::from_units(amount));
    }

    /// What a customer may still spend.
    pub fn credit(&mut self, customer: &str) -> switch::CreditView {
        let now = self.moment();
        let switch = self.switch.as_mut().expect("a switch that is up");
        let views = switch.credit(now);
        views
            .into_iter()
            .find(|view| view.customer == customer)
            .expect("an account")
    }

    /// An operator lifts a block of the fraud guard's; whether there was one.
    pub fn lift_fraud(&mut self, id: u64) -> bool {
        let now = self.moment();
        self.switch
            .as_mut()
            .is_some_and(|switch| switch.lift_fraud(now, id))
    }

    /// An operator hangs up a call.
    pub fn hangup(&mut self, id: &str) -> switch::EndOutcome {
        let now = self.moment();
        let mut commands = Vec::new();
        let outcome = self
            .switch
            .as_mut()
            .expect("a switch that is up")
            .hangup(now, id, &mut commands);
        self.carry_out(&mut commands);
        outcome
    }

    /// An operator bans an address.
    pub fn ban(&mut self, address: std::net::IpAddr, time: Duration) {
        let now = self.moment();
        let switch = self.switch.as_mut().expect("a switch that is up");
        assert_eq!(switch.ban(now, address, time), switch::BanOutcome::Done);
    }

    /// An operator lifts a ban.
    pub fn unban(&mut self, address: std::net::IpAddr) {
        let switch = self.switch.as_mut().expect("a switch that is up");
        assert!(switch.unban(address));
    }

    fn carry_out(&mut self, commands: &mut Vec<Command>) {
        for command in commands.drain(..) {
            match command {
                Command::Send(send) => self.switch_sends(send),
                Command::Media(command) => self.media.take(self.now, *command, &mut self.agenda),
                Command::Record(job) => self.store.take(self.now, job, &mut self.agenda),
                Command::KeepRegistrations(bytes) => self.registrations = Some(bytes),
                Command::KeepUsual(bytes) => self.usual = Some(bytes),
                Command::KeepLearned(saved) => self.learned = Some(saved),
                Command::Leg { .. } | Command::Probed { .. } | Command::Event(_) => {}
                Command::FetchCertificate { query, url } => {
                    self.certificates.fetch(self.now, query, &url, &mut self.agenda);
                }
                Command::LookUp { query, url, within } => {
                    self.lookups
                        .look_up(self.now, query, &url, within, &mut self.agenda);
                }
                // There are datagrams only in this world.
                Command::Alias { .. } => {}
                Command::Resolve {
                    query, host, port, ..
                } => {
                    self.dns.resolve(self.now, query, host, port, &mut self.agenda);
                }
            }
        }
    }

    fn switch_sends(&mut self, send: sip_proto::Send) {
        let (to, at) = (send.flow.remote, self.elapsed());
        if self.keeps_log {
            self.log.push(Logged {
                at,
                way: Way::Out,
                peer: to,
                bytes: send.bytes.clone(),
            });
        }
        self.audit.sent(at, to, &send.bytes);
        let listener = self
            .snapshot
            .listeners
            .iter()
            .find(|listener| listener.id == send.flow.listener);
        let Some(from) = listener.map(|listener| listener.bind) else {
            self.audit
                .faults
                .push(format!("sent on a listener that is not there: {:?}", send.flow));
            return;
        };
        if let (true, Some(origin)) = (self.net.closed.contains(&to), send.origin) {
            let back = self.now + self.net.quality.delay * 2;
            self.agenda
                .plan(back, What::Switch(Box::new(Input::SendFailed { origin })));
        }
        for at in self.net.carry(self.now, from, to) {
            self.agenda.plan(
                at,
                What::Arrives {
                    from,
                    to,
                    bytes: send.bytes.clone(),
                },
            );
        }
    }

    /// A peer sends bytes to the switch.
    pub fn send_bytes(&mut self, from: SocketAddr, bytes: Bytes) {
        let (to, at) = (self.switch_addr(), self.elapsed());
        if self.keeps_log {
            self.log.push(Logged {
                at,
                way: Way::In,
                peer: from,
                bytes: bytes.clone(),
            });
        }
        for at in self.net.carry(self.now, from, to) {
            self.agenda.plan(
                at,
                What::Arrives {
                    from,
                    to,
                    bytes: bytes.clone(),
                },
            );
        }
    }

    /// The peer with this RTP address sends no media any more.
    pub fn goes_quiet(&mut self, rtp: SocketAddr) {
        self.media.goes_quiet(self.now, rtp, &mut self.agenda);
    }

    /// Store and media plane say what they have held back.
    pub fn catch_up(&mut self) {
        self.store.catch_up(self.now, &mut self.agenda);
        self.media.catch_up(self.now, &mut self.agenda);
    }

    /// Takes the oldest message that has arrived at an address where nobody acts by himself.
    pub fn take(&mut self, at: SocketAddr) -> Option<(Duration, Sip)> {
        self.inboxes.get_mut(&at)?.pop_front()
    }

    /// Whether there is one.
    #[must_use]
    pub fn has(&self, at: SocketAddr) -> bool {
        self.inboxes.get(&at).is_some_and(|inbox| !inbox.is_empty())
    }

    fn next(&self) -> Option<Instant> {
        let timer = self.switch.as_ref().and_then(Switch::poll_timeout);
        [timer, self.agenda.next()].into_iter().flatten().min()
    }

    /// Lets the next thing happen if it is due by then. Says whether there was one.
    pub fn step(&mut self, until: Duration) -> bool {
        let until = self.start + until;
        let Some(next) = self.next().filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        if next > self.now {
            self.now = next;
            self.spins = 0;
        }
        if self.agenda.next().is_some_and(|at| at <= self.now) {
            if let Some(what) = self.agenda.pop() {
                self.happen(what);
            }
        } else {
            self.spins += 1;
            assert!(
                self.spins < MAX_SPINS,
                "the switch's timer spins at {:?} (seed {})",
                self.elapsed(),
                self.seed
            );
            self.tell(Input::Timer);
        }
        true
    }

    /// Lets everything happen that happens within this time.
    pub fn run(&mut self, time: Duration) {
        let until = self.elapsed() + time;
        while self.step(until) {}
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrives { from, to, bytes } => self.arrive(from, to, bytes),
            What::Switch(input) => self.tell(*input),
            What::MediaCheck(id) => self.media.check(self.now, id, &mut self.agenda),
            What::Ua(index, timer) => self.with_ua(index, |ua, cx| ua.on_timer(cx, timer)),
            What::Planned(number) => {
                if let Some(plan) = self.plans[number].take() {
                    plan(self);
                }
            }
        }
    }

    fn arrive(&mut self, from: SocketAddr, to: SocketAddr, bytes: Bytes) {
        let listener = self
            .snapshot
            .listeners
            .iter()
            .find(|listener| listener.bind == to);
        if let Some(id) = listener.map(|listener| listener.id) {
            let flow = Flow {
                transport: Transport::Udp,
                listener: id,
                remote: from,
                conn: None,
                peer: PeerId::default(),
            };
            if self.switch.is_some() {
                self.audit.received(self.elapsed(), from, &bytes);
            }
            return self.tell(Input::Datagram { flow, bytes });
        }
        if self.net.closed.contains(&to) {
            // It was on its way when the port was closed.
            return;
        }
        let sip = match Sip::read(&bytes) {
            Ok(sip) => sip,
            Err(error) => return self.audit.faults.push(format!("unreadable at {to}: {error}")),
        };
        let at = self.elapsed();
        match self.uas.iter().position(|ua| ua.addr == to) {
            Some(index) => self.with_ua(index, |ua, cx| ua.on_message(cx, sip)),
            None => self.inboxes.entry(to).or_default().push_back((at, sip)),
        }
    }

    /// Lets a peer that acts by itself do something.
    pub fn with_ua<T>(&mut self, index: usize, act: impl FnOnce(&mut Ua, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            at: self.now - self.start,
            index,
            switch: self.dialled,
            sent: Vec::new(),
            agenda: &mut self.agenda,
            media: &mut self.media,
        };
        let result = act(&mut self.uas[index], &mut cx);
        let (from, sent) = (self.uas[index].addr, cx.sent);
        for bytes in sent {
            self.send_bytes(from, bytes);
        }
        result
    }
}
