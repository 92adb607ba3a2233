//! Messages as they arrive.

use super::{COOKIE, Class, FINGERPRINT_XOR, HEADER, Transaction, attribute, mac};
use hmac::Mac;
use std::net::{IpAddr, SocketAddr};

/// Why a datagram is no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The header is short, has bits set that must not be, or lacks the magic cookie.
    #[error("no STUN header")]
    Header,
    /// The length is not that of the datagram, or not one of whole words.
    #[error("STUN length does not fit the datagram")]
    Length,
    /// An attribute is longer than what is left.
    #[error("STUN attribute is longer than its message")]
    Attribute,
    /// FINGERPRINT is not the message's.
    #[error("STUN fingerprint does not fit the message")]
    Fingerprint,
}

/// What MESSAGE-INTEGRITY says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// It is not there.
    Absent,
    /// It is there, and made with another key or for another message.
    Wrong,
    /// The message was written by somebody who has the key.
    Right,
}

/// A datagram that is a STUN message: all lengths fit, and FINGERPRINT, if there, is right.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Where MESSAGE-INTEGRITY begins; what follows it is not covered, and not believed (RFC 8489 §14.5).
    integrity: Option<usize>,
}

/// An attribute, and where its header begins in the message.
struct Attribute<'a> {
    at: usize,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(Malformed::Header)?;
        let [first, _, high, low, a, b, c, d, ..] = header;
        if first & 0xc0 != 0 || u32::from_be_bytes([*a, *b, *c, *d]) != COOKIE {
            return Err(Malformed::Header);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if !length.is_multiple_of(4) || length + HEADER != bytes.len() {
            return Err(Malformed::Length);
        }
        let mut message = Self {
            bytes,
            integrity: None,
        };
        let mut end = HEADER;
        let mut fingerprint = None;
        for attribute in message.walk() {
            end = attribute.at + 4 + attribute.value.len().next_multiple_of(4);
            if attribute.kind == attribute::MESSAGE_INTEGRITY && message.integrity.is_none() {
                message.integrity = Some(attribute.at);
            }
            fingerprint =
                (attribute.kind == attribute::FINGERPRINT).then_some((attribute.at, attribute.value));
        }
        if end != bytes.len() {
            return Err(Malformed::Attribute);
        }
        match fingerprint {
            Some((at, value)) if !message.bears(at, value) => Err(Malformed::Fingerprint),
            Some(_) | None => Ok(message),
        }
    }

    /// Request, indication or answer.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::of(self.kind())
    }

    /// The method, with the class bits taken out (RFC 8489 §5).
    #[must_use]
    pub fn method(&self) -> u16 {
        let kind = self.kind();
        (kind & 0x000f) | ((kind & 0x00e0) >> 1) | ((kind & 0x3e00) >> 2)
    }

    /// The transaction id.
    #[must_use]
    pub fn transaction(&self) -> Transaction {
        let id = self.bytes.get(8..).and_then(|rest| rest.first_chunk());
        Transaction(id.copied().unwrap_or_default())
    }

    /// The value of the first attribute of this type that integrity covers (all, where there is none).
    #[must_use]
    pub fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.covered().find(|a| a.kind == kind).map(|a| a.value)
    }

    /// A value of four bytes, as PRIORITY has.
    #[must_use]
    pub fn word(&self, kind: u16) -> Option<u32> {
        let value: [u8; 4] = self.get(kind)?.try_into().ok()?;
        Some(u32::from_be_bytes(value))
    }

    /// The code of an error answer (RFC 8489 §14.8).
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        let [_, _, class, number, ..] = self.get(attribute::ERROR_CODE)? else {
            return None;
        };
        Some(u16::from(class & 7) * 100 + u16::from(*number))
    }

    /// The address in XOR-MAPPED-ADDRESS (§14.2).
    #[must_use]
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        let [_, family, high, low, address @ ..] = self.get(attribute::XOR_MAPPED_ADDRESS)? else {
            return None;
        };
        let [a, b, ..] = COOKIE.to_be_bytes();
        let port = u16::from_be_bytes([high ^ a, low ^ b]);
        let mask = self.bytes.get(4..HEADER)?;
        let plain = |byte: (&u8, &u8)| byte.0 ^ byte.1;
        let ip = match family {
            1 => {
                let mut ip: [u8; 4] = address.try_into().ok()?;
                let clear = address.iter().zip(mask).map(plain);
                ip.iter_mut().zip(clear).for_each(|(slot, byte)| *slot = byte);
                IpAddr::from(ip)
            }
            2 => {
                let mut ip: [u8; 16] = address.try_into().ok()?;
                let clear = address.iter().zip(mask).map(plain);
                ip.iter_mut().zip(clear).for_each(|(slot, byte)| *slot = byte);
                IpAddr::from(ip)
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Attributes that must be understood and are not (§6.3.1).
    pub fn not_understood(&self) -> impl Iterator<Item = u16> + 'a {
        let kinds = self.covered().map(|a| a.kind);
        kinds.filter(|kind| *kind < attribute::OPTIONAL && !attribute::KNOWN.contains(kind))
    }

    /// Whether somebody who has `key` wrote this. Compared in constant time.
    #[must_use]
    pub fn integrity(&self, key: &[u8]) -> Integrity {
        let Some(at) = self.integrity else {
            return Integrity::Absent;
        };
        let value = self.walk().find(|a| a.at == at).map(|a| a.value);
        let mac = self.bytes.get(..at).and_then(|before| mac(key, before));
        let right = mac
            .zip(value)
            .is_some_and(|(mac, value)| mac.verify_slice(value).is_ok());
        if right { Integrity::Right } else { Integrity::Wrong }
    }

    fn kind(&self) -> u16 {
        self.bytes
            .first_chunk()
            .map_or(0, |kind| u16::from_be_bytes(*kind))
    }

    /// Whether the FINGERPRINT at `at` is this message's, and its last attribute (§14.7).
    fn bears(&self, at: usize, value: &[u8]) -> bool {
        let before = self.bytes.get(..at).unwrap_or_default();
        let expected = (crc32fast::hash(before) ^ FINGERPRINT_XOR).to_be_bytes();
        value == expected && at + 8 == self.bytes.len()
    }

    fn covered(&self) -> impl Iterator<Item = Attribute<'a>> + 'a {
        let end = self.integrity.unwrap_or(self.bytes.len());
        self.walk().take_while(move |a| a.at <= end)
    }

    /// All attributes; ends early where one does not fit.
    fn walk(&self) -> impl Iterator<Item = Attribute<'a>> + 'a {
        let bytes = self.bytes;
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let [k, l, high, low, rest @ ..] = bytes.get(at..)? else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let attribute = Attribute {
                at,
                kind: u16::from_be_bytes([*k, *l]),
                value: rest.get(..length.next_multiple_of(4))?.get(..length)?,
            };
            at += 4 + length.next_multiple_of(4);
            Some(attribute)
        })
    }
}
