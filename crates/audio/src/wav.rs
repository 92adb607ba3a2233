//! WAV files into clips: announcements and music on hold.

use crate::g711::Law;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest clip, so that a mistaken file doesn't fill the memory.
const LONGEST_CLIP: Duration = Duration::from_secs(30 * 60);

/// Rates that can be played.
const RATES: [u32; 8] = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Format tags of WAVE.
const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

/// Samples to be played, shared by all who play them.
#[derive(Clone)]
pub struct Clip {
    samples: Arc<[i16]>,
    rate: u32,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({:?} at {} Hz)", self.duration(), self.rate)
    }
}

/// Two clips are the same when they share their samples.
impl PartialEq for Clip {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.samples, &other.samples) && self.rate == other.rate
    }
}

impl Eq for Clip {}

/// Why a file can't be played, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// It begins otherwise.
    #[error(
        "this is no WAV file (it has no RIFF/WAVE header): convert it with, for example, `sox in.mp3 -r 8000 -c 1 -b 16 out.wav`"
    )]
    NotWav,
    /// It ends in the middle.
    #[error("the file ends in its {0}: it was cut off, copy it again")]
    Truncated(&'static str),
    /// A part is missing.
    #[error("the file has no {0} chunk: write it anew with an audio editor")]
    Missing(&'static str),
    /// The encoding can't be read.
    #[error(
        "encoding {tag} with {bits} bits can't be read: save it as PCM with 16 bits, or as A-law or mu-law with 8 (`sox in.wav -b 16 -e signed out.wav`)"
    )]
    Encoding {
        /// The format tag.
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// Too many channels, or none.
    #[error("{0} channels can't be played: save it as mono or stereo (`sox in.wav -c 1 out.wav`)")]
    Channels(u16),
    /// An odd sample rate.
    #[error(
        "{0} Hz can't be played: save it at 8000, 11025, 16000, 22050, 24000, 32000, 44100 or 48000 Hz (`sox in.wav -r 8000 out.wav`)"
    )]
    Rate(u32),
    /// Nothing in it.
    #[error("the file holds no samples")]
    Empty,
    /// Longer than [`LONGEST_CLIP`].
    #[error("the file lasts {} minutes, and at most {} can be played: shorten it (it can be repeated)", .0 / 60, LONGEST_CLIP.as_secs() / 60)]
    TooLong(u64),
}

impl Clip {
    /// Samples at a rate in Hz.
    #[must_use]
    pub fn new(samples: Vec<i16>, rate: u32) -> Self {
        Self {
            samples: samples.into(),
            rate,
        }
    }

    /// Samples that somebody else has too, at a rate in Hz.
    #[must_use]
    pub fn shared(samples: Arc<[i16]>, rate: u32) -> Self {
        Self { samples, rate }
    }

    /// Reads the bytes of a WAV file: PCM of 16 bits, A-law or µ-law; mono, or stereo, which is mixed.
    ///
    /// # Errors
    /// What's wrong with the file, and what to do about it.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, WavError> {
        let Some((b"RIFF", rest)) = bytes.split_first_chunk() else {
            return Err(WavError::NotWav);
        };
        let Some((b"WAVE", mut rest)) = rest.get(4..).and_then(|rest| rest.split_first_chunk()) else {
            return Err(WavError::NotWav);
        };
        let mut format = None;
        while let Some((name, size, after)) = chunk_head(rest) {
            // A chunk of an odd size is followed by a byte of padding.
            let whole = after.get(..size);
            match (name, whole) {
                (b"fmt ", Some(body)) => format = Some(Encoding::parse(body)?),
                (b"fmt ", None) => return Err(WavError::Truncated("format")),
                (b"data", _) => {
                    let format = format.ok_or(WavError::Missing("format"))?;
                    // Who writes to a pipe doesn't know the size: then it's all that follows.
                    let streamed = size >= 0xffff_ff00;
                    let body = if streamed { Some(after) } else { whole };
                    return format.samples(body.ok_or(WavError::Truncated("samples"))?);
                }
                _ => {}
            }
            rest = after.get(size + size % 2..).unwrap_or_default();
        }
        Err(WavError::Missing(if format.is_some() {
            "data"
        } else {
            "format"
        }))
    }

    /// The samples, shared.
    #[must_use]
    pub fn share(&self) -> Arc<[i16]> {
        self.samples.clone()
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Their rate in Hz.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(self.rate.max(1)))
    }
}

/// Name, size and what follows.
fn chunk_head(bytes: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<4>()?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    Some((name, usize::try_from(u32::from_le_bytes(*size)).ok()?, rest))
}

#[derive(Clone, Copy, Debug)]
enum Sample {
    Linear,
    Companded(Law),
}

#[derive(Clone, Copy, Debug)]
struct Encoding {
    sample: Sample,
    channels: u16,
    rate: u32,
}

impl Encoding {
    fn parse(body: &[u8]) -> Result<Self, WavError> {
        let Some(&[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1]) = body.first_chunk() else {
            return Err(WavError::Truncated("format"));
        };
        let mut tag = u16::from_le_bytes([t0, t1]);
        if tag == EXTENSIBLE {
            // The first two bytes of the sub-format are the tag.
            let sub = body.get(24..).and_then(|rest| rest.first_chunk::<2>());
            tag = sub.map_or(tag, |sub| u16::from_le_bytes(*sub));
        }
        let channels = u16::from_le_bytes([c0, c1]);
        let rate = u32::from_le_bytes([r0, r1, r2, r3]);
        let bits = u16::from_le_bytes([b0, b1]);
        let sample = match (tag, bits) {
            (PCM, 16) => Sample::Linear,
            (A_LAW, 8) => Sample::Companded(Law::A),
            (MU_LAW, 8) => Sample::Companded(Law::Mu),
            _ => return Err(WavError::Encoding { tag, bits }),
        };
        if !matches!(channels, 1 | 2) {
            return Err(WavError::Channels(channels));
        }
        if !RATES.contains(&rate) {
            return Err(WavError::Rate(rate));
        }
        Ok(Self {
            sample,
            channels,
            rate,
        })
    }

    fn samples(self, body: &[u8]) -> Result<Clip, WavError> {
        let per_sample = if matches!(self.sample, Sample::Linear) {
            2
        } else {
            1
        };
        let frames = body.len() / (per_sample * usize::from(self.channels));
        let seconds = frames as u64 / u64::from(self.rate);
        if frames == 0 {
            return Err(WavError::Empty);
        }
        if seconds > LONGEST_CLIP.as_secs() {
            return Err(WavError::TooLong(seconds));
        }
        let read: Vec<i16> = match self.sample {
            Sample::Linear => body
                .as_chunks()
                .0
                .iter()
                .map(|pair| i16::from_le_bytes(*pair))
                .collect(),
            Sample::Companded(law) => body.iter().map(|octet| law.expand(*octet)).collect(),
        };
        let mono = if self.channels == 2 {
            read.as_chunks()
                .0
                .iter()
                .map(|[left, right]| i16::midpoint(*left, *right))
                .collect()
        } else {
            read
        };
        crate::player::prepare(self.rate);
        Ok(Clip::new(mono, self.rate))
    }
}

#[cfg(test)]
mod tests;
