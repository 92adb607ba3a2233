//! Reading challenges (RFC 3261 §20.44, RFC 7616 §3.3).

use sip_msg::{HeaderId, Message};

use super::DigestError;
use super::compute::Algorithm;
use crate::reply::unfold;

/// Quality of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qop {
    /// None asked for: as RFC 2069.
    None,
    /// Method and URI.
    Auth,
    /// And the body.
    AuthInt,
}

impl Qop {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// One Digest challenge that we can answer. Quoted values are kept as they stood between their quotes: so they are hashed,
/// and so they go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) opaque: Option<Vec<u8>>,
    pub(super) algorithm: Algorithm,
    pub(super) algorithm_as_sent: Option<Vec<u8>>,
    pub(super) qop: Qop,
    pub(super) stale: bool,
}

/// The challenge that is answered: of the first realm that `realm` allows (absent: any) with an algorithm that we know, and of
/// that realm's the strongest; of equal ones the first (RFC 8760 §2.4).
pub(super) fn choose(
    response: &Message,
    id: HeaderId,
    realm: Option<&[u8]>,
) -> Result<Challenge, DigestError> {
    let mut best: Result<Challenge, DigestError> = Err(DigestError::NoChallenge);
    for line in response.headers().filter(|header| header.id == id) {
        let Some((whose, found)) = parse(&unfold(line.value)) else {
            continue;
        };
        let found = match realm {
            Some(wanted) if wanted != whose => Err(DigestError::OtherRealm),
            Some(_) | None => found,
        };
        best = match (best, found) {
            (Ok(old), Ok(new))
                if new.realm == old.realm && new.algorithm.strength() > old.algorithm.strength() =>
            {
                Ok(new)
            }
            (Ok(old), Ok(_) | Err(_)) => Ok(old),
            (Err(_), Ok(new)) => Ok(new),
            (Err(DigestError::NoChallenge | DigestError::OtherRealm), Err(why)) => Err(why),
            (Err(why), Err(_)) => Err(why),
        };
    }
    best
}

/// What stands behind `Digest `; `None`: another scheme.
pub(super) fn parameters(value: &[u8]) -> Option<Parameters<'_>> {
    let (scheme, parameters) = value.split_at_checked(6)?;
    let blank = parameters.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"digest") && blank).then_some(Parameters(parameters))
}

/// Reads one header value: the realm, and the challenge if it can be answered. `None`: not Digest, or without realm or nonce.
fn parse(value: &[u8]) -> Option<(Vec<u8>, Result<Challenge, DigestError>)> {
    let (mut realm, mut nonce, mut opaque, mut algorithm, mut qop, mut stale) =
        (None, None, None, None, None, false);
    for (name, value) in parameters(value)? {
        match name.to_ascii_lowercase().as_slice() {
            b"realm" => realm = Some(value.to_vec()),
            b"nonce" => nonce = Some(value.to_vec()),
            b"opaque" => opaque = Some(value.to_vec()),
            b"algorithm" => algorithm = Some(value.to_vec()),
            b"qop" => qop = Some(value),
            b"stale" => stale = value.eq_ignore_ascii_case(b"true"),
            _ => {}
        }
    }
    let (realm, nonce) = realm.zip(nonce)?;
    let known = match &algorithm {
        Some(name) => Algorithm::from_name(name),
        None => Some(Algorithm::Md5),
    };
    let Some(known) = known else {
        return Some((realm, Err(DigestError::UnknownAlgorithm)));
    };
    let qop = match qop {
        None => Qop::None,
        Some(list) if has(list, b"auth") => Qop::Auth,
        Some(list) if has(list, b"auth-int") => Qop::AuthInt,
        Some(_) => return Some((realm, Err(DigestError::UnknownQop))),
    };
    let challenge = Challenge {
        realm: realm.clone(),
        nonce,
        opaque,
        algorithm: known,
        algorithm_as_sent: algorithm,
        qop,
        stale,
    };
    Some((realm, Ok(challenge)))
}

fn has(list: &[u8], token: &[u8]) -> bool {
    list.split(|&c| c == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// `name=value` and `name="value"`, separated by commas.
pub(super) struct Parameters<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self
            .0
            .iter()
            .position(|&c| c != b',' && !c.is_ascii_whitespace())?;
        let rest = self.0.get(start..)?;
        let equals = rest.iter().position(|&c| c == b'=')?;
        let (name, value) = rest.split_at_checked(equals)?;
        let value = value.get(1..)?.trim_ascii_start();
        let (value, rest) = match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
            None => {
                let end = value.iter().position(|&c| c == b',').unwrap_or(value.len());
                value.split_at_checked(end)?
            }
        };
        self.0 = rest;
        Some((name.trim_ascii(), value.trim_ascii_end()))
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&c| {
        let closes = c == b'"' && !escaped;
        escaped = c == b'\\' && !escaped;
        closes
    })
}
