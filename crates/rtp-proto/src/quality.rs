//! How a stream sounds, in windows of some seconds: loss, burstiness, delay and codec as a rating of the E-model.
//!
//! A call's mean hides the ten bad seconds that were complained about, so each window is rated on its own; kept are the mean
//! over all packets, the worst window and the last.
//!
//! The delay that goes in is that of the way between a peer and us, as its listener would have it:
//! `RTT / 2 + packet + look-ahead + buffer`. The round trip is RTCP's (0 while unknown), the packet's duration is told from
//! timestamps, the look-ahead is the codec's, and the buffer is that of a receiver that adapts: four times the jitter of
//! RFC 3550, which lets fewer than 2 % of packets come too late if their delays are spread as Laplace has it, and one packet at
//! least. What comes is not taken for discarded.

use crate::emodel::{self, Codec, Connection};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Length of a window, at least.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
/// A window has so many packets at least; with fewer it goes on.
const ENOUGH: u64 = 50;
/// So many windows tell how a stream begins: one may have been a stumble.
const BEGINNING: u32 = 2;
/// What is left of an open window at the end is rated from so many packets on.
const SOME: u64 = 10;
/// A packet's duration before anything is known of it, in milliseconds.
const PACKET_MS: f32 = 20.0;

/// How a stream sounds (ITU-T G.107).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    /// Mean rating, 0 to 93.2.
    #[serde(serialize_with = "crate::figures::score")]
    pub r_factor: f32,
    /// Mean opinion score, 1 to 4.5: the mean over the call.
    #[serde(serialize_with = "crate::figures::score")]
    pub mos: f32,
    /// The worst window's.
    #[serde(serialize_with = "crate::figures::score")]
    pub mos_min: f32,
    /// The last window's.
    #[serde(serialize_with = "crate::figures::score")]
    pub mos_last: f32,
    /// One-way delay that was reckoned with last, in milliseconds.
    pub delay_ms: u32,
}

/// What is known of a stream at a moment: totals since its beginning, and how things are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sight {
    /// Packets that should have come.
    pub(crate) expected: u64,
    /// Packets that did not.
    pub(crate) lost: u64,
    /// In so many runs.
    pub(crate) events: u32,
    /// Extended sequence number and timestamp of the newest packet, and its clock in Hz.
    pub(crate) newest: Option<(u64, u32, u32)>,
    /// Round trip, in microseconds.
    pub(crate) rtt_us: Option<u32>,
    /// Jitter, in microseconds.
    pub(crate) jitter_us: u32,
}

/// The windows of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    /// When the open window began, and what had been seen by then.
    open: Option<(Instant, Sight)>,
    packet_ms: Option<f32>,
    score: Score,
}

impl Meter {
    /// When the open window may be closed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.map(|(since, _)| since + WINDOW)
    }

    /// Time has passed: closes the window if it is due and has enough in it, and gives its score.
    pub(crate) fn look(&mut self, now: Instant, codec: Option<Codec>, sight: &Sight) -> Option<f32> {
        let (since, start) = *self.open.get_or_insert((now, Sight::default()));
        if now < since + WINDOW {
            return None;
        }
        if sight.expected.saturating_sub(start.expected) < ENOUGH {
            // A stream that rests now and then gets longer windows; one that has stopped is another's business.
            return None;
        }
        self.learn(&start, sight);
        self.open = Some((now, *sight));
        let rated = rate(codec?, &start, sight, self.packet_ms());
        self.score.add(&rated);
        Some(rated.mos)
    }

    /// The score of the stream's first windows together, once: when the last of them was closed.
    pub(crate) fn beginning(&self) -> Option<f32> {
        let quality = (self.score.windows == BEGINNING).then(|| self.score.quality())?;
        quality.map(|quality| quality.mos)
    }

    /// The figures so far, with the window that is open; `None` when nothing can be said: too little came, or in a codec that
    /// nothing is known of.
    pub(crate) fn quality(&self, codec: Option<Codec>, sight: &Sight) -> Option<Quality> {
        let start = self.open.map(|(_, start)| start).unwrap_or_default();
        let mut score = self.score;
        if let Some(codec) = codec
            && sight.expected.saturating_sub(start.expected) >= SOME
        {
            let rated = rate(codec, &start, sight, self.packet_ms());
            if score.windows == 0 {
                score.add(&rated);
            } else {
                // Too short to be the worst one.
                score.weigh(&rated);
            }
        }
        score.quality()
    }

    /// A packet's duration, in milliseconds.
    pub(crate) fn packet_ms(&self) -> f32 {
        self.packet_ms.unwrap_or(PACKET_MS)
    }

    /// The duration of a packet is the least that a window shows: rests make timestamps leap, and of those that stand (an event's)
    /// none is the newest.
    fn learn(&mut self, start: &Sight, sight: &Sight) {
        let (Some((first, from, _)), Some((last, to, clock))) = (start.newest, sight.newest) else {
            return;
        };
        let packets = last.saturating_sub(first);
        let units = to.wrapping_sub(from);
        if packets < ENOUGH || clock == 0 || units == 0 || units > i32::MAX.cast_unsigned() {
            return;
        }
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "milliseconds, to a fraction"
        )]
        let ms = (f64::from(units) * 1000.0 / f64::from(clock) / packets as f64) as f32;
        if (1.0..=200.0).contains(&ms) {
            self.packet_ms = Some(self.packet_ms.map_or(ms, |known| known.min(ms)));
        }
    }
}

/// What a peer says of what it hears: each report is a window of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hearsay {
    score: Score,
}

impl Hearsay {
    /// A report: `fraction` of the packets since the one before were lost.
    pub(crate) fn report(&mut self, codec: Codec, fraction: f64, sight: &Sight) {
        let rated = Rated::new(codec, fraction * 100.0, 1.0, delay_ms(codec, sight, PACKET_MS), 1);
        self.score.add(&rated);
    }

    pub(crate) fn quality(&self) -> Option<Quality> {
        self.score.quality()
    }
}

/// One window, rated.
struct Rated {
    r: f64,
    mos: f32,
    delay_ms: f64,
    weight: u64,
}

impl Rated {
    fn new(codec: Codec, ppl: f64, burst_r: f64, delay_ms: f64, weight: u64) -> Self {
        let connection = Connection {
            codec: codec.impairment(),
            ppl,
            burst_r,
            ..Connection::default()
        };
        let r = connection.with_delay(delay_ms).rating().r.clamp(0.0, 100.0);
        #[allow(clippy::cast_possible_truncation, reason = "a score has two digits")]
        let mos = emodel::mos(r) as f32;
        Self {
            r,
            mos,
            delay_ms,
            weight,
        }
    }
}

/// What the packets between two sights sound like.
#[allow(clippy::cast_precision_loss, reason = "fractions of counts")]
fn rate(codec: Codec, start: &Sight, end: &Sight, packet_ms: f32) -> Rated {
    let expected = end.expected.saturating_sub(start.expected).max(1);
    let lost = end.lost.saturating_sub(start.lost).min(expected);
    let events = end.events.saturating_sub(start.events);
    let p = lost as f64 / expected as f64;
    // G.107 7-30: the mean length of runs, over what it would be at random.
    let burst_r = if events == 0 {
        1.0
    } else {
        (lost as f64 / f64::from(events) * (1.0 - p)).max(1.0)
    };
    Rated::new(
        codec,
        p * 100.0,
        burst_r,
        delay_ms(codec, end, packet_ms),
        expected,
    )
}

fn delay_ms(codec: Codec, sight: &Sight, packet_ms: f32) -> f64 {
    let packet = f64::from(packet_ms);
    let buffer = packet.max(4.0 * f64::from(sight.jitter_us) / 1000.0);
    f64::from(sight.rtt_us.unwrap_or(0)) / 2000.0 + packet + codec.look_ahead_ms() + buffer
}

/// Scores of windows, as far as they are kept.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    windows: u32,
    weight: u64,
    r: f64,
    mos: f64,
    worst: f32,
    last: f32,
    delay_ms: f64,
}

impl Score {
    fn add(&mut self, rated: &Rated) {
        self.weigh(rated);
        self.worst = if self.windows == 0 {
            rated.mos
        } else {
            self.worst.min(rated.mos)
        };
        self.windows = self.windows.saturating_add(1);
        self.last = rated.mos;
    }

    #[allow(clippy::cast_precision_loss, reason = "a weight")]
    fn weigh(&mut self, rated: &Rated) {
        self.weight = self.weight.saturating_add(rated.weight);
        self.r += rated.r * rated.weight as f64;
        self.mos += f64::from(rated.mos) * rated.weight as f64;
        self.delay_ms = rated.delay_ms;
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "figures for people to read"
    )]
    fn quality(&self) -> Option<Quality> {
        let weight = (self.weight > 0).then_some(self.weight as f64)?;
        Some(Quality {
            r_factor: rounded(self.r / weight, 10.0),
            mos: rounded(self.mos / weight, 100.0),
            mos_min: rounded(self.worst.into(), 100.0),
            mos_last: rounded(self.last.into(), 100.0),
            delay_ms: self.delay_ms.round() as u32,
        })
    }
}

/// A figure for people to read, in steps of one `scale`th.
#[allow(clippy::cast_possible_truncation, reason = "a few digits")]
pub(crate) fn rounded(value: f64, scale: f64) -> f32 {
    ((value * scale).round() / scale) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of 50 packets a second in virtual time, some of them lost.
    struct Stream {
        now: Instant,
        meter: Meter,
        sight: Sight,
    }

    impl Stream {
        fn new() -> Self {
            let (now, mut meter) = (Instant::now(), Meter::default());
            meter.look(now, Some(Codec::G711), &Sight::default());
            Self {
                now,
                meter,
                sight: Sight::default(),
            }
        }

        /// Five seconds with so many packets lost in so many runs; the window's score.
        fn window(&mut self, lost: u64, events: u32, step: u32) -> Option<f32> {
            self.now += WINDOW;
            let sight = &mut self.sight;
            (sight.expected, sight.lost, sight.events) =
                (sight.expected + 250, sight.lost + lost, sight.events + events);
            let timestamp = sight
                .newest
                .map_or(0, |(_, timestamp, _)| timestamp)
                .wrapping_add(250 * step);
            sight.newest = Some((sight.expected, timestamp, 8000));
            self.meter.look(self.now, Some(Codec::G711), &self.sight)
        }

        fn quality(&self) -> Quality {
            self.meter.quality(Some(Codec::G711), &self.sight).unwrap()
        }
    }

    #[test]
    fn a_bad_window_is_the_worst_and_the_mean_hides_it() {
        let mut stream = Stream::new();
        let scores: Vec<f32> = [0, 0, 50, 0]
            .into_iter()
            .map(|lost| stream.window(lost, lost as u32, 160).unwrap())
            .collect();
        let found = stream.quality();
        assert!((found.mos_min - scores[2]).abs() < 0.006 && (found.mos_last - scores[3]).abs() < 0.006);
        // 20 % at random: R = 92.4 - 95 * 20 / 45.1 = 50.3 or so.
        assert!((2.4..2.7).contains(&found.mos_min), "{found:?}");
        assert!((4.35..4.41).contains(&found.mos_last), "{found:?}");
        assert!((3.8..4.0).contains(&found.mos), "{found:?}");
        assert!((80.0..83.0).contains(&found.r_factor), "{found:?}");
    }

    #[test]
    fn runs_sound_worse_than_as_many_packets_at_random() {
        let (mut random, mut runs) = (Stream::new(), Stream::new());
        assert!(runs.window(25, 5, 160) < random.window(25, 25, 160));
    }

    #[test]
    fn delay_is_reckoned_from_round_trip_packet_and_jitter() {
        let mut stream = Stream::new();
        stream.window(0, 0, 160);
        // Two packets of 20 ms: its own, and the buffer's.
        assert_eq!(stream.quality().delay_ms, 40);
        (stream.sight.rtt_us, stream.sight.jitter_us) = (Some(300_000), 15_000);
        stream.window(0, 0, 160);
        assert_eq!(stream.quality().delay_ms, 150 + 20 + 60);
        assert!(stream.quality().mos_last < stream.quality().mos);
    }

    #[test]
    fn a_packet_is_as_long_as_the_densest_window_shows() {
        let mut stream = Stream::new();
        for step in [400, 240, 900] {
            stream.window(0, 0, step);
        }
        assert!(
            (stream.meter.packet_ms() - 30.0).abs() < 0.01,
            "{}",
            stream.meter.packet_ms()
        );
    }

    #[test]
    fn a_stream_that_rests_is_not_judged_by_a_few_packets() {
        let mut stream = Stream::new();
        stream.window(0, 0, 160);
        stream.now += WINDOW;
        stream.sight.expected += 3;
        stream.sight.lost += 2;
        assert_eq!(
            stream.meter.look(stream.now, Some(Codec::G711), &stream.sight),
            None
        );
        assert!(stream.quality().mos_min > 4.3);
        // The window goes on: the loss counts once it has enough.
        assert!(stream.window(0, 0, 160).unwrap() < 4.4);
    }

    #[test]
    fn a_short_call_has_a_score_and_an_unknown_codec_none() {
        let mut stream = Stream::new();
        stream.sight.expected = 60;
        assert!(stream.quality().mos > 4.3);
        assert_eq!(stream.meter.quality(None, &stream.sight), None);
        stream.sight.expected = 3;
        assert_eq!(stream.meter.quality(Some(Codec::G711), &stream.sight), None);
    }

    #[test]
    fn a_peer_s_reports_are_scored_one_by_one() {
        let mut hearsay = Hearsay::default();
        assert_eq!(hearsay.quality(), None);
        for fraction in [0.0, 0.5, 0.0] {
            hearsay.report(Codec::G711, fraction, &Sight::default());
        }
        let found = hearsay.quality().unwrap();
        assert!(
            found.mos_min < 2.0 && found.mos_last > 4.3 && found.mos < 3.9,
            "{found:?}"
        );
    }
}
