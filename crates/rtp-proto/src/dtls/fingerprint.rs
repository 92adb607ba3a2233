//! Hashes of certificates (RFC 8122 §5).

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::fmt;

/// Hash functions that a certificate may be named by, weakest first. MD5 and MD2 name nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// `sha-1`
    Sha1,
    /// `sha-224`
    Sha224,
    /// `sha-256`
    Sha256,
    /// `sha-384`
    Sha384,
    /// `sha-512`
    Sha512,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// As SDP names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of its value in bytes.
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn of(self, der: &[u8]) -> Box<[u8]> {
        match self {
            Self::Sha1 => Sha1::digest(der).as_slice().into(),
            Self::Sha224 => Sha224::digest(der).as_slice().into(),
            Self::Sha256 => Sha256::digest(der).as_slice().into(),
            Self::Sha384 => Sha384::digest(der).as_slice().into(),
            Self::Sha512 => Sha512::digest(der).as_slice().into(),
        }
    }
}

/// The name of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    value: Box<[u8]>,
}

impl Fingerprint {
    /// From what an `a=fingerprint` says: the hash's name in any case, and its value. `None`: a hash that is not known or not to
    /// be trusted, or a value that is not as long as the hash's are.
    #[must_use]
    pub fn new(hash: &str, value: &[u8]) -> Option<Self> {
        let hash = Hash::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(hash))?;
        (value.len() == hash.length()).then(|| Self {
            hash,
            value: value.into(),
        })
    }

    /// Of a certificate (DER).
    #[must_use]
    pub fn of(hash: Hash, der: &[u8]) -> Self {
        Self {
            hash,
            value: hash.of(der),
        }
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The hash's value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// As in SDP: `sha-256 4A:AD:…`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.as_str())?;
        for (index, byte) in self.value.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether `der` is one of the certificates that these name. Of several hash functions the strongest counts alone (RFC 8122 §5.1):
/// a weaker one beside it would be the one to forge.
#[must_use]
pub fn certifies(fingerprints: &[Fingerprint], der: &[u8]) -> bool {
    let Some(hash) = fingerprints.iter().map(Fingerprint::hash).max() else {
        return false;
    };
    let value = hash.of(der);
    fingerprints
        .iter()
        .any(|fingerprint| fingerprint.hash == hash && fingerprint.value == value)
}
