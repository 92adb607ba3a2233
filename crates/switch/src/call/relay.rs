//! Requests within the dialog that cross with their bodies: INFO (RFC 6086), MESSAGE (RFC 3428), NOTIFY (RFC 6665).

use config::RequestMode;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::{ClientId, digest};

use super::leg::Outgoing;
use super::{Call, Phase};
use crate::core::{Asked, ClientOwner, Core, Credentials};
use crate::handoff::is_of_refer;
use crate::headers;
use crate::io::Now;

/// How many may be under way in one call.
const MAX_RELAYED: usize = 4;

/// A request that waits for the other side's answer.
struct Relayed {
    client: ClientId,
    from: Side,
    asked: Asked,
    /// It, as it was sent on.
    request: Message,
    auth: digest::Attempt,
}

/// Those of a call. Most calls never have any.
#[derive(Default)]
pub(crate) struct Relays(Vec<Relayed>);

impl Call {
    fn relays(&mut self) -> &mut Vec<Relayed> {
        &mut self.aside().relayed.0
    }

    fn take_relays(&mut self) -> Vec<Relayed> {
        let aside = self.aside.as_mut();
        aside
            .map(|aside| std::mem::take(&mut aside.relayed.0))
            .unwrap_or_default()
    }

    /// Passes a request on to the other side, if the trunks' keys let it.
    pub(crate) fn on_relayed(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        match self.policy(&asked.message) {
            RequestMode::Relay => {}
            RequestMode::Answer => return core.answer(now, &asked, 200, Some(&tag)),
            RequestMode::Refuse => {
                let is_notify = asked.message.method() == Some(&Method::Notify);
                let status = if is_notify { 489 } else { 405 };
                return core.answer(now, &asked, status, Some(&tag));
            }
        }
        self.pass_on(core, now, side, asked);
    }

    /// Passes a request on to the other side.
    pub(crate) fn pass_on(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        if self.phase == Phase::Ending
            || self
                .aside
                .as_ref()
                .is_some_and(|aside| aside.relayed.0.len() >= MAX_RELAYED)
        {
            let status = if self.phase == Phase::Ending { 481 } else { 500 };
            return core.answer(now, &asked, status, Some(&tag));
        }
        match self.send_relayed(core, now, side.other(), &asked.message, None) {
            Some((client, request)) => self.relays().push(Relayed {
                client,
                from: side,
                asked,
                request,
                auth: digest::Attempt::default(),
            }),
            // Nobody is there for the moment, or there is nothing in it that can cross.
            None if self.phase == Phase::Answered => core.answer(now, &asked, 500, Some(&tag)),
            None => core.answer(now, &asked, self.softened(481), Some(&tag)),
        }
    }

    /// A status for whoever asked. One that ends a dialog (RFC 3261 §12.2.1.2) would end with it the call that still waits for an
    /// answer, which another branch or carrier may give.
    pub(crate) fn softened(&self, status: u16) -> u16 {
        match (status, self.phase) {
            (408 | 481, Phase::Dialing | Phase::Connecting) => 500,
            _ => status,
        }
    }

    fn send_relayed(
        &mut self,
        core: &mut Core,
        now: Now,
        to: Side,
        asked: &Message,
        credentials: Option<Credentials>,
    ) -> Option<(ClientId, Message)> {
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let method = asked.method().cloned().unwrap_or(Method::Info);
        let from = snapshot.trunk(self.leg(to.other())?.trunk);
        let leg = self.leg_mut(to)?;
        let trunk = snapshot.trunk(leg.trunk);
        let Outgoing { flow, mut writer } = leg.request(core, &snapshot, &method)?;
        let carried = match method {
            Method::Refer => Some(self.carry_refer(&mut writer, to, &flow, asked)?),
            _ if is_of_refer(asked) => Some(self.carry_refer(&mut writer, to, &flow, asked)?),
            _ => None,
        };
        if carried.is_none() {
            writer.copy(asked, HeaderId::Event);
        }
        for id in [
            HeaderId::SubscriptionState,
            HeaderId::InfoPackage,
            HeaderId::ContentDisposition,
            HeaderId::ContentEncoding,
            HeaderId::ContentLanguage,
        ] {
            writer.copy(asked, id);
        }
        headers::pass(&mut writer, asked, [from, trunk]);
        for (id, value) in credentials.into_iter().flatten() {
            writer.header(id, &value);
        }
        let bytes = match asked.content_type() {
            Some(content_type) => {
                let body = carried.unwrap_or_else(|| asked.body());
                writer.finish_with(if body.is_empty() { b"" } else { content_type }, &body)
            }
            None => writer.finish(),
        };
        let bytes = self.ruled(to, bytes);
        let sent = core.request(now, flow, bytes, ClientOwner::Relayed(key, to))?;
        if method == Method::Refer {
            self.note_forwarded(to, asked.cseq().0, sent.1.cseq().0);
        }
        Some(sent)
    }

    /// The other side has answered.
    pub(crate) fn on_relayed_response(&mut self, core: &mut Core, now: Now, id: ClientId, message: &Message) {
        if self.tells_by(id) {
            return self.on_told(core, now, message);
        }
        let status = message.status().unwrap_or(500);
        if status < 200 || (matches!(status, 401 | 407) && self.retry_relayed(core, now, id, message)) {
            return;
        }
        self.finish_relayed(core, now, id, status, Some(message));
    }

    /// Meets a challenge (RFC 3261 §22.2). Says whether the request is on its way again.
    fn retry_relayed(&mut self, core: &mut Core, now: Now, id: ClientId, challenge: &Message) -> bool {
        let Some(index) = self.relays().iter().position(|relayed| relayed.client == id) else {
            return false;
        };
        let mut relayed = self.relays().swap_remove(index);
        let to = relayed.from.other();
        let method = relayed.request.method().cloned().unwrap_or(Method::Info);
        let (uri, body) = (relayed.request.uri().to_vec(), relayed.request.body());
        let header = self.credentials(core, to, &mut relayed.auth, challenge, &method, &uri, &body);
        let sent =
            header.and_then(|header| self.send_relayed(core, now, to, &relayed.asked.message, Some(header)));
        let again = sent.is_some();
        if let Some((client, request)) = sent {
            (relayed.client, relayed.request) = (client, request);
        }
        self.relays().push(relayed);
        again
    }

    /// The other side's answer goes to whoever asked; 408 or 503 stand for none.
    pub(crate) fn finish_relayed(
        &mut self,
        core: &mut Core,
        now: Now,
        id: ClientId,
        status: u16,
        answer: Option<&Message>,
    ) {
        if self.tells_by(id) {
            return self.tell_next(core, now);
        }
        let Some(index) = self.relays().iter().position(|relayed| relayed.client == id) else {
            return;
        };
        let relayed = self.relays().swap_remove(index);
        let (from, asked) = (relayed.from, relayed.asked);
        self.settle_forwarded(from, &asked.message, status, answer);
        if self.answer_forwarded(core, now, (from, &asked), status, answer) {
            return;
        }
        let tag = self.leg(from).map(|leg| leg.tag.clone()).unwrap_or_default();
        let status = match status {
            401 | 407 => 503,
            // What ends a dialog (RFC 5057 §5.1) would end a call that goes on, for want of an answer to something else.
            408 => 504,
            481 if self.phase == Phase::Answered && asked.message.method() != Some(&Method::Notify) => 500,
            other if ends_dialog(other) => 500,
            other => other,
        };
        core.answer(now, &asked, self.softened(status), Some(&tag));
    }

    /// The called side is another from now on: what the caller had asked the one before is answered for it.
    pub(crate) fn drop_relayed_to_b(&mut self, core: &mut Core, now: Now) {
        self.forget_forwarded();
        let (to_b, rest) = self
            .take_relays()
            .into_iter()
            .partition(|relayed| relayed.from == Side::A);
        if !Vec::is_empty(&rest) {
            *self.relays() = rest;
        }
        let status = self.softened(481);
        for relayed in Vec::<Relayed>::into_iter(to_b) {
            core.answer(now, &relayed.asked, status, Some(&self.a.tag));
        }
    }

    /// The call ends: whoever still waits hears so.
    pub(crate) fn drop_relayed(&mut self, core: &mut Core, now: Now) {
        self.forget_forwarded();
        for relayed in self.take_relays() {
            let tag = self
                .leg(relayed.from)
                .map(|leg| leg.tag.clone())
                .unwrap_or_default();
            core.answer(now, &relayed.asked, 487, Some(&tag));
        }
    }
}

/// Whether by such an answer to a request within it a dialog is over, beside 408 and 481 (RFC 5057 §5.1). Who takes that by the letter would
/// leave a call that goes on, and say nothing.
pub(crate) fn ends_dialog(status: u16) -> bool {
    matches!(status, 404 | 410 | 416 | 480 | 482..=485 | 502 | 604)
}
