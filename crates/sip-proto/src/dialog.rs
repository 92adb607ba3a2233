//! Dialogs (RFC 3261 §12): what both sides of a call agree on, and the requests within it.
//!
//! Every row of the tables in `docs/specs/sip-dialog.md` is a test with the row's name.

mod early;
mod head;
mod octets;
#[cfg(test)]
mod tests;
mod texts;

pub use early::EarlyDialogs;
pub use head::Head;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sip_msg::{HeaderId, Message, Method, NameAddr};

use crate::reply::unfold;
use octets::Octets;
use texts::{Text, Texts};

/// Why no dialog comes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A provisional response without To-tag creates none (RFC 3261 §12.1).
    #[error("provisional response without To-tag")]
    NoTag,
    /// A request, a 100 or a final refusal where an answer was wanted, or a response where a request was.
    #[error("message creates no dialog")]
    NotCreating,
    /// An INVITE without Contact (RFC 3261 §8.1.1.8): nowhere to send later requests to.
    #[error("no usable Contact")]
    NoContact,
    /// More branches of a fork answer than we follow.
    #[error("too many early dialogs")]
    TooMany,
}

/// A request with a CSeq lower than the last: answer 500 (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CSeq {got} after {last}")]
pub struct OutOfOrder {
    /// The last CSeq number that was in order.
    pub last: u32,
    /// The one that came.
    pub got: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    /// We sent the INVITE.
    Caller,
    /// We answered it.
    Callee,
}

/// One side's view of a dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    role: Role,
    confirmed: bool,
    secure: bool,
    #[serde(flatten)]
    texts: Texts,
    /// URIs in the order in which requests of ours pass them.
    routes: Box<[Octets]>,
    local_cseq: u32,
    invite_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// The caller's dialog, from its own request and a 101–299 response (§12.1.2). Early until a 2xx. The response's Contact becomes
    /// the target; without one that can be called it stays the Request-URI. A 2xx without To-tag is taken (RFC 2543 had no tags).
    pub fn uac(invite: &Message, response: &Message) -> Result<Self, DialogError> {
        let success = match response.status() {
            Some(101..=199) => false,
            Some(200..=299) => true,
            Some(_) | None => return Err(DialogError::NotCreating),
        };
        if !creates(invite.method()) {
            return Err(DialogError::NotCreating);
        }
        if response.to_tag().is_none() && !success {
            return Err(DialogError::NoTag);
        }
        let (cseq, _) = invite.cseq();
        Ok(Self {
            role: Role::Caller,
            confirmed: success,
            secure: is_sips(invite.uri()),
            texts: Texts::new([
                invite.call_id(),
                invite.from_tag().unwrap_or_default(),
                response.to_tag().unwrap_or_default(),
                &line(invite, HeaderId::From),
                &line(response, HeaderId::To),
                target(response).unwrap_or(invite.uri()),
            ]),
            routes: recorded(response).rev().collect(),
            local_cseq: cseq,
            invite_cseq: cseq,
            remote_cseq: None,
        })
    }

    /// The callee's dialog, from the request and the tag that we answer with (§12.1.1). Early until [`Dialog::confirm`].
    pub fn uas(invite: &Message, local_tag: &[u8]) -> Result<Self, DialogError> {
        if !creates(invite.method()) {
            return Err(DialogError::NotCreating);
        }
        let contact = invite.contact().ok_or(DialogError::NoContact)?.uri;
        let target = target(invite).unwrap_or(contact);
        let to = invite.header(HeaderId::To).unwrap_or_default();
        let local = match invite.to_tag() {
            Some(_) => unfold(to).into_owned(),
            None => [&unfold(to), b";tag=".as_slice(), local_tag].concat(),
        };
        let (cseq, _) = invite.cseq();
        Ok(Self {
            role: Role::Callee,
            confirmed: false,
            secure: is_sips(invite.uri()),
            texts: Texts::new([
                invite.call_id(),
                local_tag,
                invite.from_tag().unwrap_or_default(),
                &local,
                &line(invite, HeaderId::From),
                target,
            ]),
            routes: recorded(invite).collect(),
            local_cseq: 0,
            invite_cseq: 0,
            remote_cseq: Some(cseq),
        })
    }

    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.texts.get(Text::CallId)
    }

    /// Our tag.
    pub fn local_tag(&self) -> &[u8] {
        self.texts.get(Text::LocalTag)
    }

    /// The peer's tag; empty if it gave none (RFC 2543).
    pub fn remote_tag(&self) -> &[u8] {
        self.texts.get(Text::RemoteTag)
    }

    /// Where requests are meant for: the peer's Contact URI.
    pub fn remote_target(&self) -> &[u8] {
        self.texts.get(Text::Target)
    }

    /// Our URI.
    pub fn local_uri(&self) -> &[u8] {
        uri(self.texts.get(Text::Local))
    }

    /// The peer's URI.
    pub fn remote_uri(&self) -> &[u8] {
        uri(self.texts.get(Text::Remote))
    }

    /// The URIs that requests of ours pass, in that order.
    pub fn route_set(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.routes.iter().map(|route| &**route)
    }

    /// CSeq number of the last INVITE that we sent in it; 0 if we sent none.
    pub fn invite_cseq(&self) -> u32 {
        self.invite_cseq
    }

    /// Whether a 2xx came or went (§12).
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether we sent the request that made the dialog. Who did owns the Call-ID and waits longer after a 491 (§14.1).
    pub fn is_caller(&self) -> bool {
        self.role == Role::Caller
    }

    /// Whether the Request-URI was sips (§12.1.1): later requests have to be protected too.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether a request or response belongs here: Call-ID and both tags (§12.2.2, §12.2.1.2), whoever began.
    pub fn matches(&self, message: &Message) -> bool {
        let (from, to) = (
            message.from_tag().unwrap_or_default(),
            message.to_tag().unwrap_or_default(),
        );
        let (local, remote) = if message.is_request() {
            (to, from)
        } else {
            (from, to)
        };
        message.call_id() == self.call_id() && local == self.local_tag() && remote == self.remote_tag()
    }

    /// Our 2xx went: the callee's dialog is confirmed.
    pub fn answered(&mut self) {
        self.confirmed = true;
    }

    /// A 2xx came (caller) or went (callee). The first one that a caller gets sets route set and target anew (§13.2.2.4), but
    /// one without Record-Route doesn't clear the route set; a later one is a target refresh only.
    pub fn confirm(&mut self, response: &Message) {
        if self.role == Role::Caller {
            let mut routes = recorded(response).rev().peekable();
            if !self.confirmed && routes.peek().is_some() {
                self.routes = routes.collect();
            }
            self.refresh_target(response);
        }
        self.confirmed = true;
    }

    /// The head of a new request: takes the next CSeq; ACK and CANCEL have that of the INVITE.
    pub fn request(&mut self, method: &Method) -> Head {
        match method {
            Method::Ack | Method::Cancel => return self.head(method.clone(), self.invite_cseq),
            Method::Invite => {
                self.local_cseq = self.local_cseq.saturating_add(1);
                self.invite_cseq = self.local_cseq;
            }
            Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.local_cseq = self.local_cseq.saturating_add(1),
        }
        self.head(method.clone(), self.local_cseq)
    }

    /// Jumps ahead by so many CSeq numbers: whoever kept this dialog on disk may have used some since.
    pub fn skip_cseq(&mut self, numbers: u32) {
        self.local_cseq = self.local_cseq.saturating_add(numbers);
    }

    /// The head of the ACK to a 2xx for the INVITE with this CSeq number (§13.2.2.4).
    pub fn ack(&self, cseq: u32) -> Head {
        self.head(Method::Ack, cseq)
    }

    /// Checks the order of a request that came (§12.2.2). ACK and CANCEL repeat an INVITE's number and are always in order.
    pub fn receive_request(&mut self, request: &Message) -> Result<(), OutOfOrder> {
        if let Some(Method::Ack | Method::Cancel) = request.method() {
            return Ok(());
        }
        let (got, _) = request.cseq();
        match self.remote_cseq {
            Some(last) if got < last => Err(OutOfOrder { last, got }),
            Some(_) | None => {
                self.remote_cseq = Some(got);
                Ok(())
            }
        }
    }

    /// Takes the Contact of a target refresh request that came, or of a 2xx to one of ours (§12.2.1.2, §12.2.2); any other message
    /// changes nothing. Says whether the target is another one now.
    pub fn refresh_target(&mut self, message: &Message) -> bool {
        let refreshes = match message.cseq().1 {
            Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer => true,
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Info
            | Method::Message
            | Method::Publish
            | Method::Other(_) => false,
        };
        let counts = message.status().is_none_or(|status| (200..300).contains(&status));
        match target(message).filter(|_| refreshes && counts) {
            Some(target) if target != self.remote_target() => {
                self.texts = self.texts.with_target(target);
                true
            }
            Some(_) | None => false,
        }
    }

    fn head(&self, method: Method, cseq: u32) -> Head {
        Head::new(self, method, cseq)
    }
}

/// Where a message wants to be called.
fn target(message: &Message) -> Option<&[u8]> {
    sip_msg::request_uri(message.contact()?.uri)
}

/// INVITE, and the requests of RFC 6665 and RFC 3515 that make dialogs.
fn creates(method: Option<&Method>) -> bool {
    matches!(
        method,
        Some(Method::Invite | Method::Subscribe | Method::Notify | Method::Refer)
    )
}

fn is_sips(uri: &[u8]) -> bool {
    uri.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

fn line(message: &Message, id: HeaderId) -> Cow<'_, [u8]> {
    unfold(message.header(id).unwrap_or_default())
}

fn uri(value: &[u8]) -> &[u8] {
    NameAddr::parse(value).map_or(&[], |name| name.uri)
}

/// The URIs of Record-Route, top down; what can't be read is skipped.
fn recorded(message: &Message) -> impl DoubleEndedIterator<Item = Octets> {
    let values: smallvec::SmallVec<[Octets; 4]> = message
        .values(HeaderId::RecordRoute)
        .filter_map(|value| NameAddr::parse(value).ok())
        .map(|route| route.uri.into())
        .collect();
    values.into_iter()
}
