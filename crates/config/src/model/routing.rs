//! How carriers are learned.

use crate::form::scalar::{Decimal, Flag, Time, Whole};
use crate::section::section;
use std::time::Duration;

section! {
    /// How carriers are learned: from what comes of their calls, per destination and class of service. What a class weighs, and what it may
    /// spend on finding out, stands in the class.
    #[derive(Copy)]
    Routing, label None, later [],
    {
        /// Whether carriers are chosen by what is learned. Otherwise, and where little is known yet, they go by price; what comes of calls
        /// is kept all the same.
        live learn: bool = Flag, default("true");
        /// After this long what came of a call counts half.
        live half_life: Duration = Time<60_000, 604_800_000>, default("'2h'");
        /// Below so many attempts to a destination its carriers go by price, and chance has no part in a carrier's place.
        live min_attempts: u32 = Whole<u32, 1, 100_000>, default("20");
        /// No more than so many attempts of a carrier to a destination are remembered: of a busy one only the latest count, however much
        /// time has passed.
        live memory: u32 = Whole<u32, 50, 1_000_000>, default("1000");
        /// How much chance there is among carriers that are not surely better or worse than each other: with 1 each is first as often as it
        /// is likely to be the best; the less, the more the one that looks the best is; with 0 it always is.
        live noise: f64 = Decimal<0, 2_000>, default("0.35");
        /// A carrier that has got worse, and may be better again, is tried so often per destination, as long as the class's budget for
        /// exploring lasts.
        live probe_every: Duration = Time<1_000, 3_600_000>, default("'12s'");
        /// A carrier that is new, or has recovered, has its whole share of calls when so many of them were put through.
        live slow_start: u32 = Whole<u32, 1, 100_000>, default("25");
    }
}
