//! Frames put together: bursts of a tone, and how long anything sounded.

use super::AfterAnswer;
use audio::progress::{FRAME_MS, Pitch, Sound};

/// Frames in a row that have to show the same tone: a tenth of a second, longer than a voice holds one.
const STEADY: u32 = 5;
/// Frames before and after a tone that may be its edges, and frames in between that a loss may have spoilt.
const EDGE: u32 = 2;

/// What has been heard so far. Frames that are not known to be a tone's wait until they are.
#[derive(Debug, Default)]
pub(super) struct Cadence {
    heard: u32,
    tone: u32,
    longest: u32,
    tones: u32,
    /// The first tone: what sounds later is one of the network if it is like it, or special information. A melody is neither.
    first: Option<Pitch>,
    /// Audible frames up to now that belong to no tone so far.
    unclear: u32,
    run: Option<Run>,
}

/// Frames in a row that show the same tone.
#[derive(Clone, Copy, Debug)]
struct Run {
    pitch: Pitch,
    /// With those in between and before that count with it.
    frames: u32,
    /// It is steady for long enough to be one.
    steady: bool,
    /// Frames behind it that may be its edge.
    edge: u32,
}

impl Cadence {
    /// The next frame.
    pub(super) fn frame(&mut self, sound: Sound) {
        match sound {
            Sound::Silent => self.pause(),
            Sound::Other => self.other(),
            Sound::Tone(pitch) => self.tone(pitch),
        }
    }

    /// Something else than a tone of the network that could be heard, for so many frames.
    pub(super) fn noise(&mut self, frames: u32) {
        self.pause();
        self.heard = self.heard.saturating_add(frames);
    }

    /// Silence.
    pub(super) fn pause(&mut self) {
        self.end_run();
        self.heard += std::mem::take(&mut self.unclear);
    }

    /// Writes down what has been heard, with what is still to be told of as what it most likely is.
    pub(super) fn write(&mut self, after: &mut AfterAnswer) {
        self.pause();
        let ms = |frames: u32| frames.saturating_mul(FRAME_MS);
        (after.heard_ms, after.tone_ms) = (ms(self.heard), ms(self.tone));
        (after.longest_tone_ms, after.tones) = (ms(self.longest), self.tones);
        // Within 275 to 1875: the cast loses nothing but a fraction.
        after.hertz = self
            .first
            .filter(|_| self.tones > 0)
            .map_or(0, |first| first.low.round() as u16);
    }

    fn other(&mut self) {
        if let Some(run) = self.run.as_mut().filter(|run| run.steady && run.edge < EDGE) {
            run.edge += 1;
            return;
        }
        self.end_run();
        self.unclear += 1;
    }

    fn tone(&mut self, pitch: Pitch) {
        let goes_on = self.run.as_ref().is_some_and(|run| run.pitch.is_like(&pitch));
        if !goes_on {
            self.end_run();
            self.run = Some(Run {
                pitch,
                frames: 0,
                steady: false,
                edge: 0,
            });
        }
        let Some(run) = &mut self.run else { return };
        run.frames += 1 + std::mem::take(&mut run.edge);
        if !run.steady && run.frames >= STEADY {
            run.steady = true;
            let edge = self.unclear.min(EDGE);
            run.frames += edge;
            self.heard += std::mem::take(&mut self.unclear) - edge;
        }
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let frames = run.frames + run.edge;
        if !run.steady {
            self.unclear += frames;
            return;
        }
        let first = *self.first.get_or_insert(run.pitch);
        if first.is_like(&run.pitch) || run.pitch.is_special() {
            self.tone += frames;
            self.longest = self.longest.max(frames);
            self.tones += 1;
        } else {
            self.heard += frames;
        }
    }
}
