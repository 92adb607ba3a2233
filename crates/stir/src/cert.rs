//! Certificates of signers (RFC 8226): read, and what they say about who may sign what.

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::der::{self, IA5_STRING, SEQUENCE, UTF8_STRING};
use crate::passport::Passport;
use crate::pem;
use crate::tn_auth::TnAuthList;

/// The most octets of a chain that are looked at.
pub const MAX_CHAIN_BYTES: usize = 65_536;

/// Most certificates of a chain.
const MAX_CHAIN: usize = 8;

const TN_AUTH_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.26");
const CLAIM_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.27");

/// Critical extensions that are understood: a certificate with another one is not to be used (RFC 5280 §4.2). Policies may be
/// critical; every policy will do.
const UNDERSTOOD: [ObjectIdentifier; 5] = [
    KeyUsage::OID,
    BasicConstraints::OID,
    TN_AUTH_LIST,
    CLAIM_CONSTRAINTS,
    ObjectIdentifier::new_unwrap("2.5.29.32"),
];

const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// Why a certificate or its chain is not to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// No certificate in it, one that can't be read, too many, or too much.
    #[error("no certificates in PEM or DER that can be read")]
    Unreadable,
    /// A critical extension that is not known.
    #[error("the certificate has a critical extension that is not known here")]
    Critical,
    /// The key is not on P-256.
    #[error("the certificate's key is not one for ES256 (P-256)")]
    Key,
    /// A certificate of an authority, or one whose key is not for signatures.
    #[error("the certificate is not one to sign PASSporTs with")]
    Usage,
    /// No TN Authorization List, or one that can't be read.
    #[error("the certificate has no TN Authorization List")]
    NoNumbers,
    /// None of the issuers is a trust anchor, or a signature on the way is wrong.
    #[error("the certificate's chain ends at no trust anchor")]
    Untrusted,
}

/// What kind of key a certificate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    P256,
    P384,
    Rsa,
    Other,
}

/// What claims a certificate allows (RFC 8226 §8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Constraints {
    must_include: Vec<String>,
    permitted: Vec<(String, Vec<String>)>,
}

/// One certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: Vec<u8>,
    /// The octets that its issuer has signed.
    signed: Vec<u8>,
    signature: Vec<u8>,
    algorithm: ObjectIdentifier,
    subject: x509_cert::name::Name,
    issuer: x509_cert::name::Name,
    kind: KeyKind,
    key: Vec<u8>,
    not_before: u64,
    not_after: u64,
    authority: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    has_unknown_critical: bool,
    numbers: Option<TnAuthList>,
    constraints: Option<Constraints>,
}

impl Certificate {
    /// Reads a certificate from its DER.
    ///
    /// # Errors
    /// It can't be read.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        read(der).ok_or(CertError::Unreadable)
    }

    /// The moments between which it is valid, seconds since 1970, both included.
    #[must_use]
    pub fn validity(&self) -> (u64, u64) {
        (self.not_before, self.not_after)
    }

    /// The public key: for P-256 an uncompressed point.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The numbers that it may sign for.
    #[must_use]
    pub fn numbers(&self) -> Option<&TnAuthList> {
        self.numbers.as_ref()
    }

    /// Whether PASSporTs may be signed with its key (RFC 8226 §4, §5).
    ///
    /// # Errors
    /// They may not be.
    pub fn check_leaf(&self) -> Result<(), CertError> {
        if self.has_unknown_critical {
            return Err(CertError::Critical);
        }
        if self.kind != KeyKind::P256 {
            return Err(CertError::Key);
        }
        let is_authority = self.authority.as_ref().is_some_and(|basic| basic.ca);
        if is_authority
            || self
                .usage
                .as_ref()
                .is_some_and(|usage| !usage.digital_signature())
        {
            return Err(CertError::Usage);
        }
        if self.numbers.is_none() {
            return Err(CertError::NoNumbers);
        }
        Ok(())
    }

    /// Whether it may have issued others, `below` authorities being between it and the end of the chain.
    pub(crate) fn may_issue(&self, below: usize) -> bool {
        let usage = self.usage.as_ref().is_none_or(KeyUsage::key_cert_sign);
        let basic = self.authority.as_ref().filter(|basic| basic.ca);
        let long_enough = |basic: &BasicConstraints| {
            basic
                .path_len_constraint
                .is_none_or(|most| below <= usize::from(most))
        };
        usage && !self.has_unknown_critical && basic.is_some_and(long_enough)
    }

    /// Whether `issuer` has issued it: by name and by signature.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> bool {
        let Some(algorithm) = self.algorithm_with(issuer.kind) else {
            return false;
        };
        self.issuer == issuer.subject
            && UnparsedPublicKey::new(algorithm, &issuer.key)
                .verify(&self.signed, &self.signature)
                .is_ok()
    }

    pub(crate) fn into_der(self) -> Vec<u8> {
        self.der
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.der == other.der
    }

    fn algorithm_with(&self, key: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
        let pairs: [(ObjectIdentifier, KeyKind, &'static dyn VerificationAlgorithm); 7] = [
            (ECDSA_SHA256, KeyKind::P256, &ECDSA_P256_SHA256_ASN1),
            (ECDSA_SHA384, KeyKind::P256, &ECDSA_P256_SHA384_ASN1),
            (ECDSA_SHA256, KeyKind::P384, &ECDSA_P384_SHA256_ASN1),
            (ECDSA_SHA384, KeyKind::P384, &ECDSA_P384_SHA384_ASN1),
            (
                RSA_SHA256,
                KeyKind::Rsa,
                &RSA_PKCS1_2048_8192_SHA256 as &signature::RsaParameters,
            ),
            (RSA_SHA384, KeyKind::Rsa, &RSA_PKCS1_2048_8192_SHA384),
            (RSA_SHA512, KeyKind::Rsa, &RSA_PKCS1_2048_8192_SHA512),
        ];
        let fits = |pair: &&(ObjectIdentifier, KeyKind, _)| pair.0 == self.algorithm && pair.1 == key;
        pairs.iter().find(fits).map(|pair| pair.2)
    }

    /// The name of a claim of `passport` that the certificate does not allow to be as it is (RFC 8226 §8).
    #[must_use]
    pub fn forbids(&self, passport: &Passport) -> Option<&str> {
        let constraints = self.constraints.as_ref()?;
        let missing = constraints.must_include.iter();
        let missing = missing
            .map(String::as_str)
            .find(|name| passport.claim(name).is_none());
        let wrong = constraints.permitted.iter().find(|(name, values)| {
            passport.claim(name).is_some_and(|claim| {
                let text = claim.as_str().map_or_else(|| claim.to_string(), str::to_owned);
                !values.contains(&text)
            })
        });
        missing.or(wrong.map(|(name, _)| name.as_str()))
    }
}

/// A signer's certificate with those of its issuers, as far as they came along.
#[derive(Debug, Clone)]
pub struct Chain {
    leaf: Certificate,
    issuers: Vec<Certificate>,
}

impl Chain {
    /// Reads a chain: certificates in PEM, the signer's first, or one certificate in DER.
    ///
    /// # Errors
    /// There is none, one can't be read, or it is longer than a chain may be.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertError> {
        if bytes.len() > MAX_CHAIN_BYTES {
            return Err(CertError::Unreadable);
        }
        let mut certificates = if bytes.first() == Some(&SEQUENCE) {
            vec![Certificate::from_der(bytes)?]
        } else {
            certificates(bytes, MAX_CHAIN)?
        };
        if certificates.is_empty() {
            return Err(CertError::Unreadable);
        }
        let leaf = certificates.remove(0);
        Ok(Self {
            leaf,
            issuers: certificates,
        })
    }

    /// The signer's certificate.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The others, in the order in which they came.
    #[must_use]
    pub fn issuers(&self) -> &[Certificate] {
        &self.issuers
    }
}

/// Every certificate of a PEM file, at most `most`; other blocks are skipped.
pub(crate) fn certificates(bytes: &[u8], most: usize) -> Result<Vec<Certificate>, CertError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CertError::Unreadable)?;
    let blocks = pem::blocks(text, most).ok_or(CertError::Unreadable)?;
    let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
    certificates
        .map(|block| Certificate::from_der(&block.der))
        .collect()
}

fn read(bytes: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(bytes).ok()?;
    let tbs = certificate.tbs_certificate();
    // What was signed are the octets as they came, not what would be written for them here.
    let (signed, _) = der::first(der::only(bytes, SEQUENCE)?)?;
    let signed = signed.whole.to_vec();
    let info = tbs.subject_public_key_info();
    let curve = info.algorithm.parameters.as_ref();
    let curve = curve.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    let kind = match (info.algorithm.oid, curve) {
        (EC_KEY, Some(P256)) => KeyKind::P256,
        (EC_KEY, Some(P384)) => KeyKind::P384,
        (RSA_KEY, _) => KeyKind::Rsa,
        _ => KeyKind::Other,
    };
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let value = |oid: ObjectIdentifier| {
        let found = extensions.iter().find(|extension| extension.extn_id == oid);
        found.map(|extension| extension.extn_value.as_bytes())
    };
    // An extension that is there and can't be read makes the certificate unreadable, not less restricted.
    let numbers = value(TN_AUTH_LIST).map(|value| TnAuthList::parse(value).ok_or(()));
    let constraints = value(CLAIM_CONSTRAINTS).map(|value| read_constraints(value).ok_or(()));
    let usage = value(KeyUsage::OID).map(|value| KeyUsage::from_der(value).map_err(|_| ()));
    let authority =
        value(BasicConstraints::OID).map(|value| BasicConstraints::from_der(value).map_err(|_| ()));
    let unknown = |extension: &x509_cert::ext::Extension| {
        extension.critical && !UNDERSTOOD.contains(&extension.extn_id)
    };
    Some(Certificate {
        der: bytes.to_vec(),
        signed,
        signature: certificate.signature().as_bytes()?.to_vec(),
        algorithm: certificate.signature_algorithm().oid,
        subject: tbs.subject().clone(),
        issuer: tbs.issuer().clone(),
        kind,
        key: info.subject_public_key.as_bytes()?.to_vec(),
        not_before: tbs.validity().not_before.to_unix_duration().as_secs(),
        not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
        authority: authority.transpose().ok()?,
        usage: usage.transpose().ok()?,
        has_unknown_critical: extensions.iter().any(unknown),
        numbers: numbers.transpose().ok()?,
        constraints: constraints.transpose().ok()?,
    })
}

/// `JWTClaimConstraints ::= SEQUENCE { mustInclude [0] …, permittedValues [1] … }`, tags explicit.
fn read_constraints(value: &[u8]) -> Option<Constraints> {
    const MOST: usize = 64;
    let text = |element: &der::Element<'_>, tag: u8| {
        let text = std::str::from_utf8(element.inside).ok()?;
        (element.tag == tag && text.len() <= 256).then(|| text.to_owned())
    };
    let mut constraints = Constraints::default();
    for part in der::all(der::only(value, SEQUENCE)?, 2)? {
        let list = der::all(der::only(part.inside, SEQUENCE)?, MOST)?;
        match part.tag {
            0xa0 => {
                for name in &list {
                    constraints.must_include.push(text(name, IA5_STRING)?);
                }
            }
            0xa1 => {
                for entry in &list {
                    let fields = der::all(entry.inside, 2)?;
                    let [name, values] = fields.as_slice() else {
                        return None;
                    };
                    let values = der::all(values.inside, MOST)?;
                    let values: Option<Vec<String>> = values.iter().map(|v| text(v, UTF8_STRING)).collect();
                    constraints.permitted.push((text(name, IA5_STRING)?, values?));
                }
            }
            _ => return None,
        }
    }
    Some(constraints)
}
