//! To a number: a call without a caller of its own hunts for the target, and gives its leg to the call that waits for it.
//!
//! It is planned, screened and limited as a call of the transferor's trunk from the transferee's number would be.

use std::sync::Arc;

use config::Transfer as Mode;
use route::{Attempt, Sale, TrunkIx};
use rtp_proto::control::Side;
use sdp::PtMapping;
use sip_msg::{HeaderId, Limits, Message, Method, Writer};
use sip_proto::ClientId;
use smallvec::SmallVec;

use super::Target;
use super::forward::referrer;
use super::seat::resumed;
use crate::admit;
use crate::call::bill;
use crate::call::branch::{Errand, ErrandKind, Tale};
use crate::call::end::{Ended, Ending};
use crate::call::fork::OVERTAKEN;
use crate::call::leg::{Bye, Leg, Session};
use crate::call::{Call, Charge, Course, NewCall, Phase, Story, negotiate, sdp_of};
use crate::core::Core;
use crate::guard;
use crate::handoff::{Handoff, uri_headers};
use crate::headers;
use crate::ident::CallKey;
use crate::identity::{self, Towards};
use crate::io::Now;
use crate::numbers;
use crate::orphan;
use crate::snapshot::Snapshot;

/// An errand that may begin.
pub(crate) struct Planned {
    call: Call,
    course: Course,
}

/// Where an errand looks.
struct Way {
    attempts: SmallVec<[Attempt; 4]>,
    limit: usize,
    /// Why they stand in their order; `None`: they are the transferor's own targets.
    trace: Option<route::Trace>,
    /// What the transferor pays for it.
    sale: Sale,
}

/// A target that has answered.
pub(crate) struct Won {
    /// What the guard knows its leg by.
    pub(super) watched: CallKey,
    pub(super) leg: Leg,
    /// What is charged for it.
    pub(super) charge: Option<Box<Charge>>,
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
        if let Some(charge) = &self.charge {
            charge.forgo(core);
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
        let Some(errand) = self.errand().filter(|errand| !errand.is_branch()) else {
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
        let read = numbers::read(&snapshot, customer, target.user.clone());
        if let Some(misdialled) = read.misdialled {
            self.story.remark(format!("not transferred: {misdialled}"));
            return Err(misdialled.status());
        }
        let called = read.number;
        let emergency = read.numbers.as_ref().is_some_and(|numbers| numbers.emergency);
        let (caller, invite) = self.stand_in(core, by, customer, refer, &target)?;
        let way = self.way(core, now, customer, (&caller, &called, emergency))?;
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
        call.story.numbers = read.numbers;
        call.a.session = transferee.session.clone();
        // The transferee's own: not the errand's to give back.
        call.a.ports = transferee.ports;
        call.a.bye = Bye::Done;
        if let Some(trace) = way.trace {
            call.story.decision(trace);
            if let Err((ending, why)) = call.sell(core, now, customer, way.sale) {
                self.story.remark(format!("not transferred: {why}"));
                return Err(ending.status);
            }
        }
        call.aside().errand = Some(Box::new(Errand {
            of: self.key,
            customer,
            offer,
            invite,
            uri: returns.then(|| target.uri.to_vec()),
            kind: ErrandKind::Transfer,
            moved: None,
        }));
        if !returns && !emergency {
            let rate = way.attempts.first().and_then(|attempt| attempt.rate);
            let asked = guard::asked(core, now, &mut call, false);
            let asked = asked.and_then(|()| guard::priced(core, now, &mut call, rate));
            if let Err(ending) = asked {
                for line in call.story.take_remarks() {
                    self.story.remark(line);
                }
                call.drop_sale(core);
                guard::ended(core, now, call.key, false);
                return Err(ending.status);
            }
        }
        Ok(Planned {
            call,
            course: Course {
                attempts: way.attempts,
                limit: way.limit,
                by_number: !returns,
            },
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
        (caller, called, emergency): (&str, &str, bool),
    ) -> Result<Way, u16> {
        let snapshot = &self.snapshot;
        if snapshot.transfer(customer) == Mode::Return {
            return Ok(Way {
                attempts: back_to(snapshot, customer),
                limit: RETURNS,
                trace: None,
                sale: Sale::Unsaid,
            });
        }
        if called.is_empty() {
            return Err(400);
        }
        let denied = admit::may_call(snapshot, customer, called).err();
        if let Some(denied) = denied.filter(|_| !emergency) {
            core.counters.refused_destination += 1;
            let name = &snapshot.trunk(customer).name;
            let remark = format!("{name}: not transferred: {denied}");
            self.story.remark(remark);
            return Err(403);
        }
        let at_unix_s = now.unix_ms / 1000;
        let sale = match emergency {
            true => Sale::Unsaid,
            false => bill::sale(snapshot, customer, at_unix_s, (caller, called)),
        };
        let request = route::Request {
            from: customer,
            caller,
            called,
            class: None,
            sell: sale.rate(),
            routed: None,
            emergency,
            at_unix_s,
            draw: core.random(),
        };
        let plan = route::plan(&snapshot.tables, &core.live, now.at, &request).map_err(|none| none.status)?;
        Ok(Way {
            attempts: plan.attempts,
            limit: plan.limit,
            trace: Some(plan.trace),
            sale,
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
        let Planned { mut call, course } = planned;
        if let Some(open) = self.open_mut() {
            open.errand = Some(call.key);
        }
        call.hunt_along(core, now, course);
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
        if self.errand().is_some_and(Errand::is_branch) {
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
        let cost = self.rate();
        self.begin_charge(core, now, Side::B, cost);
        let (Some(mut leg), Some(of)) = (self.b.take(), self.errand().map(|errand| errand.of)) else {
            return;
        };
        leg.send_ack(core, now, &snapshot, id, invite, None);
        // A further branch's 2xx is hung up as one that nobody has asked for.
        core.clients.remove(&id);
        core.tags.remove(&leg.tag);
        leg.uac = None;
        self.story.answered(now);
        guard::answered(core, now, self.key, cost);
        let watched = CallKey(core.next_id());
        guard::handed(core, self.key, watched);
        let won = Won {
            charge: self.give_charge(Side::B),
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
        self.drop_sale(core);
        guard::ended(core, now, self.key, false);
        // What a CANCEL says of why.
        self.ended = Some(Box::new(Ended::unwritten(ending)));
        self.drop_b(core, now);
        if ending.kind == OVERTAKEN {
            self.story.overtaken(now);
        }
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
        let trace = self.story.trace.take();
        let aside = self.aside.as_mut();
        let moved = aside.and_then(|aside| aside.errand.as_mut()?.moved.take());
        Tale {
            lines: self.story.lines(trace.map(|trace| trace.view()).as_ref()),
            tried: std::mem::take(&mut self.story.tried),
            remarks: self.story.take_remarks(),
            lost: None,
            answer: moved,
        }
    }

    pub(in crate::call) fn close_errand(&mut self, core: &mut Core) {
        core.disarm(&mut self.stage_timer);
        core.loops.settled(self.key);
        self.leave_places(core, 0);
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
fn back_to(snapshot: &Snapshot, trunk: TrunkIx) -> SmallVec<[Attempt; 4]> {
    let targets = &snapshot.trunk(trunk).targets;
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|target| targets.get(*target).map(|target| target.priority));
    let attempt = |target| Attempt {
        trunk,
        target,
        contact: None,
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
