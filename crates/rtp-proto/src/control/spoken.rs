//! What is spoken on a leg.

use smallvec::SmallVec;

/// What is spoken on a leg, as the last offer/answer left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// What we send to this peer.
    pub send: Format,
    /// What may arrive from it, under any number; the codec of `send` first.
    pub accepts: SmallVec<[Format; 2]>,
    /// Telephone events (RFC 4733): payload type and clock in Hz.
    pub events: Option<(u8, u32)>,
    /// Payload type of comfort noise at 8000 Hz (RFC 3389), where the peer takes it.
    pub comfort_noise: Option<u8>,
}

impl Audio {
    /// What a packet holds that arrives under this payload type; `None`: nothing that can be decoded.
    #[must_use]
    pub fn arriving(&self, payload_type: u8) -> Option<Format> {
        let mut accepted = self.accepts.iter();
        accepted
            .find(|format| format.payload_type == payload_type)
            .copied()
    }
}

/// A payload type, and what its packets hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The number it has on this leg (0..=127).
    pub payload_type: u8,
    /// The codec, and the packets that the peer prefers.
    pub audio: audio::Format,
}
