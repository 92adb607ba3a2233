//! Digits that a peer says as tones in its audio (in band): heard, and taken out of it.
//!
//! Packets are listened to in the order in which they arrive. One that is overtaken is not, and what is lost leaves no gap: a tone
//! that goes on behind it is the same, as telephones leave more of a pause between two than a network loses.

use super::{Digit, Heard};
use crate::control::{Audio, Codec, Format};
use crate::packet::Packet;
use crate::rtp::{self, Header};
use audio::dtmf::{self, DigitDetector};
use audio::g711::Law;
use audio::{Decoder, Encoder, MAX_PTIME_MS, samples_in};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A tone of which nothing more comes is over after this long.
const LAPSE: Duration = Duration::from_millis(200);
/// So much silence ends a tone, in milliseconds.
const PAUSE_MS: u32 = 40;
/// A sequence number so far behind the newest is late; one further behind began anew.
const LATE: u16 = 100;
/// The rate that Opus is decoded and encoded at.
const OPUS_RATE: u32 = 16_000;

/// What listens to one peer.
#[derive(Debug)]
pub(crate) struct Ear {
    spoken: Arc<Audio>,
    /// `None`: nothing has come yet that can be decoded.
    line: Option<Box<Line>>,
    heard: SmallVec<[Heard; 2]>,
}

/// The audio of one payload type.
#[derive(Debug)]
struct Line {
    format: Format,
    decoder: Decoder,
    detector: DigitDetector,
    /// Room for a packet's samples.
    samples: Vec<i16>,
    /// Makes silence where that is not always the same.
    encoder: Option<Encoder>,
    /// SSRC and sequence number of the newest packet, and when it came.
    newest: Option<(u32, u16)>,
    at: Instant,
}

impl Ear {
    pub(crate) fn new(spoken: Arc<Audio>) -> Self {
        Self {
            spoken,
            line: None,
            heard: SmallVec::new(),
        }
    }

    /// A packet of the peer's. While there is a tone in it, silence is put in its place. Whether there is one: then
    /// [`poll_timeout`](Self::poll_timeout) has changed.
    pub(crate) fn listen(&mut self, now: Instant, header: &Header, packet: &mut Packet<'_>) -> bool {
        let Some(line) = Line::of(&mut self.line, &self.spoken, header.payload_type, now) else {
            return false;
        };
        let late =
            |(ssrc, newest): (u32, u16)| ssrc == header.ssrc && newest.wrapping_sub(header.sequence) < LATE;
        if !line.newest.is_some_and(late) {
            (line.newest, line.at) = (Some((header.ssrc, header.sequence)), now);
            line.hear(rtp::payload(packet.bytes()), &mut self.heard);
        }
        let tone = line.detector.suspects();
        if tone {
            line.hush(packet);
        }
        tone
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let line = self.line.as_ref().filter(|line| line.detector.is_hearing())?;
        Some(line.at + LAPSE)
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| now >= at)
            && let Some(line) = &mut self.line
        {
            line.samples.fill(0);
            let pause = samples_in(line.rate(), PAUSE_MS);
            let silence = line.samples.get(..pause).unwrap_or_default();
            line.detector.push(silence, |told| keep(told, &mut self.heard));
        }
    }

    /// The next digit that has been heard to its end.
    pub(crate) fn poll(&mut self) -> Option<Heard> {
        (!self.heard.is_empty()).then(|| self.heard.remove(0))
    }
}

impl Line {
    /// That of this payload type, made anew if it is another than before. `None`: it is nothing that can be listened to.
    fn of<'a>(
        line: &'a mut Option<Box<Self>>,
        spoken: &Audio,
        payload_type: u8,
        now: Instant,
    ) -> Option<&'a mut Self> {
        let is_it = |line: &Self| line.format.payload_type == payload_type;
        if !line.as_deref().is_some_and(is_it) {
            let mut known = spoken.accepts.iter();
            let format = known.find(|format| format.payload_type == payload_type)?;
            *line = Some(Box::new(Self::new(*format, now)?));
        }
        line.as_deref_mut()
    }

    fn new(format: Format, now: Instant) -> Option<Self> {
        let rate = rate_of(format.audio.codec);
        let longest = samples_in(rate, MAX_PTIME_MS);
        Some(Self {
            format,
            decoder: Decoder::new(format.audio.codec, rate).ok()?,
            detector: DigitDetector::new(rate, longest),
            samples: vec![0; longest],
            encoder: None,
            newest: None,
            at: now,
        })
    }

    fn rate(&self) -> u32 {
        rate_of(self.format.audio.codec)
    }

    fn hear(&mut self, payload: &[u8], heard: &mut SmallVec<[Heard; 2]>) {
        // What can't be decoded is no tone.
        let count = self.decoder.decode(payload, &mut self.samples).unwrap_or(0);
        let samples = self.samples.get(..count).unwrap_or_default();
        self.detector.push(samples, |told| keep(told, heard));
    }

    /// Puts silence of the same length in the place of a packet's payload.
    fn hush(&mut self, packet: &mut Packet<'_>) {
        let range = rtp::payload_range(packet.bytes());
        let octet = match self.format.audio.codec {
            Codec::Pcmu => Law::Mu.silence(),
            Codec::Pcma => Law::A.silence(),
            Codec::L16 { .. } => 0,
            Codec::G722 | Codec::Opus => return self.hush_coded(packet, range.start),
        };
        if let Some(payload) = packet.bytes_mut().get_mut(range) {
            payload.fill(octet);
        }
    }

    fn hush_coded(&mut self, packet: &mut Packet<'_>, start: usize) {
        let count = self.decoder.samples(rtp::payload(packet.bytes())).unwrap_or(0);
        if self.encoder.is_none() {
            self.encoder = Encoder::new(&self.format.audio, self.rate()).ok();
        }
        self.samples.fill(0);
        let (Some(encoder), Some(silence)) = (&mut self.encoder, self.samples.get(..count)) else {
            return;
        };
        let room = packet.buffer_mut().get_mut(start..).unwrap_or_default();
        if let Ok(length) = encoder.encode(silence, room) {
            packet.set_len(start + length);
            rtp::clear_padding(packet.bytes_mut());
        }
    }
}

/// The rate of a codec's samples.
fn rate_of(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => OPUS_RATE,
        Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 { .. } => codec.rate(),
    }
}

fn keep(told: dtmf::Heard, heard: &mut SmallVec<[Heard; 2]>) {
    match told {
        dtmf::Heard::Began { .. } => {}
        dtmf::Heard::Ended { digit, ms, .. } => {
            if let Some(digit) = Digit::of_event(digit.code()) {
                let duration = Duration::from_millis(ms.into());
                heard.push(Heard { digit, duration });
            }
        }
    }
}
