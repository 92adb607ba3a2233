//! The sending side of one direction: a clock that ticks once per packet, an encoder, and timestamps that go on.

use crate::{CodecError, Encoder, Format, NoiseParameters, samples_in};
use std::time::{Duration, Instant};

/// When the caller is further behind than this, packets are left out instead of sent in a burst.
const STALL: Duration = Duration::from_millis(150);

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The output codec's payload.
    Audio,
    /// Comfort noise (RFC 3389).
    Noise,
}

/// A packet's payload, written into the caller's buffer, and what its header has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of payload.
    pub len: usize,
    /// What they are.
    pub kind: FrameKind,
    /// Units of the output codec's clock since the last frame (what was left out in silence counts).
    pub step: u32,
    /// First of a talk spurt: the marker bit.
    pub marker: bool,
}

/// The sending side.
#[derive(Debug)]
pub(crate) struct Outlet {
    encoder: Encoder,
    samples: usize,
    period: Duration,
    units: u32,
    next: Option<Instant>,
    /// Clock units that have passed since the last frame.
    passed: u32,
    marker: bool,
    ended: Option<Instant>,
    clock: u32,
}

impl Outlet {
    /// For samples at [`crate::Codec::encode_rate`]`(other)` Hz.
    pub(crate) fn new(format: &Format, other: u32) -> Result<Self, CodecError> {
        let ms = format.codec.ptime(format.ptime);
        let clock = format.codec.clock();
        Ok(Self {
            encoder: Encoder::new(format, other)?,
            samples: samples_in(format.codec.encode_rate(other), ms),
            period: Duration::from_millis(u64::from(ms)),
            units: u32::try_from(samples_in(clock, ms)).unwrap_or(0),
            next: None,
            passed: 0,
            marker: true,
            ended: None,
            clock,
        })
    }

    /// Samples of a frame.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// How long a frame lasts.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    pub(crate) fn is_running(&self) -> bool {
        self.next.is_some()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Ticks from `at` on. What passed since it was stopped counts in the timestamp.
    pub(crate) fn start(&mut self, at: Instant) {
        if let Some(ended) = self.ended.take() {
            let away = at.saturating_duration_since(ended);
            self.passed = self.passed.wrapping_add(self.units_of(away));
        }
        self.next = Some(at);
        self.marker = true;
    }

    pub(crate) fn stop(&mut self) {
        self.ended = self.next.take();
    }

    fn units_of(&self, time: Duration) -> u32 {
        // Whole frames, so that timestamps keep their grid.
        let frames = time.as_micros() / self.period.as_micros().max(1);
        u32::try_from(frames).unwrap_or(u32::MAX).wrapping_mul(self.units)
    }

    /// The instant of the tick that is due, if one is. Each is told once, and is followed by one of `audio`, `noise` and `nothing`.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Instant> {
        let mut due = self.next.filter(|next| now >= *next)?;
        let behind = now.saturating_duration_since(due);
        if behind > STALL {
            let frames = u32::try_from(behind.as_micros() / self.period.as_micros().max(1)).unwrap_or(0);
            self.passed = self.passed.wrapping_add(frames.wrapping_mul(self.units));
            due += self.period * frames;
            self.marker = true;
        }
        self.next = Some(due + self.period);
        Some(due)
    }

    /// The frame of this tick. `None` when it could not be made.
    pub(crate) fn audio(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<Frame> {
        match self.encoder.encode(samples, payload) {
            Ok(len) => {
                let marker = std::mem::take(&mut self.marker);
                Some(self.frame(len, FrameKind::Audio, marker))
            }
            Err(_) => {
                self.nothing();
                None
            }
        }
    }

    /// Comfort noise instead of this tick's frame.
    pub(crate) fn noise(&mut self, parameters: &NoiseParameters, payload: &mut [u8]) -> Option<Frame> {
        let len = parameters.write(payload);
        self.marker = true;
        (len > 0).then(|| self.frame(len, FrameKind::Noise, false))
    }

    /// No frame for this tick.
    pub(crate) fn nothing(&mut self) {
        self.passed = self.passed.wrapping_add(self.units);
        self.marker = true;
    }

    fn frame(&mut self, len: usize, kind: FrameKind, marker: bool) -> Frame {
        let step = self.passed.wrapping_add(self.units);
        self.passed = 0;
        Frame {
            len,
            kind,
            step,
            marker,
        }
    }

    /// Rate of the timestamps in Hz.
    pub(crate) fn clock(&self) -> u32 {
        self.clock
    }
}
