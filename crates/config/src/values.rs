//! Small values of the configuration.
use std::net::IpAddr;

/// An address range: `203.0.113.0/24`, `2001:db8::/32`; a bare address is the range of itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cidr {
    /// The network address, host bits zero.
    pub addr: IpAddr,
    /// Length of the network part in bits: 0..=32 or 0..=128.
    pub prefix: u8,
}

impl Cidr {
    /// Whether `ip` lies in the range. An IPv4-mapped IPv6 address counts as the IPv4 address in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.addr, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                shift == 32 || net.to_bits() >> shift == ip.to_bits() >> shift
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                shift == 128 || net.to_bits() >> shift == ip.to_bits() >> shift
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Where requests of a trunk come from: a range of addresses, and a port if one was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The addresses.
    pub net: Cidr,
    /// The source port, when written (`127.0.0.1:5080`); otherwise any port.
    pub port: Option<u16>,
}

/// The host of a target.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// An address, used as it is.
    Ip(IpAddr),
    /// A name in lower case.
    Name(String),
}

/// A pattern over dialled digits: `+4420718387*`, `112`, `*`. A leading `+` is not compared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// The digits without `+` and `*`.
    pub digits: String,
    /// Whether more digits may follow (a `*` was written).
    pub prefix: bool,
}

impl Pattern {
    /// Whether `number` (with or without a leading `+`) fits.
    pub fn matches(&self, number: &str) -> bool {
        let number = number.strip_prefix('+').unwrap_or(number);
        if self.prefix {
            number.starts_with(&self.digits)
        } else {
            number == self.digits
        }
    }
}

/// A text that nothing ever shows: not `Debug`, not `Display`, not serde.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that computes with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("********")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("********")
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("********")
    }
}
