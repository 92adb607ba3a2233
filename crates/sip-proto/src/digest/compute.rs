//! The arithmetic of RFC 7616 §3.4, which is RFC 2617's with more hashes.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::challenge::Qop;

/// Which hash, and whether the session has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Algorithm {
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [
            ("MD5", Self::Md5),
            ("MD5-sess", Self::Md5Sess),
            ("SHA-256", Self::Sha256),
            ("SHA-256-sess", Self::Sha256Sess),
        ]
        .into_iter()
        .find_map(|(known, algorithm)| name.eq_ignore_ascii_case(known.as_bytes()).then_some(algorithm))
    }

    /// Strongest is greatest. A session key makes no difference to who may listen.
    pub(super) const fn strength(self) -> u8 {
        match self {
            Self::Md5 | Self::Md5Sess => 0,
            Self::Sha256 | Self::Sha256Sess => 1,
        }
    }

    pub(super) const fn session(self) -> bool {
        match self {
            Self::Md5 | Self::Sha256 => false,
            Self::Md5Sess | Self::Sha256Sess => true,
        }
    }

    /// The hash in hexadecimal digits of `parts` joined by colons.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => joined::<Sha256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut digest = D::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    let nibbles = digest
        .finalize()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .collect::<Vec<u8>>();
    nibbles
        .iter()
        .filter_map(|&nibble| HEX.get(usize::from(nibble)))
        .map(|&c| char::from(c))
        .collect()
}

/// What a response is made of.
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) qop: Qop,
    pub(super) username: &'a [u8],
    pub(super) password: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    /// Eight hexadecimal digits.
    pub(super) count: &'a [u8],
    pub(super) cnonce: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) body: &'a [u8],
}

/// The response parameter: hexadecimal digits.
pub(super) fn response(input: &Input<'_>) -> String {
    let hash = |parts: &[&[u8]]| input.algorithm.hash(parts);
    let secret = hash(&[input.username, input.realm, input.password]);
    let a1 = if input.algorithm.session() {
        hash(&[secret.as_bytes(), input.nonce, input.cnonce])
    } else {
        secret
    };
    let a2 = match input.qop {
        Qop::None | Qop::Auth => hash(&[input.method, input.uri]),
        Qop::AuthInt => hash(&[input.method, input.uri, hash(&[input.body]).as_bytes()]),
    };
    match input.qop {
        Qop::None => hash(&[a1.as_bytes(), input.nonce, a2.as_bytes()]),
        Qop::Auth | Qop::AuthInt => hash(&[
            a1.as_bytes(),
            input.nonce,
            input.count,
            input.cnonce,
            input.qop.as_str().as_bytes(),
            a2.as_bytes(),
        ]),
    }
}
