//! Who calls: read from one side, screened, and said to the other (RFC 3323, RFC 3325).
//!
//! All of it is worked out of the caller's own message whenever it is written, so that a call keeps nothing of it. A call
//! between trunks that ask for nothing never comes here: its From is its number ([`is_plain`]).

mod diversion;
mod privacy;
mod screen;
mod write;

use config::{Assertion, CallerHeader, DiversionMode, NumberIn, Trunk, UriStyle};
use route::TrunkIx;
use sip_msg::{HeaderId, Message, NameAddr, Uri};

use crate::headers::{display_of, user_of};
use crate::snapshot::Snapshot;

pub(crate) use diversion::Diverted;
pub(crate) use privacy::Privacy;
pub(crate) use screen::Refused;
pub(crate) use write::{Towards, anonymous, connected, number_uri};

/// What a request says of who sends it, after screening.
pub(crate) struct Caller {
    /// The number or name in From; empty where it has none.
    from: String,
    /// Ready to stand in front of `<`.
    display: Option<String>,
    /// From says that nobody shall know who calls.
    anonymous: bool,
    /// The number that is vouched for; empty: none is.
    asserted: String,
    asserted_display: Option<String>,
    privacy: Privacy,
}

/// For whom a request is now.
#[derive(Clone, Copy)]
pub(crate) struct Whereto<'a> {
    /// The number that is called.
    pub(crate) called: &'a str,
    /// Who has sent it there, of those that it was for here, the first one first.
    pub(crate) diverted: &'a [Diverted],
}

impl<'a> Whereto<'a> {
    /// For whom it was from the beginning.
    pub(crate) fn undiverted(called: &'a str) -> Self {
        let diverted = &[];
        Self { called, diverted }
    }
}

impl Caller {
    /// The number to route by and to keep in the record.
    pub(crate) fn number(self) -> String {
        match (self.asserted.is_empty(), self.from.is_empty()) {
            (false, _) => self.asserted,
            (true, true) if self.anonymous => "anonymous".to_owned(),
            (true, _) => self.from,
        }
    }
}

/// Whether From says all that there is to say, so that nothing needs to be looked at.
pub(crate) fn is_plain(from: &Trunk, to: &Trunk, message: &Message) -> bool {
    reads_from_only(from, message)
        && to.identity.assert == [Assertion::From]
        && to.identity.diversion == DiversionMode::Strip
        && to.write_style(NumberIn::From) == UriStyle::Sip
}

fn reads_from_only(trunk: &Trunk, message: &Message) -> bool {
    trunk.screening.is_none()
        && !trunk.identity.trust
        && trunk.identity.caller.is_empty()
        && message.header(HeaderId::Privacy).is_none()
        && !is_anonymous(message.from().uri)
}

/// The number that calls, to route by.
///
/// # Errors
/// [`Refused`] when it may not be presented, or what it asks for can't be done.
pub(crate) fn number(snapshot: &Snapshot, trunk: TrunkIx, message: &Message) -> Result<String, Refused> {
    let from = snapshot.trunk(trunk);
    if reads_from_only(from, message) {
        return Ok(number_of(snapshot, from, message.from().uri));
    }
    caller(snapshot, trunk, message).map(Caller::number)
}

/// Whether the caller wants to be known to nobody: a number of it that is used later on is to be hidden as well.
pub(crate) fn is_hidden(snapshot: &Snapshot, trunk: TrunkIx, message: &Message) -> bool {
    let asks = message.header(HeaderId::Privacy).is_some()
        || message.header(HeaderId::RemotePartyId).is_some()
        || is_anonymous(message.from().uri);
    let hides = |caller: Caller| caller.anonymous || caller.privacy.hides_caller();
    asks && caller(snapshot, trunk, message).is_ok_and(hides)
}

/// Reads who sends a request, and screens it.
///
/// # Errors
/// As [`number`].
pub(crate) fn caller(snapshot: &Snapshot, trunk: TrunkIx, message: &Message) -> Result<Caller, Refused> {
    let from = snapshot.trunk(trunk);
    let written = message.from();
    let anonymous = is_anonymous(written.uri);
    let mut privacy = Privacy::read(message);
    if privacy.asks_too_much() {
        return Err(Refused::Privacy);
    }
    let mut caller = Caller {
        from: String::new(),
        display: None,
        anonymous,
        asserted: String::new(),
        asserted_display: None,
        privacy,
    };
    if !anonymous {
        caller.from = number_of(snapshot, from, written.uri);
        caller.display = display_of(&written);
    }
    for header in from.identity.read_from() {
        let id = match header {
            CallerHeader::Asserted => HeaderId::PAssertedIdentity,
            CallerHeader::Preferred => HeaderId::PPreferredIdentity,
            CallerHeader::RemoteParty => HeaderId::RemotePartyId,
            CallerHeader::From => {
                caller.asserted = caller.from.clone();
                caller.asserted_display = caller.display.clone();
                if caller.asserted.is_empty() {
                    continue;
                }
                break;
            }
        };
        let Some(said) = identity_in(message, id) else {
            continue;
        };
        if id == HeaderId::RemotePartyId && is_private(&said) {
            privacy.id = true;
        }
        caller.asserted = number_of(snapshot, from, said.uri);
        caller.asserted_display = display_of(&said);
        break;
    }
    caller.privacy = privacy;
    screen::screen(snapshot, trunk, message, &mut caller)?;
    Ok(caller)
}

/// The number or name that a URI of this trunk's names.
fn number_of(snapshot: &Snapshot, trunk: &Trunk, uri: &[u8]) -> String {
    let user = user_of(uri);
    match snapshot.tables.read_number(trunk, &user) {
        std::borrow::Cow::Owned(read) => read,
        std::borrow::Cow::Borrowed(_) => user,
    }
}

/// The first value of an identity header that names somebody (a SIP URI and a tel URI may stand beside each other, RFC 3325 §9.1).
fn identity_in(message: &Message, id: HeaderId) -> Option<NameAddr<'_>> {
    message
        .values(id)
        .filter_map(|value| NameAddr::parse(value).ok())
        .find(|said| !is_anonymous(said.uri) && !user_of(said.uri).is_empty())
}

/// What draft-ietf-sip-privacy-04 has for Privacy.
fn is_private(remote_party: &NameAddr<'_>) -> bool {
    let privacy = remote_party.params.get("privacy").flatten();
    privacy.is_some_and(|level| !level.eq_ignore_ascii_case(b"off"))
}

/// Whether a URI stands for nobody (RFC 3323 §4.1.1.3, and `unavailable@unknown.invalid`, 3GPP TS 23.003 §13.7).
pub(crate) fn is_anonymous(uri: &[u8]) -> bool {
    let Ok(Uri::Sip(uri)) = Uri::parse(uri) else {
        return false;
    };
    let host = uri.host;
    let nowhere =
        host.eq_ignore_ascii_case(b"anonymous.invalid") || host.eq_ignore_ascii_case(b"unknown.invalid");
    nowhere
        || uri
            .user
            .is_some_and(|user| user.eq_ignore_ascii_case(b"anonymous"))
}
