//! Who is kept out, and how much is taken at once.

use crate::form::compound::{List, OrOff};
use crate::form::net::Range;
use crate::form::scalar::{Choice, Decimal, Flag, Time, Whole, words};
use crate::form::text::{DestinationForm, NumberPattern, Text};
use crate::section::{Table, section};
use crate::values::{Cidr, Destination, Pattern};
use std::time::Duration;

section! {
    /// Who is kept out, and how much is taken at once. None of it is about addresses that are a trunk's, but for
    /// `overload_delay`.
    Edge, label None, later [],
    {
        /// What becomes of requests from an address that is nobody's, where no user could be calling from it.
        live unknown_sources: UnknownSources = Choice<UnknownSources>, default("'refuse'");
        /// Addresses that are never limited and never banned.
        live allow: Vec<Cidr> = List<Range>, default("[]");
        /// Requests outside of calls per second from one address that is no trunk's (of IPv6, from one /64). What comes on top is
        /// dropped without an answer.
        live source_rate: Option<f64> = OrOff<Decimal<100, 1_000_000_000>>, default("50");
        /// How many of them may come at once after a pause: many phones may be behind one address.
        live source_burst: u32 = Whole<u32, 1, 1_000_000>, default("200");
        /// What stands in User-Agent or From of scanners, in any case of letters. Their requests are never answered.
        live scanners: Vec<String> = List<Text>, default("['friendly-scanner', 'friendly-request', 'sipvicious', 'sipcli', 'sip-scan', 'sipscan', 'sundayddr', 'sivus', 'iwar', 'smap', 'gulp', 'pplsip', 'vaxsipuseragent', 'sipptk']");
        /// When an address is banned: what comes from it is dropped before it is read.
        live ban: Ban = Table<Ban>, default("{}");
        /// When requests that have come wait for longer than this before they are handled, new ones are refused with 503 until they do
        /// not, as many as it takes. What belongs to calls that are up, or being set up, always goes on.
        live overload_delay: Option<Duration> = OrOff<Time<1, 10_000>>, default("'10ms'");
    }
}

words! {
    /// What becomes of requests from nobody we know.
    UnknownSources {
        /// They are refused with 403.
        Refuse = "refuse",
        /// They get no answer.
        Drop = "drop",
    } later []
}

section! {
    /// Points are counted against an address, and it is banned when it has enough of them. Where a user has authenticated of late, only
    /// single ports of the address are banned, and single users that fail again and again.
    Ban, label None, later [],
    {
        /// Whether anybody is banned but by command.
        live enabled: bool = Flag, default("true");
        /// Points that get an address banned.
        live threshold: u32 = Whole<u32, 1, 1_000_000>, default("1000");
        /// Half of the points are forgotten after this long.
        live half_life: Duration = Time<1_000, 86_400_000>, default("'1m'");
        /// How long the first ban lasts; each further one of the same address twice as long.
        live duration: Duration = Time<100, 2_592_000_000>, default("'10m'");
        /// The longest that a ban lasts.
        live max_duration: Duration = Time<100, 2_592_000_000>, default("'24h'");
        /// What counts how much.
        live weights: Weights = Table<Weights>, default("{}");
    }
}

section! {
    /// Points.
    #[derive(Copy)]
    Weights, label None, later [],
    {
        /// For a request of a scanner.
        live scanner: u32 = Whole<u32, 0, 1_000_000>, default("1000");
        /// For a request from an address that is nobody's. Requests that are challenged since they may be a user's count nothing, nor does OPTIONS.
        live unknown: u32 = Whole<u32, 0, 1_000_000>, default("20");
        /// For credentials of a user that there is not.
        live user: u32 = Whole<u32, 0, 1_000_000>, default("100");
        /// For a wrong password.
        live password: u32 = Whole<u32, 0, 1_000_000>, default("50");
        /// For what cannot be read.
        live malformed: u32 = Whole<u32, 0, 1_000_000>, default("1");
    }
}

section! {
    /// Where a customer may call. The longest pattern that fits decides, and `allow` where both are as long.
    Destinations, label None, later [],
    {
        /// Numbers that may be called, though `deny` has them.
        live allow: Vec<Pattern> = List<NumberPattern>, default("[]");
        /// Numbers that may not be called; `"high-risk"`: ranges of premium rate, of satellites and others that calls are stolen
        /// to. They are refused with 403.
        live deny: Vec<Destination> = List<DestinationForm>, default("['high-risk']");
    }
}
