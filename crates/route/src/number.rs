//! Numbers as they are compared, and as trunks want them written.

use config::NumberFormat;

/// A number as it is compared: without a leading `+`.
pub(crate) fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

/// The number to dial in a trunk's format.
pub(crate) fn called(format: &NumberFormat, number: &str) -> Box<str> {
    format.apply(number).into_boxed_str()
}

/// The number that calls in a trunk's format: with its `+` or without. What a trunk wants put in front of
/// the number to dial, or taken off it, is no part of the caller's.
pub(crate) fn caller(format: &NumberFormat, number: &str) -> Box<str> {
    NumberFormat {
        style: format.style,
        strip: 0,
        prepend: String::new(),
    }
    .apply(number)
    .into_boxed_str()
}
