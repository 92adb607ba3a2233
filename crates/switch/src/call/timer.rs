//! Session timers (RFC 4028): each leg's dialog has its own. We refresh where that is ours to do, answer the peer's refreshes,
//! and end the call when a peer that was to refresh has not.

use std::time::{Duration, Instant};

use config::RefreshMethod;
use rtp_proto::control::Side;
use sip_msg::{Message, Method};
use sip_proto::session_timer::{self, Agreed, Answer};
use sip_proto::timers::TimerKey;
use sip_proto::{ClientId, digest};

use super::end::Ending;
use super::leg::{Leg, Outgoing, finish};
use super::{Call, Phase, negotiate, sdp_of, terms};
use crate::core::{ClientOwner, Core, Credentials, Timer};
use crate::io::Now;
use crate::snapshot::Snapshot;

/// How soon a refresh is tried again that something else on the leg was in the way of.
const BUSY: Duration = Duration::from_secs(1);

/// How often the interval of a leg is raised: each proxy on the way may ask for more (RFC 4028 §3).
const MOST_RAISES: u8 = 5;

/// The session timer of one leg.
#[derive(Default)]
pub(crate) struct Timed {
    pub(crate) agreed: Option<Agreed>,
    /// When what was agreed is over, unless it is refreshed.
    expires: Option<Instant>,
    /// What the peer's 422 has asked for at least, seconds; 0: there was none.
    pub(crate) min_se: u32,
    /// How often that was news.
    raises: u8,
    /// The refresh that is due, the end of a refresh's patience, or the expiry.
    key: Option<TimerKey>,
    refresh: Option<Refresh>,
    owed: Owed,
}

/// A refresh of ours that has no final answer.
struct Refresh {
    client: ClientId,
    request: Message,
    auth: digest::Attempt,
}

/// A re-INVITE that a peer is owed, session timer or not.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Owed {
    #[default]
    Nothing,
    /// It has agreed to what came to nothing, or its counterpart is another: it is told what its session is.
    SetBack,
    /// It is offered the session of another party, and decides whether the call goes on.
    Bridge,
}

impl Leg {
    /// What our 2xx to this request says of the timer.
    fn timer_answer(&self, snapshot: &Snapshot, request: &Message) -> Option<Answer> {
        let before = self.timed.as_ref().and_then(|timed| timed.agreed);
        let wanted = terms::wanted(snapshot, self.trunk)?;
        session_timer::answer(wanted, before, request).ok().flatten()
    }

    /// Whether a request asks for an interval that we don't agree to.
    pub(crate) fn interval_refusal(&self, snapshot: &Snapshot, request: &Message) -> Option<terms::Hint> {
        let wanted = terms::wanted(snapshot, self.trunk)?;
        let small = session_timer::answer(wanted, None, request).err()?;
        Some(terms::Hint::MinSe(small.min_se))
    }

    /// Takes note of the least interval that a 422 names. Says whether that is news: the request may be sent again.
    pub(crate) fn raise_interval(&mut self, snapshot: &Snapshot, refusal: &Message) -> bool {
        let Some(wanted) = terms::wanted(snapshot, self.trunk) else {
            return false;
        };
        let timed = self.timed.get_or_insert_default();
        let agreed = timed.agreed.map_or(wanted.expires, |agreed| agreed.seconds);
        let asked = agreed.max(timed.min_se).max(wanted.min_se);
        match session_timer::raised(asked, refusal).filter(|_| timed.raises < MOST_RAISES) {
            Some(least) => {
                timed.min_se = least;
                timed.raises += 1;
                true
            }
            None => false,
        }
    }

    /// Whether an INVITE of ours that refreshes the session is under way.
    pub(crate) fn refreshes_by_invite(&self) -> bool {
        let refresh = self.timed.as_ref().and_then(|timed| timed.refresh.as_ref());
        refresh.is_some_and(|refresh| refresh.request.method() == Some(&Method::Invite))
    }

    /// Nothing is due on this leg any more.
    pub(crate) fn stop_timer(&mut self, core: &mut Core) {
        if let Some(timed) = &mut self.timed {
            core.disarm(&mut timed.key);
            timed.agreed = None;
        }
    }
}

impl Call {
    /// Writes into a 2xx of ours to `request` what we agree to; it holds from now on.
    pub(crate) fn agree_timer(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        request: &Message,
        writer: &mut sip_msg::Writer,
    ) {
        let snapshot = self.snapshot.clone();
        let up = self.phase == Phase::Answered;
        let Some(leg) = self.leg_mut(side) else { return };
        let answer = leg.timer_answer(&snapshot, request).filter(|_| up);
        terms::agree(writer, &snapshot, leg.trunk, answer.as_ref());
        if up {
            self.set_timer(core, now, side, answer.map(|answer| answer.agreed));
        }
    }

    /// A 2xx to an INVITE or UPDATE of ours says what holds from now on.
    pub(crate) fn conclude_timer(&mut self, core: &mut Core, now: Now, side: Side, response: &Message) {
        let Some(leg) = self.leg(side) else { return };
        let wanted = terms::wanted(&self.snapshot, leg.trunk);
        let agreed = wanted.and_then(|_| session_timer::conclude(response));
        self.set_timer(core, now, side, agreed);
    }

    fn set_timer(&mut self, core: &mut Core, now: Now, side: Side, agreed: Option<Agreed>) {
        let key = self.key;
        let Some(leg) = self.leg_mut(side) else { return };
        let Some(agreed) = agreed else {
            return leg.stop_timer(core);
        };
        let timed = leg.timed.get_or_insert_default();
        timed.agreed = Some(agreed);
        timed.expires = Some(now.at + agreed.expiry());
        core.disarm(&mut timed.key);
        let due = if agreed.ours {
            agreed.refresh()
        } else {
            agreed.expiry()
        };
        timed.key = Some(core.arm(now, due, Timer::Session(key, side)));
    }

    /// The timer of a leg is due.
    pub(crate) fn on_session_timer(&mut self, core: &mut Core, now: Now, side: Side) {
        let Some(timed) = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut()) else {
            return;
        };
        timed.key = None;
        let (agreed, refresh) = (timed.agreed, timed.refresh.as_ref().map(|refresh| refresh.client));
        if self.phase == Phase::Ending {
            return;
        }
        match (refresh, agreed) {
            // A re-INVITE that only ever hears 100 has no end of its own.
            (Some(client), _) => core.endpoint.cancel(now.at, client, None, &mut core.outbox),
            (None, _) if self.owed(side) != Owed::Nothing => self.pay(core, now, side),
            (None, Some(agreed)) if agreed.ours => self.refresh(core, now, side),
            (None, Some(_)) => {
                tracing::info!(call = %self.id, ?side, "no refresh: the call is ended");
                self.end(core, now, Ending::by_switch("session-expired", 200, 102));
            }
            (None, None) => {}
        }
    }

    fn rearm(&mut self, core: &mut Core, now: Now, side: Side, after: Duration) {
        let key = self.key;
        if let Some(timed) = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut()) {
            core.disarm(&mut timed.key);
            timed.key = Some(core.arm(now, after, Timer::Session(key, side)));
        }
    }

    /// Sends a refresh, unless something is under way on the leg, which may refresh it as well.
    fn refresh(&mut self, core: &mut Core, now: Now, side: Side) {
        let by_update = self.leg(side).is_some_and(|leg| leg.takes_update)
            && self
                .leg(side)
                .is_some_and(|leg| self.snapshot.session_timer(leg.trunk).method == RefreshMethod::Update);
        let method = if by_update { Method::Update } else { Method::Invite };
        let busy = self.exchange.is_some() || self.leg(side).is_none_or(|leg| leg.unacked.is_some());
        if self.phase != Phase::Answered || (busy && !by_update) {
            return self.rearm(core, now, side, BUSY);
        }
        self.begin_refresh(core, now, side, &method);
    }

    /// Tells a peer by re-INVITE what its session is: it has agreed to another, which has come to nothing.
    pub(crate) fn set_back(&mut self, core: &mut Core, now: Now, side: Side) {
        self.owe(core, now, side, Owed::SetBack);
    }

    /// Offers a party the session of another one, which has taken its counterpart's place.
    pub(crate) fn bridge(&mut self, core: &mut Core, now: Now, side: Side) {
        if let Some(timed) = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut()) {
            timed.refresh = None;
        }
        self.owe(core, now, side, Owed::Bridge);
    }

    fn owe(&mut self, core: &mut Core, now: Now, side: Side, owed: Owed) {
        let Some(leg) = self.leg_mut(side) else { return };
        let timed = leg.timed.get_or_insert_default();
        timed.owed = owed;
        if timed.refresh.is_none() {
            self.pay(core, now, side);
        }
    }

    /// Sends a peer the re-INVITE that it is owed, as soon as there is no other on its dialog (RFC 3261 §14.1).
    fn pay(&mut self, core: &mut Core, now: Now, side: Side) {
        let waits = self.leg(side).is_none_or(|leg| leg.unacked.is_some());
        if self.phase == Phase::Answered && (waits || self.exchange.is_some()) {
            return self.rearm(core, now, side, BUSY);
        }
        self.begin_refresh(core, now, side, &Method::Invite);
    }

    fn owed(&self, side: Side) -> Owed {
        let timed = self.leg(side).and_then(|leg| leg.timed.as_deref());
        timed.map_or(Owed::Nothing, |timed| timed.owed)
    }

    fn owe_no_more(&mut self, side: Side) -> Owed {
        let timed = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut());
        timed.map_or(Owed::Nothing, |timed| std::mem::take(&mut timed.owed))
    }

    fn begin_refresh(&mut self, core: &mut Core, now: Now, side: Side, method: &Method) {
        match self.send_refresh(core, now, side, method, None) {
            Some((client, request)) => {
                let refresh = Refresh {
                    client,
                    request,
                    auth: digest::Attempt::default(),
                };
                if let Some(timed) = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut()) {
                    timed.refresh = Some(refresh);
                }
                self.rearm(core, now, side, self.snapshot.config.sip.t1 * 64);
            }
            None => self.rearm(core, now, side, BUSY),
        }
    }

    fn send_refresh(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        method: &Method,
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let leg = self.leg_mut(side)?;
        // The session as it is, in the same words (§7.4, RFC 3264 §8).
        let body = leg.session.sent.clone().filter(|_| *method == Method::Invite);
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, method)?;
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        leg.session.unsent &= body.is_none();
        let bytes = finish(writer, body.as_deref());
        core.request(now, flow, bytes, ClientOwner::Refresh(key, side))
    }

    fn refresh_of(&mut self, side: Side, id: ClientId) -> Option<&mut Refresh> {
        let timed = self.leg_mut(side)?.timed.as_deref_mut()?;
        timed.refresh.as_mut().filter(|refresh| refresh.client == id)
    }

    fn take_refresh(&mut self, side: Side, id: ClientId) -> Option<Refresh> {
        self.refresh_of(side, id)?;
        self.leg_mut(side)?.timed.as_deref_mut()?.refresh.take()
    }

    /// The peer's answer to a refresh of ours.
    pub(crate) fn on_refresh_response(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        side: Side,
        message: &Message,
    ) {
        let status = message.status().unwrap_or(500);
        if status < 200 {
            return;
        }
        let Some(refresh) = self.take_refresh(side, id) else {
            return;
        };
        let invite = refresh.request.method() == Some(&Method::Invite);
        if invite
            && status < 300
            && let Some(leg) = self.leg(side)
        {
            leg.send_ack(core, now, &self.snapshot, id, &refresh.request, None);
        }
        if self.phase != Phase::Answered {
            return;
        }
        match status {
            200..=299 => {
                self.refresh_target(core, now, side, message);
                if let Some(leg) = self.leg_mut(side) {
                    leg.note_methods(message);
                }
                self.conclude_timer(core, now, side, message);
                if invite {
                    match self.owe_no_more(side) {
                        Owed::Bridge => self.on_bridged(core, now, side, message),
                        Owed::SetBack | Owed::Nothing => self.on_refreshed_session(core, side, message),
                    }
                }
            }
            408 | 481 => self.lose_dialog(core, now),
            401 | 407 => self.refresh_with_credentials(core, now, side, refresh, message),
            422 => self.refresh_with_longer_interval(core, now, side, refresh, message),
            405 | 501 if !invite => {
                if let Some(leg) = self.leg_mut(side) {
                    leg.takes_update = false;
                }
                self.refresh(core, now, side);
            }
            491 => {
                let wait = self.glare_wait(core, side);
                self.rearm(core, now, side, wait);
            }
            _ => self.refresh_later(core, now, side),
        }
    }

    fn refresh_with_credentials(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        mut refresh: Refresh,
        challenge: &Message,
    ) {
        let method = refresh.request.method().cloned().unwrap_or(Method::Update);
        let (uri, body) = (refresh.request.uri().to_vec(), refresh.request.body());
        match self.credentials(core, side, &mut refresh.auth, challenge, &method, &uri, &body) {
            Some(header) => self.refresh_again(core, now, side, refresh, Some(header)),
            None => self.refresh_later(core, now, side),
        }
    }

    /// The interval was too brief (RFC 4028 §6): again with the one that the peer names.
    fn refresh_with_longer_interval(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        refresh: Refresh,
        message: &Message,
    ) {
        let snapshot = self.snapshot.clone();
        let raised = self
            .leg_mut(side)
            .is_some_and(|leg| leg.raise_interval(&snapshot, message));
        if !raised {
            return self.refresh_later(core, now, side);
        }
        self.refresh_again(core, now, side, refresh, None);
    }

    fn refresh_again(
        &mut self,
        core: &mut Core,
        now: Now,
        side: Side,
        mut refresh: Refresh,
        credentials: Option<Credentials>,
    ) {
        let method = refresh.request.method().cloned().unwrap_or(Method::Update);
        let Some((client, request)) = self.send_refresh(core, now, side, &method, credentials) else {
            return self.refresh_later(core, now, side);
        };
        (refresh.client, refresh.request) = (client, request);
        if let Some(timed) = self.leg_mut(side).and_then(|leg| leg.timed.as_deref_mut()) {
            timed.refresh = Some(refresh);
        }
        self.rearm(core, now, side, self.snapshot.config.sip.t1 * 64);
    }

    /// The peer won't have it now, but the dialog stands (§10): once more well before it expires, if that is ours to do, or else it is
    /// waited for the peer's.
    fn refresh_later(&mut self, core: &mut Core, now: Now, side: Side) {
        if self.owe_no_more(side) == Owed::Bridge {
            return self.end(core, now, Ending::by_switch("transfer-failed", 200, 88));
        }
        let Some(timed) = self.leg(side).and_then(|leg| leg.timed.as_deref()) else {
            return;
        };
        if let (Some(agreed), Some(expires)) = (timed.agreed, timed.expires) {
            let left = expires.saturating_duration_since(now.at);
            let due = if agreed.ours { agreed.refresh() / 2 } else { left };
            self.rearm(core, now, side, due);
        }
    }

    /// How long to wait after a 491 to an offer of ours (RFC 3261 §14.1): who made the Call-ID waits longer.
    fn glare_wait(&self, core: &mut Core, side: Side) -> Duration {
        let dialog = self.leg(side).and_then(|leg| leg.dialog.as_ref());
        let tens = if dialog.is_some_and(sip_proto::Dialog::is_caller) {
            210 + core.random() % 191
        } else {
            core.random() % 201
        };
        Duration::from_millis(tens * 10)
    }

    /// The answer to the session as it was. Where it is another than before, its media goes where it says now; the other side
    /// isn't told, since nothing that it has agreed to has changed.
    fn on_refreshed_session(&mut self, core: &mut Core, side: Side, message: &Message) {
        let Ok(Some(sdp)) = sdp_of(message) else { return };
        let same = |leg: &Leg| leg.session.remote.as_deref() == Some(&**sdp.raw());
        if self.leg(side).is_none_or(same) {
            return;
        }
        let snapshot = self.snapshot.clone();
        let Some((x, y)) = self.pair(side.other()) else {
            return;
        };
        let before = (x.session.clone(), y.session.clone());
        match negotiate::answer(&snapshot, x, y, sdp) {
            Ok((_, mapping)) => {
                (x.session.sent, x.session.version) = (before.0.sent, before.0.version);
                x.session.answered = before.0.answered;
                self.update_media(core, side.other(), &mapping);
            }
            Err(status) => {
                (x.session, y.session) = before;
                tracing::debug!(call = %self.id, status, "the answer to a refresh is of no use");
            }
        }
    }

    /// A refresh of ours has no answer, and never will.
    pub(crate) fn on_refresh_dead(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        side: Side,
        unreachable: bool,
    ) {
        if self.take_refresh(side, id).is_none() || self.phase != Phase::Answered {
            return;
        }
        if unreachable {
            // As a 503 (RFC 3261 §8.1.3.1), which says nothing of the dialog.
            self.refresh_later(core, now, side);
        } else {
            self.lose_dialog(core, now);
        }
    }

    /// One side knows of no dialog any more: both are hung up (RFC 3261 §12.2.1.2, RFC 4028 §10).
    pub(crate) fn lose_dialog(&mut self, core: &mut Core, now: Now) {
        self.end(core, now, Ending::by_switch("dialog-lost", 200, 102));
    }
}
