//! `a=crypto` (RFC 4568): suites, keys and session parameters of SRTP.
//!
//! `tag suite inline:key[|lifetime][|MKI:length][;inline:…] [session parameters]`. What a line says and whether it can be
//! used are two questions: [`Crypto::parse`] and [`Crypto::usable`].

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use smallvec::SmallVec;

use crate::media::Media;
use crate::span::{number, split, words};
use mki::{mki_bytes, mki_number};

mod mki;

/// Written with padding, read with or without (RFC 4568 §6.1).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Keys of one line that are read; more is nobody's honest wish.
const MAX_KEYS: usize = 16;
/// The longest life of a key (RFC 4568 §6.2): 2^48 packets.
const MAX_LIFETIME: u64 = 1 << 48;
/// The longest MKI, in bytes (RFC 4568 §6.1).
const MAX_MKI: usize = 128;

/// A crypto suite with a registered name (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CryptoSuite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128Sha80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm128Sha32,
    /// `AES_192_CM_HMAC_SHA1_80`
    AesCm192Sha80,
    /// `AES_192_CM_HMAC_SHA1_32`
    AesCm192Sha32,
    /// `AES_256_CM_HMAC_SHA1_80`
    AesCm256Sha80,
    /// `AES_256_CM_HMAC_SHA1_32`
    AesCm256Sha32,
    /// `AEAD_AES_128_GCM`
    AesGcm128,
    /// `AEAD_AES_256_GCM`
    AesGcm256,
}

/// Names, registered ones first; the others are what drafts called them and some products still do.
const NAMES: [(&str, CryptoSuite); 12] = [
    ("AES_CM_128_HMAC_SHA1_80", CryptoSuite::AesCm128Sha80),
    ("AES_CM_128_HMAC_SHA1_32", CryptoSuite::AesCm128Sha32),
    ("AES_192_CM_HMAC_SHA1_80", CryptoSuite::AesCm192Sha80),
    ("AES_192_CM_HMAC_SHA1_32", CryptoSuite::AesCm192Sha32),
    ("AES_256_CM_HMAC_SHA1_80", CryptoSuite::AesCm256Sha80),
    ("AES_256_CM_HMAC_SHA1_32", CryptoSuite::AesCm256Sha32),
    ("AEAD_AES_128_GCM", CryptoSuite::AesGcm128),
    ("AEAD_AES_256_GCM", CryptoSuite::AesGcm256),
    ("AES_CM_192_HMAC_SHA1_80", CryptoSuite::AesCm192Sha80),
    ("AES_CM_192_HMAC_SHA1_32", CryptoSuite::AesCm192Sha32),
    ("AES_CM_256_HMAC_SHA1_80", CryptoSuite::AesCm256Sha80),
    ("AES_CM_256_HMAC_SHA1_32", CryptoSuite::AesCm256Sha32),
];

impl CryptoSuite {
    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, suite)| *suite == self)
            .map_or("", |(name, _)| name)
    }

    /// The suite and its name as this table spells it; case doesn't matter.
    fn find(token: &[u8]) -> Option<(&'static str, Self)> {
        NAMES
            .into_iter()
            .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Length of key and salt together, in bytes.
    #[must_use]
    pub fn material_len(self) -> usize {
        match self {
            Self::AesCm128Sha80 | Self::AesCm128Sha32 => 16 + 14,
            Self::AesCm192Sha80 | Self::AesCm192Sha32 => 24 + 14,
            Self::AesCm256Sha80 | Self::AesCm256Sha32 => 32 + 14,
            Self::AesGcm128 => 16 + 12,
            Self::AesGcm256 => 32 + 12,
        }
    }
}

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Names the line in an answer.
    pub tag: u32,
    /// What the keys are for.
    pub suite: CryptoSuite,
    /// The suite's name as the peer knows it: an answer repeats it.
    pub name: &'static str,
    /// At least one; several have an MKI each.
    pub keys: SmallVec<[CryptoKey; 1]>,
    /// In the order written.
    pub params: Vec<SessionParam>,
}

/// One `inline:` key. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoKey {
    /// Key and salt: as many bytes as the suite wants.
    pub material: SmallVec<[u8; 48]>,
    /// Packets that it serves; `None`: not said.
    pub lifetime: Option<u64>,
    /// Its identifier, in the bytes that stand in packets.
    pub mki: Option<SmallVec<[u8; 8]>>,
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoKey")
            .field("lifetime", &self.lifetime)
            .field("mki", &self.mki)
            .finish_non_exhaustive()
    }
}

/// A session parameter (RFC 4568 §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionParam {
    /// `KDR=n`: session keys are derived anew each 2^n packets.
    Kdr(u8),
    /// `UNENCRYPTED_SRTP`
    UnencryptedSrtp,
    /// `UNENCRYPTED_SRTCP`
    UnencryptedSrtcp,
    /// `UNAUTHENTICATED_SRTP`
    UnauthenticatedSrtp,
    /// `FEC_ORDER=`
    FecOrder(FecOrder),
    /// `FEC_KEY=`: its keys are not read, the line being of no use.
    FecKey,
    /// `WSH=n`: a replay window of n packets is wished for.
    WindowSize(u32),
    /// Any other; one that begins with `-` may be ignored.
    Other(Box<str>),
}

/// Whether forward error correction comes before or after encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FecOrder {
    /// `FEC_SRTP`: before, the default.
    FecSrtp,
    /// `SRTP_FEC`
    SrtpFec,
}

/// Why a line says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Not `tag suite keys`.
    #[error("the line is not tag, suite and keys")]
    Syntax,
    /// Not one to nine digits, or a leading zero.
    #[error("the tag is not a number of up to nine digits")]
    Tag,
    /// Not one of [`CryptoSuite`].
    #[error("the suite is not known")]
    Suite,
    /// A method other than `inline`.
    #[error("the key method is not inline")]
    Method,
    /// Not base64, or not as long as the suite wants.
    #[error("the key is not base64 of the suite's length")]
    Key,
    /// 0, above 2^48, or not a number.
    #[error("the lifetime is out of range")]
    Lifetime,
    /// Not `number:length` with a length of 1 to 128 bytes in which the number fits.
    #[error("the master key identifier does not fit its length")]
    Mki,
    /// Several keys, and not each has an identifier of its own, all of one length; or too many keys.
    #[error("several keys need an identifier each, all of one length")]
    Keys,
    /// A parameter with a value out of its range.
    #[error("a session parameter has no valid value")]
    Parameter,
}

/// Why a line that is well formed can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// `UNENCRYPTED_*` or `UNAUTHENTICATED_SRTP`: less security than the suite's name says.
    #[error("the line gives up encryption or authentication")]
    Weakened,
    /// A key derivation rate other than 0.
    #[error("keys would have to be derived anew")]
    DerivationRate,
    /// Error correction after encryption, or with a key of its own.
    #[error("forward error correction under SRTP is not supported")]
    Fec,
    /// A parameter that isn't known and may not be ignored (RFC 4568 §6.3.7).
    #[error("a mandatory session parameter is not known")]
    Parameter,
}

impl Crypto {
    /// Reads what stands behind `a=crypto:`.
    ///
    /// # Errors
    /// [`CryptoError`]: the line is to be skipped, the others stand.
    pub fn parse(value: &[u8]) -> Result<Self, CryptoError> {
        let mut fields = words(value);
        let mut field = || fields.next().ok_or(CryptoError::Syntax);
        let (tag, suite, keys) = (field()?, field()?, field()?);
        let leading_zero = tag.len() > 1 && tag.starts_with(b"0");
        let tag = number(tag).filter(|_| tag.len() <= 9 && !leading_zero);
        let tag = tag.ok_or(CryptoError::Tag)?;
        let (name, suite) = CryptoSuite::find(suite).ok_or(CryptoError::Suite)?;
        let keys = parse_keys(keys, suite)?;
        let params = fields.map(parse_param).collect::<Result<_, _>>()?;
        Ok(Self {
            tag,
            suite,
            name,
            keys,
            params,
        })
    }

    /// The usable lines of a stream, in order of preference. A line that repeats the tag of another is skipped, as are those
    /// that say nothing.
    #[must_use]
    pub fn lines(media: &Media) -> SmallVec<[Self; 2]> {
        let mut lines: SmallVec<[Self; 2]> = SmallVec::new();
        for attribute in media.attributes().filter(|a| a.is("crypto")) {
            if let Some(line) = attribute.value.and_then(|value| Self::parse(value).ok())
                && line.usable().is_ok()
                && !lines.iter().any(|other| other.tag == line.tag)
            {
                lines.push(line);
            }
        }
        lines
    }

    /// Whether a stream has a line, usable or not.
    #[must_use]
    pub fn is_offered(media: &Media) -> bool {
        media.attributes().any(|a| a.is("crypto"))
    }

    /// Whether SRTP as the suite's name says, with the key derivation rate 0, is what the line asks for.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn usable(&self) -> Result<(), Unusable> {
        self.params.iter().try_for_each(|param| match param {
            SessionParam::Kdr(0)
            | SessionParam::WindowSize(_)
            | SessionParam::FecOrder(FecOrder::FecSrtp) => Ok(()),
            SessionParam::Kdr(_) => Err(Unusable::DerivationRate),
            SessionParam::UnencryptedSrtp
            | SessionParam::UnencryptedSrtcp
            | SessionParam::UnauthenticatedSrtp => Err(Unusable::Weakened),
            SessionParam::FecOrder(FecOrder::SrtpFec) | SessionParam::FecKey => Err(Unusable::Fec),
            SessionParam::Other(name) if name.starts_with('-') => Ok(()),
            SessionParam::Other(_) => Err(Unusable::Parameter),
        })
    }
}

fn parse_keys(field: &[u8], suite: CryptoSuite) -> Result<SmallVec<[CryptoKey; 1]>, CryptoError> {
    let mut keys: SmallVec<[CryptoKey; 1]> = SmallVec::new();
    for key in field.split(|b| *b == b';').filter(|key| !key.is_empty()) {
        if keys.len() >= MAX_KEYS {
            return Err(CryptoError::Keys);
        }
        keys.push(parse_key(key, suite)?);
    }
    let first = keys.first().ok_or(CryptoError::Syntax)?;
    let length = |key: &CryptoKey| key.mki.as_ref().map(SmallVec::len);
    let expected = length(first);
    let clear = keys.iter().enumerate().all(|(at, key)| {
        length(key) == expected && !keys.iter().skip(at + 1).any(|other| other.mki == key.mki)
    });
    if clear { Ok(keys) } else { Err(CryptoError::Keys) }
}

/// `inline:key[|lifetime][|MKI:length]`; only the MKI has a colon. Empty fields, which some write, say nothing.
fn parse_key(key: &[u8], suite: CryptoSuite) -> Result<CryptoKey, CryptoError> {
    let (method, info) = split(key, b':');
    if !method.eq_ignore_ascii_case(b"inline") {
        return Err(CryptoError::Method);
    }
    let mut fields = info.unwrap_or_default().split(|b| *b == b'|');
    let material = fields.next().and_then(|text| BASE64.decode(text).ok());
    let material = material.filter(|m| m.len() == suite.material_len());
    let mut key = CryptoKey {
        material: SmallVec::from_vec(material.ok_or(CryptoError::Key)?),
        lifetime: None,
        mki: None,
    };
    for field in fields.filter(|field| !field.is_empty()) {
        if key.mki.is_some() {
            return Err(CryptoError::Syntax);
        }
        match split(field, b':') {
            (number, Some(length)) => key.mki = Some(mki_bytes(number, length).ok_or(CryptoError::Mki)?),
            (_, None) if key.lifetime.is_some() => return Err(CryptoError::Syntax),
            (lifetime, None) => key.lifetime = Some(parse_lifetime(lifetime)?),
        }
    }
    Ok(key)
}

/// A number, or `2^` and an exponent.
fn parse_lifetime(text: &[u8]) -> Result<u64, CryptoError> {
    let lifetime = match text.strip_prefix(b"2^") {
        Some(exponent) => number(exponent).and_then(|by| 1_u64.checked_shl(by)),
        None => number(text),
    };
    lifetime
        .filter(|packets| (1..=MAX_LIFETIME).contains(packets))
        .ok_or(CryptoError::Lifetime)
}

fn parse_param(param: &[u8]) -> Result<SessionParam, CryptoError> {
    let (name, value) = split(param, b'=');
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let value = value.unwrap_or_default();
    if is("KDR") {
        let rate = number(value).filter(|rate| *rate <= 24);
        rate.map(SessionParam::Kdr).ok_or(CryptoError::Parameter)
    } else if is("WSH") {
        number(value)
            .map(SessionParam::WindowSize)
            .ok_or(CryptoError::Parameter)
    } else if is("FEC_ORDER") {
        let order = |known: &str| value.eq_ignore_ascii_case(known.as_bytes());
        match (order("FEC_SRTP"), order("SRTP_FEC")) {
            (true, _) => Ok(SessionParam::FecOrder(FecOrder::FecSrtp)),
            (false, true) => Ok(SessionParam::FecOrder(FecOrder::SrtpFec)),
            (false, false) => Err(CryptoError::Parameter),
        }
    } else if is("FEC_KEY") {
        Ok(SessionParam::FecKey)
    } else if is("UNENCRYPTED_SRTP") {
        Ok(SessionParam::UnencryptedSrtp)
    } else if is("UNENCRYPTED_SRTCP") {
        Ok(SessionParam::UnencryptedSrtcp)
    } else if is("UNAUTHENTICATED_SRTP") {
        Ok(SessionParam::UnauthenticatedSrtp)
    } else {
        let text = std::str::from_utf8(param).map_err(|_| CryptoError::Parameter)?;
        Ok(SessionParam::Other(Box::from(text)))
    }
}

/// What stands behind `a=crypto:`.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.tag, self.name)?;
        for (at, key) in self.keys.iter().enumerate() {
            f.write_str(if at == 0 { "inline:" } else { ";inline:" })?;
            f.write_str(&BASE64.encode(&key.material))?;
            match key.lifetime {
                Some(packets) if packets.is_power_of_two() => write!(f, "|2^{}", packets.trailing_zeros())?,
                Some(packets) => write!(f, "|{packets}")?,
                None => {}
            }
            if let Some(mki) = &key.mki {
                write!(f, "|{}:{}", mki_number(mki), mki.len())?;
            }
        }
        self.params.iter().try_for_each(|param| match param {
            SessionParam::Kdr(rate) => write!(f, " KDR={rate}"),
            SessionParam::UnencryptedSrtp => f.write_str(" UNENCRYPTED_SRTP"),
            SessionParam::UnencryptedSrtcp => f.write_str(" UNENCRYPTED_SRTCP"),
            SessionParam::UnauthenticatedSrtp => f.write_str(" UNAUTHENTICATED_SRTP"),
            SessionParam::FecOrder(FecOrder::FecSrtp) => f.write_str(" FEC_ORDER=FEC_SRTP"),
            SessionParam::FecOrder(FecOrder::SrtpFec) => f.write_str(" FEC_ORDER=SRTP_FEC"),
            SessionParam::FecKey => Ok(()),
            SessionParam::WindowSize(size) => write!(f, " WSH={size}"),
            SessionParam::Other(text) => write!(f, " {text}"),
        })
    }
}

#[cfg(test)]
mod tests;
