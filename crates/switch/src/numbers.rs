//! What a caller has dialled: which number that is, whether it is for emergency services, and who serves it now.

use config::Role;
use route::number::is_sos;
use route::{Dialled, SourceMatch, TrunkIx};
use sip_msg::{Message, Method, Uri};
use sip_proto::Flow;
use sip_proto::timers::TimerKey;

use crate::call::{Call, Ending};
use crate::core::Core;
use crate::event::EventKind;
use crate::headers::user_of;
use crate::io::Now;
use crate::record::HungUpBy;
use crate::snapshot::Snapshot;

/// How a datagram begins that is an INVITE.
const INVITE: &[u8] = b"INVITE ";

/// Calls that emergency calls may be beyond `sip.max_calls`, in parts of it: an eighth.
const BEYOND: usize = 8;

/// The fewest of them.
const BEYOND_LEAST: usize = 16;

/// What is known of a call's numbers beyond the two of them. Most calls have none of it.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// As it was dialled, where that is not the called number.
    pub(crate) dialled: Option<Box<str>>,
    /// Who serves the called number: the routing number, with `+`.
    pub(crate) routed: Option<Box<str>>,
    /// Whether the call came with word of that, be it that it is not ported.
    pub(crate) given: bool,
    /// Whether it is for emergency services.
    pub(crate) emergency: bool,
    /// The wait for the routing number.
    pub(crate) waiting: Option<TimerKey>,
}

/// What is called: the number or name in a Request-URI, or a URN of emergency services as it stands.
pub(crate) fn called_in(uri: &[u8]) -> String {
    match Uri::parse(uri) {
        Ok(Uri::Other { .. }) => {
            let text = String::from_utf8_lossy(uri);
            if is_sos(&text) {
                text.into_owned()
            } else {
                String::new()
            }
        }
        Ok(Uri::Sip(_) | Uri::Tel(_)) | Err(_) => user_of(uri),
    }
}

/// What was read of a called number.
pub(crate) struct Called {
    pub(crate) number: String,
    pub(crate) numbers: Option<Box<Numbers>>,
    /// Why it is none.
    pub(crate) misdialled: Option<route::number::Misdialled>,
}

/// Reads what a trunk's caller has dialled.
pub(crate) fn read(snapshot: &Snapshot, trunk: TrunkIx, dialled: String) -> Called {
    let (number, emergency) = match snapshot.tables.dialled(trunk, &dialled) {
        Ok(Dialled::Number(number)) => (number.into_owned(), false),
        Ok(Dialled::Emergency(number)) => (number.into(), true),
        Err(misdialled) => {
            return Called {
                number: dialled,
                numbers: None,
                misdialled: Some(misdialled),
            };
        }
    };
    let differs = number != dialled;
    let numbers = (differs || emergency).then(|| {
        Box::new(Numbers {
            dialled: differs.then(|| dialled.into()),
            emergency,
            ..Numbers::default()
        })
    });
    Called {
        number,
        numbers,
        misdialled: None,
    }
}

/// The called number of a request that is no call, as its trunk writes it and means it.
///
/// # Errors
/// The status that it is refused with.
pub(crate) fn of_request(snapshot: &Snapshot, trunk: TrunkIx, dialled: &str) -> Result<String, u16> {
    match snapshot.tables.dialled(trunk, dialled) {
        Ok(Dialled::Number(number)) => Ok(number.into_owned()),
        Ok(Dialled::Emergency(number)) => Ok(number.into()),
        Err(misdialled) => Err(misdialled.status()),
    }
}

impl Core {
    /// Whether a request is an emergency call of somebody we know: of a customer by its address, or from where a user has
    /// authenticated of late.
    pub(crate) fn is_emergency(&self, now: Now, flow: &Flow, request: &Message) -> bool {
        request.method() == Some(&Method::Invite)
            && request.to_tag().is_none()
            && self.may_plead(now, flow, &called_in(request.uri()))
    }

    /// The same of a datagram that has not been read.
    pub(crate) fn begins_emergency(&self, now: Now, flow: &Flow, datagram: &[u8]) -> bool {
        let Some(rest) = datagram.strip_prefix(INVITE) else {
            return false;
        };
        let uri = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
        self.may_plead(now, flow, &called_in(uri))
    }

    fn may_plead(&self, now: Now, flow: &Flow, dialled: &str) -> bool {
        let tables = &self.snapshot.tables;
        match self.source(flow, dialled) {
            SourceMatch::Trunk(ix) => matches!(tables.dialled(ix, dialled), Ok(Dialled::Emergency(_))),
            SourceMatch::None { .. } => self.trusts(now, flow) && tables.may_be_emergency(dialled),
        }
    }

    /// How many calls there may be when one more of these begins: some more emergency calls than others.
    pub(crate) fn most_calls(&self, emergency: bool, priority: bool) -> usize {
        let most = self.max_calls();
        match emergency {
            true => most.saturating_add((most / BEYOND).max(BEYOND_LEAST)),
            false => self.max_calls_as(priority),
        }
    }
}

impl Call {
    /// Whether it is for emergency services: nothing that is to keep customers within bounds is for it.
    pub(crate) fn is_emergency(&self) -> bool {
        self.story
            .numbers
            .as_ref()
            .is_some_and(|numbers| numbers.emergency)
    }

    /// Tells whoever watches the switch of an emergency call.
    pub(crate) fn alert(&self, core: &mut Core, now: Now) {
        core.counters.emergency_calls += 1;
        let (tables, from) = (&self.snapshot.tables, self.a.trunk);
        let country = tables.country(from).map(|country| country.to_string());
        let text = format!(
            "{} calls {}, country {}, region {}, call {}",
            self.story.caller,
            self.story.called,
            country.as_deref().unwrap_or("unknown"),
            tables.region(from).unwrap_or("unknown"),
            self.id,
        );
        core.tell(now, EventKind::Emergency, &self.snapshot.trunk(from).name, text);
    }

    /// Tells them that one has not been answered, unless its caller has hung up.
    pub(crate) fn alert_of_end(&self, core: &mut Core, now: Now, ending: &Ending, answered: bool) {
        if !self.is_emergency() || answered || ending.by == HungUpBy::Caller {
            return;
        }
        core.counters.emergency_failed += 1;
        let text = format!(
            "the call of {} to {} was not answered: {} ({}), call {}",
            self.story.caller, self.story.called, ending.kind, ending.status, self.id,
        );
        let name = &self.snapshot.trunk(self.a.trunk).name;
        core.tell(now, EventKind::EmergencyFailed, name, text);
    }

    /// Whether it is a customer's.
    pub(crate) fn is_customers(&self) -> bool {
        self.snapshot.trunk(self.a.trunk).role == Role::Customer
    }
}
