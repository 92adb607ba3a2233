//! Numbers: as they are compared, as they are dialled, and whose they are.
//!
//! | file | what it is |
//! |---|---|
//! | `number/library.rs` | the one place that knows libphonenumber |
//! | `number/plan.rs` | a customer's dial plan: from what is dialled to E.164 |
//! | `number/prefixes.rs` | what is dialled in front of numbers in each country |
//! | `number/country.rs` | the country of a number, without the library: it is asked for on every call |
//! | `number/emergency.rs` | the emergency numbers of each country |

mod country;
mod emergency;
mod library;
mod plan;
mod prefixes;

pub use country::{Country, calling_code, country};
pub(crate) use emergency::behind_code;
pub use emergency::{emergency, emergency_numbers, is_sos};
pub(crate) use plan::Step;
pub use plan::{DialPlan, Misdialled, Why};

/// A number as it is compared: without a leading `+`.
pub(crate) fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
