//! An INVITE that takes a call which rings elsewhere (RFC 3891 §3, §7.1): what rings is cancelled at once, and whoever comes is answered
//! with the caller, when the journal has the call ([`connect`](crate::call::connect)).
//!
//! Its sender and the caller have both made an offer. Each is answered with what the two have in common; where they have nothing, or
//! one side would have to be converted or encrypted, the call rings on.

use bytes::Bytes;
use rtp_proto::control::Side;

use super::{Open, Tale};
use crate::call::leg::Leg;
use crate::call::{Call, ErrandKind, Phase, negotiate, sdp_of};
use crate::core::{Asked, Core};
use crate::handoff::{Dropped, Replaces};
use crate::headers;
use crate::ident::CallKey;
use crate::io::Now;

impl Call {
    /// The call whose called side rings in this dialog, and may be taken: this one, or that of which it rings one of several contacts.
    pub(crate) fn rings_in(&self, replaces: &Replaces) -> Option<CallKey> {
        let rings = |leg: &Leg| leg.call_id[..] == replaces.call_id[..] && leg.rings_with(&replaces.remote);
        if self.phase != Phase::Dialing || !self.b.as_ref().is_some_and(rings) {
            return None;
        }
        match self.errand() {
            Some(errand) => (errand.kind == ErrandKind::Contact).then_some(errand.of),
            None => Some(self.key),
        }
    }

    /// An INVITE of the called side's trunk comes to take the call that rings there.
    pub(crate) fn on_picking_up(
        &mut self,
        core: &mut Core,
        now: Now,
        trunk: &str,
        called: &str,
        asked: Asked,
    ) {
        let Some(asked) = self.welcome(core, now, trunk, called, asked) else {
            return;
        };
        match self.pick_up(core, now, trunk, &asked) {
            Ok((to_caller, to_newcomer)) => self.connect_newcomer(core, now, to_caller, asked, to_newcomer),
            Err(status) => core.answer(now, &asked, status, None),
        }
    }

    /// Puts the newcomer in the place of what rings. Gives what the caller and the newcomer are answered.
    fn pick_up(
        &mut self,
        core: &mut Core,
        now: Now,
        trunk: &str,
        asked: &Asked,
    ) -> Result<(Bytes, Bytes), u16> {
        let settled = self.hunt.as_ref().is_none_or(|hunt| hunt.settled.is_some());
        if self.exchange.is_some() || settled {
            return Err(491);
        }
        let own = self.invite.as_ref().and_then(|invite| invite.offer.clone());
        let theirs = sdp_of(&asked.message)?;
        let (own, theirs) = own.zip(theirs).ok_or(negotiate::NOT_ACCEPTABLE)?;
        let mut leg = self.newcomer(core, now, Side::B, trunk, asked).ok_or(503_u16)?;
        let (before, snapshot) = (self.a.session.clone(), self.snapshot.clone());
        let offers = [own, theirs];
        let mint = core.endpoint.mint();
        let (to_caller, to_newcomer, mapping) =
            match negotiate::join(&snapshot, mint, [&mut self.a, &mut leg], offers) {
                Ok(joined) => joined,
                Err(status) => {
                    self.a.session = before;
                    core.tags.remove(&leg.tag);
                    if let Some(permit) = leg.permit.take() {
                        core.live.release(permit);
                    }
                    if let Some(ports) = leg.ports.take() {
                        // They were never opened.
                        core.ports.release(now.at, ports);
                    }
                    return Err(status);
                }
            };
        leg.permit = match self.b.as_mut() {
            Some(rings) => rings.permit.take(),
            None => self.take_fork_permit(),
        };
        self.drop_b(core, now);
        self.drop_fork(core, Dropped::Answered);
        core.disarm(&mut self.stage_timer);
        self.moves_or_new().open = Some(Open {
            by: Side::B,
            to: headers::user_of(asked.message.from().uri).into(),
            since: now.at,
            errand: None,
            told: None,
            gone: true,
            leaving: None,
        });
        let call_id = leg.call_id.clone();
        self.b = Some(leg);
        self.close_transfer(now, "replaced", 200, call_id, Tale::default());
        self.open_media(core);
        self.a.session.own = Box::default();
        self.phase = Phase::Connecting;
        self.hush(core);
        self.update_media(core, Side::A, &mapping);
        Ok((to_caller, to_newcomer))
    }

    /// The caller has given up before whoever has picked the call up was told: there is no call for it.
    pub(crate) fn dismiss_newcomer(&mut self, core: &mut Core, now: Now, asked: &Asked) {
        if let Some(over) = self.moves_mut().and_then(|moves| moves.over.last_mut()) {
            (over.outcome, over.sip) = ("cancelled", 481);
        }
        self.story
            .remark("the caller gave up before it was picked up".to_owned());
        core.answer(now, asked, 481, None);
    }
}
