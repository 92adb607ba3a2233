//! Offers in mid-call: hold, resume, a move to another address or codec (RFC 3261 §14, RFC 3264 §8).
//!
//! They come by re-INVITE, or by UPDATE ([`update`](super::update)), and cross as what the other side takes. A re-INVITE that
//! repeats the offer that we answered last is answered from memory. Any other crosses to the other side, and its answer comes back
//! ([`answer`]); until then another INVITE meets 491 or 500. A refusal leaves both sessions as they were ([`fail`]).

mod answer;
mod fail;

use bytes::Bytes;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::{ClientId, digest, reply};

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
    /// Both sessions as they were, to go back to.
    before: Option<Box<(Session, Session)>>,
    /// Who has asked has no part in the call any more: the answer only gets its ACK.
    abandoned: bool,
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
        if self.insists(side, &asked.message) {
            return self.refuse_offer(core, now, side, &asked, 415, None);
        }
        let offer = match sdp_of(&asked.message) {
            Ok(offer) => offer,
            Err(status) => return self.refuse_offer(core, now, side, &asked, status, None),
        };
        self.take_terms(core, now, side, &asked.message);
        match self.unchanged(side, offer.as_ref()) {
            Some(body) => self.accept_offer(core, now, side, &asked, Some(&body), None),
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
            let said = (body.as_deref(), &asked.message);
            self.send_offer(core, now, side.other(), method, said, None)
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
                    before,
                    abandoned: false,
                }));
            }
            Err(status) => {
                self.restore(before);
                self.refuse_offer(core, now, side, &asked, status, None);
                self.stay_seated(core, now, status);
            }
        }
    }

    /// Takes a peer's new Contact (RFC 3261 §12.2.1.2; in an early dialog by UPDATE, RFC 3311 §5.2), and writes it down for a successor of this process.
    pub(crate) fn refresh_target(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        let dialog = self.leg_mut(side).and_then(|leg| leg.dialog_of(message));
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
        let vacant = self.is_vacant(side.other());
        (vacant || other_waits || initial_pending || self.refreshes_by_invite()).then_some(491)
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

    pub(super) fn send_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        to: Side,
        method: &Method,
        (body, beside): (Option<&[u8]>, &Message),
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let leg = self.leg_mut(to)?;
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, method)?;
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = self.with_beside(to, finish(writer, body), beside);
        let bytes = self.ruled(to, bytes);
        let sent = core.request(now, flow, bytes, ClientOwner::Reinvite(key, to))?;
        if *method == Method::Invite {
            // As long as any other transaction may take (RFC 3261 §17.1.1.2); one that only ever hears 100 has no end itself.
            core.disarm(&mut self.stage_timer);
            let limit = snapshot.config.sip.t1 * 64;
            self.stage_timer = Some(core.arm(now, limit, Timer::Stage(key)));
        }
        Some(sent)
    }

    /// The 200 to a re-INVITE, UPDATE or PRACK. `beside`: what the other side has answered.
    pub(crate) fn accept_offer(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        asked: &Asked,
        body: Option<&[u8]>,
        beside: Option<&Message>,
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
        let mut bytes = finish(writer, body);
        if let Some(beside) = beside {
            bytes = self.with_beside(side, bytes, beside);
        }
        let bytes = self.ruled(side, bytes);
        core.respond(now, asked.id, bytes);
    }
}
