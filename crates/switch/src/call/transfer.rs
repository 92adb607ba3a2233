//! Transfers (REFER, RFC 3515; RFC 5589): a party is connected to whom its counterpart names, in that counterpart's place.
//!
//! To a number (blind): an *errand*, a call without a caller of its own, hunts along a plan as any call does, and the leg that answers
//! takes the transferor's place. To another call of the transferor's (attended, RFC 3891): that call's far leg takes it, and
//! the call ends. The transferee's dialog and its media go on in either case. An INVITE with Replaces takes a party's place by itself.

mod attended;
mod errand;
mod forward;
mod pickup;
mod replace;
mod seat;

use std::time::Instant;

use config::Transfer as Mode;
use route::{Permit, TrunkIx};
use rtp_proto::control::{Command as MediaCommand, Side};
use sip_msg::{HeaderId, Message, Method, NameAddr, Uri};
use sip_proto::reply;

use super::branch::Tale;
use super::end::Ending;
use super::leg::{self, Bye, Leg, Outgoing, Session};
use super::sound::Playing;
use super::story::{Tried, ms};
use super::{Call, Phase, negotiate};
use crate::core::{Asked, ClientOwner, Core};
use crate::handoff::{Dropped, Handoff, Replaces, uri_headers};
use crate::headers;
use crate::ident::CallKey;
use crate::io::Now;

pub(crate) use self::attended::Fetched;
pub(crate) use self::errand::Won;
use self::forward::Forwarded;

/// Transfers that one call may be asked for: who goes in a circle is stopped.
const MOST: usize = 16;

/// What transfers have made of a call.
#[derive(Default)]
pub(crate) struct Transfers {
    open: Option<Open>,
    /// Those that are over, in order.
    pub(crate) over: Vec<Over>,
    /// Trunk and Call-ID of the caller that the call came from, when another is in its place.
    pub(crate) origin: Option<(TrunkIx, Box<[u8]>)>,
    /// Places on the trunks of transferors: the call is theirs as long as it goes on.
    places: Vec<Permit>,
    /// The transferee's session before it was taken to another call's party.
    before: Option<Box<Session>>,
    /// A dialog that a REFER has named which was passed on to the side given: whoever got it may come for it.
    granted: Option<(Side, Replaces)>,
    /// REFERs that were passed on, whose subscriptions may go on.
    forwarded: Vec<Forwarded>,
    /// Our tag in the dialog of a side whose REFERs are passed on, and the CSeq number of its first.
    first_refers: Vec<(Box<[u8]>, u32)>,
}

/// One that is being carried out.
struct Open {
    /// Who has asked, or whose place another comes to take.
    by: Side,
    /// To whom, as the record says it.
    to: Box<str>,
    since: Instant,
    /// The errand that looks for the target.
    errand: Option<CallKey>,
    /// Whoever asked hears of it: the `id` of its subscription, if it needs one (RFC 3515 §2.4.6).
    told: Option<Option<u32>>,
    /// It has hung up.
    gone: bool,
    /// The leg whose place another is about to take.
    leaving: Option<Box<Leg>>,
}

/// One that is over, for the record.
pub(crate) struct Over {
    pub(crate) by: Side,
    /// Whose trunk pays.
    pub(crate) trunk: TrunkIx,
    pub(crate) to: Box<str>,
    pub(crate) offset_ms: u64,
    pub(crate) elapsed_ms: u64,
    pub(crate) outcome: &'static str,
    pub(crate) sip: u16,
    /// Of the leg that has come in another's place.
    pub(crate) call_id: Box<[u8]>,
    pub(crate) tried: Vec<Tried>,
    /// That has looked for the target, and may have something to tell yet.
    errand: Option<CallKey>,
}

/// Whom a Refer-To names.
struct Target<'m> {
    user: String,
    /// Its URI without the headers in it.
    uri: &'m [u8],
    /// The headers in its URI, as they stand there.
    embedded: Option<&'m [u8]>,
    replaces: Option<Replaces>,
}

impl<'m> Target<'m> {
    /// `None`: nobody that can be called, or more than one (RFC 3515 §2.4.2).
    fn of(refer: &'m Message) -> Option<Self> {
        let mut values = refer.values(HeaderId::ReferTo);
        let name = NameAddr::parse(values.next()?).ok()?;
        if values.next().is_some() {
            return None;
        }
        let embedded = match Uri::parse(name.uri).ok()? {
            Uri::Sip(uri) => {
                let method = uri.params.get("method").flatten().unwrap_or(b"INVITE");
                if !method.eq_ignore_ascii_case(b"INVITE") {
                    return None;
                }
                uri.headers
            }
            Uri::Tel(_) => None,
            Uri::Other { .. } => return None,
        };
        let replaces = match embedded.and_then(replaces_in) {
            Some(value) => Some(Replaces::parse(&value)?),
            None => None,
        };
        let uri = name.uri.split(|c| *c == b'?').next().unwrap_or_default();
        Some(Self {
            user: headers::user_of(name.uri),
            uri,
            embedded,
            replaces,
        })
    }
}

/// Whether a REFER, or its 2xx, says that there is no subscription (RFC 4488 §4).
fn is_quiet(message: &Message) -> bool {
    let value = message.header(HeaderId::ReferSub).unwrap_or_default();
    let said = value.split(|c| *c == b';').next().unwrap_or_default();
    said.trim_ascii().eq_ignore_ascii_case(b"false")
}

/// The Replaces in the headers of a URI.
fn replaces_in(embedded: &[u8]) -> Option<Vec<u8>> {
    let mut all = uri_headers(embedded);
    let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case(b"replaces"))?;
    Some(value)
}

impl Call {
    /// The trunk of one side.
    pub(crate) fn trunk_name(&self, side: Side) -> Option<&str> {
        let leg = self.leg(side)?;
        Some(&self.snapshot.trunk(leg.trunk).name)
    }

    /// Whether the dialog of one side is by `sips:` URIs.
    fn is_secure(&self, side: Side) -> bool {
        let dialog = self.leg(side).and_then(|leg| leg.dialog.as_ref());
        dialog.is_some_and(sip_proto::Dialog::is_secure)
    }

    fn open(&self) -> Option<&Open> {
        self.moves()?.open.as_ref()
    }

    fn open_mut(&mut self) -> Option<&mut Open> {
        self.moves_mut()?.open.as_mut()
    }

    /// A REFER within the dialog of `side`.
    pub(crate) fn on_refer(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let Some(leg) = self.leg(side) else { return };
        let (trunk, tag) = (leg.trunk, leg.tag.clone());
        let mode = self.snapshot.transfer(trunk);
        match mode {
            Mode::Refuse => return core.answer(now, &asked, 603, Some(&tag)),
            Mode::Forward => {
                self.note_refer(side, asked.message.cseq().0);
                return self.pass_on(core, now, side, asked);
            }
            Mode::Accept | Mode::Return => {}
        }
        if self.phase != Phase::Answered || self.open().is_some() {
            let status = if self.phase == Phase::Ending { 481 } else { 500 };
            return self.refuse_offer(core, now, side, &asked, status, None);
        }
        let many = |transfers: &Transfers| transfers.over.len() >= MOST;
        if self.moves().is_some_and(many) {
            return core.answer(now, &asked, 603, Some(&tag));
        }
        let Some(target) = Target::of(&asked.message) else {
            return core.answer(now, &asked, 400, Some(&tag));
        };
        // It is a new call of this trunk's, at its pace.
        let payer = core.snapshot.tables.trunk_named(&self.snapshot.trunk(trunk).name);
        let tables = core.snapshot.clone();
        if !payer.is_some_and(|payer| core.live.try_pace(now.at, &tables.tables, payer)) {
            core.counters.refused_limit += 1;
            return self.refuse_offer(core, now, side, &asked, 500, None);
        }
        self.refresh_target(core, now, side, &asked.message);
        if let Some(replaces) = target.replaces.clone().filter(|_| mode == Mode::Accept) {
            self.accept_refer(core, now, side, &asked, "another call");
            core.handoffs.push_back(Handoff::Fetch {
                of: self.key,
                by: side,
                replaces: Box::new(replaces),
                refer: Box::new(asked.message),
            });
            return;
        }
        // What would be refused as a call is refused here.
        match self.plan_errand(core, now, side, &asked.message) {
            Ok(planned) => {
                self.accept_refer(core, now, side, &asked, &target.user);
                self.run_errand(core, now, planned);
            }
            Err(status) => {
                let who = &self.snapshot.trunk(trunk).name;
                let line = format!("{who}: no transfer to {}: {status}", target.user);
                self.story.remark(line);
                core.answer(now, &asked, status, Some(&tag));
            }
        }
    }

    /// The 202, and the first NOTIFY (RFC 3515 §2.4.4).
    fn accept_refer(&mut self, core: &mut Core, now: Now, side: Side, asked: &Asked, to: &str) {
        let refer = &asked.message;
        // RFC 4488: it does not want to hear of it.
        let quiet = is_quiet(refer);
        self.answer_refer(core, now, side, asked, (202, quiet.then_some(refer)));
        let transfers = self.moves_or_new();
        let id = (!transfers.over.is_empty()).then(|| refer.cseq().0);
        transfers.open = Some(Open {
            by: side,
            to: to.into(),
            since: now.at,
            errand: None,
            told: (!quiet).then_some(id),
            gone: false,
            leaving: None,
        });
        self.notify(core, now, 100, false);
    }

    /// The 2xx to a REFER, which has to have a Contact (RFC 3515 §2.2), with the Refer-Sub of a message that has one (RFC 4488 §4).
    fn answer_refer(
        &self,
        core: &mut Core,
        now: Now,
        side: Side,
        asked: &Asked,
        (status, sub): (u16, Option<&Message>),
    ) {
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        let mut writer = reply(&asked.message, &asked.flow, status, None, Some(&tag));
        leg::contact(&mut writer, &self.snapshot, &asked.flow, self.is_secure(side));
        if let Some(sub) = sub {
            writer.copy(sub, HeaderId::ReferSub);
        }
        let bytes = self.ruled(side, writer.finish());
        core.respond(now, asked.id, bytes);
    }

    /// Tells the transferor how far it is (RFC 3515 §2.4.4).
    fn notify(&mut self, core: &mut Core, now: Now, status: u16, last: bool) {
        let snapshot = self.snapshot.clone();
        let Some(open) = self.open().filter(|open| !open.gone) else {
            return;
        };
        let (Some(id), by) = (open.told, open.by) else {
            return;
        };
        let secure = self.is_secure(by);
        let Some(leg) = self.leg_mut(by) else { return };
        let Some(Outgoing { flow, mut writer }) = leg.request(core, &snapshot, &Method::Notify) else {
            return;
        };
        leg::contact(&mut writer, &snapshot, &flow, secure);
        match id {
            Some(id) => writer.header_fmt(HeaderId::Event, format_args!("refer;id={id}")),
            None => writer.header(HeaderId::Event, b"refer"),
        };
        let state: &[u8] = if last {
            b"terminated;reason=noresource"
        } else {
            b"active;expires=180"
        };
        writer.header(HeaderId::SubscriptionState, state);
        let body = format!("SIP/2.0 {status} {}\r\n", sip_msg::status_reason(status));
        let bytes = writer.finish_with(b"message/sipfrag;version=2.0", body.as_bytes());
        let bytes = self.ruled(by, bytes);
        core.request(now, flow, bytes, ClientOwner::Nobody);
    }

    /// The errand has something to say of its progress.
    pub(crate) fn on_transfer_progress(&mut self, core: &mut Core, now: Now, status: u16) {
        if self.phase == Phase::Answered {
            self.notify(core, now, status, false);
        }
    }

    /// Whether `side` has asked for a transfer that is still open.
    pub(crate) fn transfers(&self, side: Side) -> bool {
        let asked = |open: &Open| open.by == side && open.leaving.is_none();
        self.phase == Phase::Answered && self.open().is_some_and(asked)
    }

    /// Whether nobody is at this side: the transferor has gone, and the target is not there yet.
    pub(crate) fn is_vacant(&self, side: Side) -> bool {
        self.transfers(side) && self.open().is_some_and(|open| open.gone)
    }

    /// The transferor hangs up before the target is there (RFC 5589 §6.1): that ends its own leg only. The transferee hears
    /// ringing, if that is ours to make.
    pub(crate) fn transferor_leaves(&mut self, core: &mut Core, side: Side) {
        if let Some(open) = self.open_mut() {
            open.gone = true;
        }
        let mut place = None;
        if let Some(leg) = self.leg_mut(side) {
            leg.bye = Bye::Done;
            leg.stop_timer(core);
            leg.timed = None;
            place = leg.permit.take();
        }
        self.keep_place(place);
        let heard = self.leg(side.other()).and_then(|leg| {
            let name = self.snapshot.trunk(leg.trunk).ringback.as_ref()?;
            let sound = self.snapshot.sounds.get(name)?.clone();
            Some((sound, negotiate::heard(&leg.session)?))
        });
        if let (Some((sound, audio)), Some(id)) = (heard, self.media) {
            self.hush(core);
            self.playing = Some(Playing::HoldMusic(side.other(), audio.clone()));
            core.media(MediaCommand::Play {
                id,
                side: side.other(),
                sound,
                audio,
            });
        }
    }

    /// A transferor's place on its trunk is the call's as long as it goes on: the call is its customer's.
    fn keep_place(&mut self, place: Option<Permit>) {
        if let (Some(place), Some(transfers)) = (place, self.moves_mut()) {
            transfers.places.push(place);
        }
    }

    /// Whether this is the errand that looks for a transfer's target.
    pub(crate) fn looks_for(&self, errand: CallKey) -> bool {
        self.open().is_some_and(|open| open.errand == Some(errand))
    }

    /// What an errand has left that was cancelled with its transfer. Gives it back if it was no transfer's.
    pub(in crate::call) fn take_tale(&mut self, errand: CallKey, tale: Tale) -> Option<Tale> {
        let mut over = self.moves_mut().into_iter().flat_map(|moves| &mut moves.over);
        match over.find(|over| over.errand == Some(errand)) {
            Some(over) => {
                over.tried = tale.tried;
                None
            }
            None => Some(tale),
        }
    }

    /// The errand has come to nothing.
    pub(crate) fn on_errand_failed(&mut self, core: &mut Core, now: Now, status: u16, tale: Tale) {
        let waits = self.phase == Phase::Answered && self.open().is_some_and(|open| open.errand.is_some());
        if waits {
            self.transfer_failed(core, now, status, tale);
        }
    }

    /// The target is not to be had. The transferor, if still there, has its party back; else there is nobody for it to talk to.
    fn transfer_failed(&mut self, core: &mut Core, now: Now, status: u16, tale: Tale) {
        self.notify(core, now, status, true);
        let gone = self.open().is_some_and(|open| open.gone);
        self.close_transfer(now, "failed", status, Box::default(), tale);
        if gone {
            let q850 = route::cause::from_status(status).unwrap_or(31);
            self.end(core, now, Ending::by_switch("transfer-failed", 200, q850));
        }
    }

    /// Nothing is open any more; the record has a line of it.
    fn close_transfer(
        &mut self,
        now: Now,
        outcome: &'static str,
        sip: u16,
        call_id: Box<[u8]>,
        tale: Tale,
    ) -> Option<Open> {
        let open = self.moves_mut()?.open.take()?;
        let trunk = self.leg(open.by).map_or(self.a.trunk, |leg| leg.trunk);
        let who = match open.by {
            Side::A => "caller",
            Side::B => "called side",
        };
        for line in tale.lines {
            self.story.remark(line);
        }
        self.story
            .remark(format!("transfer by the {who} to {}: {outcome}, {sip}", open.to));
        let over = Over {
            by: open.by,
            trunk,
            to: open.to.clone(),
            offset_ms: ms(open.since.saturating_duration_since(self.story.started)),
            elapsed_ms: ms(now.at.saturating_duration_since(open.since)),
            outcome,
            sip,
            call_id,
            tried: tale.tried,
            errand: open.errand,
        };
        self.moves_or_new().over.push(over);
        Some(open)
    }

    /// The call ends while a transfer is open.
    pub(crate) fn drop_transfer(&mut self, core: &mut Core, now: Now) {
        let Some(open) = self.open() else { return };
        let by = open.by;
        if let Some(errand) = open.errand {
            core.handoffs.push_back(Handoff::Cancel {
                branch: errand,
                why: Dropped::GivenUp,
            });
        }
        if open.leaving.is_some() {
            self.drop_exchange(core, now);
            return self.stay_seated(core, now, 487);
        }
        if self.leg(by).is_some_and(|leg| leg.bye == Bye::No) {
            self.notify(core, now, 487, true);
        }
        self.close_transfer(now, "cancelled", 487, Box::default(), Tale::default());
    }

    /// The call is over: the trunks of its transferors, and of those who have sent it on, have their places back.
    pub(crate) fn release_places(&mut self, core: &mut Core) {
        self.leave_places(core, 0);
        for place in self
            .moves_mut()
            .into_iter()
            .flat_map(|transfers| transfers.places.drain(..))
        {
            core.live.release(place);
        }
    }

    /// The Call-IDs that transfers have added.
    pub(crate) fn transfer_ids(&self) -> impl Iterator<Item = Box<[u8]>> + '_ {
        self.moves().into_iter().flat_map(|transfers| {
            let over = transfers.over.iter().flat_map(|over| {
                let tried = over.tried.iter().map(|tried| tried.call_id.clone());
                std::iter::once(over.call_id.clone()).chain(tried)
            });
            let origin = transfers.origin.iter().map(|(_, id)| id.clone());
            over.chain(origin).filter(|id| !id.is_empty())
        })
    }
}
