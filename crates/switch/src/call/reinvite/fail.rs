//! Offers that come to nothing: refused, given up, never answered. Both sessions are as they were.

use rtp_proto::control::Side;
use sip_msg::{Message, Method};
use sip_proto::{ClientId, ServerId};

use crate::call::leg::Session;
use crate::call::{Call, Phase, caller_status, negotiate, relay};
use crate::core::Core;
use crate::io::Now;

impl Call {
    /// The other side refused, or its answer is of no use: the session stays as it was (RFC 3261 §14.1).
    pub(super) fn refuse_exchange(&mut self, core: &mut Core, now: Now, status: u16) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        self.restore(exchange.before);
        core.servers.remove(&exchange.asked.id);
        let status = match status {
            // A Contact of the other side's is nothing for this one (RFC 3261 §21.3), and this side's dialog goes on.
            other if (300..400).contains(&other) || relay::ends_dialog(other) => negotiate::NOT_ACCEPTABLE,
            other => caller_status(other),
        };
        if !exchange.answered {
            let status = self.softened(status);
            self.refuse_offer(core, now, exchange.from, &exchange.asked, status, None);
        }
        self.stay_seated(core, now, status);
    }

    pub(super) fn restore(&mut self, before: Option<Box<(Session, Session)>>) {
        if let (Some(before), Some(b)) = (before, self.b.as_mut()) {
            // Versions never go back: a body that was sent, even in vain, has used its number, and the one before it may
            // not be sent again under its old one (RFC 3264 §8).
            for (session, before) in [(&mut self.a.session, before.0), (&mut b.session, before.1)] {
                let changed = session.sent != before.sent || session.unsent != before.unsent;
                let used = changed.then_some(session.version);
                *session = before;
                if let Some(version) = used {
                    session.version = version + 1;
                    let again = |body: &[u8]| negotiate::with_version(body, version + 1);
                    session.sent = session.sent.as_deref().and_then(again);
                    session.unsent = true;
                }
            }
        }
    }

    /// Our re-INVITE has no final answer and never will. That of one which was given up is none (RFC 3261 §9.1).
    pub(crate) fn on_reinvite_unanswered(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        unreachable: bool,
    ) {
        if let Some(exchange) = self
            .exchange
            .take_if(|exchange| exchange.client == id && exchange.abandoned)
        {
            tracing::debug!(call = %self.id, from = ?exchange.from, "an offer that nobody waits for has no answer");
            return;
        }
        let given_up = self
            .exchange
            .as_ref()
            .filter(|exchange| exchange.client == id && exchange.heard)
            .and_then(|exchange| exchange.given_up);
        let current = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.client == id);
        match given_up {
            Some(status) => self.refuse_exchange(core, now, status),
            // As a 503 (RFC 3261 §8.1.3.1), which says nothing of the dialog.
            None if unreachable && current => self.refuse_exchange(core, now, 503),
            None => self.on_reinvite_dead(core, now, id),
        }
    }

    /// The other side is gone: no answer at all, or one that denies the dialog (RFC 3261 §12.2.1.2).
    pub(crate) fn on_reinvite_dead(&mut self, core: &mut Core, now: Now, id: ClientId) {
        let current = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.client == id);
        if !current {
            return;
        }
        // Whoever has asked for a transfer may have left; whose place another wants is not asked.
        let side = self.exchange.as_ref().map(|exchange| exchange.from.other());
        if side.is_some_and(|side| self.is_vacant(side)) {
            return self.refuse_exchange(core, now, 491);
        }
        self.refuse_exchange(core, now, 408);
        if self.phase == Phase::Answered {
            self.lose_dialog(core, now);
        }
    }

    /// The other side takes too long over an offer: it is asked to drop it (RFC 3261 §14.1).
    pub(crate) fn on_exchange_timeout(&mut self, core: &mut Core, now: Now) {
        if let Some(exchange) = self.exchange.as_mut().filter(|exchange| !exchange.answered) {
            exchange.given_up.get_or_insert(504);
            core.endpoint
                .cancel(now.at, exchange.client, None, &mut core.outbox);
        }
    }

    /// CANCEL for a re-INVITE: the other side is asked to drop it; both then hear the same (RFC 3261 §9.2).
    pub(crate) fn cancel_exchange(&mut self, core: &mut Core, now: Now, id: ServerId) {
        if let Some(exchange) = self.exchange.as_mut().filter(|e| e.asked.id == id && !e.answered) {
            exchange.given_up.get_or_insert(487);
            core.endpoint
                .cancel(now.at, exchange.client, None, &mut core.outbox);
        }
    }

    /// The call ends while an exchange is under way: its INVITE is refused (RFC 3261 §15.1.2).
    pub(crate) fn drop_exchange(&mut self, core: &mut Core, now: Now) {
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if !exchange.answered {
            core.servers.remove(&exchange.asked.id);
            let tag = self
                .leg(exchange.from)
                .map(|leg| leg.tag.clone())
                .unwrap_or_default();
            core.answer(now, &exchange.asked, 487, Some(&tag));
            exchange.answered = true;
            core.endpoint
                .cancel(now.at, exchange.client, None, &mut core.outbox);
        } else if exchange.delayed {
            // The other side's offer gets no answer any more, but its 2xx an ACK.
            let (side, client) = (exchange.from.other(), exchange.client);
            return self.ack_reinvite(core, now, side, client, &exchange.request, None);
        }
        // It stays, because a 2xx to our own re-INVITE will still want its ACK.
        self.exchange = Some(exchange);
    }

    /// The leg at `by` is about to be another's: what is under way between the two comes to nothing.
    pub(crate) fn abandon_exchange(&mut self, core: &mut Core, now: Now, by: Side) {
        self.drop_exchange(core, now);
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if exchange.from == by {
            // The other side may have agreed, and will be told what holds.
            exchange.abandoned = true;
            self.exchange = Some(exchange);
        } else {
            // What still comes is thanked for and hung up, as of nobody's.
            core.clients.remove(&exchange.client);
        }
    }

    /// The final answer to an offer that nobody waits for any more.
    pub(super) fn finish_abandoned(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let success = message.status().is_some_and(|status| status < 300);
        if success && exchange.request.method() == Some(&Method::Invite) {
            self.ack_reinvite(core, now, exchange.from.other(), id, &exchange.request, None);
        }
    }

    /// The called side is gone before it has answered: an offer on its way between the two has come to nothing.
    pub(crate) fn drop_exchange_with_b(&mut self, core: &mut Core, now: Now) {
        if let Some(exchange) = self.exchange.take() {
            core.clients.remove(&exchange.client);
            core.servers.remove(&exchange.asked.id);
            let status = if exchange.from == Side::A { 500 } else { 487 };
            self.refuse_offer(core, now, exchange.from, &exchange.asked, status, None);
        }
    }
}
