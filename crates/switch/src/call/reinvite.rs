//! Offers in mid-call: hold, resume, a move to another address or codec (RFC 3261 §14, RFC 3264 §8).
//!
//! They come by re-INVITE, or by UPDATE ([`update`](super::update)), and cross as what the other side takes. A re-INVITE that repeats the offer that we answered last is answered from memory. Any other crosses to the other side, and its
//! answer comes back; until then another INVITE meets 491 or 500. A refusal leaves both sessions as they were.

use bytes::Bytes;
use rtp_proto::control::Side;
use sdp::PtMapping;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::{ClientId, ServerId, digest, reply};

use super::end::Ending;
use super::leg::{self, Leg, Outgoing, Session, Unacked, finish};
use super::terms::Hint;
use super::{Call, Phase, negotiate, sdp_of};
use crate::core::{Asked, ClientOwner, Core, Credentials, Timer};
use crate::headers;
use crate::io::Now;

/// One offer on its way from one side to the other and back.
pub(crate) struct Exchange {
    /// Who sent the re-INVITE (or UPDATE, or PRACK).
    pub(crate) from: Side,
    pub(crate) asked: Asked,
    /// Our re-INVITE or UPDATE to the other side.
    pub(crate) client: ClientId,
    /// It, as it was sent.
    request: Message,
    /// The re-INVITE came without an offer: the other side makes it, and the ACK brings the answer.
    pub(crate) delayed: bool,
    /// The final answer has gone to `from`; what is missing is its ACK.
    pub(crate) answered: bool,
    /// Something has come back for our re-INVITE.
    heard: bool,
    /// It has been cancelled; what `from` then hears: 487 if the CANCEL was its own, 504 if the other side took too long.
    given_up: Option<u16>,
    auth: digest::Attempt,
    /// It was sent again after a 422.
    raised: bool,
    /// Both sessions as they were, to go back to.
    before: Option<Box<(Session, Session)>>,
}

impl Call {
    /// A re-INVITE within the dialog of `side`.
    pub(crate) fn on_reinvite(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        if let Some(status) = self.reinvite_refusal(side) {
            return self.refuse_offer(core, now, side, &asked, status, None);
        }
        let hint = self
            .leg(side)
            .and_then(|leg| leg.interval_refusal(&self.snapshot, &asked.message));
        if hint.is_some() {
            return self.refuse_offer(core, now, side, &asked, 422, hint);
        }
        let offer = match sdp_of(&asked.message) {
            Ok(offer) => offer,
            Err(status) => return self.refuse_offer(core, now, side, &asked, status, None),
        };
        self.take_terms(core, now, side, &asked.message);
        match self.unchanged(side, offer.as_ref()) {
            Some(body) => self.accept_offer(core, now, side, &asked, Some(&body)),
            None => self.begin_exchange(core, now, side, asked, offer, &Method::Invite),
        }
    }

    /// Where the peer is to be reached from now on, and what it takes.
    pub(crate) fn take_terms(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        self.refresh_target(core, now, side, message);
        if let Some(leg) = self.leg_mut(side) {
            leg.note_methods(message);
        }
    }

    /// Refuses an offer: with a wait if it may be made again (RFC 3261 §14.2, RFC 3311 §5.2), and with what would have been right.
    pub(crate) fn refuse_offer(
        &self,
        core: &mut Core,
        now: Now,
        side: Side,
        asked: &Asked,
        status: u16,
        hint: Option<Hint>,
    ) {
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
        if status == 500 {
            writer.header_fmt(HeaderId::RetryAfter, format_args!("{}", core.random() % 10));
        }
        if let Some(hint) = hint {
            hint.write(&mut writer);
        }
        headers::explain(&mut writer, status);
        core.respond(now, asked.id, writer.finish());
    }

    /// Takes an offer, or the wish for one, to the other side, by this method.
    pub(crate) fn begin_exchange(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        asked: Asked,
        offer: Option<sdp::Sdp>,
        method: &Method,
    ) {
        let before = self
            .b
            .as_ref()
            .map(|b| Box::new((self.a.session.clone(), b.session.clone())));
        let delayed = offer.is_none();
        let begun = self.forward_offer(core, side, offer).and_then(|body| {
            self.send_offer(core, now, side.other(), method, body.as_deref(), None)
                .ok_or(500)
        });
        match begun {
            Ok((client, request)) => {
                core.servers.insert(asked.id, (self.key, side));
                self.exchange = Some(Box::new(Exchange {
                    from: side,
                    asked,
                    client,
                    request,
                    delayed,
                    answered: false,
                    heard: false,
                    given_up: None,
                    auth: digest::Attempt::default(),
                    raised: false,
                    before,
                }));
            }
            Err(status) => {
                self.restore(before);
                self.refuse_offer(core, now, side, &asked, status, None);
            }
        }
    }

    /// Takes a peer's new Contact (RFC 3261 §12.2.1.2), and writes it down for a successor of this process.
    pub(crate) fn refresh_target(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        let dialog = self.leg_mut(side).and_then(|leg| leg.dialog.as_mut());
        if dialog.is_some_and(|dialog| dialog.refresh_target(message)) && self.phase == Phase::Answered {
            self.journal(core, now);
        }
    }

    /// Whether a re-INVITE has to wait (RFC 3261 §14.2): 491 while ours is under way to that side, 500 while its own is.
    pub(crate) fn reinvite_refusal(&self, side: Side) -> Option<u16> {
        if self.phase != Phase::Answered {
            return Some(if self.phase == Phase::Ending { 481 } else { 500 });
        }
        if let Some(exchange) = &self.exchange {
            return Some(if exchange.from == side { 500 } else { 491 });
        }
        // The other side may not be asked before it has ACKed our last answer.
        let other_waits = self.leg(side.other()).is_none_or(|leg| leg.unacked.is_some());
        let initial_pending = self.a.session.remote.is_none();
        (other_waits || initial_pending || self.refreshes_by_invite()).then_some(491)
    }

    /// Whether an INVITE of ours on either leg is under way that only refreshes its session.
    fn refreshes_by_invite(&self) -> bool {
        let legs = [Some(&self.a), self.b.as_ref()];
        legs.into_iter().flatten().any(Leg::refreshes_by_invite)
    }

    /// The body to answer with when the offer is the one in force, byte for byte: a session refresh. What this side has answered
    /// itself, as its next offer, is one only if our own offer could be an answer to it: it may have keys, roles and formats that an
    /// answer may not have (RFC 4568 §5.1.2, RFC 5763 §5, RFC 5761 §5.1.1).
    pub(crate) fn unchanged(&self, side: Side, offer: Option<&sdp::Sdp>) -> Option<Bytes> {
        let leg = self.leg(side)?;
        let session = &leg.session;
        let known = session.remote.as_ref()?;
        let plain = || session.security.is_none() && session.mux_offered == leg.mux;
        let answers = session.answered || (plain() && negotiate::says_the_same(session));
        let refresh = **offer?.raw() == **known && answers;
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
    pub(crate) fn pair(&mut self, side: Side) -> Option<(&mut Leg, &mut Leg)> {
        let b = self.b.as_mut()?;
        Some(match side {
            Side::A => (&mut self.a, b),
            Side::B => (b, &mut self.a),
        })
    }

    fn send_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        to: Side,
        method: &Method,
        body: Option<&[u8]>,
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let leg = self.leg_mut(to)?;
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, method)?;
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = self.ruled(to, finish(writer, body));
        let sent = core.request(now, flow, bytes, ClientOwner::Reinvite(key, to))?;
        if *method == Method::Invite {
            // As long as any other transaction may take (RFC 3261 §17.1.1.2); one that only ever hears 100 has no end itself.
            core.disarm(&mut self.stage_timer);
            let limit = snapshot.config.sip.t1 * 64;
            self.stage_timer = Some(core.arm(now, limit, Timer::Stage(key)));
        }
        Some(sent)
    }

    /// The 200 to a re-INVITE, UPDATE or PRACK.
    pub(crate) fn accept_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        asked: &Asked,
        body: Option<&[u8]>,
    ) {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let Some(leg) = self.leg(side) else { return };
        let method = asked.message.method();
        let mut writer = reply(&asked.message, &asked.flow, 200, None, Some(&leg.tag));
        if method != Some(&Method::Prack) {
            leg::contact(
                &mut writer,
                &snapshot,
                &asked.flow,
                leg::is_secure(&asked.message),
            );
            leg::allow(&mut writer);
            self.agree_timer(core, now, side, &asked.message, &mut writer);
        }
        if method == Some(&Method::Invite) {
            let unacked = Unacked {
                server: asked.id,
                cseq: asked.message.cseq().0,
            };
            let previous = self.leg_mut(side).and_then(|leg| leg.unacked.replace(unacked));
            if let Some(previous) = previous {
                core.endpoint.acked(previous.server);
                core.servers.remove(&previous.server);
            }
            core.servers.insert(asked.id, (key, side));
        } else {
            core.servers.remove(&asked.id);
        }
        if let Some(leg) = self.leg_mut(side).filter(|_| body.is_some()) {
            leg.session.unsent = false;
        }
        let bytes = self.ruled(side, finish(writer, body));
        core.respond(now, asked.id, bytes);
    }

    /// The other side's response to a forwarded re-INVITE or UPDATE.
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
        let (from, request, delayed) = (exchange.from, exchange.request.clone(), exchange.delayed);
        let given_up = exchange.given_up;
        let invite = request.method() == Some(&Method::Invite);
        match status {
            200..=299 => {
                self.take_terms(core, now, side, message);
                if self.phase == Phase::Answered {
                    self.conclude_timer(core, now, side, message);
                }
                if delayed && self.phase == Phase::Answered {
                    self.on_reinvite_offer(core, now, from, id, &request, message);
                } else {
                    if invite {
                        self.ack_reinvite(core, now, side, id, &request, None);
                    }
                    self.on_reinvite_answer(core, now, from, message);
                }
            }
            401 | 407 if self.retry_reinvite(core, now, side, message) => {}
            422 if self.raise_exchange(core, now, side, message) => {}
            405 | 501 if !invite => self.without_update(core, now, side),
            408 | 481 => self.on_reinvite_dead(core, now, id),
            487 => self.refuse_exchange(core, now, given_up.unwrap_or(status)),
            _ => self.refuse_exchange(core, now, status),
        }
    }

    /// The peer wants a longer session interval (RFC 4028 §7.3). Says whether the offer is on its way again.
    fn raise_exchange(&mut self, core: &mut Core, now: Now, side: Side, refusal: &Message) -> bool {
        let snapshot = self.snapshot.clone();
        let first = self.exchange.as_ref().is_some_and(|exchange| !exchange.raised);
        let raised = first
            && self
                .leg_mut(side)
                .is_some_and(|leg| leg.raise_interval(&snapshot, refusal));
        if let Some(exchange) = self.exchange.as_mut().filter(|_| raised) {
            exchange.raised = true;
            let method = exchange.request.method().cloned().unwrap_or(Method::Invite);
            return self.offer_again(core, now, side, &method, None);
        }
        false
    }

    /// The peer has no UPDATE after all: once the call is answered a re-INVITE does the same, and before nothing does.
    fn without_update(&mut self, core: &mut Core, now: Now, side: Side) {
        if let Some(leg) = self.leg_mut(side) {
            leg.takes_update = false;
        }
        let again = self.phase == Phase::Answered && self.offer_again(core, now, side, &Method::Invite, None);
        if !again {
            self.refuse_exchange(core, now, negotiate::NOT_ACCEPTABLE);
        }
    }

    fn offer_again(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        method: &Method,
        credentials: Option<Credentials>,
    ) -> bool {
        let body = self.exchange.as_ref().map(|exchange| exchange.request.body());
        let body = body.filter(|body| !body.is_empty());
        let Some((client, request)) = self.send_offer(core, now, side, method, body.as_deref(), credentials)
        else {
            return false;
        };
        if let Some(exchange) = &mut self.exchange {
            (exchange.client, exchange.request) = (client, request);
        }
        true
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
        if self.phase == Phase::Ending {
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
                match self.phase {
                    Phase::Dialing => self.settle_session(core, from, mapping),
                    Phase::Connecting | Phase::Answered | Phase::Ending => {
                        self.update_media(core, from, &mapping);
                    }
                }
                self.accept_offer(core, now, from, &exchange.asked, Some(&body));
            }
            Err(status) => {
                self.exchange = Some(exchange);
                self.refuse_exchange(core, now, status);
                if self.phase == Phase::Answered {
                    // It has agreed to what its counterpart hears refused.
                    self.set_back(core, now, from.other());
                }
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
                self.accept_offer(core, now, from, &exchange.asked, Some(&body));
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
            &exchange.request,
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
        let status = if matches!(status, 401 | 407 | 422) {
            503
        } else {
            status
        };
        if !exchange.answered {
            let status = self.softened(status);
            self.refuse_offer(core, now, exchange.from, &exchange.asked, status, None);
        }
    }

    fn restore(&mut self, before: Option<Box<(Session, Session)>>) {
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

    fn retry_reinvite(&mut self, core: &mut Core, now: Now, side: Side, challenge: &Message) -> bool {
        let Some(exchange) = self.exchange.as_ref().filter(|_| self.phase != Phase::Ending) else {
            return false;
        };
        let method = exchange.request.method().cloned().unwrap_or(Method::Invite);
        let (uri, body) = (exchange.request.uri().to_vec(), exchange.request.body());
        let mut auth = exchange.auth;
        let header = self.credentials(core, side, &mut auth, challenge, &method, &uri, &body);
        let Some(header) = header else { return false };
        let again = self.offer_again(core, now, side, &method, Some(header));
        if let Some(exchange) = &mut self.exchange {
            exchange.auth = auth;
        }
        again
    }

    /// Our re-INVITE has no final answer and never will. That of one which was given up is none (RFC 3261 §9.1).
    pub(crate) fn on_reinvite_unanswered(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        unreachable: bool,
    ) {
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
