//! One of the codecs that may arrive, with all that makes its samples fit the output.

use crate::{Codec, CodecError, Concealer, Decoder, MAX_PTIME_MS, Resampler, samples_in};

/// A codec that may arrive.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) payload_type: u8,
    pub(super) codec: Codec,
    pub(super) clock: u32,
    /// Rate of the decoded samples in Hz.
    pub(super) rate: u32,
    pub(super) decoder: Decoder,
    pub(super) concealer: Concealer,
    pub(super) resampler: Option<Resampler>,
    /// Samples of the present gap that the codec made up itself.
    own: usize,
}

/// A codec's own concealment is used for this long, in milliseconds; beyond, it does not fade as it should.
const OWN_MS: u32 = 40;

impl Input {
    /// For output at `out` Hz.
    pub(super) fn new(payload_type: u8, codec: Codec, out: u32, seed: u64) -> Result<Self, CodecError> {
        let rate = codec.decode_rate(out);
        Ok(Self {
            payload_type,
            codec,
            clock: codec.clock(),
            rate,
            decoder: Decoder::new(codec, out)?,
            concealer: Concealer::new(rate, seed),
            resampler: Resampler::new(rate, out, samples_in(rate, MAX_PTIME_MS)),
            own: 0,
        })
    }

    /// Whether a payload can be this codec's and is no longer than anybody makes them.
    pub(super) fn accepts(&self, payload: &[u8]) -> bool {
        let samples = self.decoder.samples(payload);
        samples.is_ok_and(|n| n > 0 && n <= samples_in(self.rate, MAX_PTIME_MS))
    }

    /// Decodes a payload; the number of samples.
    pub(super) fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
        let decoded = self.decoder.decode(payload, samples).ok()?;
        self.own = 0;
        Some(decoded)
    }

    /// Makes up for what did not come, in all of `samples`, or the most of it that the codec's own means can do. `playing`: the stream
    /// goes on, and the codec may know how.
    pub(super) fn make_up(&mut self, playing: bool, samples: &mut [i16]) -> usize {
        if playing
            && self.own < samples_in(self.rate, OWN_MS)
            && let Some(made) = self.decoder.conceal(samples).filter(|made| *made > 0)
        {
            self.own += made;
            if let Some(made) = samples.get_mut(..made) {
                self.concealer.heard(made);
            }
            return made;
        }
        self.concealer.conceal(samples);
        samples.len()
    }

    /// Samples to clock units.
    pub(super) fn units(&self, samples: usize) -> i64 {
        let units = samples as u64 * u64::from(self.clock) / u64::from(self.rate.max(1));
        i64::try_from(units).unwrap_or(i64::MAX)
    }

    /// Clock units to samples.
    pub(super) fn samples(&self, units: i64) -> usize {
        let units = u64::try_from(units).unwrap_or(0);
        usize::try_from(units * u64::from(self.rate) / u64::from(self.clock.max(1))).unwrap_or(usize::MAX)
    }
}
