//! Number portability: who serves a number now.

use crate::form::compound::{List, Opt, OrOff};
use crate::form::scalar::{Time, Whole, words};
use crate::form::secret::SecretForm;
use crate::form::text::{FilePath, JsonPointer, LookupUrl, RegionForm};
use crate::section::section;
use crate::values::{Region, Secret};
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Number portability: calls of customers that no `[[number]]` rule takes are priced by the routing number of who serves the called
    /// number. It comes with the call (`rn` and `npdi`, RFC 4694), or is asked for over HTTP. No call waits for longer than `deadline`,
    /// and none fails for want of an answer: it is priced by the number itself then.
    Portability, label None, later [],
    {
        /// Whom to ask, with `GET`: `{number}` stands for the digits with the country's code, `{e164}` for the same with +. Absent: nobody.
        live url: Option<String> = Opt<LookupUrl>, optional;
        /// Where the routing number stands in the JSON of an answer. A number is not ported where nothing, `null` or `""` does, and
        /// where the answer is 204 or 404.
        live routing_number: String = JsonPointer, default("'/rn'");
        /// The Authorization header of the question, such as `"Bearer …"`.
        live authorization: Option<Secret> = Opt<SecretForm>, optional;
        /// A PEM file with the authorities that the server's certificate has to come from.
        live ca: Option<PathBuf> = Opt<FilePath>, derived(None, "the system's");
        /// How long a call waits for an answer.
        live deadline: Duration = Time<10, 10_000>, default("'300ms'");
        /// Countries whose numbers are asked for; none written: all.
        live countries: Vec<Region> = List<RegionForm>, default("[]");
        /// Answers that are kept.
        live cache_size: u32 = Whole<u32, 100, 5_000_000>, default("100000");
        /// How long it is remembered where a number is ported to.
        live cache_ttl: Duration = Time<1_000, 2_592_000_000>, default("'24h'");
        /// How long it is remembered that one is not.
        live cache_negative: Duration = Time<1_000, 2_592_000_000>, default("'1h'");
        /// After so many failures in a row nobody is asked for a while: no answer within the deadline, another status, no JSON.
        live failures: u32 = Whole<u32, 1, 1_000>, default("5");
        /// For how long; then one question tries it again. Off: it is asked always.
        live rest: Option<Duration> = OrOff<Time<100, 3_600_000>>, default("'10s'");
    }
}

words! {
    /// Whose word on where a number is ported is taken.
    PortabilityMode {
        /// The caller's, if it has one, else it is asked for.
        Dip = "dip",
        /// It is asked for, whatever the caller says.
        Ask = "ask",
        /// The caller's only.
        Given = "given",
        /// Nobody's.
        Off = "off",
    } later []
}
