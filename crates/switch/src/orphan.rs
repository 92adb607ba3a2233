//! INVITEs that nobody waits for any more: the caller hung up, or the hunt went on without them.
//!
//! A cancelled INVITE may still be answered (RFC 3261 §9.1, §15): then it is ACKed and hung up at once. Its place on the
//! trunk stays taken until the far side has let go.

use std::net::SocketAddr;
use std::sync::Arc;

use route::{Permit, TrunkIx};
use rtp_proto::control::Side;
use sip_msg::{HeaderId, Message, Method, Uri, Writer};
use sip_proto::{ClientId, Dialog, Flow, Hop, digest};

use crate::call::{Leg, Uac};
use crate::core::{ClientOwner, Core, Credentials};
use crate::io::Now;
use crate::snapshot::{Listener, Snapshot};

/// An INVITE given up.
pub(crate) struct Orphan {
    leg: Leg,
    invite: Message,
    permit: Option<Permit>,
    snapshot: Arc<Snapshot>,
}

/// Cancels an INVITE and waits for what becomes of it.
pub(crate) fn abandon(
    core: &mut Core,
    now: Now,
    snapshot: &Arc<Snapshot>,
    leg: Leg,
    uac: Uac,
    permit: Option<Permit>,
    reason: Option<&[u8]>,
) {
    let asked = uac.invite.filter(|_| core.clients.contains_key(&uac.client));
    let Some(invite) = asked else {
        // It has had its final answer.
        if let Some(permit) = permit {
            core.live.release(permit);
        }
        return;
    };
    core.endpoint.cancel(now.at, uac.client, reason, &mut core.outbox);
    core.clients.insert(uac.client, ClientOwner::Orphan);
    let orphan = Orphan {
        leg,
        invite: *invite,
        permit,
        snapshot: snapshot.clone(),
    };
    core.orphans.insert(uac.client, Box::new(orphan));
}

/// A response to an INVITE given up.
pub(crate) fn on_response(core: &mut Core, now: Now, id: ClientId, message: &Message) {
    let status = message.status().unwrap_or(500);
    if status < 200 {
        return;
    }
    let Some(orphan) = core.orphans.remove(&id) else {
        return;
    };
    if status < 300 {
        answered_late(
            core,
            now,
            &orphan.snapshot,
            id,
            &orphan.invite,
            &orphan.leg,
            message,
        );
    }
    if let Some(permit) = orphan.permit {
        core.live.release(permit);
    }
}

/// An INVITE given up will not be answered any more.
pub(crate) fn on_dead(core: &mut Core, id: ClientId) {
    if let Some(permit) = core.orphans.remove(&id).and_then(|orphan| orphan.permit) {
        core.live.release(permit);
    }
}

/// A 2xx that came too late, or from another branch of a fork: ACK and BYE (RFC 3261 §13.2.2.4).
pub(crate) fn answered_late(
    core: &mut Core,
    now: Now,
    snapshot: &Arc<Snapshot>,
    client: ClientId,
    invite: &Message,
    leg: &Leg,
    response: &Message,
) {
    let Ok(dialog) = Dialog::uac(invite, response) else {
        return;
    };
    let mut late = Leg::new(leg.side, leg.trunk, leg.tag.clone(), leg.flow, 0);
    late.dialog = Some(dialog);
    late.send_ack(core, now, snapshot, client, invite, None);
    goodbye(core, now, snapshot, late);
}

/// A 2xx to an INVITE that nobody remembers: one more branch of a fork, after the others were hung up. What ACK and BYE
/// need stands in the 2xx.
pub(crate) fn answered_unasked(core: &mut Core, now: Now, client: ClientId, response: &Message) {
    let (_, method) = response.cseq();
    let success = response
        .status()
        .is_some_and(|status| (200..300).contains(&status));
    let target = response.contact().map(|contact| contact.uri);
    let (Some(target), true) = (target.filter(|_| *method == Method::Invite), success) else {
        return;
    };
    let snapshot = core.snapshot.clone();
    // It came back to where our INVITE's Via said that it was sent from.
    let via = response.top_via();
    let ours = |listener: &&Listener| {
        let port = via.port.unwrap_or(listener.transport.default_port());
        let same = via
            .transport
            .eq_ignore_ascii_case(listener.transport.via_name().as_bytes());
        same && via.ip() == Some(listener.advertise.ip()) && port == listener.advertise.port()
    };
    let Some(listener) = snapshot.listeners.iter().find(ours) else {
        return;
    };
    let there = address_of(target).map(|remote| Hop {
        transport: listener.transport,
        remote,
    });
    let Some(flow) = there.and_then(|hop| snapshot.flow_to(listener.network, hop)) else {
        return;
    };
    let Some(invite) = asked_by(core, &snapshot, flow, response) else {
        return;
    };
    let Ok(dialog) = Dialog::uac(&invite, response) else {
        return;
    };
    let mut late = Leg::new(Side::B, TrunkIx(0), Box::default(), flow, 0);
    late.dialog = Some(dialog);
    late.send_ack(core, now, &snapshot, client, &invite, None);
    goodbye_with(core, now, &snapshot, late, None, None);
}

/// The INVITE that a 2xx answers, as far as its ACK and a dialog need it: what of it stands in the 2xx.
pub(crate) fn asked_by(
    core: &mut Core,
    snapshot: &Arc<Snapshot>,
    flow: Flow,
    response: &Message,
) -> Option<Message> {
    let (_, method) = response.cseq();
    let target = sip_msg::request_uri(response.contact()?.uri)?;
    let mut writer = Writer::request(method, target);
    writer.header(HeaderId::Via, &core.via(snapshot, &flow));
    writer.copy(response, HeaderId::From).copy(response, HeaderId::To);
    writer
        .copy(response, HeaderId::CallId)
        .copy(response, HeaderId::CSeq);
    sip_msg::parse(writer.finish(), &sip_msg::Limits::default()).ok()
}

/// Where a URI with an IP address in it leads.
fn address_of(uri: &[u8]) -> Option<SocketAddr> {
    match Uri::parse(uri).ok()? {
        Uri::Sip(uri) => Some(SocketAddr::new(uri.ip()?, uri.port.unwrap_or(5060))),
        Uri::Tel(_) | Uri::Other { .. } => None,
    }
}

/// A BYE that only has to be delivered: nobody waits for its answer.
pub(crate) struct Goodbye {
    leg: Leg,
    snapshot: Arc<Snapshot>,
    reason: Option<&'static str>,
    /// Challenges met so far; `None`: none is to be met.
    auth: Option<digest::Attempt>,
}

/// Whether a BYE crosses one of ours of such a leg.
pub(crate) fn is_hung_up(core: &Core, bye: &Message) -> bool {
    let dialogs = core
        .goodbyes
        .values()
        .filter_map(|goodbye| goodbye.leg.dialog.as_ref());
    dialogs.into_iter().any(|dialog| dialog.matches(bye))
}

/// Hangs up a leg that no call has any more.
pub(crate) fn goodbye(core: &mut Core, now: Now, snapshot: &Arc<Snapshot>, leg: Leg) {
    goodbye_with(core, now, snapshot, leg, None, Some(digest::Attempt::default()));
}

/// The same with a Reason, and with a word on whether challenges are met.
pub(crate) fn goodbye_with(
    core: &mut Core,
    now: Now,
    snapshot: &Arc<Snapshot>,
    leg: Leg,
    reason: Option<&'static str>,
    auth: Option<digest::Attempt>,
) {
    let goodbye = Goodbye {
        leg,
        snapshot: snapshot.clone(),
        reason,
        auth,
    };
    send_goodbye(core, now, Box::new(goodbye), None);
}

fn send_goodbye(core: &mut Core, now: Now, mut goodbye: Box<Goodbye>, credentials: Option<Credentials>) {
    let snapshot = goodbye.snapshot.clone();
    let Some(mut outgoing) = goodbye.leg.request(core, &snapshot, &Method::Bye) else {
        return;
    };
    if let Some(reason) = goodbye.reason {
        outgoing.writer.header(HeaderId::Reason, reason.as_bytes());
    }
    for (id, value) in credentials.into_iter().flatten() {
        outgoing.writer.header(id, &value);
    }
    let bytes = outgoing.writer.finish();
    if let Some((client, _)) = core.request(now, outgoing.flow, bytes, ClientOwner::Goodbye) {
        core.goodbyes.insert(client, goodbye);
    }
}

/// The answer to such a BYE; a challenge is met (RFC 3261 §22.2), or the far side would stay connected to nobody.
pub(crate) fn on_goodbye_response(core: &mut Core, now: Now, id: ClientId, message: &Message) {
    let status = message.status().unwrap_or(500);
    if status < 200 {
        return;
    }
    let Some(mut goodbye) = core.goodbyes.remove(&id) else {
        return;
    };
    let target = goodbye
        .leg
        .dialog
        .as_ref()
        .map(|dialog| dialog.remote_target().to_vec());
    let ix = goodbye.leg.trunk;
    if let (401 | 407, Some(uri), Some(auth)) = (status, target, goodbye.auth.as_mut()) {
        let snapshot = goodbye.snapshot.clone();
        let header = core.authorize(snapshot.trunk(ix), auth, message, &Method::Bye, &uri, b"");
        if let Some(Ok(header)) = header {
            send_goodbye(core, now, goodbye, Some(header));
        }
    }
}

/// Nobody answers such a BYE: nobody is there.
pub(crate) fn on_goodbye_dead(core: &mut Core, id: ClientId) {
    core.goodbyes.remove(&id);
}
