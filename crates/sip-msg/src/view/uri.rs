//! URIs (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::net::IpAddr;

use super::{Params, ViewError};

/// A URI by scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri<'a> {
    /// sip: and sips:
    Sip(SipUri<'a>),
    /// tel:
    Tel(TelUri<'a>),
    /// Anything else.
    Other {
        /// Before the colon.
        scheme: &'a [u8],
        /// Behind it.
        rest: &'a [u8],
    },
}

impl<'a> Uri<'a> {
    /// Reads a URI that fills `bytes`.
    pub fn parse(_bytes: &'a [u8]) -> Result<Self, ViewError> {
        todo!()
    }
    /// It as a sip or sips URI.
    pub fn sip(self) -> Option<SipUri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other { .. } => None,
        }
    }
}

/// sip: or sips:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// sips:
    pub secure: bool,
    /// As sent, with its `;parameters` and escapes.
    pub user: Option<&'a [u8]>,
    /// As sent.
    pub password: Option<&'a [u8]>,
    /// Name or address; IPv6 with brackets.
    pub host: &'a [u8],
    /// The port, when given.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params<'a>,
    /// What stands behind `?`.
    pub headers: Option<&'a [u8]>,
}

impl<'a> SipUri<'a> {
    /// Reads a sip or sips URI.
    pub fn parse(_bytes: &'a [u8]) -> Result<Self, ViewError> {
        todo!()
    }
    /// The user with its escapes resolved once.
    pub fn user_unescaped(&self) -> Cow<'a, [u8]> {
        todo!()
    }
    /// The host as an address.
    pub fn ip(&self) -> Option<IpAddr> {
        todo!()
    }
    /// The transport parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.params.get("transport").flatten()
    }
    /// Equality of RFC 3261 §19.1.4.
    pub fn equivalent(&self, _other: &SipUri<'_>) -> bool {
        todo!()
    }
}

/// tel: (RFC 3966)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as sent, with its visual separators.
    pub number: &'a [u8],
    /// Its parameters.
    pub params: Params<'a>,
}

impl<'a> TelUri<'a> {
    /// Reads a tel URI.
    pub fn parse(_bytes: &'a [u8]) -> Result<Self, ViewError> {
        todo!()
    }
    /// Whether the number is global (`+`).
    pub fn is_global(&self) -> bool {
        self.number.first() == Some(&b'+')
    }
    /// The number without visual separators.
    pub fn digits(&self) -> Cow<'a, [u8]> {
        todo!()
    }
}
