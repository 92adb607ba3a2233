//! Listening to one side's packets for a while, as they come: nothing is made up for what is lost or late.

use super::AfterAnswer;
use super::cadence::Cadence;
use crate::control::{Audio, Codec};
use crate::rtp::Header;
use audio::progress::{FRAME_MS, RATE, ToneListener};
use audio::{Decoder, MAX_PTIME_MS, Resampler, samples_in};
use std::time::{Duration, Instant};

/// Formats that are decoded at most; packets in others can't be.
const MOST_LINES: usize = 8;
/// The highest rate of samples that is decoded at.
const HIGHEST_RATE: u32 = 48_000;
/// The rate that Opus is decoded at.
const OPUS_RATE: u32 = 16_000;
/// A sequence number so far behind the newest is late; one further behind began anew.
const LATE: u16 = 100;
/// Who sends nothing for so long is silent, and does not say so.
const PAUSE: Duration = Duration::from_millis(200);
/// Comfort noise of 8000 Hz (RFC 3551 §6).
const COMFORT_NOISE: u8 = 13;
/// Payload types that say what they are (RFC 3551 §6).
const STATIC: [(u8, Codec); 3] = [(0, Codec::Pcmu), (8, Codec::Pcma), (9, Codec::G722)];

/// Listens to one side from the answer on.
#[derive(Debug)]
pub(crate) struct Supervisor {
    since: Instant,
    until: Instant,
    lines: Vec<Line>,
    comfort_noise: Option<u8>,
    events: Option<u8>,
    listener: ToneListener,
    cadence: Cadence,
    /// Room for a packet's samples, as they are decoded and at the listener's rate.
    samples: Vec<i16>,
    converted: Vec<i16>,
    /// Source, sequence number and timestamp of the newest packet, and when it came.
    newest: Option<(u32, u16, u32, Instant)>,
    /// Something came that can't be decoded.
    deaf: bool,
}

/// What is decoded of one payload type.
#[derive(Debug)]
struct Line {
    payload_type: u8,
    decoder: Decoder,
    resampler: Option<Resampler>,
    /// Samples that a packet may have.
    most: usize,
}

impl Line {
    fn new(payload_type: u8, codec: Codec) -> Option<Self> {
        let rate = match codec {
            Codec::Opus => OPUS_RATE,
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 { .. } => codec.rate(),
        };
        Some(Self {
            payload_type,
            decoder: Decoder::new(codec, rate).ok()?,
            resampler: Resampler::new(rate, RATE, samples_in(rate, MAX_PTIME_MS)),
            most: samples_in(rate, MAX_PTIME_MS),
        })
    }
}

impl Supervisor {
    /// Listens for `time` to a side that speaks this. All that is needed is made here.
    pub(crate) fn new(now: Instant, spoken: &Audio, time: Duration) -> Self {
        let named = spoken.accepts.iter();
        let mut lines: Vec<Line> = Vec::with_capacity(MOST_LINES);
        let all = named.map(|format| (format.payload_type, format.audio.codec));
        for (payload_type, codec) in all.chain(STATIC) {
            let is_new = lines.iter().all(|line| line.payload_type != payload_type);
            if is_new && lines.len() < MOST_LINES {
                lines.extend(Line::new(payload_type, codec));
            }
        }
        let room = samples_in(HIGHEST_RATE, MAX_PTIME_MS);
        Self {
            since: now,
            until: now + time,
            lines,
            comfort_noise: spoken.comfort_noise,
            events: spoken.events.map(|(payload_type, _)| payload_type),
            listener: ToneListener::default(),
            cadence: Cadence::default(),
            samples: vec![0; room],
            converted: vec![0; room],
            newest: None,
            deaf: false,
        }
    }

    /// When it is over.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Something came that can't be understood: nothing can be said.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// A packet of the side's.
    pub(crate) fn packet(&mut self, now: Instant, header: &Header, payload: &[u8]) {
        // A keep-alive may have nothing in it (RFC 6263 §4).
        if now >= self.until || self.deaf || payload.is_empty() {
            return;
        }
        if let Some((ssrc, sequence, timestamp, at)) = self.newest {
            if ssrc == header.ssrc && sequence.wrapping_sub(header.sequence) < LATE {
                return;
            }
            if self.events == Some(header.payload_type) && timestamp == header.timestamp {
                // The packets of one event (RFC 4733 §2.5.1.2).
                self.newest = Some((header.ssrc, header.sequence, timestamp, now));
                return;
            }
            if now.saturating_duration_since(at) >= PAUSE {
                self.pause();
            }
        }
        self.newest = Some((header.ssrc, header.sequence, header.timestamp, now));
        let payload_type = header.payload_type;
        if payload_type == COMFORT_NOISE || self.comfort_noise == Some(payload_type) {
            self.pause();
        } else if self.events == Some(payload_type) {
            // Who presses a key is there.
            self.listener.pause();
            self.cadence.noise(super::CLICK_MS / FRAME_MS);
        } else {
            self.deaf = self.decode(payload_type, payload).is_none();
        }
    }

    /// What was heard, now that it is over.
    pub(crate) fn end(&mut self, now: Instant) -> Option<AfterAnswer> {
        if self.deaf {
            return None;
        }
        let listened = now.min(self.until).saturating_duration_since(self.since);
        let mut after = AfterAnswer {
            listened_ms: u32::try_from(listened.as_millis()).unwrap_or(u32::MAX),
            whole: now >= self.until,
            ..AfterAnswer::default()
        };
        self.cadence.write(&mut after);
        Some(after)
    }

    fn pause(&mut self) {
        self.listener.pause();
        self.cadence.pause();
    }

    /// `None`: it can't be decoded.
    fn decode(&mut self, payload_type: u8, payload: &[u8]) -> Option<()> {
        let line = self
            .lines
            .iter_mut()
            .find(|line| line.payload_type == payload_type)?;
        let room = self.samples.get_mut(..line.most)?;
        let count = line.decoder.decode(payload, room).ok()?;
        let samples = self.samples.get(..count)?;
        let samples = match &mut line.resampler {
            None => samples,
            Some(resampler) => {
                let count = resampler.process(samples, &mut self.converted);
                self.converted.get(..count)?
            }
        };
        let cadence = &mut self.cadence;
        self.listener.push(samples, |sound| cadence.frame(sound));
        Some(())
    }
}
