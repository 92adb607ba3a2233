//! What is read, what is refused, what is warned of.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};

use super::*;

fn pair(names: &[&str]) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).expect("names");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn load(files: &HashMap<&str, String>, now: SystemTime) -> (Result<ServerTls, TlsError>, Vec<String>) {
    let mut read = |path: &Path| {
        let name = path.to_str().expect("a name");
        files
            .get(name)
            .map(|text| text.clone().into_bytes())
            .ok_or_else(|| "no such file".to_owned())
    };
    let server = ServerFiles {
        pairs: vec![(PathBuf::from("a.pem"), PathBuf::from("a.key"))],
        clients: Clients::Unasked,
        only_13: false,
    };
    let mut warnings = Vec::new();
    (ServerTls::load(&server, now, &mut read, &mut warnings), warnings)
}

#[test]
fn a_certificate_and_its_key_are_taken_and_anothers_key_is_not() {
    let (certificate, key) = pair(&["a.test"]);
    let mut files = HashMap::from([("a.pem", certificate), ("a.key", key)]);
    let (loaded, warnings) = load(&files, SystemTime::now());
    assert!(loaded.is_ok() && warnings.is_empty(), "{loaded:?} {warnings:?}");
    files.insert("a.key", pair(&["b.test"]).1);
    let (loaded, _) = load(&files, SystemTime::now());
    assert!(matches!(loaded, Err(TlsError::WrongKey { .. })), "{loaded:?}");
    files.insert("a.key", "no key".to_owned());
    assert!(matches!(
        load(&files, SystemTime::now()).0,
        Err(TlsError::NotPem { .. })
    ));
    files.remove("a.key");
    assert!(matches!(
        load(&files, SystemTime::now()).0,
        Err(TlsError::Unreadable { .. })
    ));
}

#[test]
fn a_certificate_that_ends_is_warned_of() {
    let (certificate, key) = pair(&["a.test"]);
    let files = HashMap::from([("a.pem", certificate), ("a.key", key)]);
    // What rcgen makes is good from 1975 to 4096.
    let year = Duration::from_secs(365 * 86_400);
    let (_, before) = load(&files, SystemTime::UNIX_EPOCH + year);
    assert!(
        before.iter().all(|line| line.contains("not valid yet")) && before.len() == 1,
        "{before:?}"
    );
    let (_, after) = load(&files, SystemTime::UNIX_EPOCH + year * 2200);
    assert!(
        after.iter().all(|line| line.contains("ended")) && after.len() == 1,
        "{after:?}"
    );
}
