//! Via (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::uri::{address, host_port};
use super::{Params, ViewError};
use crate::chars::{is_token, is_token_char, number, trim, trim_start};

/// One Via value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Reads one value. Any protocol version is taken, so that a request of another version can be answered (505).
    pub fn parse(value: &'a [u8]) -> Result<Self, ViewError> {
        let (mut via, rest) = Self::sent_by(trim(value))?;
        via.params = Params::parse(rest)?;
        Ok(via)
    }

    /// What of a refused value can still be read: host and port without the defective parameters.
    pub(crate) fn salvage(value: &'a [u8]) -> Self {
        let (mut via, rest) = Self::sent_by(trim(value)).unwrap_or_default();
        via.params = Params::unchecked(rest);
        via
    }

    /// Protocol, transport and sent-by; the rest begins with the parameters.
    fn sent_by(value: &'a [u8]) -> Result<(Self, &'a [u8]), ViewError> {
        let (transport, rest) = match value.strip_prefix(b"SIP/2.0/") {
            Some(rest) => token(rest),
            None => Self::protocol(value)?,
        };
        if transport.is_empty() {
            return Err(ViewError::Protocol);
        }
        let sent_by = trim_start(rest);
        if sent_by.len() == rest.len() {
            return Err(ViewError::Protocol);
        }
        let (host, port, rest) = host_port(sent_by)?;
        Ok((
            Self {
                transport,
                host,
                port,
                params: Params::default(),
            },
            rest,
        ))
    }

    /// name / version / transport with blanks around the slashes.
    fn protocol(value: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), ViewError> {
        let (name, rest) = token(value);
        let rest = trim_start(rest).strip_prefix(b"/").ok_or(ViewError::Protocol)?;
        let (version, rest) = token(trim_start(rest));
        let rest = trim_start(rest).strip_prefix(b"/").ok_or(ViewError::Protocol)?;
        if !name.eq_ignore_ascii_case(b"SIP") || !is_token(version) {
            return Err(ViewError::Protocol);
        }
        Ok(token(trim_start(rest)))
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
        self.received().and_then(address)
    }

    /// The sent-by host as an address.
    pub fn ip(&self) -> Option<IpAddr> {
        address(self.host)
    }

    /// rport: `None` not there, `Some(None)` asked for, `Some(Some(port))` filled in (RFC 3581). A value that is no port counts as asked for.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params
            .get("rport")
            .map(|v| v.and_then(number).and_then(|n| u16::try_from(n).ok()))
    }
}

fn token(s: &[u8]) -> (&[u8], &[u8]) {
    let end = s.iter().position(|&b| !is_token_char(b)).unwrap_or(s.len());
    s.split_at_checked(end).unwrap_or((s, &[]))
}
