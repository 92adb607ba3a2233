//! A DTLS library that we did not write, in both roles: OpenSSL's command, on a real socket. It prints what it exported for SRTP.

use super::pair::{identity, setup};
use rtp_proto::dtls::{Association, Engines, Event, Failure, Fingerprint, Hash, Keying, Role};
use rtp_proto::srtp::Suite;
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all of them are given: a label and 60 bytes, as AES-CM wants (RFC 5764 §4.2).
const EXPORT: [&str; 4] = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"];

/// A certificate of OpenSSL's own, in a folder that goes with it.
struct Place {
    folder: PathBuf,
    der: Vec<u8>,
}

impl Place {
    fn new(name: &str, key: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("dtls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl")
                .args(arguments)
                .current_dir(&folder)
                .output()
                .expect("openssl, which the tests need");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let make = [
            &["req", "-x509", "-nodes", "-newkey"],
            key,
            &["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=peer"],
        ];
        run(&make.concat());
        run(&["x509", "-in", "cert.pem", "-outform", "der", "-out", "cert.der"]);
        let der = std::fs::read(folder.join("cert.der")).unwrap();
        Self { folder, der }
    }

    fn ecdsa(name: &str) -> Self {
        Self::new(name, &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new("openssl")
            .args(arguments)
            .args(["-dtls1_2", "-cert", "cert.pem", "-key", "key.pem"])
            .args(EXPORT)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all::<&Path>(&self.folder);
    }
}

/// Drives our side on a socket until something comes of it.
fn drive(socket: &UdpSocket, association: &mut Association, to: Option<SocketAddr>) -> Event {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let begun = Instant::now();
    if let Some(to) = to {
        association.reach(begun, to);
    }
    let mut came = None;
    loop {
        let mut buffer = [0; 2048];
        while let Some((length, to)) = association.poll_transmit(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], to);
        }
        came = came.or_else(|| association.poll_event());
        if let Some(event) = came {
            return event;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{association:?}");
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            association.receive(Instant::now(), from, &buffer[..length]);
        }
        association.handle_timeout(Instant::now());
    }
}

/// What OpenSSL printed, once it is told to end.
fn printed(mut child: Child, is_enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut out = child.stdout.take().unwrap();
    let mut chunk = [0; 4096];
    while !is_enough(&text) {
        let length = out.read(&mut chunk).unwrap();
        if length == 0 {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    let _ = child.kill();
    let _ = child.wait();
    text
}

/// The keys that come of what OpenSSL printed, for our role.
fn exported(text: &str, suite: Suite, role: Role) -> Keying {
    let line = text
        .split("Keying material: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let digits: Vec<u32> = line.unwrap().chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect();
    assert_eq!(bytes.len(), 60, "{text}");
    Keying::deal(suite, role, &bytes).unwrap()
}

fn has_material(text: &str) -> bool {
    text.split("Keying material: ")
        .nth(1)
        .is_some_and(|rest| rest.contains('\n'))
}

fn ours(role: Role, der: &[u8]) -> Association {
    let expected = Fingerprint::of(Hash::Sha384, der);
    Association::new(
        Instant::now(),
        identity() as Arc<dyn Engines>,
        setup(role, &[&expected]),
        true,
    )
}

#[test]
fn openssl_as_client_exports_the_same_keys() {
    for (offered, suite) in [
        (
            "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80",
            Suite::AesCm128Sha80,
        ),
        ("SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", Suite::AesGcm128),
    ] {
        let place = Place::ecdsa(&format!("client-{suite:?}"));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap().to_string();
        let child = place.start(&["s_client", "-connect", &at, "-use_srtp", offered]);
        let mut association = ours(Role::Passive, &place.der);
        let Event::Keys { keying, .. } = drive(&socket, &mut association, None) else {
            panic!("no keys");
        };
        assert_eq!(keying.local.suite(), suite);
        let text = printed(child, has_material);
        // GCM's material is four bytes shorter; what is exported for more begins alike.
        assert!(keying == exported(&text, suite, Role::Passive), "{text}");
    }
}

#[test]
fn openssl_as_server_exports_the_same_keys() {
    let place = Place::ecdsa("server");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free_port();
    let child = place.start(&[
        "s_server",
        "-accept",
        &at.to_string(),
        "-Verify",
        "1",
        "-use_srtp",
        "SRTP_AES128_CM_SHA1_80",
    ]);
    let mut association = ours(Role::Active, &place.der);
    let Event::Keys { keying, .. } = drive(&socket, &mut association, Some(at)) else {
        panic!("no keys");
    };
    assert_eq!(keying.local.suite(), Suite::AesCm128Sha80);
    let text = printed(child, has_material);
    assert!(
        keying == exported(&text, Suite::AesCm128Sha80, Role::Active),
        "{text}"
    );
}

/// What the library cannot do ends in a failure that is told, not in silence.
#[test]
fn a_peer_with_an_rsa_certificate_is_a_failure_that_is_told() {
    let place = Place::new("rsa", &["rsa:2048"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free_port();
    let mut child = place.start(&[
        "s_server",
        "-accept",
        &at.to_string(),
        "-Verify",
        "1",
        "-use_srtp",
        "SRTP_AES128_CM_SHA1_80",
    ]);
    let mut association = ours(Role::Active, &place.der);
    association.reach(Instant::now(), at);
    let later = Instant::now() + rtp_proto::dtls::DEADLINE;
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut buffer = [0; 2048];
    for _ in 0..10 {
        while let Some((length, to)) = association.poll_transmit(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], to);
        }
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            association.receive(Instant::now(), from, &buffer[..length]);
        }
    }
    association.handle_timeout(later);
    let event = association.poll_event();
    let _ = child.kill();
    let _ = child.wait();
    assert!(
        matches!(event, Some(Event::Failed(Failure::Timeout | Failure::Handshake))),
        "{event:?}"
    );
}

/// A port that nobody has at this moment.
fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
