//! A sound that is played to a peer.

use crate::control::{Audio, Country, Sound, SoundSource, Tone};
use audio::tone::{self, Signal};
use audio::{Clip, Frame, Player, Program};
use std::time::{Duration, Instant};

/// How long a sound waits for its listener: checks, a handshake, the first packet through a NAT.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a sound that waits looks for its listener.
const LOOK: Duration = Duration::from_millis(20);

/// A sound under way, or about to be.
#[derive(Debug)]
pub(super) struct Playing {
    player: Player,
    payload_type: u8,
    /// Until when it waits for its listener; `None`: it has begun.
    waits: Option<Instant>,
    /// By how much it is later than the player takes it to be.
    late: Duration,
}

impl Playing {
    /// From `now` on, or as soon as it can be heard. `None`: the peer's codec can't be made.
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
            waits: Some(now + PATIENCE),
            late: Duration::ZERO,
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.player.poll_timeout()? + self.late)
    }

    /// Whether it is under way. It begins when its listener hears it, or has been waited for.
    pub(super) fn has_begun(&mut self, now: Instant, heard: bool) -> bool {
        let Some(until) = self.waits else { return true };
        if heard || now >= until {
            self.waits = None;
        } else if let Some(first) = self.player.poll_timeout() {
            self.late = (now + LOOK).saturating_duration_since(first);
        }
        self.waits.is_none()
    }

    pub(super) fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<(Frame, u8, u32)> {
        let frame = self.player.poll(now.checked_sub(self.late)?, payload)?;
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
