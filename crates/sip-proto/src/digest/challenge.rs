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
/// that realm's the strongest; of equal ones the first. RFC 8760 §2.4 would take the topmost, and leaves it to local policy: ours
/// is that whoever puts a weak one on top on the way gains nothing.
pub(super) fn choose(
    response: &Message,
    id: HeaderId,
    realm: Option<&[u8]>,
) -> Result<Challenge, DigestError> {
    let mut best: Result<Challenge, DigestError> = Err(DigestError::NoChallenge);
    for line in response.headers().filter(|header| header.id == id) {
        for (whose, found) in challenges(&unfold(line.value)) {
            let found = match realm {
                Some(wanted) if wanted != whose => Err(DigestError::OtherRealm),
                Some(_) | None => found,
            };
            best = better(best, found);
        }
    }
    best
}

fn better(
    best: Result<Challenge, DigestError>,
    found: Result<Challenge, DigestError>,
) -> Result<Challenge, DigestError> {
    match (best, found) {
        (Ok(old), Ok(new))
            if new.realm == old.realm && new.algorithm.strength() > old.algorithm.strength() =>
        {
            Ok(new)
        }
        (Ok(old), Ok(_) | Err(_)) => Ok(old),
        (Err(_), Ok(new)) => Ok(new),
        (Err(DigestError::NoChallenge | DigestError::OtherRealm), Err(why)) => Err(why),
        (Err(why), Err(_)) => Err(why),
    }
}

/// What stands behind `Digest `; `None`: another scheme.
pub(super) fn parameters(value: &[u8]) -> Option<Parameters<'_>> {
    let (scheme, parameters) = value.split_at_checked(6)?;
    let blank = parameters.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"digest") && blank).then_some(Parameters(parameters))
}

/// A challenge's realm, and what can be answered of it.
type Found = (Vec<u8>, Result<Challenge, DigestError>);

/// Reads the Digest challenges of one header line. Each should have a line of its own (RFC 3261 §20.44); some servers write them
/// behind each other, as HTTP does, those of other schemes among them.
fn challenges(line: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut own: Option<Vec<(&[u8], &[u8])>> = None;
    for (name, value) in Parameters(line) {
        // `Digest realm`: a scheme, and the first parameter of its challenge.
        let Some(blank) = name.iter().rposition(u8::is_ascii_whitespace) else {
            own.iter_mut().for_each(|own| own.push((name, value)));
            continue;
        };
        found.extend(own.take().and_then(read));
        let (scheme, name) = name.split_at_checked(blank).unwrap_or((name, &[]));
        let is_digest = scheme.trim_ascii_end().eq_ignore_ascii_case(b"digest");
        own = is_digest.then(|| vec![(name.trim_ascii_start(), value)]);
    }
    found.extend(own.and_then(read));
    found
}

/// Reads one challenge. `None`: it has no realm or nonce.
fn read(parameters: Vec<(&[u8], &[u8])>) -> Option<Found> {
    let (mut realm, mut nonce, mut opaque, mut algorithm, mut qop, mut stale) =
        (None, None, None, None, None, false);
    for (name, value) in parameters {
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
        None | Some(b"") => Qop::None,
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

/// `name=value` and `name="value"`, separated by commas. A word without `=` has an empty value.
pub(super) struct Parameters<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self
            .0
            .iter()
            .position(|&c| c != b',' && !c.is_ascii_whitespace())?;
        let rest = self.0.get(start..)?;
        let end = rest.iter().position(|&c| c == b'=' || c == b',')?;
        let (name, value) = rest.split_at_checked(end)?;
        if value.starts_with(b",") {
            self.0 = value;
            return Some((name.trim_ascii(), b""));
        }
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
