//! Answers to the challenges of trunks (RFC 3261 §22, RFC 7616).

use config::Trunk;
use sip_msg::{HeaderId, Message, Method};
use sip_proto::digest;
use smallvec::SmallVec;

use super::Core;

/// Authorization and Proxy-Authorization headers of one request.
pub(crate) type Credentials = SmallVec<[(HeaderId, Vec<u8>); 1]>;

impl Core {
    /// The headers that answer a trunk's challenge: its own, and the one for its other challenge where a server and a proxy of
    /// that trunk both ask (RFC 3261 §22.3). `None`: we have no credentials for it.
    pub(crate) fn authorize(
        &mut self,
        trunk: &Trunk,
        attempt: &mut digest::Attempt,
        challenge: &Message,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Option<Result<Credentials, digest::DigestError>> {
        let credentials = credentials_of(trunk)?;
        Some(self.answer_challenge(&trunk.name, &credentials, attempt, challenge, method, uri, body))
    }

    /// As [`Core::authorize`], with these credentials.
    #[allow(
        clippy::too_many_arguments,
        reason = "a digest is computed over all of these (RFC 7616 §3.4)"
    )]
    pub(crate) fn answer_challenge(
        &mut self,
        trunk: &str,
        credentials: &digest::Credentials,
        attempt: &mut digest::Attempt,
        challenge: &Message,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Result<Credentials, digest::DigestError> {
        let client = self.digests.entry(trunk.to_owned()).or_default();
        let mint = self.endpoint.mint();
        let answer = client.answer(attempt, challenge, credentials, method, uri, body, mint)?;
        let beside = client.beside(answer.0, credentials, method, uri, body, mint);
        Ok([Some(answer), beside].into_iter().flatten().collect())
    }

    /// What a trunk's answer says about the next challenge.
    pub(crate) fn learn(&mut self, trunk: &str, answer: &Message) {
        if let Some(client) = self.digests.get_mut(trunk) {
            client.learn(answer);
        }
    }

    /// The headers that spare a trunk its challenges, for an INVITE with this Request-URI, once it has challenged before.
    pub(crate) fn preemptive(&mut self, trunk: &Trunk, uri: &[u8], body: &[u8]) -> Option<Credentials> {
        let credentials = credentials_of(trunk)?;
        self.spare_challenge(&trunk.name, &credentials, &Method::Invite, uri, body)
    }

    /// As [`Core::preemptive`], for any request with these credentials.
    pub(crate) fn spare_challenge(
        &mut self,
        trunk: &str,
        credentials: &digest::Credentials,
        method: &Method,
        uri: &[u8],
        body: &[u8],
    ) -> Option<Credentials> {
        let (client, mint) = (self.digests.get_mut(trunk)?, self.endpoint.mint());
        let first = client.preemptive(credentials, method, uri, body, mint)?;
        let beside = client.beside(first.0, credentials, method, uri, body, mint);
        Some([Some(first), beside].into_iter().flatten().collect())
    }
}

fn credentials_of(trunk: &Trunk) -> Option<digest::Credentials> {
    let auth = trunk.auth.as_ref()?;
    Some(digest::Credentials {
        username: auth.username.clone(),
        password: auth.password.expose().to_owned(),
        realm: auth.realm.clone(),
    })
}
