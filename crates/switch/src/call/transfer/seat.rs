//! Another leg takes a party's place: its media begins anew, and whoever had the place is hung up.

use rtp_proto::PtMap;
use rtp_proto::control::{Command as MediaCommand, Side};
use sdp::Sdp;

use super::{Tale, Won};
use crate::call::leg::{Bye, Leg, Session};
use crate::call::negotiate::Read;
use crate::call::{Call, Charge, negotiate};
use crate::core::Core;
use crate::guard;
use crate::io::Now;
use crate::orphan;

impl Call {
    /// Puts the target's leg in the transferor's place.
    pub(crate) fn on_transferred(&mut self, core: &mut Core, now: Now, won: Won) {
        let by = self.open().map(|open| open.by);
        let Some(by) = by.filter(|by| self.transfers(*by)) else {
            return won.not_wanted(core, now);
        };
        let Won {
            watched,
            leg,
            charge,
            session,
            mapping,
            response,
            snapshot: _,
            tale,
        } = won;
        guard::handed(core, watched, self.key);
        self.seat(core, now, by, (leg, charge), "answered", tale);
        // What the transferor was about to offer may have been agreed to.
        let stirred = self.exchange.is_some();
        let Some(transferee) = self.leg_mut(by.other()) else {
            return;
        };
        let before = std::mem::replace(&mut transferee.session, session);
        let told = !stirred && catch_up(&before, &mut transferee.session);
        if !told {
            overtake(&before, &mut transferee.session);
        }
        self.update_media(core, by.other(), &mapping);
        self.conclude_timer(core, now, by, &response);
        if !told {
            self.set_back(core, now, by.other());
        }
        self.journal(core, now);
    }

    /// Another leg takes the place of the transferor's, who is told and hung up.
    pub(super) fn seat(
        &mut self,
        core: &mut Core,
        now: Now,
        by: Side,
        (mut leg, charge): (Leg, Option<Box<Charge>>),
        outcome: &'static str,
        tale: Tale,
    ) {
        self.notify(core, now, 200, true);
        self.abandon_exchange(core, now, by);
        self.drop_relayed(core, now);
        self.forget_telling();
        leg.side = by;
        core.tags.insert(&leg.tag, (self.key, by));
        let call_id = leg.call_id.clone();
        let open = self.close_transfer(now, outcome, 200, call_id, tale);
        let old = self.exchange_leg(by, leg);
        self.settle_charge(core, now, by);
        self.take_charge(core, by, charge);
        if let Some(old) = old {
            self.retire(core, now, old, open.is_some_and(|open| open.gone));
        }
        self.begin_media(core, by);
    }

    /// Puts a leg in the place of another, which it gives back. The call stays the first caller's.
    pub(super) fn exchange_leg(&mut self, side: Side, leg: Leg) -> Option<Leg> {
        match side {
            Side::A => {
                let old = std::mem::replace(&mut self.a, leg);
                let origin = (old.trunk, old.call_id.clone());
                self.moves_or_new().origin.get_or_insert(origin);
                Some(old)
            }
            Side::B => self.b.replace(leg),
        }
    }

    /// The media plane hears of a new leg: fresh ports, and nothing of the one before.
    pub(super) fn begin_media(&mut self, core: &mut Core, side: Side) {
        let (Some(id), Some(new)) = (self.media, self.leg(side)) else {
            return;
        };
        let other = self.leg(side.other());
        let (new, other) = (Read::of(new), other.map(Read::of));
        let media = negotiate::media_leg(&self.snapshot, &new, other.as_ref(), PtMap::identity(), false);
        if let Some(leg) = media {
            core.media(MediaCommand::Update {
                id,
                side,
                leg,
                rebind: true,
            });
        }
    }

    /// A leg that is no part of the call any more.
    pub(super) fn retire(&mut self, core: &mut Core, now: Now, mut old: Leg, gone: bool) {
        core.tags.remove(&old.tag);
        old.stop_timer(core);
        if let Some(unacked) = old.unacked.take() {
            core.endpoint.acked(unacked.server);
            core.servers.remove(&unacked.server);
        }
        if let Some(uac) = old.uac.take() {
            core.clients.remove(&uac.client);
        }
        self.keep_place(old.permit.take());
        self.parked.extend(old.ports.take());
        if !gone && old.bye == Bye::No {
            orphan::goodbye(core, now, &self.snapshot, old);
        }
    }
}

/// Whether a party goes on as it was told before, which may be another than when the errand began: where its media is, it says now.
fn catch_up(before: &Session, after: &mut Session) -> bool {
    let now = resumed(before).map(|sdp| Box::from(&**sdp.raw()));
    let moved = now != after.remote;
    if moved {
        after.remote = now;
    }
    !moved && goes_on(before, after)
}

/// Versions only grow: what is said next is newer than what was said last (RFC 3264 §8).
fn overtake(before: &Session, after: &mut Session) {
    after.version = after.version.max(before.version + 1);
    let again = |body: &[u8]| negotiate::with_version(body, after.version);
    after.sent = after.sent.as_deref().and_then(again);
    after.unsent = true;
}

/// Whether a party goes on as it was told before: it was not on hold, and speaks what it spoke. Then it need not hear of the change.
pub(super) fn goes_on(before: &Session, after: &mut Session) -> bool {
    let heard = negotiate::direction(before) == Some(sdp::Direction::SendRecv);
    let same = heard && before.codec == after.codec && before.remote.is_some();
    if same {
        after.sent.clone_from(&before.sent);
        (after.version, after.answered, after.unsent) = (before.version, before.answered, before.unsent);
    }
    same
}

/// A party's session as an offer to somebody new: it may be on hold, which ends with the transfer.
pub(super) fn resumed(session: &Session) -> Option<Sdp> {
    let text = std::str::from_utf8(session.remote.as_deref()?).ok()?;
    let held = |line: &&str| !matches!(line.trim_end(), "a=sendonly" | "a=recvonly" | "a=inactive");
    let text: String = text.split_inclusive('\n').filter(held).collect();
    sdp::parse(text.as_bytes(), &sdp::Limits::default()).ok()
}
