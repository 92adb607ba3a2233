//! Answers to digest challenges (RFC 3261 §22, RFC 2617, RFC 7616), client side.

use sip_msg::{HeaderId, Message, Method};

use crate::Mint;

/// What we prove to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// Why a challenge gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No Digest challenge in the response.
    #[error("no digest challenge")]
    NoChallenge,
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

/// What happened so far to one request and its retries: one per INVITE sent, BYE sent, registration round. Start each with
/// the default, hand the same one to [`Client::answer`] for every challenge that its retries meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    answered: u8,
}

/// The challenges of one trunk: nonces and their counts are shared by all requests to it.
#[derive(Clone, Debug, Default)]
pub struct Client {
    challenges: Vec<u8>,
}

impl Client {
    /// A client that hasn't been challenged.
    pub fn new() -> Self {
        Self::default()
    }

    /// The header that answers a 401 or 407.
    #[allow(clippy::too_many_arguments)]
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
        let _ = (
            attempt.answered,
            challenge,
            &credentials.username,
            method,
            uri,
            body,
            cnonce,
            &self.challenges,
        );
        todo!()
    }

    /// The header for a request that wasn't challenged yet, by the last challenge remembered (RFC 7616 §3.6).
    pub fn preemptive(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
        cnonce: &mut Mint,
    ) -> Option<(HeaderId, Vec<u8>)> {
        let _ = (credentials, method, uri, body, cnonce);
        todo!()
    }
}
