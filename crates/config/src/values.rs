//! Small values of the configuration: address ranges, sources, hosts, number patterns, countries, secrets.

mod dialing;

pub use dialing::{DialPattern, Region};

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// An address range: `203.0.113.0/24`, `2001:db8::/32`. A single address is a range too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cidr {
    /// The network's address; the bits behind the prefix are zero.
    pub addr: IpAddr,
    /// Length of the prefix in bits: 0..=32 for IPv4, 0..=128 for IPv6.
    pub prefix: u8,
}

impl Cidr {
    /// The range of `prefix` bits that `addr` lies in.
    pub fn new(addr: IpAddr, prefix: u8) -> Self {
        match addr {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self {
                    addr: IpAddr::V4((v4.to_bits() & mask).into()),
                    prefix,
                }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self {
                    addr: IpAddr::V6((v6.to_bits() & mask).into()),
                    prefix,
                }
            }
        }
    }

    /// The range of one address.
    pub fn host(addr: IpAddr) -> Self {
        Self::new(addr, u8::MAX)
    }

    /// Whether it is the range of one address.
    pub fn is_host(&self) -> bool {
        self.prefix == if self.addr.is_ipv4() { 32 } else { 128 }
    }
}

impl fmt::Display for Cidr {
    /// `203.0.113.0/24`; a single address without its prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            write!(f, "{}", self.addr)
        } else {
            write!(f, "{}/{}", self.addr, self.prefix)
        }
    }
}

/// Where requests of a trunk come from: an address range, and a port where one was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The addresses.
    pub net: Cidr,
    /// The source port, when written (`127.0.0.1:5080`); otherwise any port fits.
    pub port: Option<u16>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", SocketAddr::new(self.net.addr, port)),
            None => write!(f, "{}", self.net),
        }
    }
}

/// The host of a target.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// An address, used as it is.
    Ip(IpAddr),
    /// A name, in lower case and without a dot at its end, to be resolved (RFC 3263).
    Name(String),
}

impl fmt::Display for Host {
    /// As in a URI: an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A pattern over dialled digits: `+4420718387*`, `112`, `*`. A leading `+` says how the pattern is written and is
/// not compared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// The digits, without `+` and `*`; empty: every number.
    pub digits: String,
    /// Whether more digits may follow (a `*` was written).
    pub prefix: bool,
}

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let (rest, prefix) = text.strip_suffix('*').map_or((text, false), |rest| (rest, true));
        let digits = rest.strip_prefix('+').unwrap_or(rest);
        let plain = digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || (digits.is_empty() && text != "*") {
            return Err(NotAPattern);
        }
        Ok(Self {
            text: text.to_owned(),
            digits: digits.to_owned(),
            prefix,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a customer may not call.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Destination {
    /// Ranges of premium rate, of satellites and others that calls are stolen to.
    HighRisk,
    /// Numbers of this pattern.
    Pattern(Pattern),
}

/// A text isn't a [`Pattern`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAPattern;

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number pattern")
    }
}

impl std::error::Error for NotAPattern {}

/// A regular expression, and how it was written.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As it was written.
    pub text: String,
    /// As it is used: over octets, since a header need not be UTF-8.
    pub regex: regex::bytes::Regex,
}

/// Octets that a compiled expression may take.
const EXPRESSION_SIZE: usize = 256 * 1024;

impl Expression {
    pub(crate) fn new(text: &str) -> Result<Self, regex::Error> {
        let regex = regex::bytes::RegexBuilder::new(text)
            .size_limit(EXPRESSION_SIZE)
            .build()?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Text with variables, for a header's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// As it was written.
    pub text: String,
    /// What it consists of.
    pub parts: Vec<Part>,
}

/// A part of a [`Template`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// This text; in a rule that rewrites, `$1` and `${name}` in it stand for what was found.
    Text(String),
    /// What a variable says.
    Variable(Variable),
}

/// What a rule can know of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variable {
    /// The number that calls.
    Caller,
    /// The number that is called.
    Called,
    /// The id of the call's record.
    CallId,
    /// The trunk that the message goes to, or comes from.
    Trunk,
}

/// A text that is never shown: `Debug`, `Display` and serde write a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands for a secret wherever it would be shown; its length says nothing of the secret's.
const MASK: &str = "********";

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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_loses_the_bits_behind_its_prefix() {
        for (addr, prefix, shown) in [
            ("127.0.0.21", 31, "127.0.0.20/31"),
            ("203.0.113.9", 0, "0.0.0.0/0"),
            ("203.0.113.9", 32, "203.0.113.9"),
            ("203.0.113.9", 200, "203.0.113.9"),
            ("2001:db8:1::5", 32, "2001:db8::/32"),
            ("2001:db8::5", 0, "::/0"),
            ("2001:db8::5", 128, "2001:db8::5"),
        ] {
            assert_eq!(Cidr::new(addr.parse().unwrap(), prefix).to_string(), shown);
        }
    }

    #[test]
    fn a_pattern_is_digits_and_maybe_a_star() {
        for (text, digits, prefix) in [
            ("+4420718387*", "4420718387", true),
            ("112", "112", false),
            ("+1", "1", false),
            ("*", "", true),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(
                (
                    pattern.digits.as_str(),
                    pattern.prefix,
                    pattern.to_string().as_str()
                ),
                (digits, prefix, text)
            );
        }
        for text in ["", "+", "+*", "12a", "1*2", "**", "1 2", "--1"] {
            assert_eq!(text.parse::<Pattern>(), Err(NotAPattern), "{text}");
        }
    }
}
