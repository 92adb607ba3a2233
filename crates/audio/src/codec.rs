//! Codecs: what they are called, their clocks, and how much of them fits a packet.

pub(crate) mod decoder;
pub(crate) mod encoder;
pub mod g711;
mod g722;
mod l16;
pub(crate) mod opus;

use crate::MAX_PTIME_MS;
use opus::OpusParameters;

/// Largest payload that is made: an Ethernet frame less IPv6, UDP, RTP and what SRTP adds.
const MAX_PAYLOAD: usize = 1400;

/// A codec that can be decoded and encoded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus (RFC 6716, RFC 7587), mono.
    Opus,
    /// Linear 16 bit samples (RFC 3551 §4.5.11). What comes in stereo is mixed, what goes out in stereo is the same twice.
    L16 {
        /// Samples per second.
        rate: u32,
        /// 1 or 2.
        channels: u8,
    },
}

/// What went wrong in a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The payload isn't what this codec makes.
    #[error("the payload is not valid {0}")]
    Payload(&'static str),
    /// The caller's buffer is too small for what the packet holds.
    #[error("{needed} are needed, the buffer has {room}")]
    Room {
        /// Samples or bytes that are needed.
        needed: usize,
        /// What there is.
        room: usize,
    },
    /// The codec can't make a packet of so many samples.
    #[error("{codec} makes no packet of {samples} samples")]
    Length {
        /// Its name.
        codec: &'static str,
        /// What was asked.
        samples: usize,
    },
    /// The codec can't be set up for this rate.
    #[error("{codec} can't work at {rate} Hz")]
    Rate {
        /// Its name.
        codec: &'static str,
        /// The rate in Hz.
        rate: u32,
    },
}

impl Codec {
    /// Linear samples, mono, at a rate in Hz.
    #[must_use]
    pub const fn l16(rate: u32) -> Self {
        Self::L16 { rate, channels: 1 }
    }

    /// The codec of an `a=rtpmap` (name in any case, clock in Hz, channels), if it's one of these. Opus is `opus/48000/2`
    /// whatever it carries (RFC 7587 §7). Stereo at 44.1 kHz is none of them: its shortest packet of whole samples in whole
    /// milliseconds, 10 ms, is too much for a datagram without fragments.
    #[must_use]
    pub fn parse(name: &str, clock: u32, channels: u32) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match (clock, channels) {
            (48_000, 2) if is("opus") => Some(Self::Opus),
            (8_000, 1) if is("PCMU") => Some(Self::Pcmu),
            (8_000, 1) if is("PCMA") => Some(Self::Pcma),
            (8_000, 1) if is("G722") => Some(Self::G722),
            (8_000 | 16_000 | 44_100 | 48_000, 1) if is("L16") => Some(Self::l16(clock)),
            (8_000 | 16_000 | 48_000, 2) if is("L16") => Some(Self::L16 {
                rate: clock,
                channels: 2,
            }),
            _ => None,
        }
    }

    /// Its encoding name in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
            Self::L16 { .. } => "L16",
        }
    }

    /// Rate of its RTP timestamps in Hz. G.722 says 8000 although its samples come at 16,000 (RFC 3551 §4.5.2).
    #[must_use]
    pub const fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
            Self::L16 { rate, .. } => rate,
        }
    }

    /// Rate of its samples in Hz. For Opus the best it can do; see [`encode_rate`](Self::encode_rate) and
    /// [`decode_rate`](Self::decode_rate).
    #[must_use]
    pub const fn rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
            Self::Opus => 48_000,
            Self::L16 { rate, .. } => rate,
        }
    }

    /// The rate in Hz of the samples that are encoded when they come at `other` Hz: any that the codec takes saves a resampler.
    #[must_use]
    pub const fn encode_rate(self, other: u32) -> u32 {
        match (self, other) {
            (Self::Opus, 8_000 | 16_000 | 48_000) => other,
            _ => self.rate(),
        }
    }

    /// The rate in Hz of the decoded samples when they are wanted at `other` Hz.
    #[must_use]
    pub const fn decode_rate(self, other: u32) -> u32 {
        match (self, other) {
            (Self::Opus, ..=16_000) => 16_000,
            _ => self.rate(),
        }
    }

    /// Bytes of payload in a packet of `ms` milliseconds, or the most there can be where the length varies.
    #[must_use]
    pub const fn payload_bytes(self, ms: u32) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => crate::samples_in(8_000, ms),
            Self::Opus => opus::MAX_PACKET,
            Self::L16 { rate, channels } => 2 * channels as usize * crate::samples_in(rate, ms),
        }
    }

    /// The longest packet time in milliseconds, at most `wanted`, that this codec can make in whole frames and that fits a
    /// datagram without fragments: at least 10, or 7 for linear stereo at 48 kHz, of which no more fit.
    #[must_use]
    pub fn ptime(self, wanted: u32) -> u32 {
        let wanted = wanted.clamp(10, MAX_PTIME_MS);
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => wanted,
            Self::Opus => *[60, 40, 20].iter().find(|ms| **ms <= wanted).unwrap_or(&10),
            // Whole milliseconds of 44.1 kHz come in tens.
            Self::L16 { rate: 44_100, .. } => 10,
            Self::L16 { rate, channels } => wanted.min(most_ms(rate, channels)),
        }
    }
}

/// Milliseconds of 16 bit samples that fit [`MAX_PAYLOAD`], at least 5.
fn most_ms(rate: u32, channels: u8) -> u32 {
    let bytes_per_second = rate * 2 * u32::from(channels.max(1));
    let most = u32::try_from(MAX_PAYLOAD).unwrap_or(0) * 1000 / bytes_per_second.max(1);
    most.max(5)
}

/// What one end sends or receives: a codec with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The codec.
    pub codec: Codec,
    /// Packet time in milliseconds; see [`Codec::ptime`] for what is made of it.
    pub ptime: u32,
    /// What the receiver said in its `a=fmtp` for Opus; unused by the others.
    pub opus: OpusParameters,
}

impl Format {
    /// A codec in packets of 20 ms, with its default parameters.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            ptime: 20,
            opus: OpusParameters::default(),
        }
    }

    /// The same in packets of another length, in milliseconds.
    #[cfg(test)]
    pub(crate) fn with_ptime(self, ms: u32) -> Self {
        Self { ptime: ms, ..self }
    }
}

#[cfg(test)]
mod tests;
