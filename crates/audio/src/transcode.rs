//! One direction of a call whose legs have no codec in common, or not the same packet time.

use crate::fifo::Fifo;
use crate::level::dbov;
use crate::outlet::Outlet;
use crate::receive::{Pause, Receiver};
use crate::{Arrival, Codec, CodecError, Format, Frame, NoiseParameters, Pushed, samples_in};
use std::time::{Duration, Instant};

/// Nothing is sent any more when nothing has come for this long, or for this long after comfort noise.
const ABSENT: Duration = Duration::from_secs(5);
const SILENT: Duration = Duration::from_secs(120);
/// Comfort noise is repeated this often.
const NOISE_EVERY: Duration = Duration::from_millis(500);

/// What a [`Transcoder`] takes and gives.
#[derive(Clone, Debug)]
pub struct TranscoderSettings<'a> {
    /// What may arrive: payload type and codec.
    pub inputs: &'a [(u8, Codec)],
    /// Payload type of comfort noise that may arrive.
    pub noise_in: Option<u8>,
    /// Payload types of telephone events that may arrive. While one goes on nothing is sent: it's somebody else's to send it.
    pub events_in: [Option<u8>; 2],
    /// What is sent.
    pub output: Format,
    /// The receiver takes comfort noise at 8000 Hz, so that silence need not be sent.
    pub noise_out: bool,
    /// Any number, for noise.
    pub seed: u64,
}

/// One direction: packets in, packets out, on a clock of its own.
///
/// Call [`push`](Self::push) for each packet, and [`poll`](Self::poll) until it gives nothing whenever
/// [`poll_timeout`](Self::poll_timeout) says so.
#[derive(Debug)]
pub struct Transcoder {
    receiver: Receiver,
    outlet: Outlet,
    fifo: Fifo,
    frame: Vec<i16>,
    noise_out: bool,
    /// Comfort noise that was sent last, and when.
    sent_noise: Option<(NoiseParameters, Instant)>,
}

impl Transcoder {
    /// Nothing is sent before something has come.
    ///
    /// # Errors
    /// [`CodecError::Rate`] when a codec can't work at the other's rate.
    pub fn new(settings: &TranscoderSettings<'_>) -> Result<Self, CodecError> {
        let first = settings.inputs.first().map_or(Codec::Pcmu, |(_, codec)| *codec);
        // Where one of the two is Opus, it adapts to the other; two of them meet at the full rate.
        let rate = settings.output.codec.encode_rate(first.rate());
        let outlet = Outlet::new(&settings.output, first.rate())?;
        let samples = outlet.samples();
        let receiver = Receiver::new(
            settings.inputs,
            settings.noise_in,
            settings.events_in,
            (rate, u32::try_from(outlet.period().as_millis()).unwrap_or(20)),
            settings.seed,
        )?;
        Ok(Self {
            receiver,
            fifo: Fifo::new(rate, samples + 2 * samples_in(rate, crate::MAX_PTIME_MS)),
            frame: vec![0; samples],
            outlet,
            noise_out: settings.noise_out && settings.output.codec.clock() == 8_000,
            sent_noise: None,
        })
    }

    /// A packet arrived.
    pub fn push(&mut self, now: Instant, arrival: &Arrival<'_>) -> Pushed {
        let pushed = self.receiver.push(now, arrival);
        if pushed == Pushed::Taken && !self.outlet.is_running() {
            self.fifo.clear();
            self.outlet.start(now + self.receiver.wait());
        }
        pushed
    }

    /// When [`poll`](Self::poll) has something to do; `None` when nothing is being sent.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.outlet.next()
    }

    /// The next frame whose time has come, its payload written to the front of `payload`.
    pub fn poll(&mut self, now: Instant, payload: &mut [u8]) -> Option<Frame> {
        while let Some(due) = self.outlet.tick(now) {
            self.fill(due);
            self.receiver.correct(due, self.frame.len(), &mut self.fifo);
            self.fill(due);
            self.fifo.take(&mut self.frame);
            if self.has_ended(due) {
                self.outlet.nothing();
                self.outlet.stop();
                self.sent_noise = None;
                return None;
            }
            if let Some(frame) = self.send(due, payload) {
                return Some(frame);
            }
        }
        None
    }

    /// Makes sure that a frame of samples is there.
    fn fill(&mut self, due: Instant) {
        while self.fifo.len() < self.frame.len() {
            let before = self.fifo.len();
            self.receiver.refill(due, &mut self.fifo);
            if self.fifo.len() == before {
                // Nothing may arrive at all: the rest is silence.
                return;
            }
        }
    }

    /// The sender has been away for long.
    fn has_ended(&self, due: Instant) -> bool {
        let limit = match self.receiver.paused() {
            None => return false,
            Some(Pause::Noise) => SILENT,
            Some(Pause::Absent | Pause::Gap) => ABSENT,
        };
        let last = self.receiver.last_push();
        last.is_some_and(|last| due.saturating_duration_since(last) >= limit)
    }

    fn send(&mut self, due: Instant, payload: &mut [u8]) -> Option<Frame> {
        if self.receiver.in_event(due) {
            self.outlet.nothing();
            return None;
        }
        let silent = self.noise_out && self.receiver.is_only_noise();
        let Some(noise) = self.receiver.noise().filter(|_| silent) else {
            self.sent_noise = None;
            return self.outlet.audio(&self.frame, payload);
        };
        let known = self
            .sent_noise
            .is_some_and(|(sent, at)| sent == noise && due.saturating_duration_since(at) < NOISE_EVERY);
        if known {
            self.outlet.nothing();
            return None;
        }
        self.sent_noise = Some((noise, due));
        self.outlet.noise(&noise, payload)
    }

    /// How loud the loudest packet was that was decoded since this was asked last, in dB of full scale (0: the loudest square
    /// wave); `None`: none was.
    pub fn take_level(&mut self) -> Option<f32> {
        self.receiver.loudest.take().map(dbov)
    }

    /// The samples of the last frame that [`poll`](Self::poll) gave: what the listener hears.
    #[cfg(test)]
    fn heard(&self) -> &[i16] {
        &self.frame
    }

    /// Rate of the output's timestamps in Hz.
    #[must_use]
    pub fn clock(&self) -> u32 {
        self.outlet.clock()
    }

    /// How long a packet that lost no time on its way waits at present.
    #[cfg(test)]
    fn wait(&self) -> Duration {
        self.receiver.wait()
    }

    /// What has happened on the receiving side so far.
    #[cfg(test)]
    fn stats(&self) -> crate::receive::ReceiveStats {
        self.receiver.stats
    }
}

#[cfg(test)]
mod tests;
