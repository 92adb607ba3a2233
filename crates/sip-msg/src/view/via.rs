//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::{Params, ViewError};

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// UDP, TCP, TLS, WS, WSS or another token, as sent.
    pub transport: &'a [u8],
    /// Sent-by host; IPv6 with brackets.
    pub host: &'a [u8],
    /// Sent-by port.
    pub port: Option<u16>,
    /// Its parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value.
    pub fn parse(_value: &'a [u8]) -> Result<Self, ViewError> {
        todo!()
    }
    /// The branch.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.get("branch").flatten()
    }
    /// The received parameter as sent.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.get("received").flatten()
    }
    /// The received parameter as an address, with or without brackets (RFC 5118 §4.5).
    pub fn received_ip(&self) -> Option<IpAddr> {
        todo!()
    }
    /// rport: `None` not there, `Some(None)` asked for, `Some(Some(port))` filled in (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        todo!()
    }
}
