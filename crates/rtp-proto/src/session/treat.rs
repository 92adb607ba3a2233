//! What a leg's peer hears that is not the other leg's packets as they came: the other's audio in another codec, or a sound.
//!
//! A direction between codecs has three ways, by what arrives: G.711 under the other law in packets of the wanted length is
//! converted octet by octet and forwarded; all else goes through a [`Transcoder`], whose packets are the session's own. Once a
//! packet has needed the transcoder, the direction keeps it, so that the listener hears one clock.

use super::{Channel, Forward, Half, Session, Transmit};
use crate::control::{Audio, Codec, DropReason, Side, Sound};
use crate::packet::Packet;
use crate::rtp::{self, Header};
use crate::session::Egress;
use audio::g711::Law;
use audio::{Arrival, Frame, FrameKind, Pushed, Transcoder, TranscoderSettings};
use smallvec::SmallVec;
use sound::Playing;
use std::sync::Arc;
use std::time::Instant;

mod sound;

/// Bytes of a header of our own.
const HEADER: usize = 12;

/// What one peer hears by our own means.
#[derive(Debug)]
pub(super) struct Voice {
    conversion: Option<Conversion>,
    sound: Option<Playing>,
    /// What is sent next does not follow what was sent last.
    begins: bool,
    /// There is a timer that was not there before.
    roused: bool,
}

/// From one leg's audio to the other's.
#[derive(Debug)]
struct Conversion {
    from: Arc<Audio>,
    to: Arc<Audio>,
    /// `None` while the law is all that had to be changed.
    transcoder: Option<Box<Transcoder>>,
    seed: u64,
}

impl Conversion {
    fn new(from: &Arc<Audio>, to: &Arc<Audio>, seed: u64) -> Self {
        Self {
            from: from.clone(),
            to: to.clone(),
            transcoder: None,
            seed,
        }
    }

    /// The transcoder, made when the first packet needs it. `None`: it can't be made.
    fn transcoder(&mut self) -> Option<&mut Transcoder> {
        if self.transcoder.is_none() {
            let inputs: SmallVec<[(u8, Codec); 4]> = self
                .from
                .accepts
                .iter()
                .map(|format| (format.payload_type, format.audio.codec))
                .collect();
            let settings = TranscoderSettings {
                inputs: &inputs,
                noise_in: self.from.comfort_noise,
                events_in: [self.from.events.map(|(pt, _)| pt), None],
                output: self.to.send.audio,
                noise_out: self.to.comfort_noise.is_some(),
                seed: self.seed,
            };
            self.transcoder = Transcoder::new(&settings).ok().map(Box::new);
        }
        self.transcoder.as_deref_mut()
    }

    /// The law of a payload that only has to be put under the other law.
    fn law(&self, payload_type: u8, payload: &[u8]) -> Option<Law> {
        if self.transcoder.is_some() {
            return None;
        }
        let accepted = self
            .from
            .accepts
            .iter()
            .find(|format| format.payload_type == payload_type)?;
        let law = match (accepted.audio.codec, self.to.send.audio.codec) {
            (Codec::Pcmu, Codec::Pcma) => Law::Mu,
            (Codec::Pcma, Codec::Pcmu) => Law::A,
            _ => return None,
        };
        let wanted = self.to.send.audio.codec.payload_bytes(self.to.send.audio.ptime);
        (payload.len() == wanted).then_some(law)
    }

    /// The payload type of a frame.
    fn payload_type(&self, kind: FrameKind) -> u8 {
        match (kind, self.to.comfort_noise) {
            (FrameKind::Noise, Some(payload_type)) => payload_type,
            (FrameKind::Noise, None) | (FrameKind::Audio, _) => self.to.send.payload_type,
        }
    }
}

impl Voice {
    fn new() -> Self {
        Self {
            conversion: None,
            sound: None,
            begins: true,
            roused: false,
        }
    }

    fn is_idle(&self) -> bool {
        self.conversion.is_none() && self.sound.is_none()
    }

    /// When there is something to send.
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.sound {
            Some(playing) => playing.poll_timeout(),
            None => {
                let conversion = self.conversion.as_ref()?;
                conversion.transcoder.as_ref()?.poll_timeout()
            }
        }
    }

    /// The next payload that is due, written to `payload`, with its payload type and clock.
    fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<(Frame, u8, u32)> {
        if let Some(playing) = &mut self.sound {
            return playing.poll(now, payload);
        }
        let conversion = self.conversion.as_mut()?;
        let transcoder = conversion.transcoder.as_mut()?;
        let frame = transcoder.poll(now, payload)?;
        let clock = transcoder.clock();
        Some((frame, conversion.payload_type(frame.kind), clock))
    }
}

impl Session {
    /// Both legs' audio is known anew: what has to be made of the one for the other.
    pub(super) fn converse(&mut self) {
        for side in Side::BOTH {
            let (there, here) = self.halves(side);
            there.hear(here);
        }
    }

    /// Plays a sound to a side's peer, in place of what it would hear, until it ends or is hushed. It begins when the peer can
    /// be reached, or after five seconds.
    pub fn play(&mut self, now: Instant, side: Side, sound: &Sound, audio: &Audio) {
        let (there, here) = self.halves(side);
        let Some(playing) = Playing::new(now, sound, audio) else {
            return;
        };
        // What is relayed elsewhere is counted before the sound's first packet is.
        if there.egress.is_none() && here.lent.is_none() {
            there.numbers_from(here);
        }
        let voice = there.voice.get_or_insert_with(|| Box::new(Voice::new()));
        voice.sound = Some(playing);
        (voice.begins, voice.roused) = (true, true);
        self.rerouted = true;
    }

    /// Stops what is played to a side's peer.
    pub fn hush(&mut self, side: Side) {
        let (there, _) = self.halves(side);
        if let Some(voice) = &mut there.voice {
            voice.sound = None;
            voice.begins = true;
            if voice.is_idle() {
                there.voice = None;
            }
        }
        self.rerouted = true;
    }

    /// The next packet that a side's peer is to hear.
    pub(super) fn voice(&mut self, now: Instant, side: Side, packet: &mut Packet<'_>) -> Option<Transmit> {
        let (there, here) = self.halves(side);
        let due = there.voice_at().is_some_and(|at| now >= at);
        let to = if due { there.speak(now, here, packet) } else { None };
        let sound = there.voice.as_ref().and_then(|voice| voice.sound.as_ref());
        if sound.is_some_and(Playing::has_ended) {
            self.hush(side);
            self.notices.push_back(super::Notice::Played { side });
        }
        let to = to?;
        Some(Transmit {
            side,
            channel: Channel::Rtp,
            to,
        })
    }

    /// Whether what arrives on `side` reaches the other peer as it came.
    pub(super) fn heard_as_said(&self, side: Side) -> bool {
        self.half(side.other()).voice.is_none()
    }
}

impl Half {
    /// What this peer hears of `other`, by what the two speak.
    fn hear(&mut self, other: &Self) {
        let both = other.audio.as_ref().zip(self.audio.as_ref());
        let held = self.voice.as_ref().and_then(|voice| voice.conversion.as_ref());
        match (both, held) {
            (None, None) => {}
            (None, Some(_)) => {
                if let Some(voice) = &mut self.voice {
                    voice.conversion = None;
                    if voice.is_idle() {
                        self.voice = None;
                    }
                }
            }
            (Some((from, to)), Some(held)) if *from == held.from && *to == held.to => {}
            (Some((from, to)), _) => {
                let conversion = Conversion::new(from, to, self.seed);
                let voice = self.voice.get_or_insert_with(|| Box::new(Voice::new()));
                voice.conversion = Some(conversion);
                voice.begins = true;
            }
        }
    }

    /// When this peer is to hear something of ours.
    pub(super) fn voice_at(&self) -> Option<Instant> {
        self.voice.as_ref().and_then(|voice| voice.poll_timeout())
    }

    /// How loud the other peer was, as far as it was decoded for this one, since this was asked last, in dB of full scale.
    pub(super) fn level_heard(&mut self) -> Option<f32> {
        let conversion = self.voice.as_mut()?.conversion.as_mut()?;
        conversion.transcoder.as_mut()?.take_level()
    }

    /// Whether there is a timer that was not there before; told once.
    pub(super) fn voice_roused(&mut self) -> bool {
        let voice = self.voice.as_mut();
        voice.is_some_and(|voice| std::mem::take(&mut voice.roused))
    }

    /// A packet of the other peer, counted already, that may be a telephone event under any of its numbers: in another codec it
    /// leaves silence.
    pub(super) fn overhear(&mut self, now: Instant, other: &Self, header: &Header, packet: &Packet<'_>) {
        let conversion = self.voice.as_mut().and_then(|voice| voice.conversion.as_mut());
        if let Some(conversion) = conversion
            && let Some((payload_type, _)) = conversion.from.events
            && (payload_type == header.payload_type || other.hears_events(header.payload_type))
            && let Some(transcoder) = &mut conversion.transcoder
        {
            let event = Arrival {
                payload_type,
                ..arrival(header, packet.bytes())
            };
            transcoder.push(now, &event);
        }
    }

    /// A packet of `other`, counted already, on its way to this peer, which hears something else, or the same in another codec.
    pub(super) fn treated(&mut self, now: Instant, header: &Header, packet: &mut Packet<'_>) -> Forward {
        let Some(voice) = &mut self.voice else {
            return Err(DropReason::PayloadType);
        };
        if voice.sound.is_some() {
            return Ok(None);
        }
        let Some(conversion) = &mut voice.conversion else {
            return Err(DropReason::PayloadType);
        };
        if let Some(law) = conversion.law(header.payload_type, rtp::payload(packet.bytes())) {
            let payload_type = conversion.to.send.payload_type;
            return self.companded(now, header, packet, (law, payload_type));
        }
        let events = conversion.from.events.map(|(pt, _)| pt);
        if conversion.transcoder.is_none() && events == Some(header.payload_type) {
            // It was heard already, if somebody listens.
            return Ok(None);
        }
        let Some(transcoder) = conversion.transcoder() else {
            return Err(DropReason::PayloadType);
        };
        let asleep = transcoder.poll_timeout().is_none();
        match transcoder.push(now, &arrival(header, packet.bytes())) {
            Pushed::Taken => voice.roused |= asleep,
            Pushed::Event | Pushed::Duplicate | Pushed::Late | Pushed::Doubtful => {}
            Pushed::Unknown => return Err(DropReason::PayloadType),
        }
        self.egress.get_or_insert_with(|| match self.stats.sent_packets {
            0 => Box::new(Egress::new(self.seed)),
            // This packet takes the place that it would have had, had it been forwarded like those before.
            _ => Box::new(Egress::resume(header.ssrc, header.sequence, header.timestamp)),
        });
        Ok(None)
    }

    /// Puts G.711 under the other law, and forwards it.
    fn companded(
        &mut self,
        now: Instant,
        header: &Header,
        packet: &mut Packet<'_>,
        (law, payload_type): (Law, u8),
    ) -> Forward {
        let (to, length) = (self.destination()?, packet.len());
        let range = rtp::payload_range(packet.bytes());
        if let Some(payload) = packet.bytes_mut().get_mut(range) {
            law.into_other(payload);
        }
        rtp::set_payload_type(packet.bytes_mut(), payload_type);
        if let Some(egress) = &mut self.egress {
            rtp::renumber(packet.bytes_mut(), &egress.relay(now, header, 8_000));
        }
        self.seal_rtp(now, header, 8_000, packet)?;
        self.sent(length);
        Ok(Some((Channel::Rtp, to)))
    }

    /// The next packet of our own that is due for this peer; where it goes. One that can't be sent is not heard later.
    fn speak(&mut self, now: Instant, other: &Self, packet: &mut Packet<'_>) -> Option<std::net::SocketAddr> {
        if self.egress.is_none() {
            self.numbers_from(other);
        }
        let to = self.destination();
        let busy = self.is_saying_digits() || other.presses(self);
        let heard = to.is_ok() && !busy && self.can_hear();
        let voice = self.voice.as_mut()?;
        if let Some(playing) = &mut voice.sound
            && !playing.has_begun(now, heard)
        {
            return None;
        }
        let egress: &mut Egress = self.egress.as_deref_mut()?;
        loop {
            let room = packet.buffer_mut().get_mut(HEADER..)?;
            let (frame, payload_type, clock) = voice.poll(now, room)?;
            let Ok(to) = to else {
                voice.begins = true;
                continue;
            };
            if busy {
                voice.begins = true;
                continue;
            }
            let begins = std::mem::take(&mut voice.begins) || frame.marker;
            let mut numbers = egress.own(now, clock, begins, frame.step);
            numbers.marker = begins && frame.kind == FrameKind::Audio;
            let header = rtp::write(payload_type, &numbers);
            packet.buffer_mut().get_mut(..HEADER)?.copy_from_slice(&header);
            packet.set_len(HEADER + frame.len);
            self.sent(HEADER + frame.len);
            return Some(to);
        }
    }
}

fn arrival<'a>(header: &Header, packet: &'a [u8]) -> Arrival<'a> {
    Arrival {
        ssrc: header.ssrc,
        payload_type: header.payload_type,
        sequence: header.sequence,
        timestamp: header.timestamp,
        payload: rtp::payload(packet),
    }
}
