//! One side of a call: who is there, on which dialog, with which session.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use route::{Permit, TrunkIx};
use rtp_proto::PortPair;
use rtp_proto::control::{Audio, Side};
use sdp::Proto;
use sip_msg::{HeaderId, Message, Method, SipUri, Uri, Writer};
use sip_proto::provisional::Arrivals;
use sip_proto::{ClientId, Dialog, EarlyDialogs, Flow, Head, Hop, OutOfOrder, ServerId, Transport, digest};
use smallvec::SmallVec;

use super::negotiate::Events;
use super::negotiate::Security;
use super::reliable::Pracking;
use super::terms;
use super::timer::Timed;
use crate::core::Core;
use crate::io::Now;
use crate::snapshot::Snapshot;

/// Where the BYE to a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bye {
    /// None has been sent.
    No,
    /// One is owed as soon as the peer has ACKed our 2xx (RFC 3261 §15).
    WhenAcked,
    /// One is on its way.
    Sent,
    /// The leg is over: answered, hung up by the peer, or never was.
    Done,
}

/// An INVITE of ours to this leg, the first or a later one.
pub(crate) struct Uac {
    pub(crate) client: ClientId,
    /// The INVITE as it was sent; a dialog and the ACK are made of it. Not kept beyond the ACK: it is the largest thing a call has.
    pub(crate) invite: Option<Box<Message>>,
    /// The challenges that this INVITE and its predecessors have met.
    pub(crate) auth: digest::Attempt,
}

/// What the branches of the called side have answered before one of them takes the call (RFC 3261 §13.2.2.1).
#[derive(Default)]
pub(crate) struct Early {
    dialogs: EarlyDialogs,
    /// The tag of the branch that spoke last: what the caller hears is its.
    pub(crate) latest: Box<[u8]>,
    /// Which of a branch's reliable responses have come, by its tag.
    pub(crate) arrivals: Vec<(Box<[u8]>, Arrivals)>,
    /// PRACKs that wait for their answers.
    pub(crate) pracks: Vec<Pracking>,
}

impl Early {
    /// Whether there is an early dialog with the branch that has this tag.
    pub(crate) fn has_branch(&self, tag: &[u8]) -> bool {
        self.dialogs.get(tag).is_some()
    }
}

/// What has been said about media on one leg.
#[derive(Clone, Default)]
pub(crate) struct Session {
    /// Session id in our o= line (RFC 8866 §5.2).
    pub(crate) id: u64,
    /// Version in our o= line, grown with each changed body (RFC 3264 §8).
    pub(crate) version: u64,
    /// Our last body.
    pub(crate) sent: Option<Box<[u8]>>,
    /// It has not been sent under its version yet: the session is again what it was before an offer that came to nothing.
    pub(crate) unsent: bool,
    /// Whether that is an answer.
    pub(crate) answered: bool,
    /// The formats of an answer of our own to the offer that the peer waits for an answer to, its codec first; empty: there was
    /// none. It is *the* answer (RFC 3261 §13.2.1): what the other side answers later has to agree with it.
    pub(crate) own: Box<[u8]>,
    /// The peer's last body.
    pub(crate) remote: Option<Box<[u8]>>,
    /// The m-lines of this leg's session: their number and order never change (RFC 3264 §8).
    pub(crate) lines: SmallVec<[Line; 1]>,
    /// Codec in use, `name/clock`.
    pub(crate) codec: Option<Box<str>>,
    /// What is spoken on this leg, where the other speaks something else.
    pub(crate) converted: Option<Arc<Audio>>,
    /// Its telephone events.
    pub(crate) events: Events,
    /// Profile of the relayed RTP stream on this leg, as the last offer had it.
    pub(crate) profile: Option<Proto>,
    /// How it is encrypted.
    pub(crate) security: Option<Security>,
    /// Our last offer to the peer has RTCP on RTP's port.
    pub(crate) mux_offered: bool,
}

/// One m-line of a leg's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// The one that is relayed.
    Live,
    /// One that is not; its m= line, to be repeated with port 0.
    Rejected(Box<[u8]>),
}

/// A 2xx of ours without its ACK.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unacked {
    pub(crate) server: ServerId,
    /// CSeq number of its INVITE, which the ACK repeats: an ACK that comes late is no other INVITE's.
    pub(crate) cseq: u32,
}

/// One leg.
pub(crate) struct Leg {
    pub(crate) side: Side,
    pub(crate) trunk: TrunkIx,
    pub(crate) permit: Option<Permit>,
    /// Our tag.
    pub(crate) tag: Box<[u8]>,
    pub(crate) call_id: Box<[u8]>,
    /// Where requests within the dialog leave, and what their Via says.
    pub(crate) flow: Flow,
    pub(crate) dialog: Option<Dialog>,
    /// Until the called side has answered: what requests within its early dialogs are made of.
    pub(crate) early: Option<Box<Early>>,
    pub(crate) ports: Option<PortPair>,
    /// RTCP shares the RTP port on this leg.
    pub(crate) mux: bool,
    pub(crate) session: Session,
    /// Nothing is heard from it though the other side speaks.
    pub(crate) unheard: bool,
    /// A 2xx of ours that has not been ACKed.
    pub(crate) unacked: Option<Unacked>,
    pub(crate) uac: Option<Box<Uac>>,
    pub(crate) bye: Bye,
    /// The peer takes UPDATE, by its last Allow (RFC 3311 §4).
    pub(crate) takes_update: bool,
    /// Its session timer.
    pub(crate) timed: Option<Box<Timed>>,
}

impl Leg {
    pub(crate) fn new(side: Side, trunk: TrunkIx, tag: Box<[u8]>, flow: Flow, session_id: u64) -> Self {
        // 62 bits and never 0: every SDP parser in the field can hold it.
        let session = Session {
            id: (session_id >> 2) | 1,
            version: 1,
            ..Session::default()
        };
        Self {
            side,
            trunk,
            permit: None,
            tag,
            call_id: Box::default(),
            flow,
            dialog: None,
            early: None,
            ports: None,
            mux: false,
            session,
            unheard: false,
            unacked: None,
            uac: None,
            bye: Bye::No,
            takes_update: false,
            timed: None,
        }
    }

    /// What the peer says of its methods.
    pub(crate) fn note_methods(&mut self, message: &Message) {
        if message.header(HeaderId::Allow).is_some() {
            self.takes_update = message.has_token(HeaderId::Allow, "UPDATE");
        }
    }

    /// 101 to 199 from a called side: there is an early dialog with it now (RFC 3261 §12.1).
    /// `news`: the branch has something to say, so it is the latest.
    pub(crate) fn progressed(&mut self, response: &Message, news: bool) {
        self.note_methods(response);
        let invite = self.uac.as_ref().and_then(|uac| uac.invite.as_deref());
        let Some((invite, tag)) = invite.zip(response.to_tag()) else {
            return;
        };
        let early = self.early.get_or_insert_default();
        if early.dialogs.receive(invite, response).is_ok() && news {
            early.latest = Box::from(tag);
        }
    }

    /// 2xx from a called side: its dialog, which goes on with what was sent in it before; the others are over.
    pub(crate) fn answered(&mut self, invite: &Message, response: &Message) {
        self.note_methods(response);
        let tag = response.to_tag().unwrap_or_default();
        let early = self.early.take().and_then(|mut early| {
            early.dialogs.receive(invite, response).ok()?;
            early.dialogs.take(tag)
        });
        self.dialog = early.or_else(|| Dialog::uac(invite, response).ok());
    }

    /// The dialog that a message of the peer's is within, early or not.
    pub(crate) fn dialog_of(&mut self, message: &Message) -> Option<&mut Dialog> {
        if self.dialog.is_some() {
            return self.dialog.as_mut();
        }
        let tag = if message.is_request() {
            message.from_tag()
        } else {
            message.to_tag()
        };
        self.early.as_deref_mut()?.dialogs.get_mut(tag?)
    }

    /// Whether there is a dialog, be it an early one.
    pub(crate) fn has_dialog(&self) -> bool {
        self.dialog.is_some()
            || self
                .early
                .as_ref()
                .is_some_and(|early| early.has_branch(&early.latest))
    }

    /// Whether there is an early dialog with the branch of this tag, and no answer.
    pub(crate) fn rings_with(&self, tag: &[u8]) -> bool {
        let early = self.early.as_deref().filter(|_| self.dialog.is_none());
        early.is_some_and(|early| early.dialogs.get(tag).is_some())
    }

    /// Begins a request within the early dialog of the branch with this tag.
    pub(crate) fn request_early(
        &mut self,
        core: &mut Core,
        snapshot: &Snapshot,
        method: &Method,
        tag: &[u8],
    ) -> Option<Outgoing> {
        let head = self.early.as_deref_mut()?.dialogs.get_mut(tag)?.request(method);
        Some(self.outgoing(core, snapshot, &head, method))
    }

    /// The early dialog that a request of the called side's belongs to, if it is in order there.
    pub(crate) fn receive_early(&mut self, request: &Message) -> Option<Result<(), OutOfOrder>> {
        let early = self.early.as_deref_mut()?;
        let dialog = early.dialogs.get_mut(request.from_tag().unwrap_or_default())?;
        dialog.matches(request).then(|| dialog.receive_request(request))
    }

    /// The dialog that requests of ours belong to, also while it is early.
    pub(crate) fn current_dialog(&mut self) -> Option<&mut Dialog> {
        match &mut self.dialog {
            Some(dialog) => Some(dialog),
            None => {
                let Early { dialogs, latest, .. } = self.early.as_deref_mut()?;
                dialogs.get_mut(latest)
            }
        }
    }

    /// Begins a request within the dialog: CSeq taken, Via, Contact, User-Agent written.
    pub(crate) fn request(
        &mut self,
        core: &mut Core,
        snapshot: &Snapshot,
        method: &Method,
    ) -> Option<Outgoing> {
        if self.bye == Bye::Done {
            // Whoever was there has left (a transfer).
            return None;
        }
        let head = self.current_dialog()?.request(method);
        Some(self.outgoing(core, snapshot, &head, method))
    }

    /// Begins the ACK for the 2xx to this INVITE of ours: its CSeq number, its credentials (RFC 3261 §13.2.2.4).
    fn ack(&self, core: &mut Core, snapshot: &Snapshot, invite: &Message) -> Option<Outgoing> {
        let head = self.dialog.as_ref()?.ack(invite.cseq().0);
        let mut outgoing = self.outgoing(core, snapshot, &head, &Method::Ack);
        for id in [HeaderId::Authorization, HeaderId::ProxyAuthorization] {
            outgoing.writer.copy(invite, id);
        }
        Some(outgoing)
    }

    fn outgoing(&self, core: &mut Core, snapshot: &Snapshot, head: &Head, method: &Method) -> Outgoing {
        let flow = next_flow(snapshot, head.next_hop(), self.flow);
        let via = core.via(snapshot, &flow);
        let mut writer = head.writer(&via);
        if matches!(method, Method::Invite | Method::Update) {
            let secure = self.dialog.as_ref().is_some_and(Dialog::is_secure);
            contact(&mut writer, snapshot, &flow, secure);
            allow(&mut writer);
            terms::ask_again(&mut writer, snapshot, self);
        }
        if let Some(agent) = &snapshot.config.sip.user_agent {
            writer.header(HeaderId::UserAgent, agent.as_bytes());
        }
        Outgoing { flow, writer }
    }

    /// Sends the ACK for a 2xx to our INVITE, again for each copy of the 2xx.
    pub(crate) fn send_ack(
        &self,
        core: &mut Core,
        now: Now,
        snapshot: &Snapshot,
        client: ClientId,
        invite: &Message,
        body: Option<&[u8]>,
    ) {
        let Some(Outgoing { flow, writer }) = self.ack(core, snapshot, invite) else {
            return;
        };
        let bytes = finish(writer, body);
        let to_tag: Box<[u8]> = self
            .dialog
            .as_ref()
            .map(|d| Box::from(d.remote_tag()))
            .unwrap_or_default();
        core.endpoint
            .ack(now.at, client, &to_tag, flow, bytes, &mut core.outbox);
    }
}

/// A request of ours that still lacks its last headers and its body.
pub(crate) struct Outgoing {
    pub(crate) flow: Flow,
    pub(crate) writer: Writer,
}

/// Closes a message, with an SDP body if there is one.
pub(crate) fn finish(writer: Writer, body: Option<&[u8]>) -> Bytes {
    match body {
        Some(body) => writer.finish_with(b"application/sdp", body),
        None => writer.finish(),
    }
}

/// Our Contact on this flow.
/// `secure`: the dialog's request is to a `sips:` URI, and so is then our Contact (RFC 3261 §12.1.1, RFC 5630 §5.1.1). Otherwise
/// TLS is a parameter: `sips:` would promise that all hops behind us have it, too, which many a carrier takes at our word and
/// refuses.
pub(crate) fn contact(writer: &mut Writer, snapshot: &Snapshot, flow: &Flow, secure: bool) {
    if let Some(address) = snapshot.advertised(flow) {
        writer.parts(HeaderId::Contact, |value| {
            value.text(if secure { "<sips:" } else { "<sip:" });
            match snapshot.peers.contact_host(flow.peer) {
                Some(host) => value.text(host).text(":").number(address.port().into()),
                None => value.address(address),
            };
            let named = match flow.transport {
                Transport::Udp => false,
                Transport::Tls => !secure,
                Transport::Tcp | Transport::Ws | Transport::Wss => true,
            };
            if named {
                value.text(";transport=").text(flow.transport.parameter());
            }
            value.text(">");
        });
    }
}

/// Whether a request is to a `sips:` URI.
pub(crate) fn is_secure(request: &Message) -> bool {
    matches!(Uri::parse(request.uri()), Ok(Uri::Sip(uri)) if uri.secure)
}

/// Allow, as INVITEs, UPDATEs and their answers carry it (RFC 3261 §13.2.1, §20.5).
pub(crate) fn allow(writer: &mut Writer) {
    writer.header(HeaderId::Allow, ALLOW.as_bytes());
}

/// The methods that we take, in the words of an Allow header.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, MESSAGE, NOTIFY, REFER";

/// Where a request goes whose next hop is this URI. An address is taken as it is, unless it is a private one and the
/// peer's messages come from elsewhere: then it stands behind a NAT that lets in only what goes where they came from.
/// So goes what is for a name, since a dialog must not wait for a resolver, and what is for a browser.
///
/// A URI that names no transport means the dialog's: the standard's UDP (RFC 3263 §4.1) is not what peers mean who speak TLS.
/// The connection that the dialog came by is meant as long as it leads to that place; whoever sends knows.
pub(crate) fn next_flow(snapshot: &Snapshot, next_hop: &[u8], fallback: Flow) -> Flow {
    let Ok(Uri::Sip(uri)) = Uri::parse(next_hop) else {
        return fallback;
    };
    let Some(ip) = uri.ip() else { return fallback };
    if rtp_proto::is_unroutable(ip) && !rtp_proto::is_unroutable(fallback.remote.ip()) {
        return fallback;
    }
    let transport = written_transport(&uri).unwrap_or(fallback.transport);
    let by_socket = matches!(fallback.transport, Transport::Ws | Transport::Wss);
    if by_socket || matches!(transport, Transport::Ws | Transport::Wss) {
        return fallback;
    }
    // Of a connection that we made, an address alone is the far end's.
    let unsaid = uri.port.is_none() && transport.connects() && fallback.conn.is_none();
    let remote = match uri.port {
        None if unsaid && transport == fallback.transport && ip == fallback.remote.ip() => fallback.remote,
        port => SocketAddr::new(ip, port.unwrap_or(transport.default_port())),
    };
    if transport == fallback.transport && remote.is_ipv4() == fallback.remote.is_ipv4() {
        // The same listener: the peer knows us by its address.
        return Flow { remote, ..fallback };
    }
    let flow = snapshot.flow_to(snapshot.network_at(&fallback), Hop { transport, remote });
    flow.map_or(fallback, |flow| Flow {
        peer: fallback.peer,
        ..flow
    })
}

/// The transport that a URI names, by its scheme or its parameter.
pub(super) fn written_transport(uri: &SipUri<'_>) -> Option<Transport> {
    if uri.secure {
        return Some(Transport::Tls);
    }
    uri.transport().and_then(named_transport)
}

/// The transport that a URI's parameter names (RFC 3261 §19.1.1; `tls` is deprecated there and written by everybody).
fn named_transport(word: &[u8]) -> Option<Transport> {
    [
        (b"udp".as_slice(), Transport::Udp),
        (b"tcp", Transport::Tcp),
        (b"tls", Transport::Tls),
        (b"ws", Transport::Ws),
    ]
    .into_iter()
    .find(|(name, _)| word.eq_ignore_ascii_case(name))
    .map(|(_, transport)| transport)
}
