//! What the failures of a trunk mean for a call.

use crate::form::compound::{AdvanceForm, AfterRingingForm, List, Opt, StopForm};
use crate::form::scalar::{Time, Whole, words};
use crate::section::section;
use std::time::Duration;

section! {
    /// When the next attempt of a call is made and how long each may take. A Q.850 cause (`"q850:34"`), which is looked for in the answer's
    /// Reason header, decides before a status. A status in neither list stops, unless a
    /// Reason header with a network cause (Q.850) comes with it and nothing rang. Where only one of the two lists is
    /// written, what it names is in the other no longer.
    Failover, label None, later [],
    {
        /// What advances to the next attempt; `"timeout"`: no 100 within `trying`, or no progress within `progress`.
        live advance: Vec<Advance> = List<AdvanceForm>, default("[408, 500, 502, 503, 504, 513, 580, 'timeout']");
        /// What ends the call at once: the called party has answered, in its way.
        live stop: Vec<Stop> = List<StopForm>, default("[484, 486, 487, 600, 603, 604, 606, 607, 608]");
        /// What may advance once the attempt has rung (180, or any other progress): `false` nothing, so that nobody is rung twice;
        /// `"failures"` the 408 and 5xx that `advance` names, for then the network has failed and not the called party; `true` all
        /// that `advance` names, and an answer that does not come.
        live after_ringing: AfterRinging = AfterRingingForm, default("'failures'");
        /// Time for the first answer of any kind.
        live trying: Duration = Time<100, 60_000>, default("'4s'");
        /// Time, from the start of the attempt, for progress (101 to 198) or a final answer.
        live progress: Duration = Time<100, 300_000>, default("'15s'");
        /// Time, from the first progress on, for the final answer; then the call ends, unless `after_ringing` is `true`.
        live answer: Duration = Time<1_000, 3_600_000>, default("'3m'");
        /// What the caller hears then: 480, or 408, or 486 for whoever goes by that.
        live no_answer: u16 = Whole<u16, 400, 699>, default("480");
        /// A place that a target's name leads to (RFC 3263) and that has failed is left for last for this long; longer with each trial
        /// that fails again. Places of one target are tried one after the other, and count as one attempt.
        live rest: Duration = Time<100, 3_600_000>, default("'30s'");
        /// Attempts per call at most: the fewest that the calling trunk, or a carrier that has been tried, has written.
        live attempts: Option<u16> = Opt<Whole<u16, 1, 32>>, derived(None, "3, where no trunk of the call has written it");
        /// Time for a call to ring somewhere; then the attempt under way is given up, and no other is made. The shortest that the calling
        /// trunk, or a carrier that has been tried, has written. Once it has rung somewhere this time counts no longer.
        live time: Option<Duration> = Opt<Time<1_000, 3_600_000>>, derived(None, "one minute, where no trunk of the call has written it");
    }
}

/// One entry of `failover.advance`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Advance {
    /// This final status, 300..=699.
    Status(u16),
    /// Any final status with this Q.850 cause, 1..=127, in its Reason header (RFC 3326).
    Q850(u8),
    /// No 100 within `trying`, or no progress within `progress`.
    Timeout,
}

/// One entry of `failover.stop`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stop {
    /// This final status, 300..=699.
    Status(u16),
    /// Any final status with this Q.850 cause, 1..=127, in its Reason header (RFC 3326).
    Q850(u8),
}

/// What may advance once an attempt has rung.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AfterRinging {
    /// Nothing.
    Nothing,
    /// The 408 and 5xx that `advance` names.
    Failures,
    /// All that `advance` names, and an answer that does not come.
    Everything,
}

words! {
    /// What becomes of a trunk's redirections.
    Redirects {
        /// The call goes on to the numbers that it names, in the order of their preference (`q`), each as a call of this trunk's: planned,
        /// screened and limited as any of its calls; and to its own targets where it names those. Nobody else is called.
        Follow = "follow",
        /// The caller hears of it: the status, with the number that is named first, at our address.
        Pass = "pass",
        /// It is a failure: the next attempt is made.
        Refuse = "refuse",
    } later []
}
