//! Digest (RFC 3261 §22, RFC 2617, RFC 7616, RFC 8760): answers to challenges, and in `server` the challenges themselves.

mod challenge;
mod compute;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;

use sip_msg::{HeaderId, Message, Method};

use crate::Mint;
use crate::mint::Token;
use crate::reply::unfold;
use challenge::{Challenge, Qop};
use compute::{Input, response};

pub use compute::Algorithm;
pub use server::{Name, Policy, Secret, Server, Verdict, username};

/// What we prove to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Only challenges of this realm are answered; absent: of any.
    pub realm: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why a challenge gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No readable Digest challenge in the response, or the response is neither 401 nor 407.
    #[error("no digest challenge")]
    NoChallenge,
    /// Challenges of other realms than that of the credentials only.
    #[error("the challenge is of another realm")]
    OtherRealm,
    /// Only algorithms that we don't know.
    #[error("unknown digest algorithm")]
    UnknownAlgorithm,
    /// Only qualities of protection that we don't know.
    #[error("unknown quality of protection")]
    UnknownQop,
    /// These credentials were refused already: another try would be no better (RFC 3261 §22.1).
    #[error("credentials rejected again")]
    RejectedAgain,
}

/// What happened so far to one request and its retries: one value per INVITE, per BYE, per round of registration. Starts with
/// the default; the same one goes to [`Client::answer`] for every challenge that the request and its retries meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    server: Answered,
    proxy: Answered,
}

/// By which header: a proxy and the server behind it may both ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answered {
    answers: u8,
    stale: u8,
}

/// Most nonces that one request may find stale: each asks for a round trip.
const MAX_STALE: u8 = 2;

/// The challenges of one trunk. Nonces and their counts are shared by all requests to it (RFC 7616 §3.3).
#[derive(Clone, Debug, Default)]
pub struct Client {
    server: Option<Live>,
    proxy: Option<Live>,
}

/// A challenge, how many requests have used its nonce, and the cnonce that these share where a key for all of them is made with
/// the first (`-sess`, RFC 7616 §3.4.2).
#[derive(Clone, Debug)]
struct Live {
    challenge: Challenge,
    count: u32,
    cnonce: Option<Token>,
}

/// The request that is to be answered for.
struct Request<'a> {
    method: &'a Method,
    uri: &'a [u8],
    body: &'a [u8],
}

impl Client {
    /// A client that hasn't been challenged.
    pub const fn new() -> Self {
        Self {
            server: None,
            proxy: None,
        }
    }

    /// The header that answers a 401 (Authorization) or 407 (Proxy-Authorization): of the first realm that the credentials are for,
    /// by the strongest algorithm that we know, wherever it stands. Goes into the request sent again, with the next CSeq. A request
    /// that has been answered for once and is challenged again gets [`DigestError::RejectedAgain`], unless the nonce was only stale;
    /// what was remembered is then forgotten.
    #[allow(clippy::too_many_arguments, reason = "what a digest is made of")]
    pub fn answer(
        &mut self,
        attempt: &mut Attempt,
        challenge: &Message,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
        cnonce: &mut Mint,
    ) -> Result<(HeaderId, Vec<u8>), DigestError> {
        let (asks, answers, slot, answered) = match challenge.status() {
            Some(401) => (
                HeaderId::WwwAuthenticate,
                HeaderId::Authorization,
                &mut self.server,
                &mut attempt.server,
            ),
            Some(407) => {
                let by = HeaderId::ProxyAuthorization;
                (
                    HeaderId::ProxyAuthenticate,
                    by,
                    &mut self.proxy,
                    &mut attempt.proxy,
                )
            }
            Some(_) | None => return Err(DigestError::NoChallenge),
        };
        let new = challenge::choose(challenge, asks, credentials.realm.as_deref().map(str::as_bytes))?;
        if answered.answers > 0 {
            let refused = !new.stale || answered.stale >= MAX_STALE;
            if refused {
                *slot = None;
                return Err(DigestError::RejectedAgain);
            }
            answered.stale += 1;
        }
        answered.answers = answered.answers.saturating_add(1);
        // The same nonce once more (another request was challenged with it too) goes on counting.
        let (count, own) = slot
            .as_ref()
            .filter(|live| live.challenge.nonce == new.nonce)
            .map_or((0, None), |live| (live.count, live.cnonce));
        let live = slot.insert(Live {
            challenge: new,
            count,
            cnonce: own,
        });
        Ok((
            answers,
            live.header(credentials, &Request { method, uri, body }, cnonce),
        ))
    }

    /// The header for a request that wasn't challenged yet, by the last challenge remembered (RFC 7616 §3.6); `None` without one.
    /// A server's comes before a proxy's: where both asked, [`Client::preemptive_proxy`] gives the other.
    pub fn preemptive(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
        cnonce: &mut Mint,
    ) -> Option<(HeaderId, Vec<u8>)> {
        match &mut self.server {
            Some(live) => {
                let header = live.header(credentials, &Request { method, uri, body }, cnonce);
                Some((HeaderId::Authorization, header))
            }
            None => self.preemptive_proxy(credentials, method, uri, body, cnonce),
        }
    }

    /// As [`Client::preemptive`], for the last challenge of a proxy.
    pub fn preemptive_proxy(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
        cnonce: &mut Mint,
    ) -> Option<(HeaderId, Vec<u8>)> {
        let header = self
            .proxy
            .as_mut()?
            .header(credentials, &Request { method, uri, body }, cnonce);
        Some((HeaderId::ProxyAuthorization, header))
    }

    /// What goes along with a header that [`Client::answer`] or [`Client::preemptive`] gave: the answer to the last challenge of the
    /// other kind, where a server and a proxy both ask (RFC 3261 §22.3).
    pub fn beside(
        &mut self,
        given: HeaderId,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
        cnonce: &mut Mint,
    ) -> Option<(HeaderId, Vec<u8>)> {
        let (other, id) = match given {
            HeaderId::Authorization => (&mut self.proxy, HeaderId::ProxyAuthorization),
            _ => (&mut self.server, HeaderId::Authorization),
        };
        let header = other
            .as_mut()?
            .header(credentials, &Request { method, uri, body }, cnonce);
        Some((id, header))
    }

    /// Takes what a final answer says about the next request: the nonce to be used from now on (`nextnonce` of
    /// Authentication-Info, RFC 7616 §3.5; Proxy-Authentication-Info, RFC 7615 §4).
    pub fn learn(&mut self, answer: &Message) {
        for (id, slot) in [
            (HeaderId::AuthenticationInfo, &mut self.server),
            (HeaderId::ProxyAuthenticationInfo, &mut self.proxy),
        ] {
            let (Some(live), Some(value)) = (slot, answer.header(id)) else {
                continue;
            };
            let value = unfold(value);
            let next =
                challenge::Parameters(&value).find(|(name, _)| name.eq_ignore_ascii_case(b"nextnonce"));
            if let Some((_, nonce)) = next.filter(|(_, nonce)| **nonce != live.challenge.nonce) {
                live.challenge.nonce = nonce.to_vec();
                (live.count, live.cnonce) = (0, None);
            }
        }
    }

    /// Forgets every challenge: the next request goes without credentials.
    pub fn forget(&mut self) {
        *self = Self::new();
    }
}

impl Live {
    fn header(&mut self, credentials: &Credentials, request: &Request<'_>, cnonce: &mut Mint) -> Vec<u8> {
        self.count = self.count.saturating_add(1);
        let count = format!("{:08x}", self.count);
        let challenge = &self.challenge;
        let cnonce = if challenge.algorithm.session() {
            *self.cnonce.get_or_insert_with(|| cnonce.tag())
        } else {
            cnonce.tag()
        };
        let digest = response(&Input {
            algorithm: challenge.algorithm,
            qop: challenge.qop,
            username: credentials.username.as_bytes(),
            password: credentials.password.as_bytes(),
            realm: &challenge.realm,
            nonce: &challenge.nonce,
            count: count.as_bytes(),
            cnonce: &cnonce,
            session: &cnonce,
            method: request.method.as_bytes(),
            uri: request.uri,
            body: request.body,
        });
        let mut header = Vec::with_capacity(256 + challenge.nonce.len());
        header.extend_from_slice(b"Digest username=\"");
        quote(&mut header, credentials.username.as_bytes());
        for (name, value) in [
            ("realm", challenge.realm.as_slice()),
            ("nonce", &challenge.nonce),
            ("uri", request.uri),
        ] {
            header.extend_from_slice(format!("\", {name}=\"").as_bytes());
            header.extend_from_slice(value);
        }
        header.extend_from_slice(format!("\", response=\"{digest}\"").as_bytes());
        if let Some(algorithm) = &challenge.algorithm_as_sent {
            header.extend_from_slice(b", algorithm=");
            header.extend_from_slice(algorithm);
        }
        if challenge.qop != Qop::None || challenge.algorithm.session() {
            header.extend_from_slice(format!(", cnonce=\"{cnonce}\"").as_bytes());
        }
        if challenge.qop != Qop::None {
            header.extend_from_slice(format!(", qop={}, nc={count}", challenge.qop.as_str()).as_bytes());
        }
        if let Some(opaque) = &challenge.opaque {
            header.extend_from_slice(b", opaque=\"");
            header.extend_from_slice(opaque);
            header.push(b'"');
        }
        header
    }
}

/// A user name in a quoted string (RFC 3261 §25.1). What came in quotes from the peer goes back as it came.
fn quote(header: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if byte == b'"' || byte == b'\\' {
            header.push(b'\\');
        }
        header.push(byte);
    }
}
