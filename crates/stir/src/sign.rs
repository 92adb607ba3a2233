//! The authentication service: signing for the operator of this switch (RFC 8224 §6.1).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::cert::Chain;
use crate::identity::Identity;
use crate::passport::{Claims, Header, Ppt, complete, signing_input};
use crate::pem;
use crate::url::CertificateUrl;

/// Why a key is not one to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No private key in PEM.
    #[error("there is no private key in it (PEM, \"PRIVATE KEY\" or \"EC PRIVATE KEY\")")]
    Unreadable,
    /// Not a key for ES256.
    #[error("the private key is not an EC key on P-256")]
    NotP256,
    /// The certificate is another key's.
    #[error("the private key does not fit the certificate: they are not of one pair")]
    Mismatch,
    /// It is encrypted.
    #[error("the private key is encrypted; it has to be stored in the clear, readable by the switch only")]
    Encrypted,
}

/// A key, and where its certificate is.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    url: CertificateUrl,
    valid: (u64, u64),
}

impl Signer {
    /// Of a private key in PEM (PKCS #8 or SEC 1), the chain of its certificate, and where others find that chain.
    ///
    /// # Errors
    /// The key can't be used, or isn't the certificate's.
    pub fn new(key_pem: &[u8], chain: &Chain, url: CertificateUrl) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(key_pem).map_err(|_| KeyError::Unreadable)?;
        if text.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        // A file of OpenSSL's may have the curve's parameters in front, or the certificates behind.
        let blocks = pem::blocks(text, 16).ok_or(KeyError::Unreadable)?;
        let block = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY"));
        let der = &block.ok_or(KeyError::Unreadable)?.der;
        let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError::NotP256)?;
        if key.public_key().as_ref() != chain.leaf().key() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self {
            key,
            url,
            valid: chain.leaf().validity(),
        })
    }

    /// When its certificate is valid, seconds since 1970, both included.
    #[must_use]
    pub fn validity(&self) -> (u64, u64) {
        self.valid
    }

    /// The value of an Identity header with these claims signed. `None`: the certificate is not valid at `claims.iat`, so that
    /// nobody would take it; or the signature could not be made.
    #[must_use]
    pub fn sign(&self, ppt: Ppt, claims: &Claims) -> Option<String> {
        if !(self.valid.0..=self.valid.1).contains(&claims.iat) {
            return None;
        }
        let header = Header::es256(ppt, self.url.as_str());
        let input = signing_input(&header, claims);
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).ok()?;
        let token = complete(input, signature.as_ref());
        Some(Identity::write(&token, self.url.as_str(), header.ppt.name()))
    }
}

/// An origination identifier (RFC 8588 §5) of 128 random bits: a UUID of version 4 (RFC 9562 §5.4).
#[must_use]
pub fn origination_id(random: [u64; 2]) -> String {
    let high = (random[0] & !0xf000) | 0x4000;
    let low = (random[1] & (u64::MAX >> 2)) | (1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origination_id_is_a_uuid_of_version_4() {
        for (random, id) in [
            ([0, 0], "00000000-0000-4000-8000-000000000000"),
            ([u64::MAX, u64::MAX], "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            (
                [0x123e_4567_e89b_12d3, 0x6456_4266_5544_0000],
                "123e4567-e89b-42d3-a456-426655440000",
            ),
        ] {
            assert_eq!(origination_id(random), id);
        }
    }
}
