//! Numbers as they are compared.

/// A number as it is compared: without a leading `+`.
pub(crate) fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
