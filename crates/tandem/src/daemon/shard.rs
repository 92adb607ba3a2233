//! The shard loop: the one place where drivers and call control meet.
//!
//! One thread owns the SIP sockets and the [`Switch`]. It waits for a datagram, an input from the other threads or the next
//! timer; then it handles all that there is and carries out what came of it, without waiting for anything.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use records::{Job, Outcome, OutcomeSink, Store};
use rtp_net::{EventSink, MediaPlane};
use rtp_proto::control::{Event, SessionStats};
use sip_net::{Lookup, Resolution, Resolver, ResolverLimits, SendResult, UdpListener, UdpOptions, bind_udp};
use sip_proto::{Flow, ListenerId, Transport};
use switch::{CallView, Command, EndOutcome, Gauges, Input, Now, RecordJob, Snapshot, Switch, SwitchConfig};
use tokio::sync::{mpsc, oneshot};

use super::pace::Pace;

/// Datagrams taken from one socket, and inputs taken from the queue, before the others get their turn.
pub(crate) const BATCH: usize = 64;
/// The longest the shard sleeps.
const IDLE: Duration = Duration::from_secs(3600);
/// The longest it sleeps while a media worker's mailbox is full.
const RETRY: Duration = Duration::from_millis(1);
/// Media commands that may wait for room in a mailbox.
const DEFERRED: usize = 65_536;
/// DSCP of signalling: CS3 (RFC 4594 §2.3).
const SIGNALLING_DSCP: u8 = 24;

/// What other threads tell the shard.
pub(crate) enum ShardInput {
    /// From the media workers.
    Media(Event),
    /// From the record store.
    Record(Outcome),
    /// From the resolver.
    Resolved(Resolution),
    /// From the operator.
    Ask(Ask),
}

/// What an operator may want of the shard.
pub(crate) enum Ask {
    Calls(oneshot::Sender<Vec<CallView>>),
    Trunks(oneshot::Sender<Vec<TrunkState>>),
    Hangup(String, oneshot::Sender<EndOutcome>),
    Figures(oneshot::Sender<Box<Figures>>),
    Reload(Arc<Snapshot>, oneshot::Sender<()>),
    Drain,
    /// End every call and stop as soon as nothing is left.
    Shutdown,
    /// Wait for nobody's answer any more: stop as soon as every record is written.
    Leave,
}

/// One trunk's live state.
pub(crate) struct TrunkState {
    pub(crate) name: String,
    pub(crate) calls: u32,
    pub(crate) up: Vec<bool>,
}

/// What metrics are made of.
pub(crate) struct Figures {
    pub(crate) gauges: Gauges,
    pub(crate) drops: Vec<(&'static str, u64)>,
    pub(crate) trunks: Vec<TrunkState>,
    pub(crate) sockets: sip_net::UdpCounters,
}

/// The way to the shard.
pub(crate) type Queue = mpsc::Sender<ShardInput>;

pub(crate) fn queue(length: usize) -> (Queue, mpsc::Receiver<ShardInput>) {
    mpsc::channel(length)
}

/// Media events go to the shard's queue; what finds it full stays with the worker.
pub(crate) struct MediaSink(pub(crate) Queue);

impl EventSink for MediaSink {
    fn deliver(&self, event: Event) -> Result<(), Event> {
        match self.0.try_reserve() {
            Ok(place) => {
                place.send(ShardInput::Media(event));
                Ok(())
            }
            Err(_) => Err(event),
        }
    }
}

/// So do the store's outcomes.
pub(crate) struct StoreSink(pub(crate) Queue);

impl OutcomeSink for StoreSink {
    fn deliver(&self, outcomes: &mut Vec<Outcome>) {
        while !outcomes.is_empty() {
            let Ok(place) = self.0.try_reserve() else { return };
            place.send(ShardInput::Record(outcomes.remove(0)));
        }
    }
}

/// Binds the SIP sockets of a configuration.
pub(crate) fn bind(snapshot: &Snapshot) -> Result<Vec<std::net::UdpSocket>> {
    let options = udp_options();
    let bind = |listener: &switch::Listener| {
        bind_udp(listener.bind, &options).with_context(|| {
            format!(
                "cannot listen on {} (listen.bind); is another switch running?",
                listener.bind
            )
        })
    };
    snapshot.listeners.iter().map(bind).collect()
}

fn udp_options() -> UdpOptions {
    UdpOptions {
        dscp: SIGNALLING_DSCP,
        ..UdpOptions::default()
    }
}

/// What the shard is made of.
pub(crate) struct Parts {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) sockets: Vec<std::net::UdpSocket>,
    pub(crate) inputs: mpsc::Receiver<ShardInput>,
    pub(crate) queue: Queue,
    pub(crate) plane: MediaPlane,
    pub(crate) store: Store,
    pub(crate) unfinished: Vec<records::Journaled>,
}

/// Runs the shard on the present thread until it is told to shut down.
pub(crate) fn run(parts: Parts) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut inputs = parts.inputs;
        let mut shard = Shard::new(Parts {
            inputs: mpsc::channel(1).1,
            ..parts
        })?;
        shard.serve(&mut inputs).await;
        shard.store.close();
        Ok(())
    })
}

struct Shard {
    switch: Switch,
    listeners: Vec<(ListenerId, UdpListener)>,
    commands: Vec<Command>,
    plane: MediaPlane,
    store: Store,
    resolver: Resolver,
    /// Media commands that a worker's mailbox had no room for, in order.
    deferred: VecDeque<rtp_proto::control::Command>,
    /// Inputs that follow from carrying out commands.
    feedback: VecDeque<Input>,
    clock: Clock,
    pace: Pace,
    stopping: bool,
    leaving: bool,
    /// Names of trunks that earlier configurations had.
    retired: BTreeSet<String>,
}

/// Both clocks at once; the wall clock follows the monotonic one within a call, and the system's between calls.
struct Clock;

impl Clock {
    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            at: Instant::now(),
            unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Shard {
    fn new(parts: Parts) -> Result<Self> {
        let clock = Clock;
        let now = clock.now();
        let mut listeners = Vec::new();
        for (listener, socket) in parts.snapshot.listeners.iter().zip(parts.sockets) {
            listeners.push((listener.id, UdpListener::from_socket(socket, &udp_options())?));
        }
        let mut switch = Switch::new(
            SwitchConfig {
                shard: 0,
                seed: seed()?,
            },
            parts.snapshot,
            now,
        );
        let mut commands = Vec::new();
        let unfinished = parts
            .unfinished
            .into_iter()
            .map(|call| (call.record, call.dialogs))
            .collect();
        switch.resume(now, unfinished, &mut commands);
        let queue = parts.queue;
        let sink = move |resolution| {
            // A full queue loses the answer; the attempt's own timer then moves on.
            let _ = queue.try_send(ShardInput::Resolved(resolution));
        };
        let handle = tokio::runtime::Handle::current();
        let resolver = Resolver::start(&handle, ResolverLimits::default(), Arc::new(sink));
        Ok(Self {
            switch,
            listeners,
            commands,
            plane: parts.plane,
            store: parts.store,
            resolver,
            deferred: VecDeque::new(),
            feedback: VecDeque::new(),
            clock,
            pace: Pace::default(),
            stopping: false,
            leaving: false,
            retired: BTreeSet::new(),
        })
    }

    async fn serve(&mut self, inputs: &mut mpsc::Receiver<ShardInput>) {
        self.carry_out();
        while !(self.stopping && self.is_empty()) {
            let Some(first) = self.wait(inputs).await else {
                return;
            };
            let mut taken = usize::from(first.is_some());
            if let Some(input) = first {
                self.take(input);
            }
            while taken < BATCH
                && let Ok(input) = inputs.try_recv()
            {
                self.take(input);
                taken += 1;
            }
            let received = self.receive();
            let now = self.clock.now();
            if self.switch.poll_timeout().is_some_and(|due| due <= now.at) {
                self.switch.handle(now, Input::Timer, &mut self.commands);
            }
            self.carry_out();
            if let Some(rest) = self.pace.after_turn(Instant::now(), taken, received) {
                std::thread::sleep(rest);
            }
        }
    }

    /// Waits for the first of: an input from another thread, a socket, a timer. `None`: every other thread is gone.
    async fn wait(&self, inputs: &mut mpsc::Receiver<ShardInput>) -> Option<Option<ShardInput>> {
        let idle = if self.deferred.is_empty() { IDLE } else { RETRY };
        let latest = Instant::now() + idle;
        let due = self.switch.poll_timeout().map_or(latest, |due| due.min(latest));
        tokio::select! {
            input = inputs.recv() => input.map(Some),
            () = self.sockets_ready() => Some(None),
            () = tokio::time::sleep_until(due.into()) => Some(None),
        }
    }

    async fn sockets_ready(&self) {
        match self.listeners.as_slice() {
            [(_, only)] => log_ready(only.ready().await),
            several => {
                let mut waits: Vec<_> = several
                    .iter()
                    .map(|(_, listener)| Box::pin(listener.ready()))
                    .collect();
                let any = poll_fn(|context| {
                    for wait in &mut waits {
                        if let Poll::Ready(result) = pin!(wait).as_mut().poll(context) {
                            return Poll::Ready(result);
                        }
                    }
                    Poll::Pending
                });
                log_ready(any.await);
            }
        }
    }

    fn take(&mut self, input: ShardInput) {
        let now = self.clock.now();
        let input = match input {
            ShardInput::Media(event) => Input::Media(event),
            ShardInput::Record(Outcome::Stored { ticket }) => Input::Stored { ticket },
            ShardInput::Record(Outcome::Failed { ticket, error: _ }) => Input::StoreFailed { ticket },
            ShardInput::Resolved(resolution) => Input::Resolved {
                query: resolution.token,
                addresses: resolution.result.unwrap_or_default(),
            },
            ShardInput::Ask(ask) => return self.answer(now, ask),
        };
        self.switch.handle(now, input, &mut self.commands);
    }

    /// Answers an operator. One that has given up waiting is no concern of ours.
    fn answer(&mut self, now: Now, ask: Ask) {
        match ask {
            Ask::Calls(reply) => drop(reply.send(self.switch.calls(now))),
            Ask::Trunks(reply) => drop(reply.send(self.trunks())),
            Ask::Hangup(id, reply) => {
                let outcome = self.switch.hangup(now, &id, &mut self.commands);
                let _ = reply.send(outcome);
            }
            Ask::Figures(reply) => drop(reply.send(Box::new(self.figures()))),
            Ask::Reload(snapshot, reply) => {
                self.retire(&snapshot);
                self.switch
                    .handle(now, Input::Reload(snapshot), &mut self.commands);
                let _ = reply.send(());
            }
            Ask::Drain => self.switch.handle(now, Input::Drain, &mut self.commands),
            Ask::Shutdown => {
                self.stopping = true;
                self.switch.handle(now, Input::EndAll, &mut self.commands);
            }
            Ask::Leave => self.leaving = true,
        }
    }

    fn trunks(&self) -> Vec<TrunkState> {
        let state = |trunk: &Arc<config::Trunk>| TrunkState {
            name: trunk.name.clone(),
            calls: self.switch.trunk_calls(&trunk.name),
            up: self.switch.targets_up(&trunk.name),
        };
        self.switch.snapshot().config.trunks.iter().map(state).collect()
    }

    fn figures(&self) -> Figures {
        let mut sockets = sip_net::UdpCounters::default();
        for (_, listener) in &self.listeners {
            let counters = listener.counters();
            sockets.received += counters.received;
            sockets.sent += counters.sent;
            sockets.queued += counters.queued;
            sockets.dropped += counters.dropped;
            sockets.failed += counters.failed;
            sockets.unreachable += counters.unreachable;
        }
        Figures {
            gauges: self.switch.gauges(),
            drops: self.switch.drops().collect(),
            trunks: self.trunks().into_iter().chain(self.retired_trunks()).collect(),
            sockets,
        }
    }

    /// Remembers the trunks that `next` no longer has: they may have calls still, and their metrics have to come down to zero.
    fn retire(&mut self, next: &Snapshot) {
        let present = self
            .switch
            .snapshot()
            .config
            .trunks
            .iter()
            .map(|trunk| &trunk.name);
        let gone = present.filter(|name| next.config.trunk(name).is_none());
        self.retired.extend(gone.cloned());
        self.retired.retain(|name| next.config.trunk(name).is_none());
    }

    fn retired_trunks(&self) -> impl Iterator<Item = TrunkState> {
        self.retired.iter().map(|name| TrunkState {
            name: name.clone(),
            calls: self.switch.trunk_calls(name),
            up: Vec::new(),
        })
    }

    /// Whether nothing is left to wait for: no call, or, when nobody's answer is waited for any more, no call's record.
    fn is_empty(&self) -> bool {
        let gauges = self.switch.gauges();
        let left = gauges.calls + gauges.ending + gauges.orphans;
        left == 0 || (self.leaving && gauges.unrecorded == 0)
    }

    /// Takes what the sockets have: datagrams, of which it says how many, and reports of ones that came back.
    fn receive(&mut self) -> usize {
        let (switch, commands, clock) = (&mut self.switch, &mut self.commands, &self.clock);
        let (mut came_back, mut received) = (Vec::new(), 0);
        for (id, listener) in &mut self.listeners {
            listener.unreachable(BATCH, |report| came_back.push(report.remote));
            let now = clock.now();
            received += listener.recv_batch(BATCH, |remote, bytes| {
                let flow = Flow {
                    transport: Transport::Udp,
                    listener: *id,
                    remote,
                    conn: None,
                };
                switch.handle(now, Input::Datagram { flow, bytes }, commands);
            });
            listener.flush(|report| came_back.push(report.remote));
        }
        came_back.dedup();
        for remote in came_back {
            switch.handle(clock.now(), Input::Unreachable { remote }, commands);
        }
        received
    }

    /// Carries out what the switch wants, and what follows from that.
    fn carry_out(&mut self) {
        self.command_media();
        loop {
            for command in std::mem::take(&mut self.commands) {
                self.apply(command);
            }
            let Some(input) = self.feedback.pop_front() else {
                return;
            };
            let now = self.clock.now();
            self.switch.handle(now, input, &mut self.commands);
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Send(send) => self.send(send),
            Command::Media(command) => {
                self.deferred.push_back(command);
                self.command_media();
            }
            Command::Record(job) => self.store(job),
            Command::Resolve { query, host, port } => {
                let addresses = match self.resolver.lookup(query, &host, port) {
                    Lookup::Literal(address) => vec![address],
                    Lookup::Pending => return,
                    Lookup::Refused => Vec::new(),
                };
                self.feedback.push_back(Input::Resolved { query, addresses });
            }
        }
    }

    fn send(&mut self, send: sip_proto::Send) {
        let Some((_, listener)) = self
            .listeners
            .iter_mut()
            .find(|(id, _)| *id == send.flow.listener)
        else {
            return;
        };
        let failed = matches!(
            listener.send(send.flow.remote, &send.bytes),
            SendResult::Failed(_)
        );
        if let Some(origin) = send.origin.filter(|_| failed) {
            self.feedback.push_back(Input::SendFailed { origin });
        }
    }

    /// Hands media commands to their workers, in order, as far as there is room.
    fn command_media(&mut self) {
        while let Some(command) = self.deferred.pop_front() {
            if let Err(refused) = self.plane.command(command) {
                self.deferred.push_front(*refused.0);
                break;
            }
        }
        if self.deferred.len() > DEFERRED
            && let Some(command) = self.deferred.pop_back()
        {
            self.media_refused(&command);
        }
    }

    /// The media workers are overrun: a session that cannot be opened has failed, one that cannot be closed has no figures.
    fn media_refused(&mut self, command: &rtp_proto::control::Command) {
        use rtp_proto::control::{Command as Media, Side};
        tracing::error!(session = %command.id(), "the media workers take no more commands");
        let id = command.id();
        self.feedback.push_back(Input::Media(match command {
            Media::Open { .. } | Media::Update { .. } => Event::Failed {
                id,
                side: Side::A,
                port: 0,
                error: "the media workers are overrun".to_owned(),
            },
            Media::Close { .. } => Event::Closed {
                id,
                stats: Box::new(SessionStats::default()),
            },
            Media::Report { .. } => return,
        }));
    }

    fn store(&mut self, job: RecordJob) {
        let (ticket, job) = match job {
            RecordJob::Journal {
                ticket,
                record,
                dialogs,
            } => (
                ticket,
                Job::Journal {
                    ticket,
                    record,
                    dialogs,
                },
            ),
            RecordJob::Interim { ticket, record } => (ticket, Job::Interim { ticket, record }),
            RecordJob::Final { ticket, record } => (ticket, Job::Final { ticket, record }),
        };
        if self.store.submit(job).is_err() {
            tracing::error!(ticket, "the record store's queue is full: a record is lost");
            self.feedback.push_back(Input::StoreFailed { ticket });
        }
    }
}

fn log_ready(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "cannot wait for a SIP socket");
    }
}

/// 32 secret bytes from the kernel.
fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    let mut random = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
    io::Read::read_exact(&mut random, &mut seed)?;
    Ok(seed)
}
