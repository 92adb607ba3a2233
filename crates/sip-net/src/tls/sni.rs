//! Which of a listener's certificates a client gets (RFC 6066 §3).

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Names;

/// A listener's certificates, each with its names.
#[derive(Debug)]
pub(super) struct BySni {
    pub(super) certificates: Vec<(Names, Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name();
        let fits = |(names, _): &&(Names, _)| {
            asked.is_some_and(|asked| names.has_dns(asked) || names.has_sip(asked))
        };
        let found = self.certificates.iter().find(fits);
        found
            .or(self.certificates.first())
            .map(|(_, certificate)| Arc::clone(certificate))
    }
}
