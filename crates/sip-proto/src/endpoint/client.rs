//! Client transactions.

mod about;
mod transaction;

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use sip_msg::{HeaderId, Limits, Message, Method};

use super::drops::DropReason;
use super::event::{ClientId, Event, Origin, Outbox, Send};
use super::keys::{self, Key};
use super::{Due, Endpoint, Running};
use crate::transaction::{Action, Actions, Slot};
use crate::transaction::{client_invite, client_non_invite};
use crate::{Flow, Mint};
use about::{ack_to, cancel_of};
pub(super) use transaction::Client;
use transaction::{Answer, Kept, Machine, Owner};

/// Most branches of a fork whose 2xx are ACKed: each costs memory that the far side decides about.
const MAX_FORKS: usize = 16;

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// As many client transactions as allowed.
    #[error("too many client transactions")]
    Full,
    /// The bytes are no request with a branch of RFC 3261, or are an ACK or a CANCEL.
    #[error("not a request that starts a transaction")]
    Invalid,
    /// A live transaction has this branch.
    #[error("branch in use")]
    Duplicate,
}

/// The same request for another way: what is sent when the first way can't be gone.
#[derive(Debug)]
pub struct Otherwise {
    /// The other way.
    pub flow: Flow,
    /// The request, but for its Via as sent the first way.
    pub bytes: Bytes,
}

impl Endpoint {
    /// Sends a request and looks after it. The bytes are the complete request, its top Via with a branch of
    /// [`Mint::branch`]; ACK and CANCEL have functions of their own.
    pub fn request(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: Bytes,
        out: &mut Outbox,
    ) -> Result<ClientId, RequestError> {
        let request = sip_msg::parse(bytes, &Limits::default()).map_err(|_| RequestError::Invalid)?;
        self.request_message(now, flow, &request, out)
    }

    /// As [`Endpoint::request`], for whoever has parsed the request already.
    pub fn request_message(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        out: &mut Outbox,
    ) -> Result<ClientId, RequestError> {
        // A BYE that can't be sent leaves a call up for nobody. Dialogs bound the requests within them.
        if request.to_tag().is_none() && self.clients.len() >= self.config.max_client {
            return Err(RequestError::Full);
        }
        match request.method() {
            Some(Method::Ack | Method::Cancel) | None => Err(RequestError::Invalid),
            Some(method) => self.open_client(now, flow, request, method, Owner::User, out),
        }
    }

    /// Sends the ACK to a 2xx, now and again for each copy of that 2xx, for as long as there may be copies. To be called for each
    /// 2xx with another To-tag.
    pub fn ack(
        &mut self,
        _now: Instant,
        invite: ClientId,
        to_tag: &[u8],
        flow: Flow,
        bytes: Bytes,
        out: &mut Outbox,
    ) {
        if let Some(answer) = self
            .clients
            .get_mut(invite.0)
            .and_then(|client| client.answer(to_tag))
        {
            answer.ack = Some((flow, bytes.clone()));
        }
        out.sends.push(Send {
            flow,
            bytes,
            origin: None,
            turns_away: false,
        });
    }

    /// Cancels an INVITE (RFC 3261 §9.1): held back until the first provisional response, of no effect once a final one came.
    /// `reason` is the value of a Reason header (RFC 3326). If no final response comes within 64·T1 after the
    /// CANCEL went out, the INVITE ends with [`Event::Timeout`].
    pub fn cancel(&mut self, now: Instant, invite: ClientId, reason: Option<&[u8]>, out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(invite.0) else {
            return;
        };
        let Machine::Invite(machine) = &mut client.machine else {
            return;
        };
        let actions = machine.on(client_invite::Input::Cancel, &self.config.timers);
        if let Kept::Request(_, held) = &mut client.kept {
            *held = held.take().or_else(|| reason.map(Into::into));
        }
        self.run_client(now, invite, actions, None, out);
    }

    /// What goes to these destinations doesn't arrive: a connection broke, or the network said that a port is closed
    /// (RFC 3261 §18.4). Requests of ours to them that have no final response yet end with [`Event::SendFailed`], except
    /// INVITEs that have been heard of.
    pub fn unreachable(&mut self, now: Instant, gone: impl Fn(&Flow) -> bool, out: &mut Outbox) {
        let hit = self.clients.iter().filter(|(_, client)| gone(&client.flow));
        let hit: Vec<ClientId> = hit.map(|(id, _)| ClientId(id)).collect();
        for id in hit {
            self.client_send_failed(now, id, out);
        }
    }

    fn open_client(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        method: &Method,
        owner: Owner,
        out: &mut Outbox,
    ) -> Result<ClientId, RequestError> {
        if !keys::client(request, method, &mut self.scratch) {
            return Err(RequestError::Invalid);
        }
        let hash = self.secret.hash(&self.scratch);
        if self.clients.find(hash, &self.scratch).is_some() {
            return Err(RequestError::Duplicate);
        }
        let (machine, actions) = Machine::start(method, &self.config.timers, flow.transport.reliable());
        let key = Key::new(hash, &self.scratch);
        let kept = Kept::Request(request.raw().clone(), None);
        let timers = Running::default();
        let id = ClientId(self.clients.insert(Client {
            key,
            machine,
            flow,
            owner,
            kept,
            timers,
            otherwise: None,
        }));
        self.run_client(now, id, actions, None, out);
        Ok(id)
    }

    /// As [`Endpoint::request_message`]; when it can't be sent, and nothing has been heard of it, it goes `otherwise`. That the peer
    /// can't be reached the first way is remembered: [`Endpoint::may_try_tcp`].
    pub fn request_or(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Message,
        otherwise: Otherwise,
        out: &mut Outbox,
    ) -> Result<ClientId, RequestError> {
        let id = self.request_message(now, flow, request, out)?;
        if let Some(client) = self.clients.get_mut(id.0) {
            client.otherwise = Some(Box::new(otherwise));
        }
        Ok(id)
    }

    /// Whether the peer at this address may have TCP: nobody has refused it, or that was long ago.
    pub fn may_try_tcp(&self, now: Instant, remote: SocketAddr) -> bool {
        self.no_tcp.may_try(now, remote)
    }

    /// The first way is barred: the request goes the other one, as if it had never been sent. Whether there was one.
    fn go_otherwise(&mut self, now: Instant, id: ClientId, out: &mut Outbox) -> bool {
        let Some(client) = self.clients.get_mut(id.0) else {
            return false;
        };
        let Some(otherwise) = client.otherwise.take() else {
            return false;
        };
        self.no_tcp.refused(now, client.flow.remote);
        if matches!(&client.machine, Machine::Invite(machine) if machine.is_cancelled()) {
            return false;
        }
        let Otherwise { flow, bytes } = *otherwise;
        let Some(method) = self.rename(id, &bytes) else {
            return false;
        };
        let Some(client) = self.clients.get_mut(id.0) else {
            return false;
        };
        let (machine, actions) = Machine::start(&method, &self.config.timers, flow.transport.reliable());
        let held = match &mut client.kept {
            Kept::Request(_, held) => held.take(),
            Kept::Nothing | Kept::Ack(_) | Kept::Answers(_) => None,
        };
        client.kept = Kept::Request(bytes, held);
        (client.machine, client.flow) = (machine, flow);
        client.timers.stop(&mut self.timers, Slot::Repeat);
        client.timers.stop(&mut self.timers, Slot::Limit);
        self.run_client(now, id, actions, None, out);
        true
    }

    /// Answers come by the Via of what was sent (RFC 3261 §17.1.3), and the sent-by of another listener may be another. The request's
    /// method; `None` if it can't have a transaction.
    fn rename(&mut self, id: ClientId, bytes: &Bytes) -> Option<Method> {
        let request = sip_msg::parse(bytes.clone(), &Limits::default()).ok()?;
        let method = request.method()?;
        if !keys::client(&request, method, &mut self.scratch) {
            return None;
        }
        let hash = self.secret.hash(&self.scratch);
        match self.clients.find(hash, &self.scratch) {
            None => self.clients.rename(id.0, Key::new(hash, &self.scratch)),
            Some(same) if same == id.0 => {}
            Some(_) => return None,
        }
        Some(method.clone())
    }

    pub(super) fn receive_response(&mut self, now: Instant, message: Message, out: &mut Outbox) {
        if message.values(HeaderId::Via).nth(1).is_some() {
            return self.drops.count(DropReason::ResponseVias);
        }
        let (_, method) = message.cseq();
        keys::client(&message, method, &mut self.scratch);
        let Some(id) = self
            .clients
            .find(self.secret.hash(&self.scratch), &self.scratch)
            .map(ClientId)
        else {
            let ours = message
                .top_via()
                .branch()
                .is_some_and(|branch| Mint::shard_of(branch).is_some());
            let why = if ours {
                DropReason::ResponseUnmatched
            } else {
                DropReason::ResponseNotOurs
            };
            return self.drops.count(why);
        };
        if !self.peers.is_empty()
            && let Some(client) = self.clients.get(id.0)
        {
            self.peers.heard(now, client.flow.remote, &message);
        }
        let Some(client) = self.clients.get_mut(id.0) else {
            return;
        };
        if client.otherwise.take().is_some() {
            self.no_tcp.answered(client.flow.remote);
        }
        let timers = &self.config.timers;
        let status = message.status().unwrap_or_default();
        let (actions, late) = match &mut client.machine {
            Machine::Invite(_) if (200..300).contains(&status) => {
                return self.receive_success(now, id, message, out);
            }
            Machine::Invite(machine) => {
                let failure = status >= 300;
                let copy = failure && machine.state() == client_invite::State::Completed;
                if copy {
                    self.drops.count(DropReason::ResponseCopy);
                }
                let input = if failure {
                    client_invite::Input::Failure
                } else {
                    client_invite::Input::Provisional
                };
                (machine.on(input, timers), DropReason::ResponseLate)
            }
            Machine::Other(machine) if status < 200 => (
                machine.on(client_non_invite::Input::Provisional, timers),
                DropReason::ResponseLate,
            ),
            Machine::Other(machine) => (
                machine.on(client_non_invite::Input::Final, timers),
                DropReason::ResponseCopy,
            ),
        };
        if actions.is_empty() {
            return self.drops.count(late);
        }
        self.run_client(now, id, actions, Some(message), out);
    }

    /// A 2xx to an INVITE: a copy gets its ACK again (RFC 3261 §13.2.2.4), one with another To-tag is news.
    fn receive_success(&mut self, now: Instant, id: ClientId, message: Message, out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(id.0) else {
            return;
        };
        let to_tag = message.to_tag().unwrap_or_default();
        if let Some(answer) = client.answer(to_tag) {
            if let Some((flow, bytes)) = answer.ack.clone() {
                out.sends.push(Send {
                    flow,
                    bytes,
                    origin: None,
                    turns_away: false,
                });
            }
            return self.drops.count(DropReason::ResponseCopy);
        }
        let Machine::Invite(machine) = &mut client.machine else {
            return;
        };
        let answer = Answer {
            to_tag: to_tag.into(),
            ack: None,
        };
        match &mut client.kept {
            Kept::Answers(answers) if answers.len() >= MAX_FORKS => {
                return self.drops.count(DropReason::TooManyForks);
            }
            Kept::Answers(answers) => answers.push(answer),
            Kept::Request(..) => client.kept = Kept::Answers(vec![answer]),
            Kept::Ack(_) | Kept::Nothing => return self.drops.count(DropReason::ResponseLate),
        }
        let actions = machine.on(client_invite::Input::Success, &self.config.timers);
        self.run_client(now, id, actions, Some(message), out);
    }

    pub(super) fn client_timer(&mut self, now: Instant, id: ClientId, slot: Slot, out: &mut Outbox) {
        let Some(client) = self.clients.get_mut(id.0) else {
            return;
        };
        *client.timers.at(slot) = None;
        let timers = &self.config.timers;
        let actions = match (&mut client.machine, slot) {
            (Machine::Invite(machine), Slot::Repeat) => machine.on(client_invite::Input::Repeat, timers),
            (Machine::Invite(machine), Slot::Limit) => machine.on(client_invite::Input::Limit, timers),
            (Machine::Other(machine), Slot::Repeat) => machine.on(client_non_invite::Input::Repeat, timers),
            (Machine::Other(machine), Slot::Limit) => machine.on(client_non_invite::Input::Limit, timers),
        };
        self.run_client(now, id, actions, None, out);
    }

    pub(super) fn client_send_failed(&mut self, now: Instant, id: ClientId, out: &mut Outbox) {
        if self.go_otherwise(now, id, out) {
            return;
        }
        let Some(client) = self.clients.get_mut(id.0) else {
            return;
        };
        let timers = &self.config.timers;
        let actions = match &mut client.machine {
            Machine::Invite(machine) => machine.on(client_invite::Input::TransportError, timers),
            Machine::Other(machine) => machine.on(client_non_invite::Input::TransportError, timers),
        };
        self.run_client(now, id, actions, None, out);
    }

    /// Carries out what a machine said. `response` is the message at hand.
    fn run_client(
        &mut self,
        now: Instant,
        id: ClientId,
        actions: Actions,
        mut response: Option<Message>,
        out: &mut Outbox,
    ) {
        for action in actions {
            let Some(client) = self.clients.get_mut(id.0) else {
                return;
            };
            let told = client.owner == Owner::User;
            match action {
                Action::Send => {
                    if let Kept::Request(bytes, _) = &client.kept {
                        out.sends.push(client.send(id, bytes.clone()));
                    }
                }
                Action::SendAck => {
                    if let Some(ack) = client
                        .request()
                        .zip(response.as_ref())
                        .map(|((r, _), to)| ack_to(&r, to))
                    {
                        client.kept = Kept::Ack(ack);
                    }
                    if let Kept::Ack(ack) = &client.kept {
                        out.sends.push(client.send(id, ack.clone()));
                    }
                }
                Action::SendCancel => self.send_cancel(now, id, out),
                Action::Deliver => {
                    let news = response.take().filter(|_| told);
                    out.events
                        .extend(news.map(|message| Event::Response { id, message }));
                }
                Action::Start(slot, after) => {
                    client
                        .timers
                        .start(&mut self.timers, now, now + after, Due(Origin::Client(id), slot));
                }
                Action::Stop(slot) => client.timers.stop(&mut self.timers, slot),
                Action::Timeout => out.events.extend(told.then_some(Event::Timeout { id })),
                Action::Failed => out.events.extend(told.then_some(Event::SendFailed { id })),
                Action::Forget => {
                    // The ACK or the answers have taken the request's place already where they are wanted.
                    if let Kept::Request(..) = client.kept {
                        client.kept = Kept::Nothing;
                    }
                }
                Action::End => {
                    client.timers.stop(&mut self.timers, Slot::Repeat);
                    client.timers.stop(&mut self.timers, Slot::Limit);
                    self.clients.remove(id.0);
                }
                // What only a server does.
                Action::SendTrying | Action::AckTimeout | Action::Gone => {}
            }
        }
    }

    fn send_cancel(&mut self, now: Instant, id: ClientId, out: &mut Outbox) {
        let Some(client) = self.clients.get(id.0) else {
            return;
        };
        let Some((invite, reason)) = client.request() else {
            return;
        };
        let flow = client.flow;
        let bytes = cancel_of(&invite, reason);
        let Ok(cancel) = sip_msg::parse(bytes, &Limits::default()) else {
            return;
        };
        // The limit is for new requests. A duplicate can't be: one INVITE sends one CANCEL.
        let _ = self.open_client(now, flow, &cancel, &Method::Cancel, Owner::Endpoint, out);
    }
}
