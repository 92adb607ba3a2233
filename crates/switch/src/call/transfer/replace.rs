//! An INVITE that takes a party's place (Replaces, RFC 3891): its offer crosses to the other side, and with the answer it is seated.
//! Until then whoever has the place is only set aside, and comes back if nothing becomes of it.

use rtp_proto::control::Side;
use sip_msg::{Message, Method};
use sip_proto::{Dialog, reply};

use super::{Open, Tale};
use crate::call::end::Ending;
use crate::call::leg::Leg;
use crate::call::{Call, Phase, refusal, sdp_of};
use crate::core::{Asked, Core};
use crate::headers;
use crate::io::Now;
use crate::rules::{self, Facts};

impl Call {
    /// An INVITE of the trunk of this name comes to take the place of `side`.
    pub(crate) fn on_replacing(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        (trunk, called): (&str, &str),
        asked: Asked,
    ) {
        let Some(asked) = self.welcome(core, now, trunk, called, asked) else {
            return;
        };
        let busy = self.open().is_some() || self.leg(side).is_none_or(|leg| leg.unacked.is_some());
        let status = match self.reinvite_refusal(side) {
            None if !busy => None,
            // Who is not there any more can't be replaced (RFC 3891 §3).
            Some(481) => Some(603),
            None | Some(_) if self.phase == Phase::Answered => Some(491),
            None | Some(_) => Some(481),
        };
        if let Some(status) = status {
            return core.answer(now, &asked, status, None);
        }
        let offer = match sdp_of(&asked.message) {
            Ok(offer) => offer,
            Err(status) => return core.answer(now, &asked, status, None),
        };
        let Some(leg) = self.newcomer(core, now, side, trunk, &asked) else {
            return core.answer(now, &asked, 503, None);
        };
        let to = headers::user_of(asked.message.from().uri);
        let old = self.exchange_leg(side, leg);
        self.moves_or_new().open = Some(Open {
            by: side,
            to: to.into(),
            since: now.at,
            errand: None,
            told: None,
            gone: false,
            leaving: old.map(Box::new),
        });
        self.begin_exchange(core, now, side, asked, offer, &Method::Invite);
    }

    /// An INVITE that comes for a place, after the rules of its trunk; `None`: it wants what the trunk has not, or has not what the trunk
    /// wants, and has its refusal.
    pub(super) fn welcome(
        &self,
        core: &mut Core,
        now: Now,
        trunk: &str,
        called: &str,
        mut asked: Asked,
    ) -> Option<Asked> {
        let Some(ix) = self.snapshot.tables.trunk_named(trunk) else {
            // It is newer than the call.
            core.answer(now, &asked, 503, None);
            return None;
        };
        let facts = Facts {
            caller: &headers::user_of(asked.message.from().uri),
            called,
            call_id: &self.id,
        };
        if let Some(changed) = rules::received(self.snapshot.trunk(ix), facts, &asked.message) {
            asked.message = changed;
        }
        let Some(refusal) = refusal(&self.snapshot, ix, &asked.message) else {
            return Some(asked);
        };
        let tag = core.tag();
        let mut writer = reply(&asked.message, &asked.flow, refusal.status, None, Some(&tag));
        if let Some(hint) = refusal.hint {
            hint.write(&mut writer);
        }
        core.respond(now, asked.id, writer.finish());
        None
    }

    /// A leg for whoever comes, on the place that its trunk has already, or on one of its own.
    pub(super) fn newcomer(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        trunk: &str,
        asked: &Asked,
    ) -> Option<Leg> {
        // Whoever takes a call that rings, be it at several contacts, has their place.
        let own = self.trunk_name(side) == Some(trunk) || self.rings_at_once();
        let ix = self.snapshot.tables.trunk_named(trunk)?;
        let (tag, session_id) = (core.tag(), core.random());
        let mut dialog = Dialog::uas(&asked.message, &tag).ok()?;
        dialog.answered();
        let mut flow = asked.flow;
        if flow.conn.is_some() {
            // Connections back to it are for it.
            flow.peer = self.snapshot.peer(ix, None);
        }
        let mut leg = Leg::new(side, ix, tag, flow, session_id);
        if !own {
            let present = core
                .snapshot
                .trunk(core.snapshot.tables.trunk_named(trunk)?)
                .clone();
            leg.permit = Some(core.admit_attempt(now, &present)?);
        }
        let Some(ports) = core.ports.reserve(now.at) else {
            if let Some(permit) = leg.permit.take() {
                core.live.release(permit);
            }
            return None;
        };
        leg.ports = Some(ports);
        leg.dialog = Some(dialog);
        leg.call_id = Box::from(asked.message.call_id());
        leg.note_methods(&asked.message);
        core.tags.insert(&leg.tag, (self.key, side));
        core.name_leg(&leg.call_id, &self.id);
        Some(leg)
    }

    /// The other side has agreed: whoever had the place is hung up.
    pub(crate) fn take_seat(&mut self, core: &mut Core, now: Now, side: Side) {
        let Some(old) = self.open_mut().and_then(|open| open.leaving.take()) else {
            return;
        };
        let call_id = self.leg(side).map(|leg| leg.call_id.clone()).unwrap_or_default();
        let gone = self
            .close_transfer(now, "replaced", 200, call_id, Tale::default())
            .is_some_and(|open| open.gone);
        self.drop_relayed(core, now);
        self.forget_telling();
        self.settle_charge(core, now, side);
        self.retire(core, now, *old, gone);
        self.begin_media(core, side);
        self.journal(core, now);
    }

    /// Nothing has become of it: whoever had the place has it again.
    pub(crate) fn stay_seated(&mut self, core: &mut Core, now: Now, status: u16) {
        let Some(old) = self.open_mut().and_then(|open| open.leaving.take()) else {
            return;
        };
        let side = old.side;
        let closed = self.close_transfer(now, "failed", status, Box::default(), Tale::default());
        if let Some(mut newcomer) = self.exchange_leg(side, *old) {
            core.tags.remove(&newcomer.tag);
            newcomer.stop_timer(core);
            if let Some(permit) = newcomer.permit.take() {
                core.live.release(permit);
            }
            if let Some(ports) = newcomer.ports.take() {
                // They were never opened.
                core.ports.release(now.at, ports);
            }
        }
        if closed.is_some_and(|open| open.gone) && self.phase != Phase::Ending {
            self.bye_done(side);
            self.end(core, now, Ending::by_switch("transfer-failed", 200, 31));
        }
    }

    /// The party that is being replaced hangs up: it has no say in the call any more. Says whether it is its BYE.
    pub(crate) fn replaced_leaves(&mut self, bye: &Message) -> bool {
        let Some(open) = self.open_mut() else { return false };
        let leaving = open.leaving.as_ref().and_then(|leg| leg.dialog.as_ref());
        let own = leaving.is_some_and(|dialog| dialog.matches(bye));
        open.gone |= own;
        own
    }
}
