//! Emergency numbers: which they are, and where calls to them go.

use crate::form::compound::{List, OneOrList, Opt};
use crate::form::scalar::Flag;
use crate::form::text::{DialPatternForm, DialString, Name, NumberPattern, RegionForm};
use crate::section::{Tables, section};
use crate::values::{DialPattern, Pattern, Region};

section! {
    /// Calls of customers to emergency services. Which numbers these are goes by the caller's country, which is that of its trunk
    /// (`country`). They are exempt from what is to keep customers' calls within bounds: `max_calls`, `max_cps`, `max_rps`,
    /// `destinations`, `screening`, classes, prices, drains and overload; and from bans where a user has authenticated of late.
    Emergency, label None, later [],
    {
        /// The country of callers whose trunk has none.
        live country: Option<Region> = Opt<RegionForm>, optional;
        /// Numbers that are emergency numbers wherever somebody calls from.
        live aliases: Vec<DialPattern> = List<DialPatternForm>, default("['112', '911']");
        /// More of them, such as those of a site's own guards.
        live numbers: Vec<DialPattern> = List<DialPatternForm>, default("[]");
        /// Whether carriers that no route names are tried where there is no route, or all that it names have failed.
        live any_carrier: bool = Flag, default("true");
        /// Where such calls go.
        live routes named "route": Vec<EmergencyRoute> = Tables<EmergencyRoute>, default("[]");
    }
}

section! {
    /// Where emergency calls go. All routes that fit are tried, the one that says most first: by its numbers, then by its callers, its
    /// region, and its country.
    EmergencyRoute, label None, later [],
    {
        /// Calls from this country; absent: from any.
        live country: Option<Region> = Opt<RegionForm>, optional;
        /// Calls from this region: `emergency_region` of their trunk, else `region` of its network or the node.
        live region: Option<String> = Opt<Name>, optional;
        /// Callers with these numbers; none written: all.
        live callers: Vec<Pattern> = List<NumberPattern>, default("[]");
        /// Calls to these emergency numbers; none written: to all.
        live numbers: Vec<DialPattern> = List<DialPatternForm>, default("[]");
        /// The trunk that gets the call, or several to be tried in this order. Their decks are not asked, and one that is full
        /// comes last.
        live to: Vec<String> = OneOrList<Name>, required;
        /// What is dialled there in place of the emergency number.
        live dial: Option<String> = Opt<DialString>, optional;
    }
}
