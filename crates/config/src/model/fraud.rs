//! Stolen and faked calls: what is looked for, and what is done about it.

use crate::form::compound::{List, Opt, OrOff};
use crate::form::hours::{HoursForm, OpenHours};
use crate::form::scalar::{Choice, Decimal, Flag, Time, Whole, words};
use crate::form::text::NumberPattern;
use crate::section::{Table, section};
use crate::values::Pattern;
use std::time::Duration;

/// A count of calls.
type Calls = Whole<u32, 1, 1_000_000>;
/// How many times what is usual.
type Times = Decimal<1_000, 1_000_000>;
/// Money, in units of `billing.currency`.
type Amount = Decimal<1, 1_000_000_000>;

section! {
    /// The fraud guard. It learns what each customer usually does with each country, by the hour of the week, and looks for patterns of
    /// fraud in what comes on top; and it holds each customer to the ceilings that are written. Unless an `action` says otherwise
    /// patterns are only told of.
    Fraud, label None, later [],
    {
        /// Whether anything of it is done.
        live enabled: bool = Flag, default("true");
        /// The price of a minute from which on a destination is dear. One without a price is taken for dear if it is in the ranges of
        /// high risk, or unusual for the customer and in another country than most of its calls.
        live dear: f64 = Decimal<0, 1_000_000>, default("0.15");
        /// For so long after its first call nothing is unusual for a customer, and patterns that go by what is usual are only told of. Off: all
        /// is unusual from the first call on.
        live learning: Option<Duration> = OrOff<Time<60_000, 2_592_000_000>>, default("'24h'");
        /// When customers work, in UTC; none written: as is learned.
        live hours: Vec<OpenHours> = List<HoursForm>, default("[]");
        /// Numbers whose calls are no part of any pattern: campaigns, for instance. Ceilings hold for them all the same.
        live allow: Vec<Pattern> = List<NumberPattern>, default("[]");
        /// What no customer may go beyond, whatever is usual for it.
        live ceilings named "ceiling": Vec<Ceiling> = List<Table<Ceiling>>, default("[]");
        /// Revenue share fraud: many calls to dear numbers.
        live irsf: Irsf = Table<Irsf>, default("{}");
        /// More money than is usual.
        live spend: Spend = Table<Spend>, default("{}");
        /// More calls than are usual.
        live velocity: Velocity = Table<Velocity>, default("{}");
        /// Longer calls than are usual.
        live duration: LongCalls = Table<LongCalls>, default("{}");
        /// Calls that ring once, so that they are returned.
        live wangiri: Wangiri = Table<Wangiri>, default("{}");
        /// Numbers in a row.
        live sequential: Sequential = Table<Sequential>, default("{}");
        /// Dear calls when nobody works.
        live off_hours: OffHours = Table<OffHours>, default("{}");
    }
}

section! {
    /// In place of what `[fraud]` says, for one customer, key by key.
    TrunkFraud, label None, later [],
    {
        /// In place of `fraud.enabled`.
        live enabled: Option<bool> = Opt<Flag>, derived(None, "`fraud.enabled`");
        /// In place of `fraud.dear`.
        live dear: Option<f64> = Opt<Decimal<0, 1_000_000>>, derived(None, "`fraud.dear`");
        /// In place of `fraud.hours`.
        live hours: Option<Vec<OpenHours>> = Opt<List<HoursForm>>, derived(None, "`fraud.hours`");
        /// Beside those of `fraud.allow`.
        live allow: Vec<Pattern> = List<NumberPattern>, default("[]");
        /// In place of `fraud.ceiling`.
        live ceilings named "ceiling": Option<Vec<Ceiling>> = Opt<List<Table<Ceiling>>>, derived(None, "`fraud.ceiling`");
        /// In place of `fraud.irsf`.
        live irsf: Option<Irsf> = Opt<Table<Irsf>>, derived(None, "`fraud.irsf`");
        /// In place of `fraud.spend`.
        live spend: Option<Spend> = Opt<Table<Spend>>, derived(None, "`fraud.spend`");
        /// In place of `fraud.velocity`.
        live velocity: Option<Velocity> = Opt<Table<Velocity>>, derived(None, "`fraud.velocity`");
        /// In place of `fraud.duration`.
        live duration: Option<LongCalls> = Opt<Table<LongCalls>>, derived(None, "`fraud.duration`");
        /// In place of `fraud.wangiri`. On a carrier: for calls that come from it.
        live wangiri: Option<Wangiri> = Opt<Table<Wangiri>>, derived(None, "`fraud.wangiri`");
        /// In place of `fraud.sequential`.
        live sequential: Option<Sequential> = Opt<Table<Sequential>>, derived(None, "`fraud.sequential`");
        /// In place of `fraud.off_hours`.
        live off_hours: Option<OffHours> = Opt<Table<OffHours>>, derived(None, "`fraud.off_hours`");
    }
}

section! {
    /// A ceiling on a customer's calls to some numbers. What would go beyond it is refused with 403 for as long as it is reached.
    Ceiling, label None, later [],
    {
        /// The numbers; absent: all.
        live pattern named "match": Option<Pattern> = Opt<NumberPattern>, optional;
        /// What is counted together.
        live each: CeilingFor = Choice<CeilingFor>, default("'customer'");
        /// What is done when it is reached.
        live action: CeilingAction = Choice<CeilingAction>, default("'refuse'");
        /// Calls at once, those that are being set up included.
        live calls: Option<u32> = Opt<Calls>, optional;
        /// Calls that begin in a minute.
        live attempts_per_minute: Option<u32> = Opt<Calls>, optional;
        /// Calls that begin in an hour.
        live attempts_per_hour: Option<u32> = Opt<Calls>, optional;
        /// Calls that are answered in a minute.
        live answered_per_minute: Option<u32> = Opt<Calls>, optional;
        /// Calls that are answered in an hour.
        live answered_per_hour: Option<u32> = Opt<Calls>, optional;
        /// Money in an hour, that of calls that are still up included.
        live spend_per_hour: Option<f64> = Opt<Amount>, optional;
        /// Money in 24 hours.
        live spend_per_day: Option<f64> = Opt<Amount>, optional;
        /// The longest that a call may last. One that has is told of; `action = "cut"` ends it.
        live duration: Option<Duration> = Opt<Time<1_000, 604_800_000>>, optional;
    }
}

words! {
    /// What a ceiling is over.
    CeilingFor {
        /// All calls of the customer's that fit.
        Customer = "customer",
        /// Those to each country.
        Country = "country",
    } later []
}

words! {
    /// What is done when a ceiling is reached.
    CeilingAction {
        /// It is told of.
        Alert = "alert",
        /// And further calls are refused until there is room.
        Refuse = "refuse",
        /// And where it is one of money, or the `duration`, calls that are up are ended.
        Cut = "cut",
    } later []
}

words! {
    /// What is done about a pattern. Each does what those before it do as well.
    FraudAction {
        /// Nothing: it is not looked for.
        Off = "off",
        /// It is told of.
        Alert = "alert",
        /// Calls get through at `rate` only; the others get 503.
        Throttle = "throttle",
        /// Calls are refused with 403.
        Block = "block",
        /// And those that are up are ended.
        Cut = "cut",
    } later []
}

words! {
    /// What is throttled, blocked or cut.
    FraudScope {
        /// The customer's calls to the country where the pattern was seen.
        Destination = "destination",
        /// All calls of the customer's.
        Customer = "customer",
    } later []
}

/// What is done about a pattern that was seen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FraudResponse {
    /// What.
    pub action: FraudAction,
    /// To which calls.
    pub scope: FraudScope,
    /// For how long.
    pub time: Duration,
    /// Calls per second that a throttle lets through.
    pub rate: f64,
}

/// A section with the keys that all patterns have, and its own.
macro_rules! pattern {
    ($(#[doc = $doc:literal])+ $name:ident { $($keys:tt)* }) => {
        section! {
            $(#[doc = $doc])+
            #[derive(Copy)]
            $name, label None, later [],
            {
                /// What is done.
                live action: FraudAction = Choice<FraudAction>, default("'alert'");
                /// What is throttled, blocked or cut.
                live scope: FraudScope = Choice<FraudScope>, default("'destination'");
                /// For how long calls are throttled or blocked; each further time twice as long, a day at most.
                live time: Duration = Time<1_000, 86_400_000>, default("'1h'");
                /// Calls per second that a throttle lets through.
                live rate: f64 = Decimal<1, 1_000_000>, default("0.1");
                $($keys)*
            }
        }

        impl $name {
            /// What is done about it.
            #[must_use]
            pub fn response(&self) -> FraudResponse {
                FraudResponse {
                    action: self.action,
                    scope: self.scope,
                    time: self.time,
                    rate: self.rate,
                }
            }
        }
    };
}

pattern! {
    /// International revenue share fraud: within ten minutes `calls` dear calls to a country on top of `factor` times the usual; or
    /// twice as many over all countries that are unusual for the customer. What is usual is known in money: of calls at five times the
    /// price a fifth is usual.
    Irsf {
        /// Dear calls that may be answered still, or have been in ten minutes, beside what is usual.
        live calls: u32 = Calls, default("10");
        /// How many times the usual there may be.
        live factor: f64 = Times, default("6");
    }
}

pattern! {
    /// More money to a country in an hour than `amount` and `factor` times the usual; three times as much in a day. Over all
    /// countries twice as much.
    Spend {
        /// Money beside what is usual.
        live amount: f64 = Amount, default("20");
        /// How many times the usual there may be.
        live factor: f64 = Times, default("8");
    }
}

pattern! {
    /// More calls to a country, attempts or answered ones, in an hour than `calls` and than `factor` times the usual; or half as many
    /// in a minute, which is also more than three times `factor` times the usual there. Over all countries twice as many.
    Velocity {
        /// Calls in an hour that nobody minds.
        live calls: u32 = Calls, default("100");
        /// How many times the usual there may be.
        live factor: f64 = Times, default("10");
    }
}

pattern! {
    /// A dear call that lasts longer than `after` and than `factor` times the customer's calls to the country usually last. What is
    /// cut is that call only.
    LongCalls {
        /// What nobody minds.
        live after: Duration = Time<60_000, 86_400_000>, default("'1h'");
        /// How many times the usual it may be.
        live factor: f64 = Times, default("5");
    }
}

pattern! {
    /// Calls that ring once and are given up, so that they are returned: `calls` of them in five minutes which are most of those that
    /// ended. From customers, to ever other numbers; and from carriers, by the callers' country, to whichever.
    Wangiri {
        /// Calls in five minutes.
        live calls: u32 = Calls, default("30");
        /// Given up this soon after the INVITE.
        live short: Duration = Time<500, 30_000>, default("'6s'");
    }
}

pattern! {
    /// Numbers in a row, as who looks for numbers that answer dials them: `numbers` to a country, up or down, each at most three from one
    /// that was called within ten minutes before it. Calls to other numbers that come between are no matter.
    Sequential {
        /// Numbers in the row.
        live numbers: u32 = Whole<u32, 5, 1_000>, default("20");
    }
}

pattern! {
    /// Dear calls at hours when the customer does not work: outside of `fraud.hours`, or at an hour of the week at which it has had next
    /// to no calls for two weeks.
    OffHours {
        /// Dear calls in ten minutes.
        live calls: u32 = Calls, default("5");
    }
}
