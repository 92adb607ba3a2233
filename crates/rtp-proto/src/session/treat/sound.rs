//! A sound that is played to a peer.

use crate::control::{Audio, Country, Sound, SoundSource, Tone};
use audio::tone::{self, Signal};
use audio::{Clip, Frame, Player, Program};
use std::time::Instant;

/// A sound under way.
#[derive(Debug)]
pub(super) struct Playing {
    player: Player,
    payload_type: u8,
}

impl Playing {
    /// From `now` on. `None`: the peer's codec can't be made.
    pub(super) fn new(now: Instant, sound: &Sound, audio: &Audio) -> Option<Self> {
        let times = Some(sound.times).filter(|times| *times > 0);
        let program = match &sound.source {
            SoundSource::Tone { tone, country } => {
                Program::Tone(country_of(*country).cadence(signal_of(*tone)), times)
            }
            SoundSource::Clip { samples, rate } => Program::Clip(Clip::shared(samples.clone(), *rate), times),
        };
        let player = Player::new(&audio.send.audio, program, now).ok()?;
        Some(Self {
            player,
            payload_type: audio.send.payload_type,
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.player.poll_timeout()
    }

    pub(super) fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<(Frame, u8, u32)> {
        let frame = self.player.poll(now, payload)?;
        Some((frame, self.payload_type, self.player.clock()))
    }

    /// Whether all of it has been heard.
    pub(super) fn has_ended(&self) -> bool {
        self.player.is_done()
    }
}

fn signal_of(tone: Tone) -> Signal {
    match tone {
        Tone::Ringback => Signal::Ringback,
        Tone::Busy => Signal::Busy,
        Tone::Congestion => Signal::Congestion,
        Tone::Unobtainable => Signal::Unobtainable,
    }
}

fn country_of(country: Country) -> tone::Country {
    match country {
        Country::Us => tone::Country::Us,
        Country::Uk => tone::Country::Uk,
        Country::De => tone::Country::De,
        Country::Fr => tone::Country::Fr,
        Country::It => tone::Country::It,
    }
}
