//! Opus in RTP (RFC 6716, RFC 7587): parameters, encoder, decoder.
//!
//! So that a build needs no C library, the encoder is that of libopus 1.3.1 in its translation to Rust (`unsafe-libopus`; all that is
//! `unsafe` about it is in `raw`), and the decoder that of `opus-rs`. Why one of each: the translation's decoder conceals losses with
//! full scale (a constant lost its sign), and the other's encoder can panic. The decoder isn't asked for 8 kHz, where it
//! differs from the reference; at 16 and 48 kHz it's within 46 dB of it, losses included.

mod raw;

use super::CodecError;
use crate::{MAX_PTIME_MS, round, samples_in};
use raw::RawEncoder;
use std::fmt;

const NAME: &str = "opus";

/// Largest packet that is made (RFC 6716 §3.4 allows a frame 1275).
pub(super) const MAX_PACKET: usize = 1275;

/// Bits per second when the receiver sets no limit, by the rate of the samples in Hz (RFC 7587 §3.1.1: the sweet spots for
/// speech are 8 to 12, 16 to 20 and 28 to 40 kbit/s).
fn usual_bitrate(rate: u32) -> u32 {
    match rate {
        ..=8_000 => 16_000,
        8_001..=16_000 => 24_000,
        _ => 32_000,
    }
}

/// What a receiver says about itself in `a=fmtp` (RFC 7587 §6.1), as far as anything follows from it: it's sent mono without
/// pauses, which every receiver takes, whatever it says of `stereo` and `usedtx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpusParameters {
    /// `maxplaybackrate`: it plays nothing above half of this, in Hz.
    pub max_playback_rate: u32,
    /// `maxaveragebitrate` in bits per second; 0: it sets no limit.
    pub max_average_bitrate: u32,
    /// `useinbandfec`: it can use in-band error correction.
    pub in_band_fec: bool,
    /// `cbr`: it wants a constant bit rate.
    pub constant_bitrate: bool,
}

impl Default for OpusParameters {
    fn default() -> Self {
        Self {
            max_playback_rate: 48_000,
            max_average_bitrate: 0,
            in_band_fec: false,
            constant_bitrate: false,
        }
    }
}

impl OpusParameters {
    /// The value of an `a=fmtp`, without its payload type. What isn't known or makes no sense is passed over.
    #[must_use]
    pub fn from_fmtp(text: &str) -> Self {
        let mut parameters = Self::default();
        for pair in text.split(';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let (name, Ok(value)) = (name.trim(), value.trim().parse::<u32>()) else {
                continue;
            };
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("maxplaybackrate") {
                parameters.max_playback_rate = value.clamp(8_000, 48_000);
            } else if is("maxaveragebitrate") {
                parameters.max_average_bitrate = value.clamp(6_000, 510_000);
            } else if is("useinbandfec") {
                parameters.in_band_fec = value == 1;
            } else if is("cbr") {
                parameters.constant_bitrate = value == 1;
            }
        }
        parameters
    }
}

/// Samples to packets.
#[derive(Debug)]
pub struct OpusEncoder(RawEncoder);

impl OpusEncoder {
    /// For samples at `rate` Hz (8, 12, 16, 24 or 48 kHz) and a receiver of these parameters.
    pub(super) fn new(rate: u32, parameters: &OpusParameters) -> Result<Self, CodecError> {
        let mut encoder = RawEncoder::new(rate)?;
        let usual = usual_bitrate(rate.min(parameters.max_playback_rate));
        let bitrate = match parameters.max_average_bitrate {
            0 => usual,
            limit => usual.min(limit),
        };
        encoder.set_bitrate(bitrate);
        encoder.set_max_playback_rate(parameters.max_playback_rate);
        encoder.set_complexity(5);
        encoder.set_constant_bitrate(parameters.constant_bitrate);
        if parameters.in_band_fec {
            encoder.set_in_band_fec(10);
        }
        Ok(Self(encoder))
    }

    /// Encodes one packet of 10, 20, 40 or 60 ms. Gives its length in bytes.
    pub(super) fn encode(&mut self, samples: &[i16], packet: &mut [u8]) -> Result<usize, CodecError> {
        self.0.encode(samples, packet)
    }
}

/// Packets to samples.
pub struct OpusDecoder {
    inner: opus_rs::OpusDecoder,
    rate: u32,
    /// What the decoder writes: floats of ±1.
    floats: Vec<f32>,
}

impl fmt::Debug for OpusDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpusDecoder")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl OpusDecoder {
    /// To mono samples at `rate` Hz (16 or 48 kHz).
    pub(super) fn new(rate: u32) -> Result<Self, CodecError> {
        let refused = CodecError::Rate { codec: NAME, rate };
        let hertz = i32::try_from(rate).map_err(|_| refused)?;
        let inner = opus_rs::OpusDecoder::new(hertz, 1).map_err(|_| refused)?;
        Ok(Self {
            inner,
            rate,
            floats: vec![0.0; samples_in(rate, MAX_PTIME_MS)],
        })
    }

    /// Samples that a packet holds at the decoder's rate.
    pub(super) fn samples(&self, packet: &[u8]) -> Result<usize, CodecError> {
        let units = duration(packet).ok_or(CodecError::Payload(NAME))?;
        Ok(units as usize * self.rate as usize / 48_000)
    }

    /// Decodes a packet. Gives the number of samples.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let needed = self.samples(packet)?;
        let room = samples.len();
        if room < needed {
            return Err(CodecError::Room { needed, room });
        }
        let floats = front(&mut self.floats, needed)?;
        let decoded = self.inner.decode(packet, needed, floats);
        self.hand_over(decoded, samples)
    }

    /// Makes up for lost packets: as many samples as the slice has, in whole 2.5 ms.
    pub(super) fn conceal(&mut self, samples: &mut [i16]) -> Result<usize, CodecError> {
        let whole = self.whole(samples.len())?;
        let floats = front(&mut self.floats, whole)?;
        let decoded = self.inner.decode(&[], whole, floats);
        self.hand_over(decoded, samples)
    }

    /// Makes up for a lost packet right before this one, with what this one repeats of it, if anything.
    pub(super) fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let whole = self.whole(samples.len())?;
        let floats = front(&mut self.floats, whole)?;
        let decoded = self.inner.decode_fec(next, whole, floats);
        self.hand_over(decoded, samples)
    }

    fn hand_over(&self, decoded: Result<usize, &str>, samples: &mut [i16]) -> Result<usize, CodecError> {
        let decoded = decoded.map_err(|_| CodecError::Payload(NAME))?;
        for (sample, float) in samples.iter_mut().zip(self.floats.iter().take(decoded)) {
            *sample = round(float * 32_768.0);
        }
        Ok(decoded.min(samples.len()))
    }

    /// So many samples in whole 2.5 ms, at most 120 ms.
    fn whole(&self, room: usize) -> Result<usize, CodecError> {
        let step = self.rate as usize / 400;
        match (room / step).min(48) * step {
            0 => Err(CodecError::Room { needed: step, room }),
            whole => Ok(whole),
        }
    }
}

/// The first `needed` of the decoder's floats: it clears whatever it's given beyond what it decodes.
fn front(floats: &mut [f32], needed: usize) -> Result<&mut [f32], CodecError> {
    let room = floats.len();
    floats.get_mut(..needed).ok_or(CodecError::Room { needed, room })
}

/// How long a packet is, in units of 1/48000 s, by its first two octets (RFC 6716 §3.1, §3.2). `None`: no packet, or beyond 120 ms.
fn duration(packet: &[u8]) -> Option<u32> {
    let (toc, rest) = packet.split_first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880].get(usize::from(config & 3))?,
        config @ 12..=15 => [480, 960].get(usize::from(config & 1))?,
        config => [120, 240, 480, 960].get(usize::from(config & 3))?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * frames).filter(|total| (1..=5_760).contains(total))
}

#[cfg(test)]
mod tests;
