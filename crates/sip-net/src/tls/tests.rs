//! What is read, what is refused, what is warned of.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{CertificateError, ClientConnection, Error, ServerConnection};

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

const SIP_DOMAIN: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 20];

/// An authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A certificate for these purposes, and its key.
    fn pair(&self, name: &str, purposes: &[ExtendedKeyUsagePurpose], ended: bool) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("names");
        params.extended_key_usages = purposes.to_vec();
        if ended {
            params.not_after = rcgen::date_time_ymd(2000, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

/// A handshake in memory: what the server and the client say of it.
fn handshake(
    authority: &Authority,
    required: bool,
    server: &(String, String),
    client: Option<&(String, String)>,
) -> (Result<(), Error>, Result<(), Error>) {
    let mut files = HashMap::from([
        ("ca.pem", authority.pem.clone()),
        ("s.pem", server.0.clone()),
        ("s.key", server.1.clone()),
    ]);
    if let Some((certificate, key)) = client {
        files.extend([("c.pem", certificate.clone()), ("c.key", key.clone())]);
    }
    let mut read = |path: &Path| Ok(files[path.to_str().expect("a name")].clone().into_bytes());
    let ca = PathBuf::from("ca.pem");
    let listener = ServerFiles {
        pairs: vec![("s.pem".into(), "s.key".into())],
        clients: if required {
            Clients::Required(ca.clone())
        } else {
            Clients::Optional(ca.clone())
        },
        only_13: false,
    };
    let peer = ClientFiles {
        name: Some("s.test".to_owned()),
        ca: Some(ca),
        own: client.map(|_| ("c.pem".into(), "c.key".into())),
        verify: true,
    };
    let now = SystemTime::now();
    let server = ServerTls::load(&listener, now, &mut read, &mut Vec::new()).expect("a server");
    let client = ClientTls::load(&peer, now, &mut read, &mut Vec::new()).expect("a client");
    let mut server = ServerConnection::new(server.config).expect("a server");
    let mut client = ClientConnection::new(client.config, client.name.expect("a name")).expect("a client");
    let (mut ours, mut theirs) = (Ok(()), Ok(()));
    for _ in 0..5 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).expect("room");
        }
        server.read_tls(&mut wire.as_slice()).expect("octets");
        ours = ours.and(server.process_new_packets().map(drop));
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("room");
        }
        client.read_tls(&mut wire.as_slice()).expect("octets");
        theirs = theirs.and(client.process_new_packets().map(drop));
    }
    (ours, theirs)
}

/// Whoever has one certificate for both roles has it for servers; RFC 5924 has a purpose of its own.
#[test]
fn a_client_may_show_what_is_for_servers_or_for_sip() {
    use ExtendedKeyUsagePurpose::{ClientAuth, CodeSigning, Other, ServerAuth};
    let authority = Authority::new("ours");
    let server = authority.pair("s.test", &[ServerAuth], false);
    let sip = || Other(SIP_DOMAIN.to_vec());
    for purposes in [
        vec![],
        vec![ClientAuth],
        vec![ServerAuth],
        vec![sip()],
        vec![CodeSigning, sip()],
    ] {
        let client = authority.pair("c.test", &purposes, false);
        for required in [true, false] {
            let said = handshake(&authority, required, &server, Some(&client));
            assert_eq!(said, (Ok(()), Ok(())), "{purposes:?}");
        }
    }
    for required in [true, false] {
        let client = authority.pair("c.test", &[CodeSigning], false);
        let (ours, _) = handshake(&authority, required, &server, Some(&client));
        let error = ours.expect_err("it is for something else");
        assert!(verify::by_purpose(&error), "{error}");
    }
}

#[test]
fn of_a_clients_certificate_all_else_is_looked_at_as_before() {
    use ExtendedKeyUsagePurpose::{Other, ServerAuth};
    let (authority, stranger) = (Authority::new("ours"), Authority::new("another"));
    let server = authority.pair("s.test", &[ServerAuth], false);
    for purposes in [vec![ServerAuth], vec![Other(SIP_DOMAIN.to_vec())]] {
        let (ours, _) = handshake(
            &authority,
            true,
            &server,
            Some(&stranger.pair("c.test", &purposes, false)),
        );
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(ours, Err(unknown), "{purposes:?}");
        let (ours, _) = handshake(
            &authority,
            true,
            &server,
            Some(&authority.pair("c.test", &purposes, true)),
        );
        let expired = matches!(
            ours,
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
        );
        assert!(expired, "{purposes:?}: {ours:?}");
    }
    let (ours, _) = handshake(&authority, true, &server, None);
    assert_eq!(ours, Err(Error::NoCertificatesPresented));
    assert_eq!(handshake(&authority, false, &server, None), (Ok(()), Ok(())));
}

#[test]
fn a_server_may_show_what_is_for_sip_and_not_what_is_for_clients() {
    use ExtendedKeyUsagePurpose::{ClientAuth, Other};
    let authority = Authority::new("ours");
    let sip = authority.pair("s.test", &[Other(SIP_DOMAIN.to_vec())], false);
    assert_eq!(handshake(&authority, false, &sip, None), (Ok(()), Ok(())));
    let other = authority.pair("other.test", &[Other(SIP_DOMAIN.to_vec())], false);
    assert!(
        handshake(&authority, false, &other, None).1.is_err(),
        "the name holds"
    );
    let client = authority.pair("s.test", &[ClientAuth], false);
    let error = handshake(&authority, false, &client, None)
        .1
        .expect_err("it is a client's");
    assert!(verify::by_purpose(&error), "{error}");
}
