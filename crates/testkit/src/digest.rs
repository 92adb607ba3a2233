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
