//! A call: two legs, one plan, one media session, and what becomes of it.

mod account;
pub(crate) mod bill;
mod bodies;
mod branch;
mod called;
mod caller;
mod connect;
mod cross;
mod dial;
mod digits;
mod end;
mod failover;
mod fork;
mod hunt;
mod info;
mod leg;
mod negotiate;
mod onward;
mod plane;
mod race;
mod reason;
pub(crate) mod registered;
mod reinvite;
mod relay;
mod reliable;
mod sound;
mod story;
mod terms;
mod timer;
mod transfer;
mod update;

use std::sync::Arc;

use route::deck::Rate;
use route::{AttemptOutcome, TrunkIx};
use rtp_proto::PortPair;
use rtp_proto::control::{MediaId, Side};
use sdp::{PtMapping, Sdp};
use sip_msg::Message;
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Flow};
use smallvec::SmallVec;

use crate::core::{Asked, ClientOwner, Core, Timer};
use crate::ident::CallKey;
use crate::io::{CallView, LegView, Now};
use crate::snapshot::Snapshot;

use self::bill::Bill;
pub(crate) use self::bill::Charge;
pub(crate) use self::branch::{Errand, ErrandKind, Tale};
use self::connect::Connecting;
use self::digits::Telling;
use self::end::Ended;
pub(crate) use self::end::Ending;
pub(crate) use self::failover::caller_status;
use self::fork::Fork;
pub(crate) use self::fork::Picked;
pub(crate) use self::hunt::{Course, Hunt};
pub(crate) use self::leg::{ALLOW, Leg, Uac, contact};
use self::onward::Onward;
use self::reinvite::Exchange;
use self::relay::Relays;
use self::reliable::Provisionals;
use self::sound::Playing;
pub(crate) use self::story::{Story, in_lines};
pub(crate) use self::terms::refusal;
use self::transfer::Transfers;
pub(crate) use self::transfer::{Fetched, Won};

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The caller waits for an answer.
    Dialing,
    /// The called side has answered; nobody is told before the journal has the call.
    Connecting,
    /// Both sides are connected.
    Answered,
    /// It is over; what is left is to say so to everyone, once.
    Ending,
}

/// The stage of the current attempt, by which its timer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The target's name is being looked up, by this query.
    Resolving(u64),
    /// Nothing has come back.
    Trying,
    /// A 100 has.
    Progress,
    /// It rings, or plays.
    Ringing,
}

/// The caller's INVITE, as long as it has no final answer.
pub(crate) struct Invite {
    pub(crate) asked: Asked,
    /// The caller's offer; `None`: the offer is to be ours, in the answer (RFC 3261 §13.2.1).
    pub(crate) offer: Option<Sdp>,
    /// What the called side's last answer has for the caller beside its status, and whose it was.
    pub(crate) carried: Option<Box<(TrunkIx, Message)>>,
}

/// A branch's tag, the side that made the offer, and the payload types of the answer.
type Settled = (Box<[u8]>, Side, PtMapping);

/// One call.
pub(crate) struct Call {
    pub(crate) key: CallKey,
    pub(crate) id: Box<str>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) phase: Phase,
    pub(crate) a: Leg,
    pub(crate) b: Option<Leg>,
    pub(crate) invite: Option<Box<Invite>>,
    pub(crate) hunt: Option<Box<Hunt>>,
    pub(crate) media: Option<MediaId>,
    /// Ports of attempts that failed, until the media plane has closed the stream.
    pub(crate) parked: SmallVec<[PortPair; 2]>,
    pub(crate) playing: Option<Playing>,
    pub(crate) connecting: Option<Box<Connecting>>,
    pub(crate) exchange: Option<Box<Exchange>>,
    aside: Option<Box<Aside>>,
    /// What the caller is told reliably, until its last PRACK (RFC 3262).
    pub(crate) provisionals: Option<Box<Provisionals>>,
    pub(crate) telling: Option<Box<Telling>>,
    pub(crate) stage_timer: Option<TimerKey>,
    pub(crate) max_timer: Option<TimerKey>,
    pub(crate) interim_timer: Option<TimerKey>,
    pub(crate) story: Box<Story>,
    pub(crate) ended: Option<Box<Ended>>,
}

/// What few calls have.
#[derive(Default)]
struct Aside {
    relayed: Relays,
    transfers: Option<Box<Transfers>>,
    /// It has no caller, and finds the target of another call's transfer.
    errand: Option<Box<Errand>>,
    /// Contacts that ring at once, or carriers that are asked at once.
    fork: Option<Box<Fork>>,
    /// Those of them that have stopped, of which the record has not heard yet.
    untold: SmallVec<[CallKey; 4]>,
    /// It has been sent on by whom it was for.
    onward: Option<Box<Onward>>,
    /// What it costs, where anybody has prices.
    bill: Option<Box<Bill>>,
    /// Nobody whom we don't trust shall know who has called: a transfer's target neither.
    hidden: bool,
    /// What is heard behind its answer is known to be bad, and was told of; or how it sounds was.
    is_bad: bool,
    sound_told: bool,
}

/// What a new call begins with.
pub(crate) struct NewCall {
    pub(crate) key: CallKey,
    pub(crate) id: Box<str>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) trunk: TrunkIx,
    pub(crate) tag: Box<[u8]>,
    pub(crate) session_id: u64,
    pub(crate) flow: Flow,
    pub(crate) call_id: Box<[u8]>,
    pub(crate) invite: Option<Invite>,
    pub(crate) story: Story,
}

impl Call {
    pub(crate) fn new(new: NewCall) -> Self {
        let mut a = Leg::new(Side::A, new.trunk, new.tag, new.flow, new.session_id);
        a.call_id = new.call_id;
        Self {
            key: new.key,
            id: new.id,
            snapshot: new.snapshot,
            phase: Phase::Dialing,
            a,
            b: None,
            invite: new.invite.map(Box::new),
            hunt: None,
            media: None,
            parked: SmallVec::new(),
            playing: None,
            connecting: None,
            exchange: None,
            aside: None,
            provisionals: None,
            telling: None,
            stage_timer: None,
            max_timer: None,
            interim_timer: None,
            story: Box::new(new.story),
            ended: None,
        }
    }

    /// Whether the caller's offer, if there is one, has anything for anybody.
    pub(crate) fn offer_fits(&self) -> Result<(), negotiate::Unfit> {
        let offer = self.invite.as_ref().and_then(|invite| invite.offer.as_ref());
        offer.map_or(Ok(()), |offer| {
            negotiate::admit(&self.snapshot, self.a.trunk, offer)
        })
    }

    fn aside(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Whether its answer was found to be a bad one.
    pub(crate) fn is_bad(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.is_bad)
    }

    pub(crate) fn set_bad(&mut self) {
        self.aside().is_bad = true;
    }

    /// Whether it was told already that it sounds bad.
    pub(crate) fn is_sound_told(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.sound_told)
    }

    pub(crate) fn set_sound_told(&mut self) {
        self.aside().sound_told = true;
    }

    /// What makes it an errand, if it is one.
    pub(crate) fn errand(&self) -> Option<&Errand> {
        self.aside.as_ref()?.errand.as_deref()
    }

    /// What the carrier asks that is being tried.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.hunt.as_ref()?.current()?.rate
    }

    /// What transfers have made of it.
    pub(crate) fn moves(&self) -> Option<&Transfers> {
        self.aside.as_ref()?.transfers.as_deref()
    }

    fn moves_mut(&mut self) -> Option<&mut Transfers> {
        self.aside.as_mut()?.transfers.as_deref_mut()
    }

    fn moves_or_new(&mut self) -> &mut Transfers {
        self.aside().transfers.get_or_insert_default()
    }

    pub(crate) fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::A => Some(&self.a),
            Side::B => self.b.as_ref(),
        }
    }

    pub(crate) fn leg_mut(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::A => Some(&mut self.a),
            Side::B => self.b.as_mut(),
        }
    }

    /// A timer of this call is due.
    pub(crate) fn on_timer(&mut self, core: &mut Core, now: Now, timer: Timer) {
        match timer {
            Timer::Stage(_) => {
                self.stage_timer = None;
                if self.phase == Phase::Dialing {
                    self.on_stage_timeout(core, now);
                } else {
                    self.on_exchange_timeout(core, now);
                }
            }
            Timer::MaxDuration(_) => {
                self.max_timer = None;
                self.end(core, now, Ending::by_switch("max-duration", 200, 31));
            }
            Timer::StoreDeadline(_) if self.phase == Phase::Connecting => self.connected(core, now),
            Timer::StoreDeadline(_) => self.on_store_deadline(core, now),
            Timer::Interim(_) => {
                self.interim_timer = None;
                self.on_interim(core, now);
            }
            Timer::Session(_, side) => self.on_session_timer(core, now, side),
            Timer::Prack(_) => self.on_prack_timer(core, now),
            Timer::Ping(_)
            | Timer::Source(_)
            | Timer::Credit(_)
            | Timer::Certificate(_)
            | Timer::Dip(_)
            | Timer::Page(_)
            | Timer::Register(_)
            | Timer::Binding(_)
            | Timer::Guard
            | Timer::Learn
            | Timer::SaveBindings => {}
        }
    }

    /// A response to a request of ours on this call's behalf.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        owner: ClientOwner,
        message: &Message,
    ) {
        match owner {
            ClientOwner::Attempt(_) => self.on_attempt_response(core, now, id, message),
            ClientOwner::Reinvite(_, side) => self.on_reinvite_response(core, now, id, side, message),
            ClientOwner::Bye(_, side) => self.on_bye_response(core, now, side, message),
            ClientOwner::Relayed(_, _) => self.on_relayed_response(core, now, id, message),
            ClientOwner::Refresh(_, side) => self.on_refresh_response(core, now, id, side, message),
            ClientOwner::Prack(_) => self.on_prack_response(core, now, id, message),
            ClientOwner::Orphan
            | ClientOwner::Goodbye
            | ClientOwner::Ping(_)
            | ClientOwner::Page(_)
            | ClientOwner::Register(_)
            | ClientOwner::Contact(_)
            | ClientOwner::Probe(_)
            | ClientOwner::Nobody => {}
        }
    }

    /// A request of ours was never answered (408) or could not be sent (503), RFC 3261 §8.1.3.1.
    pub(crate) fn on_no_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        owner: ClientOwner,
        unreachable: bool,
    ) {
        match owner {
            ClientOwner::Attempt(_) => {
                let outcome = if unreachable {
                    AttemptOutcome::Unreachable
                } else {
                    AttemptOutcome::TimeoutTrying
                };
                self.on_attempt_dead(core, now, id, outcome);
            }
            ClientOwner::Reinvite(_, _) => self.on_reinvite_unanswered(core, now, id, unreachable),
            ClientOwner::Refresh(_, side) => self.on_refresh_dead(core, now, id, side, unreachable),
            // Its INVITE tells what becomes of the call.
            ClientOwner::Prack(_) => {}
            ClientOwner::Bye(_, side) => self.bye_done(side),
            ClientOwner::Relayed(_, _) => {
                let status = if unreachable { 503 } else { 408 };
                self.finish_relayed(core, now, id, status, None);
            }
            ClientOwner::Orphan
            | ClientOwner::Goodbye
            | ClientOwner::Ping(_)
            | ClientOwner::Page(_)
            | ClientOwner::Register(_)
            | ClientOwner::Contact(_)
            | ClientOwner::Probe(_)
            | ClientOwner::Nobody => {}
        }
    }

    /// Whether the attempt that is being made rings, or plays something, or we do.
    fn rings(&self) -> bool {
        self.hunt
            .as_ref()
            .is_some_and(|hunt| hunt.stage == Stage::Ringing)
            || self.playing.is_some()
    }

    /// A call as an operator sees it.
    pub(crate) fn view(&self, now: Now) -> CallView {
        let leg_view = |leg: &Leg| LegView {
            trunk: self.snapshot.trunk(leg.trunk).name.clone(),
            peer: leg.flow.remote,
            call_id: String::from_utf8_lossy(&leg.call_id).into_owned(),
            rtp_port: leg.ports.map(rtp_proto::PortPair::rtp),
            codec: leg.session.codec.as_deref().map(str::to_owned),
            unheard: leg.unheard,
            media: None,
        };
        CallView {
            id: self.id.to_string(),
            state: match self.phase {
                Phase::Dialing if self.rings() => "ringing",
                Phase::Dialing => "dialing",
                Phase::Connecting | Phase::Answered => "answered",
                Phase::Ending => "ending",
            },
            caller: self.story.caller.to_string(),
            called: self.story.called.to_string(),
            emergency: self.is_emergency(),
            feedback: None,
            started_ms: self.story.started_ms,
            talk_s: self.story.talk_time(now).map(|talk| talk.as_secs()),
            from: leg_view(&self.a),
            to: self.b.as_ref().map(leg_view),
            attempts: self.story.tried.len(),
        }
    }
}

/// Whether an INVITE of this trunk's has a part that has to be understood and may not cross: 415.
pub(crate) fn insists(invite: &Message, trunk: &config::Trunk) -> bool {
    bodies::insists(invite, &[trunk])
}

/// The SDP in a message, alone or as a part of multipart/mixed (RFC 3261 §7.4, RFC 5621 §3).
///
/// # Errors
/// The status to refuse with: 415 for a body that is not SDP and may not be ignored, 488 for SDP that cannot be used.
pub(crate) fn sdp_of(message: &Message) -> Result<Option<Sdp>, u16> {
    let body = message.body();
    if body.is_empty() {
        return Ok(None);
    }
    let Some(content_type) = message.content_type().filter(|_| !bodies::is_encoded(message)) else {
        return Err(415);
    };
    let text = if bodies::is_sdp(content_type) {
        body
    } else if bodies::is_multipart(content_type) {
        let parts = sip_msg::multipart::parts(&body, content_type).ok_or(415_u16)?;
        let sdp = |part: &&sip_msg::multipart::Part<'_>| part.content_type().is_some_and(bodies::is_sdp);
        match parts.iter().find(sdp) {
            Some(part) => body.slice_ref(part.body),
            None if bodies::is_something(&parts) => return Ok(None),
            None => return Err(415),
        }
    } else {
        return Err(415);
    };
    sdp::parse_bytes(text, &sdp::Limits::default())
        .map(Some)
        .map_err(|_| 488)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class of the allocator each: calls are what memory is spent on.
    #[test]
    fn a_call_fits_its_place() {
        assert!(size_of::<Call>() <= 1024, "{}", size_of::<Call>());
        assert!(size_of::<Story>() <= 256, "{}", size_of::<Story>());
    }
}
