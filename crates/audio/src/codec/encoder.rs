//! Samples to payloads.

use super::g711::Law;
use super::g722::G722Encoder;
use super::opus::OpusEncoder;
use super::{Codec, CodecError, Format, l16};

/// An encoder of one stream.
#[derive(Debug)]
pub enum Encoder {
    /// PCMU or PCMA.
    G711(Law),
    /// G.722.
    G722(Box<G722Encoder>),
    /// Opus.
    Opus(OpusEncoder),
    /// L16, with so many channels.
    L16(u8),
}

impl Encoder {
    /// An encoder for samples at [`Codec::encode_rate`]`(other)` Hz.
    ///
    /// # Errors
    /// [`CodecError::Rate`] when the codec can't do that rate.
    pub fn new(format: &Format, other: u32) -> Result<Self, CodecError> {
        Ok(match format.codec {
            Codec::Pcmu => Self::G711(Law::Mu),
            Codec::Pcma => Self::G711(Law::A),
            Codec::G722 => Self::G722(Box::new(G722Encoder::new())),
            Codec::Opus => {
                let rate = format.codec.encode_rate(other);
                Self::Opus(OpusEncoder::new(rate, &format.opus)?)
            }
            Codec::L16 { channels, .. } => Self::L16(channels.clamp(1, 2)),
        })
    }

    /// Encodes one packet into the front of `payload` and gives its length in bytes.
    ///
    /// # Errors
    /// [`CodecError::Length`] when the codec makes no packet of so many samples, [`CodecError::Room`] when the buffer is too small.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let needed = match self {
            Self::G711(_) => samples.len(),
            Self::G722(_) if samples.len().is_multiple_of(2) => samples.len() / 2,
            Self::G722(_) => {
                return Err(CodecError::Length {
                    codec: "G722",
                    samples: samples.len(),
                });
            }
            Self::Opus(encoder) => return encoder.encode(samples, payload),
            Self::L16(channels) => samples.len() * 2 * usize::from(*channels),
        };
        let room = payload.len();
        let payload = payload
            .get_mut(..needed)
            .ok_or(CodecError::Room { needed, room })?;
        match self {
            Self::G711(law) => law.encode(samples, payload),
            Self::G722(encoder) => encoder.encode(samples, payload),
            Self::Opus(_) => {}
            Self::L16(channels) => l16::encode(samples, *channels, payload),
        }
        Ok(needed)
    }
}
