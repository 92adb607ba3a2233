//! The cause table: after which failures the next attempt is made, and what the caller hears when none is left.

use crate::cause;
use config::{Advance, AfterRinging, Failover, Redirects, Stop};

/// How one attempt ended without being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The far side gave a final answer of 300 to 699.
    Final {
        /// SIP status.
        status: u16,
        /// Q.850 cause of its Reason header (RFC 3326), if it had one.
        q850: Option<u8>,
        /// Whether the called party was alerted before (180, or 18x with media).
        rang: bool,
    },
    /// Not even a 100 within `failover.trying`.
    TimeoutTrying,
    /// A 100 but no 18x within `failover.progress`.
    TimeoutProgress,
    /// Progress, but no answer within `failover.answer`.
    TimeoutAnswer {
        /// What the caller is to hear: the trunk's `failover.no_answer`.
        status: u16,
    },
    /// The INVITE could not be delivered: no address, connection refused, transport error (RFC 3261 §8.1.3.1).
    Unreachable,
    /// No INVITE was sent: what the caller offers is nothing that this trunk's own keys let us offer there (codecs, encryption).
    Incompatible,
    /// No INVITE was sent: the called user is not registered.
    NotRegistered,
    /// No INVITE was sent: the far side has said that it has too much to do (RFC 7339 §5.3).
    HeldBack,
}

impl AttemptOutcome {
    /// The SIP status that stands for this outcome: the one received, 408 for silence, 480 for whoever is not registered, 503 for an
    /// unreachable target (RFC 3261 §8.1.3.1), 488 for an offer that could not be made (RFC 3261 §21.4.26).
    pub fn status(self) -> u16 {
        match self {
            Self::Final { status, .. } | Self::TimeoutAnswer { status } => status,
            Self::TimeoutTrying | Self::TimeoutProgress => 408,
            Self::NotRegistered => 480,
            Self::Unreachable | Self::HeldBack => 503,
            Self::Incompatible => 488,
        }
    }

    /// The Q.850 cause that was given for it.
    pub fn q850(self) -> Option<u8> {
        match self {
            Self::Final { q850, .. } => q850,
            Self::TimeoutTrying
            | Self::TimeoutProgress
            | Self::TimeoutAnswer { .. }
            | Self::Unreachable
            | Self::Incompatible
            | Self::NotRegistered
            | Self::HeldBack => None,
        }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The plan's next attempt is made, if there is one.
    Advance,
    /// The hunt ends; the caller hears this attempt's status.
    Stop,
}

/// Whether the next attempt follows `outcome` at a trunk with these `failover` keys.
///
/// A Q.850 cause that a list names decides first, then the status: one in `stop` stops, one in `advance` advances; with the keys'
/// defaults that is what the called party said on the one side, and what went wrong on the way on the other. One in both goes by
/// the list that it is not in by default. A status in neither stops, but for 401 and 407 (our credentials failed, which is no word
/// on the call), any 4xx with a network cause before anything rang (not 403, 484, 486, 487, 488), and a 5xx that the default lists
/// don't know (not 501, 505). A timeout before progress advances if `advance` has `"timeout"`; an unreachable target, and one that
/// nothing could be offered to, always: another may take what this one was not asked. After ringing `after_ringing` has its say
/// over all of this: by default 408 and 5xx may advance then and nothing else, and an answer that does not come stops.
pub fn verdict(failover: &Failover, outcome: AttemptOutcome) -> Verdict {
    let advance = match outcome {
        AttemptOutcome::TimeoutAnswer { .. } => match failover.after_ringing {
            AfterRinging::Nothing | AfterRinging::Failures => false,
            AfterRinging::Everything => true,
        },
        AttemptOutcome::TimeoutTrying | AttemptOutcome::TimeoutProgress => {
            failover.advance.contains(&Advance::Timeout)
        }
        AttemptOutcome::Unreachable
        | AttemptOutcome::Incompatible
        | AttemptOutcome::NotRegistered
        | AttemptOutcome::HeldBack => true,
        AttemptOutcome::Final { status, q850, rang } => {
            let may = !rang
                || match failover.after_ringing {
                    AfterRinging::Nothing => false,
                    AfterRinging::Failures => matches!(status, 401 | 407 | 408 | 500..=599),
                    AfterRinging::Everything => true,
                };
            may && by_lists(failover, status, q850).unwrap_or_else(|| by_nature(status, q850, rang))
        }
    };
    if advance { Verdict::Advance } else { Verdict::Stop }
}

/// What the lists say; `None`: nothing.
fn by_lists(failover: &Failover, status: u16, q850: Option<u8>) -> Option<bool> {
    if let Some(cause) = q850 {
        let advances = failover.advance.contains(&Advance::Q850(cause));
        if advances != failover.stop.contains(&Stop::Q850(cause)) {
            return Some(advances);
        }
    }
    let advances = failover.advance.contains(&Advance::Status(status));
    match (advances, failover.stop.contains(&Stop::Status(status))) {
        (true, true) => Some(stops_by_default(status)),
        (false, false) => None,
        (advances, _) => Some(advances),
    }
}

/// What becomes of a redirection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirection {
    /// The call goes on to whom it names.
    Follow,
    /// The hunt ends, and the caller is told whom it names.
    Tell,
    /// It is a failure like others, and nobody hears whom it names.
    Fail(Verdict),
}

/// What becomes of a redirection by a trunk with these keys. Where a list of `failover` names it, it advances or stops as that says.
/// Only 300, 301 and 302 can be followed: 305 names a proxy, 380 another service.
pub fn redirection(failover: &Failover, redirects: Redirects, status: u16, q850: Option<u8>) -> Redirection {
    match (by_lists(failover, status, q850), redirects) {
        (Some(true), _) => Redirection::Fail(Verdict::Advance),
        (Some(false), Redirects::Refuse) => Redirection::Fail(Verdict::Stop),
        (Some(false), Redirects::Follow | Redirects::Pass) | (None, Redirects::Pass) => Redirection::Tell,
        (None, Redirects::Follow) if (300..=302).contains(&status) => Redirection::Follow,
        (None, Redirects::Follow | Redirects::Refuse) => Redirection::Fail(Verdict::Advance),
    }
}

/// Whether a status says by itself that the called party, or the caller, has ended the call.
fn stops_by_default(status: u16) -> bool {
    matches!(status, 484 | 486 | 487 | 600..=699)
}

/// Whether a status that no key names advances.
fn by_nature(status: u16, q850: Option<u8>, rang: bool) -> bool {
    match status {
        // Our own credentials failed at this trunk; that is no word on the call.
        401 | 407 => true,
        // Theirs is a word on the call; another carrier is asked by key only.
        403 | 484 | 486 | 487 | 488 => false,
        400..=499 => !rang && q850.is_some_and(cause::is_network),
        // The keys' defaults name these: whoever left them out wants them to stop, or (501, 505) has not
        // asked for them.
        500 | 501 | 502 | 503 | 504 | 505 | 513 | 580 => false,
        500..=599 => true,
        _ => false,
    }
}

/// The status that the caller hears when every attempt has failed: the most telling of `outcomes`, which
/// are SIP status
/// and Q.850 cause in order of the attempts. Of equals the earliest; 503 when there are none.
///
/// A 6xx beats everything (RFC 3261 §16.7), then what the called party or the numbering plan said, then
/// what was said
/// about the request, then timeouts and failures of the network. A challenge to our own credentials (401,
/// 407) is not the caller's
/// to answer: it gives 503.
pub fn most_telling(outcomes: &[(u16, Option<u8>)]) -> u16 {
    let mut best: Option<(u8, u16)> = None;
    for &(status, q850) in outcomes {
        let weight = telling(status, q850);
        if best.is_none_or(|(top, _)| weight > top) {
            best = Some((weight, status));
        }
    }
    match best {
        None | Some((_, 401 | 407)) => 503,
        Some((_, status)) => status,
    }
}

/// How much a failure says about the call itself.
fn telling(status: u16, q850: Option<u8>) -> u8 {
    let network = q850.is_some_and(cause::is_network);
    match status {
        600..=699 => 8,
        486 => 7,
        404 | 410 | 480 | 484 | 485 | 487 if !network => 6,
        401 | 407 => 0,
        404 | 480 => 3,
        408 => 4,
        300..=499 => 5,
        503 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
