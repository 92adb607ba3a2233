//! What the called side's answers mean: progress, early media, the answer, a challenge, a refusal.

use bytes::Bytes;
use route::{Asked, Attempt, AttemptOutcome, Outcome};
use rtp_proto::PtMap;
use rtp_proto::control::{Command as MediaCommand, Side};
use sip_msg::{Message, Method};
use sip_proto::{ClientId, digest};

use super::leg::Leg;
use super::negotiate::Read;
use super::reliable::Progress;
use super::{Call, Phase, Stage, bodies, negotiate, sdp_of, terms};
use crate::core::{Core, Credentials};
use crate::headers;
use crate::io::Now;
use crate::locate;
use crate::orphan;

impl Call {
    /// A response to the INVITE of an attempt.
    pub(crate) fn on_attempt_response(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        let current = self
            .b
            .as_ref()
            .and_then(|leg| leg.uac.as_ref())
            .is_some_and(|uac| uac.client == id);
        if !current {
            return;
        }
        if self.phase == Phase::Dialing && self.is_won_by(message) {
            return self.hand_over_leg(core, id, message);
        }
        let changed = self.heard(Side::B, message);
        let message = changed.as_ref().unwrap_or(message);
        let status = message.status().unwrap_or(500);
        if self.phase != Phase::Dialing {
            // Another branch of a forked INVITE answers too (RFC 3261 §13.2.2.4): thanks, and goodbye.
            if (200..300).contains(&status) {
                self.refuse_fork(core, now, id, message);
            }
            return;
        }
        self.note_alive(core, now, status);
        self.carry(message);
        match status {
            100 => self.on_trying(core, now),
            101..=199 => self.on_progress(core, now, status, message),
            200..=299 => self.on_answer(core, now, id, message),
            401 | 407 if self.answer_challenge(core, now, message) => {}
            422 if self.ask_for_longer(core, now, message) => {}
            _ => {
                let rang = self.hunt.as_ref().is_some_and(|hunt| hunt.rang);
                let outcome = AttemptOutcome::Final {
                    status: self.meant(message),
                    q850: headers::q850(message),
                    rang,
                };
                self.back_off(core, now, status, message);
                self.attempt_over(core, now, outcome, Some(message));
            }
        }
    }

    /// The attempt's INVITE was never answered or could not be delivered.
    pub(crate) fn on_attempt_dead(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        outcome: AttemptOutcome,
    ) {
        let current = self
            .b
            .as_ref()
            .and_then(|leg| leg.uac.as_ref())
            .is_some_and(|uac| uac.client == id);
        if self.phase != Phase::Dialing || !current {
            return;
        }
        let last = self.hunt.as_ref().is_some_and(|hunt| hunt.hops.is_empty());
        if let Some(attempt) = self.attempt().filter(|_| last) {
            core.note_target(now, &self.snapshot, &attempt, Outcome::Miss);
        }
        // Its transaction is over; there is nothing left to cancel.
        if let Some(leg) = self.b.as_mut() {
            leg.uac = None;
        }
        self.attempt_over(core, now, outcome, None);
    }

    fn attempt(&self) -> Option<route::Attempt> {
        let hunt = self.hunt.as_ref()?;
        hunt.current().cloned()
    }

    fn note_alive(&self, core: &mut Core, now: Now, status: u16) {
        let Some(attempt) = self.attempt().filter(|_| status != 408) else {
            return;
        };
        core.note_target(now, &self.snapshot, &attempt, Outcome::Alive);
        let first = self.hunt.as_ref().is_some_and(|hunt| hunt.stage == Stage::Trying);
        if let Some(leg) = self
            .b
            .as_ref()
            .filter(|_| first && status != 503 && attempt.target != Attempt::REGISTERED)
        {
            let network = self.snapshot.network_of(attempt.trunk);
            core.hop_answered(now, network, leg.flow.hop(), status, Asked::Call);
            core.note_round_trip(now, &self.snapshot, &attempt, self.story.attempt_age(now));
        }
    }

    /// Honours Retry-After of a 503 (RFC 3261 §21.5.4): of a target with several places, that of the last.
    fn back_off(&self, core: &mut Core, now: Now, status: u16, message: &Message) {
        let last = self.hunt.as_ref().is_some_and(|hunt| hunt.hops.is_empty());
        if status != 503 || !last {
            return;
        }
        if let (Some(wait), Some(attempt)) = (locate::retry_after(message), self.attempt()) {
            core.back_off(now, &self.snapshot, &attempt, wait);
        }
    }

    fn on_trying(&mut self, core: &mut Core, now: Now) {
        let Some(attempt) = self.attempt() else { return };
        if self.hunt.as_ref().is_some_and(|hunt| hunt.stage == Stage::Trying) {
            let failover = &self.snapshot.trunk(attempt.trunk).failover;
            let left = failover.progress.saturating_sub(self.story.attempt_age(now));
            self.set_stage(core, now, Stage::Progress, left);
        }
    }

    /// 101 to 199: the caller hears it, with the media that came with it (RFC 3261 §13.2.2.1, RFC 3960 §3.2).
    fn on_progress(&mut self, core: &mut Core, now: Now, status: u16, message: &Message) {
        let Some(attempt) = self.attempt() else { return };
        let stage = self.hunt.as_ref().map(|hunt| hunt.stage);
        if let Some(hunt) = self.hunt.as_mut().filter(|_| status != 199) {
            hunt.rings(now);
        }
        match (status, stage) {
            // A branch has failed: nobody rings for that.
            (199, _) => self.on_trying(core, now),
            (_, Some(Stage::Ringing) | None) => {}
            (_, Some(_)) => {
                let ring = self.ring_time(now, &attempt);
                self.set_stage(core, now, Stage::Ringing, ring);
            }
        }
        self.story.progress(now);
        if let Some(leg) = &mut self.b {
            leg.progressed(message, status != 199);
        }
        let Ok(source) = self.arrived(message) else { return };
        // 199 says that one early dialog is over (RFC 6228); the caller never saw that dialog.
        if status == 199 {
            return self.acknowledge(core, now, source);
        }
        if self.errand().is_some() {
            self.acknowledge(core, now, source);
            return self.errand_progress(core, status, message);
        }
        let delayed = self.invite.as_ref().is_some_and(|invite| invite.offer.is_none());
        let mut answer_due = false;
        let body = match sdp_of(message) {
            Ok(Some(sdp)) if delayed => {
                let offer = source.as_ref().and_then(|_| self.early_offer(core, sdp));
                answer_due = offer.is_some();
                offer
            }
            Ok(Some(sdp)) => self.early_media(core, message, sdp),
            Ok(None) if (180..=183).contains(&status) => self.ring_back(core, now),
            Ok(None) | Err(_) => None,
        };
        let progress = Progress { status, body, source };
        self.progress(core, now, progress, answer_due);
    }

    /// The called side's offer in a reliable response, for a caller that made none and can answer it in its PRACK (RFC 3262 §5).
    fn early_offer(&mut self, core: &mut Core, sdp: sdp::Sdp) -> Option<Bytes> {
        let invite = self.invite.as_ref()?;
        let can = terms::tells_reliably(&self.snapshot, self.a.trunk, &invite.asked.message);
        if !can || self.a.session.sent.is_some() {
            return None;
        }
        let leg = self.b.as_mut()?;
        negotiate::offer(&self.snapshot, core.endpoint.mint(), leg, &mut self.a, sdp).ok()
    }

    /// Offer and answer have been exchanged before the call is answered, by PRACK or UPDATE: the 200 has nothing to add.
    pub(crate) fn settle_session(&mut self, core: &mut Core, offerer: Side, mapping: sdp::PtMapping) {
        self.hush(core);
        self.update_media(core, offerer, &mapping);
        let latest = self.b.as_ref().and_then(|leg| leg.early.as_deref());
        let tag = latest.map(|early| early.latest.clone()).unwrap_or_default();
        if let Some(hunt) = &mut self.hunt {
            hunt.settled = Some(Box::new((tag, offerer, mapping)));
        }
    }

    /// The body of the 200 to a caller whose session was settled with the branch that has answered; empty: none is due.
    fn settled(&mut self, core: &mut Core, message: &Message) -> Option<Bytes> {
        let tag = message.to_tag().unwrap_or_default();
        let (_, offerer, mapping) = *self
            .hunt
            .as_mut()?
            .settled
            .take_if(|settled| *settled.0 == *tag)?;
        self.a.session.own = Box::default();
        self.phase = Phase::Connecting;
        self.hush(core);
        self.update_media(core, offerer, &mapping);
        let session = &self.a.session;
        let answer = session.sent.as_deref().filter(|_| session.answered);
        Some(answer.map(Bytes::copy_from_slice).unwrap_or_default())
    }

    /// Asks again for an interval that is long enough (RFC 4028 §7.3). Says whether a new INVITE is on its way.
    fn ask_for_longer(&mut self, core: &mut Core, now: Now, refusal: &Message) -> bool {
        let snapshot = self.snapshot.clone();
        let Some((attempt, leg)) = self.attempt().zip(self.b.as_mut()) else {
            return false;
        };
        if !leg.raise_interval(&snapshot, refusal) {
            return false;
        }
        let flow = leg.flow;
        let Some(uac) = leg.uac.as_ref() else { return false };
        let Some(invite) = uac.invite.clone() else {
            return false;
        };
        let (auth, cseq) = (uac.auth, invite.cseq().0 + 1);
        let body = bodies::session_in(&invite);
        let body_bytes = body.as_deref().unwrap_or_default();
        let credentials = self.preemptive(core, &attempt, body_bytes);
        let bytes = self.write_invite(core, &attempt, flow, body.as_deref(), cseq, credentials);
        let bytes = self.vouched(core, now, bytes);
        self.launch(core, now, flow, bytes, auth).is_some()
    }

    /// SDP in a provisional response. `None` when it cannot be used: the response goes on without.
    fn early_media(&mut self, core: &mut Core, message: &Message, sdp: sdp::Sdp) -> Option<Bytes> {
        self.invite.as_ref()?.offer.as_ref()?;
        let leg = self.b.as_mut()?;
        let (body, mapping) = negotiate::answer(&self.snapshot, &mut self.a, leg, sdp.clone()).ok()?;
        if let Some(hunt) = &mut self.hunt {
            hunt.remember_early(message.to_tag().unwrap_or_default(), sdp);
        }
        self.hush(core);
        self.update_media(core, Side::A, &mapping);
        Some(body)
    }

    /// Tells the media plane of both legs after `offerer`'s offer was answered.
    pub(crate) fn update_media(&mut self, core: &mut Core, offerer: Side, mapping: &sdp::PtMapping) {
        let (Some(id), Some(b)) = (self.media, self.b.as_ref()) else {
            return;
        };
        let answered = matches!(self.phase, Phase::Connecting | Phase::Answered);
        let (a, b) = (Read::of(&self.a), Read::of(b));
        let (map_a, map_b) = match offerer {
            Side::A => negotiate::pt_maps(&a, &b, mapping),
            Side::B => {
                let (from_b, from_a) = negotiate::pt_maps(&b, &a, mapping);
                (from_a, from_b)
            }
        };
        let update = |side: Side, read, other, map: PtMap| {
            let leg = negotiate::media_leg(&self.snapshot, read, Some(other), map, answered);
            leg.map(|leg| MediaCommand::Update {
                id,
                side,
                rebind: leg.mux,
                leg,
            })
        };
        let updates = [update(Side::B, &b, &a, map_b), update(Side::A, &a, &b, map_a)];
        for command in updates.into_iter().flatten() {
            core.media(command);
        }
        self.hold_music(core);
    }

    /// 2xx: the called party is there.
    fn on_answer(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        let Some(leg) = self.b.as_mut() else { return };
        let Some(invite) = leg.uac.as_ref().and_then(|uac| uac.invite.clone()) else {
            return;
        };
        leg.answered(&invite, message);
        let trunk = self.snapshot.trunk(leg.trunk);
        if trunk.auth.is_some() {
            core.learn(&trunk.name, message);
        }
        core.disarm(&mut self.stage_timer);
        if self.errand().is_some() {
            return self.errand_answered(core, now, id, &invite, message);
        }
        self.take_answer(core, now, id, &invite, message);
    }

    /// The called side's answer, with its dialog: what it says of the session, and on to the caller.
    pub(super) fn take_answer(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        invite: &Message,
        message: &Message,
    ) {
        let delayed = self.invite.as_ref().is_some_and(|invite| invite.offer.is_none());
        let settled = self.settled(core, message);
        let ack = !delayed || settled.is_some();
        let body = match settled {
            Some(body) => Ok(body),
            None if delayed => self.delayed_offer(core, message),
            None => self.final_answer(core, message),
        };
        match body {
            Ok(body) => {
                self.conclude_timer(core, now, Side::B, message);
                self.connect(core, now, ack.then_some(id), body);
            }
            Err(status) => self.unusable_answer(core, now, id, invite, status),
        }
    }

    /// The SDP of the answer. A 2xx without any, or with a body that is something else, stands by what its branch of the
    /// called side has said before; by what any has, if that one was silent.
    fn final_answer(&mut self, core: &mut Core, message: &Message) -> Result<Bytes, u16> {
        let sdp = match sdp_of(message) {
            Ok(Some(sdp)) => sdp,
            Ok(None) | Err(415) => {
                let tag = message.to_tag().unwrap_or_default();
                let early = self.hunt.as_ref().and_then(|hunt| hunt.early_answer(tag));
                early.ok_or(negotiate::NOT_ACCEPTABLE)?
            }
            Err(status) => return Err(status),
        };
        let leg = self.b.as_mut().ok_or(500_u16)?;
        let (body, mapping) = negotiate::answer(&self.snapshot, &mut self.a, leg, sdp)?;
        self.a.session.own = Box::default();
        self.phase = Phase::Connecting;
        self.hush(core);
        self.update_media(core, Side::A, &mapping);
        Ok(body)
    }

    /// The caller made no offer: the called side's goes to it in our answer (RFC 3261 §13.2.1).
    fn delayed_offer(&mut self, core: &mut Core, message: &Message) -> Result<Bytes, u16> {
        let sdp = sdp_of(message)?.ok_or(negotiate::NOT_ACCEPTABLE)?;
        let leg = self.b.as_mut().ok_or(500_u16)?;
        Ok(negotiate::offer(
            &self.snapshot,
            core.endpoint.mint(),
            leg,
            &mut self.a,
            sdp,
        )?)
    }

    /// The called side answered with a session that nobody can join: ACK, BYE, and the next or the end.
    pub(crate) fn unusable_answer(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        invite: &Message,
        status: u16,
    ) {
        let rang = self.hunt.as_ref().is_some_and(|hunt| hunt.rang);
        if let Some(leg) = self.b.as_mut() {
            leg.send_ack(core, now, &self.snapshot, id, invite, None);
            leg.uac = None;
            core.clients.remove(&id);
            let mut gone = Leg::new(leg.side, leg.trunk, leg.tag.clone(), leg.flow, 0);
            gone.dialog = leg.dialog.take();
            orphan::goodbye(core, now, &self.snapshot, gone);
        }
        self.attempt_over(
            core,
            now,
            AttemptOutcome::Final {
                status,
                q850: None,
                rang,
            },
            None,
        );
    }

    /// Answers a 401 or 407 with the trunk's credentials (RFC 3261 §22.2). Says whether a new INVITE is on its way.
    fn answer_challenge(&mut self, core: &mut Core, now: Now, challenge: &Message) -> bool {
        let Some(attempt) = self.attempt() else {
            return false;
        };
        let Some((flow, invite, mut auth)) = self.b.as_ref().and_then(|leg| {
            let uac = leg.uac.as_ref()?;
            Some((leg.flow, uac.invite.clone()?, uac.auth))
        }) else {
            return false;
        };
        let body = invite.body();
        let header = self.credentials(
            core,
            Side::B,
            &mut auth,
            challenge,
            &Method::Invite,
            invite.uri(),
            &body,
        );
        let Some(header) = header else { return false };
        let cseq = invite.cseq().0 + 1;
        let body = bodies::session_in(&invite);
        let bytes = self.write_invite(core, &attempt, flow, body.as_deref(), cseq, Some(header));
        let bytes = self.vouched(core, now, bytes);
        self.launch(core, now, flow, bytes, auth).is_some()
    }

    /// The Authorization headers for a challenge on one leg, if its trunk has credentials for it.
    #[allow(
        clippy::too_many_arguments,
        reason = "a digest is computed over all of these (RFC 7616 §3.4)"
    )]
    pub(crate) fn credentials(
        &mut self,
        core: &mut Core,
        side: Side,
        attempt: &mut digest::Attempt,
        challenge: &Message,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Option<Credentials> {
        let trunk = self.snapshot.trunk(self.leg(side)?.trunk);
        match core.authorize(trunk, attempt, challenge, method, uri, body)? {
            Ok(header) => Some(header),
            Err(error) => {
                tracing::debug!(call = %self.id, trunk = %trunk.name, %error, "challenge not answered");
                self.story
                    .remark(format!("{}: its challenge was not answered: {error}", trunk.name));
                None
            }
        }
    }

    fn refuse_fork(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        let Some(leg) = self.b.as_ref() else { return };
        let Some(uac) = leg.uac.as_ref() else { return };
        let same = leg
            .dialog
            .as_ref()
            .is_some_and(|d| Some(d.remote_tag()) == message.to_tag());
        if same {
            return;
        }
        match &uac.invite {
            Some(invite) => orphan::answered_late(core, now, &self.snapshot, id, invite, leg, message),
            None => {
                if let Some(invite) = orphan::asked_by(core, &self.snapshot, leg.flow, message) {
                    orphan::answered_late(core, now, &self.snapshot, id, &invite, leg, message);
                }
            }
        }
    }

    /// Ends what the called side was told about: a pending INVITE is given up, ports and permit go back.
    pub(crate) fn drop_b(&mut self, core: &mut Core, now: Now) {
        let Some(mut leg) = self.b.take() else { return };
        if let Some(Stage::Resolving(query)) = self.hunt.as_ref().map(|hunt| hunt.stage) {
            core.queries.remove(&query);
        }
        core.tags.remove(&leg.tag);
        leg.stop_timer(core);
        self.drop_exchange_with_b(core, now);
        self.forget_telling();
        self.drop_relayed_to_b(core, now);
        if let Some(ports) = leg.ports.take() {
            // The media plane has them bound until it says otherwise.
            match self.media {
                Some(_) => self.parked.push(ports),
                None => core.ports.release(now.at, ports),
            }
        }
        let permit = leg.permit.take();
        let mode = self.snapshot.trunk(leg.trunk).reason.send;
        let reason = self.ended.as_ref().and_then(|ended| ended.why.header(mode));
        let reason = reason.as_deref().map(str::as_bytes);
        match leg.uac.take() {
            Some(uac) => orphan::abandon(core, now, &self.snapshot, leg, *uac, permit, reason),
            None => {
                if let Some(permit) = permit {
                    core.live.release(permit);
                }
            }
        }
    }
}
