//! What may come of a verification, and what is told of it: a status and phrase to refuse with (RFC 8224 §6.2.2), or `verstat`.

use std::fmt;

use crate::cert::{CertError, Chain};
use crate::number::Party;
use crate::passport::Attest;

/// What is known of the certificate behind a URL.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// A chain to a trust anchor, good between these moments.
    Good(&'a Chain, (u64, u64)),
    /// A chain that is not to be used.
    Unusable(CertError),
    /// Nothing: it could not be fetched, or not in time.
    Unavailable,
}

/// Why a request's Identity headers are none that can be relied on, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// There is none of a type that is known.
    Absent,
    /// The certificates can't be had.
    BadInfo,
    /// The certificates are not to be used.
    Unsupported,
    /// Signed too long ago, or in the future.
    Stale,
    /// The signature, or what is signed, is wrong.
    Invalid,
}

impl Failure {
    /// The status to refuse with (RFC 8224 §6.2.2).
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Absent => 428,
            Self::BadInfo => 436,
            Self::Unsupported => 437,
            Self::Stale => 403,
            Self::Invalid => 438,
        }
    }

    /// The phrase beside the status.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Absent => "Use Identity Header",
            Self::BadInfo => "Bad Identity Info",
            Self::Unsupported => "Unsupported Credential",
            Self::Stale => "Stale Date",
            Self::Invalid => "Invalid Identity Header",
        }
    }
}

/// What a terminating network tells of a caller's number (3GPP TS 24.229 §7.2A.20, with the letters of ATIS-1000074).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verstat {
    /// Signed, and the signature holds.
    Passed(Option<Attest>),
    /// Signed, and the signature does not hold.
    Failed,
    /// Not signed, or nobody could tell.
    None,
}

impl Verstat {
    /// The value of the parameter. `lettered`: with the attestation behind it.
    #[must_use]
    pub fn value(self, lettered: bool) -> &'static str {
        match self {
            Self::Passed(Some(Attest::A)) if lettered => "TN-Validation-Passed-A",
            Self::Passed(Some(Attest::B)) if lettered => "TN-Validation-Passed-B",
            Self::Passed(Some(Attest::C)) if lettered => "TN-Validation-Passed-C",
            Self::Passed(_) => "TN-Validation-Passed",
            Self::Failed => "TN-Validation-Failed",
            Self::None => "No-TN-Validation",
        }
    }
}

impl fmt::Display for Verstat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value(true))
    }
}

/// A caller that somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How sure the signer is; `None` for a token without attestation.
    pub attest: Option<Attest>,
    /// Where in the signer's network the call came in.
    pub origid: Option<String>,
    /// Who is vouched for.
    pub orig: Party,
    /// Whether the call was retargeted on its way, each time signed.
    pub diverted: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// At least one signature holds.
    Passed(Verified),
    /// None does; why, of the one that came farthest.
    Failed(Failure, String),
}

impl Verdict {
    /// What is told of the caller's number. Without a certificate nobody can tell.
    #[must_use]
    pub fn verstat(&self) -> Verstat {
        match self {
            Self::Passed(verified) => Verstat::Passed(verified.attest),
            Self::Failed(Failure::Absent | Failure::BadInfo, _) => Verstat::None,
            Self::Failed(Failure::Unsupported | Failure::Stale | Failure::Invalid, _) => Verstat::Failed,
        }
    }
}
