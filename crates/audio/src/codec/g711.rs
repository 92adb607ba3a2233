//! G.711: the companding laws, sample by sample, and the Recommendation's own way from one law to the other.

use audio_codec_algorithms as algorithms;

/// A companding law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law, PCMU.
    Mu,
    /// A-law, PCMA.
    A,
}

impl Law {
    /// The octet that stands for silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// One octet to a sample.
    #[must_use]
    pub fn expand(self, octet: u8) -> i16 {
        match self {
            Self::Mu => algorithms::decode_ulaw(octet),
            Self::A => algorithms::decode_alaw(octet),
        }
    }

    /// One sample to an octet.
    #[must_use]
    pub fn compress(self, sample: i16) -> u8 {
        match self {
            Self::Mu => algorithms::encode_ulaw(sample),
            Self::A => algorithms::encode_alaw(sample),
        }
    }

    /// Changes octets of this law into octets of the other in place, by tables 3 and 4 of G.711: better than through
    /// samples, since a second conversion back loses nothing more.
    pub fn into_other(self, octets: &mut [u8]) {
        let convert = match self {
            Self::Mu => algorithms::convert_ulaw_to_alaw,
            Self::A => algorithms::convert_alaw_to_ulaw,
        };
        octets.iter_mut().for_each(|octet| *octet = convert(*octet));
    }

    /// Octets to samples, as many as both slices have.
    pub(crate) fn decode(self, octets: &[u8], samples: &mut [i16]) {
        for (sample, octet) in samples.iter_mut().zip(octets) {
            *sample = self.expand(*octet);
        }
    }

    /// Samples to octets, as many as both slices have.
    pub(crate) fn encode(self, samples: &[i16], octets: &mut [u8]) {
        for (octet, sample) in octets.iter_mut().zip(samples) {
            *octet = self.compress(*sample);
        }
    }
}
