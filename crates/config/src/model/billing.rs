//! Money: what carriers ask, what customers pay, and how much of it they may owe.

use crate::form::compound::{FailureStatus, OneOrList, Opt};
use crate::form::map::Map;
use crate::form::money::{Clock, ColumnName, CurrencyForm, DecimalMark, Moment, PrefixForm};
use crate::form::scalar::{Choice, Decimal, Flag, Whole, words};
use crate::form::text::{FilePath, Text};
use crate::section::section;
use std::collections::BTreeMap;
use std::path::PathBuf;

section! {
    /// Currencies, and where numbers of the United States belong.
    Billing, label None, later [],
    {
        /// The base currency: of records, prices in classes and credits. Decks in others are converted when they are loaded.
        live currency: String = CurrencyForm, default("'USD'");
        /// What one unit of another currency is worth in the base currency: `rates = { EUR = 1.08 }`.
        live rates: BTreeMap<String, f64> = Map<CurrencyForm, Decimal<0, 4_000_000_000>>, default("{}");
        /// A CSV file with columns `npa_nxx` (three or six digits) and `state` (two letters; nothing: in no known one), for area codes that
        /// are newer than this program and exchanges that belong to another state than their area code.
        live npa_nxx: Option<PathBuf> = Opt<FilePath>, optional;
    }
}

section! {
    /// How a trunk's deck is written, as far as its file does not show that.
    DeckFormat, label None, later [],
    {
        /// What its codes are.
        live layout: DeckLayout = Choice<DeckLayout>, default("'auto'");
        /// Columns that are not known by their header, or wrongly: our name for the column, and what stands over it:
        /// `columns = { prefix = "Zone", rate = "Net" }`.
        live columns: BTreeMap<String, String> = Map<ColumnName, Text>, default("{}");
        /// Which comes first in `03/04/2026`.
        live dates: Option<DayOrMonth> = Opt<Choice<DayOrMonth>>, derived(None, "what the file shows; one that does not is refused");
        /// What stands before decimals.
        live decimal: Option<String> = Opt<DecimalMark>, derived(None, "what the file shows");
        /// The clock that its dates and hours are read by: an offset from UTC, which holds all year, or a zone with its summer time.
        live timezone: String = Clock, default("'UTC'");
        /// The currency of amounts that name none.
        live currency: Option<String> = Opt<CurrencyForm>, derived(None, "`billing.currency`");
    }
}

words! {
    /// What the codes of a deck are.
    DeckLayout {
        /// What the header shows.
        Auto = "auto",
        /// Prefixes with their country's code.
        International = "international",
        /// Area codes and exchanges (NPA-NXX) of the United States, with or without the 1.
        UnitedStates = "us",
    } later []
}

words! {
    /// What comes first in a date.
    DayOrMonth {
        /// The day.
        DayFirst = "day-first",
        /// The month.
        MonthFirst = "month-first",
    } later []
}

section! {
    /// A price, as a row of a deck has it.
    DeckRow, label None, later [],
    {
        /// What called numbers begin with, with the country's code; one or several.
        live prefix: Vec<String> = OneOrList<PrefixForm>, required;
        /// Price of a minute. A row that is blocked or a surcharge needs none.
        live rate: Option<f64> = Opt<Decimal<0, 1_000_000_000>>, optional;
        /// Seconds charged at least.
        live first_interval: u16 = Whole<u16, 0, 3600>, default("1");
        /// Steps of seconds by which a longer call is charged.
        live increment: u16 = Whole<u16, 1, 3600>, default("1");
        /// Fee for an answered call.
        live fee: f64 = Decimal<0, 1_000_000_000>, default("0");
        /// What an answered call costs at least, its fee included.
        live minimum_charge: f64 = Decimal<0, 1_000_000_000>, default("0");
        /// Currency of the amounts.
        live currency: Option<String> = Opt<CurrencyForm>, derived(None, "`deck_format.currency`");
        /// From when on it holds.
        live effective_from: Option<String> = Opt<Moment>, derived(None, "always");
        /// Until when; a date without a time of day is the last day.
        live effective_to: Option<String> = Opt<Moment>, derived(None, "for good");
        /// Whether the destination is not sold.
        live blocked: bool = Flag, default("false");
        /// For which calls within the United States it is.
        live jurisdiction: Option<RowJurisdiction> = Opt<Choice<RowJurisdiction>>, derived(None, "all");
        /// What calling numbers begin with.
        live origin: Option<Vec<String>> = Opt<OneOrList<PrefixForm>>, derived(None, "anything");
        /// Added to a minute's price for calls from `origin`, whatever row that price is of. Such a row has no `rate`.
        live surcharge: Option<f64> = Opt<Decimal<0, 1_000_000_000>>, optional;
        /// Days and hours: `"Mon-Fri 08:00-18:00"`.
        live hours: Option<String> = Opt<Text>, derived(None, "always");
        /// The clock that those are read by.
        live timezone: Option<String> = Opt<Clock>, derived(None, "`deck_format.timezone`");
    }
}

words! {
    /// Where the two numbers of a call within the United States belong.
    RowJurisdiction {
        /// To two states.
        Interstate = "interstate",
        /// To one state.
        Intrastate = "intrastate",
        /// One of them to no state that is known.
        Indeterminate = "indeterminate",
    } later []
}

words! {
    /// What becomes of calls to carriers that the customer's deck has no price for.
    Unpriced {
        /// They are refused with 403.
        Refuse = "refuse",
        /// They go out and cost the customer nothing.
        Free = "free",
    } later []
}

section! {
    /// How much a customer may owe.
    Credit, label None, later [],
    {
        /// What it may owe, in the base currency. What it has paid in advance (`tandem credit add`) comes on top; 0: it has only that.
        live amount: f64 = Decimal<0, 4_000_000_000>, default("0");
        /// Once less than this is left, the log, the metrics and `tandem credit` say so.
        live alert: Option<f64> = Opt<Decimal<0, 4_000_000_000>>, optional;
        /// Whether running calls are ended when it is used up; otherwise they go on, and only new ones are refused.
        live end_calls: bool = Flag, default("true");
        /// What new calls are refused with then.
        live status: u16 = FailureStatus, default("402");
    }
}
