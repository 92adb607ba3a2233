//! Master keys as signalling hands them over.

use super::suite::Suite;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// The longest master key with its salt.
const MATERIAL: usize = 46;

/// Packets that a master key may protect, if nothing less was signalled (RFC 3711 §9.2).
pub(super) const RTP_LIFETIME: u64 = 1 << 48;
/// The same for RTCP.
pub(super) const RTCP_LIFETIME: u64 = 1 << 31;

/// Why keys are not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not as long as the suite wants.
    #[error("master key and salt are not as long as the suite wants")]
    Length,
    /// An identifier of no bytes, or of more than [`Mki::MAX`].
    #[error("a master key identifier has 1 to 128 bytes")]
    MkiLength,
    /// A lifetime of 0, or above 2^48.
    #[error("the lifetime is out of range")]
    Lifetime,
    /// No key at all.
    #[error("there is no key")]
    None,
    /// Several keys, and not each has an identifier of its own, all of one length (RFC 4568 §6.1).
    #[error("several keys need an identifier each, all of one length")]
    Ambiguous,
}

/// A master key identifier as it stands in packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mki(SmallVec<[u8; 8]>);

impl Mki {
    /// Length of the longest, in bytes (RFC 4568 §6.1).
    pub const MAX: usize = 128;

    /// # Errors
    /// [`KeyError::MkiLength`] unless there are 1 to 128 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if (1..=Self::MAX).contains(&bytes.len()) {
            Ok(Self(SmallVec::from_slice(bytes)))
        } else {
            Err(KeyError::MkiLength)
        }
    }

    /// The bytes in the order of the packet.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One master key with its salt, identifier and lifetime. Its `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    material: [u8; MATERIAL],
    length: usize,
    mki: Option<Mki>,
    lifetime: u64,
}

impl MasterKey {
    /// `material` is the key followed by the salt. `lifetime` is in packets; `None`: what RFC 3711 allows at most.
    ///
    /// # Errors
    /// [`KeyError::Length`], [`KeyError::Lifetime`].
    pub fn new(
        suite: Suite,
        material: &[u8],
        mki: Option<Mki>,
        lifetime: Option<u64>,
    ) -> Result<Self, KeyError> {
        let lifetime = lifetime.unwrap_or(RTP_LIFETIME);
        if !(1..=RTP_LIFETIME).contains(&lifetime) {
            return Err(KeyError::Lifetime);
        }
        if material.len() != suite.material_len() {
            return Err(KeyError::Length);
        }
        let mut copy = [0; MATERIAL];
        copy.iter_mut().zip(material).for_each(|(to, from)| *to = *from);
        Ok(Self {
            material: copy,
            length: material.len(),
            mki,
            lifetime,
        })
    }

    /// Key and salt.
    pub(super) fn parts(&self, suite: Suite) -> (&[u8], &[u8]) {
        let material = self.material.get(..self.length).unwrap_or_default();
        material.split_at_checked(suite.key_len()).unwrap_or_default()
    }

    /// The identifier that packets under this key carry.
    #[must_use]
    pub fn mki(&self) -> Option<&Mki> {
        self.mki.as_ref()
    }

    pub(super) fn lifetime(&self) -> u64 {
        self.lifetime
    }

    fn same_secret(&self, other: &Self) -> bool {
        self.material == other.material
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("mki", &self.mki)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The master keys of one direction: one, or several with identifiers. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    suite: Suite,
    keys: Arc<[MasterKey]>,
}

impl Keys {
    /// # Errors
    /// [`KeyError::None`], [`KeyError::Ambiguous`], or [`KeyError::Length`] when a key was made for another suite.
    pub fn new(suite: Suite, keys: Vec<MasterKey>) -> Result<Self, KeyError> {
        let first = keys.first().ok_or(KeyError::None)?;
        let length = first.mki.as_ref().map(|mki| mki.0.len());
        let clear = |(at, key): (usize, &MasterKey)| {
            key.mki.as_ref().map(|mki| mki.0.len()) == length
                && !keys.iter().skip(at + 1).any(|later| later.mki == key.mki)
        };
        if !keys.iter().enumerate().all(clear) {
            return Err(KeyError::Ambiguous);
        }
        if keys.iter().any(|key| key.length != suite.material_len()) {
            return Err(KeyError::Length);
        }
        let keys = Arc::from(keys);
        Ok(Self { suite, keys })
    }

    /// One key without identifier and with the longest lifetime.
    ///
    /// # Errors
    /// [`KeyError::Length`] unless `material` is as long as [`Suite::material_len`] says.
    pub fn single(suite: Suite, material: &[u8]) -> Result<Self, KeyError> {
        Self::new(suite, vec![MasterKey::new(suite, material, None, None)?])
    }

    /// The suite that all of the keys are for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The keys, in the order given; never empty.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.keys.iter()
    }

    /// Length of the identifier in each packet; 0 without one.
    pub(super) fn mki_len(&self) -> usize {
        let first = self.keys.first().and_then(|key| key.mki.as_ref());
        first.map_or(0, |mki| mki.0.len())
    }

    /// Whether what is sent under both is sent with the same secret.
    pub(super) fn begin_like(&self, other: &Self) -> bool {
        self.suite == other.suite
            && (self.iter().zip(other.iter()).next()).is_some_and(|(ours, theirs)| ours.same_secret(theirs))
    }

    /// Whether one of the secrets is in both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.iter().any(|a| other.iter().any(|b| a.same_secret(b)))
    }
}
