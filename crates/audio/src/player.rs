//! A source of packets that nobody sent: tones, announcements, digits, in a leg's own codec.

use crate::dtmf::{Digit, DigitGenerator};
use crate::outlet::Outlet;
use crate::tone::{Part, ToneGenerator};
use crate::{Clip, CodecError, Format, Frame, Resampler, resample, samples_in};
use std::time::{Duration, Instant};

/// What is played.
#[derive(Clone, Debug)]
pub enum Program {
    /// A tone, its cadence so many times; `None`: without end.
    Tone(&'static [Part], Option<u32>),
    /// A clip, so many times; `None`: without end.
    Clip(Clip, Option<u32>),
    /// A digit of `ms` milliseconds and a pause behind it.
    Digit {
        /// Which.
        digit: Digit,
        /// How long it sounds.
        ms: u32,
        /// How long it's silent afterwards.
        pause_ms: u32,
    },
    /// Silence, for so long; `None`: without end.
    Silence(Option<Duration>),
}

/// A program under way.
#[derive(Debug)]
enum Playing {
    Tone(ToneGenerator, Option<u32>),
    Clip {
        clip: Clip,
        at: usize,
        /// Times that are left after this one.
        left: Option<u32>,
        resampler: Option<Resampler>,
        /// A frame of the clip.
        block: Vec<i16>,
        /// Positions of the output clock that a block doesn't fill exactly are kept here.
        over: Vec<i16>,
    },
    Digit(DigitGenerator),
    Silence(Option<usize>),
    Done,
}

/// Plays programs to one listener, on a clock of its own.
#[derive(Debug)]
pub struct Player {
    outlet: Outlet,
    rate: u32,
    playing: Playing,
    frame: Vec<i16>,
}

/// Samples of a clip that are converted at once, in milliseconds.
const BLOCK_MS: u32 = 10;

impl Player {
    /// For a listener of `format`; the first frame is due at `start`.
    ///
    /// # Errors
    /// [`CodecError::Rate`] when the codec can't be set up.
    pub fn new(format: &Format, program: Program, start: Instant) -> Result<Self, CodecError> {
        let wanted = match &program {
            Program::Clip(clip, _) => worthy(clip.rate()),
            Program::Tone(..) | Program::Digit { .. } | Program::Silence(_) => 8_000,
        };
        let rate = format.codec.encode_rate(wanted);
        let mut outlet = Outlet::new(format, wanted)?;
        outlet.start(start);
        Ok(Self {
            rate,
            playing: Playing::new(program, rate),
            frame: vec![0; outlet.samples()],
            outlet,
        })
    }

    /// Plays something else from the next frame on.
    pub fn play(&mut self, program: Program) {
        self.playing = Playing::new(program, self.rate);
    }

    /// Whether the program is over; nothing more is sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.playing, Playing::Done)
    }

    /// When [`poll`](Self::poll) has something to do; `None` when the program is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.outlet.next().filter(|_| !self.is_done())
    }

    /// The next frame whose time has come, its payload written to the front of `payload`.
    pub fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<Frame> {
        if self.is_done() {
            return None;
        }
        self.outlet.tick(now)?;
        if !self.playing.fill(&mut self.frame) {
            self.playing = Playing::Done;
        }
        self.outlet.audio(&self.frame, payload)
    }

    /// Rate of the timestamps in Hz.
    #[must_use]
    pub fn clock(&self) -> u32 {
        self.outlet.clock()
    }
}

/// The rate in Hz that a clip of this one is worth, where the codec leaves a choice: telephone announcements have nothing above
/// 4 kHz that anybody misses; a better clip gets a better rate.
const fn worthy(clip: u32) -> u32 {
    match clip {
        ..=8_000 => 8_000,
        8_001..=16_000 => 16_000,
        _ => 48_000,
    }
}

/// Has ready what a clip at this rate in Hz needs to be played in any of the usual codecs.
pub(crate) fn prepare(clip: u32) {
    for rate in [8_000, 16_000, worthy(clip)] {
        resample::prepare(clip, rate);
    }
}

impl Playing {
    fn new(program: Program, rate: u32) -> Self {
        match program {
            Program::Tone(cadence, times) => Self::Tone(ToneGenerator::new(cadence, rate), times),
            Program::Clip(clip, times) => {
                let block = samples_in(clip.rate(), BLOCK_MS).max(1);
                let resampler = Resampler::new(clip.rate(), rate, block);
                let over = resampler
                    .as_ref()
                    .map_or(block, |resampler| resampler.output_len(block) + 1);
                Self::Clip {
                    at: 0,
                    left: times.map(|times| times.saturating_sub(1)),
                    resampler,
                    block: vec![0; block],
                    over: Vec::with_capacity(over + samples_in(rate, crate::MAX_PTIME_MS)),
                    clip,
                }
            }
            Program::Digit { digit, ms, pause_ms } => {
                Self::Digit(DigitGenerator::new(digit, ms, pause_ms, rate))
            }
            Program::Silence(time) => {
                let samples =
                    |time: Duration| samples_in(rate, u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
                Self::Silence(time.map(samples))
            }
        }
    }

    /// Fills a frame; whether there's more.
    fn fill(&mut self, frame: &mut [i16]) -> bool {
        match self {
            Self::Tone(generator, times) => {
                generator.fill(frame);
                times.is_none_or(|times| generator.rounds() < times)
            }
            Self::Digit(generator) => generator.fill(frame),
            Self::Silence(left) => {
                frame.fill(0);
                match left {
                    None => true,
                    Some(left) => {
                        *left = left.saturating_sub(frame.len());
                        *left > 0
                    }
                }
            }
            Self::Clip {
                clip,
                at,
                left,
                resampler,
                block,
                over,
            } => {
                let mut more = true;
                while over.len() < frame.len() && more {
                    more = next_block(clip, at, left, block);
                    convert(resampler, block, over);
                }
                let n = over.len().min(frame.len());
                for (slot, sample) in frame.iter_mut().zip(over.drain(..n)) {
                    *slot = sample;
                }
                if let Some(rest) = frame.get_mut(n..) {
                    rest.fill(0);
                }
                more || !over.is_empty()
            }
            Self::Done => {
                frame.fill(0);
                false
            }
        }
    }
}

/// The next samples of a clip, from its beginning again if it's to be repeated; silence behind its end. Whether there's more.
fn next_block(clip: &Clip, at: &mut usize, left: &mut Option<u32>, block: &mut [i16]) -> bool {
    let mut more = true;
    for slot in block {
        *slot = clip.samples().get(*at).copied().filter(|_| more).unwrap_or(0);
        *at += 1;
        if *at >= clip.samples().len() {
            *at = 0;
            match left {
                Some(0) => more = false,
                Some(times) => *times -= 1,
                None => {}
            }
        }
    }
    more
}

fn convert(resampler: &mut Option<Resampler>, block: &[i16], over: &mut Vec<i16>) {
    let Some(resampler) = resampler else {
        return over.extend_from_slice(block);
    };
    let from = over.len();
    over.resize(from + resampler.output_len(block.len()), 0);
    if let Some(room) = over.get_mut(from..) {
        resampler.process(block, room);
    }
}

#[cfg(test)]
mod tests;
