//! Digest challenges (RFC 7616) from the side that makes them.

use md5::{Digest as _, Md5};

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether an Authorization or Proxy-Authorization value answers an MD5 challenge with `qop="auth"` rightly.
#[must_use]
pub fn is_answered(value: &str, method: &str, user: &str, password: &str) -> bool {
    let Some(fields) = value.strip_prefix("Digest ") else {
        return false;
    };
    let field = |name: &str| {
        fields.split(',').find_map(|part| {
            let (other, value) = part.trim().split_once('=')?;
            (other == name).then(|| value.trim_matches('"').to_owned())
        })
    };
    let get = |name: &str| field(name).unwrap_or_default();
    let secret = md5(&format!("{user}:{}:{password}", get("realm")));
    let request = md5(&format!("{method}:{}", get("uri")));
    let middle = format!("{}:{}:{}:auth", get("nonce"), get("nc"), get("cnonce"));
    get("username") == user && get("response") == md5(&format!("{secret}:{middle}:{request}"))
}

/// An Authorization value that answers an MD5 challenge with `qop="auth"`, its nonce used for the first time.
#[must_use]
pub fn answer(challenge: &str, method: &str, uri: &str, user: &str, password: &str) -> String {
    let field = |name: &str| {
        let fields = challenge.strip_prefix("Digest ").unwrap_or_default();
        let found = fields.split(',').find_map(|part| {
            let (other, value) = part.trim().split_once('=')?;
            (other == name).then(|| value.trim_matches('"').to_owned())
        });
        found.unwrap_or_default()
    };
    let (realm, nonce) = (field("realm"), field("nonce"));
    let secret = md5(&format!("{user}:{realm}:{password}"));
    let request = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{secret}:{nonce}:00000001:c:auth:{request}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001"
    )
}
