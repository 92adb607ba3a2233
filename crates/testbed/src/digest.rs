//! Digest (RFC 7616) as peers of ours do it, independent of the switch's own.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use std::fmt::Write as _;

/// A user and its password.
pub type Who<'a> = (&'a str, &'a str);

/// A parameter of a challenge or of credentials, without quotes; empty when it isn't there.
#[must_use]
pub fn field(value: &str, name: &str) -> String {
    let parameters = value.strip_prefix("Digest ").unwrap_or(value);
    let found = parameters.split(',').find_map(|part| {
        let (other, value) = part.trim().split_once('=')?;
        (other == name).then(|| value.trim_matches('"').to_owned())
    });
    found.unwrap_or_default()
}

/// Credentials that answer a challenge, with this count.
#[must_use]
pub fn answer(challenge: &str, (user, password): Who<'_>, method: &str, uri: &str, count: u32) -> String {
    let get = |name: &str| field(challenge, name);
    let (realm, nonce, algorithm) = (get("realm"), get("nonce"), get("algorithm"));
    let mut value = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, nc={count:08x}, \
         cnonce=\"c0ffee\", algorithm={algorithm}"
    );
    let response = response(&value, method, (user, password));
    let _ = write!(value, ", response=\"{response}\"");
    value
}

/// Whether these credentials are right for a request of this method.
#[must_use]
pub fn is_right(credentials: &str, method: &str, who: Who<'_>) -> bool {
    field(credentials, "username") == who.0
        && field(credentials, "response") == response(credentials, method, who)
}

fn response(credentials: &str, method: &str, (user, password): Who<'_>) -> String {
    let get = |name: &str| field(credentials, name);
    let algorithm = get("algorithm");
    let hash = |text: String| match algorithm.as_str() {
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-512-256" => hex(&Sha512_256::digest(text)),
        _ => hex(&Md5::digest(text)),
    };
    let secret = hash(format!("{user}:{}:{password}", get("realm")));
    let request = hash(format!("{method}:{}", get("uri")));
    let (nonce, nc, cnonce, qop) = (get("nonce"), get("nc"), get("cnonce"), get("qop"));
    hash(format!("{secret}:{nonce}:{nc}:{cnonce}:{qop}:{request}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
