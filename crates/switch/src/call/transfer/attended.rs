//! To another call of the transferor's (RFC 3891): that call's far leg is fetched, and is offered the transferee's session.

use route::TrunkIx;
use rtp_proto::control::Side;
use sdp::PtMapping;
use sip_msg::Message;

use super::Tale;
use super::seat::{goes_on, resumed};
use crate::call::end::Ending;
use crate::call::leg::{Bye, Leg};
use crate::call::{Call, Charge, Phase, negotiate, sdp_of};
use crate::core::Core;
use crate::guard;
use crate::ident::CallKey;
use crate::io::Now;
use crate::orphan;

/// What was found of the dialog that a Refer-To names.
pub(crate) enum Fetched {
    /// The far leg of the call that has it, what is charged for it, and what the guard knows it by.
    Leg(Box<Leg>, Option<Box<Charge>>, CallKey),
    /// It is none of ours: the target may know it.
    Foreign,
    /// It can't be joined.
    Refused(u16),
}

impl Call {
    /// Gives away the leg at `side` to another call of the same transferor's, where its trunk is this one; what is left ends.
    pub(crate) fn give_away(&mut self, core: &mut Core, now: Now, side: Side, trunk: TrunkIx) -> Fetched {
        let busy = self.exchange.is_some() || self.open().is_some();
        let Some(leg) = self.leg_mut(side) else {
            return Fetched::Refused(481);
        };
        if busy || leg.unacked.is_some() || leg.refreshes_by_invite() {
            return Fetched::Refused(500);
        }
        let mut rest = Leg::new(side, leg.trunk, Box::default(), leg.flow, 0);
        rest.call_id.clone_from(&leg.call_id);
        rest.session.codec.clone_from(&leg.session.codec);
        rest.ports = leg.ports.take();
        rest.bye = Bye::Done;
        let mut given = std::mem::replace(leg, rest);
        let charge = self.give_charge(side);
        given.trunk = trunk;
        core.tags.remove(&given.tag);
        given.stop_timer(core);
        if let Some(uac) = given.uac.take() {
            core.clients.remove(&uac.client);
        }
        let who = match side {
            Side::A => "caller",
            Side::B => "called side",
        };
        self.story
            .remark(format!("the {who} goes on in another call of the other side's"));
        let watched = CallKey(core.next_id());
        guard::handed(core, self.key, watched);
        self.end(core, now, Ending::by_switch("transferred", 200, 16));
        Fetched::Leg(Box::new(given), charge, watched)
    }

    /// The far leg of the transferor's other call is here, or there is none.
    pub(crate) fn on_fetched(
        &mut self,
        core: &mut Core,
        now: Now,
        by: Side,
        fetched: Fetched,
        refer: &Message,
    ) {
        let waits = self.transfers(by);
        match fetched {
            Fetched::Leg(leg, charge, watched) if waits => {
                guard::handed(core, watched, self.key);
                self.join(core, now, by, (*leg, charge));
            }
            Fetched::Leg(leg, charge, watched) => {
                guard::ended(core, now, watched, false);
                self.not_joined(core, now, *leg, charge);
            }
            Fetched::Refused(status) if waits => {
                self.transfer_failed(core, now, status, Tale::default());
            }
            Fetched::Foreign if waits => match self.plan_errand(core, now, by, refer) {
                Ok(planned) => self.run_errand(core, now, planned),
                Err(status) => self.transfer_failed(core, now, status, Tale::default()),
            },
            Fetched::Foreign | Fetched::Refused(_) => {}
        }
    }

    fn not_joined(&self, core: &mut Core, now: Now, mut leg: Leg, charge: Option<Box<Charge>>) {
        if let Some(permit) = leg.permit.take() {
            core.live.release(permit);
        }
        if let Some(charge) = charge {
            charge.forgo(core);
        }
        orphan::goodbye(core, now, &self.snapshot, leg);
    }

    fn join(&mut self, core: &mut Core, now: Now, by: Side, (mut leg, charge): (Leg, Option<Box<Charge>>)) {
        let Some(ports) = core.ports.reserve(now.at).or_else(|| self.parked.pop()) else {
            self.not_joined(core, now, leg, charge);
            return self.transfer_failed(core, now, 500, Tale::default());
        };
        leg.ports = Some(ports);
        core.name_leg(&leg.call_id, &self.id);
        let before = self.leg(by.other()).map(|leg| Box::new(leg.session.clone()));
        self.seat(core, now, by, (leg, charge), "joined", Tale::default());
        let snapshot = self.snapshot.clone();
        let offered = self.pair(by.other()).and_then(|(x, y)| {
            let offer = resumed(&x.session)?;
            negotiate::offer(&snapshot, core.endpoint.mint(), x, y, offer).ok()
        });
        match offered {
            Some(_) => {
                if let Some(transfers) = self.moves_mut() {
                    transfers.before = before;
                }
                self.bridge(core, now, by);
            }
            None => self.end(core, now, Ending::by_switch("transfer-failed", 200, 88)),
        }
        if self.phase == Phase::Answered {
            self.journal(core, now);
        }
    }

    /// The answer of the fetched party to the transferee's session; what that comes to is told to the transferee, where it is news.
    pub(crate) fn on_bridged(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        let snapshot = self.snapshot.clone();
        let before = self.moves_mut().and_then(|transfers| transfers.before.take());
        let agreed: Result<(bool, PtMapping), u16> = sdp_of(message)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let (x, y) = self.pair(side.other()).ok_or(500_u16)?;
                let (_, mapping) = negotiate::answer(&snapshot, x, y, sdp)?;
                let told = before.is_some_and(|before| goes_on(&before, &mut x.session));
                Ok((told, mapping))
            });
        match agreed {
            Ok((told, mapping)) => {
                self.update_media(core, side.other(), &mapping);
                if !told {
                    self.set_back(core, now, side.other());
                }
            }
            Err(_) => self.end(core, now, Ending::by_switch("transfer-failed", 200, 88)),
        }
    }
}
