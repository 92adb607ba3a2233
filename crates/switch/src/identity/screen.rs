//! Which numbers a trunk's callers may present.

use config::{AnonymousMode, Screening, ScreeningMode};
use route::TrunkIx;
use sip_msg::Message;

use super::{Caller, diversion};
use crate::snapshot::Snapshot;

/// Why a call is refused for who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It presents a number that it may not.
    #[error("the caller may not present this number")]
    NotAllowed,
    /// It presents none.
    #[error("callers without a number are refused")]
    Anonymous,
    /// It asks for a kind of privacy that we don't know, and will not go without.
    #[error("the caller asks for privacy of an unknown kind")]
    Privacy,
}

impl Refused {
    /// The status to refuse with.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotAllowed => 403,
            // RFC 5079.
            Self::Anonymous => 433,
            // RFC 3323 §5.
            Self::Privacy => 500,
        }
    }

    /// One word, for the record.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::NotAllowed => "caller-refused",
            Self::Anonymous => "anonymous-refused",
            Self::Privacy => "privacy-refused",
        }
    }
}

/// Puts numbers that may be presented in the place of those that may not.
pub(super) fn screen(
    snapshot: &Snapshot,
    trunk: TrunkIx,
    message: &Message,
    caller: &mut Caller,
) -> Result<(), Refused> {
    let from = snapshot.trunk(trunk);
    let Some(screening) = &from.screening else {
        return Ok(());
    };
    let may = |number: &str| {
        let is_allowed = || screening.allowed.iter().any(|pattern| pattern.fits(number));
        !number.is_empty() && (snapshot.tables.owns(trunk, number) || is_allowed())
    };
    if screening.diverted
        && diversion::read(snapshot, message, from)
            .iter()
            .any(|diverted| may(&diverted.number))
    {
        return Ok(());
    }
    if caller.from.is_empty() && caller.asserted.is_empty() {
        return without_number(screening, caller);
    }
    match (may(&caller.asserted), may(&caller.from)) {
        (true, true) => {}
        (true, false) if caller.from.is_empty() => {}
        (true, false) => {
            caller.from = caller.asserted.clone();
            caller.display = None;
        }
        (false, true) => {
            caller.asserted = caller.from.clone();
            caller.asserted_display = None;
        }
        (false, false) => match (screening.others, &screening.default) {
            (ScreeningMode::Replace, Some(default)) => {
                caller.asserted = default.clone();
                caller.asserted_display = None;
                if !caller.from.is_empty() {
                    caller.from = default.clone();
                    caller.display = None;
                }
            }
            (ScreeningMode::Replace, None) | (ScreeningMode::Refuse, _) => return Err(Refused::NotAllowed),
        },
    }
    Ok(())
}

fn without_number(screening: &Screening, caller: &mut Caller) -> Result<(), Refused> {
    let default = screening.default.clone().unwrap_or_default();
    match screening.anonymous {
        AnonymousMode::Refuse => return Err(Refused::Anonymous),
        AnonymousMode::Replace => {
            caller.anonymous = false;
            caller.from = default.clone();
            caller.privacy = Default::default();
        }
        // Whoever is trusted may know whose call it is.
        AnonymousMode::Allow => caller.privacy.id |= !default.is_empty(),
    }
    caller.asserted = default;
    Ok(())
}
