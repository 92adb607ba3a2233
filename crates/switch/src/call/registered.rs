//! Calls to users who have registered: their contacts by preference, those of the same at once ([`fork`](super::fork)).

use config::NumberIn;
use route::{Attempt, AttemptOutcome, Called};
use sip_msg::{SipUri, Value};
use smallvec::SmallVec;

use super::Hunt;
use crate::core::Core;
use crate::headers;
use crate::registrar::Contact;
use crate::snapshot::Snapshot;

/// A plan's attempts with the registered users' contacts in the place of the users.
pub(crate) struct Expanded {
    pub(crate) attempts: SmallVec<[Attempt; 4]>,
    pub(crate) limit: usize,
    pub(crate) contacts: Vec<Contact>,
}

/// Finds out where the users of a plan are.
pub(crate) fn expand(
    core: &Core,
    snapshot: &Snapshot,
    planned: SmallVec<[Attempt; 4]>,
    limit: usize,
    called: &str,
) -> Expanded {
    let mut expanded = Expanded {
        attempts: planned,
        limit,
        contacts: Vec::new(),
    };
    let registered = |attempt: &Attempt| attempt.target == Attempt::REGISTERED;
    if !expanded.attempts.iter().any(registered) {
        return expanded;
    }
    for attempt in std::mem::take(&mut expanded.attempts) {
        if attempt.target != Attempt::REGISTERED {
            expanded.attempts.push(attempt);
            continue;
        }
        let user = snapshot.tables.called_user(attempt.trunk, called);
        let found = user.and_then(|(ix, by)| Some((snapshot.tables.user_at(ix)?, by)));
        let contacts = found.map(|(user, by)| (core.registrar.contacts(&user.username), by));
        let (contacts, by) = contacts.unwrap_or((Vec::new(), Called::Itself));
        if contacts.is_empty() {
            expanded.attempts.push(attempt);
            continue;
        }
        expanded.limit += contacts.len() - 1;
        for mut contact in contacts {
            if by == Called::Number {
                let trunk = snapshot.trunk(attempt.trunk);
                let number = trunk.write_number(NumberIn::RequestUri, called).0;
                contact.uri = with_user(&contact.uri, &number);
            }
            expanded.attempts.push(Attempt {
                contact: u16::try_from(expanded.contacts.len()).ok(),
                ..attempt.clone()
            });
            expanded.contacts.push(contact);
        }
    }
    expanded
}

/// A contact's URI with the called number in the place of its user, for whoever stands for many numbers.
fn with_user(uri: &[u8], number: &str) -> Box<[u8]> {
    let Ok(parsed) = SipUri::parse(uri) else {
        return uri.into();
    };
    let mut out = Vec::with_capacity(uri.len() + number.len());
    let mut value = Value::from(&mut out);
    value.text(if parsed.secure { "sips:" } else { "sip:" });
    value
        .text(headers::escape_user(number).as_bytes())
        .text("@")
        .text(parsed.host);
    if let Some(port) = parsed.port {
        value.text(":").number(port.into());
    }
    value.text(parsed.params.raw());
    out.into()
}

impl Hunt {
    /// The contact that an attempt goes to.
    pub(super) fn contact(&self, attempt: &Attempt) -> Option<&Contact> {
        self.contacts.get(usize::from(attempt.contact?))
    }

    /// Whether the present attempt is a contact's, and another contact of the same trunk comes after it.
    pub(super) fn has_further_contact(&self) -> bool {
        let of = |attempt: &Attempt| attempt.contact.map(|_| attempt.trunk);
        let present = self.current().and_then(of);
        let next = self.attempts.get(self.next).and_then(of);
        present.is_some() && present == next
    }
}

/// Whether the next contact is called after this: only a word for the user, not for one of its phones, ends it (RFC 3261 §16.7).
pub(super) fn goes_on(outcome: AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Final { status, .. } => status < 600,
        AttemptOutcome::TimeoutTrying
        | AttemptOutcome::TimeoutProgress
        | AttemptOutcome::TimeoutAnswer { .. }
        | AttemptOutcome::Unreachable
        | AttemptOutcome::Incompatible
        | AttemptOutcome::NotRegistered
        | AttemptOutcome::HeldBack => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_the_place_of_the_user_and_of_nothing_else() {
        for (uri, expected) in [
            (
                "sip:pbx@10.0.0.1:5070;transport=tcp",
                "sip:+4420@10.0.0.1:5070;transport=tcp",
            ),
            ("sip:10.0.0.1", "sip:+4420@10.0.0.1"),
            ("sips:a:b@[2001:db8::1];ob", "sips:+4420@[2001:db8::1];ob"),
        ] {
            assert_eq!(&*with_user(uri.as_bytes(), "+4420"), expected.as_bytes(), "{uri}");
        }
    }
}
