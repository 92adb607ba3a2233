//! Key derivation (RFC 3711 §4.3; RFC 6188 §3; RFC 7714 §11) at rate 0, and the counter mode that it shares with the ciphers.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ctr::{Ctr128BE, CtrCore, flavors};

/// What a session key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpKey,
    RtpAuth,
    RtpSalt,
    RtcpKey,
    RtcpAuth,
    RtcpSalt,
}

impl Label {
    fn value(self) -> u128 {
        match self {
            Self::RtpKey => 0,
            Self::RtpAuth => 1,
            Self::RtpSalt => 2,
            Self::RtcpKey => 3,
            Self::RtcpAuth => 4,
            Self::RtcpSalt => 5,
        }
    }
}

type Core<A> = CtrCore<A, flavors::Ctr128BE>;

/// AES in counter mode under a key of 16, 24 or 32 bytes.
pub(super) enum Aes {
    A128(Aes128Enc),
    A192(Aes192Enc),
    A256(Aes256Enc),
}

impl Aes {
    /// `None` for any other length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128Enc::new_from_slice(key).ok().map(Self::A128),
            24 => Aes192Enc::new_from_slice(key).ok().map(Self::A192),
            32 => Aes256Enc::new_from_slice(key).ok().map(Self::A256),
            _ => None,
        }
    }

    /// Adds the key stream that starts at this counter block. SRTP's counter has 16 bits, which no datagram exceeds.
    pub(super) fn apply(&self, counter: u128, data: &mut [u8]) {
        let iv = counter.to_be_bytes().into();
        match self {
            Self::A128(aes) => Ctr128BE::from_core(Core::inner_iv_init(aes, &iv)).apply_keystream(data),
            Self::A192(aes) => Ctr128BE::from_core(Core::inner_iv_init(aes, &iv)).apply_keystream(data),
            Self::A256(aes) => Ctr128BE::from_core(Core::inner_iv_init(aes, &iv)).apply_keystream(data),
        }
    }
}

/// A salt as a number whose lowest 16 bits are free, as counters want it. A salt of 96 bits counts as one of 112 with zeros
/// at its end (RFC 7714 §11).
pub(super) fn salt_block(salt: &[u8]) -> u128 {
    let mut block = [0; 16];
    block
        .iter_mut()
        .take(14)
        .zip(salt)
        .for_each(|(to, from)| *to = *from);
    u128::from_be_bytes(block)
}

/// Fills `out` with the session key of this label: at rate 0 the index is 0, so that x is the label above 48 zeros, XOR salt.
pub(super) fn derive(master: &Aes, salt: &[u8], label: Label, out: &mut [u8]) {
    out.fill(0);
    master.apply(salt_block(salt) ^ (label.value() << (48 + 16)), out);
}
