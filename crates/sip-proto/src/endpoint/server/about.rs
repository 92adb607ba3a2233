//! Requests about an INVITE: ACK and CANCEL.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use memchr::{memmem, memrchr};
use sip_msg::{Message, Method};

use super::super::drops::DropReason;
use super::super::event::{Event, Outbox, Send, ServerId};
use super::super::keys::{self, Key, Style};
use super::super::screen::Refusal;
use super::super::{Endpoint, Running};
use super::{Kept, Machine, Server};
use crate::reply::{elsewhere, reply, target};
use crate::transaction::{ServerNonInvite, server_invite};
use crate::{Flow, Mint};

const TAG: &[u8] = b";tag=";

/// For how many T1 a CANCEL is remembered that came before its INVITE: as long as one is sent again at its usual pace.
const PATIENCE: u32 = 8;

impl Endpoint {
    /// Whether a datagram is the ACK to a refusal of which nothing was kept, as far as that shows without reading it. It is counted if
    /// so. While most calls are refused this is every second message.
    pub fn absorbs(&mut self, datagram: &[u8]) -> bool {
        if !datagram.starts_with(b"ACK ") {
            return false;
        }
        let is = memmem::find_iter(datagram, TAG).any(|at| {
            let (before, tag) = datagram.split_at_checked(at + TAG.len()).unwrap_or_default();
            let line = memrchr(b'\n', before).and_then(|end| before.get(end + 1..));
            line.is_some_and(is_to) && Mint::begins_unkept(tag)
        });
        if is {
            self.drops.count(DropReason::AckOfStateless);
        }
        is
    }

    pub(super) fn receive_ack(&mut self, now: Instant, flow: Flow, message: Message, out: &mut Outbox) {
        keys::server(&message, &Method::Invite, &mut self.scratch);
        let found = self
            .servers
            .table
            .find(self.secret.hash(&self.scratch), &self.scratch)
            .map(ServerId);
        if let Some(id) = found.filter(|&id| self.ack_fits(id, &message)) {
            let Some(server) = self.servers.table.get_mut(id.0) else {
                return;
            };
            let Machine::Invite(machine) = &mut server.machine else {
                return;
            };
            let before = machine.state();
            let actions = machine.on(server_invite::Input::Ack, &self.config.timers);
            match before {
                server_invite::State::Proceeding => self.drops.count(DropReason::AckTooEarly),
                server_invite::State::Confirmed => self.drops.count(DropReason::AckCopy),
                server_invite::State::Completed
                | server_invite::State::Accepted
                | server_invite::State::Terminated => {}
            }
            return self.run_server(now, id, actions, Some((flow, message)), out);
        }
        let Some(tag) = message.to_tag() else {
            return self.drops.count(DropReason::AckUnmatched);
        };
        let stateless = self
            .secret
            .stateless_tag(self.mint.shard(), &message, &mut self.scratch);
        if *tag == *stateless {
            return self.drops.count(DropReason::AckOfStateless);
        }
        out.events.push_back(Event::Ack { flow, message });
    }

    /// Whether an ACK found by its key is for this answer: without a branch to go by, its To-tag has to be the answer's
    /// (RFC 3261 §17.2.3).
    fn ack_fits(&self, id: ServerId, ack: &Message) -> bool {
        self.servers
            .table
            .get(id.0)
            .is_some_and(|server| match (server.style, &server.kept) {
                (Style::Branch, _) | (Style::Rfc2543, Kept::Nothing | Kept::Request(_)) => true,
                (Style::Rfc2543, Kept::Response(_)) => server.answered_tag().as_deref() == ack.to_tag(),
            })
    }

    pub(super) fn receive_cancel(&mut self, now: Instant, flow: Flow, message: Message, out: &mut Outbox) {
        let style = keys::server(&message, &Method::Cancel, &mut self.scratch);
        let hash = self.secret.hash(&self.scratch);
        if let Some(id) = self.servers.table.find(hash, &self.scratch) {
            return self.receive_copy(now, ServerId(id), out);
        }
        let key = Key::new(hash, &self.scratch);
        keys::server(&message, &Method::Invite, &mut self.scratch);
        let about = self.secret.hash(&self.scratch);
        let invite = self.servers.table.find(about, &self.scratch);
        let Some((id, server)) = invite.and_then(|id| self.servers.table.get(id).map(|s| (ServerId(id), s)))
        else {
            self.overtakers
                .note(now + self.config.timers.t1 * PATIENCE, about);
            let refusal = Refusal::plain(481, DropReason::CancelUnmatched);
            return self.refuse(&flow, &message, &refusal, None, out);
        };
        // The same To-tag as the INVITE's answers, where there are any (§9.2).
        let tag = server.answered_tag();
        let other = self.mint.tag();
        let mut answer = reply(&message, &flow, 200, None, Some(tag.as_deref().unwrap_or(&other)));
        self.sign(&mut answer);
        // Where the INVITE's own go.
        let via = message.top_via();
        let reply_to = elsewhere(&via, &flow)
            .filter(|to| *to == server.reply_to)
            .unwrap_or_else(|| target(&via, &flow));
        self.answer_cancel(now, (flow, reply_to), (key, style), answer.finish(), out);
        let Some(server) = self.servers.table.get_mut(id.0) else {
            return;
        };
        let ringing = match &server.machine {
            Machine::Invite(machine) => machine.state() == server_invite::State::Proceeding,
            Machine::Other(_) => false,
        };
        if ringing && !server.cancelled {
            server.cancelled = true;
            out.events.push_back(Event::Cancelled { id, message });
        } else {
            self.drops.count(DropReason::CancelTooLate);
        }
    }

    /// A CANCEL has a transaction of its own; without room for it the answer goes out all the same.
    fn answer_cancel(
        &mut self,
        now: Instant,
        (flow, reply_to): (Flow, SocketAddr),
        (key, style): (Key, Style),
        answer: Bytes,
        out: &mut Outbox,
    ) {
        if self.servers.len() >= self.config.max_server {
            out.sends.push(Send {
                flow: Flow {
                    remote: reply_to,
                    ..flow
                },
                bytes: answer,
                origin: None,
                turns_away: false,
            });
            return;
        }
        let (machine, actions) = ServerNonInvite::start(&self.config.timers, flow.transport.reliable());
        let id = self.servers.insert(Server {
            key,
            merge: None,
            machine: Machine::Other(machine),
            flow,
            reply_to,
            elsewhere: None,
            kept: Kept::Nothing,
            timers: Running::default(),
            style,
            cancelled: false,
            tells: false,
        });
        self.run_server(now, id, actions, None, out);
        self.respond(now, id, answer, out);
    }
}

/// Whether a line is the To of a message.
fn is_to(line: &[u8]) -> bool {
    let name = line
        .split(|c| *c == b':')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")
}
