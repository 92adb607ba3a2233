//! Reliable provisional responses (RFC 3262), on each leg by itself: what a called side sends so is acknowledged here, and a caller
//! that knows of it is told so, whatever the other side does. With `reliable_provisional = "pass"` the two go together.

use std::collections::VecDeque;

use bytes::Bytes;
use config::ReliableProvisional;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::provisional::{self, Action, Arrival, Input, Sender, State};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, Timers, digest, reply};

use super::end::Ending;
use super::leg::{self, Outgoing, finish};
use super::{Call, Phase, negotiate, sdp_of, terms};
use crate::core::{Asked, ClientOwner, Core, Credentials, Timer};
use crate::io::Now;

/// Most responses that wait for the PRACK of one before.
const MAX_KEPT: usize = 8;
/// Most PRACKs of ours that wait for their answers.
const MAX_PRACKS: usize = 16;

/// A reliable response of a called side: the branch's tag, and its number.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    tag: Box<[u8]>,
    rseq: u32,
}

/// A PRACK of ours that waits for its answer.
pub(crate) struct Pracking {
    client: ClientId,
    source: Source,
    request: Message,
    auth: digest::Attempt,
}

/// What a caller is told reliably.
pub(crate) struct Provisionals {
    sender: Sender,
    /// CSeq number of its INVITE.
    cseq: u32,
    now: Option<Progress>,
    bytes: Bytes,
    kept: VecDeque<Progress>,
    timer: Option<TimerKey>,
}

/// A provisional response to the caller.
pub(crate) struct Progress {
    pub(crate) status: u16,
    pub(crate) body: Option<Bytes>,
    /// It is the called side's, which gets its PRACK when the caller's has come.
    pub(crate) source: Option<Source>,
}

impl Call {
    fn mode(&self, side: Side) -> ReliableProvisional {
        self.leg(side).map_or(ReliableProvisional::Off, |leg| {
            self.snapshot.trunk(leg.trunk).reliable_provisional
        })
    }

    fn timers(&self) -> Timers {
        let sip = &self.snapshot.config.sip;
        Timers {
            t1: sip.t1,
            t2: sip.t2,
            t4: sip.t4,
        }
    }

    /// A provisional response of the called side. `Err`: it is a copy, comes before its turn, or is of a
    /// branch too many. `Ok(Some(_))`: it was sent reliably,
    /// and wants a PRACK.
    pub(crate) fn arrived(&mut self, response: &Message) -> Result<Option<Source>, ()> {
        if self.mode(Side::B) == ReliableProvisional::Off {
            return Ok(None);
        }
        let Some((rseq, tag)) = provisional::rseq(response).zip(response.to_tag()) else {
            return Ok(None);
        };
        let Some(early) = self.b.as_mut().and_then(|leg| leg.early.as_deref_mut()) else {
            return Ok(None);
        };
        if !early.has_branch(tag) {
            // A branch too many: there is no dialog for its PRACK.
            return Err(());
        }
        let at = match early.arrivals.iter().position(|(known, _)| **known == *tag) {
            Some(at) => at,
            None => {
                early
                    .arrivals
                    .push((Box::from(tag), provisional::Arrivals::default()));
                early.arrivals.len() - 1
            }
        };
        let (_, arrivals) = early.arrivals.get_mut(at).ok_or(())?;
        match arrivals.on(rseq) {
            Arrival::Next => Ok(Some(Source {
                tag: Box::from(tag),
                rseq,
            })),
            Arrival::Again | Arrival::Ahead => Err(()),
        }
    }

    /// Whether the called side's PRACK has to wait for the caller's: end to end, or because the caller's has the answer.
    fn waits_for_caller(&self, answer_due: bool) -> bool {
        answer_due || self.mode(Side::B) == ReliableProvisional::Pass
    }

    /// Tells the caller of progress, reliably where it is to be so.
    pub(crate) fn progress(&mut self, core: &mut Core, now: Now, progress: Progress, answer_due: bool) {
        let reliable = self.is_told_reliably(&progress);
        let Progress { status, body, source } = progress;
        let deferred = reliable && self.waits_for_caller(answer_due);
        let (at_once, later) = if deferred { (None, source) } else { (source, None) };
        if let Some(source) = at_once {
            self.prack(core, now, source, None, None);
        }
        if reliable {
            let source = later;
            self.tell_reliably(core, now, Progress { status, body, source });
        } else {
            self.tell_plainly(core, now, status, body.as_deref(), None);
        }
    }

    /// A reliable response that the caller hears nothing of.
    pub(crate) fn acknowledge(&mut self, core: &mut Core, now: Now, source: Option<Source>) {
        if let Some(source) = source {
            self.prack(core, now, source, None, None);
        }
    }

    fn is_told_reliably(&self, progress: &Progress) -> bool {
        let Some(invite) = &self.invite else { return false };
        let message = &invite.asked.message;
        let knows = terms::tells_reliably(&self.snapshot, self.a.trunk, message);
        let insists = || message.has_token(HeaderId::Require, "100rel");
        knows
            && match self.mode(Side::A) {
                ReliableProvisional::Off => false,
                ReliableProvisional::Supported | ReliableProvisional::Required => true,
                ReliableProvisional::WhenSdp => progress.body.is_some() || insists(),
                ReliableProvisional::Pass => progress.source.is_some() || insists(),
            }
    }

    fn tell_reliably(&mut self, core: &mut Core, now: Now, progress: Progress) {
        let Some(invite) = &self.invite else { return };
        let cseq = invite.asked.message.cseq().0;
        let random = core.random();
        let timers = self.timers();
        let all = self.provisionals.get_or_insert_with(|| {
            Box::new(Provisionals {
                sender: Sender::new(random),
                cseq,
                now: None,
                bytes: Bytes::new(),
                kept: VecDeque::new(),
                timer: None,
            })
        });
        let actions = all.sender.on(Input::Response, &timers);
        if actions.contains(&Action::Keep) {
            if all.kept.len() < MAX_KEPT {
                all.kept.push_back(progress);
            }
            return;
        }
        let Some(Action::Send(rseq)) = actions.first().copied() else {
            return;
        };
        let bytes = self.tell_plainly(core, now, progress.status, progress.body.as_deref(), Some(rseq));
        if let Some(all) = &mut self.provisionals {
            all.bytes = bytes.unwrap_or_default();
            all.now = Some(progress);
        }
        self.run_provisionals(core, now, &actions);
    }

    fn run_provisionals(&mut self, core: &mut Core, now: Now, actions: &[Action]) {
        let key = self.key;
        let server = self.invite.as_ref().map(|invite| invite.asked.id);
        for action in actions {
            let Some(all) = &mut self.provisionals else {
                return;
            };
            match action {
                Action::Start(after) => {
                    core.disarm(&mut all.timer);
                    all.timer = Some(core.arm(now, *after, Timer::Prack(key)));
                }
                Action::Stop => core.disarm(&mut all.timer),
                Action::Repeat => {
                    if let Some(server) = server {
                        core.respond(now, server, all.bytes.clone());
                    }
                }
                Action::GiveUp => {
                    self.end(core, now, Ending::failed("no-prack", 504));
                    return;
                }
                Action::Send(_) | Action::Keep | Action::Acknowledged | Action::Unmatched => {}
            }
        }
    }

    /// A response has waited for its PRACK.
    pub(crate) fn on_prack_timer(&mut self, core: &mut Core, now: Now) {
        let timers = self.timers();
        let Some(all) = &mut self.provisionals else {
            return;
        };
        all.timer = None;
        let actions = all.sender.on(Input::Repeat, &timers);
        self.run_provisionals(core, now, &actions);
    }

    /// The caller's INVITE gets its final response.
    pub(crate) fn finish_provisionals(&mut self, core: &mut Core) {
        let timers = self.timers();
        if let Some(all) = &mut self.provisionals {
            all.sender.on(Input::Final, &timers);
            all.kept.clear();
            core.disarm(&mut all.timer);
        }
    }

    /// Whether the caller may not be answered yet: it has been told of a session, and has not said that it knows (RFC 3262 §3).
    pub(crate) fn awaits_prack(&self) -> bool {
        self.provisionals.as_ref().is_some_and(|all| {
            let session = all.now.as_ref().is_some_and(|now| now.body.is_some());
            session && matches!(all.sender.state(), State::Waiting | State::Over)
        })
    }

    /// A PRACK.
    pub(crate) fn on_prack(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let timers = self.timers();
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        let meant = provisional::rack(&asked.message);
        let all = self.provisionals.as_mut().filter(|_| side == Side::A);
        let Some((all, (rseq, _))) = all.zip(meant).filter(|(all, (_, cseq))| all.cseq == *cseq) else {
            let status = if meant.is_none() { 400 } else { 481 };
            return core.answer(now, &asked, status, Some(&tag));
        };
        let offer = match sdp_of(&asked.message) {
            Ok(offer) => offer,
            Err(status) => return core.answer(now, &asked, status, Some(&tag)),
        };
        let actions = all.sender.on(Input::Prack(rseq), &timers);
        if actions.contains(&Action::Unmatched) {
            return core.answer(now, &asked, 481, Some(&tag));
        }
        let (told, next) = (all.now.take(), all.kept.pop_front());
        self.run_provisionals(core, now, &actions);
        let body = self.answer_prack(core, now, asked, told.as_ref(), offer);
        if self.phase == Phase::Ending {
            return;
        }
        if let Some(source) = told.and_then(|told| told.source) {
            self.prack(core, now, source, body, None);
        }
        if self.phase == Phase::Connecting {
            self.connect_when_ready(core, now);
        } else if let Some(next) = next {
            self.tell_reliably(core, now, next);
        }
    }

    /// The answer to a PRACK. What it brings is the answer to the called side's offer, which goes on in our own PRACK, or
    /// an offer (RFC 3262 §5), which crosses as one in an UPDATE does.
    fn answer_prack(
        &mut self,
        core: &mut Core,
        now: Now,
        asked: Asked,
        told: Option<&Progress>,
        sdp: Option<sdp::Sdp>,
    ) -> Option<Bytes> {
        let tag = self.a.tag.clone();
        let answer_due = self.a.session.remote.is_none() && told.is_some_and(|told| told.body.is_some());
        let answered = match (sdp, answer_due) {
            (None, false) => {
                core.answer(now, &asked, 200, Some(&tag));
                return None;
            }
            (Some(offer), false) => {
                self.on_offer(core, now, Side::A, asked, offer);
                return None;
            }
            (sdp, true) => sdp.ok_or(negotiate::NOT_ACCEPTABLE).and_then(|sdp| {
                let leg = self.b.as_mut().ok_or(500_u16)?;
                negotiate::answer(&self.snapshot, leg, &mut self.a, sdp)
            }),
        };
        core.answer(now, &asked, 200, Some(&tag));
        match answered {
            Ok((body, mapping)) => {
                self.settle_session(core, Side::B, mapping);
                Some(body)
            }
            Err(_) => {
                self.end(
                    core,
                    now,
                    Ending::failed("no-answer-sdp", negotiate::NOT_ACCEPTABLE),
                );
                None
            }
        }
    }

    /// Acknowledges a reliable response of the called side (RFC 3262 §7.2).
    fn prack(
        &mut self,
        core: &mut Core,
        now: Now,
        source: Source,
        body: Option<Bytes>,
        again: Option<(Credentials, digest::Attempt)>,
    ) {
        let (snapshot, key) = (self.snapshot.clone(), self.key);
        let Some(leg) = self.b.as_mut() else { return };
        let invite = leg.uac.as_ref().and_then(|uac| uac.invite.as_ref());
        let Some(cseq) = invite.map(|invite| invite.cseq().0) else {
            return;
        };
        let Some(outgoing) = leg.request_early(core, &snapshot, &Method::Prack, &source.tag) else {
            return;
        };
        let Outgoing { flow, mut writer } = outgoing;
        writer.parts(HeaderId::RAck, |value| {
            value
                .number(source.rseq.into())
                .text(" ")
                .number(cseq.into())
                .text(" INVITE");
        });
        let (credentials, auth) = again.unzip();
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = finish(writer, body.as_deref());
        let sent = core.request(now, flow, bytes, ClientOwner::Prack(key));
        let early = leg
            .early
            .as_deref_mut()
            .filter(|early| early.pracks.len() < MAX_PRACKS);
        if let Some(((client, request), early)) = sent.zip(early) {
            early.pracks.push(Pracking {
                client,
                source,
                request,
                auth: auth.unwrap_or_default(),
            });
        }
    }

    /// The called side's answer to a PRACK: a challenge is met (RFC 3261 §22.2). Whatever else it says, its INVITE goes on.
    pub(crate) fn on_prack_response(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        let status = message.status().unwrap_or(500);
        let early = self.b.as_mut().and_then(|leg| leg.early.as_deref_mut());
        let Some(early) = early.filter(|_| status >= 200) else {
            return;
        };
        let Some(at) = early.pracks.iter().position(|prack| prack.client == id) else {
            return;
        };
        let mut prack = early.pracks.swap_remove(at);
        if !matches!(status, 401 | 407) {
            return;
        }
        let (uri, body) = (prack.request.uri().to_vec(), prack.request.body());
        let auth = &mut prack.auth;
        let header = self.credentials(core, Side::B, auth, message, &Method::Prack, &uri, &body);
        if let Some(header) = header {
            let body = (!body.is_empty()).then_some(body);
            self.prack(core, now, prack.source, body, Some((header, prack.auth)));
        }
    }

    /// A provisional response to the caller, on the early dialog of our one tag.
    fn tell_plainly(
        &mut self,
        core: &mut Core,
        now: Now,
        status: u16,
        body: Option<&[u8]>,
        rseq: Option<u32>,
    ) -> Option<Bytes> {
        let invite = self.invite.as_ref()?;
        let (message, flow) = (&invite.asked.message, &invite.asked.flow);
        let mut writer = reply(message, flow, status, None, Some(&self.a.tag));
        let secure = leg::is_secure(&invite.asked.message);
        leg::contact(&mut writer, &self.snapshot, flow, secure);
        leg::allow(&mut writer);
        if let Some(rseq) = rseq {
            writer.header(HeaderId::Require, b"100rel");
            writer.parts(HeaderId::RSeq, |value| {
                value.number(rseq.into());
            });
        }
        self.carry_over(&mut writer, invite);
        let server = invite.asked.id;
        let bytes = self.with_carried(invite, finish(writer, body));
        let bytes = self.ruled(Side::A, bytes);
        let kept = rseq.map(|_| bytes.clone());
        core.respond(now, server, bytes);
        self.story.caller_heard(now);
        self.form_caller_dialog();
        kept
    }
}
