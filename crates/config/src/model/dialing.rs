//! Dial plans: what a customer's callers dial, and which number that is.

use crate::form::compound::{List, OneOrList, Opt};
use crate::form::scalar::{Choice, Whole, words};
use crate::form::text::{DialPatternForm, DialString, Digits, Name, RegionForm};
use crate::section::{Table, section};
use crate::values::{DialPattern, Region};

section! {
    /// How people dial in a country, and behind one customer's switchboard. Numbers of trunks that name it become +E.164 by the
    /// country's numbering plan (as libphonenumber has it); what `numbering` of the trunk can read is read by that first. Called numbers
    /// go these ways in this order: emergency numbers, `keep`, `rules`, `international` and `national`, `area`, and the
    /// country's own. Calling numbers are read without `keep` and `rules`, and stay as they came where that fails.
    DialPlan, label Some("name"), later [],
    {
        /// Its name, to which `dial_plan` of a trunk refers.
        live name: String = Name, required;
        /// The country: its two letters (ISO 3166-1).
        live country: Region = RegionForm, required;
        /// What is dialled in front of a country's code; none written: what the country has, such as 00 or 011.
        live international: Vec<String> = List<Digits>, default("[]");
        /// What is dialled in front of a national number; `""`: nothing is.
        live national: Option<String> = Opt<Digits>, derived(None, "what the country has, such as 0 or 1");
        /// The area code of local numbers, without what stands in front of it. Needs `local_digits`.
        live area: Option<String> = Opt<Digits>, optional;
        /// How many digits a number has that is dialled without its area code.
        live local_digits: Vec<u8> = OneOrList<Whole<u8, 2, 12>>, derived(Vec::new(), "local numbers are not dialled");
        /// What is left as it was dialled: extensions, and short codes that mean something only there.
        live keep: Vec<DialPattern> = List<DialPatternForm>, default("[]");
        /// Rules of its own: the first that fits is applied.
        live rules: Vec<DialRule> = List<Table<DialRule>>, default("[]");
        /// What a number has to be to go on.
        live check: NumberCheck = Choice<NumberCheck>, default("'length'");
        /// What becomes of a number that is none by this plan.
        live unknown: UnknownNumber = Choice<UnknownNumber>, default("'refuse'");
    }
}

section! {
    /// What becomes of numbers of a pattern. Digits are taken off the front first, then others are put there.
    DialRule, label None, later [],
    {
        /// The numbers, as they are dialled.
        live pattern named "match": DialPattern = DialPatternForm, required;
        /// Digits taken from the front.
        live strip: u8 = Whole<u8, 0, 32>, default("0");
        /// What is put in front after that, such as `"+4420"`.
        live prepend: Option<String> = Opt<DialString>, optional;
        /// What becomes of the result.
        live then: DialThen = Choice<DialThen>, default("'read'");
    }
}

words! {
    /// What becomes of a rule's result.
    DialThen {
        /// It is read on by the plan, but for `keep` and `rules`.
        Read = "read",
        /// It is the number, as it stands.
        Keep = "keep",
        /// The call is refused with 403.
        Refuse = "refuse",
    } later []
}

words! {
    /// What a number has to be.
    NumberCheck {
        /// As long as its country's numbers are.
        Length = "length",
        /// Anything that could be read.
        Off = "off",
    } later []
}

words! {
    /// What becomes of a number that is none.
    UnknownNumber {
        /// The call is refused: 484 for one that is too short, else 404.
        Refuse = "refuse",
        /// It is left as it was dialled.
        Pass = "pass",
    } later []
}
