//! What a configuration makes of itself for STIR/SHAKEN: files read, keys checked.

use std::path::{Path, PathBuf};

use config::{Config, Trunk};
use stir::{Anchors, CertificateUrl, Chain, Numbering, Signer};

/// Key, trust anchors and numbering of a configuration.
#[derive(Debug, Default)]
pub struct Stir {
    /// The operator's key, where there is one.
    pub(super) signer: Option<Signer>,
    /// Who is trusted.
    pub(super) anchors: Anchors,
    /// Of numbers that are written without +.
    country_code: Option<String>,
    /// The roots of `stir.https_roots`, each in DER; `None`: the system's.
    pub https_roots: Option<Vec<Vec<u8>>>,
}

impl Stir {
    /// How numbers are written on a trunk: as in its own country, where it has one.
    pub(super) fn numbering(&self, trunk: &Trunk) -> Numbering {
        let own = trunk.numbering.as_ref();
        let own = own.map(|numbering| numbering.country_code.clone());
        Numbering {
            country_code: own.or_else(|| self.country_code.clone()),
        }
    }

    /// The moments between which our certificate is valid, seconds since 1970; `None`: there is none.
    #[must_use]
    pub fn validity(&self) -> Option<(u64, u64)> {
        self.signer.as_ref().map(Signer::validity)
    }
}

/// Reads what `[stir]` names, with `read`.
///
/// # Errors
/// What is wrong with each file, with its name and key.
pub fn stir(
    config: &Config,
    mut read: impl FnMut(&Path) -> Result<Vec<u8>, String>,
) -> Result<Stir, Vec<String>> {
    let keys = &config.stir;
    let mut files = Reading {
        read: &mut read,
        errors: Vec::new(),
    };
    let https_roots = files.take("https_roots", &keys.https_roots, stir::certificates_in);
    let anchors = files.take("trust_anchors", &keys.trust_anchors, Anchors::parse);
    let chain = files.take("certificate", &keys.certificate, |pem| {
        let chain = Chain::parse(pem)?;
        chain.leaf().check_leaf()?;
        Ok::<_, stir::CertError>(chain)
    });
    let url = match keys.certificate_url.as_deref().map(CertificateUrl::parse) {
        Some(Ok(url)) => Some(url),
        Some(Err(error)) => {
            files.errors.push(format!("stir.certificate_url: {error}"));
            None
        }
        None => None,
    };
    let signer = match (chain, url) {
        (Some(chain), Some(url)) => files.take("private_key", &keys.private_key, |key| {
            Signer::new(key, &chain, url)
        }),
        (Some(_), None) | (None, _) => None,
    };
    if !files.errors.is_empty() {
        return Err(files.errors);
    }
    Ok(Stir {
        signer,
        anchors: anchors.unwrap_or_default(),
        country_code: keys.country_code.clone(),
        https_roots,
    })
}

/// Files, as they are read, and what is wrong with them.
struct Reading<'r> {
    read: &'r mut dyn FnMut(&Path) -> Result<Vec<u8>, String>,
    errors: Vec<String>,
}

impl Reading<'_> {
    /// What `make` makes of a key's file. `None`: the key is not written, or the file is not good.
    fn take<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        path: &Option<PathBuf>,
        make: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Option<T> {
        let path = path.as_deref()?;
        let bytes = (self.read)(path);
        let made = bytes.and_then(|bytes| make(&bytes).map_err(|error| error.to_string()));
        made.map_err(|error| {
            self.errors
                .push(format!("{}: stir.{key}: {error}", path.display()))
        })
        .ok()
    }
}
