//! The messages of RFC 4475 and RFC 5118 with the treatment expected of each, for the tests of every crate that takes messages
//! from the network.

use crate::Defect;

/// What the parser does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Gives it on.
    Accept,
    /// Refuses it with enough to answer [`Defect::status`].
    Answer(Defect),
    /// Refuses it, nothing is to be answered.
    Drop(Defect),
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The RFC's name for it; those of `rfc5118-crlf` end in `-crlf`.
    pub name: &'static str,
    /// RFC and section.
    pub section: &'static str,
    /// As it goes on the wire, one datagram.
    pub bytes: &'static [u8],
    /// What the parser does.
    pub parser: Treatment,
    /// Final statuses that the RFC allows an element to answer with that is no registrar, has no route for the target and knows no
    /// extension. Empty: no answer, or none that the RFC speaks of.
    pub answers: &'static [u16],
}

use Defect as D;
use Treatment::{Accept, Answer, Drop};

macro_rules! cases {
    ($($rfc:literal $section:literal $dir:literal $file:literal $name:literal $treatment:expr, $answers:expr;)*) => {
        &[$(Case {
            name: $name,
            section: concat!($rfc, " ", $section),
            bytes: include_bytes!(concat!("../tests/data/torture/", $dir, "/", $file, ".dat")),
            parser: $treatment,
            answers: &$answers,
        },)*]
    };
}

macro_rules! rfc4475 {
    ($($section:literal $name:literal $treatment:expr, $answers:expr;)*) => {
        cases! { $("RFC 4475" $section "rfc4475" $name $name $treatment, $answers;)* }
    };
}

/// RFC 4475.
pub const RFC4475: &[Case] = rfc4475! {
    "3.1.1.1" "wsinv" Accept, [];
    "3.1.1.2" "intmeth" Accept, [404, 405, 501];
    "3.1.1.3" "esc01" Accept, [];
    "3.1.1.4" "escnull" Accept, [];
    "3.1.1.5" "esc02" Accept, [404, 405, 501];
    "3.1.1.6" "lwsdisp" Accept, [];
    "3.1.1.7" "longreq" Accept, [];
    "3.1.1.8" "dblreq" Accept, [];
    "3.1.1.9" "semiuri" Accept, [];
    "3.1.1.10" "transports" Accept, [];
    "3.1.1.11" "mpart01" Accept, [];
    "3.1.1.12" "unreason" Accept, [];
    "3.1.1.13" "noreason" Accept, [];
    "3.1.2.1" "badinv01" Answer(D::BadVia), [400];
    "3.1.2.2" "clerr" Answer(D::BodyTooShort), [400];
    "3.1.2.3" "ncl" Answer(D::BadContentLength), [400];
    "3.1.2.4" "scalar02" Answer(D::BadCSeq), [400];
    "3.1.2.5" "scalarlg" Drop(D::BadCSeq), [];
    "3.1.2.6" "quotbal" Answer(D::BadTo), [400];
    "3.1.2.7" "ltgtruri" Answer(D::RequestUri), [400];
    "3.1.2.8" "lwsruri" Answer(D::RequestUri), [400];
    "3.1.2.9" "lwsstart" Answer(D::RequestUri), [400];
    "3.1.2.10" "trws" Answer(D::StartLine), [400];
    "3.1.2.11" "escruri" Answer(D::RequestUri), [400];
    "3.1.2.12" "baddate" Accept, [];
    "3.1.2.13" "regbadct" Answer(D::BadContact), [400];
    "3.1.2.14" "badaspec" Answer(D::BadTo), [400];
    "3.1.2.15" "baddn" Answer(D::BadFrom), [400];
    "3.1.2.15" "baddn-with-blank-line" Answer(D::BadFrom), [400];
    "3.1.2.16" "badvers" Answer(D::Version), [505];
    "3.1.2.17" "mismatch01" Answer(D::MethodMismatch), [400];
    "3.1.2.18" "mismatch02" Answer(D::MethodMismatch), [400, 501];
    "3.1.2.19" "bigcode" Drop(D::StatusCode), [];
    "3.2.1" "badbranch" Accept, [];
    "3.3.1" "insuf" Answer(D::MissingFrom), [400];
    "3.3.2" "unkscm" Accept, [416];
    "3.3.3" "novelsc" Accept, [404, 416];
    "3.3.4" "unksm2" Accept, [];
    "3.3.5" "bext01" Accept, [420];
    "3.3.6" "invut" Accept, [];
    "3.3.7" "regaut01" Accept, [401, 405];
    "3.3.8" "multi01" Answer(D::DuplicateHeader), [400];
    "3.3.9" "mcl01" Answer(D::ConflictingContentLength), [400];
    "3.3.10" "bcast" Accept, [];
    "3.3.11" "zeromf" Accept, [483];
    "3.3.12" "cparam01" Accept, [];
    "3.3.13" "cparam02" Accept, [];
    "3.3.14" "regescrt" Accept, [];
    "3.3.15" "sdp01" Accept, [];
    "3.4.1" "inv2543" Accept, [];
    "archive" "test" Drop(D::StartLine), [];
};

/// RFC 5118: the archive's files, then the same with CRLF and a Content-Length that fits.
pub const RFC5118: &[Case] = cases! {
    "RFC 5118" "4.1" "rfc5118" "ipv6-good" "ipv6-good" Accept, [];
    "RFC 5118" "4.2" "rfc5118" "ipv6-bad" "ipv6-bad" Answer(D::RequestUri), [400];
    "RFC 5118" "4.3" "rfc5118" "port-ambiguous" "port-ambiguous" Accept, [];
    "RFC 5118" "4.4" "rfc5118" "port-unambiguous" "port-unambiguous" Accept, [];
    "RFC 5118" "4.5" "rfc5118" "via-received-param-with-delim" "via-received-param-with-delim" Accept, [];
    "RFC 5118" "4.5" "rfc5118" "via-received-param-no-delim" "via-received-param-no-delim" Accept, [];
    "RFC 5118" "4.6" "rfc5118" "ipv6-in-sdp" "ipv6-in-sdp" Answer(D::BodyTooShort), [400];
    "RFC 5118" "4.7" "rfc5118" "mult-ip-in-header" "mult-ip-in-header" Accept, [];
    "RFC 5118" "4.8" "rfc5118" "mult-ip-in-sdp" "mult-ip-in-sdp" Answer(D::BodyTooShort), [400];
    "RFC 5118" "4.9" "rfc5118" "ipv4-mapped-ipv6" "ipv4-mapped-ipv6" Accept, [];
    "RFC 5118" "4.10" "rfc5118" "ipv6-bug-abnf-3-colons" "ipv6-bug-abnf-3-colons" Answer(D::NoHeaderEnd), [400];
    "RFC 5118" "4.10" "rfc5118" "ipv6-correct-abnf-2-colons" "ipv6-correct-abnf-2-colons" Answer(D::NoHeaderEnd), [400];
    "RFC 5118" "4.1" "rfc5118-crlf" "ipv6-good" "ipv6-good-crlf" Accept, [];
    "RFC 5118" "4.2" "rfc5118-crlf" "ipv6-bad" "ipv6-bad-crlf" Answer(D::RequestUri), [400];
    "RFC 5118" "4.3" "rfc5118-crlf" "port-ambiguous" "port-ambiguous-crlf" Accept, [];
    "RFC 5118" "4.4" "rfc5118-crlf" "port-unambiguous" "port-unambiguous-crlf" Accept, [];
    "RFC 5118" "4.5" "rfc5118-crlf" "via-received-param-with-delim" "via-received-param-with-delim-crlf" Accept, [];
    "RFC 5118" "4.5" "rfc5118-crlf" "via-received-param-no-delim" "via-received-param-no-delim-crlf" Accept, [];
    "RFC 5118" "4.6" "rfc5118-crlf" "ipv6-in-sdp" "ipv6-in-sdp-crlf" Accept, [];
    "RFC 5118" "4.7" "rfc5118-crlf" "mult-ip-in-header" "mult-ip-in-header-crlf" Accept, [];
    "RFC 5118" "4.8" "rfc5118-crlf" "mult-ip-in-sdp" "mult-ip-in-sdp-crlf" Accept, [];
    "RFC 5118" "4.9" "rfc5118-crlf" "ipv4-mapped-ipv6" "ipv4-mapped-ipv6-crlf" Accept, [];
    "RFC 5118" "4.10" "rfc5118-crlf" "ipv6-bug-abnf-3-colons" "ipv6-bug-abnf-3-colons-crlf" Accept, [];
    "RFC 5118" "4.10" "rfc5118-crlf" "ipv6-correct-abnf-2-colons" "ipv6-correct-abnf-2-colons-crlf" Accept, [];
};

/// Every message of both.
pub fn all() -> impl Iterator<Item = &'static Case> {
    RFC4475.iter().chain(RFC5118)
}
