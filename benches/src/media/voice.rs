//! What the ends say where a relay converts: one second of audio in each codec, encoded beforehand.

use super::work::Work;
use anyhow::{Context as _, Result};
use audio::{Codec, Encoder, Format, Resampler};
use std::sync::Arc;
use testbed::audio as spoken;
use testbed::load::Voice;

/// Frames of silence that the second begins with; the sound behind them can be heard to set in.
const SILENCE: usize = 10;
/// Frames of a steady tone behind it; the rest is speech.
const TONE: usize = 7;
/// Where the committed audio has its speech, in frames.
const SPEECH: usize = 100;
const FRAMES: usize = 50;

/// A voice for A and one for B.
pub(super) struct Voices {
    pub(super) pcmu: Arc<Voice>,
    wide: Option<Voice>,
}

impl Voices {
    /// # Errors
    /// A codec that cannot be encoded.
    pub(super) fn new(work: Work) -> Result<Self> {
        let codec = match work {
            Work::Relay | Work::Srtp => {
                let pcmu = Arc::new(Voice::speech());
                return Ok(Self { pcmu, wide: None });
            }
            Work::G722 => Codec::G722,
            Work::Opus => Codec::Opus,
        };
        Ok(Self {
            pcmu: Arc::new(voice(0, spoken::FRAME as u32, second())),
            wide: Some(voice(0, codec.clock() / 50, encoded(codec)?)),
        })
    }

    /// B's voice under this payload type: A's own where nothing is converted.
    pub(super) fn wide(&self, payload_type: u8) -> Arc<Voice> {
        match &self.wide {
            None => Arc::clone(&self.pcmu),
            Some(wide) => Arc::new(Voice {
                payload_type,
                ..wide.clone()
            }),
        }
    }
}

fn voice(payload_type: u8, ticks: u32, frames: Vec<Vec<u8>>) -> Voice {
    Voice {
        payload_type,
        ticks,
        frames,
        onset: Some(SILENCE),
    }
}

/// Silence, a tone and speech as PCMU, frame by frame.
fn second() -> Vec<Vec<u8>> {
    let speech = spoken::speech();
    let frame = |n: usize| match n {
        ..SILENCE => vec![spoken::ulaw(0); spoken::FRAME],
        _ if n < SILENCE + TONE => spoken::frame(&speech, n - SILENCE),
        _ => spoken::frame(&speech, n - SILENCE - TONE + SPEECH),
    };
    (0..FRAMES).map(frame).collect()
}

/// The same in another codec.
fn encoded(codec: Codec) -> Result<Vec<Vec<u8>>> {
    let (rate, narrow) = (codec.rate(), second());
    let mut encoder = Encoder::new(&Format::new(codec), rate)?;
    let mut resampler = Resampler::new(spoken::RATE as u32, rate, spoken::FRAME).context("a wider codec")?;
    let (mut samples, mut payload) = (vec![0; rate as usize / 50], vec![0; 1500]);
    let mut frames = Vec::new();
    // Twice: what is kept begins in the state in which it ends, since it is repeated.
    for frame in narrow.iter().chain(&narrow) {
        let linear: Vec<i16> = frame.iter().map(|code| spoken::linear(*code)).collect();
        resampler.process(&linear, &mut samples);
        let length = encoder.encode(&samples, &mut payload)?;
        frames.push(payload.get(..length).unwrap_or_default().to_vec());
    }
    Ok(frames.split_off(FRAMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_silence_is_long_enough_to_be_heard_as_one() {
        let quiet = |frame: &Vec<u8>| {
            let sum: u32 = frame
                .iter()
                .map(|code| u32::from(spoken::linear(*code).unsigned_abs()))
                .sum();
            sum < 500 * frame.len() as u32
        };
        let frames: Vec<bool> = second().iter().map(quiet).collect();
        let runs = frames.split(|quiet| !quiet).map(<[bool]>::len);
        assert_eq!(
            runs.filter(|run| *run > 4).collect::<Vec<_>>(),
            [SILENCE],
            "{frames:?}"
        );
        assert!(!frames[SILENCE]);
    }

    #[test]
    fn every_codec_has_a_second() {
        for (work, ticks, longest) in [(Work::G722, 160, 160), (Work::Opus, 960, 400)] {
            let voice = Voices::new(work).unwrap().wide(96);
            assert_eq!(
                (voice.payload_type, voice.ticks, voice.frames.len()),
                (96, ticks, FRAMES)
            );
            assert!(
                voice
                    .frames
                    .iter()
                    .all(|frame| (1..=longest).contains(&frame.len()))
            );
        }
    }
}
