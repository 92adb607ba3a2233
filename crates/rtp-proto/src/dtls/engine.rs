//! What a DTLS library has to do for an association.

use super::Fingerprint;
use crate::srtp::{Keys, Suite};
use std::fmt;
use std::time::Instant;

/// Who sends the first message (RFC 4145 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The DTLS client.
    Active,
    /// The DTLS server.
    Passive,
}

/// Keys of both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keying {
    /// For what we send.
    pub local: Keys,
    /// For what the peer sends.
    pub remote: Keys,
}

impl Keying {
    /// Out of exported keying material: client's key, server's key, client's salt, server's salt (RFC 5764 §4.2). `None`: it is too
    /// short for the suite.
    #[must_use]
    pub fn deal(suite: Suite, role: Role, material: &[u8]) -> Option<Self> {
        let (client_key, rest) = material.split_at_checked(suite.key_len())?;
        let (server_key, rest) = rest.split_at_checked(suite.key_len())?;
        let (client_salt, rest) = rest.split_at_checked(suite.salt_len())?;
        let server_salt = rest.get(..suite.salt_len())?;
        let client = Keys::single(suite, &[client_key, client_salt].concat()).ok()?;
        let server = Keys::single(suite, &[server_key, server_salt].concat()).ok()?;
        let (local, remote) = match role {
            Role::Active => (client, server),
            Role::Passive => (server, client),
        };
        Some(Self { local, remote })
    }
}

/// What an engine has to say.
#[derive(Debug)]
pub enum Output<'a> {
    /// To be sent.
    Datagram(&'a [u8]),
    /// The peer's certificate (DER); the engine has checked that the peer has its key, and nothing else.
    Certificate(&'a [u8]),
    /// What was exported for SRTP.
    Keys(Keying),
    /// The peer's Finished was right.
    Connected,
    /// The peer says that it is through.
    Closed,
    /// Nothing that an association looks at.
    Nothing,
    /// Nothing more for now; what comes next at the latest.
    Wait(Option<Instant>),
}

/// The handshake can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DTLS: {0}")]
pub struct Broken(pub String);

/// One handshake, without sockets or clock. Each call is followed by [`poll`](Self::poll) until it says [`Output::Wait`].
pub trait Engine: fmt::Debug + Send {
    /// A datagram from the peer, or from somebody else.
    ///
    /// # Errors
    /// [`Broken`]: this handshake is over.
    fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Broken>;

    /// Time has passed; the first call makes an active engine begin.
    ///
    /// # Errors
    /// [`Broken`]: this handshake is over.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Broken>;

    /// What it has to say, in `buffer`.
    ///
    /// # Errors
    /// [`Broken`]: this handshake is over, or what it has to say does not fit.
    fn poll<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Output<'a>, Broken>;
}

/// Where engines come from: one certificate and all that goes with it.
pub trait Engines: fmt::Debug + Send + Sync {
    /// A handshake in this role.
    fn start(&self, now: Instant, role: Role) -> Box<dyn Engine>;

    /// Our certificate's, for `a=fingerprint`.
    fn fingerprint(&self) -> &Fingerprint;
}
