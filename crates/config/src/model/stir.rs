//! STIR/SHAKEN: the operator's key, whom to trust, and what each trunk gets of it.

use crate::form::compound::{List, OneOrList, Opt};
use crate::form::scalar::{Choice, Flag, Time, Whole, words};
use crate::form::text::{CountryCode, FilePath, HttpsUrl, Uuid};
use crate::section::section;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// STIR/SHAKEN: what callers' numbers are signed and verified with (RFC 8224, RFC 8588). Which trunks' calls are is for their
    /// key `stir` to say.
    Stir, label None, later [],
    {
        /// Our private key: a PEM file with an EC key on P-256. It is never shown. Needs `certificate` and `certificate_url`.
        live private_key: Option<PathBuf> = Opt<FilePath>, optional;
        /// The certificate of that key with those of its issuers: the PEM file that others find at `certificate_url`.
        live certificate: Option<PathBuf> = Opt<FilePath>, optional;
        /// Where others fetch our certificate: the `x5u` of what we sign.
        live certificate_url: Option<String> = Opt<HttpsUrl>, optional;
        /// The authorities whose certificates are trusted: a PEM file. Trunks with `stir.verify` need it.
        live trust_anchors: Option<PathBuf> = Opt<FilePath>, optional;
        /// How old a signature may be, and how far ahead of our clock.
        live freshness: Duration = Time<1_000, 3_600_000>, default("'60s'");
        /// The country of numbers that are written without `+` on trunks without `numbering`, such as `"1"` or `"44"`; absent: they
        /// are taken as they are.
        live country_code: Option<String> = Opt<CountryCode>, optional;
        /// How long a call waits for a certificate that is not there yet. Then it goes on as one that could not be verified.
        live certificate_wait: Duration = Time<50, 10_000>, default("'1s'");
        /// Ports that certificates are fetched from.
        live certificate_ports: Vec<u16> = OneOrList<Whole<u16, 1, 65_535>>, default("[443, 8443]");
        /// Whether certificates are fetched from private, loopback and link-local addresses too.
        live private_addresses: bool = Flag, default("false");
        /// Who vouches for the HTTPS servers that certificates are fetched from: a PEM file.
        live https_roots: Option<PathBuf> = Opt<FilePath>, derived(None, "the system's list");
        /// Certificates that are kept.
        live cache_size: u32 = Whole<u32, 1, 10_000>, default("1000");
        /// How long a certificate is kept at least, whatever its server says.
        live cache_min: Duration = Time<1_000, 86_400_000>, default("'5m'");
        /// How long it is kept at most, and where its server does not say.
        live cache_max: Duration = Time<1_000, 604_800_000>, default("'24h'");
        /// How long a URL that has failed is not asked again.
        live cache_failures: Duration = Time<100, 3_600_000>, default("'30s'");
    }
}

section! {
    /// What a trunk's calls get of STIR/SHAKEN.
    TrunkStir, label None, later [],
    {
        /// Whether the caller's number is signed in calls to it.
        live sign: Sign = Choice<Sign>, default("'off'");
        /// What is attested of calls that come from it: `"auto"` A for a number of its own (a `[[number]]` rule leads to it), B for
        /// another one, C for a carrier's call; or always the same; `"none"`: they are not signed.
        live attest: AttestRule = Choice<AttestRule>, default("'auto'");
        /// The origination identifier of calls that come from it, where it is to be always the same: a UUID.
        live origid: Option<String> = Opt<Uuid>, derived(None, "another one for each call, in its record");
        /// Whether signatures in calls from it are verified: `"annotate"` tells the other side and the record; `"require"` refuses
        /// calls without a good one: 428, 436, 437, 438, or 403 for a stale one.
        live verify: Verify = Choice<Verify>, default("'off'");
        /// Whether Identity headers of the other side are handed on to it. Handed on are only those that hold for what it gets
        /// (caller and called number as they were signed); for a call that one of our numbers has retargeted a `div` is signed to
        /// them where `sign` is on.
        live identity: IdentityHeaders = Choice<IdentityHeaders>, default("'strip'");
        /// Where it is told what came of the verification.
        live verstat: Vec<VerstatPlace> = List<Choice<VerstatPlace>>, default("[]");
        /// Whether `verstat` has the attestation behind it: `TN-Validation-Passed-A`.
        live verstat_letter: bool = Flag, default("false");
    }
}

impl Default for TrunkStir {
    fn default() -> Self {
        Self {
            sign: Sign::Off,
            attest: AttestRule::Auto,
            origid: None,
            verify: Verify::Off,
            identity: IdentityHeaders::Strip,
            verstat: Vec::new(),
            verstat_letter: false,
        }
    }
}

words! {
    /// Whether calls are signed.
    Sign {
        /// No.
        Off = "off",
        /// A `shaken` PASSporT, attested as `attest` of the calling trunk says.
        Shaken = "shaken",
    } later []
}

words! {
    /// What is attested (RFC 8588 §4).
    AttestRule {
        /// By whose number it is.
        Auto = "auto",
        /// Full attestation.
        A = "A",
        /// Partial attestation.
        B = "B",
        /// Gateway attestation.
        C = "C",
        /// Nothing: no signature.
        None = "none",
    } later []
}

words! {
    /// What becomes of signatures that come in.
    Verify {
        /// They are not looked at.
        Off = "off",
        /// They are verified; the call goes on whatever comes of it.
        Annotate = "annotate",
        /// They are verified; the call goes on with a good one only.
        Require = "require",
    } later []
}

words! {
    /// What becomes of the other side's Identity headers.
    IdentityHeaders {
        /// They end here.
        Strip = "strip",
        /// They are handed on.
        Pass = "pass",
    } later []
}

words! {
    /// Where the outcome of a verification is told.
    VerstatPlace {
        /// `verstat` in From.
        From = "from",
        /// `verstat` in P-Asserted-Identity, which is written for it where there is none.
        Pai = "pai",
        /// P-Attestation-Indicator and P-Origination-ID.
        Headers = "headers",
    } later []
}
