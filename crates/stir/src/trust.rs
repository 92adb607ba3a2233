//! From a signer's certificate to somebody who is trusted.

use crate::cert::{CertError, Certificate, Chain, certificates};

/// Most trust anchors of one file.
const MOST: usize = 1024;

/// Most certificates between a signer's and a trust anchor's.
const LONGEST: usize = 8;

/// The authorities that are trusted (for SHAKEN: the list of the policy administrator).
#[derive(Debug, Clone, Default)]
pub struct Anchors(Vec<Certificate>);

impl Anchors {
    /// Reads a PEM file of certificates.
    ///
    /// # Errors
    /// There is none in it, or one can't be read.
    pub fn parse(pem: &[u8]) -> Result<Self, CertError> {
        let anchors = certificates(pem, MOST)?;
        if anchors.is_empty() {
            return Err(CertError::Unreadable);
        }
        Ok(Self(anchors))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The moment up to which, and from which on, the chain is good: the narrowest validity of it, seconds since 1970.
    ///
    /// # Errors
    /// The chain is no signer's, or leads to none of the anchors.
    pub fn verify(&self, chain: &Chain) -> Result<(u64, u64), CertError> {
        let leaf = chain.leaf();
        leaf.check_leaf()?;
        let mut valid = leaf.validity();
        let mut current = leaf;
        let mut left: Vec<&Certificate> = chain.issuers().iter().collect();
        for below in 0..=LONGEST {
            if self.0.iter().any(|anchor| anchor.is_same_as(current)) {
                return Ok(valid);
            }
            let mut anchors = self.0.iter();
            let anchor = anchors.find(|anchor| anchor.may_issue(below) && current.is_issued_by(anchor));
            if let Some(anchor) = anchor {
                return Ok(narrowed(valid, anchor.validity()));
            }
            // A certificate is used once, so that a circle ends.
            let issuer = left
                .iter()
                .position(|issuer| issuer.may_issue(below) && current.is_issued_by(issuer));
            let Some(at) = issuer else { break };
            current = left.swap_remove(at);
            valid = narrowed(valid, current.validity());
        }
        Err(CertError::Untrusted)
    }
}

/// Every certificate of a PEM file, in DER.
///
/// # Errors
/// There is none in it, or one can't be read.
pub fn certificates_in(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertError> {
    let found = certificates(pem, MOST)?;
    if found.is_empty() {
        return Err(CertError::Unreadable);
    }
    Ok(found.into_iter().map(Certificate::into_der).collect())
}

fn narrowed(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0.max(b.0), a.1.min(b.1))
}
