//! Requests within the dialog that cross as they are: INFO (RFC 6086).

use rtp_proto::control::Side;
use sip_msg::Method;
use sip_proto::ClientId;

use super::leg::Outgoing;
use super::{Call, Phase};
use crate::core::{Asked, ClientOwner, Core};
use crate::io::Now;

/// How many may be under way in one call.
const MAX_RELAYED: usize = 4;

/// A request that waits for the other side's answer.
pub(crate) struct Relayed {
    client: ClientId,
    from: Side,
    asked: Asked,
}

impl Call {
    /// Passes a request's body on to the other side.
    pub(crate) fn on_relayed(&mut self, core: &mut Core, now: Now, side: Side, asked: Asked) {
        let method = asked.message.method().cloned().unwrap_or(Method::Info);
        let tag = self.leg(side).map(|leg| leg.tag.clone()).unwrap_or_default();
        if self.phase != Phase::Answered || self.relayed.len() >= MAX_RELAYED {
            let status = if self.phase == Phase::Answered { 500 } else { 481 };
            return core.answer(now, &asked, status, Some(&tag));
        }
        let snapshot = self.snapshot.clone();
        let key = self.key;
        let client = self.leg_mut(side.other()).and_then(|leg| {
            let Outgoing { flow, writer } = leg.request(core, &snapshot, &method)?;
            let bytes = match asked.message.content_type() {
                Some(content_type) => writer.finish_with(content_type, &asked.message.body()),
                None => writer.finish(),
            };
            core.request(now, flow, bytes, ClientOwner::Relayed(key, side.other()))
        });
        match client {
            Some((client, _)) => self.relayed.push(Relayed {
                client,
                from: side,
                asked,
            }),
            None => core.answer(now, &asked, 481, Some(&tag)),
        }
    }

    /// The other side has answered, or never will.
    pub(crate) fn on_relayed_response(&mut self, core: &mut Core, now: Now, id: ClientId, status: u16) {
        if status < 200 {
            return;
        }
        let Some(index) = self.relayed.iter().position(|relayed| relayed.client == id) else {
            return;
        };
        let relayed = self.relayed.swap_remove(index);
        let tag = self
            .leg(relayed.from)
            .map(|leg| leg.tag.clone())
            .unwrap_or_default();
        let status = if matches!(status, 401 | 407) { 503 } else { status };
        core.answer(now, &relayed.asked, status, Some(&tag));
    }

    /// The call ends: whoever still waits hears so.
    pub(crate) fn drop_relayed(&mut self, core: &mut Core, now: Now) {
        for relayed in std::mem::take(&mut self.relayed) {
            let tag = self
                .leg(relayed.from)
                .map(|leg| leg.tag.clone())
                .unwrap_or_default();
            core.answer(now, &relayed.asked, 487, Some(&tag));
        }
    }
}
