//! name-addr and addr-spec with header parameters (RFC 3261 §20.10).

use super::{Params, ViewError};

/// From, To, Contact, Route, Refer-To …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name without its outer quotes; backslashes are still inside.
    pub display: Option<&'a [u8]>,
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// The header's parameters.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    pub fn parse(_value: &'a [u8]) -> Result<Self, ViewError> {
        todo!()
    }
    /// The tag parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").flatten()
    }
}
