//! Opus in RTP (RFC 6716, RFC 7587): parameters, encoder, decoder.
//!
//! The codec itself is libopus 1.3.1 in its translation to Rust (`unsafe-libopus`), so that a build needs no C library; all that is
//! `unsafe` about it is in `raw`.

mod raw;

use super::CodecError;
use raw::{RawDecoder, RawEncoder};

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

/// What a receiver says about itself in `a=fmtp` (RFC 7587 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpusParameters {
    /// `maxplaybackrate`: it plays nothing above half of this, in Hz.
    pub max_playback_rate: u32,
    /// `maxaveragebitrate` in bits per second; 0: it sets no limit.
    pub max_average_bitrate: u32,
    /// `useinbandfec`: it can use in-band error correction.
    pub in_band_fec: bool,
    /// `usedtx`: it would rather have nothing than silence.
    pub dtx: bool,
    /// `cbr`: it wants a constant bit rate.
    pub constant_bitrate: bool,
    /// `stereo`: it would rather have stereo. We send mono all the same, which every receiver takes.
    pub stereo: bool,
}

impl Default for OpusParameters {
    fn default() -> Self {
        Self {
            max_playback_rate: 48_000,
            max_average_bitrate: 0,
            in_band_fec: false,
            dtx: false,
            constant_bitrate: false,
            stereo: false,
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
            } else if is("usedtx") {
                parameters.dtx = value == 1;
            } else if is("cbr") {
                parameters.constant_bitrate = value == 1;
            } else if is("stereo") {
                parameters.stereo = value == 1;
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
#[derive(Debug)]
pub struct OpusDecoder {
    raw: RawDecoder,
    rate: u32,
}

impl OpusDecoder {
    /// To mono samples at `rate` Hz (8, 12, 16, 24 or 48 kHz).
    pub(super) fn new(rate: u32) -> Result<Self, CodecError> {
        let raw = RawDecoder::new(rate)?;
        Ok(Self { raw, rate })
    }

    /// Samples that a packet holds at the decoder's rate.
    pub(super) fn samples(&self, packet: &[u8]) -> Result<usize, CodecError> {
        raw::samples(packet, self.rate)
    }

    /// Decodes a packet. Gives the number of samples.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let needed = self.samples(packet)?;
        let room = samples.len();
        let samples = samples
            .get_mut(..needed)
            .ok_or(CodecError::Room { needed, room })?;
        self.raw.decode(Some(packet), samples, false)
    }

    /// Makes up for lost packets: as many samples as the slice has, in whole 2.5 ms.
    pub(super) fn conceal(&mut self, samples: &mut [i16]) -> Result<usize, CodecError> {
        let whole = self.whole(samples)?;
        self.raw.decode(None, whole, false)
    }

    /// Makes up for a lost packet right before this one, with what this one repeats of it, if anything.
    pub(super) fn recover(&mut self, next: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let whole = self.whole(samples)?;
        self.raw.decode(Some(next), whole, true)
    }

    /// The part of a buffer that is whole 2.5 ms, at most 120 ms.
    fn whole<'a>(&self, samples: &'a mut [i16]) -> Result<&'a mut [i16], CodecError> {
        let step = usize::try_from(self.rate / 400).unwrap_or(usize::MAX);
        let room = samples.len();
        let whole = (room / step).min(48) * step;
        samples
            .get_mut(..whole)
            .filter(|whole| !whole.is_empty())
            .ok_or(CodecError::Room { needed: step, room })
    }
}

#[cfg(test)]
mod tests;
