//! To a number: a call without a caller of its own hunts for the target, and gives its leg to the call that waits for it.
//!
//! It is planned, screened and limited as a call of the transferor's trunk from the transferee's number would be.

use std::sync::Arc;

use config::Transfer as Mode;
use route::{Attempt, TrunkIx};
use rtp_proto::control::Side;
use sdp::{PtMapping, Sdp};
use sip_msg::{HeaderId, Limits, Message, Method, Writer};
use sip_proto::ClientId;
use smallvec::SmallVec;

use super::forward::referrer;
use super::seat::resumed;
use super::{Target, Tried};
use crate::admit;
use crate::call::end::{Ended, Ending};
use crate::call::leg::{Bye, Leg, Session};
use crate::call::{Call, NewCall, Phase, Story, negotiate, sdp_of};
use crate::core::Core;
use crate::guard;
use crate::handoff::{Handoff, uri_headers};
use crate::headers;
use crate::ident::CallKey;
use crate::identity::{self, Towards};
use crate::io::Now;
use crate::orphan;
use crate::snapshot::Snapshot;

/// What makes a call an errand.
pub(crate) struct Errand {
    pub(crate) of: CallKey,
    /// Whose call it is: the transferor's.
    pub(crate) customer: TrunkIx,
    /// The transferee's session, as an offer.
    pub(crate) offer: Sdp,
    /// The INVITE that the transferor would have sent for the transferee.
    pub(crate) invite: Message,
    /// Its Request-URI, where that is the Refer-To's as it stands.
    pub(crate) uri: Option<Vec<u8>>,
    /// It is none, but one of several contacts of a user that ring at once.
    pub(crate) rings: bool,
}

/// An errand that may begin.
pub(crate) struct Planned {
    call: Call,
    attempts: SmallVec<[Attempt; 4]>,
    limit: usize,
}

/// Where an errand looks.
struct Way {
    attempts: SmallVec<[Attempt; 4]>,
    limit: usize,
    /// Why they stand in their order; `None`: they are the transferor's own targets.
    trace: Option<route::Trace>,
}

/// What an errand leaves for the record.
#[derive(Default)]
pub(crate) struct Tale {
    pub(in crate::call) tried: Vec<Tried>,
    /// Why they stood in their order.
    pub(super) lines: Box<str>,
}

/// A target that has answered.
pub(crate) struct Won {
    /// What the guard knows its leg by.
    pub(super) watched: CallKey,
    pub(super) leg: Leg,
    /// The transferee's session, agreed anew.
    pub(super) session: Session,
    pub(super) mapping: PtMapping,
    pub(super) response: Message,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) tale: Tale,
}

impl Won {
    /// There is no call any more that waits for it.
    pub(crate) fn not_wanted(self, core: &mut Core, now: Now) {
        guard::ended(core, now, self.watched, false);
        let mut leg = self.leg;
        if let Some(permit) = leg.permit.take() {
            core.live.release(permit);
        }
        if let Some(ports) = leg.ports.take() {
            core.ports.release(now.at, ports);
        }
        orphan::goodbye(core, now, &self.snapshot, leg);
    }
}

impl Call {
    /// What an INVITE says of transfers: the dialog that it is to replace, which is none of ours (RFC 3891), and who has asked for it
    /// (RFC 3892).
    pub(crate) fn introduce(
        &self,
        writer: &mut Writer,
        invite: &Message,
        towards: &Towards<'_>,
        trunk: TrunkIx,
    ) {
        if invite.header(HeaderId::Replaces).is_some() && self.snapshot.transfer(trunk) != Mode::Refuse {
            writer.copy(invite, HeaderId::Replaces);
        }
        let Some(errand) = self.errand().filter(|errand| !errand.rings) else {
            return;
        };
        if errand.uri.is_some() {
            // It goes back to whoever has written it.
            writer.copy(invite, HeaderId::ReferredBy);
        } else if let Some(user) = referrer(invite) {
            writer.parts(HeaderId::ReferredBy, |value| {
                value.text("<sip:").text(headers::escape_user(&user).as_bytes());
                value.text("@");
                towards.host(value);
                value.text(">");
            });
        }
    }

    /// The trunk whose call it is.
    pub(crate) fn customer(&self) -> TrunkIx {
        self.errand().map_or(self.a.trunk, |errand| errand.customer)
    }

    /// An errand to whom a REFER names, for `by`.
    ///
    /// # Errors
    /// The status that such a call would be refused with.
    pub(super) fn plan_errand(
        &mut self,
        core: &mut Core,
        now: Now,
        by: Side,
        refer: &Message,
    ) -> Result<Planned, u16> {
        let snapshot = self.snapshot.clone();
        if core.calls >= core.max_calls() {
            return Err(503);
        }
        let target = Target::of(refer).ok_or(400_u16)?;
        let customer = self.leg(by).map(|leg| leg.trunk).ok_or(481_u16)?;
        let called = snapshot.trunk(customer).read_number(&target.user).into_owned();
        let (caller, invite) = self.stand_in(core, by, customer, refer, &target)?;
        let way = self.way(core, now, customer, (&caller, &called))?;
        let returns = way.trace.is_none();
        let transferee = self.leg(by.other()).ok_or(481_u16)?;
        let offer = resumed(&transferee.session).ok_or(negotiate::NOT_ACCEPTABLE)?;
        let mut call = Self::new(NewCall {
            key: CallKey(core.next_id()),
            id: self.id.clone(),
            snapshot,
            trunk: transferee.trunk,
            tag: Box::default(),
            flow: transferee.flow,
            call_id: Box::default(),
            session_id: 0,
            invite: None,
            story: Story::new(now, caller, called, self.story.source),
        });
        call.a.session = transferee.session.clone();
        // The transferee's own: not the errand's to give back.
        call.a.ports = transferee.ports;
        call.a.bye = Bye::Done;
        if let Some(trace) = way.trace {
            call.story.decision(trace);
        }
        call.aside().errand = Some(Box::new(Errand {
            of: self.key,
            customer,
            offer,
            invite,
            uri: returns.then(|| target.uri.to_vec()),
            rings: false,
        }));
        if !returns {
            let rate = way.attempts.first().and_then(|attempt| attempt.rate);
            let asked = guard::asked(core, now, &mut call, false);
            let asked = asked.and_then(|()| guard::priced(core, now, &mut call, rate));
            asked.map_err(|ending| ending.status)?;
        }
        Ok(Planned {
            call,
            attempts: way.attempts,
            limit: way.limit,
        })
    }

    /// Where `customer`'s call from one number to the other may go.
    ///
    /// # Errors
    /// The status that it is refused with.
    fn way(
        &mut self,
        core: &mut Core,
        now: Now,
        customer: TrunkIx,
        (caller, called): (&str, &str),
    ) -> Result<Way, u16> {
        let snapshot = &self.snapshot;
        if snapshot.transfer(customer) == Mode::Return {
            return Ok(Way {
                attempts: back_to(snapshot, customer, caller, called),
                limit: RETURNS,
                trace: None,
            });
        }
        if called.is_empty() {
            return Err(400);
        }
        if let Err(denied) = admit::may_call(snapshot, customer, called) {
            core.counters.refused_destination += 1;
            let name = &snapshot.trunk(customer).name;
            let remark = format!("{name}: not transferred: {denied}");
            self.story.remark(remark);
            return Err(403);
        }
        let request = route::Request {
            from: customer,
            caller,
            called,
            at_unix_s: now.unix_ms / 1000,
            draw: core.random(),
        };
        let plan = route::plan(&snapshot.tables, &core.live, now.at, &request).map_err(|none| none.status)?;
        Ok(Way {
            attempts: plan.attempts,
            limit: plan.limit,
            trace: Some(plan.trace),
        })
    }

    /// Who calls, and in which words: the transferee if its number may be presented, else the transferor.
    fn stand_in(
        &self,
        core: &mut Core,
        by: Side,
        customer: TrunkIx,
        refer: &Message,
        target: &Target<'_>,
    ) -> Result<(String, Message), u16> {
        let (story, snapshot) = (&self.story, &self.snapshot);
        let hidden = self.aside.as_ref().is_some_and(|aside| aside.hidden);
        let (caller, called) = ((&*story.caller, hidden), (&*story.called, false));
        let numbers = match by {
            Side::A => [called, caller],
            Side::B => [caller, called],
        };
        let mut refused = 500;
        for number in numbers {
            let invite = self
                .write_stand_in(core, by, refer, target, number)
                .ok_or(400_u16)?;
            match identity::number(snapshot, customer, &invite) {
                Ok(caller) => return Ok((caller, invite)),
                Err(why) => refused = why.status(),
            }
        }
        Err(refused)
    }

    fn write_stand_in(
        &self,
        core: &mut Core,
        by: Side,
        refer: &Message,
        target: &Target<'_>,
        (number, hidden): (&str, bool),
    ) -> Option<Message> {
        let flow = self.leg(by)?.flow;
        let ours = self.snapshot.advertised(&flow)?;
        let uri = match headers::escape_user(&target.user) {
            user if user.is_empty() => format!("sip:{ours}"),
            user => format!("sip:{user}@{ours}"),
        };
        let mut writer = Writer::request(&Method::Invite, uri.as_bytes());
        writer.header(HeaderId::Via, &core.via(&self.snapshot, &flow));
        let (caller, tag) = (headers::escape_user(number), core.tag());
        writer.parts(HeaderId::From, |value| {
            value
                .text("<sip:")
                .text(caller.as_bytes())
                .text("@")
                .address(ours);
            value.text(">;tag=").text(&tag);
        });
        writer.header_fmt(HeaderId::To, format_args!("<{uri}>"));
        writer.header(HeaderId::CallId, refer.call_id());
        writer
            .header(HeaderId::CSeq, b"1 INVITE")
            .header(HeaderId::MaxForwards, b"71");
        // Whose secret it is nobody else gives away.
        let is_carried = |id| is_carried(id) && !(hidden && id == HeaderId::Privacy);
        if hidden {
            writer.header(HeaderId::Privacy, b"id");
        }
        for header in refer.headers().filter(|header| is_carried(header.id)) {
            writer.named(header.name, header.value);
        }
        for (name, value) in target.embedded.into_iter().flat_map(uri_headers) {
            let id = HeaderId::from_name(&name);
            if id == HeaderId::Replaces || is_carried(id) {
                writer.named(&name, &value);
            }
        }
        sip_msg::parse(writer.finish(), &Limits::default()).ok()
    }

    /// Sends somebody to look for the target.
    pub(super) fn run_errand(&mut self, core: &mut Core, now: Now, planned: Planned) {
        let Planned {
            mut call,
            attempts,
            limit,
        } = planned;
        if let Some(open) = self.open_mut() {
            open.errand = Some(call.key);
        }
        call.hunt_along(core, now, attempts, limit);
        // Before what it has to say already.
        core.handoffs.push_front(Handoff::Begin(Box::new(call)));
    }

    /// An errand's target makes progress.
    pub(crate) fn errand_progress(&mut self, core: &mut Core, status: u16, message: &Message) {
        let Some(errand) = self.errand() else { return };
        core.handoffs.push_back(Handoff::Progress {
            of: errand.of,
            status,
        });
        if let (Ok(Some(sdp)), Some(hunt)) = (sdp_of(message), &mut self.hunt) {
            hunt.remember_early(message.to_tag().unwrap_or_default(), sdp);
        }
    }

    /// An errand's target has answered: its leg goes to the call that waits for it.
    pub(crate) fn errand_answered(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        invite: &Message,
        message: &Message,
    ) {
        if self.errand().is_some_and(|errand| errand.rings) {
            return self.branch_answered(core, now, id, message);
        }
        let tag = message.to_tag().unwrap_or_default();
        let sdp = match sdp_of(message) {
            Ok(Some(sdp)) => Ok(sdp),
            Ok(None) | Err(415) => {
                let early = self.hunt.as_ref().and_then(|hunt| hunt.early_answer(tag));
                early.ok_or(negotiate::NOT_ACCEPTABLE)
            }
            Err(status) => Err(status),
        };
        let snapshot = self.snapshot.clone();
        let agreed = sdp.and_then(|sdp| {
            let leg = self.b.as_mut().ok_or(500_u16)?;
            negotiate::answer(&snapshot, &mut self.a, leg, sdp)
        });
        let mapping = match agreed {
            Ok((_, mapping)) => mapping,
            Err(status) => return self.unusable_answer(core, now, id, invite, status),
        };
        let (Some(mut leg), Some(errand)) = (self.b.take(), self.errand()) else {
            return;
        };
        leg.send_ack(core, now, &snapshot, id, invite, None);
        // A further branch's 2xx is hung up as one that nobody has asked for.
        core.clients.remove(&id);
        core.tags.remove(&leg.tag);
        leg.uac = None;
        let of = errand.of;
        self.story.answered(now);
        guard::answered(core, now, self.key, self.rate());
        let watched = CallKey(core.next_id());
        guard::handed(core, self.key, watched);
        let won = Won {
            watched,
            snapshot,
            leg,
            session: std::mem::take(&mut self.a.session),
            mapping,
            response: message.clone(),
            tale: self.tale(),
        };
        core.handoffs.push_back(Handoff::Answered {
            of,
            won: Box::new(won),
        });
        self.close_errand(core);
    }

    /// An errand comes to nothing: it has no record, but a call that waits for it.
    pub(crate) fn end_errand(&mut self, core: &mut Core, now: Now, ending: &Ending) {
        let Some(of) = self.errand().map(|errand| errand.of) else {
            return;
        };
        self.phase = Phase::Ending;
        guard::ended(core, now, self.key, false);
        // What a CANCEL says of why.
        self.ended = Some(Box::new(Ended::unwritten(ending)));
        self.drop_b(core, now);
        self.story.finish(now, ending, false, [None, None]);
        core.handoffs.push_back(Handoff::Failed {
            of,
            errand: self.key,
            said: (ending.status.max(300), ending.q850),
            tale: Box::new(self.tale()),
        });
        self.close_errand(core);
    }

    pub(in crate::call) fn tale(&mut self) -> Tale {
        Tale {
            tried: std::mem::take(&mut self.story.tried),
            lines: std::mem::take(&mut self.story.decision),
        }
    }

    pub(in crate::call) fn close_errand(&mut self, core: &mut Core) {
        core.disarm(&mut self.stage_timer);
        self.phase = Phase::Ending;
        self.hunt = None;
        // Ports of attempts that failed were never opened, and have gone back already; the transferee keeps its own.
        self.a.ports = None;
        self.ended
            .get_or_insert_with(|| Box::new(Ended::unwritten(&Ending::failed("", 200))));
    }
}

/// Targets that are tried of a trunk that does its transfers itself.
const RETURNS: usize = 3;

/// The transferor's own targets, in their order.
fn back_to(snapshot: &Snapshot, trunk: TrunkIx, caller: &str, called: &str) -> SmallVec<[Attempt; 4]> {
    let targets = &snapshot.trunk(trunk).targets;
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|target| targets.get(*target).map(|target| target.priority));
    let attempt = |target| Attempt {
        trunk,
        target,
        contact: None,
        called: called.into(),
        caller: caller.into(),
        rate: None,
    };
    order.into_iter().map(attempt).collect()
}

/// Whether a header of the REFER's may be for the target. Who sends it is told of in From; what makes it a REFER is not.
fn is_carried(id: HeaderId) -> bool {
    use HeaderId as H;
    let of_refer = matches!(
        id,
        H::ReferTo
            | H::ReferSub
            | H::Event
            | H::Expires
            | H::SubscriptionState
            | H::PAssertedIdentity
            | H::PPreferredIdentity
            | H::RemotePartyId
            | H::Diversion
            | H::HistoryInfo
    );
    !of_refer && !headers::is_ours(id)
}
