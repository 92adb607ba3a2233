//! Networks in CIDR notation (RFC 4632), for media access lists.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and the length of its prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// Why a network was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not an address, or not `address/prefix`.
    #[error("expected an IP address or a network such as 192.0.2.0/24")]
    Syntax,
    /// More bits than the address has.
    #[error("a prefix of {0} bits is longer than the address")]
    Prefix(u8),
}

impl Cidr {
    /// A network; host bits of `address` are ignored. Errors when `prefix` exceeds 32 (IPv4) or 128 (IPv6).
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, CidrError> {
        if prefix > width(address) {
            Err(CidrError::Prefix(prefix))
        } else {
            Ok(Self { address, prefix })
        }
    }

    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self {
            address,
            prefix: width(address),
        }
    }

    /// Whether `ip` lies in the network. An IPv4 network contains no IPv6 address, and the other way round.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let differ = u32::from(net) ^ u32::from(ip);
                differ.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let differ = u128::from(net) ^ u128::from(ip);
                differ.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| CidrError::Syntax);
        };
        let address = address.parse().map_err(|_| CidrError::Syntax)?;
        Self::new(address, prefix.parse().map_err(|_| CidrError::Syntax)?)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_follows_the_prefix() {
        for (net, ip, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
            ("::/0", "127.0.0.1", false),
            ("0.0.0.0/0", "::1", false),
        ] {
            let net: Cidr = net.parse().unwrap();
            assert_eq!(net.contains(ip.parse().unwrap()), inside, "{net} {ip}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert_eq!("192.0.2.0/33".parse::<Cidr>(), Err(CidrError::Prefix(33)));
        assert_eq!("::/129".parse::<Cidr>(), Err(CidrError::Prefix(129)));
        for text in ["", "/", "192.0.2/24", "192.0.2.0/", "192.0.2.0/x", "host/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Syntax), "{text}");
        }
    }
}
