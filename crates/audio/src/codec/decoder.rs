//! Payloads to samples.

use super::g711::Law;
use super::g722::G722Decoder;
use super::opus::OpusDecoder;
use super::{Codec, CodecError, l16};

/// A decoder of one stream.
#[derive(Debug)]
pub enum Decoder {
    /// PCMU or PCMA.
    G711(Law),
    /// G.722.
    G722(Box<G722Decoder>),
    /// Opus.
    Opus(Box<OpusDecoder>),
    /// L16, with so many channels.
    L16(u8),
}

impl Decoder {
    /// A decoder whose samples come at [`Codec::decode_rate`]`(other)` Hz.
    ///
    /// # Errors
    /// [`CodecError::Rate`] when the codec can't do that rate.
    pub fn new(codec: Codec, other: u32) -> Result<Self, CodecError> {
        Ok(match codec {
            Codec::Pcmu => Self::G711(Law::Mu),
            Codec::Pcma => Self::G711(Law::A),
            Codec::G722 => Self::G722(Box::new(G722Decoder::new())),
            Codec::Opus => Self::Opus(Box::new(OpusDecoder::new(codec.decode_rate(other))?)),
            Codec::L16 { channels, .. } => Self::L16(channels.clamp(1, 2)),
        })
    }

    /// How many samples a payload decodes to.
    ///
    /// # Errors
    /// [`CodecError::Payload`] when it isn't this codec's.
    pub fn samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        match self {
            Self::G711(_) => Ok(payload.len()),
            Self::G722(_) => Ok(payload.len() * 2),
            Self::Opus(decoder) => decoder.samples(payload),
            Self::L16(channels) => {
                let bytes = 2 * usize::from(*channels);
                if payload.len().is_multiple_of(bytes) {
                    Ok(payload.len() / bytes)
                } else {
                    Err(CodecError::Payload("L16"))
                }
            }
        }
    }

    /// Decodes a payload into the front of `samples` and says how many there are.
    ///
    /// # Errors
    /// [`CodecError::Payload`] when it isn't this codec's, [`CodecError::Room`] when the buffer is too small.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let needed = self.samples(payload)?;
        let room = samples.len();
        let samples = samples
            .get_mut(..needed)
            .ok_or(CodecError::Room { needed, room })?;
        match self {
            Self::G711(law) => law.decode(payload, samples),
            Self::G722(decoder) => decoder.decode(payload, samples),
            Self::Opus(decoder) => return decoder.decode(payload, samples),
            Self::L16(channels) => l16::decode(payload, *channels, samples),
        }
        Ok(needed)
    }

    /// Lets the codec itself make up for loss, filling `samples` or the most of it that it can; `None` when it has no means of its
    /// own.
    pub fn conceal(&mut self, samples: &mut [i16]) -> Option<usize> {
        match self {
            Self::Opus(decoder) => decoder.conceal(samples).ok(),
            Self::G711(_) | Self::G722(_) | Self::L16(_) => None,
        }
    }

    /// Makes up for the packet lost right before `next` with what `next` says about it (in-band FEC; concealment where it
    /// says nothing). `None` when the codec has no means of its own.
    pub fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> Option<usize> {
        match self {
            Self::Opus(decoder) => decoder.recover(next, samples).ok(),
            Self::G711(_) | Self::G722(_) | Self::L16(_) => None,
        }
    }

    /// Concealment is the codec's own.
    #[must_use]
    pub const fn conceals(&self) -> bool {
        matches!(self, Self::Opus(_))
    }
}
