//! The shard loop: the one place where drivers and call control meet.
//!
//! One thread owns the SIP sockets and the [`Switch`]. It waits for a datagram, an input from the other threads or the next
//! timer; then it handles all that there is and carries out what came of it, without waiting for anything.
//!
//! | file | what it is |
//! |---|---|
//! | `shard/arrivals.rs` | what the sockets have, and what of it waits |
//! | `shard/foresight.rs` | how long what waits will |
//! | `shard/inputs.rs` | what other threads tell it, and how that comes to it |
//! | `shard/streams.rs` | what connections tell it |
//! | `shard/act.rs` | carrying out what the switch wants |
//! | `shard/ask.rs` | what an operator asks of it |
//! | `shard/tap.rs` | what is kept and copied of the messages |
//! | `shard/trials.rs` | tests of trunks |
//! | `shard/certificates.rs` | callers' certificates, fetched on a thread beside it |
//! | `shard/lookups.rs` | who serves a number, asked likewise |

mod act;
mod arrivals;
mod ask;
mod certificates;
mod foresight;
mod inputs;
mod lookups;
mod show;
mod streams;
mod tap;
mod trials;

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use records::{Outcome, Store};
use rtp_net::{Leftovers, MediaPlane};
use sip_net::{
    Resolver, ResolverConfig, StreamEvent, StreamListener, StreamSetup, Streams, UdpListener, UdpOptions,
    bind_stream, bind_udp,
};
use sip_proto::{ConnId, ListenerId, Transport};
use switch::record::Balance;
use switch::{Command, Input, Now, Snapshot, Switch, SwitchConfig};
use tokio::sync::mpsc;

use super::keeper::{self, Keeper, LEARNED, REGISTRATIONS, USUAL};
use super::news::News;
use super::pace::Pace;
use arrivals::Arrivals;
pub(crate) use inputs::{Ask, Figures, MediaSink, Queue, ShardInput, StoreSink, Traced, TrunkState, queue};
pub(crate) use tap::Tap;
pub(crate) use trials::TrialStart;

/// Datagrams taken from one socket, and inputs taken from the queue, before the others get their turn.
pub(crate) const BATCH: usize = 64;
/// The longest the shard sleeps.
const IDLE: Duration = Duration::from_secs(3600);
/// The longest it sleeps while a media worker's mailbox is full.
const RETRY: Duration = Duration::from_millis(1);
/// DSCP of signalling: CS3 (RFC 4594 §2.3).
const SIGNALLING_DSCP: u8 = 24;

/// The SIP sockets of a configuration.
pub(crate) struct Sockets {
    udp: Vec<(ListenerId, std::net::UdpSocket)>,
    streams: Vec<StreamListener>,
}

/// Binds the SIP sockets of a configuration.
pub(crate) fn bind(snapshot: &Snapshot) -> Result<Sockets> {
    let options = udp_options();
    let mut sockets = Sockets {
        udp: Vec::new(),
        streams: Vec::new(),
    };
    for listener in &snapshot.listeners {
        let taken = || {
            format!(
                "cannot listen on {} (listen.bind); is another switch running?",
                listener.bind
            )
        };
        let (id, transport) = (listener.id, listener.transport);
        if transport == Transport::Udp {
            let socket = bind_udp(listener.bind, &options).with_context(taken)?;
            sockets.udp.push((id, socket));
        } else {
            let socket = bind_stream(listener.bind, SIGNALLING_DSCP).with_context(taken)?;
            sockets.streams.push(StreamListener {
                id,
                transport,
                socket,
            });
        }
    }
    Ok(sockets)
}

fn udp_options() -> UdpOptions {
    UdpOptions {
        dscp: SIGNALLING_DSCP,
        ..UdpOptions::default()
    }
}

/// What has ended the shard's wait.
enum First {
    Input(ShardInput),
    Event(StreamEvent),
}

/// What the shard is made of.
pub(crate) struct Parts {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) sockets: Sockets,
    pub(crate) streams: StreamSetup,
    pub(crate) inputs: mpsc::Receiver<ShardInput>,
    pub(crate) queue: Queue,
    pub(crate) plane: MediaPlane,
    pub(crate) leftovers: Leftovers,
    pub(crate) store: Store,
    pub(crate) tap: Tap,
    pub(crate) news: News,
    pub(crate) unfinished: Vec<records::Journaled>,
    /// What customers have.
    pub(crate) balances: Vec<(String, Balance)>,
}

/// Runs the shard on the present thread until it is told to shut down.
pub(crate) fn run(parts: Parts) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut inputs = parts.inputs;
        let (mut shard, mut heard) = Shard::new(Parts {
            inputs: mpsc::channel(1).1,
            ..parts
        })?;
        shard.serve(&mut inputs, &mut heard).await;
        drop(heard);
        shard.hang_up().await;
        shard.store.close();
        Ok(())
    })
}

struct Shard {
    switch: Switch,
    listeners: Vec<(ListenerId, UdpListener)>,
    arrivals: Arrivals,
    /// Connections; `None`: no listener has any.
    streams: Option<Streams>,
    /// Connections to be closed once what has come over them is answered.
    broken: Vec<ConnId>,
    commands: Vec<Command>,
    /// Those that are being carried out; empty between turns, but for its room.
    doing: Vec<Command>,
    plane: MediaPlane,
    /// Until the calls it is of have been hung up.
    leftovers: Option<Leftovers>,
    store: Store,
    registrations: Keeper,
    /// What is usual for customers, in a file of its own.
    usual: Keeper,
    /// What was learned of carriers, likewise.
    learned: Keeper,
    resolver: Resolver,
    certificates: certificates::Source,
    lookups: lookups::Lookups,
    /// Media commands that a worker's mailbox had no room for, in order.
    deferred: VecDeque<Box<rtp_proto::control::Command>>,
    /// Who asked for a call and waits for its media's figures.
    asked: Vec<show::Asked>,
    /// Refusals for overload over UDP, which go together, and are shown to nobody: they are of no call.
    refusals: Vec<sip_proto::Send>,
    /// Inputs that follow from carrying out commands.
    feedback: VecDeque<Input>,
    clock: Clock,
    pace: Pace,
    /// For how long it has rested since it last looked at the sockets.
    rested: Duration,
    tap: Tap,
    news: News,
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
    fn new(parts: Parts) -> Result<(Self, mpsc::Receiver<StreamEvent>)> {
        let clock = Clock;
        let now = clock.now();
        let mut listeners = Vec::new();
        for (id, socket) in parts.sockets.udp {
            listeners.push((id, UdpListener::from_socket(socket, &udp_options())?));
        }
        let directory = parts.snapshot.config.node.data_dir.clone();
        let dns = &parts.snapshot.config.dns;
        let names = ResolverConfig {
            servers: dns.servers.clone(),
            deadline: dns.timeout,
            stale: dns.stale.unwrap_or_default(),
            ..ResolverConfig::default()
        };
        let (streams, heard) = if parts.sockets.streams.is_empty() {
            (None, mpsc::channel(1).1)
        } else {
            let (streams, heard) = Streams::start(parts.sockets.streams, parts.streams)?;
            (Some(streams), heard)
        };
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
        switch.restore_credit(parts.balances);
        switch.resume(now, unfinished, &mut commands);
        restore(&mut switch, now, &directory);
        let registrations = Keeper::open(&directory, REGISTRATIONS)?;
        let usual = Keeper::open(&directory, USUAL)?;
        let learned = Keeper::open(&directory, LEARNED)?;
        let queue = parts.queue;
        let certificates = certificates::Source::new(queue.clone());
        let lookups = lookups::Lookups::new(queue.clone());
        let sink = move |resolution| {
            // A full queue loses the answer; the attempt's own timer then moves on.
            let _ = queue.try_send(ShardInput::Resolved(resolution));
        };
        let resolver = Resolver::start(names, Arc::new(sink)).context("the resolver cannot be started")?;
        let shard = Self {
            switch,
            listeners,
            arrivals: Arrivals::default(),
            streams,
            broken: Vec::new(),
            commands,
            doing: Vec::new(),
            plane: parts.plane,
            leftovers: Some(parts.leftovers),
            store: parts.store,
            registrations,
            usual,
            learned,
            resolver,
            certificates,
            lookups,
            deferred: VecDeque::new(),
            asked: Vec::new(),
            refusals: Vec::new(),
            feedback: VecDeque::new(),
            clock,
            pace: Pace::default(),
            rested: Duration::ZERO,
            tap: parts.tap,
            news: parts.news,
            stopping: false,
            leaving: false,
            retired: BTreeSet::new(),
        };
        Ok((shard, heard))
    }

    async fn serve(
        &mut self,
        inputs: &mut mpsc::Receiver<ShardInput>,
        heard: &mut mpsc::Receiver<StreamEvent>,
    ) {
        self.carry_out();
        // What calls of a dead process left in the kernel: they have just been hung up.
        if let Some(left) = self.leftovers.take().filter(|left| left.processes() > 0) {
            tracing::info!(
                processes = left.processes(),
                "flows of processes that ended are removed from the kernel"
            );
            left.remove();
        }
        let mut rest: Option<Duration> = None;
        while !(self.stopping && self.is_empty()) {
            let first = match rest {
                Some(rest) => {
                    if !rest.is_zero() {
                        std::thread::sleep(rest);
                        self.rested = rest;
                    }
                    // The runtime looks at the sockets, and at what else runs on this thread.
                    tokio::task::yield_now().await;
                    None
                }
                None => match self.wait(inputs, heard).await {
                    Some(first) => first,
                    None => return,
                },
            };
            let (came, full) = self.turn(first, inputs, heard);
            rest = self.pace.after_turn(Instant::now(), came, full);
            if self.arrivals.wait() {
                rest = Some(Duration::ZERO);
            }
        }
    }

    /// Handles what there is, up to [`BATCH`] of each kind; how much has come, and whether more is waiting.
    fn turn(
        &mut self,
        first: Option<First>,
        inputs: &mut mpsc::Receiver<ShardInput>,
        heard: &mut mpsc::Receiver<StreamEvent>,
    ) -> (usize, bool) {
        let now = self.clock.now();
        let mut taken = 0;
        let (first, event) = match first {
            Some(First::Input(input)) => (Some(input), None),
            Some(First::Event(event)) => (None, Some(event)),
            None => (None, None),
        };
        let over_streams = self.hear(event, heard);
        let mut next = first.or_else(|| inputs.try_recv().ok());
        while let Some(input) = next {
            self.take(now, input);
            taken += 1;
            next = if taken < BATCH {
                inputs.try_recv().ok()
            } else {
                None
            };
        }
        let (received, more) = self.receive();
        let now = self.clock.now();
        if self.switch.poll_timeout().is_some_and(|due| due <= now.at) {
            self.switch.handle(now, Input::Timer, &mut self.commands);
        }
        self.carry_out();
        self.close_broken();
        let full = more || taken >= BATCH || over_streams >= BATCH;
        (taken + received + over_streams, full)
    }

    /// Waits for the first of: an input from another thread, a socket, a timer. `None`: every other thread is gone.
    async fn wait(
        &self,
        inputs: &mut mpsc::Receiver<ShardInput>,
        heard: &mut mpsc::Receiver<StreamEvent>,
    ) -> Option<Option<First>> {
        let idle = if self.deferred.is_empty() { IDLE } else { RETRY };
        let latest = Instant::now() + idle;
        let due = self.switch.poll_timeout().map_or(latest, |due| due.min(latest));
        tokio::select! {
            input = inputs.recv() => input.map(|input| Some(First::Input(input))),
            Some(event) = heard.recv() => Some(Some(First::Event(event))),
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

    fn take(&mut self, now: Now, input: ShardInput) {
        let input = match input {
            ShardInput::Media(event) if self.is_shown(&event) => return,
            ShardInput::Media(event) => Input::Media(event),
            ShardInput::Record(Outcome::Stored { ticket }) => Input::Stored { ticket },
            ShardInput::Record(Outcome::Failed { ticket, error: _ }) => Input::StoreFailed { ticket },
            ShardInput::Resolved(resolution) => Input::Resolved {
                query: resolution.token,
                hops: resolution.result.unwrap_or_default(),
            },
            ShardInput::Certificate(fetch) => certificates::input(fetch),
            ShardInput::LookedUp(answered) => lookups::input(answered),
            ShardInput::Ask(ask) => return self.answer(now, ask),
        };
        self.switch.handle(now, input, &mut self.commands);
    }

    /// Whether nothing is left to wait for: no call and no registration that is being taken back, or, when nobody's answer is waited for any more, no call's record.
    fn is_empty(&self) -> bool {
        let gauges = self.switch.gauges();
        let left = gauges.calls + gauges.ending + gauges.orphans + gauges.unregistering;
        left == 0 || (self.leaving && gauges.unrecorded == 0)
    }
}

/// Takes over from the process before this one: users' registrations, what is usual for customers, and what was learned of carriers.
fn restore(switch: &mut Switch, now: Now, directory: &std::path::Path) {
    recall(switch, now, directory);
    recall_learned(switch, now, directory);
    let kept = match keeper::read(directory, REGISTRATIONS) {
        Ok(Some(kept)) => kept,
        Ok(None) => return,
        Err(error) => return tracing::error!(%error, "the registrations of the last process cannot be read"),
    };
    match switch.restore(now, &kept) {
        Ok(0) => {}
        Ok(contacts) => tracing::info!(contacts, "registrations of the last process are in force"),
        Err(error) => tracing::error!(%error, "the registrations of the last process cannot be read"),
    }
}

fn recall(switch: &mut Switch, now: Now, directory: &std::path::Path) {
    let why = "what is usual for customers cannot be read: it is learned anew";
    match keeper::read(directory, USUAL) {
        Ok(Some(usual)) => match switch.recall(now, &usual) {
            Ok(0) => {}
            Ok(countries) => tracing::info!(countries, "what is usual for customers is known from before"),
            Err(error) => tracing::error!(%error, "{why}"),
        },
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "{why}"),
    }
}

fn recall_learned(switch: &mut Switch, now: Now, directory: &std::path::Path) {
    let read = keeper::read(directory, LEARNED).map_err(|error| error.to_string());
    let recalled = read.and_then(|kept| {
        let Some(kept) = kept else { return Ok(()) };
        let saved = serde_json::from_slice(&kept).map_err(|error| error.to_string())?;
        switch
            .recall_learned(now, &saved)
            .map_err(|error| error.to_string())
    });
    if let Err(error) = recalled {
        tracing::error!(%error, "what was learned of carriers cannot be read: it is learned anew");
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
