//! The SRTP and SRTCP transforms (RFC 3711, RFC 6188, RFC 7714): packets are protected and unprotected in place.
//!
//! A [`Sender`] holds the keys of what we send, a [`Receiver`] those of what a peer sends. Both keep a rollover counter and a
//! replay window for each SSRC. A packet that is refused changes nothing. The key derivation rate is 0: session keys are derived
//! once for each master key.

mod cipher;
mod derive;
mod keys;
mod receiver;
mod sender;
mod suite;
mod table;
mod window;
mod wire;

pub use keys::{KeyError, Keys, MasterKey, Mki};
pub use receiver::Receiver;
pub use sender::Sender;
pub use suite::Suite;

/// The most that a packet grows by when it is protected: the longest tag, the SRTCP index, and the longest MKI.
pub const MAX_OVERHEAD: usize = 16 + 4 + Mki::MAX;

/// Why a packet was neither protected nor accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Too short, a wrong version, or a header that does not fit.
    #[error("the packet is not well formed")]
    Malformed,
    /// The buffer has no room for tag, MKI and index.
    #[error("the buffer has no room for what protection adds")]
    NoRoom,
    /// Its master key identifier names none of the keys.
    #[error("the packet names a master key that is not known")]
    UnknownKey,
    /// The tag does not match, or an SRTCP packet claims not to be encrypted (RFC 4568 §6.3.2).
    #[error("the packet is not authentic")]
    Unauthentic,
    /// The same index was there before.
    #[error("the packet was there before")]
    Replayed,
    /// Older than the replay window reaches.
    #[error("the packet is too old to tell whether it was there before")]
    TooOld,
    /// The master key has served as many packets as it may (RFC 3711 §9.2, RFC 4568 §6.1).
    #[error("the master key has reached the end of its life")]
    Expired,
    /// More SSRCs under one key than are kept track of.
    #[error("too many sources under one key")]
    TooManySources,
}

#[cfg(test)]
mod tests;
