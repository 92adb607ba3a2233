//! Certificates for tests: an authority of the test's own, and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;

/// An authority.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Leaf {
    certificate: Certificate,
    key: KeyPair,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }
}

impl Authority {
    /// A certificate for these names; one that begins with `sip:` is a URI.
    ///
    /// # Panics
    /// They are no names.
    #[must_use]
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        let (uris, dns): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("sip:"));
        let mut params =
            CertificateParams::new(dns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        for uri in uris {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().unwrap()));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { certificate, key }
    }

    /// Writes its certificate into `dir`.
    ///
    /// # Panics
    /// The folder can't be written.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, self.certificate.pem()).unwrap();
        path
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
    pub fn server(&self, leaf: &Leaf, mutual: bool) -> Arc<ServerConfig> {
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
    pub fn client(&self, own: Option<&Leaf>) -> Arc<ClientConfig> {
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

impl Leaf {
    /// Writes `name.pem` and `name.key` into `dir`.
    ///
    /// # Panics
    /// The folder can't be written.
    #[must_use]
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        std::fs::write(&paths.0, self.certificate.pem()).unwrap();
        std::fs::write(&paths.1, self.key.serialize_pem()).unwrap();
        paths
    }

    /// The certificate as it is shown.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}
