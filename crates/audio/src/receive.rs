//! What arrives, made into an unbroken row of samples: the jitter buffer's decisions.
//!
//! Samples are asked for by a clock of ours. While the stream is *playing*, its next timestamp is decoded, or concealed when it is
//! lost; when nothing is there at all, the stream is stretched: its clock stands still, and how much was made up is kept in mind, so
//! that a lost packet costs no delay and a late one does. In a *pause* (before the first packet, after comfort noise, an event, a
//! gap that the sender left, or a long absence) noise is made until the next packet's time has come, and its wait is chosen anew.

mod input;
mod play;

use crate::jitter::{Delay, Placed, Queue, What, fade};
use crate::level::NoiseFloor;
use crate::{Codec, CodecError, MAX_PTIME_MS, gcd, samples_in};
use input::Input;
use std::time::{Duration, Instant};

/// How long a packet waits, at least and at most, and before anything is known.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// An event is over when none of its packets has come for this long: they come every 20 to 50 ms.
const EVENT: Duration = Duration::from_millis(60);
/// After such a silence the sender's timestamps need not have gone on.
const AWAY: Duration = Duration::from_secs(1);
/// Loss from which on it's worth to wait for the next packet, which may repeat the lost one.
const WORTH_WAITING: f32 = 0.01;
/// The weight of the past in the loss, for each packet.
const LOSS_MEMORY: f32 = 0.995;

/// A packet's header fields and payload.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// What it carries.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Taken,
    /// It's a telephone event: silence in this stream. What it says is somebody else's to hear.
    Event,
    /// It came twice.
    Duplicate,
    /// It came when its turn was over.
    Late,
    /// Its numbers are too far from the others'; it's believed if the next packet agrees.
    Doubtful,
    /// Its payload type is none that was agreed, or its payload is no good.
    Unknown,
}

/// What has happened on the receiving side so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReceiveStats {
    /// Packets that were taken.
    pub(crate) packets: u64,
    /// Packets that came too late to be played.
    pub(crate) late: u64,
    /// Packets that came twice.
    pub(crate) duplicates: u64,
    /// Packets that were thrown away because too many waited.
    pub(crate) overflows: u64,
    /// Packets whose payload could not be decoded.
    pub(crate) invalid: u64,
    /// Audio that was made up, in milliseconds: lost, late, or not there in time.
    pub(crate) concealed_ms: u64,
    /// Packets that were rebuilt from the one after them (Opus).
    pub(crate) recovered: u64,
    /// Audio that was cut out to catch up, in milliseconds.
    pub(crate) shortened_ms: u64,
    /// Audio that was stretched to wait longer, in milliseconds.
    pub(crate) lengthened_ms: u64,
    /// Streams that began: the first, and each change of source.
    pub(crate) streams: u64,
}

/// Why there is a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Nothing has come yet, or nothing for long.
    Absent,
    /// The sender said that there is only noise.
    Noise,
    /// The sender left a gap, or sends an event.
    Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Paused(Pause),
    /// The next timestamp to be decoded, and how much was made up while the clock stood still, in clock units.
    Playing {
        next: i64,
        stretched: i64,
    },
}

/// The receiving side of one direction.
#[derive(Debug)]
pub(crate) struct Receiver {
    inputs: Vec<Input>,
    /// Which input decodes at present.
    current: usize,
    noise_type: Option<u8>,
    event_types: [Option<u8>; 2],
    queue: Queue,
    delay: Delay,
    state: State,
    floor: NoiseFloor,
    /// Comfort noise that the peer described; the floor counts otherwise.
    told: bool,
    /// Rate of the samples that go out.
    rate: u32,
    /// Samples of the present input and of the output, for one step.
    decoded: Vec<i16>,
    converted: Vec<i16>,
    /// How long the last packet's audio was, in clock units.
    packet: i64,
    /// How long a frame of the output is, in milliseconds.
    frame_ms: u32,
    /// When the present wait may be corrected again.
    settled: Option<Instant>,
    /// How long the packet that was taken last had waited (since it would have come, had it lost no time).
    waited: Option<Duration>,
    /// Mean power of the loudest packet that was decoded since somebody asked.
    pub(crate) loudest: Option<f32>,
    /// Share of the packets that were lost of late.
    loss: f32,
    last_push: Option<Instant>,
    /// When the last packet of an event came.
    last_event: Option<Instant>,
    pub(crate) stats: ReceiveStats,
}

impl Receiver {
    /// Takes `inputs` (payload type and codec), comfort noise and events of these payload types, and gives samples at `rate` Hz, asked for
    /// in frames of `frame_ms`.
    pub(crate) fn new(
        inputs: &[(u8, Codec)],
        noise_type: Option<u8>,
        event_types: [Option<u8>; 2],
        (rate, frame_ms): (u32, u32),
        seed: u64,
    ) -> Result<Self, CodecError> {
        let inputs = inputs
            .iter()
            .map(|(payload_type, codec)| Input::new(*payload_type, *codec, rate, seed))
            .collect::<Result<Vec<_>, _>>()?;
        let fastest = inputs
            .iter()
            .map(|input| input.rate)
            .chain([rate])
            .max()
            .unwrap_or(rate);
        let longest = samples_in(fastest, MAX_PTIME_MS);
        let clock = inputs.first().map_or(8_000, |input| input.clock);
        let payload = inputs
            .iter()
            .map(|input| input.codec.payload_bytes(20))
            .max()
            .unwrap_or(160);
        Ok(Self {
            inputs,
            current: 0,
            noise_type,
            event_types,
            queue: Queue::new(payload, clock),
            delay: Delay::new(SHORTEST_WAIT, LONGEST_WAIT),
            state: State::Paused(Pause::Absent),
            floor: NoiseFloor::new(),
            told: false,
            rate,
            decoded: vec![0; longest],
            converted: vec![0; longest + 8],
            packet: i64::from(clock) / 50,
            frame_ms,
            settled: None,
            waited: None,
            loudest: None,
            loss: 0.0,
            last_push: None,
            last_event: None,
            stats: ReceiveStats::default(),
        })
    }

    /// A packet arrived.
    pub(crate) fn push(&mut self, now: Instant, arrival: &Arrival<'_>) -> Pushed {
        let Some(what) = self.what(arrival) else {
            return Pushed::Unknown;
        };
        if what == What::Event {
            self.last_event = Some(now);
        }
        if let What::Audio(index) = what {
            self.choose(index);
        }
        let placed = self.queue.put(
            arrival.ssrc,
            arrival.sequence,
            arrival.timestamp,
            what,
            arrival.payload,
        );
        self.stats.overflows = self.queue.overflows;
        let timestamp = match placed {
            Placed::In(timestamp) => {
                if self.has_lost_touch(now, what, timestamp) {
                    self.delay.restart();
                }
                timestamp
            }
            Placed::Anew(timestamp) => {
                self.stats.streams += 1;
                self.delay.restart();
                self.pause(Pause::Absent);
                timestamp
            }
            Placed::Late(timestamp) => {
                self.stats.late += 1;
                self.note_arrival(now, what, timestamp);
                return Pushed::Late;
            }
            Placed::Duplicate => {
                self.stats.duplicates += 1;
                return Pushed::Duplicate;
            }
            Placed::Doubtful => return Pushed::Doubtful,
        };
        self.stats.packets += 1;
        self.last_push = Some(now);
        self.note_arrival(now, what, timestamp);
        if let (Some(_), What::Audio(index), Some(input)) =
            (self.paused(), what, self.inputs.get(self.current))
            && index == self.current
        {
            self.packet = input
                .decoder
                .samples(arrival.payload)
                .map_or(self.packet, |n| input.units(n));
        }
        if what == What::Event {
            Pushed::Event
        } else {
            Pushed::Taken
        }
    }

    /// Whether a packet that comes after an absence says nothing of how long the path is compared to before: the sender's clock may have
    /// stood still meanwhile, or the path is another, and longer than anything that is waited for.
    fn has_lost_touch(&self, now: Instant, what: What, timestamp: i64) -> bool {
        if self.paused() != Some(Pause::Absent) {
            return false;
        }
        let since = |at: Instant| now.saturating_duration_since(at);
        let ideal = self
            .delay
            .ideal(self.media(timestamp))
            .filter(|_| what != What::Event);
        self.last_push.is_some_and(|last| since(last) > AWAY)
            || ideal.is_some_and(|ideal| since(ideal) > LONGEST_WAIT)
    }

    /// An event's packets all have the timestamp of its start, so they say nothing about the path.
    fn note_arrival(&mut self, now: Instant, what: What, timestamp: i64) {
        if what != What::Event {
            self.delay.arrived(now, self.media(timestamp));
        }
    }

    fn what(&self, arrival: &Arrival<'_>) -> Option<What> {
        let pt = arrival.payload_type;
        if let Some(index) = self.inputs.iter().position(|input| input.payload_type == pt) {
            let usable = self.inputs.get(index)?.accepts(arrival.payload);
            return usable.then_some(What::Audio(index));
        }
        if self.noise_type == Some(pt) {
            return (!arrival.payload.is_empty()).then_some(What::Noise);
        }
        self.event_types.contains(&Some(pt)).then_some(What::Event)
    }

    /// Audio of another codec: its clock may be another.
    fn choose(&mut self, index: usize) {
        let clock = |index: usize| self.inputs.get(index).map(|input| input.clock);
        if index != self.current && clock(index) != clock(self.current) {
            if let Some(clock) = clock(index) {
                self.queue.restart(clock);
            }
            self.delay.restart();
            self.current = index;
            self.pause(Pause::Absent);
        }
    }

    /// The stream's own time of a timestamp, in microseconds.
    fn media(&self, timestamp: i64) -> i64 {
        let clock = self.inputs.get(self.current).map_or(8_000, |input| input.clock);
        let micros = i128::from(timestamp) * 1_000_000 / i128::from(clock.max(1));
        i64::try_from(micros).unwrap_or(i64::MAX)
    }

    /// Begins a pause, if there is none, or says better why there is.
    fn pause(&mut self, why: Pause) {
        self.state = State::Paused(why);
        if why == Pause::Absent {
            self.told = false;
        }
    }

    /// Why nothing is being decoded, if so.
    pub(crate) fn paused(&self) -> Option<Pause> {
        match self.state {
            State::Paused(why) => Some(why),
            State::Playing { .. } => None,
        }
    }

    /// Whether all that comes out is noise.
    pub(crate) fn is_only_noise(&self) -> bool {
        self.paused().is_some()
            && self
                .inputs
                .get(self.current)
                .is_none_or(|input| input.concealer.has_faded())
    }

    /// The noise that comes out in a pause.
    pub(crate) fn noise(&self) -> Option<crate::NoiseParameters> {
        self.inputs.get(self.current).map(|input| input.concealer.noise())
    }

    /// Whether an event is going on.
    pub(crate) fn in_event(&self, at: Instant) -> bool {
        let last = self.last_event;
        last.is_some_and(|last| at.saturating_duration_since(last) < EVENT) && self.paused().is_some()
    }

    /// When the last packet was taken.
    pub(crate) fn last_push(&self) -> Option<Instant> {
        self.last_push
    }

    /// How long a packet that lost no time on its way waits, at least, until it's taken.
    fn wanted(&self) -> Duration {
        let wait = self.delay.target();
        let repeats = self
            .inputs
            .get(self.current)
            .is_some_and(|input| input.decoder.conceals());
        if repeats && self.loss > WORTH_WAITING {
            wait + Duration::from_millis(u64::from(self.packet_ms()))
        } else {
            wait
        }
    }

    /// How long the first packet of a frame waits, so that the last one of the frame has come too.
    pub(crate) fn wait(&self) -> Duration {
        let ahead = self.frame_ms - gcd(self.frame_ms, self.packet_ms());
        self.wanted() + Duration::from_millis(u64::from(ahead))
    }

    fn packet_ms(&self) -> u32 {
        u32::try_from(self.packet / self.units_per_ms())
            .unwrap_or(20)
            .max(1)
    }

    /// A packet was played, or lost.
    fn count_loss(&mut self, lost: bool) {
        self.loss = fade(self.loss, LOSS_MEMORY) + if lost { 1.0 - LOSS_MEMORY } else { 0.0 };
    }
}
