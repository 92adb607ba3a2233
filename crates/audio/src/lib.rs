//! Everything about samples, without sockets or a clock: codecs, sample rates, jitter buffer, concealment, comfort noise,
//! tones, announcements, in-band digits, and the transcoder that ties them together for one direction of a call.
//!
//! Samples are `i16`, mono, full scale at 32,768. A buffer belongs to the caller, and nothing here allocates for a packet
//! once a machine is set up, but the Opus encoder (of others), whose work space comes from the heap. Time is passed in.
//!
//! - [`Codec`], [`Decoder`], [`Encoder`]: payloads to samples and back.
//! - [`Transcoder`]: one direction between two legs: jitter buffer, concealment, comfort noise, another codec or packet time.
//! - [`Player`]: tones ([`tone`]), announcements ([`Clip`]) and digits ([`dtmf`]) in a leg's codec.
//! - [`progress`]: whether what comes is a voice or a tone of the network.
//! - [`Resampler`]: one sample rate to another.

mod codec;
mod conceal;
pub mod dtmf;
mod fifo;
mod jitter;
mod level;
mod noise;
mod outlet;
mod player;
pub mod progress;
mod receive;
mod resample;
#[cfg(test)]
mod signal;
pub mod tone;
mod transcode;
mod wav;

pub use codec::decoder::Decoder;
pub use codec::encoder::Encoder;
pub use codec::g711;
pub use codec::opus::OpusParameters;
pub use codec::{Codec, CodecError, Format};
pub use conceal::Concealer;
pub use noise::NoiseParameters;
pub use outlet::{Frame, FrameKind};
pub use player::{Player, Program};
pub use receive::{Arrival, Pushed};
pub use resample::Resampler;
pub use transcode::{Transcoder, TranscoderSettings};
pub use wav::{Clip, WavError};

/// Longest packet that anything here handles, in milliseconds.
pub const MAX_PTIME_MS: u32 = 120;

/// The nearest sample; the cast keeps it in range.
pub(crate) fn round(value: f32) -> i16 {
    value.round() as i16
}

/// Greatest common divisor.
pub(crate) const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Samples in so many milliseconds at a rate in Hz.
#[must_use]
pub const fn samples_in(rate: u32, ms: u32) -> usize {
    (rate as u64 * ms as u64 / 1000) as usize
}
