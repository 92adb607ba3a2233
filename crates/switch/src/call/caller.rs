//! What the caller hears, and what it says before it is answered: ACK, CANCEL.

use bytes::Bytes;
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message};
use sip_proto::{Dialog, ServerId, reply};

use super::end::Ending;
use super::leg::{self, Bye, Unacked, finish};
use super::reason::Why;
use super::reliable::Progress;
use super::{Call, Phase, negotiate, sdp_of};
use crate::core::Core;
use crate::headers;
use crate::identity;
use crate::io::Now;
use crate::record::HungUpBy;

impl Call {
    /// Progress of our own making.
    pub(crate) fn tell_progress(&mut self, core: &mut Core, now: Now, status: u16, body: Option<Bytes>) {
        let progress = Progress {
            status,
            body,
            source: None,
        };
        self.progress(core, now, progress, false);
    }

    /// The dialog with the caller, which it has by a provisional response of ours (RFC 3261 §12.1), early until it is answered.
    pub(crate) fn form_caller_dialog(&mut self) {
        if self.a.dialog.is_none()
            && let Some(invite) = &self.invite
        {
            self.a.note_methods(&invite.asked.message);
            self.a.dialog = Dialog::uas(&invite.asked.message, &self.a.tag).ok();
        }
    }

    /// The dialog with the caller will be confirmed by our 200.
    pub(crate) fn confirm_caller_dialog(&mut self) {
        self.form_caller_dialog();
        match &mut self.a.dialog {
            Some(dialog) => dialog.answered(),
            // An INVITE without a Contact: it can be answered, but never hung up by us.
            None => tracing::info!(call = %self.id, "the caller's INVITE makes no dialog"),
        }
    }

    /// The 200 to the caller.
    pub(crate) fn accept_caller(&mut self, core: &mut Core, now: Now, body: &[u8]) {
        let Some(invite) = self.invite.take() else { return };
        self.finish_provisionals(core);
        if identity::is_hidden(&self.snapshot, self.a.trunk, &invite.asked.message) {
            self.aside().hidden = true;
        }
        let mut writer = reply(
            &invite.asked.message,
            &invite.asked.flow,
            200,
            None,
            Some(&self.a.tag),
        );
        leg::contact(
            &mut writer,
            &self.snapshot,
            &invite.asked.flow,
            leg::is_secure(&invite.asked.message),
        );
        leg::allow(&mut writer);
        self.agree_timer(core, now, Side::A, &invite.asked.message, &mut writer);
        if let Some(agent) = &self.snapshot.config.sip.user_agent {
            writer.header(HeaderId::Server, agent.as_bytes());
        }
        self.carry_over(&mut writer, &invite);
        // Empty: the session was agreed before.
        let body = Some(body).filter(|body| !body.is_empty());
        let bytes = self.with_carried(&invite, finish(writer, body));
        let bytes = self.ruled(Side::A, bytes);
        self.a.unacked = Some(Unacked {
            server: invite.asked.id,
            cseq: invite.asked.message.cseq().0,
        });
        core.respond(now, invite.asked.id, bytes);
        self.story.caller_heard(now);
    }

    /// The caller's INVITE is refused.
    pub(crate) fn refuse_caller(&mut self, core: &mut Core, now: Now, ending: &Ending) {
        let Some(invite) = self.invite.take() else { return };
        self.finish_provisionals(core);
        core.servers.remove(&invite.asked.id);
        let mut writer = reply(
            &invite.asked.message,
            &invite.asked.flow,
            ending.status,
            ending.phrase(),
            Some(&self.a.tag),
        );
        let mode = self.snapshot.trunk(self.a.trunk).reason.send;
        if let Some(reason) = Why::of_refusal(ending).header(mode) {
            writer.header(HeaderId::Reason, reason.as_bytes());
        }
        if let Some(seconds) = ending.retry_after {
            writer.header_fmt(HeaderId::RetryAfter, format_args!("{seconds}"));
        }
        if let (Some(user), Some(host)) = (&ending.redirect, self.snapshot.advertised(&invite.asked.flow)) {
            let user = headers::escape_user(user);
            writer.header_fmt(HeaderId::Contact, format_args!("<sip:{user}@{host}>"));
        }
        if let Some(hint) = ending.hint {
            hint.write(&mut writer);
        }
        headers::explain(&mut writer, ending.status);
        self.carry_over(&mut writer, &invite);
        let bytes = self.with_carried(&invite, writer.finish());
        let bytes = self.ruled(Side::A, bytes);
        core.respond(now, invite.asked.id, bytes);
    }

    /// CANCEL for an INVITE of this side (RFC 3261 §9.2).
    pub(crate) fn on_cancel(&mut self, core: &mut Core, now: Now, id: ServerId, cancel: &Message) {
        if self.invite.as_ref().is_some_and(|invite| invite.asked.id == id) {
            let (q850, said) = (headers::q850(cancel), headers::reason_status(cancel));
            self.end(
                core,
                now,
                Ending {
                    by: HungUpBy::Caller,
                    q850,
                    said,
                    ..Ending::failed("cancelled", 487)
                },
            );
        } else {
            self.cancel_exchange(core, now, id);
        }
    }

    /// ACK for a 2xx of ours (RFC 3261 §13.3.1.4), perhaps with the answer to our offer.
    pub(crate) fn on_ack(&mut self, core: &mut Core, now: Now, side: Side, ack: &Message) {
        let Some(leg) = self.leg_mut(side) else { return };
        let expected = leg.dialog.as_ref().is_some_and(|dialog| dialog.matches(ack));
        let about = |unacked: &Unacked| expected && unacked.cseq == ack.cseq().0;
        let Some(Unacked { server, .. }) = leg.unacked.filter(about) else {
            return;
        };
        leg.unacked = None;
        let owed = leg.bye == Bye::WhenAcked;
        core.endpoint.acked(server);
        core.servers.remove(&server);
        if owed {
            self.send_bye(core, now, side);
        } else if self.exchange.is_some() {
            self.on_exchange_ack(core, now, side, ack);
        } else if side == Side::A && self.awaits_delayed_answer() {
            self.on_delayed_answer(core, now, ack);
        }
    }

    /// The called side's first INVITE has been answered with an offer that still wants its answer.
    fn awaits_delayed_answer(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Answered) && self.a.session.remote.is_none()
    }

    /// The caller's answer to the called side's offer goes on in our ACK.
    fn on_delayed_answer(&mut self, core: &mut Core, now: Now, ack: &Message) {
        let answered = sdp_of(ack)
            .and_then(|sdp| sdp.ok_or(negotiate::NOT_ACCEPTABLE))
            .and_then(|sdp| {
                let leg = self.b.as_mut().ok_or(500_u16)?;
                negotiate::answer(&self.snapshot, leg, &mut self.a, sdp)
            });
        match answered {
            Ok((body, mapping)) => {
                if let Some(leg) = self.b.as_mut()
                    && let Some(uac) = leg.uac.as_mut()
                    && let Some(invite) = uac.invite.take()
                {
                    let client = uac.client;
                    leg.send_ack(core, now, &self.snapshot, client, &invite, Some(&body));
                }
                self.update_media(core, Side::B, &mapping);
            }
            Err(_) => self.end(core, now, Ending::by_switch("no-answer-sdp", 200, 47)),
        }
    }

    /// Our 2xx was never ACKed: the call cannot go on (RFC 3261 §13.3.1.4).
    pub(crate) fn on_ack_timeout(&mut self, core: &mut Core, now: Now, side: Side) {
        if let Some(leg) = self.leg_mut(side) {
            leg.unacked = None;
            if leg.bye == Bye::WhenAcked {
                self.send_bye(core, now, side);
            }
        }
        if self.phase == Phase::Answered && !self.is_vacant(side) {
            self.end(core, now, Ending::by_switch("ack-timeout", 200, 102));
        }
    }

    /// An answer to the called side's offer will never come: its 2xx is ACKed without, so that it can be hung up.
    pub(crate) fn finish_delayed_ack(&mut self, core: &mut Core, now: Now) {
        if !self.awaits_delayed_answer() {
            return;
        }
        if let Some(leg) = self.b.as_mut()
            && let Some(uac) = leg.uac.as_mut()
            && let Some(invite) = uac.invite.take()
        {
            let client = uac.client;
            leg.send_ack(core, now, &self.snapshot, client, &invite, None);
        }
    }
}
