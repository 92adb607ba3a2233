//! Certificates for tests: an authority of the test's own, and what it signs. TLS peers' certificates, and those of callers' signers with
//! TN Authorization Lists (RFC 8226).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

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

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The private key (PKCS #8) in PEM.
    pub key: String,
    /// The certificate, then those of the issuers up to the one below the root, in PEM.
    pub chain: String,
    der: Vec<u8>,
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
    certificate: rcgen::Certificate,
    /// PEM of the issuers from this one up to the one below the root.
    above: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::root("test authority")
    }
}

impl Authority {
    /// A root of this name.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
            above: String::new(),
        }
    }

    /// An authority below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            above: certificate.pem() + &self.above,
            certificate,
        }
    }

    /// Its own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Writes its certificate into `dir`.
    ///
    /// # Panics
    /// The folder can't be written.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, self.pem()).unwrap();
        path
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

    /// A TLS peer's certificate for these names and addresses; one that begins with `sip:` is a URI.
    ///
    /// # Panics
    /// They are no names.
    #[must_use]
    pub fn leaf(&self, names: &[&str]) -> Issued {
        let (uris, hosts): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("sip:"));
        let hosts: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        for uri in uris {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().unwrap()));
        }
        self.sign(&params, &KeyPair::generate().unwrap())
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Issued {
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        Issued {
            key: key.serialize_pem(),
            chain: certificate.pem() + &self.above,
            der: certificate.der().to_vec(),
        }
    }

    /// Who trusts it.
    #[must_use]
    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// The server side of handshakes with this certificate; `mutual`: clients show one of this authority's.
    #[must_use]
    pub fn server(&self, leaf: &Issued, mutual: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(self.roots(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        Arc::new(builder.with_single_cert(leaf.chain(), leaf.private()).unwrap())
    }

    /// The client side, which trusts this authority and shows `own` where it is asked.
    #[must_use]
    pub fn client(&self, own: Option<&Issued>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match own {
            Some(own) => builder.with_client_auth_cert(own.chain(), own.private()).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

impl Issued {
    /// Writes `name.pem` and `name.key` into `dir`.
    ///
    /// # Panics
    /// The folder can't be written.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        std::fs::write(&paths.0, &self.chain).unwrap();
        std::fs::write(&paths.1, &self.key).unwrap();
        paths
    }

    /// The certificate as it is shown.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        chain.map(Result::unwrap).collect()
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
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
