//! Calls by which trunks are tested: to them, and back from them.

use std::sync::Arc;

use route::TrunkIx;

use super::{Begun, PAIRS, begin, route};
use crate::call::{Call, Ending, Invite};
use crate::core::{Asked, Core};
use crate::headers;
use crate::io::Now;
use crate::snapshot::Snapshot;

/// A call by which a trunk is tested: nobody's limits but the switch's own and the trunk's hold for it.
pub(super) fn test_call(core: &mut Core, now: Now, asked: Asked) -> Option<Call> {
    let Some((snapshot, from)) = core.trials.caller(&asked.flow) else {
        core.answer(now, &asked, 403, None);
        return None;
    };
    let called = headers::user_of(asked.message.uri());
    Some(go_on(core, now, (snapshot, from), called, asked))
}

/// Such a call, come back to a number of ours: to whoever tests.
pub(super) fn returned(
    core: &mut Core,
    now: Now,
    from: (Arc<Snapshot>, TrunkIx),
    called: String,
    asked: Asked,
) -> Option<Call> {
    if asked.message.contact().is_none() {
        core.answer(now, &asked, 400, None);
        return None;
    }
    Some(go_on(core, now, from, called, asked))
}

fn go_on(
    core: &mut Core,
    now: Now,
    (snapshot, from): (Arc<Snapshot>, TrunkIx),
    called: String,
    asked: Asked,
) -> Call {
    let invite = Invite {
        asked,
        offer: None,
        carried: None,
    };
    let Begun { mut call, .. } = begin(core, now, snapshot, from, invite, called);
    let full = if core.draining {
        Some("draining")
    } else if core.calls >= core.max_calls() {
        Some("switch-full")
    } else if core.ports.available() < PAIRS {
        Some("no-ports")
    } else {
        None
    };
    match full {
        Some(kind) => call.end(core, now, Ending::failed(kind, 503)),
        None => route(core, now, &mut call),
    }
    call
}
