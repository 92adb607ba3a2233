//! Every ending of a call, and its one record.
//!
//! Whatever ends a call comes through [`Call::end`]. Both legs are told at once; the record waits for the media figures and for what
//! contacts that rang at once have left, a BYE's answer for the record, and neither for longer than `records.store_deadline`.

use rtp_proto::control::{Command as MediaCommand, SessionStats, Side};
use sip_msg::{HeaderId, Message, Method};
use sip_proto::digest;
use sip_proto::timers::TimerKey;

use super::leg::{Bye, Leg, Outgoing};
use super::reason::Why;
use super::terms::Hint;
use super::{Call, Phase};
use crate::core::{Asked, ClientOwner, Core, Credentials, StoreKind, Timer};
use crate::guard;
use crate::handoff::Dropped;
use crate::headers;
use crate::io::Now;
use crate::record::HungUpBy;

/// Why and by whom a call ends.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) by: HungUpBy,
    /// One word, as it stands in the record.
    pub(crate) kind: &'static str,
    /// What the caller hears if it was not answered; 200 if it was.
    pub(crate) status: u16,
    pub(crate) q850: Option<u8>,
    /// The SIP status that the one who ended it gave as a reason (RFC 3326).
    pub(crate) said: Option<u16>,
    /// Who has sent a BYE and needs none.
    pub(crate) hung_up: Option<Side>,
    /// The number that a redirection names.
    pub(crate) redirect: Option<Box<str>>,
    /// Seconds after which the caller may try again.
    pub(crate) retry_after: Option<u32>,
    /// What would have been right.
    pub(crate) hint: Option<Hint>,
}

impl Ending {
    /// The word for a call whose caller's signature is too old.
    pub(crate) const STALE: &'static str = "identity-stale";

    /// The phrase beside the status, where it is not the status' own (RFC 8224 §6.2.2).
    pub(crate) fn phrase(&self) -> Option<&'static str> {
        (self.kind == Self::STALE).then_some("Stale Date")
    }

    /// A call that was not answered; the switch says so unless somebody else is named.
    pub(crate) fn failed(kind: &'static str, status: u16) -> Self {
        Self {
            by: HungUpBy::Switch,
            kind,
            status,
            q850: None,
            said: None,
            hung_up: None,
            redirect: None,
            retry_after: None,
            hint: None,
        }
    }

    /// The switch ends an answered call, with this Q.850 cause.
    pub(crate) fn by_switch(kind: &'static str, status: u16, q850: u8) -> Self {
        Self {
            q850: Some(q850),
            ..Self::failed(kind, status)
        }
    }
}

/// What is left to do for a call that is over.
pub(crate) struct Ended {
    /// For the Reason header of our BYEs and CANCELs.
    pub(crate) why: Why,
    /// BYEs that are answered when the record is safe.
    waiting: Vec<(Asked, Side)>,
    deadline: Option<TimerKey>,
    ticket: Option<u64>,
    stored: bool,
    auth: [digest::Attempt; 2],
}

impl Ended {
    /// Of what has no record.
    pub(crate) fn unwritten(ending: &Ending) -> Self {
        Self {
            why: Why::of_ending(ending),
            waiting: Vec::new(),
            deadline: None,
            ticket: None,
            stored: true,
            auth: [digest::Attempt::default(); 2],
        }
    }
}

impl Call {
    /// Ends the call, once.
    pub(crate) fn end(&mut self, core: &mut Core, now: Now, mut ending: Ending) {
        if self.phase == Phase::Ending {
            return;
        }
        if self.errand().is_some() {
            return self.end_errand(core, now, &ending);
        }
        self.drop_transfer(core, now);
        self.drop_fork(core, Dropped::GivenUp);
        let joined = self.end_connecting(core, now, &ending);
        if self.invite.is_some() && ending.status < 300 {
            // Somebody hung up what the caller was never told of.
            ending.status = 480;
        }
        if ending.hung_up != Some(Side::B) {
            self.finish_delayed_ack(core, now);
        }
        let answered = self.phase == Phase::Answered;
        self.phase = Phase::Ending;
        for timer in [
            &mut self.stage_timer,
            &mut self.max_timer,
            &mut self.interim_timer,
        ] {
            core.disarm(timer);
        }
        for leg in [Some(&mut self.a), self.b.as_mut()].into_iter().flatten() {
            leg.stop_timer(core);
        }
        self.stop_waiting(core);
        self.stop_dip(core);
        self.alert_of_end(core, now, &ending, answered);
        guard::ended(core, now, self.key, ending.by == HungUpBy::Caller);
        if ending.by == HungUpBy::Caller {
            self.learn_cancel(core, now);
        }
        let codecs = self.codecs();
        self.story.finish(now, &ending, answered, codecs);
        self.settle_bill(core, now);
        let deadline = self.snapshot.config.records.store_deadline;
        self.ended = Some(Box::new(Ended {
            why: Why::of_ending(&ending),
            waiting: Vec::new(),
            deadline: Some(core.arm(now, deadline, Timer::StoreDeadline(self.key))),
            ticket: None,
            stored: false,
            auth: [digest::Attempt::default(); 2],
        }));
        self.drop_exchange(core, now);
        self.drop_relayed(core, now);
        self.end_caller(core, now, &ending);
        self.end_called(core, now, &ending, answered || joined);
        for leg in [Some(&mut self.a), self.b.as_mut()].into_iter().flatten() {
            if let Some(permit) = leg.permit.take() {
                core.live.release(permit);
            }
        }
        self.release_places(core);
        match self.media {
            Some(id) => core.media(MediaCommand::Close { id }),
            None => {
                self.release_ports(core, now);
                if !self.awaits_tales() {
                    self.write_record(core, None);
                }
            }
        }
        tracing::debug!(call = %self.id, kind = ending.kind, status = ending.status, by = ?ending.by, "ended");
    }

    fn end_caller(&mut self, core: &mut Core, now: Now, ending: &Ending) {
        if self.invite.is_some() {
            self.refuse_caller(core, now, ending);
            self.a.bye = Bye::Done;
        } else {
            self.end_leg(core, now, Side::A, ending.hung_up == Some(Side::A));
        }
    }

    fn end_called(&mut self, core: &mut Core, now: Now, ending: &Ending, joined: bool) {
        if joined {
            self.end_leg(core, now, Side::B, ending.hung_up == Some(Side::B));
        } else {
            self.drop_b(core, now);
        }
    }

    /// Says BYE to an answered leg, as soon as that is allowed.
    fn end_leg(&mut self, core: &mut Core, now: Now, side: Side, hung_up: bool) {
        let Some(leg) = self.leg_mut(side).filter(|leg| leg.bye != Bye::Done) else {
            return;
        };
        if hung_up {
            // A 2xx of ours that is still without its ACK may have been lost: it goes on until it is heard.
            leg.bye = Bye::Done;
        } else if leg.unacked.is_some() {
            leg.bye = Bye::WhenAcked;
        } else {
            self.send_bye(core, now, side);
        }
    }

    /// Sends the BYE to a leg; without a dialog there is nobody to send it to.
    pub(crate) fn send_bye(&mut self, core: &mut Core, now: Now, side: Side) {
        self.send_bye_with(core, now, side, None);
    }

    fn send_bye_with(&mut self, core: &mut Core, now: Now, side: Side, credentials: Option<Credentials>) {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let mode = self.leg(side).map(|leg| snapshot.trunk(leg.trunk).reason.send);
        let reason = self
            .ended
            .as_ref()
            .zip(mode)
            .and_then(|(ended, mode)| ended.why.header(mode));
        let Some(leg) = self.leg_mut(side) else { return };
        let Some(Outgoing { flow, mut writer }) = leg.request(core, &snapshot, &Method::Bye) else {
            leg.bye = Bye::Done;
            return;
        };
        if let Some(reason) = &reason {
            writer.header(HeaderId::Reason, reason.as_bytes());
        }
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = self.ruled(side, writer.finish());
        let sent = core.request(now, flow, bytes, ClientOwner::Bye(key, side));
        let Some(leg) = self.leg_mut(side) else { return };
        leg.bye = if sent.is_some() { Bye::Sent } else { Bye::Done };
    }

    /// A BYE of ours was answered; a challenge is met once (RFC 3261 §22.2).
    pub(crate) fn on_bye_response(&mut self, core: &mut Core, now: Now, side: Side, message: &Message) {
        let status = message.status().unwrap_or(500);
        if status < 200 {
            return;
        }
        if matches!(status, 401 | 407) {
            let uri = self
                .leg(side)
                .and_then(|leg| leg.dialog.as_ref())
                .map(|d| d.remote_target().to_vec());
            let index = usize::from(side == Side::B);
            let tried = self
                .ended
                .as_ref()
                .and_then(|ended| ended.auth.get(index).copied());
            if let (Some(uri), Some(mut auth)) = (uri, tried) {
                let header = self.credentials(core, side, &mut auth, message, &Method::Bye, &uri, b"");
                if let Some(slot) = self.ended.as_mut().and_then(|ended| ended.auth.get_mut(index)) {
                    *slot = auth;
                }
                if header.is_some() {
                    return self.send_bye_with(core, now, side, header);
                }
            }
        }
        self.bye_done(side);
    }

    /// Nothing more is owed to this side.
    pub(crate) fn bye_done(&mut self, side: Side) {
        if let Some(leg) = self.leg_mut(side) {
            leg.bye = Bye::Done;
        }
    }

    /// A BYE from one side (RFC 3261 §15.1.2).
    pub(crate) fn on_bye(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let by = match side {
            Side::A => HungUpBy::Caller,
            Side::B => HungUpBy::Called,
        };
        if self.transfers(side) {
            self.answer_bye(core, now, &asked, side);
            return self.transferor_leaves(core, side);
        }
        let (q850, said) = (
            headers::q850(&asked.message),
            headers::reason_status(&asked.message),
        );
        match (self.phase, side) {
            (Phase::Answered, _) | (Phase::Connecting, Side::B) => {
                let normal = Ending::failed("normal", 200);
                let q850 = q850.or(Some(16));
                self.end(
                    core,
                    now,
                    Ending {
                        by,
                        q850,
                        said,
                        hung_up: Some(side),
                        ..normal
                    },
                );
                match self.ended.as_mut().filter(|ended| !ended.stored) {
                    Some(ended) => ended.waiting.push((asked, side)),
                    None => self.answer_bye(core, now, &asked, side),
                }
            }
            (Phase::Dialing, _) | (Phase::Connecting, Side::A) => {
                // A caller may also give up by a BYE on the early dialog.
                self.answer_bye(core, now, &asked, side);
                self.end(
                    core,
                    now,
                    Ending {
                        by,
                        q850,
                        said,
                        ..Ending::failed("cancelled", 487)
                    },
                );
            }
            (Phase::Ending, _) => {
                // Both hang up at once: each BYE is answered, neither waits for the other.
                if let Some(leg) = self.leg_mut(side)
                    && leg.bye == Bye::WhenAcked
                {
                    leg.bye = Bye::Done;
                }
                self.answer_bye(core, now, &asked, side);
            }
        }
    }

    fn answer_bye(&self, core: &mut Core, now: Now, asked: &Asked, side: Side) {
        let tag = self.leg(side).map(|leg| leg.tag.clone());
        core.answer(now, asked, 200, tag.as_deref());
    }

    /// The media plane has closed the session: its ports are free, its figures final.
    pub(crate) fn on_media_closed(&mut self, core: &mut Core, now: Now, stats: Option<&SessionStats>) {
        if let Some(id) = self.media.take() {
            core.media.remove(&id);
        }
        self.release_ports(core, now);
        if self.phase == Phase::Ending {
            self.learn_call(core, now, stats);
            self.write_record(core, stats);
        } else if !self.on_played(core, now) {
            self.end(core, now, Ending::by_switch("media-failed", 503, 47));
        }
    }

    fn release_ports(&mut self, core: &mut Core, now: Now) {
        for ports in self.parked.drain(..) {
            core.ports.release(now.at, ports);
        }
        for leg in [Some(&mut self.a), self.b.as_mut()].into_iter().flatten() {
            if let Some(ports) = leg.ports.take() {
                core.ports.release(now.at, ports);
            }
        }
    }

    pub(super) fn write_record(&mut self, core: &mut Core, stats: Option<&SessionStats>) {
        if self.ended.as_ref().is_none_or(|ended| ended.ticket.is_some()) {
            return;
        }
        let record = self.final_record(stats);
        core.note_arm(&self.snapshot, &record);
        let ticket = core.store(self.key, record, StoreKind::Final);
        if let Some(ended) = &mut self.ended {
            ended.ticket = Some(ticket);
        }
    }

    /// The store has an answer for one of this call's tickets.
    pub(crate) fn on_stored(&mut self, core: &mut Core, now: Now, ticket: u64, safe: bool) {
        if self.waits_for(ticket) {
            return self.connected(core, now);
        }
        let Some(ended) = self.ended.as_mut().filter(|ended| ended.ticket == Some(ticket)) else {
            return;
        };
        ended.stored = true;
        if !safe {
            core.counters.records_late += 1;
        }
        core.disarm(&mut ended.deadline);
        self.answer_waiting(core, now);
    }

    /// The record or its figures are late: whoever hung up waits no longer, and the record goes without what is missing.
    pub(crate) fn on_store_deadline(&mut self, core: &mut Core, now: Now) {
        if let Some(ended) = self.ended.as_mut() {
            ended.deadline = None;
        }
        core.counters.records_late += 1;
        self.write_record(core, None);
        self.answer_waiting(core, now);
    }

    fn answer_waiting(&mut self, core: &mut Core, now: Now) {
        let waiting = self
            .ended
            .as_mut()
            .map(|ended| std::mem::take(&mut ended.waiting))
            .unwrap_or_default();
        for (asked, side) in waiting {
            self.answer_bye(core, now, &asked, side);
        }
    }

    /// Whether nothing is left to do, so that the call may be forgotten.
    pub(crate) fn is_finished(&self) -> bool {
        let told = |leg: &Leg| leg.bye == Bye::Done && leg.unacked.is_none();
        self.phase == Phase::Ending
            && self.media.is_none()
            && self.exchange.is_none()
            && self
                .ended
                .as_ref()
                .is_some_and(|ended| ended.stored && ended.waiting.is_empty())
            && told(&self.a)
            && self.b.as_ref().is_none_or(told)
    }

    /// Whether the store has answered for its final record.
    pub(crate) fn is_recorded(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.stored)
    }

    /// Takes out of the shared maps what still names this call.
    pub(crate) fn forget(&mut self, core: &mut Core) {
        core.loops.settled(self.key);
        if let Some(ended) = self.ended.as_mut() {
            core.disarm(&mut ended.deadline);
        }
        if let Some(exchange) = self.exchange.take() {
            core.servers.remove(&exchange.asked.id);
            core.clients.remove(&exchange.client);
        }
        for leg in [Some(&mut self.a), self.b.as_mut()].into_iter().flatten() {
            core.tags.remove(&leg.tag);
            if let Some(unacked) = leg.unacked.take() {
                core.servers.remove(&unacked.server);
            }
            if let Some(uac) = leg.uac.take() {
                core.clients.remove(&uac.client);
            }
        }
    }

    /// A long call's account so far is due: ask the media plane for its figures.
    pub(crate) fn on_interim(&mut self, core: &mut Core, now: Now) {
        if let Some(id) = self.media {
            core.media(MediaCommand::Report { id });
        }
        if let Some(every) = self.snapshot.config.records.interim_interval {
            self.interim_timer = Some(core.arm(now, every, Timer::Interim(self.key)));
        }
    }

    /// The media plane's figures for an interim record.
    pub(crate) fn on_media_report(&mut self, core: &mut Core, now: Now, stats: &SessionStats) {
        if self.phase == Phase::Answered {
            core.store(self.key, self.interim_record(now, stats), StoreKind::Interim);
        }
    }
}
