//! Which call an input belongs to: the one `match` from inputs to calls.

mod answers;
mod edge;
mod handover;
mod view;

pub use edge::Sifted;
pub use view::GroupFigures;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use route::SourceMatch;
use route::deck::Balance;
use rtp_proto::control;
use sip_msg::{Limits, Message, Method, ParseError};
use sip_proto::{Endpoint, EndpointConfig, Event, Flow, Mint, Timers, Transport};

use crate::admit;
use crate::call::{Call, Ending, Phase};
use crate::core::{Asked, Core, Timer};
use crate::credit::CreditView;
use crate::event::EventKind;
use crate::guard;
use crate::health::{self, Pingers};
use crate::ident::{CallKey, IdMap};
use crate::io::{Command, EndOutcome, Input, Now};
use crate::pager;
use crate::record::{CallRecord, HungUpBy};
use crate::register;
use crate::registrar;
use crate::resume;
use crate::snapshot::Snapshot;
use crate::vouch;

/// What a switch is told at its start and never again.
#[derive(Debug, Clone, Copy)]
pub struct SwitchConfig {
    /// This shard's number; it stands in every branch, tag and Call-ID that it makes.
    pub shard: u8,
    /// Secret from which all ids follow; the same seed gives the same run.
    pub seed: [u8; 32],
}

/// One shard of call control. It owns all its state; whoever drives it owns sockets, clock and threads.
pub struct Switch {
    core: Core,
    pub(crate) calls: IdMap<CallKey, Box<Call>>,
    pingers: Pingers,
}

impl Switch {
    /// A switch with no calls.
    #[must_use]
    pub fn new(config: SwitchConfig, snapshot: Arc<Snapshot>, now: Now) -> Self {
        let sip = &snapshot.config.sip;
        let transactions = usize::try_from(sip.max_transactions).unwrap_or(usize::MAX);
        let endpoint = Endpoint::new(
            EndpointConfig {
                timers: Timers {
                    t1: sip.t1,
                    t2: sip.t2,
                    t4: sip.t4,
                },
                methods: Core::methods(),
                extensions: Core::extensions(),
                max_server: transactions,
                max_client: transactions,
                product: sip.user_agent.clone(),
            },
            Mint::new(config.shard, config.seed),
        );
        let mut core = Core::new(endpoint, snapshot, now);
        core.endpoint.set_epoch(now.at, now.unix_ms);
        core.install_learning(now);
        core.install_overload();
        core.install_source_names(now);
        let mut pingers = Pingers::default();
        pingers.install(&mut core, now);
        register::install(&mut core, now);
        Self {
            core,
            calls: IdMap::default(),
            pingers,
        }
    }

    /// Takes an input and appends what is to be done about it to `commands`.
    pub fn handle(&mut self, now: Now, input: Input, commands: &mut Vec<Command>) {
        match input {
            Input::Datagram { flow, bytes } => self.on_datagram(now, flow, bytes),
            Input::Message { flow, message } => self.on_message(now, flow, *message),
            Input::Admitted { flow, message } => self.on_admitted(now, flow, Ok(*message)),
            Input::Proved { conn, names } => drop(self.core.names.insert(conn, names)),
            Input::Disconnected { flow, asked } => self.on_disconnected(now, &flow, asked),
            Input::SendFailed { origin } => {
                self.core
                    .endpoint
                    .send_failed(now.at, origin, &mut self.core.outbox)
            }
            Input::Unreachable { listener, remote } => {
                let there = |flow: &Flow| {
                    flow.remote == remote && flow.listener == listener && flow.transport == Transport::Udp
                };
                self.core
                    .endpoint
                    .unreachable(now.at, there, &mut self.core.outbox);
            }
            Input::Media(event) => self.on_media(now, &event),
            Input::Stored { ticket } => self.on_stored(now, ticket, true),
            Input::StoreFailed { ticket } => self.on_stored(now, ticket, false),
            Input::Resolved { query, hops } => self.on_resolved(now, query, &hops),
            Input::Certificate { query, outcome } => {
                for key in vouch::fetched(&mut self.core, now, query, outcome) {
                    self.with_call(key, |call, core| admit::on_certificate(call, core, now, false));
                }
            }
            Input::LookedUp { query, outcome } => {
                let (waiting, found) = self.core.looked_up(now, query, outcome);
                for key in waiting {
                    self.with_call(key, |call, core| admit::on_dip(call, core, now, found));
                }
            }
            Input::Reload(snapshot) => self.on_reload(now, snapshot),
            Input::Drain => self.drain(now),
            Input::EndAll => self.end_all(now),
            Input::Timer => self.on_time(now),
        }
        self.flush(now, commands);
    }

    pub(crate) fn flush(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.hand_over(now);
        self.settle(now);
        self.heed_guard(now);
        // Whoever is ended may have something for others.
        self.hand_over(now);
        self.settle(now);
        let core = &mut self.core;
        for (source, text) in std::mem::take(&mut core.edge.news) {
            core.tell(now, EventKind::Banned, &source, text);
        }
        // Media first: whoever reads our message and speaks at once, or is put on hold by it, finds the relay ready for that.
        commands.append(&mut core.commands);
        commands.extend(core.outbox.sends.drain(..).map(Command::Send));
    }

    /// When [`Input::Timer`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.core.endpoint.poll_timeout();
        let timers = self.core.timers.next();
        match (endpoint, timers) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Ends the calls that a dead process has left answered (RFC 3261 §15: a BYE on both legs), each with its record.
    pub fn resume(&mut self, now: Now, calls: Vec<(CallRecord, Vec<u8>)>, commands: &mut Vec<Command>) {
        for (record, dialogs) in calls {
            resume::end_orphaned(&mut self.core, now, record, &dialogs);
        }
        self.flush(now, commands);
    }

    /// Takes back the registrations of users that the process before this one gave in [`Command::KeepRegistrations`]. Gives their
    /// number.
    ///
    /// # Errors
    /// They cannot be read; there are none then.
    pub fn restore(&mut self, now: Now, registrations: &[u8]) -> Result<usize, serde_json::Error> {
        registrar::restore(&mut self.core, now, registrations)
    }

    /// Hangs up a call by its id.
    pub fn hangup(&mut self, now: Now, id: &str, commands: &mut Vec<Command>) -> EndOutcome {
        let Some(key) = self
            .calls
            .iter()
            .find(|(_, call)| call.errand().is_none() && *call.id == *id)
            .map(|(key, _)| *key)
        else {
            return EndOutcome::Unknown;
        };
        self.with_call(key, |call, core| {
            let by = HungUpBy::Operator;
            let ending = if call.phase == Phase::Dialing {
                Ending {
                    by,
                    ..Ending::failed("operator", 480)
                }
            } else {
                Ending {
                    by,
                    ..Ending::by_switch("operator", 200, 16)
                }
            };
            call.end(core, now, ending);
        });
        self.flush(now, commands);
        EndOutcome::Ending
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    fn on_disconnected(&mut self, now: Now, gone: &Flow, asked: bool) {
        if let Some(conn) = gone.conn {
            self.core.names.remove(&conn);
            registrar::on_disconnected(&mut self.core, now, conn);
        }
        if !asked {
            return;
        }
        let took_it = |flow: &Flow| {
            let place = (flow.transport, flow.listener, flow.remote);
            let same = place == (gone.transport, gone.listener, gone.remote)
                && (flow.peer == gone.peer || !gone.transport.is_secure());
            same || (flow.conn.is_some() && flow.conn == gone.conn)
        };
        self.core
            .endpoint
            .unreachable(now.at, took_it, &mut self.core.outbox);
    }

    fn on_datagram(&mut self, now: Now, flow: Flow, bytes: Bytes) {
        if self.core.is_barred(now, &flow, &bytes) || self.core.endpoint.absorbs(&bytes) {
            return;
        }
        self.on_message(now, flow, sip_msg::parse(bytes, &Limits::default()));
    }

    fn on_message(&mut self, now: Now, flow: Flow, message: Result<Message, ParseError>) {
        if !self.core.lets_in(now, &flow, &message) {
            return;
        }
        let turned_away = message
            .as_ref()
            .is_ok_and(|request| self.turns_away(now, &flow, request, None));
        if !turned_away {
            self.on_admitted(now, flow, message);
        }
    }

    fn on_admitted(&mut self, now: Now, flow: Flow, message: Result<Message, ParseError>) {
        self.core
            .endpoint
            .receive(now.at, flow, message, &mut self.core.outbox);
    }

    fn on_time(&mut self, now: Now) {
        self.core.endpoint.handle_timeout(now.at, &mut self.core.outbox);
        while let Some((_, timer)) = self.core.timers.pop(now.at) {
            match timer {
                Timer::Ping(number) => self.pingers.on_timer(&mut self.core, now, number),
                Timer::Page(key) => pager::on_timer(&mut self.core, now, key),
                Timer::Register(id) => register::on_timer(&mut self.core, now, id),
                Timer::Binding(id) => registrar::on_timer(&mut self.core, now, id),
                Timer::SaveBindings => registrar::save_due(&mut self.core, now),
                Timer::Guard => guard::on_timer(&mut self.core, now),
                Timer::Learn => self.core.on_learn_timer(now),
                Timer::Source(number) => self.core.look_up_source(now, number),
                Timer::Credit(account) => self.on_credit_timer(now, account),
                Timer::Certificate(key) => {
                    self.with_call(key, |call, core| admit::on_certificate(call, core, now, true));
                }
                Timer::Dip(key) => self.with_call(key, |call, core| admit::on_dip_late(call, core, now)),
                Timer::Stage(key)
                | Timer::MaxDuration(key)
                | Timer::StoreDeadline(key)
                | Timer::Interim(key)
                | Timer::Session(key, _)
                | Timer::Prack(key) => self.with_call(key, |call, core| call.on_timer(core, now, timer)),
            }
        }
    }

    /// Handles what the transactions have to say until they have nothing more to say.
    fn settle(&mut self, now: Now) {
        while let Some(event) = self.core.outbox.events.pop_front() {
            match event {
                Event::Invite { id, flow, message } => {
                    if let Some(call) = admit::invite(&mut self.core, now, Asked { id, flow, message }) {
                        self.keep(call);
                    }
                }
                Event::Request { id, flow, message } => self.on_request(now, Asked { id, flow, message }),
                Event::Ack { flow: _, message } => self.on_ack(now, &message),
                Event::Cancelled { id, message } => {
                    if let Some((key, _)) = self.core.servers.get(&id).copied() {
                        self.with_call(key, |call, core| call.on_cancel(core, now, id, &message));
                    }
                }
                Event::Response { id, message } => self.on_response(now, id, &message),
                Event::Timeout { id } => self.on_no_response(now, id, false),
                Event::SendFailed { id } => self.on_no_response(now, id, true),
                Event::AckTimeout { id } => {
                    if let Some((key, side)) = self.core.servers.remove(&id) {
                        self.with_call(key, |call, core| call.on_ack_timeout(core, now, side));
                    }
                }
                Event::ServerGone { id } => {
                    tracing::debug!(?id, "an answer could not be delivered");
                }
            }
            self.hand_over(now);
        }
    }

    fn keep(&mut self, mut call: Call) {
        if call.is_finished() {
            call.forget(&mut self.core);
        } else {
            let counts = call.phase != Phase::Ending && call.errand().is_none();
            self.core.calls += usize::from(counts);
            self.calls.insert(call.key, Box::new(call));
        }
    }

    /// Lets a call act, and forgets it when it has nothing left to do.
    pub(crate) fn with_call(&mut self, key: CallKey, act: impl FnOnce(&mut Call, &mut Core)) {
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        let was_up = call.phase != Phase::Ending && call.errand().is_none();
        act(call, &mut self.core);
        if was_up && call.phase == Phase::Ending {
            self.core.calls -= 1;
        }
        if call.is_finished() {
            call.forget(&mut self.core);
            self.calls.remove(&key);
        }
    }

    fn on_request(&mut self, now: Now, asked: Asked) {
        let message = &asked.message;
        // A REGISTER is within no dialog, whatever tag its sender still has from the answer before (RFC 3261 §10.2).
        let registers = message.method() == Some(&Method::Register);
        let Some(tag) = message
            .to_tag()
            .filter(|tag| !registers || self.owner(tag).is_some())
        else {
            return self.on_outside_request(now, asked);
        };
        let Some((key, side)) = self.owner(tag) else {
            return self.on_stray(now, &asked);
        };
        let known = self
            .calls
            .get_mut(&key)
            .and_then(|call| call.leg_mut(side))
            .map(|leg| {
                match leg.dialog.as_mut() {
                    Some(dialog) if dialog.matches(message) => Ok(dialog.receive_request(message)),
                    None => match leg.receive_early(message) {
                        Some(order) => Ok(order),
                        // The caller's early dialog is ours by tag alone until it is answered.
                        None if *leg.call_id == *message.call_id() => Ok(Ok(())),
                        None => Err(()),
                    },
                    Some(_) => Err(()),
                }
            });
        match known {
            Some(Ok(Ok(()))) => {
                self.note_way(key, side, &asked);
                self.on_dialog_request(now, key, side, asked);
            }
            Some(Ok(Err(error))) => {
                tracing::debug!(%error, "request out of order");
                self.core.answer(now, &asked, 500, None);
            }
            Some(Err(())) | None => admit::stray(&mut self.core, now, &asked),
        }
    }

    /// A peer that has connected anew is spoken to over its new connection, and answered over another when that is gone.
    fn note_way(&mut self, key: CallKey, side: control::Side, asked: &Asked) {
        let Some(leg) = self.calls.get_mut(&key).and_then(|call| call.leg_mut(side)) else {
            return;
        };
        self.core.endpoint.sender_is(asked.id, leg.flow.peer);
        let flow = asked.flow;
        if let Some(conn) = flow.conn
            && leg.flow.transport == flow.transport
            && leg.flow.conn.is_some()
        {
            leg.flow.conn = Some(conn);
            leg.flow.remote = flow.remote;
        }
    }

    /// Which side of which call has this tag of ours.
    fn owner(&self, tag: &[u8]) -> Option<(CallKey, control::Side)> {
        let (key, side) = self.core.tags.get(tag)?;
        let leg = self.calls.get(&key)?.leg(side)?;
        (*leg.tag == *tag).then_some((key, side))
    }

    fn on_dialog_request(&mut self, now: Now, key: CallKey, side: control::Side, mut asked: Asked) {
        let changed = self
            .calls
            .get(&key)
            .and_then(|call| call.heard(side, &asked.message));
        if let Some(changed) = changed {
            asked.message = changed;
        }
        self.with_call(key, |call, core| match asked.message.method() {
            Some(Method::Invite) => call.on_reinvite(core, now, side, asked),
            Some(Method::Bye) => call.on_bye(core, now, side, asked),
            Some(Method::Options) => health::answer_options(core, now, &asked),
            Some(Method::Info) => call.on_info(core, now, side, asked),
            Some(Method::Message) => call.on_relayed(core, now, side, asked),
            Some(Method::Notify) => call.on_notify(core, now, side, asked),
            Some(Method::Refer) => call.on_refer(core, now, side, asked),
            // Nobody registers within a call.
            Some(Method::Register) => core.answer(now, &asked, 405, asked.message.to_tag()),
            Some(Method::Prack) => call.on_prack(core, now, side, asked),
            Some(Method::Update) => call.on_update(core, now, side, asked),
            Some(_) | None => core.answer(now, &asked, 501, asked.message.to_tag()),
        });
    }

    /// A request outside of any dialog that is no INVITE.
    fn on_outside_request(&mut self, now: Now, asked: Asked) {
        // Only such a connection is to somebody by name.
        if asked.flow.transport == Transport::Tls
            && let SourceMatch::Trunk(trunk) = self.core.source(&asked.flow, "")
        {
            let peer = self.core.snapshot.peer(trunk, None);
            self.core.endpoint.sender_is(asked.id, peer);
        }
        match asked.message.method() {
            Some(Method::Options) => health::answer_options(&mut self.core, now, &asked),
            Some(Method::Register) => registrar::on_register(&mut self.core, now, &asked),
            Some(Method::Message | Method::Notify) => pager::begin(&mut self.core, now, asked),
            // RFC 3515 §2.4.2: nobody is there to be transferred.
            Some(Method::Refer) => self.core.answer(now, &asked, 603, None),
            Some(_) | None => admit::stray(&mut self.core, now, &asked),
        }
    }

    fn on_ack(&mut self, now: Now, message: &Message) {
        match message.to_tag().and_then(|tag| self.owner(tag)) {
            Some((key, side)) => self.with_call(key, |call, core| call.on_ack(core, now, side, message)),
            None => self.core.counters.stray_acks += 1,
        }
    }

    /// A customer's credit is used up by some of its calls: they end.
    fn on_credit_timer(&mut self, now: Now, account: u32) {
        let over = self.core.on_credit_timer(now, account);
        for key in &over {
            self.with_call(*key, |call, core| {
                call.end(core, now, Ending::by_switch("credit-exhausted", 200, 31));
            });
        }
        self.core.credit_ended(now, account, &over);
    }

    /// The balances of customers, as the store has them: at the start, before anything else.
    pub fn restore_credit(&mut self, balances: impl IntoIterator<Item = (String, Balance)>) {
        self.core.credit.restore(balances);
    }

    /// A payment of a customer's is in the store.
    pub fn add_credit(&mut self, now: Now, customer: &str, amount: Balance) {
        self.core.add_credit(now, customer, amount);
    }

    /// What customers may still spend, by name.
    pub fn credit(&mut self, now: Now) -> Vec<CreditView> {
        self.core.credit_views(now)
    }

    fn on_reload(&mut self, now: Now, snapshot: Arc<Snapshot>) {
        self.core.ports.set_range(snapshot.config.media.ports.clone());
        self.core.live.install(&snapshot.tables);
        self.core.trials.take_seats(&mut self.core.live);
        self.core.watchman.guard.install(&snapshot.config);
        self.core.access.install(&snapshot.config);
        self.core.certificates.forget_trust();
        let before = &self.core.snapshot.config.portability;
        self.core.dips.install(before, &snapshot.config.portability);
        self.core.snapshot = snapshot;
        self.core.install_whatif(now);
        self.core.edge.install();
        self.core.install_learning(now);
        self.core.install_credit(now);
        self.core.install_overload();
        self.pingers.install(&mut self.core, now);
        self.core.install_source_names(now);
        register::install(&mut self.core, now);
        registrar::install(&mut self.core);
    }

    /// No more calls: carriers are told by taking our registrations back.
    fn drain(&mut self, now: Now) {
        self.core.draining = true;
        register::drain(&mut self.core, now);
    }

    fn end_all(&mut self, now: Now) {
        self.drain(now);
        registrar::save_due(&mut self.core, now);
        guard::keep(&mut self.core, now);
        self.core.keep_learned(now);
        let keys: Vec<CallKey> = self.calls.keys().copied().collect();
        for key in keys {
            self.with_call(key, |call, core| {
                let ending = if call.phase == Phase::Dialing {
                    Ending::failed("shutdown", 503)
                } else {
                    Ending::by_switch("shutdown", 200, 41)
                };
                call.end(core, now, ending);
            });
        }
    }
}
