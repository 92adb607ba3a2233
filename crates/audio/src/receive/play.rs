//! The next samples: decoded, recovered, concealed, or noise.

use super::{Pause, Receiver, State};
use crate::fifo::Fifo;
use crate::jitter::{Slot, What};
use crate::level::power;
use crate::noise::NoiseParameters;
use std::time::{Duration, Instant};

/// What is made up at a time, in milliseconds.
const STEP_MS: u32 = 10;
/// A stream that has been stretched for this long has paused.
const MOST_STRETCH_MS: i64 = 160;
/// A gap that is longer is waited for by the clock, not concealed.
const MOST_GAP_MS: i64 = 500;
/// Timestamps that differ by less are taken for the same, in milliseconds.
const SLACK_MS: i64 = 2;
/// The loudest noise behind speech that is believed (root mean square, -50 dBov): a tone that goes on and on is no noise.
const LOUDEST_NOISE: f32 = 104.0;
/// How far the wait may be from what it should be before the stream is cut or stretched (beyond a packet, since packets are taken
/// whole), how often that is done, and how far it may be before it's done in any case.
const TOLERANCE: Duration = Duration::from_millis(6);
const BETWEEN: Duration = Duration::from_millis(100);
const TOO_MUCH: Duration = Duration::from_millis(80);

impl Receiver {
    /// Puts the next samples, at least one, behind what waits in `out`, whose first is to be heard at `due`.
    pub(crate) fn refill(&mut self, due: Instant, out: &mut Fifo) {
        let before = out.len();
        // Each turn takes a packet from the queue, changes the state or makes samples; the queue is bounded.
        for _ in 0..200 {
            match self.state {
                State::Paused(_) => self.rest(due, out),
                State::Playing { next, stretched } => self.play(due, next, stretched, out),
            }
            if out.len() > before {
                return;
            }
        }
        self.make_up(STEP_MS as usize, out);
    }

    /// In a pause: the next packet if its time has come, or noise until then.
    fn rest(&mut self, due: Instant, out: &mut Fifo) {
        let Some(head) = self.queue.head() else {
            return self.make_up(STEP_MS as usize, out);
        };
        let (timestamp, what) = (head.timestamp, head.what);
        if what == What::Event {
            self.take_event();
            return;
        }
        let ideal = self.delay.ideal(self.media(timestamp)).unwrap_or(due);
        if ideal + self.wait() > due + Duration::from_millis(1) {
            return self.make_up(STEP_MS as usize, out);
        }
        match what {
            What::Noise => self.take_noise(),
            What::Audio(_) | What::Event => {
                self.state = State::Playing {
                    next: timestamp,
                    stretched: 0,
                };
            }
        }
    }

    fn play(&mut self, due: Instant, next: i64, stretched: i64, out: &mut Fifo) {
        let per_ms = self.units_per_ms();
        let Some(head) = self.queue.head() else {
            return self.stretch(next, stretched, out);
        };
        match head.what {
            What::Noise => return self.take_noise(),
            What::Event => return self.take_event(),
            What::Audio(_) => {}
        }
        let gap = head.timestamp - next;
        let follows = self
            .queue
            .played()
            .is_none_or(|played| head.sequence == played + 1);
        if gap < -SLACK_MS * per_ms {
            // It overlaps what was played: the sender's timestamps went back a little, or a straggler.
            if let Some(slot) = self.queue.pop() {
                self.stats.late += 1;
                self.queue.recycle(slot.payload);
            }
        } else if gap <= SLACK_MS * per_ms || (!follows && stretched >= gap - SLACK_MS * per_ms) {
            self.decode_next(due, gap > 0 && !follows, out);
        } else if follows || gap > MOST_GAP_MS * per_ms {
            self.pause(Pause::Gap);
        } else {
            self.bridge(next, gap, stretched, out);
        }
    }

    /// Nothing is there: the stream's clock stands still.
    fn stretch(&mut self, next: i64, stretched: i64, out: &mut Fifo) {
        let per_ms = self.units_per_ms();
        if stretched >= MOST_STRETCH_MS * per_ms {
            return self.pause(Pause::Absent);
        }
        self.state = State::Playing {
            next,
            stretched: stretched + i64::from(STEP_MS) * per_ms,
        };
        self.stats.concealed_ms += u64::from(STEP_MS);
        self.make_up(STEP_MS as usize, out);
    }

    /// Packets are missing before the one that waits: the next of them is rebuilt or made up.
    fn bridge(&mut self, next: i64, gap: i64, stretched: i64, out: &mut Fifo) {
        let per_ms = self.units_per_ms();
        self.count_loss(true);
        let missing = gap - stretched;
        let piece = missing.min(self.packet.max(per_ms));
        self.state = State::Playing {
            next: next + stretched + piece,
            stretched: 0,
        };
        self.stats.concealed_ms += u64::try_from(piece / per_ms).unwrap_or(0);
        let last = piece == missing;
        if last && self.recover(piece, out) {
            self.stats.recovered += 1;
            return;
        }
        self.make_up_units(piece, out);
    }

    /// Decodes the packet that waits.
    fn decode_next(&mut self, due: Instant, after_loss: bool, out: &mut Fifo) {
        let Some(slot) = self.queue.pop() else { return };
        let timestamp = slot.timestamp;
        let units = self.decode(&slot, out);
        self.queue.recycle(slot.payload);
        match units {
            Some(units) => {
                self.packet = units;
                self.state = State::Playing {
                    next: timestamp + units,
                    stretched: 0,
                };
                let ideal = self.delay.ideal(self.media(timestamp));
                self.waited = ideal.map(|ideal| due.saturating_duration_since(ideal));
                self.count_loss(after_loss);
                self.count_loss(false);
            }
            None => {
                // As good as lost, and as long as the last one.
                let units = self.packet;
                self.stats.invalid += 1;
                self.stats.concealed_ms += u64::from(self.packet_ms());
                self.state = State::Playing {
                    next: timestamp + units,
                    stretched: 0,
                };
                self.count_loss(true);
                self.make_up_units(units, out);
            }
        }
    }

    /// Decodes a packet into `out`; its length in clock units.
    fn decode(&mut self, slot: &Slot, out: &mut Fifo) -> Option<i64> {
        let What::Audio(index) = slot.what else {
            return None;
        };
        if index != self.current {
            self.switch_input(index);
        }
        let input = self.inputs.get_mut(self.current)?;
        let decoded = input.decode(&slot.payload, &mut self.decoded)?;
        let samples = self.decoded.get_mut(..decoded)?;
        let before = power(samples);
        input.concealer.heard(samples);
        let units = input.units(decoded);
        let ms = u32::try_from(units * 1000 / i64::from(input.clock)).unwrap_or(20);
        self.floor.heard(before, ms);
        self.loudest = Some(self.loudest.map_or(before, |loudest| loudest.max(before)));
        if !self.told {
            input.concealer.set_noise(NoiseParameters::of_rms(
                self.floor.power().sqrt().min(LOUDEST_NOISE),
            ));
        }
        self.deliver(decoded, out);
        Some(units)
    }

    /// Another codec with the same clock: it begins as if nothing had been heard.
    fn switch_input(&mut self, index: usize) {
        self.current = index;
        if let Some(input) = self.inputs.get_mut(index) {
            input.concealer.reset();
            if let Some(resampler) = &mut input.resampler {
                resampler.reset();
            }
        }
    }

    /// Cuts or stretches what waits in `out`, when the last packet had waited much more or less than it should. Called once all
    /// of a frame (so many samples) is there; afterwards it may not be, if a packet waits to fill it up again. A packet that came
    /// too late to wait has a long wait all the same: without another behind it there is nothing to catch up by cutting.
    pub(crate) fn correct(&mut self, due: Instant, frame: usize, out: &mut Fifo) {
        let Some(waited) = self.waited.take() else {
            return;
        };
        let target = self.wanted();
        let packet = Duration::from_millis(u64::from(self.packet_ms()));
        let urgent = waited > target + packet + TOO_MUCH;
        if !urgent && self.settled.is_some_and(|at| due < at) {
            return;
        }
        let per_ms = (self.rate / 1000).max(1) as usize;
        let changed = if waited > target + packet + TOLERANCE {
            let keep = if self.queue.head().is_some() { 0 } else { frame };
            let cut = out.shorten(urgent, keep);
            self.stats.shortened_ms += (cut / per_ms) as u64;
            cut
        } else if waited + TOLERANCE < target {
            let put = out.lengthen();
            self.stats.lengthened_ms += (put / per_ms) as u64;
            put
        } else {
            0
        };
        if changed > 0 {
            self.settled = Some(due + BETWEEN);
        }
    }

    /// Rebuilds what is missing before the packet that waits from that packet.
    fn recover(&mut self, units: i64, out: &mut Fifo) -> bool {
        let Some(input) = self.inputs.get_mut(self.current) else {
            return false;
        };
        let wanted = input.samples(units);
        let head = self
            .queue
            .head()
            .filter(|head| head.what == What::Audio(self.current));
        let made = head
            .zip(self.decoded.get_mut(..wanted))
            .and_then(|(head, samples)| input.decoder.recover(&head.payload, samples));
        match made {
            Some(made) if made > 0 => {
                if let Some(samples) = self.decoded.get_mut(..made) {
                    input.concealer.heard(samples);
                }
                self.deliver(made, out);
                true
            }
            _ => false,
        }
    }

    fn take_noise(&mut self) {
        let Some(slot) = self.queue.pop() else { return };
        if let Some(parameters) = NoiseParameters::parse(&slot.payload)
            && let Some(input) = self.inputs.get_mut(self.current)
        {
            // The spectrum is that of 8 kHz.
            let fits = input.rate == 8_000;
            input
                .concealer
                .set_noise(if fits { parameters } else { parameters.flat() });
            self.told = true;
        }
        self.queue.recycle(slot.payload);
        self.pause(Pause::Noise);
    }

    fn take_event(&mut self) {
        let Some(slot) = self.queue.pop() else { return };
        self.queue.recycle(slot.payload);
        if self.paused().is_none() {
            self.pause(Pause::Gap);
        }
    }

    pub(super) fn units_per_ms(&self) -> i64 {
        let clock = self.inputs.get(self.current).map_or(8_000, |input| input.clock);
        i64::from(clock / 1000).max(1)
    }

    /// Makes up so many milliseconds.
    fn make_up(&mut self, ms: usize, out: &mut Fifo) {
        let units = i64::try_from(ms.max(1)).unwrap_or(1) * self.units_per_ms();
        self.make_up_units(units, out);
    }

    /// Makes up so many clock units: by the codec's own means while there are any and the stream goes on, and with repetition and noise.
    fn make_up_units(&mut self, units: i64, out: &mut Fifo) {
        let playing = matches!(self.state, State::Playing { .. });
        let Some(input) = self.inputs.get_mut(self.current) else {
            return;
        };
        let wanted = input.samples(units).clamp(1, self.decoded.len());
        let Some(samples) = self.decoded.get_mut(..wanted) else {
            return;
        };
        let made = input.make_up(playing, samples);
        self.deliver(made, out);
    }

    /// The first decoded samples go out, at the output's rate.
    fn deliver(&mut self, samples: usize, out: &mut Fifo) {
        let Some(input) = self.inputs.get_mut(self.current) else {
            return;
        };
        let Some(samples) = self.decoded.get(..samples) else {
            return;
        };
        match &mut input.resampler {
            None => out.push(samples),
            Some(resampler) => {
                let converted = resampler.process(samples, &mut self.converted);
                out.push(self.converted.get(..converted).unwrap_or_default());
            }
        }
    }
}
