//! Test calls by the clock.

use crate::form::compound::{List, Opt};
use crate::form::hours::{HoursForm, OpenHours};
use crate::form::scalar::{Decimal, Flag, Time, Whole};
use crate::form::text::{DialString, Name, Text};
use crate::section::{Table, section};
use std::time::Duration;

section! {
    /// Calls that the switch makes by itself over carriers, to see what becomes of calls there. They are real ones, and are charged for.
    TestCall, label Some("name"), later [],
    {
        /// Its name, in events and `tandem test-calls`.
        live name: String = Name, required;
        /// The carriers that are tested; none written: every one.
        live trunks: Vec<String> = List<Name>, default("[]");
        /// Numbers that are called, with `+`: of echo services, milliwatt tones or other machines that answer. Each trunk has them in turn.
        live numbers: Vec<String> = List<DialString>, default("[]");
        /// Numbers of our own that the carriers bring back to us, with `+`. While one is being called the call that comes in for it from a
        /// carrier is the test's, and is answered by it: both ways are heard, and who calls is seen. Nobody else should call them.
        live own: Vec<String> = List<DialString>, default("[]");
        /// The number that calls, with `+`; absent: the called one.
        live caller: Option<String> = Opt<DialString>, derived(None, "the called number");
        /// How often each trunk is tested.
        live every: Duration = Time<10_000, 604_800_000>, default("'15m'");
        /// How often a trunk is tested instead whose calls or tests to one of the numbers' destinations have got worse, until it is known that they
        /// are well again: at the numbers that are concerned, in turn. Half of the budget goes to these at most.
        live again: Duration = Time<10_000, 604_800_000>, default("'20s'");
        /// When, in UTC; none written: at any time.
        live window: Vec<OpenHours> = List<HoursForm>, default("[]");
        /// How long a call talks.
        live talk: Duration = Time<2_000, 60_000>, default("'5s'");
        /// The class of service whose statistics it counts for; absent: the one that has the most calls.
        live class: Option<String> = Opt<Name>, optional;
        /// What it may cost.
        live budget: TestBudget = Table<TestBudget>, default("{}");
        /// What a call has to show beside being answered and heard.
        live expect: TestExpect = Table<TestExpect>, default("{}");
    }
}

section! {
    /// What test calls may cost, over any 24 hours since the start of the switch.
    #[derive(Copy)]
    TestBudget, label None, later [],
    {
        /// Calls.
        live calls_per_day: u32 = Whole<u32, 1, 100_000>, default("1000");
        /// What they cost by the carriers' decks, in the base currency. A carrier without a price for the number costs nothing.
        live money_per_day: f64 = Decimal<0, 1_000_000_000>, default("1");
    }
}

section! {
    /// What a test call has to show.
    TestExpect, label None, later [],
    {
        /// One of these codecs has to be agreed, such as `"PCMA"`; none written: any.
        live codec: Vec<String> = List<Text>, default("[]");
        /// The longest time to the first word of the called side.
        live pdd: Option<Duration> = Opt<Time<100, 60_000>>, optional;
        /// The least mean opinion score of what is heard, of the worse way where both are.
        live mos: Option<f64> = Opt<Decimal<1_000, 4_500>>, optional;
        /// Whether the calling number has to arrive; of `own` numbers only.
        live caller_id: bool = Flag, default("true");
        /// Whether digits have to arrive: both ways over `own` numbers; elsewhere telephone events have to be agreed.
        live dtmf: bool = Flag, default("false");
        /// Whether our tone has to come back: the numbers are echo services.
        live echo: bool = Flag, default("false");
    }
}
