//! The arithmetic of RFC 7616 §3.4, which is RFC 2617's with more hashes.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use super::challenge::Qop;

/// Which hash, and whether the session has a key of its own (RFC 7616 §3.3, RFC 8760 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What everybody has.
    Md5,
    /// The same with a key per session.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// The same with a key per session.
    Sha256Sess,
    /// SHA-512 cut to 256 bits.
    Sha512Cut,
    /// The same with a key per session.
    Sha512CutSess,
}

impl Algorithm {
    /// The algorithm of this name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [
            Self::Md5,
            Self::Md5Sess,
            Self::Sha256,
            Self::Sha256Sess,
            Self::Sha512Cut,
            Self::Sha512CutSess,
        ]
        .into_iter()
        .find(|algorithm| name.eq_ignore_ascii_case(algorithm.name().as_bytes()))
    }

    /// Its name in challenges.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512Cut => "SHA-512-256",
            Self::Sha512CutSess => "SHA-512-256-sess",
        }
    }

    /// Strongest is greatest. A session key makes no difference to who may listen.
    pub const fn strength(self) -> u8 {
        match self {
            Self::Md5 | Self::Md5Sess => 0,
            Self::Sha256 | Self::Sha256Sess => 1,
            Self::Sha512Cut | Self::Sha512CutSess => 2,
        }
    }

    pub(super) const fn session(self) -> bool {
        match self {
            Self::Md5 | Self::Sha256 | Self::Sha512Cut => false,
            Self::Md5Sess | Self::Sha256Sess | Self::Sha512CutSess => true,
        }
    }

    /// The hash in hexadecimal digits of `parts` joined by colons.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => joined::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => joined::<Sha256>(parts),
            Self::Sha512Cut | Self::Sha512CutSess => joined::<Sha512_256>(parts),
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
    /// The cnonce that the key of a session is made with (`-sess`): that of the first answer to the nonce (RFC 7616 §3.4.2).
    pub(super) session: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) body: &'a [u8],
}

/// The response parameter: hexadecimal digits.
pub(super) fn response(input: &Input<'_>) -> String {
    let hash = |parts: &[&[u8]]| input.algorithm.hash(parts);
    let secret = hash(&[input.username, input.realm, input.password]);
    let a1 = if input.algorithm.session() {
        hash(&[secret.as_bytes(), input.nonce, input.session])
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
