//! Who calls, said to the other side.

use config::{Assertion, CallerHeader, DiversionMode, NumberIn, PrivacyMode, Trunk, UriStyle};
use sip_msg::{HeaderId, Message, Value, Writer};
use sip_proto::Flow;

use super::{Caller, Privacy, Whereto, diversion, identity_in, is_private, number_of};
use crate::headers::{display_of, escape_user};
use crate::snapshot::Snapshot;

/// Whom something is said to.
#[derive(Clone, Copy)]
pub(crate) struct Towards<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) trunk: &'a Trunk,
    pub(crate) flow: &'a Flow,
}

/// Writes the URI of nobody (RFC 3323 §4.1.1.3).
pub(crate) fn anonymous(value: &mut Value<'_>) {
    value.text("\"Anonymous\" <sip:anonymous@anonymous.invalid>");
}

/// Writes a number's URI without brackets. A number that is not global has no `tel:` URI of its own (RFC 3966 §5.1.4).
pub(crate) fn number_uri(
    value: &mut Value<'_>,
    number: &str,
    style: UriStyle,
    host: &dyn Fn(&mut Value<'_>),
) {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if style == UriStyle::Tel && is_number && number.len() > digits.len() {
        value.text("tel:").text(number);
        return;
    }
    value.text("sip:");
    if !number.is_empty() {
        value.text(escape_user(number).as_bytes()).text("@");
    }
    host(value);
    if is_number && style != UriStyle::Sip {
        value.text(";user=phone");
    }
}

impl Towards<'_> {
    /// The host that stands for us and all that is behind us.
    pub(crate) fn host(&self, value: &mut Value<'_>) {
        match (&self.trunk.from_domain, self.snapshot.advertised(self.flow)) {
            (Some(domain), _) => value.text(domain),
            (None, Some(ours)) => value.address(ours),
            (None, None) => value,
        };
    }

    /// A number that is no number to dial, in its brackets.
    pub(super) fn party(&self, value: &mut Value<'_>, place: NumberIn, number: &str) {
        let (written, style) = self.trunk.write_number(place, number);
        value.text("<");
        number_uri(value, &written, style, &|value| self.host(value));
        value.text(">");
    }

    /// Whether a wish is ours to fulfil.
    pub(super) fn keeps_secrets(&self) -> bool {
        match self.trunk.identity.privacy {
            PrivacyMode::Honour => !self.trunk.identity.trust,
            PrivacyMode::Pass => false,
        }
    }

    /// From, with our tag.
    pub(crate) fn write_from(&self, writer: &mut Writer, caller: &Caller, tag: &[u8]) {
        let hidden = caller.privacy.hides_caller() && self.keeps_secrets();
        writer.parts(HeaderId::From, |value| {
            if hidden || caller.anonymous {
                anonymous(value);
            } else {
                value.text(caller.display.as_deref().unwrap_or_default());
                self.party(value, NumberIn::From, &caller.from);
            }
            value.text(";tag=").text(tag);
        });
    }

    /// From of a caller of whom there is no more to say than its number, which is in this trunk's format already.
    pub(crate) fn write_plain_from(
        &self,
        writer: &mut Writer,
        message: Option<&Message>,
        number: &str,
        tag: &[u8],
    ) {
        writer.parts(HeaderId::From, |value| {
            let display = message.and_then(|message| display_of(&message.from()));
            value.text(display.unwrap_or_default()).text("<");
            number_uri(value, number, UriStyle::Sip, &|value| self.host(value));
            value.text(">;tag=").text(tag);
        });
    }

    /// Everything else that says who calls, and by whom the call was diverted.
    pub(crate) fn write_identity(
        &self,
        writer: &mut Writer,
        caller: &Caller,
        message: &Message,
        from: &Trunk,
        whereto: Whereto<'_>,
    ) {
        let identity = &self.trunk.identity;
        self.assert(
            writer,
            caller.privacy,
            &caller.asserted,
            caller.asserted_display.as_deref(),
            "calling",
        );
        self.write_privacy(writer, caller.privacy);
        if identity.diversion != DiversionMode::Strip {
            let hidden = caller.privacy.hides_history();
            diversion::write(self, writer, message, from, whereto, hidden);
        }
    }

    /// The wish, for whoever fulfils it. One that we have fulfilled goes on as far as it is about identity: a carrier that knows
    /// whose trunk this is must not show that number either.
    fn write_privacy(&self, writer: &mut Writer, privacy: Privacy) {
        if self.keeps_secrets() {
            if privacy.hides_caller() {
                writer.header(HeaderId::Privacy, b"id");
            }
        } else if let Some(value) = privacy.passed() {
            writer.header(HeaderId::Privacy, value.as_bytes());
        }
    }

    /// The headers by which a number is vouched for, but to those who shall not know it.
    fn assert(
        &self,
        writer: &mut Writer,
        privacy: Privacy,
        number: &str,
        display: Option<&str>,
        party: &str,
    ) {
        if number.is_empty() || (privacy.hides_caller() && self.keeps_secrets()) {
            return;
        }
        for assertion in &self.trunk.identity.assert {
            let id = match assertion {
                Assertion::From => continue,
                Assertion::Asserted => HeaderId::PAssertedIdentity,
                Assertion::Preferred => HeaderId::PPreferredIdentity,
                Assertion::RemoteParty => HeaderId::RemotePartyId,
            };
            writer.parts(id, |value| {
                value.text(display.unwrap_or_default());
                self.party(value, NumberIn::Identity, number);
                if *assertion == Assertion::RemoteParty {
                    let level = if privacy.hides_caller() { "full" } else { "off" };
                    value
                        .text(";party=")
                        .text(party)
                        .text(";screen=yes;privacy=")
                        .text(level);
                }
            });
        }
    }
}

/// Who has answered, as a response of `from` says it, for the one who calls (RFC 3325 §9.1, RFC 5876 §4.3).
pub(crate) fn connected(towards: &Towards<'_>, writer: &mut Writer, from: &Trunk, answer: &Message) {
    let mut privacy = Privacy::read(answer);
    for header in from.identity.read_from() {
        let id = match header {
            CallerHeader::Asserted => HeaderId::PAssertedIdentity,
            CallerHeader::Preferred => HeaderId::PPreferredIdentity,
            CallerHeader::RemoteParty => HeaderId::RemotePartyId,
            CallerHeader::From => continue,
        };
        let Some(said) = identity_in(answer, id) else {
            continue;
        };
        privacy.id |= id == HeaderId::RemotePartyId && is_private(&said);
        let number = number_of(towards.snapshot, from, said.uri);
        towards.assert(writer, privacy, &number, display_of(&said).as_deref(), "called");
        if !towards.keeps_secrets() {
            towards.write_privacy(writer, privacy);
        }
        return;
    }
}
