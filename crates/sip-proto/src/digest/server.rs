//! Challenges of our own, and the answers to them (RFC 7616 §3.3 to §3.5, RFC 8760 §2.3).
//!
//! A nonce says when it was made and carries a proof that it is ours, so nothing is kept for a challenge that nobody answers. What is
//! kept, and bounded, is which counts of which nonce have been used, and the cnonce that a session began with: only those who know a
//! password make us remember anything.

mod nonce;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message, SipUri};

use super::challenge::{Qop, parameters};
use super::compute::{Algorithm, Input, response};
use crate::Mint;
use crate::reply::unfold;
use nonce::{Nonces, Session, Use};

/// What a challenge offers and an answer may use.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    /// The realm: what a user's password is for.
    pub realm: &'a str,
    /// Algorithms, one header each, in this order. Whoever asks for the `-sess` variety of one gets it.
    pub algorithms: &'a [Algorithm],
    /// Whether the body may be protected too (`auth-int`).
    pub integrity: bool,
    /// How long a nonce is good for.
    pub lifetime: Duration,
}

/// What an answer calls its user by.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// By name.
    Plain(&'a str),
    /// By a hash of name and realm (`userhash`, RFC 7616 §3.4.4).
    Hashed {
        /// Hexadecimal digits.
        hash: &'a [u8],
        /// Of which hash.
        algorithm: Algorithm,
        /// The realm.
        realm: &'a str,
    },
}

impl Name<'_> {
    /// Whether this is what the user is called by.
    pub fn is(&self, username: &str) -> bool {
        match self {
            Self::Plain(name) => *name == username,
            Self::Hashed {
                hash,
                algorithm,
                realm,
            } => {
                let own = algorithm.hash(&[username.as_bytes(), realm.as_bytes()]);
                hash.eq_ignore_ascii_case(own.as_bytes())
            }
        }
    }
}

/// A user as whoever keeps them knows it.
#[derive(Clone, Copy, Debug)]
pub struct Secret<'a, K> {
    /// Whatever tells the user apart.
    pub key: K,
    /// Its name.
    pub username: &'a str,
    /// Its password.
    pub password: &'a str,
}

/// What a request's credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<K> {
    /// There are none that could be looked at: for this realm, by an algorithm and quality of protection that were offered. The
    /// first request of anybody is such.
    Absent,
    /// They are right.
    Known(K),
    /// The password is right, the nonce too old or used already: to be challenged again, with `stale`.
    Stale,
    /// No such user, or the wrong password.
    Wrong,
    /// They are for another request than the one they came in (RFC 7616 §3.4.6), or cannot be read: 400.
    Unusable,
}

/// Makes challenges and judges answers. One for each shard: a nonce is good where it was made.
#[derive(Debug)]
pub struct Server {
    nonces: Nonces,
}

impl Server {
    /// One whose nonces nobody can guess or make.
    pub fn new(now: Instant, mint: &mut Mint) -> Self {
        Self {
            nonces: Nonces::new(now, mint),
        }
    }

    /// The values of WWW-Authenticate, one for each algorithm. `stale`: what came with the request was right but for its nonce.
    pub fn challenge(
        &mut self,
        now: Instant,
        policy: &Policy<'_>,
        stale: bool,
        mint: &mut Mint,
    ) -> Vec<String> {
        let nonce = self.nonces.mint(now, mint);
        let realm = policy.realm.replace(['"', '\\'], "");
        let qop = if policy.integrity { "auth,auth-int" } else { "auth" };
        let stale = if stale { ", stale=true" } else { "" };
        let one = |algorithm: &Algorithm| {
            let name = algorithm.name();
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"{qop}\", algorithm={name}{stale}")
        };
        policy.algorithms.iter().map(one).collect()
    }

    /// Judges the credentials in Authorization for `policy`'s realm. `find` looks the user up by its name.
    pub fn check<'u, K>(
        &mut self,
        now: Instant,
        policy: &Policy<'_>,
        request: &Message,
        find: impl FnOnce(Name<'_>) -> Option<Secret<'u, K>>,
    ) -> Verdict<K> {
        let realm = policy.realm.replace(['"', '\\'], "");
        let lines = request.lines(HeaderId::Authorization).map(unfold);
        let lines: Vec<Cow<'_, [u8]>> = lines.collect();
        let answers = lines.iter().filter_map(|line| Answer::read(line));
        let Some(answer) = answers
            .into_iter()
            .find(|answer| answer.realm == realm.as_bytes())
        else {
            return Verdict::Absent;
        };
        let Some(offered) = answer.offered(policy) else {
            return Verdict::Absent;
        };
        if !for_this(answer.uri, request.uri()) {
            return Verdict::Unusable;
        }
        let session = self.session(now, policy, &answer, offered.0);
        if session == Session::Over && answer.count() != Some(1) {
            // Its key can't be made any more. Whoever guesses is told the same, whatever the guess.
            return Verdict::Stale;
        }
        let username = sip_msg::unescape_quoted(answer.username);
        let Ok(name) = std::str::from_utf8(&username) else {
            return Verdict::Wrong;
        };
        let name = if answer.hashed {
            Name::Hashed {
                hash: name.as_bytes(),
                algorithm: offered.0,
                realm: &realm,
            }
        } else {
            Name::Plain(name)
        };
        // Nobody learns from the time it takes whether there is such a user.
        let found = find(name);
        let (username, password) = found
            .as_ref()
            .map_or(("nobody", ""), |user| (user.username, user.password));
        let is_right = answer.is_right(request, offered, username, password, session);
        match found.filter(|_| is_right) {
            None => Verdict::Wrong,
            Some(user) => match self.nonces.use_up(
                now,
                policy.lifetime,
                answer.nonce,
                answer.count(),
                offered.0.session().then_some(answer.cnonce),
            ) {
                Use::Fresh => Verdict::Known(user.key),
                Use::Stale => Verdict::Stale,
            },
        }
    }

    fn session(
        &self,
        now: Instant,
        policy: &Policy<'_>,
        answer: &Answer<'_>,
        algorithm: Algorithm,
    ) -> Session<'_> {
        if algorithm.session() {
            self.nonces.session(now, policy.lifetime, answer.nonce)
        } else {
            Session::New
        }
    }

    /// Nonces whose counts are remembered.
    pub fn remembered(&self) -> usize {
        self.nonces.len()
    }
}

/// The name in a request's first credentials, right or wrong; if it is hashed, the hash.
pub fn username(request: &Message) -> Option<String> {
    let line = unfold(request.header(HeaderId::Authorization)?);
    let username = sip_msg::unescape_quoted(Answer::read(&line)?.username);
    Some(String::from_utf8_lossy(&username).into_owned())
}

/// Credentials as they came; values are what stood between the quotes.
#[derive(Default)]
struct Answer<'a> {
    username: &'a [u8],
    realm: &'a [u8],
    nonce: &'a [u8],
    uri: &'a [u8],
    response: &'a [u8],
    algorithm: Option<&'a [u8]>,
    qop: Option<&'a [u8]>,
    nc: &'a [u8],
    cnonce: &'a [u8],
    hashed: bool,
}

impl<'a> Answer<'a> {
    /// Reads a header value; `None`: not Digest.
    fn read(value: &'a [u8]) -> Option<Self> {
        let mut answer = Self::default();
        for (name, value) in parameters(value)? {
            match name.to_ascii_lowercase().as_slice() {
                b"username" => answer.username = value,
                b"realm" => answer.realm = value,
                b"nonce" => answer.nonce = value,
                b"uri" => answer.uri = value,
                b"response" => answer.response = value,
                b"algorithm" => answer.algorithm = Some(value),
                b"qop" => answer.qop = Some(value),
                b"nc" => answer.nc = value,
                b"cnonce" => answer.cnonce = value,
                b"userhash" => answer.hashed = value.eq_ignore_ascii_case(b"true"),
                _ => {}
            }
        }
        Some(answer)
    }

    /// Algorithm and quality of protection, if `policy` offers them. Without any quality, as from equipment older than RFC 2617,
    /// it has to be MD5 (RFC 8760 §2.6 wants one with all others).
    fn offered(&self, policy: &Policy<'_>) -> Option<(Algorithm, Qop)> {
        let algorithm = Algorithm::from_name(self.algorithm.unwrap_or(b"MD5"))?;
        let is_offered = |known: &Algorithm| known.strength() == algorithm.strength();
        policy.algorithms.iter().any(is_offered).then_some(())?;
        let qop = match self.qop {
            None if algorithm == Algorithm::Md5 => Qop::None,
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Qop::Auth,
            Some(qop) if policy.integrity && qop.eq_ignore_ascii_case(b"auth-int") => Qop::AuthInt,
            Some(_) | None => return None,
        };
        Some((algorithm, qop))
    }

    /// The count, where there is one.
    fn count(&self) -> Option<u32> {
        self.qop?;
        u32::from_str_radix(std::str::from_utf8(self.nc).ok()?, 16).ok()
    }

    /// Many make the key of a session anew for each request, and RFC 7616 §3.4.2 once: either is right.
    fn is_right(
        &self,
        request: &Message,
        (algorithm, qop): (Algorithm, Qop),
        username: &str,
        password: &str,
        session: Session<'_>,
    ) -> bool {
        let body = request.body();
        let method = request.method().map(sip_msg::Method::as_bytes);
        let began = match session {
            Session::Began(cnonce) if cnonce != self.cnonce => Some(cnonce),
            Session::Began(_) | Session::New | Session::Over => None,
        };
        std::iter::once(self.cnonce).chain(began).any(|session| {
            let wanted = response(&Input {
                algorithm,
                qop,
                username: username.as_bytes(),
                password: password.as_bytes(),
                realm: self.realm,
                nonce: self.nonce,
                count: self.nc,
                cnonce: self.cnonce,
                session,
                method: method.unwrap_or_default(),
                uri: self.uri,
                body: &body,
            });
            same(wanted.as_bytes(), &self.response.to_ascii_lowercase())
        })
    }
}

/// Equality in a time that says nothing about where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differ = a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y));
    a.len() == b.len() && std::hint::black_box(differ) == 0
}

/// Whether the URI in the credentials is the request's. Parameters and a port come and go on the way and are no matter: user and
/// host are.
fn for_this(uri: &[u8], requested: &[u8]) -> bool {
    if uri == requested {
        return true;
    }
    match (SipUri::parse(uri), SipUri::parse(requested)) {
        (Ok(a), Ok(b)) => {
            a.user_unescaped() == b.user_unescaped()
                && match (a.ip(), b.ip()) {
                    (Some(a), Some(b)) => a == b,
                    _ => a.host.eq_ignore_ascii_case(b.host),
                }
        }
        _ => false,
    }
}
