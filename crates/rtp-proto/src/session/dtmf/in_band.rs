//! Digits as tones: heard in what one peer says, and said to the other.

use super::{Channel, Ear, Half, Keys, Said, Session, Side, Tones, Transmit};
use crate::control::{Audio, Digit};
use crate::dtmf::Heard;
use crate::packet::Packet;
use crate::rtp::{self, HEADER, Header};
use audio::FrameKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Session {
    /// The next packet of a tone that is said to a side's peer.
    pub(super) fn say_tone(&mut self, now: Instant, side: Side, packet: &mut Packet<'_>) -> Option<Transmit> {
        let (there, here) = self.halves(side);
        let [_, due] = there.keys.as_ref()?.tones_at();
        due.filter(|at| now >= *at)?;
        if there.egress.is_none() {
            there.numbers_from(here);
        }
        let said = there.sound(now, packet);
        // The kernel may go on when it is over.
        let over = !there.is_saying_digits();
        self.rerouted |= over;
        Some(Transmit {
            side,
            channel: Channel::Rtp,
            to: said?,
        })
    }
}

impl Half {
    /// The next packet of a tone of our own. One that can't be sent is not said later.
    fn sound(&mut self, now: Instant, packet: &mut Packet<'_>) -> Option<SocketAddr> {
        let destination = self.destination();
        let (Some(keys), Some(egress)) = (&mut self.keys, &mut self.egress) else {
            return None;
        };
        let tones = keys.tones.as_mut()?;
        let format = tones.format();
        loop {
            let room = packet.buffer_mut().get_mut(HEADER..)?;
            let frame = tones.poll(now, room)?;
            let Ok(to) = destination else {
                continue;
            };
            let mut numbers = egress.own(now, format.audio.codec.clock(), frame.marker, frame.step);
            numbers.marker = frame.marker && frame.kind == FrameKind::Audio;
            let header = rtp::write(format.payload_type, &numbers);
            packet.buffer_mut().get_mut(..HEADER)?.copy_from_slice(&header);
            let length = HEADER + frame.len;
            packet.set_len(length);
            self.sent(length);
            return Some(to);
        }
    }
}

impl Keys {
    /// Other audio, or the same: what waits to be said is said, and what has been heard is told.
    pub(super) fn tune(&mut self, now: Instant, in_band: Option<&Arc<Audio>>) {
        if self.in_band.as_ref() == in_band {
            return;
        }
        self.in_band = in_band.cloned();
        self.roused = true;
        let Some(spoken) = in_band else {
            // The rest of a tone passes as it is.
            (self.tones, self.ear) = (None, None);
            return;
        };
        match &mut self.tones {
            Some(tones) => tones.retune(now, spoken.clone()),
            None => self.tones = Some(Box::new(Tones::new(spoken.clone()))),
        }
        match &mut self.ear {
            Some(ear) => ear.retune(spoken.clone()),
            None => self.ear = Some(Box::new(Ear::new(spoken.clone()))),
        }
    }

    /// Says a digit to the peer in its way. Whether there was room for it, and it has a way.
    pub(super) fn say(&mut self, now: Instant, digit: Digit, duration: Duration) -> bool {
        let pushed = match (self.how.said, self.how.events, &mut self.tones) {
            (Said::Events, Some(_), _) => self.sender.get_or_insert_default().push(now, digit, duration),
            (Said::Tones, _, Some(tones)) => tones.push(now, digit, duration),
            (Said::Events, None, _) | (Said::Tones, _, None) | (Said::Signalled, _, _) => false,
        };
        self.roused |= pushed;
        pushed
    }

    /// Whether a digit of the other peer is said anew to this one: a tone as events, an event as a tone.
    pub(super) fn takes_anew(&self, tone: bool) -> bool {
        match self.how.said {
            Said::Events => tone,
            Said::Tones => !tone,
            Said::Signalled => false,
        }
    }

    /// The next digit that has been heard to its end, and whether it was a tone.
    pub(super) fn heard(&mut self) -> Option<(Heard, bool)> {
        let pressed = self.receiver.as_mut().and_then(|receiver| receiver.poll());
        let event = pressed.map(|heard| (heard, false));
        event.or_else(|| Some((self.ear.as_mut()?.poll()?, true)))
    }

    /// A packet of the peer's that is no event.
    pub(super) fn listen(&mut self, now: Instant, header: &Header, packet: &mut Packet<'_>) {
        if let Some(ear) = &mut self.ear {
            self.roused |= ear.listen(now, header, packet);
        }
    }

    /// When something is due for the ear, and for what is said.
    pub(super) fn tones_at(&self) -> [Option<Instant>; 2] {
        [
            self.ear.as_ref().and_then(|ear| ear.poll_timeout()),
            self.tones.as_ref().and_then(|tones| tones.poll_timeout()),
        ]
    }

    pub(super) fn tones_timeout(&mut self, now: Instant) {
        if let Some(ear) = &mut self.ear {
            ear.handle_timeout(now);
        }
    }

    /// Whether a tone is being said.
    pub(super) fn is_sounding(&self) -> bool {
        self.tones.as_ref().is_some_and(|tones| tones.is_busy())
    }
}
