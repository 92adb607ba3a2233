//! What crosses from one side to the other beside the call itself, and what a trunk's rules make of messages.

use bytes::Bytes;
use config::RequestMode;
use rtp_proto::control::Side;
use sip_msg::{Message, Method, Writer};

use super::{Call, Invite, bodies};
use crate::headers;
use crate::identity::{self, Towards};
use crate::rules::{self, Facts};

impl Call {
    /// What rules can say of this call.
    fn facts(&self) -> Facts<'_> {
        Facts {
            caller: &self.story.caller,
            called: self.called(),
            call_id: &self.id,
        }
    }

    /// A message to one side, after the rules of its trunk.
    pub(crate) fn ruled(&self, side: Side, bytes: Bytes) -> Bytes {
        match self.leg(side) {
            Some(leg) => rules::sent(self.snapshot.trunk(leg.trunk), self.facts(), bytes),
            None => bytes,
        }
    }

    /// A message from one side, after the rules of its trunk; `None`: as it came.
    pub(crate) fn heard(&self, side: Side, message: &Message) -> Option<Message> {
        let trunk = self.snapshot.trunk(self.leg(side)?.trunk);
        if trunk.headers.is_empty() || message.method() == Some(&Method::Prack) {
            return None;
        }
        rules::received(trunk, self.facts(), message)
    }

    /// Keeps the called side's answer, if something in it may be for the caller.
    pub(crate) fn carry(&mut self, message: &Message) {
        if message.status() <= Some(100) {
            return;
        }
        let Some(trunk) = self.b.as_ref().map(|leg| leg.trunk) else {
            return;
        };
        let (to, from) = (self.snapshot.trunk(self.a.trunk), self.snapshot.trunk(trunk));
        let nothing = from.pass_headers.is_empty() && to.pass_headers.is_empty() && !to.identity.connected;
        let nothing = nothing && !bodies::is_more(message);
        if let Some(invite) = self.invite.as_mut().filter(|_| !nothing) {
            invite.carried = Some(Box::new((trunk, message.clone())));
        }
    }

    /// Writes into an answer to the caller what the called side's has for it.
    pub(crate) fn carry_over(&self, writer: &mut Writer, invite: &Invite) {
        let Some((trunk, answer)) = invite.carried.as_deref() else {
            return;
        };
        let (to, from) = (self.snapshot.trunk(self.a.trunk), self.snapshot.trunk(*trunk));
        let towards = Towards {
            snapshot: &self.snapshot,
            trunk: to,
            flow: &invite.asked.flow,
        };
        if to.identity.connected {
            identity::connected(&towards, writer, from, answer);
        }
        headers::pass(writer, answer, [from, to]);
        if self.is_emergency() {
            headers::pass_emergency(writer, answer, [from, to]);
        }
    }

    /// Puts beside the body of an answer to the caller what the called side's has for it.
    pub(crate) fn with_carried(&self, invite: &Invite, bytes: Bytes) -> Bytes {
        let Some((trunk, answer)) = invite.carried.as_deref() else {
            return bytes;
        };
        let trunks = [self.snapshot.trunk(*trunk), self.snapshot.trunk(self.a.trunk)];
        bodies::with_parts(bytes, answer, trunks.map(|trunk| &**trunk), &self.a.tag)
    }

    /// Puts beside the body of a message to one side what the other side's has for it.
    pub(crate) fn with_beside(&self, to: Side, bytes: Bytes, said: &Message) -> Bytes {
        let Some((leg, other)) = self.leg(to).zip(self.leg(to.other())) else {
            return bytes;
        };
        let trunks = [self.snapshot.trunk(other.trunk), self.snapshot.trunk(leg.trunk)];
        bodies::with_parts(bytes, said, trunks.map(|trunk| &**trunk), &leg.tag)
    }

    /// Whether a message in the dialog of `side` has a part that has to be understood, and that can't cross.
    pub(crate) fn insists(&self, side: Side, message: &Message) -> bool {
        if !bodies::is_more(message) {
            return false;
        }
        let trunks = [side, side.other()].map(|side| self.leg(side).map(|leg| leg.trunk));
        let trunks: Vec<&config::Trunk> = trunks
            .into_iter()
            .flatten()
            .map(|ix| &**self.snapshot.trunk(ix))
            .collect();
        bodies::insists(message, &trunks)
    }

    /// What the two trunks want to become of a request in the call.
    pub(crate) fn policy(&self, message: &Message) -> RequestMode {
        let trunks = [Some(&self.a), self.b.as_ref()].into_iter().flatten();
        let modes = trunks.map(|leg| {
            let requests = &self.snapshot.trunk(leg.trunk).requests;
            match message.method() {
                Some(Method::Info) => requests.info,
                Some(Method::Message) => requests.message,
                Some(Method::Notify) => requests.notify,
                Some(_) | None => RequestMode::Relay,
            }
        });
        let strictness = |mode: &RequestMode| match mode {
            RequestMode::Relay => 0,
            RequestMode::Answer => 1,
            RequestMode::Refuse => 2,
        };
        modes.max_by_key(strictness).unwrap_or(RequestMode::Relay)
    }
}
