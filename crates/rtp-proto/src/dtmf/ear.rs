//! Digits that a peer says as tones in its audio (in band): heard, and taken out of it.
//!
//! Packets are listened to in the order in which they arrive. One that is overtaken is not, and what is lost leaves no gap: a tone
//! that goes on behind it is the same, as telephones leave more of a pause between two than a network loses. Where a peer sends
//! nothing while it is silent (RFC 3551 §4.1), or comfort noise (RFC 3389), there was a pause.

use super::{Digit, Heard, units};
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
/// So much silence ends a tone, in milliseconds: two of the detector's blocks, one that has begun and what a change of rate delays.
const PAUSE_MS: u32 = 60;
/// A pause that a sender left out is at least so long.
const GAP: Duration = Duration::from_millis(30);
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
    /// The newest packet, and when it came.
    newest: Option<Newest>,
    at: Instant,
}

/// The newest packet of a line.
#[derive(Clone, Copy, Debug)]
struct Newest {
    ssrc: u32,
    sequence: u16,
    /// The timestamp that goes on where it ends, and when the next is to be expected.
    next: u32,
    due: Instant,
}

impl Ear {
    pub(crate) fn new(spoken: Arc<Audio>) -> Self {
        Self {
            spoken,
            line: None,
            heard: SmallVec::new(),
        }
    }

    /// Other audio from now on: a tone that is being heard is over.
    pub(crate) fn retune(&mut self, spoken: Arc<Audio>) {
        self.fall_silent();
        (self.spoken, self.line) = (spoken, None);
    }

    /// A packet of the peer's. Where there is a tone in it, silence is put in its place. Whether there is one: then
    /// [`poll_timeout`](Self::poll_timeout) has changed.
    pub(crate) fn listen(&mut self, now: Instant, header: &Header, packet: &mut Packet<'_>) -> bool {
        if self.spoken.comfort_noise == Some(header.payload_type) {
            self.fall_silent();
            return false;
        }
        let Some(format) = self.spoken.arriving(header.payload_type) else {
            return false;
        };
        if !self.line.as_ref().is_some_and(|line| line.format == format) {
            self.fall_silent();
            self.line = Line::new(format, now).map(Box::new);
        }
        let Some(line) = &mut self.line else {
            return false;
        };
        let told = line.newest.is_none_or(|newest| !newest.precludes(header))
            && line.hear(now, header, rtp::payload(packet.bytes()), &mut self.heard);
        let tone = told || line.detector.suspects();
        if tone {
            line.hush(packet);
        }
        tone
    }

    /// Nothing more comes of a tone that is being heard.
    fn fall_silent(&mut self) {
        if let Some(line) = self.line.as_mut().filter(|line| line.detector.is_hearing()) {
            line.pause(&mut self.heard);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let line = self.line.as_ref().filter(|line| line.detector.is_hearing())?;
        Some(line.at + LAPSE)
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| now >= at) {
            self.fall_silent();
        }
    }

    /// The next digit that has been heard to its end.
    pub(crate) fn poll(&mut self) -> Option<Heard> {
        (!self.heard.is_empty()).then(|| self.heard.remove(0))
    }
}

impl Newest {
    /// Whether a packet is this one again, or is older.
    fn precludes(&self, header: &Header) -> bool {
        self.ssrc == header.ssrc && self.sequence.wrapping_sub(header.sequence) < LATE
    }

    /// Whether the sender was silent between this packet and the next: there is a gap in time, and none is missing from it. By both
    /// clocks, as some senders of G.722 have timestamps of 16000 Hz (RFC 3551 §4.5.2), a gap in each packet.
    fn is_left_by(&self, now: Instant, header: &Header, clock: u32) -> bool {
        let follows = self.ssrc == header.ssrc && header.sequence == self.sequence.wrapping_add(1);
        let gap = header.timestamp.wrapping_sub(self.next).cast_signed();
        follows
            && now >= self.due + GAP
            && u32::try_from(gap).is_ok_and(|gap| u64::from(gap) >= units(GAP, clock))
    }
}

impl Line {
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

    /// Listens to a packet. Whether a tone began or ended in it.
    fn hear(
        &mut self,
        now: Instant,
        header: &Header,
        payload: &[u8],
        heard: &mut SmallVec<[Heard; 2]>,
    ) -> bool {
        let clock = self.format.audio.codec.clock();
        let before = self.newest.filter(|_| self.detector.is_hearing());
        if before.is_some_and(|newest| newest.is_left_by(now, header, clock)) {
            self.pause(heard);
        }
        // What can't be decoded is no tone.
        let count = self.decoder.decode(payload, &mut self.samples).unwrap_or(0);
        let samples = self.samples.get(..count).unwrap_or_default();
        let mut any = false;
        self.detector.push(samples, |told| {
            any = true;
            keep(told, heard);
        });
        let length = Duration::from_secs(count as u64) / self.rate();
        let length_units = u32::try_from(units(length, clock)).unwrap_or(0);
        self.newest = Some(Newest {
            ssrc: header.ssrc,
            sequence: header.sequence,
            next: header.timestamp.wrapping_add(length_units),
            due: now + length,
        });
        self.at = now;
        any
    }

    /// A pause that ends a tone.
    fn pause(&mut self, heard: &mut SmallVec<[Heard; 2]>) {
        self.samples.fill(0);
        let pause = samples_in(self.rate(), PAUSE_MS);
        let silence = self.samples.get(..pause).unwrap_or_default();
        self.detector.push(silence, |told| keep(told, heard));
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
