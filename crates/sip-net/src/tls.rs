//! TLS: certificates read and checked, and what handshakes are made with (rustls on aws-lc-rs; TLS 1.2 and 1.3).

mod names;
mod sni;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

pub(crate) use names::{Names, validity};
use sni::BySni;
use verify::{Anybody, PeerVerifier, SipVerifier, Trust};

/// Certificates that end sooner than this are warned of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Why certificates, keys or authorities can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A file holds something else.
    #[error("{}: {why}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// A key is another certificate's.
    #[error("{}: not the key to the certificate in {}", key.display(), certificate.display())]
    WrongKey {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// The library refuses them.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it says.
        why: String,
    },
    /// The name that a certificate should be for is none.
    #[error("{0:?} is not a name that a certificate can be for")]
    Name(String),
    /// The system has no authorities, and none were named.
    #[error("the system has no certificate authorities (name some: ca = \"…\")")]
    NoAuthorities,
}

/// Reads a file.
pub type ReadFile<'r> = dyn FnMut(&Path) -> Result<Vec<u8>, String> + 'r;

/// Whether clients show certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// They are not asked.
    Unasked,
    /// One that is shown has to come from an authority in this file.
    Optional(PathBuf),
    /// Without one there is no connection.
    Required(PathBuf),
}

/// What a listener is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// Certificates with their keys; the first is for whoever names none.
    pub pairs: Vec<(PathBuf, PathBuf)>,
    /// Whether clients show certificates.
    pub clients: Clients,
    /// No TLS 1.2.
    pub only_13: bool,
}

/// What connections of ours are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The name that the certificate has to be for; `None`: the address that is connected to.
    pub name: Option<String>,
    /// The authorities that it has to come from; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Our certificate and key.
    pub own: Option<(PathBuf, PathBuf)>,
    /// Whether its certificate is looked at.
    pub verify: bool,
}

/// The server side of handshakes.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
}

/// The client side of handshakes with one peer.
#[derive(Debug, Clone)]
pub struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: Option<ServerName<'static>>,
}

/// Makes aws-lc-rs the provider of everything in this process. To be called first of all; again does nothing.
pub fn install_provider() {
    // An error says that there is one already, which is this one: there is no other in the tree.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

impl ServerTls {
    /// Reads and checks the files. `warnings` gets a line for each certificate that has ended or is about to.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn load(
        files: &ServerFiles,
        now: SystemTime,
        read: &mut ReadFile<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, TlsError> {
        let mut certificates = Vec::new();
        for (certificate, key) in &files.pairs {
            let own = own(certificate, key, now, read, warnings)?;
            let names = own
                .end_entity_cert()
                .map(|leaf| Names::of(leaf))
                .unwrap_or_default();
            certificates.push((names, Arc::new(own)));
        }
        let versions: &[&SupportedProtocolVersion] = if files.only_13 {
            &[&rustls::version::TLS13]
        } else {
            rustls::ALL_VERSIONS
        };
        let path = files.pairs.first().map(|pair| pair.0.clone()).unwrap_or_default();
        let unusable = |error: rustls::Error| TlsError::Unusable {
            path: path.clone(),
            why: error.to_string(),
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(unusable)?;
        let builder = match &files.clients {
            Clients::Unasked => builder.with_no_client_auth(),
            Clients::Optional(ca) | Clients::Required(ca) => {
                let roots = Arc::new(authorities(ca, read)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
                let verifier = match &files.clients {
                    Clients::Required(_) => verifier,
                    Clients::Optional(_) | Clients::Unasked => verifier.allow_unauthenticated(),
                };
                let clients = verifier.build().map_err(|error| TlsError::Unusable {
                    path: ca.clone(),
                    why: error.to_string(),
                })?;
                let trust = trust(roots);
                builder.with_client_cert_verifier(Arc::new(PeerVerifier { clients, trust }))
            }
        };
        let config = builder.with_cert_resolver(Arc::new(BySni { certificates }));
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

impl ClientTls {
    /// Reads and checks the files, as [`ServerTls::load`] does.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn load(
        files: &ClientFiles,
        now: SystemTime,
        read: &mut ReadFile<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, TlsError> {
        let bare = |name: &String| name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = files
            .name
            .as_ref()
            .map(|name| ServerName::try_from(bare(name)).map_err(|_| TlsError::Name(name.clone())))
            .transpose()?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .map_err(|error| TlsError::Unusable {
                path: PathBuf::new(),
                why: error.to_string(),
            })?;
        let builder = if files.verify {
            let roots = match &files.ca {
                Some(ca) => Arc::new(authorities(ca, read)?),
                None => systems().ok_or(TlsError::NoAuthorities)?,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(SipVerifier { trust: trust(roots) }))
        } else {
            let algorithms = provider().signature_verification_algorithms;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody { algorithms }))
        };
        let config = match &files.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let own = own(certificate, key, now, read, warnings)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
            }
        };
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }
}

fn trust(roots: Arc<RootCertStore>) -> Trust {
    let algorithms = provider().signature_verification_algorithms;
    Trust { roots, algorithms }
}

/// A certificate with its chain and key.
fn own(
    certificate: &Path,
    key: &Path,
    now: SystemTime,
    read: &mut ReadFile<'_>,
    warnings: &mut Vec<String>,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate, read)?;
    if let Some(leaf) = chain.first() {
        warnings.extend(age(certificate, leaf, now));
    }
    let pem = bytes(key, read)?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| TlsError::NotPem {
        path: key.to_owned(),
        why: format!("no private key in PEM: {error}"),
    })?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::WrongKey {
            key: key.to_owned(),
            certificate: certificate.to_owned(),
        },
        other => TlsError::Unusable {
            path: key.to_owned(),
            why: other.to_string(),
        },
    })
}

/// A word on a certificate that has ended, ends soon, or has not begun.
fn age(path: &Path, leaf: &CertificateDer<'_>, now: SystemTime) -> Option<String> {
    let (from, to) = names::validity(leaf)?;
    let path = path.display();
    let days = |time: Duration| time.as_secs() / 86_400;
    match (from.duration_since(now), to.duration_since(now)) {
        (_, Err(since)) => Some(format!(
            "{path}: the certificate ended {} days ago",
            days(since.duration())
        )),
        (Ok(left), _) if !left.is_zero() => Some(format!("{path}: the certificate is not valid yet")),
        (_, Ok(left)) if left < SOON => Some(format!("{path}: the certificate ends in {} days", days(left))),
        (_, Ok(_)) => None,
    }
}

fn authorities(path: &Path, read: &mut ReadFile<'_>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, read)? {
        roots.add(certificate).map_err(|error| TlsError::Unusable {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The system's authorities, read once; `None`: it has none.
fn systems() -> Option<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    });
    (!roots.is_empty()).then(|| Arc::clone(roots))
}

fn certificates(path: &Path, read: &mut ReadFile<'_>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = bytes(path, read)?;
    let not_pem = |why: String| TlsError::NotPem {
        path: path.to_owned(),
        why,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| not_pem(error.to_string()))?;
    if found.is_empty() {
        return Err(not_pem("no certificate in PEM".to_owned()));
    }
    Ok(found)
}

fn bytes(path: &Path, read: &mut ReadFile<'_>) -> Result<Vec<u8>, TlsError> {
    read(path).map_err(|why| TlsError::Unreadable {
        path: path.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests;
