//! The cause table: after which failures the next attempt is made, and what the caller hears when none is left.

use config::Failover;

/// How one attempt ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The far side gave a final answer of 300 to 699.
    Final {
        /// SIP status.
        status: u16,
        /// Q.850 cause of its Reason header (RFC 3326), if it had one.
        q850: Option<u8>,
        /// Whether this attempt had rung before: a 180, or any 18x with a word of ringing or media.
        rang: bool,
    },
    /// Not even a 100 within `failover.trying`.
    TimeoutTrying,
    /// A 100 but no 18x within `failover.progress`.
    TimeoutProgress,
    /// No answer within `failover.answer`.
    TimeoutAnswer,
    /// The INVITE could not be delivered: no address, connection refused, transport error (RFC 3261 §8.1.3.1).
    Unreachable,
}

impl AttemptOutcome {
    /// The SIP status that stands for this outcome: the one received, 408 for silence, 480 for ringing out, 503 for an unreachable target.
    pub fn status(self) -> u16 {
        todo!()
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
pub fn verdict(failover: &Failover, outcome: AttemptOutcome) -> Verdict {
    todo!()
}

/// The status that the caller hears when every attempt has failed: the most telling of `outcomes` (SIP status and Q.850 cause, in order
/// of the attempts). 503 when there are none.
pub fn most_telling(outcomes: &[(u16, Option<u8>)]) -> u16 {
    todo!()
}
