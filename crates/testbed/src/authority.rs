//! A certification authority of the test's own: signers' certificates with TN Authorization Lists (RFC 8226), and those of HTTPS servers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// id-pe-TNAuthList.
const TN_AUTH_LIST: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 26];

/// An entry of a TN Authorization List.
#[derive(Debug, Clone, Copy)]
pub enum Tn<'a> {
    /// A service provider's code.
    Provider(&'a str),
    /// So many numbers from this one on.
    Range(&'a str, u8),
    /// One number.
    One(&'a str),
}

/// A key and its certificates, in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The private key (PKCS #8).
    pub key: String,
    /// The certificate, then those of the issuers up to the one below the root.
    pub chain: String,
    /// The certificate alone, in DER.
    pub der: Vec<u8>,
    /// The key in DER.
    pub key_der: Vec<u8>,
}

/// What a certificate is to be like.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// Numbers that may be signed for; none: no such extension.
    pub numbers: Vec<Tn<'a>>,
    /// The years at whose beginnings it becomes valid and invalid.
    pub years: (i32, i32),
    /// Whether it says that it is an authority's.
    pub is_ca: bool,
    /// Whether its key is for signatures.
    pub signs: bool,
    /// Whether its key is on P-384.
    pub p384: bool,
    /// More extensions: object identifier, value, whether critical.
    pub more: Vec<(Vec<u64>, Vec<u8>, bool)>,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            numbers: vec![Tn::Provider("1234")],
            years: (2020, 2090),
            is_ca: false,
            signs: true,
            p384: false,
            more: Vec::new(),
        }
    }
}

/// An authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    /// PEM of the issuers from this one up to the one below the root.
    above: String,
}

impl Authority {
    /// A root of this name.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            issuer: Issuer::new(params, key),
            der,
            above: String::new(),
        }
    }

    /// An authority below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self {
            issuer: Issuer::new(params, key),
            above: pem("CERTIFICATE", &der) + &self.above,
            der,
        }
    }

    /// Its own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// A signer's key and certificate for a service provider's numbers.
    #[must_use]
    pub fn signer(&self) -> Issued {
        self.issue(&Wish::default())
    }

    /// A key and a certificate as wished.
    #[must_use]
    pub fn issue(&self, wish: &Wish<'_>) -> Issued {
        let key = if wish.p384 {
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()
        } else {
            KeyPair::generate().unwrap()
        };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "SHAKEN 1234");
        params.not_before = date_time_ymd(wish.years.0, 1, 1);
        params.not_after = date_time_ymd(wish.years.1, 1, 1);
        if wish.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.key_usages = vec![if wish.signs {
            KeyUsagePurpose::DigitalSignature
        } else {
            KeyUsagePurpose::KeyAgreement
        }];
        if !wish.numbers.is_empty() {
            let list = CustomExtension::from_oid_content(&TN_AUTH_LIST, tn_auth_list(&wish.numbers));
            params.custom_extensions.push(list);
        }
        for (oid, value, critical) in &wish.more {
            let mut extension = CustomExtension::from_oid_content(oid, value.clone());
            extension.set_criticality(*critical);
            params.custom_extensions.push(extension);
        }
        self.sign(&params, &key)
    }

    /// An HTTPS server's key and certificate, for these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        self.sign(&params, &KeyPair::generate().unwrap())
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Issued {
        let der = params.signed_by(key, &self.issuer).unwrap().der().to_vec();
        Issued {
            key: pem("PRIVATE KEY", key.serialized_der()),
            chain: pem("CERTIFICATE", &der) + &self.above,
            der,
            key_der: key.serialized_der().to_vec(),
        }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A block of PEM.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// An element of DER of up to 65,535 octets.
#[must_use]
pub fn element(tag: u8, inside: &[u8]) -> Vec<u8> {
    let length = inside.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        Ok(long) => out.extend([0x81, long]),
        Err(_) => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(inside);
    out
}

fn tn_auth_list(entries: &[Tn<'_>]) -> Vec<u8> {
    let mut inside = Vec::new();
    for entry in entries {
        inside.extend(match entry {
            Tn::Provider(code) => element(0xa0, &element(0x16, code.as_bytes())),
            Tn::Range(start, count) => {
                let range = [element(0x16, start.as_bytes()), element(0x02, &[*count])].concat();
                element(0xa1, &element(0x30, &range))
            }
            Tn::One(number) => element(0xa2, &element(0x16, number.as_bytes())),
        });
    }
    element(0x30, &inside)
}
