//! Digits said to a peer as tones in what it hears (in band).

use super::{Digit, Heard, LONGEST_DIGIT, PAUSE, QUEUE, SHORTEST};
use crate::control::{Audio, Format};
use audio::{Frame, Player, Program, dtmf};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tones that are to be said to one peer.
#[derive(Debug)]
pub(crate) struct Tones {
    spoken: Arc<Audio>,
    waiting: VecDeque<Heard>,
    /// A digit is being said, or the pause behind it.
    player: Option<Box<Player>>,
}

impl Tones {
    pub(crate) fn new(spoken: Arc<Audio>) -> Self {
        Self {
            spoken,
            waiting: VecDeque::new(),
            player: None,
        }
    }

    /// In other audio from now on. A digit that is being said has been heard as far as it went; those that wait are said.
    pub(crate) fn retune(&mut self, now: Instant, spoken: Arc<Audio>) {
        (self.spoken, self.player) = (spoken, None);
        if let Some(Heard { digit, duration }) = self.waiting.pop_front() {
            self.push(now, digit, duration);
        }
    }

    /// Says a digit after those that wait. Whether there was room for it, and a tone.
    pub(crate) fn push(&mut self, now: Instant, digit: Digit, duration: Duration) -> bool {
        let heard = Heard {
            digit,
            duration: duration.clamp(SHORTEST, LONGEST_DIGIT),
        };
        let Some(program) = program(heard) else {
            return false;
        };
        if self.player.is_some() {
            let room = self.waiting.len() < QUEUE;
            if room {
                self.waiting.push_back(heard);
            }
            return room;
        }
        let format = self.format().audio;
        self.player = Player::new(&format, program, now).ok().map(Box::new);
        self.player.is_some()
    }

    /// Whether a digit is being said, or the pause behind it. Nothing else is to be said meanwhile.
    pub(crate) fn is_busy(&self) -> bool {
        self.player.is_some()
    }

    /// When [`poll`](Self::poll) has something. A time that has passed: at once.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.player.as_ref()?.poll_timeout()
    }

    /// The next payload that is due, written to the front of `payload`; until `None`.
    pub(crate) fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<Frame> {
        let player = self.player.as_mut()?;
        let frame = player.poll(now, payload);
        if player.is_done() {
            match self.waiting.pop_front().and_then(program) {
                Some(program) => player.play(program),
                None => self.player = None,
            }
        }
        frame
    }

    /// What the peer hears: payload type and codec.
    pub(crate) fn format(&self) -> Format {
        self.spoken.send
    }
}

/// A digit and the pause behind it. `None`: there is no tone for it.
fn program(heard: Heard) -> Option<Program> {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    Some(Program::Digit {
        digit: dtmf::Digit::of_code(heard.digit.event())?,
        ms: millis(heard.duration),
        pause_ms: millis(PAUSE),
    })
}
