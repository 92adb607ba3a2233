//! What we ask of a peer's side of a call and what we agree to: 100rel and timer, as its trunk's keys have it, and what an INVITE
//! is refused for that wants something else (RFC 3262 §3, RFC 4028 §7–§9, RFC 3261 §8.2.2.3).

use config::{ReliableProvisional, TimerMode, Transfer};
use route::TrunkIx;
use sip_msg::{HeaderId, Message, Writer};
use sip_proto::session_timer::{self, Answer, Wanted};

use super::end::Ending;
use super::leg::Leg;
use crate::snapshot::Snapshot;

const RELIABLE: &str = "100rel";
const TIMER: &str = "timer";
const REPLACES: &str = "replaces";

/// What a refusal says would have been right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Option tags that we don't have here.
    Unsupported(&'static str),
    /// An option tag that the INVITE has to have.
    Require(&'static str),
    /// The shortest session interval, seconds.
    MinSe(u32),
}

impl Hint {
    /// Writes it.
    pub(crate) fn write(self, writer: &mut Writer) {
        match self {
            Self::Unsupported(tags) => writer.header(HeaderId::Unsupported, tags.as_bytes()),
            Self::Require(tag) => writer.header(HeaderId::Require, tag.as_bytes()),
            Self::MinSe(seconds) => writer.parts(HeaderId::MinSe, |value| {
                value.number(seconds.into());
            }),
        };
    }
}

/// What a trunk's session timers are to be; `None`: it has none.
pub(crate) fn wanted(snapshot: &Snapshot, trunk: TrunkIx) -> Option<Wanted> {
    let timer = snapshot.session_timer(trunk);
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    match timer.mode {
        TimerMode::Off => None,
        TimerMode::Auto | TimerMode::Require => Some(Wanted {
            expires: seconds(timer.expires),
            min_se: seconds(timer.min_se),
        }),
    }
}

/// Whether a request's sender knows 100rel.
pub(crate) fn knows_reliable(request: &Message) -> bool {
    [HeaderId::Supported, HeaderId::Require]
        .into_iter()
        .any(|id| request.has_token(id, RELIABLE))
}

/// Why a caller's INVITE is refused that wants what its trunk has not, or has not what its trunk wants.
pub(crate) fn refusal(snapshot: &Snapshot, trunk: TrunkIx, invite: &Message) -> Option<Ending> {
    let reliable = snapshot.trunk(trunk).reliable_provisional;
    let wanted = wanted(snapshot, trunk);
    let requires = |tag| invite.has_token(HeaderId::Require, tag);
    let no_reliable = reliable == ReliableProvisional::Off && requires(RELIABLE);
    let no_timer = wanted.is_none() && requires(TIMER);
    let no_replaces = snapshot.transfer(trunk) == Transfer::Refuse && requires(REPLACES);
    let unsupported = match (no_reliable, no_timer) {
        (false, false) if no_replaces => Some(REPLACES),
        (true, true) => Some("100rel, timer"),
        (true, false) => Some(RELIABLE),
        (false, true) => Some(TIMER),
        (false, false) => None,
    };
    let insists = snapshot.session_timer(trunk).mode == TimerMode::Require;
    let hint = if let Some(tags) = unsupported {
        (420, Hint::Unsupported(tags))
    } else if reliable == ReliableProvisional::Required && !knows_reliable(invite) {
        (421, Hint::Require(RELIABLE))
    } else if insists && !session_timer::is_supported(invite) {
        (421, Hint::Require(TIMER))
    } else {
        let small = session_timer::answer(wanted?, None, invite).err()?;
        (422, Hint::MinSe(small.min_se))
    };
    let kind = if hint.0 == 422 {
        "session-interval"
    } else {
        "extension"
    };
    Some(Ending {
        hint: Some(hint.1),
        ..Ending::failed(kind, hint.0)
    })
}

/// Whether the caller is told of progress reliably, at least where there is something to hear.
pub(crate) fn tells_reliably(snapshot: &Snapshot, trunk: TrunkIx, invite: &Message) -> bool {
    match snapshot.trunk(trunk).reliable_provisional {
        ReliableProvisional::Off => false,
        ReliableProvisional::Supported
        | ReliableProvisional::Required
        | ReliableProvisional::WhenSdp
        | ReliableProvisional::Pass => knows_reliable(invite),
    }
}

/// Supported, Require and the session timer of the first INVITE on a called leg. `invite`: the caller's, and whether it has made an offer.
pub(crate) fn ask(
    writer: &mut Writer,
    snapshot: &Snapshot,
    leg: &Leg,
    caller: TrunkIx,
    invite: Option<(&Message, bool)>,
) {
    let message = invite.map(|(message, _)| message);
    // An offer that comes reliably wants its answer in the PRACK: only a caller that is told reliably can give it.
    let can = invite.is_none_or(|(message, offers)| offers || tells_reliably(snapshot, caller, message));
    let reliable = match snapshot.trunk(leg.trunk).reliable_provisional {
        ReliableProvisional::Off => Some(false),
        ReliableProvisional::Required if can => None,
        ReliableProvisional::Pass => match message {
            Some(message) if message.has_token(HeaderId::Require, RELIABLE) => None,
            message => Some(message.is_some_and(knows_reliable)),
        },
        ReliableProvisional::Supported | ReliableProvisional::WhenSdp | ReliableProvisional::Required => {
            Some(can)
        }
    };
    let timer = match snapshot.session_timer(leg.trunk).mode {
        TimerMode::Off => Some(false),
        TimerMode::Auto => Some(true),
        TimerMode::Require => None,
    };
    options(writer, reliable, timer);
    interval(writer, snapshot, leg);
}

/// Writes two option tags. Each is supported, or not, or (`None`) required.
fn options(writer: &mut Writer, reliable: Option<bool>, timer: Option<bool>) {
    let list = |reliable: bool, timer: bool| match (reliable, timer) {
        (true, true) => Some("100rel, timer"),
        (true, false) => Some(RELIABLE),
        (false, true) => Some(TIMER),
        (false, false) => None,
    };
    if let Some(tags) = list(reliable != Some(false), timer != Some(false)) {
        writer.header(HeaderId::Supported, tags.as_bytes());
    }
    if let Some(tags) = list(reliable.is_none(), timer.is_none()) {
        writer.header(HeaderId::Require, tags.as_bytes());
    }
}

/// Supported and the session timer of a later INVITE or UPDATE. Its provisional responses are not to be reliable.
pub(crate) fn ask_again(writer: &mut Writer, snapshot: &Snapshot, leg: &Leg) {
    options(writer, Some(false), Some(wanted(snapshot, leg.trunk).is_some()));
    // Before the answer a dialog has no timer yet.
    if leg.dialog.as_ref().is_some_and(sip_proto::Dialog::is_confirmed) {
        interval(writer, snapshot, leg);
    }
}

/// Session-Expires and Min-SE of a request: what is agreed already, else what we want, and never below what the peer has asked for.
fn interval(writer: &mut Writer, snapshot: &Snapshot, leg: &Leg) {
    let Some(wanted) = wanted(snapshot, leg.trunk) else {
        return;
    };
    let timed = leg.timed.as_deref();
    let min_se = timed.map_or(0, |timed| timed.min_se).max(wanted.min_se);
    let agreed = timed.and_then(|timed| timed.agreed);
    let seconds = agreed.map_or(wanted.expires, |agreed| agreed.seconds).max(min_se);
    writer.parts(HeaderId::SessionExpires, |value| {
        value.number(seconds.into());
        if let Some(agreed) = agreed {
            value.text(";refresher=").text(agreed.asking().as_str());
        }
    });
    writer.parts(HeaderId::MinSe, |value| {
        value.number(min_se.into());
    });
}

/// Supported of a 2xx to an INVITE or UPDATE, and what it says of the session timer.
pub(crate) fn agree(writer: &mut Writer, snapshot: &Snapshot, trunk: TrunkIx, answer: Option<&Answer>) {
    let reliable = snapshot.trunk(trunk).reliable_provisional != ReliableProvisional::Off;
    options(writer, Some(reliable), Some(wanted(snapshot, trunk).is_some()));
    let Some(answer) = answer else { return };
    if answer.required {
        writer.header(HeaderId::Require, TIMER.as_bytes());
    }
    writer.parts(HeaderId::SessionExpires, |value| {
        value
            .number(answer.agreed.seconds.into())
            .text(";refresher=")
            .text(answer.refresher.as_str());
    });
}
