//! Whether answers are what they say.

use crate::form::scalar::{Decimal, Time};
use crate::section::section;
use std::time::Duration;

section! {
    /// Listening behind answers: ringing that goes on (false answer supervision), or nothing at all (dead air).
    #[derive(Copy)]
    Supervise, label None, later [],
    {
        /// The share of the calls that carriers answer which is listened to; 0: none.
        live share: f64 = Decimal<0, 1_000>, default("0.05");
        /// For how long, from the answer on. Meanwhile what the carrier sends is relayed in userspace. Less than four seconds tell nothing of
        /// ringing.
        live time: Duration = Time<4_000, 30_000>, default("'6s'");
    }
}
