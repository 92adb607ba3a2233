//! How full things may become.

use crate::form::compound::Opt;
use crate::form::scalar::{Decimal, Whole};
use crate::form::text::{Name, NumberPattern};
use crate::section::section;
use crate::values::Pattern;

/// A share of a limit, from a hundredth to all of it.
type Share = Decimal<10, 1_000>;
/// What is kept back of a limit: never all of it.
type Kept = Decimal<0, 900>;

section! {
    /// How full trunks may become before calls go elsewhere, and before somebody is told. Shares of `max_calls` and of `max_cps`,
    /// whichever is reached first; a trunk without either has none.
    #[derive(Copy)]
    Capacity, label None, later [],
    {
        /// A carrier whose share in use has reached this stands behind the others that could take the call by price.
        live target: f64 = Share, default("0.5");
        /// At this share a line is written and the metrics say so.
        live alert: f64 = Share, default("0.6");
        /// The share of a carrier's limits, of a `[[limit]]`'s and of `sip.max_calls` that only calls of a class with `priority` get.
        live reserve: f64 = Kept, default("0");
    }
}

section! {
    /// In place of `[capacity]`, for one trunk.
    #[derive(Copy)]
    TrunkCapacity, label None, later [],
    {
        /// In place of `capacity.target`.
        live target: Option<f64> = Opt<Share>, derived(None, "`capacity.target`");
        /// In place of `capacity.alert`.
        live alert: Option<f64> = Opt<Share>, derived(None, "`capacity.alert`");
        /// In place of `capacity.reserve`; of carriers only.
        live reserve: Option<f64> = Opt<Kept>, derived(None, "`capacity.reserve`");
    }
}

section! {
    /// How many calls there may be to certain numbers, over all trunks. Of those that fit a number the longest pattern counts; where
    /// some are for the calling customer, the longest of them counts as well.
    Limit, label None, later [],
    {
        /// The numbers.
        live pattern named "match": Pattern = NumberPattern, required;
        /// The customer whose calls are counted; absent: everybody's.
        live customer: Option<String> = Opt<Name>, optional;
        /// Calls at once.
        live max_calls: Option<u32> = Opt<Whole<u32, 1, 1_000_000>>, optional;
        /// New calls per second.
        live max_cps: Option<f64> = Opt<Decimal<1, 100_000_000>>, optional;
    }
}

impl Capacity {
    /// What holds for a trunk.
    #[must_use]
    pub fn of(&self, own: Option<&TrunkCapacity>) -> Self {
        let own = own.copied();
        Self {
            target: own.and_then(|own| own.target).unwrap_or(self.target),
            alert: own.and_then(|own| own.alert).unwrap_or(self.alert),
            reserve: own.and_then(|own| own.reserve).unwrap_or(self.reserve),
        }
    }
}
