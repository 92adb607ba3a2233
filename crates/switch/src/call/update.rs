//! UPDATE (RFC 3311): without an offer it is answered here; an offer crosses to the other side by UPDATE where that takes it, else
//! by re-INVITE once the call is answered. Before the answer there is no other way: 488.

use rtp_proto::control::Side;
use sip_msg::Method;

use super::{Call, Phase, negotiate, sdp_of};
use crate::core::{Asked, Core};
use crate::io::Now;

impl Call {
    /// An UPDATE from one side.
    pub(crate) fn on_update(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        if self.phase == Phase::Ending {
            return self.refuse_offer(core, now, side, &asked, 481, None);
        }
        let leg = self.leg(side).filter(|_| self.phase == Phase::Answered);
        let hint = leg.and_then(|leg| leg.interval_refusal(&self.snapshot, &asked.message));
        if hint.is_some() {
            return self.refuse_offer(core, now, side, &asked, 422, hint);
        }
        match sdp_of(&asked.message) {
            Ok(Some(offer)) => self.on_offer(core, now, side, asked, offer),
            Ok(None) => {
                self.take_terms(core, now, side, &asked.message);
                self.accept_offer(core, now, side, &asked, None, None);
            }
            Err(status) => self.refuse_offer(core, now, side, &asked, status, None),
        }
    }

    /// An offer in an UPDATE, or in a PRACK.
    pub(crate) fn on_offer(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked, offer: sdp::Sdp) {
        if let Some(status) = self.update_refusal(side, &asked) {
            return self.refuse_offer(core, now, side, &asked, status, None);
        }
        self.take_terms(core, now, side, &asked.message);
        if let Some(body) = self.unchanged(side, Some(&offer)) {
            return self.accept_offer(core, now, side, &asked, Some(&body), None);
        }
        let other = self.leg(side.other());
        let takes_update = other.is_some_and(|leg| leg.takes_update && leg.has_dialog());
        let method = match self.phase {
            _ if takes_update => Method::Update,
            Phase::Answered => Method::Invite,
            Phase::Dialing | Phase::Connecting | Phase::Ending => {
                let status = negotiate::NOT_ACCEPTABLE;
                return self.refuse_offer(core, now, side, &asked, status, None);
            }
        };
        self.begin_exchange(core, now, side, asked, Some(offer), &method);
    }

    /// Whether such an offer has to wait (RFC 3311 §5.2): 500 while the peer's last one has no answer yet, 491 while ours has none.
    fn update_refusal(&self, side: Side, asked: &Asked) -> Option<u16> {
        match self.phase {
            Phase::Answered => return self.reinvite_refusal(side),
            Phase::Ending => return Some(481),
            Phase::Connecting => return Some(500),
            Phase::Dialing => {}
        }
        if let Some(exchange) = &self.exchange {
            return Some(if exchange.from == side { 500 } else { 491 });
        }
        let both =
            [Some(&self.a), self.b.as_ref()].map(|leg| leg.is_some_and(|leg| leg.session.remote.is_some()));
        let settled = self.hunt.as_ref().is_some_and(|hunt| hunt.settled.is_some());
        if both != [true, true] || !(settled || self.a.session.answered) {
            // The INVITE's own offer is still to be answered: the caller's by us, ours by the called side.
            let ours = side == Side::B || self.invite.as_ref().is_some_and(|invite| invite.offer.is_none());
            return Some(if ours { 491 } else { 500 });
        }
        // Of a fork's branches only one is heard.
        let early = self.b.as_ref().and_then(|leg| leg.early.as_deref());
        let latest = early.is_some_and(|early| asked.message.from_tag() == Some(&early.latest));
        (side == Side::B && !latest).then_some(500)
    }
}
