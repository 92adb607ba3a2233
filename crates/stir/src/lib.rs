//! STIR/SHAKEN: who vouches for a caller's number, and whether that is to be believed.
//!
//! Pure: tokens, certificates and texts in, tokens and verdicts out. The time is an argument (seconds since 1970), and who wants a
//! certificate fetches it. Everything that comes from the network is bounded.
//!
//! | file | what it is |
//! |---|---|
//! | `number.rs` | telephone numbers and URIs in their canonical form (RFC 8224 §8) |
//! | `passport.rs`, `json.rs` | PASSporT tokens: written, read, signed, checked (RFC 8225, RFC 8588, RFC 8946) |
//! | `identity.rs` | the Identity header (RFC 8224 §4) |
//! | `cert.rs`, `tn_auth.rs`, `der.rs` | certificates and the numbers that they are for (RFC 8226) |
//! | `trust.rs` | chains up to a trust anchor |
//! | `sign.rs` | the authentication service |
//! | `verify.rs` | the verification service: from a request's Identity headers to a verdict |
//! | `verdict.rs` | what may come of it: statuses, `verstat` |
//! | `url.rs` | where certificates may be fetched from |

mod cert;
mod date;
mod der;
mod identity;
mod json;
mod number;
mod passport;
mod pem;
mod sign;
mod tn_auth;
mod trust;
mod url;
mod verdict;
mod verify;

pub use cert::{CertError, Certificate, Chain, MAX_CHAIN_BYTES};
pub use date::{http_date, parse_http_date};
pub use identity::{Identity, MAX_IDENTITY};
pub use number::{Numbering, Party};
pub use passport::{Attest, Claims, Header, Passport, PassportError, Ppt};
pub use sign::{KeyError, Signer, origination_id};
pub use tn_auth::{TnAuthList, TnEntry};
pub use trust::{Anchors, certificates_in};
pub use url::{CertificateUrl, UrlError};
pub use verdict::{Credential, Failure, Verdict, Verified, Verstat};
pub use verify::{Dossier, Facts, MAX_IDENTITIES};
