//! Classes of service.

use super::parallel::Parallel;
use super::portability::PortabilityMode;
use crate::form::compound::{List, Opt};
use crate::form::scalar::{Choice, Decimal, Flag, Time};
use crate::form::text::Name;
use crate::section::{Table, section};
use std::time::Duration;

section! {
    /// A class of service: what to weigh when a carrier is chosen for its calls.
    Class, label Some("name"), later [],
    {
        /// Its name, to which `class` of a trunk refers.
        live name: String = Name, required;
        /// What counts.
        live objective: Objective = Table<Objective>, default("{}");
        /// The carriers that may be chosen; none written: every one.
        live trunks: Vec<String> = List<Name>, default("[]");
        /// Carriers that are never chosen.
        live excluded: Vec<String> = List<Name>, default("[]");
        /// A carrier whose deck asks more per minute isn't chosen.
        live max_price: Option<f64> = Opt<Decimal<0, 1_000_000>>, optional;
        /// A carrier isn't chosen that leaves less than this share of what the customer pays, both for a call of three minutes: 0.1 is a
        /// tenth, -0.5 lets it cost half as much again, -1 twice as much. It holds where both prices are known.
        live min_margin: Option<f64> = Opt<Decimal<-1_000, 1_000>>, optional;
        /// Only carriers are chosen that pass the caller's number on (their `caller_id`).
        live keep_caller_id: bool = Flag, default("false");
        /// Where its calls may be processed: only carriers are chosen that are in one of these (their `jurisdictions`); none written:
        /// anywhere.
        live jurisdictions: Vec<String> = List<Name>, default("[]");
        /// Measured quality that a carrier has to have.
        live floors: Floors = Table<Floors>, default("{}");
        /// Whether carriers get their shares of the calls by what is measured of them; `false`: by price alone.
        live learn: bool = Flag, default("true");
        /// What may be spent on learning.
        live explore: Explore = Table<Explore>, default("{}");
        /// Whether its calls get what `capacity.reserve` keeps back from others.
        live priority: bool = Flag, default("false");
        /// Whose word is taken on where called numbers are ported to, for trunks that do not say it themselves.
        live portability: PortabilityMode = Choice<PortabilityMode>, default("'dip'");
        /// Several carriers at once; absent: one after the other.
        live parallel: Option<Parallel> = Opt<Table<Parallel>>, optional;
    }
}

section! {
    /// Weights of what counts; only their proportion matters.
    #[derive(Copy)]
    Objective, label None, later [],
    {
        /// Weight of a low price.
        live price: f64 = Decimal<0, 1_000_000>, default("0.5");
        /// Weight of measured quality.
        live quality: f64 = Decimal<0, 1_000_000>, default("0.5");
    }
}

section! {
    /// The least quality of carriers. One that is surely below is left for last; so is none of which too little is known.
    #[derive(Copy)]
    Floors, label None, later [],
    {
        /// Share of calls that are answered: the answer-seizure ratio (ITU-T E.425).
        live asr: Option<f64> = Opt<Decimal<0, 1_000>>, optional;
        /// Share of calls that the network has brought to the called party, whatever that did with them: the network effectiveness
        /// ratio (ITU-T E.425).
        live ner: Option<f64> = Opt<Decimal<0, 1_000>>, optional;
        /// Mean opinion score of what is heard, from 1 to 5 (ITU-T G.107).
        live mos: Option<f64> = Opt<Decimal<1_000, 5_000>>, optional;
        /// Longest time from the INVITE to the first ringing, in the middle: the post-dial delay.
        live pdd: Option<Duration> = Opt<Time<100, 60_000>>, optional;
    }
}

section! {
    /// What may be spent on finding out about carriers that would not get the call otherwise.
    #[derive(Copy)]
    Explore, label None, later [],
    {
        /// Share of the class's calls.
        live calls: f64 = Decimal<0, 1_000>, default("0.02");
        /// What those calls may cost more per day than they would have, in the base currency.
        live money: f64 = Decimal<0, 1_000_000_000>, default("5");
    }
}
