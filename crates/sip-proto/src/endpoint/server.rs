//! Server transactions.

mod about;
mod room;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use hashbrown::HashTable;
use sip_msg::{Limits, Message, Method};

use super::drops::DropReason;
use super::event::{Event, Origin, Outbox, Send, SendOrigin, ServerId};
use super::keys::{self, Key, Style};
use super::screen::{Refusal, screen};
use super::slab::{Keyed, Table};
use super::{Due, Endpoint, Running};
use crate::overload;
use crate::reply::{elsewhere, reply, target};
use crate::transaction::{Action, Actions, ServerInvite, ServerNonInvite, Slot};
use crate::transaction::{server_invite, server_non_invite};
use crate::{Flow, Mint, PeerId};

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    key: Key,
    /// Recognises a merged request, as long as the transaction is ongoing (RFC 3261 §8.2.2.2).
    merge: Option<Key>,
    machine: Machine,
    flow: Flow,
    reply_to: SocketAddr,
    /// Where its sender wants answers, until it is known who that is.
    elsewhere: Option<Box<SocketAddr>>,
    kept: Kept,
    timers: Running,
    style: Style,
    cancelled: bool,
    /// Whether its sender wants to know of our load.
    tells: bool,
}

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

/// The only message that a transaction holds on to.
#[derive(Debug)]
enum Kept {
    Nothing,
    /// To make a 100 from, until there is an answer.
    Request(Bytes),
    /// To send again.
    Response(Bytes),
}

impl Keyed for Server {
    fn key(&self) -> &Key {
        &self.key
    }

    fn key_mut(&mut self) -> &mut Key {
        &mut self.key
    }
}

impl Server {
    fn send(&self, id: ServerId, bytes: Bytes) -> Send {
        let flow = Flow {
            remote: self.reply_to,
            ..self.flow
        };
        Send {
            flow,
            bytes,
            origin: Some(SendOrigin(Origin::Server(id))),
            turns_away: false,
        }
    }

    /// The To-tag that this transaction has answered with.
    fn answered_tag(&self) -> Option<Vec<u8>> {
        let Kept::Response(bytes) = &self.kept else {
            return None;
        };
        let response = sip_msg::parse(bytes.clone(), &Limits::default()).ok()?;
        response.to_tag().map(<[u8]>::to_vec)
    }
}

/// All server transactions, by key and by what a merged request is recognised by.
#[derive(Debug)]
pub(super) struct Servers {
    table: Table<Server>,
    merges: HashTable<u64>,
}

impl Servers {
    pub(super) const fn new() -> Self {
        Self {
            table: Table::new(),
            merges: HashTable::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    pub(super) fn merging(&self) -> usize {
        self.merges.len()
    }

    fn insert(&mut self, server: Server) -> ServerId {
        let merge = server.merge.as_ref().map(Key::hash);
        let id = self.table.insert(server);
        if let Some(hash) = merge {
            let table = &self.table;
            self.merges.insert_unique(hash, id, |&other| {
                table
                    .get(other)
                    .and_then(|s| s.merge.as_ref())
                    .map_or(0, Key::hash)
            });
        }
        ServerId(id)
    }

    fn merged(&self, hash: u64, key: &[u8]) -> bool {
        let same = |id: &u64| {
            self.table
                .get(*id)
                .and_then(|s| s.merge.as_ref())
                .is_some_and(|m| m.is(hash, key))
        };
        self.merges.find(hash, same).is_some()
    }

    /// From now on the same request by another way is a new one.
    fn settle(&mut self, id: ServerId) {
        let merge = self.table.get_mut(id.0).and_then(|server| server.merge.take());
        if let Some(Ok(entry)) = merge.map(|key| self.merges.find_entry(key.hash(), |&other| other == id.0)) {
            entry.remove();
        }
    }
}

impl Endpoint {
    /// Answers a request with a complete response. A 2xx to an INVITE is sent again until [`Endpoint::acked`]; after
    /// 64·T1 without it comes [`Event::AckTimeout`]. A provisional answer or a 408 to a non-INVITE request is not sent
    /// (RFC 4320), nor is anything after a final one.
    pub fn respond(&mut self, now: Instant, id: ServerId, bytes: Bytes, out: &mut Outbox) {
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return self.drops.count(DropReason::AnswerLate);
        };
        let timers = &self.config.timers;
        let actions = match (&mut server.machine, status(&bytes)) {
            (Machine::Invite(machine), Some(status)) => {
                let input = match status {
                    ..200 => server_invite::Input::Provisional,
                    200..300 => server_invite::Input::Success,
                    300.. => server_invite::Input::Failure,
                };
                machine.on(input, timers)
            }
            (Machine::Other(machine), Some(status)) if status >= 200 && status != 408 => {
                machine.on(server_non_invite::Input::Final, timers)
            }
            (Machine::Invite(_), None) | (Machine::Other(_), _) => {
                return self.drops.count(DropReason::AnswerForbidden);
            }
        };
        if actions.is_empty() {
            return self.drops.count(DropReason::AnswerLate);
        }
        let tells = server.tells;
        let bytes = if tells {
            self.with_load(Some(now), bytes)
        } else {
            bytes
        };
        if let Some(server) = self.servers.table.get_mut(id.0) {
            server.kept = Kept::Response(bytes);
        }
        self.run_server(now, id, actions, None, out);
    }

    /// The ACK to the 2xx of this INVITE came: it is not sent again.
    pub fn acked(&mut self, id: ServerId) {
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        let Machine::Invite(machine) = &mut server.machine else {
            return;
        };
        // Stop and Forget, or nothing.
        if !machine
            .on(server_invite::Input::Acked, &self.config.timers)
            .is_empty()
        {
            server.timers.stop(&mut self.timers, Slot::Repeat);
            server.kept = Kept::Nothing;
            self.servers.settle(id);
        }
    }

    /// Whose request this was is known (RFC 3261 §18.2.2): should its connection be gone, a new one for the answer has to be to
    /// `peer`, and over datagrams answers go from now on where its Via's `maddr` says.
    pub fn sender_is(&mut self, id: ServerId, peer: PeerId) {
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        server.flow.peer = peer;
        if let Some(to) = server.elsewhere.take() {
            server.reply_to = *to;
        }
    }

    pub(super) fn receive_request(&mut self, now: Instant, flow: Flow, message: Message, out: &mut Outbox) {
        let Some(method) = message.method().cloned() else {
            return;
        };
        match method {
            Method::Ack => return self.receive_ack(now, flow, message, out),
            Method::Cancel => return self.receive_cancel(now, flow, message, out),
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {}
        }
        let style = keys::server(&message, &method, &mut self.scratch);
        let hash = self.secret.hash(&self.scratch);
        if let Some(id) = self.servers.table.find(hash, &self.scratch) {
            return self.receive_copy(now, ServerId(id), out);
        }
        if method == Method::Invite && self.overtakers.has(now, hash) {
            // Whoever sent it has given up: nobody is rung.
            let refusal = Refusal::plain(487, DropReason::CancelledBefore);
            return self.refuse(&flow, &message, &refusal, None, out);
        }
        if method == Method::Invite && message.to_tag().is_some_and(Mint::begins_unkept) {
            // The answer will have this tag, and its ACK be taken for one of which nothing is kept: nothing is, then.
            let refusal = Refusal::plain(481, DropReason::InviteUnkept);
            return self.refuse(&flow, &message, &refusal, None, out);
        }
        // Neither of these touches the scratch.
        if let Err(refusal) = screen(&message, &self.config).and_then(|()| self.room(&message)) {
            return self.refuse(&flow, &message, &refusal, None, out);
        }
        let key = Key::new(hash, &self.scratch);
        let merge = match self.merge_key(&message) {
            Ok(merge) => merge,
            Err(refusal) => return self.refuse(&flow, &message, &refusal, None, out),
        };
        self.open(
            now,
            flow,
            message,
            Opening {
                key,
                merge,
                style,
                invite: method == Method::Invite,
            },
            out,
        );
    }

    /// What a request outside of a dialog will be recognised by if it comes by another way too; refused if it has.
    fn merge_key(&mut self, message: &Message) -> Result<Option<Key>, Refusal> {
        if message.to_tag().is_some() {
            return Ok(None);
        }
        keys::merge(message, &mut self.scratch);
        let hash = self.secret.hash(&self.scratch);
        if self.servers.merged(hash, &self.scratch) {
            return Err(Refusal::plain(482, DropReason::Merged));
        }
        Ok(Some(Key::new(hash, &self.scratch)))
    }

    fn open(&mut self, now: Instant, flow: Flow, message: Message, opening: Opening, out: &mut Outbox) {
        let Opening {
            key,
            merge,
            style,
            invite,
        } = opening;
        let reliable = flow.transport.reliable();
        let timers = &self.config.timers;
        let tells = overload::asks(&message);
        let (machine, actions, kept) = if invite {
            let mut machine = ServerInvite::start(timers, reliable);
            let actions = machine.on(server_invite::Input::Provisional, timers);
            let mut trying = reply(&message, &flow, 100, None, None);
            self.sign(&mut trying);
            let mut trying = trying.finish();
            if tells {
                trying = self.with_load(Some(now), trying);
            }
            (Machine::Invite(machine), actions, Kept::Response(trying))
        } else {
            let (machine, actions) = ServerNonInvite::start(timers, reliable);
            (
                Machine::Other(machine),
                actions,
                Kept::Request(message.raw().clone()),
            )
        };
        let via = message.top_via();
        let reply_to = target(&via, &flow);
        let elsewhere = elsewhere(&via, &flow).map(Box::new);
        let timers = Running::default();
        let id = self.servers.insert(Server {
            key,
            merge,
            machine,
            flow,
            reply_to,
            elsewhere,
            kept,
            timers,
            style,
            cancelled: false,
            tells,
        });
        self.run_server(now, id, actions, None, out);
        out.events.push_back(if invite && message.to_tag().is_none() {
            Event::Invite { id, flow, message }
        } else {
            Event::Request { id, flow, message }
        });
    }

    fn receive_copy(&mut self, now: Instant, id: ServerId, out: &mut Outbox) {
        self.drops.count(DropReason::RequestCopy);
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        let timers = &self.config.timers;
        let actions = match &mut server.machine {
            Machine::Invite(machine) => machine.on(server_invite::Input::Invite, timers),
            Machine::Other(machine) => machine.on(server_non_invite::Input::Request, timers),
        };
        self.run_server(now, id, actions, None, out);
    }

    pub(super) fn server_timer(&mut self, now: Instant, id: ServerId, slot: Slot, out: &mut Outbox) {
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        *server.timers.at(slot) = None;
        let timers = &self.config.timers;
        let actions = match (&mut server.machine, slot) {
            (Machine::Invite(machine), Slot::Repeat) => machine.on(server_invite::Input::Repeat, timers),
            (Machine::Invite(machine), Slot::Limit) => machine.on(server_invite::Input::Limit, timers),
            (Machine::Other(machine), Slot::Repeat) => machine.on(server_non_invite::Input::Repeat, timers),
            (Machine::Other(machine), Slot::Limit) => machine.on(server_non_invite::Input::Limit, timers),
        };
        self.run_server(now, id, actions, None, out);
    }

    pub(super) fn server_send_failed(&mut self, now: Instant, id: ServerId, out: &mut Outbox) {
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        let timers = &self.config.timers;
        let actions = match &mut server.machine {
            Machine::Invite(machine) => machine.on(server_invite::Input::TransportError, timers),
            Machine::Other(machine) => machine.on(server_non_invite::Input::TransportError, timers),
        };
        self.run_server(now, id, actions, None, out);
    }

    /// Carries out what a machine said. `ack` is the message at hand.
    fn run_server(
        &mut self,
        now: Instant,
        id: ServerId,
        actions: Actions,
        mut ack: Option<(Flow, Message)>,
        out: &mut Outbox,
    ) {
        for action in actions {
            let Some(server) = self.servers.table.get_mut(id.0) else {
                return;
            };
            match action {
                Action::Send => {
                    if let Kept::Response(bytes) = &server.kept {
                        out.sends.push(server.send(id, bytes.clone()));
                    }
                }
                Action::SendTrying => self.send_trying(id, out),
                Action::Deliver => {
                    out.events
                        .extend(ack.take().map(|(flow, message)| Event::Ack { flow, message }));
                }
                Action::Start(slot, after) => {
                    server
                        .timers
                        .start(&mut self.timers, now, now + after, Due(Origin::Server(id), slot));
                }
                Action::Stop(slot) => server.timers.stop(&mut self.timers, slot),
                Action::AckTimeout => out.events.push_back(Event::AckTimeout { id }),
                Action::Gone => out.events.push_back(Event::ServerGone { id }),
                Action::Forget => match server.machine {
                    Machine::Invite(_) => {
                        server.kept = Kept::Nothing;
                        self.servers.settle(id);
                    }
                    // The request went when the response took its place; the response is still wanted.
                    Machine::Other(_) => {}
                },
                Action::End => {
                    server.timers.stop(&mut self.timers, Slot::Repeat);
                    server.timers.stop(&mut self.timers, Slot::Limit);
                    self.servers.settle(id);
                    self.servers.table.remove(id.0);
                }
                // What only a client does.
                Action::SendAck | Action::SendCancel | Action::Timeout | Action::Failed => {}
            }
        }
    }

    /// RFC 4320 §4.1: the 100 that keeps the client of a slow non-INVITE request quiet.
    fn send_trying(&mut self, id: ServerId, out: &mut Outbox) {
        let Some(server) = self.servers.table.get(id.0) else {
            return;
        };
        let Kept::Request(bytes) = &server.kept else {
            return;
        };
        let Ok(request) = sip_msg::parse(bytes.clone(), &Limits::default()) else {
            return;
        };
        let mut trying = reply(&request, &server.flow, 100, None, None);
        self.sign(&mut trying);
        let bytes = trying.finish();
        if let Some(server) = self.servers.table.get_mut(id.0) {
            server.kept = Kept::Response(bytes.clone());
            out.sends.push(server.send(id, bytes));
        }
    }
}

/// What a new transaction begins with, beside its message.
struct Opening {
    key: Key,
    merge: Option<Key>,
    style: Style,
    invite: bool,
}

/// The status of a response, from its first line; `None` if it is none.
fn status(response: &[u8]) -> Option<u16> {
    let digits = response.strip_prefix(b"SIP/2.0 ")?.first_chunk::<3>()?;
    let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}
