//! Several carriers at once.

use crate::form::scalar::{Choice, Time, Whole, words};
use crate::section::section;
use std::time::Duration;

section! {
    /// Carriers are asked beside each other and not one after the other, so that a slow one holds nobody up. A caller without an offer in
    /// its INVITE (RFC 3261 §13.2.1) has them one after the other all the same.
    #[derive(Copy)]
    Parallel, label None, later [],
    {
        /// Attempts that are under way at once, at most.
        live attempts: u8 = Whole<u8, 2, 8>, default("2");
        /// A carrier is asked when those that are under way have shown no progress for this long; `"0s"`: all at once.
        live after: Duration = Time<0, 60_000>, default("'1500ms'");
        /// When one of them has the call, and the others are cancelled.
        live until: Until = Choice<Until>, default("'progress'");
    }
}

words! {
    /// When one of several attempts has the call.
    Until {
        /// When it is the first to make progress (180, 183 and the like) or to answer: nobody rings twice.
        Progress = "progress",
        /// When it is the first to answer: all ring until then, and the caller hears ringing of its own making.
        Answer = "answer",
    } later []
}
