//! Offers in mid-call: hold, resume, a move to another address or codec (RFC 3261 §14, RFC 3264 §8).
//!
//! A re-INVITE that repeats the offer that we answered last is answered from memory. Any other crosses to the other side, and its
//! answer comes back; until then another INVITE meets 491 or 500. A refusal leaves both sessions as they were.

use bytes::Bytes;
use rtp_proto::control::Side;
use sdp::PtMapping;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::{ClientId, ServerId, digest, reply};

use super::end::Ending;
use super::leg::{self, Leg, Outgoing, Session, Unacked, finish};
use super::{Call, Phase, negotiate, sdp_of};
use crate::core::{Asked, ClientOwner, Core, Credentials, Timer};
use crate::io::Now;

/// One offer on its way from one side to the other and back.
pub(crate) struct Exchange {
    /// Who sent the re-INVITE.
    pub(crate) from: Side,
    pub(crate) asked: Asked,
    /// Our re-INVITE to the other side.
    pub(crate) client: ClientId,
    /// It, as it was sent.
    invite: Message,
    /// The re-INVITE came without an offer: the other side makes it, and the ACK brings the answer.
    pub(crate) delayed: bool,
    /// The final answer has gone to `from`; what is missing is its ACK.
    pub(crate) answered: bool,
    /// Something has come back for our re-INVITE.
    heard: bool,
    /// It has been cancelled; what `from` then hears: 487 if the CANCEL was its own, 504 if the other side took too long.
    given_up: Option<u16>,
    auth: digest::Attempt,
    /// Both sessions as they were, to go back to.
    before: Option<Box<(Session, Session)>>,
}

impl Call {
    /// A re-INVITE within the dialog of `side`.
    pub(crate) fn on_reinvite(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        if let Some(status) = self.reinvite_refusal(side) {
            let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
            if status == 500 {
                // RFC 3261 §14.2: a random wait of up to ten seconds.
                writer.header_fmt(HeaderId::RetryAfter, format_args!("{}", core.random() % 10));
            }
            core.respond(now, asked.id, writer.finish());
            return;
        }
        let offer = match sdp_of(&asked.message) {
            Ok(offer) => offer,
            Err(status) => return core.answer(now, &asked, status, Some(&tag)),
        };
        self.refresh_target(core, now, side, &asked.message);
        if let Some(body) = self.unchanged(side, offer.as_ref()) {
            return self.accept_reinvite(core, now, side, &asked, &body);
        }
        let before = self
            .b
            .as_ref()
            .map(|b| Box::new((self.a.session.clone(), b.session.clone())));
        let delayed = offer.is_none();
        let begun = self.forward_offer(core, side, offer).and_then(|body| {
            self.send_reinvite(core, now, side.other(), body.as_deref(), None)
                .ok_or(500)
        });
        match begun {
            Ok((client, invite)) => {
                core.servers.insert(asked.id, (self.key, side));
                self.exchange = Some(Box::new(Exchange {
                    from: side,
                    asked,
                    client,
                    invite,
                    delayed,
                    answered: false,
                    heard: false,
                    given_up: None,
                    auth: digest::Attempt::default(),
                    before,
                }));
            }
            Err(status) => {
                self.restore(before);
                core.answer(now, &asked, status, Some(&tag));
            }
        }
    }

    /// Takes a peer's new Contact (RFC 3261 §12.2.1.2), and writes it down for a successor of this process.
    fn refresh_target(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        let dialog = self.leg_mut(side).and_then(|leg| leg.dialog.as_mut());
        if dialog.is_some_and(|dialog| dialog.refresh_target(message)) && self.phase == Phase::Answered {
            self.journal(core, now);
        }
    }

    /// Whether a re-INVITE has to wait (RFC 3261 §14.2): 491 while ours is under way to that side, 500 while its own is.
    fn reinvite_refusal(&self, side: Side) -> Option<u16> {
        if self.phase != Phase::Answered {
            return Some(if self.phase == Phase::Ending { 481 } else { 500 });
        }
        if let Some(exchange) = &self.exchange {
            return Some(if exchange.from == side { 500 } else { 491 });
        }
        // The other side may not be asked before it has ACKed our last answer.
        let other_waits = self.leg(side.other()).is_none_or(|leg| leg.unacked.is_some());
        let initial_pending = self.a.session.remote.is_none();
        (other_waits || initial_pending).then_some(491)
    }

    /// The body to answer with when the offer is the one in force, byte for byte: a session refresh. What this side has answered
    /// itself, as its next offer, is no such thing: our own offer has keys, roles and formats that an answer may not have (RFC 4568
    /// §5.1.2, RFC 5763 §5, RFC 5761 §5.1.1).
    fn unchanged(&self, side: Side, offer: Option<&sdp::Sdp>) -> Option<Bytes> {
        let session = &self.leg(side)?.session;
        let known = session.remote.as_ref()?;
        let refresh = session.answered && **offer?.raw() == **known;
        let sent = session.sent.as_deref().filter(|_| refresh);
        sent.map(Bytes::copy_from_slice)
    }

    fn forward_offer(
        &mut self,
        core: &mut Core,
        side: Side,
        offer: Option<sdp::Sdp>,
    ) -> Result<Option<Bytes>, u16> {
        let Some(offer) = offer else { return Ok(None) };
        let snapshot = self.snapshot.clone();
        let (x, y) = self.pair(side).ok_or(500_u16)?;
        Ok(Some(negotiate::offer(
            &snapshot,
            core.endpoint.mint(),
            x,
            y,
            offer,
        )?))
    }

    /// The leg of this side, and the other.
    fn pair(&mut self, side: Side) -> Option<(&mut Leg, &mut Leg)> {
        let b = self.b.as_mut()?;
        Some(match side {
            Side::A => (&mut self.a, b),
            Side::B => (b, &mut self.a),
        })
    }

    fn send_reinvite(
        &mut self,
        core: &mut Core,
        now: Now,
        to: Side,
        body: Option<&[u8]>,
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let leg = self.leg_mut(to)?;
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, &Method::Invite)?;
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = self.ruled(to, finish(writer, body));
        let sent = core.request(now, flow, bytes, ClientOwner::Reinvite(key, to))?;
        // As long as any other transaction may take (RFC 3261 §17.1.1.2); one that only ever hears 100 has no end itself.
        core.disarm(&mut self.stage_timer);
        let limit = snapshot.config.sip.t1 * 64;
        self.stage_timer = Some(core.arm(now, limit, Timer::Stage(key)));
        Some(sent)
    }

    fn accept_reinvite(&mut self, core: &mut Core, now: Now, side: Side, asked: &Asked, body: &[u8]) {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let Some(leg) = self.leg_mut(side) else { return };
        let mut writer = reply(&asked.message, &asked.flow, 200, None, Some(&leg.tag));
        leg::contact(&mut writer, &snapshot, &asked.flow);
        leg::capabilities(&mut writer);
        let unacked = Unacked {
            server: asked.id,
            cseq: asked.message.cseq().0,
        };
        if let Some(previous) = leg.unacked.replace(unacked) {
            core.endpoint.acked(previous.server);
            core.servers.remove(&previous.server);
        }
        core.servers.insert(asked.id, (key, side));
        let bytes = self.ruled(side, finish(writer, Some(body)));
        core.respond(now, asked.id, bytes);
    }

    /// The other side's response to a forwarded re-INVITE.
    pub(crate) fn on_reinvite_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        side: Side,
        message: &Message,
    ) {
        let status = message.status().unwrap_or(500);
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.client == id) else {
            return;
        };
        exchange.heard = true;
        if status < 200 {
            return;
        }
        let (from, invite, delayed) = (exchange.from, exchange.invite.clone(), exchange.delayed);
        let given_up = exchange.given_up;
        match status {
            200..=299 => {
                self.refresh_target(core, now, side, message);
                if delayed && self.phase == Phase::Answered {
                    self.on_reinvite_offer(core, now, from, id, &invite, message);
                } else {
                    self.ack_reinvite(core, now, side, id, &invite, None);
                    self.on_reinvite_answer(core, now, from, message);
                }
            }
            401 | 407 if self.retry_reinvite(core, now, side, message) => {}
            408 | 481 => self.on_reinvite_dead(core, now, id),
            487 => self.refuse_exchange(core, now, given_up.unwrap_or(status)),
            _ => self.refuse_exchange(core, now, status),
        }
    }

    fn ack_reinvite(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        id: ClientId,
        invite: &Message,
        body: Option<&[u8]>,
    ) {
        if let Some(leg) = self.leg(side) {
            leg.send_ack(core, now, &self.snapshot, id, invite, body);
        }
    }

    /// The answer to the offer that `from` made.
    fn on_reinvite_answer(&mut self, core: &mut Core, now: Now, from: Side, message: &Message) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        if self.phase != Phase::Answered {
            return;
        }
        let snapshot = self.snapshot.clone();
        let answered = sdp_of(message)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(from).ok_or(500_u16)?;
                negotiate::answer(&snapshot, x, y, sdp)
            });
        match answered {
            Ok((body, mapping)) => {
                self.update_media(core, from, &mapping);
                self.accept_reinvite(core, now, from, &exchange.asked, &body);
            }
            Err(status) => {
                self.exchange = Some(exchange);
                self.refuse_exchange(core, now, status);
            }
        }
    }

    /// The other side's offer, after `from` had asked for one; its answer will come in the ACK.
    fn on_reinvite_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        from: Side,
        id: ClientId,
        invite: &Message,
        message: &Message,
    ) {
        let snapshot = self.snapshot.clone();
        let offered = sdp_of(message)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(from).ok_or(500_u16)?;
                Ok(negotiate::offer(&snapshot, core.endpoint.mint(), y, x, sdp)?)
            });
        match offered {
            Ok(body) => {
                let Some(mut exchange) = self.exchange.take() else {
                    return;
                };
                exchange.answered = true;
                self.accept_reinvite(core, now, from, &exchange.asked, &body);
                self.exchange = Some(exchange);
            }
            Err(status) => {
                self.ack_reinvite(core, now, from.other(), id, invite, None);
                self.refuse_exchange(core, now, status);
            }
        }
    }

    /// `side` has ACKed our answer; in a delayed exchange the ACK holds its answer to the other side's offer.
    pub(crate) fn on_exchange_ack(&mut self, core: &mut Core, now: Now, side: Side, ack: &Message) {
        let waiting = self
            .exchange
            .as_ref()
            .is_some_and(|e| e.delayed && e.answered && e.from == side);
        if !waiting {
            return;
        }
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let snapshot = self.snapshot.clone();
        let answered = sdp_of(ack)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(side).ok_or(500_u16)?;
                negotiate::answer(&snapshot, y, x, sdp)
            });
        let body = answered
            .as_ref()
            .ok()
            .map(|(body, _): &(Bytes, PtMapping)| body.clone());
        self.ack_reinvite(
            core,
            now,
            side.other(),
            exchange.client,
            &exchange.invite,
            body.as_deref(),
        );
        match answered {
            Ok((_, mapping)) => self.update_media(core, side.other(), &mapping),
            Err(_) => self.end(core, now, Ending::by_switch("no-answer-sdp", 200, 47)),
        }
    }

    /// The other side refused, or its answer is of no use: the session stays as it was (RFC 3261 §14.1).
    fn refuse_exchange(&mut self, core: &mut Core, now: Now, status: u16) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        self.restore(exchange.before);
        core.servers.remove(&exchange.asked.id);
        let status = if matches!(status, 401 | 407) { 503 } else { status };
        let tag = self
            .leg(exchange.from)
            .map(|leg| leg.tag.clone())
            .unwrap_or_default();
        if !exchange.answered {
            core.answer(now, &exchange.asked, status, Some(&tag));
        }
    }

    fn restore(&mut self, before: Option<Box<(Session, Session)>>) {
        if let (Some(before), Some(b)) = (before, self.b.as_mut()) {
            // Versions never go back: a body that was sent, even in vain, has used its number, and the one before it may
            // not be sent again under its old one (RFC 3264 §8).
            for (session, before) in [(&mut self.a.session, before.0), (&mut b.session, before.1)] {
                let used = (session.sent != before.sent).then_some(session.version);
                *session = before;
                if let Some(version) = used {
                    session.version = version + 1;
                    session.sent = None;
                }
            }
        }
    }

    fn retry_reinvite(&mut self, core: &mut Core, now: Now, side: Side, challenge: &Message) -> bool {
        let Some(exchange) = self.exchange.as_ref().filter(|_| self.phase == Phase::Answered) else {
            return false;
        };
        let (uri, body) = (exchange.invite.uri().to_vec(), exchange.invite.body());
        let mut auth = exchange.auth;
        let header = self.credentials(core, side, &mut auth, challenge, &Method::Invite, &uri, &body);
        let Some(header) = header else { return false };
        let body = (!body.is_empty()).then_some(body);
        let Some((client, invite)) = self.send_reinvite(core, now, side, body.as_deref(), Some(header))
        else {
            return false;
        };
        if let Some(exchange) = &mut self.exchange {
            (exchange.client, exchange.invite, exchange.auth) = (client, invite, auth);
        }
        true
    }

    /// Our re-INVITE has no final answer and never will. That of one which was given up is none (RFC 3261 §9.1).
    pub(crate) fn on_reinvite_unanswered(&mut self, core: &mut Core, now: Now, id: ClientId) {
        let given_up = self
            .exchange
            .as_ref()
            .filter(|exchange| exchange.client == id && exchange.heard)
            .and_then(|exchange| exchange.given_up);
        match given_up {
            Some(status) => self.refuse_exchange(core, now, status),
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
        self.refuse_exchange(core, now, 408);
        if self.phase == Phase::Answered {
            self.end(core, now, Ending::by_switch("dialog-lost", 200, 102));
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
            return self.ack_reinvite(core, now, side, client, &exchange.invite, None);
        }
        // It stays, because a 2xx to our own re-INVITE will still want its ACK.
        self.exchange = Some(exchange);
    }
}
