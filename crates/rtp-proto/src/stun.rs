//! STUN messages (RFC 8489) as far as connectivity checks need them (RFC 8445 §7): reading, integrity, answers.
//!
//! - [`Message`]: a datagram whose lengths are all true, read in place.
//! - [`Writer`]: a message written into a buffer of the caller's, without allocation.
//!
//! Integrity is HMAC-SHA1 with a short-term credential (§9.1), which is what ICE prescribes.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{Integrity, Malformed, Message};
pub use write::Writer;

/// The value in the fifth to eighth byte of every message (RFC 8489 §5).
const COOKIE: u32 = 0x2112_a442;
/// What the CRC of FINGERPRINT is changed by (§14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Bytes before the attributes.
const HEADER: usize = 20;
/// The Binding method (§3).
pub const BINDING: u16 = 1;

/// A transaction id: the value of the answer is that of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transaction(pub [u8; 12]);

/// What a message is within its transaction (§5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// A good answer.
    Success,
    /// An error answer.
    Error,
}

impl Class {
    /// The class bits of the message type.
    fn bits(self) -> u16 {
        match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }

    fn of(kind: u16) -> Self {
        match (kind & 0x100 != 0, kind & 0x010 != 0) {
            (false, false) => Self::Request,
            (false, true) => Self::Indication,
            (true, false) => Self::Success,
            (true, true) => Self::Error,
        }
    }
}

/// Attribute types (RFC 8489 §18.3, RFC 8445 §16.1).
pub mod attribute {
    /// MAPPED-ADDRESS
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    /// USERNAME
    pub const USERNAME: u16 = 0x0006;
    /// MESSAGE-INTEGRITY
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    /// ERROR-CODE
    pub const ERROR_CODE: u16 = 0x0009;
    /// UNKNOWN-ATTRIBUTES
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    /// REALM
    pub const REALM: u16 = 0x0014;
    /// NONCE
    pub const NONCE: u16 = 0x0015;
    /// MESSAGE-INTEGRITY-SHA256
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    /// XOR-MAPPED-ADDRESS
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    /// PRIORITY
    pub const PRIORITY: u16 = 0x0024;
    /// USE-CANDIDATE
    pub const USE_CANDIDATE: u16 = 0x0025;
    /// FINGERPRINT
    pub const FINGERPRINT: u16 = 0x8028;
    /// ICE-CONTROLLED
    pub const ICE_CONTROLLED: u16 = 0x8029;
    /// ICE-CONTROLLING
    pub const ICE_CONTROLLING: u16 = 0x802a;

    /// Types below this must be understood (RFC 8489 §14).
    pub const OPTIONAL: u16 = 0x8000;
    /// Those below [`OPTIONAL`] that are understood here, or say nothing in a check.
    pub const KNOWN: [u16; 11] = [
        MAPPED_ADDRESS,
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        REALM,
        NONCE,
        MESSAGE_INTEGRITY_SHA256,
        XOR_MAPPED_ADDRESS,
        PRIORITY,
        USE_CANDIDATE,
    ];
}

/// HMAC-SHA1 of a message up to its integrity attribute, as if it ended with that attribute (§14.5).
fn mac(key: &[u8], before: &[u8]) -> Option<hmac::Hmac<sha1::Sha1>> {
    use hmac::{KeyInit, Mac};
    let length = u16::try_from(before.len().checked_sub(HEADER)? + 24).ok()?;
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(key).ok()?;
    mac.update(before.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(before.get(4..)?);
    Some(mac)
}
